"""torch.distributions: what PyTorch was recorded to give.

`python tests/test_distributions.py` records it anew.
"""

import importlib
import json
import sys
import warnings
from pathlib import Path

import pytest

import tidu as torch

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
observe = importlib.import_module("programs.observe")
PROGRAMS = observe.collect(importlib.import_module("programs.draws"))
RECORDED = HERE / "data" / "distributions.json"
D = torch.distributions


@pytest.mark.parametrize("name", PROGRAMS)
def test_observes_what_was_recorded(name):
    recorded = json.loads(RECORDED.read_text(encoding="utf-8"))
    assert observe.difference(observe.plain(PROGRAMS[name](torch)), recorded[name]) is None


@pytest.mark.parametrize("concentration", [0.3, 1.0, 4.0, 60.0])
def test_gradient_of_gamma_draws(concentration):
    """dz/da by the inverse of the distribution function at the same rank."""
    special = pytest.importorskip("scipy.special")
    a = torch.full((5,), concentration, dtype=torch.float64, requires_grad=True)
    z = D.Gamma(a, torch.ones_like(a)).rsample()
    z.sum().backward()
    for value, slope in zip(z.tolist(), a.grad.tolist(), strict=True):
        rank, h = special.gammainc(concentration, value), 1e-5 * concentration
        moved = [special.gammaincinv(concentration + s * h, rank) for s in (1, -1)]
        assert slope == pytest.approx((moved[0] - moved[1]) / (2 * h), rel=2e-4, abs=1e-9)


def test_multivariate_normal():
    covariance = torch.tensor([[2.0, 0.5], [0.5, 1.0]])
    d = D.MultivariateNormal(torch.tensor([1.0, -1.0]), covariance)
    assert d.log_prob(torch.zeros(2)).item() == pytest.approx(-3.2605, abs=1e-3)
    assert d.sample((3,)).shape == (3, 2) and d.variance.tolist() == pytest.approx([2.0, 1.0])
    other = D.MultivariateNormal(torch.zeros(2), scale_tril=torch.eye(2))
    assert D.kl_divergence(d, d).item() == pytest.approx(0.0, abs=1e-6)
    assert D.kl_divergence(d, other).item() > 0


def record():
    reference = importlib.import_module("torch")
    warnings.simplefilter("ignore")
    results = {name: observe.plain(program(reference)) for name, program in PROGRAMS.items()}
    lines = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in results.items()]
    RECORDED.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    record()


def test_subclasses_expand_as_their_own_class():
    D = torch.distributions

    class Diagonal(D.Independent):
        def __init__(self, loc, scale):
            super().__init__(D.Normal(loc, scale), 1)

        def expand(self, batch_shape, new=None):
            return super().expand(batch_shape, self._get_checked_instance(Diagonal, new))

    wide = Diagonal(torch.zeros(3), torch.ones(3)).expand((4,))
    assert type(wide) is Diagonal and wide.log_prob(torch.zeros(3)).shape == (4,)

    class Plain(D.MultivariateNormal):
        pass

    class Own(D.MultivariateNormal):
        def __init__(self):
            super().__init__(torch.zeros(2), torch.eye(2))

    assert type(Plain(torch.zeros(2), torch.eye(2)).expand((5,))) is Plain
    with pytest.raises(NotImplementedError, match="must also define a custom"):
        Own().expand((5,))
