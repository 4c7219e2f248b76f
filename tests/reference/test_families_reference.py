"""Every family, pair of kl_divergence and transform of torch.distributions against PyTorch."""

import re

import pytest
import torch

import tidu

A, B, C = [0.7, 1.9, 3.2], [0.4, 1.3, 2.5], [0.2, 0.5, 0.3]
COVARIANCE = [[2.0, 0.4, 0.1], [0.4, 1.0, 0.2], [0.1, 0.2, 1.5]]
# family: (parameters, values)
FAMILIES = {
    "Normal": ({"loc": A, "scale": B}, [-1.0, 0.5, 2.0]),
    "Uniform": ({"low": [0.0, -1.0, 1.0], "high": [1.0, 3.0, 4.0]}, [0.5, 0.5, 2.0]),
    "Exponential": ({"rate": A}, [0.1, 0.5, 2.0]),
    "Laplace": ({"loc": A, "scale": B}, [-1.0, 0.5, 4.0]),
    "Cauchy": ({"loc": A, "scale": B}, [-1.0, 0.5, 4.0]),
    "Gamma": ({"concentration": A, "rate": B}, [0.1, 0.5, 2.0]),
    "Chi2": ({"df": A}, [0.1, 0.5, 2.0]),
    "InverseGamma": ({"concentration": [2.5, 3.0, 4.0], "rate": B}, [0.1, 0.5, 2.0]),
    "Beta": ({"concentration1": A, "concentration0": B}, [0.1, 0.5, 0.9]),
    "HalfNormal": ({"scale": A}, [0.1, 0.5, 2.0]),
    "HalfCauchy": ({"scale": A}, [0.1, 0.5, 2.0]),
    "StudentT": ({"df": [2.5, 3.0, 5.0], "loc": A, "scale": B}, [-1.0, 0.5, 2.0]),
    "FisherSnedecor": ({"df1": [2.5, 3.0, 5.0], "df2": [5.0, 6.0, 7.0]}, [0.1, 0.5, 2.0]),
    "ContinuousBernoulli": ({"probs": C}, [0.1, 0.5, 0.9]),
    "LogNormal": ({"loc": A, "scale": B}, [0.1, 0.5, 2.0]),
    "Gumbel": ({"loc": A, "scale": B}, [-1.0, 0.5, 2.0]),
    "Weibull": ({"scale": A, "concentration": B}, [0.1, 0.5, 2.0]),
    "Pareto": ({"scale": [0.1, 0.2, 0.3], "alpha": [2.5, 3.0, 4.0]}, [0.5, 0.9, 2.0]),
    "Kumaraswamy": ({"concentration1": A, "concentration0": B}, [0.1, 0.5, 0.9]),
    "GeneralizedPareto": (
        {"loc": [0.0, 0.1, 0.2], "scale": B, "concentration": [0.2, -0.1, 0.0]}, [0.1, 0.5, 0.9],
    ),
    "VonMises": ({"loc": A, "concentration": B}, [-1.0, 0.5, 2.0]),
    "LogisticNormal": ({"loc": A[:2], "scale": B[:2]}, [0.2, 0.5, 0.3]),
    "Bernoulli": ({"probs": C}, [0.0, 1.0, 1.0]),
    "Geometric": ({"probs": C}, [0.0, 1.0, 4.0]),
    "Categorical": ({"logits": A}, 1),
    "OneHotCategorical": ({"logits": A}, [0.0, 1.0, 0.0]),
    "OneHotCategoricalStraightThrough": ({"probs": C}, [0.0, 1.0, 0.0]),
    "Multinomial": ({"total_count": 4, "probs": C}, [1.0, 2.0, 1.0]),
    "Binomial": ({"total_count": 4, "probs": C}, [1.0, 2.0, 4.0]),
    "Poisson": ({"rate": A}, [0.0, 2.0, 5.0]),
    "NegativeBinomial": ({"total_count": A, "probs": C}, [0.0, 2.0, 5.0]),
    "Dirichlet": ({"concentration": A}, C),
    "MultivariateNormal": ({"loc": A, "covariance_matrix": COVARIANCE}, [0.1, 0.5, 2.0]),
    "LowRankMultivariateNormal": (
        {"loc": A, "cov_factor": [[0.5], [0.2], [0.1]], "cov_diag": B}, [0.1, 0.5, 2.0],
    ),
    "RelaxedBernoulli": ({"temperature": 0.7, "probs": C}, [0.1, 0.5, 0.9]),
    "RelaxedOneHotCategorical": ({"temperature": 0.7, "probs": C}, [0.2, 0.5, 0.3]),
}  # fmt: skip
SKIPPED_IN_PYTORCH = (NotImplementedError, AttributeError)


def parameters(library, values):
    # PyTorch's GeneralizedPareto mixes types where they are not float32.
    dtype = library.float32 if "concentration" in values and "loc" in values else library.float64

    def one(value):
        return library.tensor(value, dtype=dtype, requires_grad=True)

    return {k: one(v) if isinstance(v, list) or k == "temperature" else v
            for k, v in values.items()}  # fmt: skip


