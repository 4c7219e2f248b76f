"""Programs about torch.distributions: draws, densities, moments, gradients, divergences."""

from .observe import fails


def _families(torch):
    t, D = torch.tensor, torch.distributions
    a, b = t([0.5, 2.0, 3.5]), t([1.5, 0.7, 2.0])
    p = t([0.2, 0.5, 0.9])
    rows = t([[0.2, 0.3, 0.5], [0.7, 0.2, 0.1]])
    return {
        "normal": D.Normal(a, b), "normal of numbers": D.Normal(1.0, 2.0),
        "uniform": D.Uniform(-a, b), "exponential": D.Exponential(a), "laplace": D.Laplace(a, b),
        "cauchy": D.Cauchy(a, b), "gamma": D.Gamma(a, b), "chi2": D.Chi2(a), "beta": D.Beta(a, b),
        "half normal": D.HalfNormal(b), "half cauchy": D.HalfCauchy(b),
        "student": D.StudentT(t([3.0, 4.0]), t([0.0, 1.0]), t([1.0, 2.0])),
        "bernoulli": D.Bernoulli(p), "bernoulli by logits": D.Bernoulli(logits=a),
        "geometric": D.Geometric(p), "categorical": D.Categorical(rows),
        "categorical by logits": D.Categorical(logits=a), "poisson": D.Poisson(a),
        "one hot": D.OneHotCategorical(rows), "multinomial": D.Multinomial(5, rows),
        "dirichlet": D.Dirichlet(rows * 4), "log normal": D.LogNormal(a, b),
        "gumbel": D.Gumbel(a, b), "weibull": D.Weibull(a, b), "pareto": D.Pareto(a, b + 2),
        "independent": D.Independent(D.Normal(rows, rows), 1),
        "binomial": D.Binomial(7, p), "inverse gamma": D.InverseGamma(a + 2, b),
    }  # fmt: skip


def shapes_and_texts(torch):
    return {
        n: [list(d.batch_shape), list(d.event_shape), repr(d)]
        for n, d in _families(torch).items()
        if not n.startswith(("beta", "half", "inverse"))
    }


def samples(torch):
    seen = {}
    for name, d in _families(torch).items():
        torch.manual_seed(3)
        seen[name] = [d.sample(), d.sample((2,)), d.sample((2, 2))]
    return seen


def reparameterized(torch):
    seen = {}
    for name, d in _families(torch).items():
        if d.has_rsample:
            torch.manual_seed(5)
            seen[name] = d.rsample((3,))
    return seen


def densities(torch):
    seen = {}
    for name, d in _families(torch).items():
        torch.manual_seed(1)
        seen[name] = d.log_prob(d.sample((2,)))
    return seen


def moments(torch):
    skip = ("weibull", "pareto", "gumbel")
    return {n: [d.mean, d.variance] for n, d in _families(torch).items() if n not in skip}


def entropies(torch):
    skip = ("geometric", "poisson", "weibull", "pareto", "half cauchy")
    return {n: d.entropy() for n, d in _families(torch).items() if n not in skip}


def distribution_functions(torch):
    seen = {}
    for name in (
        "normal",
        "uniform",
        "exponential",
        "laplace",
        "cauchy",
        "log normal",
        "half normal",
    ):
        d = _families(torch)[name]
        q = torch.tensor([0.1, 0.5, 0.8])
        seen[name] = [d.icdf(q), d.cdf(d.icdf(q))]
    return seen


def gradients(torch):
    D, seen = torch.distributions, {}
    makers = {
        "normal": D.Normal, "gamma": D.Gamma, "beta": D.Beta, "laplace": D.Laplace,
        "log normal": D.LogNormal, "uniform": lambda a, b: D.Uniform(-a, b),
    }  # fmt: skip
    for name, make in makers.items():
        a = torch.tensor([0.5, 2.0, 30.0], dtype=torch.float64, requires_grad=True)
        b = torch.tensor([1.5, 0.7, 2.0], dtype=torch.float64, requires_grad=True)
        torch.manual_seed(2)
        d = make(a, b)
        x = d.rsample()
        (x * torch.tensor([1.0, 2.0, 3.0])).sum().backward(retain_graph=True)
        # PyTorch approximates the gradients of Gamma's draws to three or four digits.
        seen[name] = [x, _rough(a.grad), _rough(b.grad)]
        a.grad = b.grad = None
        d.log_prob(x.detach()).sum().backward()
        seen[name] += [a.grad, b.grad]
    c = torch.tensor([[0.5, 2.0, 4.0]], dtype=torch.float64, requires_grad=True)
    torch.manual_seed(2)
    x = D.Dirichlet(c).rsample()
    (x[0] * torch.tensor([1.0, 2.0, 3.0])).sum().backward()
    return [seen, x, _rough(c.grad)]


