"""All families against PyTorch: texts, shapes, draws of one seed, densities, moments, expansion."""

import math
import warnings

import numpy as np
import pytest

import tidu
import tidu.distributions

torch = pytest.importorskip("torch")

FAMILIES = """
Normal(t([0.,1.]),t([1.,2.])); Beta(t([.5,2.]),t([1.,3.])); HalfCauchy(t([1.,2.]))
HalfNormal(t([1.,2.])); Cauchy(t([1.,2.]),1.); Gamma(t([1.,2.]),t(2.)); Chi2(t([1.,2.]))
InverseGamma(t([3.,4.]),t(2.)); StudentT(t([3.,4.])); FisherSnedecor(t([3.,4.]),t([5.,7.]))
ContinuousBernoulli(t([.3,.5])); Exponential(t([.3,.5])); Laplace(t([.3,.5]),2.)
Uniform(t([.3,.5]),2.); Gumbel(t([.3,.5]),2.); LogNormal(t([.3,.5]),.5); Pareto(t([.3,.5]),3.)
Weibull(t([.3,.5]),2.); Kumaraswamy(t([.3,.5]),2.); LogisticNormal(t([.3,.5]),t([2.,1.]))
VonMises(t([.3,.5]),t([2.,1.])); VonMises(t([-1.,9.]),t([.01,20.]))
GeneralizedPareto(t([.3,.5]),t([2.,1.]),t([.1,.2])); Dirichlet(t([.3,.5,2.]))
MultivariateNormal(t([.3,.5]),t([[2.,.5],[.5,1.]]))
MultivariateNormal(t([.3,.5]),precision_matrix=t([[2.,.5],[.5,1.]]))
LowRankMultivariateNormal(t([.3,.5]),t([[2.],[.5]]),t([1.,2.]))
Bernoulli(t([.3,.5])); Bernoulli(logits=t([.3,.5])); Binomial(5,t([.3,.5]))
Categorical(t([.3,.5,.2])); Categorical(logits=t([[.3,.5,.2],[1.,2.,3.]]))
Geometric(t([.3,.5])); Multinomial(4,t([.3,.5,.2])); NegativeBinomial(4.,t([.3,.5,.2]))
OneHotCategorical(t([.3,.5,.2])); OneHotCategoricalStraightThrough(t([.3,.5,.2]))
Poisson(t([.3,5.])); RelaxedBernoulli(t(.5),t([.3,.5]))
RelaxedOneHotCategorical(t(.5),t([.3,.5,.2])); Independent(Normal(t([0.,1.]),t([1.,2.])),1)
MixtureSameFamily(Categorical(t([.3,.7])),Normal(t([0.,1.]),t([1.,2.])))
TransformedDistribution(Normal(t([0.,1.]),t([1.,.5])),[T.ExpTransform(),T.AffineTransform(1.,2.)])
TransformedDistribution(Normal(t([0.,1.]),t([1.,.5])),T.TanhTransform(cache_size=1))
Wishart(t([3.,4.]),covariance_matrix=t([[2.,.5],[.5,1.]]))
Wishart(t(3.),scale_tril=t([[2.,0.],[.5,1.]]))
Wishart(t(4.5),precision_matrix=t([[2.,.5,0.],[.5,1.,.2],[0.,.2,1.5]]))
LKJCholesky(3,t([.5,2.])); LKJCholesky(2,1.); LKJCholesky(5,3.)
"""
FAMILIES = [text.strip() for text in FAMILIES.replace("\n", ";").split(";") if text.strip()]


def words_of(library):
    d = library.distributions
    return {**vars(d), "T": d.transforms, "t": library.tensor, "torch": library}


def made(library, text):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return eval(text, words_of(library))