def made(library, family, validate=True):
    given = parameters(library, FAMILIES[family][0])
    return getattr(library.distributions, family)(**given, validate_args=validate), given


def numbers(value):
    if isinstance(value, (torch.Tensor, tidu.Tensor)):
        return torch.tensor(value.detach().tolist(), dtype=torch.float64)
    return value


def same(theirs, ours, **tolerance):
    tolerance = tolerance or {"rtol": 1e-6, "atol": 1e-9}
    torch.testing.assert_close(numbers(ours), numbers(theirs), equal_nan=True, **tolerance)


@pytest.mark.parametrize("family", FAMILIES)
def test_densities_and_their_gradients(family):
    results = []
    for library in (torch, tidu):
        d, given = made(library, family)
        value = FAMILIES[family][1]
        like = next(p for p in given.values() if not isinstance(p, int))
        dtype = library.int64 if isinstance(value, int) else like.dtype
        out = d.log_prob(library.tensor(value, dtype=dtype))
        out.sum().backward()
        results.append([out, *[p.grad for p in given.values() if hasattr(p, "grad")]])
    for theirs, ours in zip(*results, strict=True):
        same(theirs, ours)


@pytest.mark.parametrize("what", ["mean", "variance", "stddev", "mode", "entropy"])
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.filterwarnings("ignore")
def test_moments(family, what):
    def ask(library):
        d, _ = made(library, family)
        return getattr(d, what)() if what == "entropy" else getattr(d, what)

    try:
        theirs = ask(torch)
    except SKIPPED_IN_PYTORCH:
        with pytest.raises(SKIPPED_IN_PYTORCH):
            ask(tidu)
        return
    same(theirs, ask(tidu))


@pytest.mark.parametrize("family", FAMILIES)
def test_distribution_functions(family):
    value = FAMILIES[family][1]
    for what, given in (("cdf", value), ("icdf", [0.1, 0.5, 0.9]), ("log_cdf", value),
                        ("log_survival_function", value)):  # fmt: skip
        results = []
        for library in (torch, tidu):
            d, _ = made(library, family)
            try:
                results.append(getattr(d, what)(library.tensor(given, dtype=library.float64)))
            except Exception as error:
                results.append(error)
        if isinstance(results[0], torch.Tensor):
            same(*results)


@pytest.mark.parametrize("family", FAMILIES)
def test_draws_and_their_gradients(family):
    results = []
    for library in (torch, tidu):
        library.manual_seed(0)
        d, given = made(library, family)
        assert d.sample((2,)).shape == (2, *d.batch_shape, *d.event_shape)
        if not d.has_rsample:
            results.append([d.has_rsample])
            continue
        x = d.rsample((3,))
        x.sum().backward() if family != "Dirichlet" else (x**2).sum().backward()
        grads = [p.grad for p in given.values() if hasattr(p, "grad")]
        results.append([True, list(x.shape), [g is not None for g in grads]])
    assert results[0] == results[1]


PAIRS = [
    (p, q) for p in FAMILIES for q in FAMILIES
    if p == q or {p, q} <= {"Normal", "Uniform", "Exponential", "Gamma", "Beta", "Gumbel",
                            "Laplace", "Poisson", "Bernoulli", "Binomial", "Pareto", "HalfNormal",
                            "ContinuousBernoulli"}
]  # fmt: skip


@pytest.mark.filterwarnings("ignore")
def test_divergences():
    wrong, compared = [], 0
    for p, q in PAIRS:
        if (p, q) == ("ContinuousBernoulli", "Uniform"):
            continue  # PyTorch calls it infinite where both cover (0, 1), and it is not
        try:
            pair = [made(torch, name)[0] for name in (p, q)]
            theirs = torch.distributions.kl_divergence(*pair)
        except NotImplementedError:
            continue
        compared += 1
        try:
            pair = [made(tidu, name)[0] for name in (p, q)]
            same(theirs, tidu.distributions.kl_divergence(*pair))
        except Exception as error:
            wrong.append((p, q, f"{type(error).__name__}: {error}"[:150]))
    assert compared > 60 and not wrong


@pytest.mark.filterwarnings("ignore")
def test_divergences_exist_where_pytorchs_do():
    """All pairs: the same type and shape, or no rule in both."""
    differing = []
    for p in FAMILIES:
        for q in FAMILIES:
            found = []
            for library in (torch, tidu):
                pair = [made(library, name)[0] for name in (p, q)]
                try:
                    out = library.distributions.kl_divergence(*pair)
                    found.append((str(out.dtype), tuple(out.shape)))
                except Exception as error:
                    found.append(type(error).__name__)
            if found[0] != found[1]:
                differing.append((p, q, *found))
    assert not differing


def own_family(library):
    D = library.distributions

    class Rate(D.ExponentialFamily):
        arg_constraints = {"rate": D.constraints.positive}
        _mean_carrier_measure = 0

        def __init__(self, rate):
            self.rate = rate
            super().__init__(rate.shape)

        @property
        def _natural_params(self):
            return (-self.rate,)

        def _log_normalizer(self, natural):
            return -library.log(-natural)

    return Rate