def _rough(x):
    return (x * 100).round() / 100


def divergences(torch):
    D, F = torch.distributions, _families(torch)
    t = torch.tensor
    others = {
        "normal": D.Normal(t(0.0), t(1.0)), "bernoulli": D.Bernoulli(t(0.3)),
        "categorical": D.Categorical(torch.ones(3)), "exponential": D.Exponential(t(2.0)),
        "gamma": D.Gamma(t(2.0), t(1.0)), "beta": D.Beta(t(2.0), t(1.0)),
        "laplace": D.Laplace(t(0.0), t(1.0)), "cauchy": D.Cauchy(t(0.0), t(1.0)),
        "poisson": D.Poisson(t(2.0)), "dirichlet": D.Dirichlet(torch.ones(3)),
        "uniform": D.Uniform(t(-9.0), t(9.0)), "geometric": D.Geometric(t(0.5)),
        "independent": D.Independent(D.Normal(torch.zeros(3), torch.ones(3)), 1),
        "one hot": D.OneHotCategorical(torch.ones(3)),
    }  # fmt: skip
    seen = {n: D.kl_divergence(F[n], q) for n, q in others.items()}
    return [seen, D.kl_divergence(F["normal"], F["beta"]),
            fails(lambda: D.kl_divergence(F["normal"], F["categorical"]))]  # fmt: skip


def supports(torch):
    F = _families(torch)
    return [
        F["bernoulli"].enumerate_support(),
        F["categorical"].enumerate_support(),
        F["one hot"].enumerate_support(),
        F["categorical"].mode,
        F["bernoulli"].mode,
    ]


def expanded(torch):
    F = _families(torch)
    seen = []
    for name in ("normal", "categorical by logits", "gamma", "bernoulli"):
        d = F[name].expand((2, *F[name].batch_shape))
        torch.manual_seed(0)
        seen.append([list(d.batch_shape), d.log_prob(d.sample())])
    return seen


def refused(torch):
    D, t = torch.distributions, torch.tensor
    return [
        fails(lambda: D.Normal(t(0.0), t(-1.0))),
        fails(lambda: D.Categorical(t([-1.0, 2.0]))),
        fails(lambda: D.Categorical()),
        fails(lambda: D.Bernoulli(t(2.0))),
        fails(lambda: D.Bernoulli(t(0.5)).log_prob(t(0.5))),
        fails(lambda: D.Normal(t(0.0), t(1.0), validate_args=False).log_prob(t(float("nan")))),
        fails(lambda: D.Uniform(t(1.0), t(0.0))),
        fails(lambda: D.Independent(D.Normal(t(0.0), t(1.0)), 1)),
    ]


def transformed(torch):
    D, T = torch.distributions, torch.distributions.transforms
    d = D.TransformedDistribution(
        D.Normal(torch.zeros(2), torch.ones(2)), [T.AffineTransform(1.0, 2.0), T.TanhTransform()]
    )
    torch.manual_seed(0)
    x = d.rsample((3,))
    s = D.TransformedDistribution(D.Normal(torch.zeros(2), torch.ones(2)), [T.SigmoidTransform()])
    stick = T.StickBreakingTransform()
    z = torch.tensor([0.3, -0.2])
    return [x, d.log_prob(x * 0.9), s.log_prob(torch.tensor([0.2, 0.7])), stick(z), stick.inv(stick(z)),
            stick.log_abs_det_jacobian(z, stick(z))]  # fmt: skip


def mixture(torch):
    D = torch.distributions
    m = D.MixtureSameFamily(
        D.Categorical(torch.tensor([0.3, 0.7])), D.Normal(torch.tensor([0.0, 5.0]), torch.ones(2))
    )
    torch.manual_seed(0)
    x = m.sample((4,))
    return [x, m.log_prob(x), m.mean, m.variance]


def relaxed(torch):
    D, t = torch.distributions, torch.tensor
    torch.manual_seed(0)
    b = D.RelaxedBernoulli(t(0.5), t([0.2, 0.8])).rsample((2,))
    c = D.RelaxedOneHotCategorical(t(0.5), t([0.2, 0.8])).rsample((2,))
    return [b, c]


def policy_gradient(torch):
    """What reinforcement learning does with a Categorical."""
    torch.manual_seed(0)
    logits = torch.randn(4, 3, requires_grad=True)
    m = torch.distributions.Categorical(logits=logits)
    action = m.sample()
    (-m.log_prob(action) * torch.tensor([1.0, 2.0, 3.0, 4.0])).mean().backward()
    return [action, logits.grad, m.entropy()]