def said(compute):
    """A value, or the kind of error in its place."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return compute()
        except Exception as error:
            return f"{type(error).__name__}: {error}".split("\n")[0]


def surface(library, text):
    """[(what, value)] of all that can be asked of a distribution."""
    d = made(library, text)
    found = [("repr", repr(d)), ("support", repr(d.support)), ("batch", repr(d.batch_shape)),
             ("event", repr(d.event_shape)), ("rsample", d.has_rsample),
             ("enumerates", d.has_enumerate_support)]  # fmt: skip
    found.append(("constraints", {k: repr(v) for k, v in d.arg_constraints.items()}))
    library.manual_seed(0)
    found.append(("one draw", said(d.sample)))
    found.append(("more draws", said(lambda: d.sample((4, 2)))))
    drawn = d.sample((5,))
    point = library.from_numpy(np.array(made_values(text), np.float32).reshape(drawn.shape))
    found.append(("log_prob", said(lambda: d.log_prob(point))))
    found.append(("cdf", said(lambda: d.cdf(point))))
    found.append(("icdf", said(lambda: d.icdf(library.tensor(0.3)))))
    for name in ("mean", "mode", "variance", "stddev"):
        found.append((name, said(lambda name=name: getattr(d, name))))
    found += [("entropy", said(d.entropy)), ("perplexity", said(d.perplexity))]
    if d.has_enumerate_support:
        found.append(("all values", said(d.enumerate_support)))
    wide = d.expand((2, *d.batch_shape))
    found += [("wide", (type(wide).__name__, tuple(wide.batch_shape), tuple(wide.event_shape)))]
    found.append(("wide draw", tuple(wide.sample((3,)).shape)))
    found.append(("wide log_prob", said(lambda: wide.log_prob(wide.sample((3,))).shape)))
    return found


POINTS: dict = {}


def made_values(text):
    """Five draws of PyTorch's, at which both libraries compute."""
    if text not in POINTS:
        torch.manual_seed(1)
        POINTS[text] = made(torch, text).sample((5,)).tolist()
    return POINTS[text]


@pytest.mark.parametrize("text", FAMILIES)
def test_family(text):
    ours, theirs = surface(tidu, text), surface(torch, text)
    for (name, got), (_, wanted) in zip(ours, theirs, strict=True):
        if isinstance(wanted, torch.Tensor):
            assert isinstance(got, tidu.Tensor), f"{name}: {got}"
            np.testing.assert_allclose(
                got.numpy(), wanted.numpy(), rtol=3e-5, atol=2e-6, err_msg=name
            )
        else:
            assert str(got).split("\nHint")[0] == str(wanted), name


TRANSFORMS = """
ExpTransform(); AffineTransform(1.,t([2.,3.])); SigmoidTransform(); TanhTransform(cache_size=1)
PowerTransform(t(2.)); AbsTransform(); SoftmaxTransform(); StickBreakingTransform()
LowerCholeskyTransform(); PositiveDefiniteTransform()
ComposeTransform([ExpTransform(),SigmoidTransform()]); IndependentTransform(ExpTransform(),1)
ReshapeTransform((2,),(1,2)); CatTransform([ExpTransform(),SigmoidTransform()],0,[1,1])
StackTransform([ExpTransform(),SigmoidTransform()]); SoftplusTransform(); identity_transform
CumulativeDistributionTransform(Normal(0.,1.)); CorrCholeskyTransform()
ComposeTransform([AffineTransform(0.,2.),StickBreakingTransform()])
"""
TRANSFORMS = [text.strip() for text in TRANSFORMS.replace("\n", ";").split(";") if text.strip()]


def transformed(library, text):
    words = words_of(library)
    transform = eval(text, {**words, **vars(words["T"])})
    x = library.tensor([0.3, 0.8])
    if "LowerChol" in text or "PositiveDef" in text:
        x = library.tensor([[0.3, 0.5], [0.2, 0.7]])
    if "CorrChol" in text:
        x = library.tensor([[0.1, -0.5, 0.7], [2.0, -0.3, -1.5]])
    y = transform(x)
    found = [("repr", repr(transform)), ("inverse", repr(transform.inv)), ("y", y)]
    found += [("domain", repr(transform.domain)), ("codomain", repr(transform.codomain))]
    found += [("bijective", transform.bijective), ("sign", said(lambda: transform.sign))]
    found.append(("back", said(lambda: transform.inv(y))))
    found.append(("jacobian", said(lambda: transform.log_abs_det_jacobian(x, y))))
    found.append(("inverse jacobian", said(lambda: transform.inv.log_abs_det_jacobian(y, x))))
    found.append(("shape", said(lambda: tuple(transform.forward_shape(x.shape)))))
    found.append(("old shape", said(lambda: tuple(transform.inverse_shape(y.shape)))))
    found += [("same", transform == transform), ("cached", repr(transform.with_cache(1)))]
    found.append(("inverse twice", transform.inv.inv is transform))
    return found


