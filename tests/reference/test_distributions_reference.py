"""The programs about torch.distributions observe the same in tidu and in PyTorch."""

import importlib
import sys
from pathlib import Path

import pytest
import torch as reference

import tidu

sys.path.insert(0, str(Path(__file__).parents[1]))
observe = importlib.import_module("programs.observe")
PROGRAMS = observe.collect(importlib.import_module("programs.draws"))


@pytest.fixture(autouse=True)
def arguments_are_checked():
    """PyTorch's compiler, once used by another test, switches the checks off for the process."""
    reference.distributions.Distribution.set_default_validate_args(True)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", PROGRAMS)
def test_same_observations(name):
    got, want = observe.plain(PROGRAMS[name](tidu)), observe.plain(PROGRAMS[name](reference))
    assert observe.difference(got, want) is None


def test_multivariate_normal():
    results = []
    for torch in (tidu, reference):
        D = torch.distributions
        torch.manual_seed(0)
        covariance = torch.tensor([[2.0, 0.5], [0.5, 1.0]], requires_grad=True)
        d = D.MultivariateNormal(torch.tensor([1.0, -1.0]), covariance)
        x = d.rsample((4,))
        d.log_prob(x.detach()).sum().backward()
        results.append(observe.plain([x, d.log_prob(x), d.entropy(), covariance.grad]))
    assert observe.difference(*results) is None
