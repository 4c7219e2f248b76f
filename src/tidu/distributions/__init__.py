"""torch.distributions: probability distributions with PyTorch's shapes, gradients and draws."""

from . import constraints, kl, kl_pairs, transforms
from .compound import (
    Gumbel,
    Independent,
    LogNormal,
    MixtureSameFamily,
    Pareto,
    RelaxedBernoulli,
    RelaxedOneHotCategorical,
    TransformedDistribution,
    Weibull,
)  # fmt: skip
from .continuous import (
    Beta,
    Cauchy,
    Chi2,
    ContinuousBernoulli,
    Exponential,
    FisherSnedecor,
    Gamma,
    HalfCauchy,
    HalfNormal,
    InverseGamma,
    Laplace,
    Normal,
    StudentT,
    Uniform,
)  # fmt: skip
from .discrete import (
    Bernoulli,
    Binomial,
    Categorical,
    Geometric,
    Multinomial,
    NegativeBinomial,
    OneHotCategorical,
    OneHotCategoricalStraightThrough,
    Poisson,
)  # fmt: skip
from .distribution import Distribution, ExponentialFamily
from .kl import kl_divergence, register_kl
from .more_transforms import (
    CatTransform,
    CumulativeDistributionTransform,
    LowerCholeskyTransform,
    PositiveDefiniteTransform,
    ReshapeTransform,
    StackTransform,
    biject_to,
    transform_to,
)
from .multivariate import Dirichlet, LowRankMultivariateNormal, MultivariateNormal
from .rarer import GeneralizedPareto, Kumaraswamy, LogisticNormal, VonMises
from .transforms import (
    AbsTransform,
    AffineTransform,
    ComposeTransform,
    ExpTransform,
    IndependentTransform,
    PowerTransform,
    SigmoidTransform,
    SoftmaxTransform,
    SoftplusTransform,
    StickBreakingTransform,
    TanhTransform,
    Transform,
    identity_transform,
)  # fmt: skip