@pytest.mark.parametrize("text", TRANSFORMS)
def test_transform(text):
    for (name, got), (_, wanted) in zip(
        transformed(tidu, text), transformed(torch, text), strict=True
    ):
        if isinstance(wanted, torch.Tensor):
            assert isinstance(got, tidu.Tensor), f"{name}: {got}"
            np.testing.assert_allclose(got.numpy(), wanted.numpy(), rtol=1e-5, atol=1e-6)
        else:
            assert str(got).split("\nHint")[0] == str(wanted), name


CONSTRAINTS = """
boolean; corr_cholesky; lower_cholesky; lower_triangular; nonnegative; nonnegative_integer; one_hot
positive; positive_semidefinite; positive_definite; positive_integer; real; real_vector; simplex
square; symmetric; unit_interval; interval(0.,2.); greater_than(2); greater_than_eq(2)
less_than(3.); integer_interval(0,3); half_open_interval(0,1); cat([real,positive],0)
stack([real,positive]); multinomial(3); independent(positive,1); dependent; greater_than
independent(simplex,1)
"""
CONSTRAINTS = [text.strip() for text in CONSTRAINTS.replace("\n", ";").split(";") if text.strip()]


@pytest.mark.parametrize("text", CONSTRAINTS)
def test_constraint(text):
    found = []
    for library in (tidu, torch):
        d = library.distributions
        c = eval(text, vars(d.constraints))
        maps = [said(lambda r=r, c=c: repr(r(c))) for r in (d.biject_to, d.transform_to)]
        event = said(lambda c=c: c.event_dim)
        found.append([said(lambda c=c: repr(c)), event, said(lambda c=c: c.is_discrete), maps])
    assert found[0] == found[1]


def test_a_transform_of_the_program():
    """As in published code of soft actor-critic: the pair is kept, so the inverse is exact."""
    found = []
    for library in (tidu, torch):
        d = library.distributions

        class Tanh(d.transforms.Transform):
            domain, codomain = d.constraints.real, d.constraints.interval(-1.0, 1.0)
            bijective, sign = True, +1

            def __init__(self, cache_size=1):
                super().__init__(cache_size=cache_size)

            def _call(self, x):
                return x.tanh()

            def _inverse(self, y):
                return 0.5 * (y.log1p() - (-y).log1p())

            def log_abs_det_jacobian(self, x, y, library=library):
                softplus = library.nn.functional.softplus
                return 2.0 * (math.log(2.0) - x - softplus(-2.0 * x))

        base = d.Normal(library.tensor([20.0, 0.0]), library.tensor([1.0, 1.0]))
        policy = d.TransformedDistribution(base, [Tanh()])
        library.manual_seed(0)
        action = policy.rsample()
        found.append((action.tolist(), policy.log_prob(action).tolist()))
    np.testing.assert_allclose(found[0], found[1], rtol=1e-5)
    assert np.isfinite(found[0]).all()


def test_gradients_of_matrices():
    found = []
    for library in (tidu, torch):
        d, values = library.distributions, []
        df = library.tensor(5.0, dtype=library.float64, requires_grad=True)
        v = library.tensor([[2.0, 0.5], [0.5, 1.0]], dtype=library.float64, requires_grad=True)
        point = library.tensor([[3.0, 1.0], [1.0, 4.0]], dtype=library.float64)
        wishart = d.Wishart(df, v)
        values += library.autograd.grad(wishart.log_prob(point) + wishart.entropy(), [df, v])
        x = library.tensor([0.1, -0.5, 0.7], dtype=library.float64, requires_grad=True)
        factor = d.transforms.CorrCholeskyTransform()(x)
        score = d.LKJCholesky(3, library.tensor(2.0, dtype=library.float64)).log_prob(factor)
        values += library.autograd.grad(score + factor.sum(), x)
        found.append([v.numpy() for v in values])
    for got, wanted in zip(*found, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-8)