def test_a_family_of_ones_own():
    for library in (torch, tidu):
        Rate = own_family(library)
        rates = [library.tensor(A), library.tensor(B)]
        mine = [Rate(r) for r in rates]
        known = [library.distributions.Exponential(r) for r in rates]
        D = library.distributions
        for ours, theirs in ((mine[0].entropy(), known[0].entropy()),
                             (D.kl_divergence(*mine), D.kl_divergence(*known))):  # fmt: skip
            same(theirs, ours, rtol=1e-5, atol=1e-5)
        with pytest.raises(NotImplementedError, match="cross KL-divergence between different"):
            D.kl_divergence(mine[0], known[1])


def test_properties():
    """What else a program may ask: constraints, supports, sizes, their names, expanded copies."""
    differing = []
    for family in FAMILIES:
        found = []
        for library in (torch, tidu):
            d, _ = made(library, family)
            wide = d.expand((2, *d.batch_shape))
            bounds = d.arg_constraints if family != "Uniform" else d.arg_constraints.keys()
            text = [str(x) for x in (
                d, dict(bounds) if family != "Uniform" else sorted(bounds), d.support,
                d.support.event_dim, d.support.is_discrete, d.has_rsample, d.event_shape,
                d.has_enumerate_support, wide.batch_shape, wide.event_shape, type(wide).__name__,
                isinstance(d, library.distributions.ExponentialFamily),
            )]  # fmt: skip
            found.append([re.sub(r"0x\w+|tidu", "", part) for part in text])
        differing += [(family, *pair) for pair in zip(*found, strict=True) if pair[0] != pair[1]]
    assert not differing


def transforms(library):
    D = library.distributions
    t = lambda v: library.tensor(v, dtype=library.float64)
    normal = D.Normal(t([0.0]), t([1.0]))
    return {
        "exp": (D.ExpTransform(), A),
        "power": (D.PowerTransform(t([2.0, 0.5, 3.0])), A),
        "sigmoid": (D.SigmoidTransform(), A),
        "softplus": (D.SoftplusTransform(), A),
        "tanh": (D.TanhTransform(), C),
        "affine": (D.AffineTransform(t(A), t(B)), C),
        "affine numbers": (D.AffineTransform(1.0, -2.0, event_dim=1), C),
        "stick": (D.StickBreakingTransform(), A),
        "compose": (D.ComposeTransform([D.ExpTransform(), D.AffineTransform(1.0, 3.0)]), A),
        "independent": (D.IndependentTransform(D.ExpTransform(), 1), A),
        "reshape": (D.ReshapeTransform((3,), (3, 1)), A),
        "cdf": (D.CumulativeDistributionTransform(normal), A),
        "cat": (D.CatTransform([D.ExpTransform(), D.TanhTransform()], 0, [1, 2]), C),
        "stack": (D.StackTransform([D.ExpTransform()] * 3, 0), A),
        "inverse": (D.ExpTransform().inv, A),
    }


@pytest.mark.parametrize("name", list(transforms(tidu)))
def test_transforms(name):
    results = []
    for library in (torch, tidu):
        transform, value = transforms(library)[name]
        x = library.tensor(value, dtype=library.float64, requires_grad=True)
        y = transform(x)
        slope = transform.log_abs_det_jacobian(x, y)
        back = transform.inv(y)
        (y.sum() + slope.sum()).backward()
        shapes = [tuple(transform.forward_shape((2, 3)))] if name != "reshape" else []
        results.append(([y, slope, back, x.grad], transform.domain.event_dim, shapes))
    for theirs, ours in zip(results[0][0], results[1][0], strict=True):
        same(theirs, ours)
    assert results[0][1:] == results[1][1:]


CONSTRAINTS = {
    "real": lambda c: c.real,
    "positive": lambda c: c.positive,
    "greater": lambda c: c.greater_than(2.0),
    "less": lambda c: c.less_than(-1.0),
    "unit": lambda c: c.unit_interval,
    "interval": lambda c: c.interval(-2.0, 3.0),
    "simplex": lambda c: c.simplex,
    "vector": lambda c: c.independent(c.positive, 1),
    "lower": lambda c: c.lower_cholesky,
    "definite": lambda c: c.positive_definite,
}


@pytest.mark.parametrize("registry", ["biject_to", "transform_to"])
@pytest.mark.parametrize("name", CONSTRAINTS)
def test_ways_to_constraints(name, registry):
    if name in ("lower", "definite") and registry == "biject_to":
        pytest.skip("PyTorch has none")
    results = []
    for library in (torch, tidu):
        D = library.distributions
        transform = getattr(D, registry)(CONSTRAINTS[name](D.constraints))
        value = COVARIANCE if name in ("lower", "definite") else A
        y = transform(library.tensor(value, dtype=library.float64))
        assert bool(CONSTRAINTS[name](D.constraints).check(y).all())
        results.append((y, transform.inv(y)))
    for theirs, ours in zip(*results, strict=True):
        same(theirs, ours)
