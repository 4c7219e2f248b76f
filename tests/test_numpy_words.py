"""`axis=` and `keepdims=` mean `dim=` and `keepdim=`, in functions and methods."""

import numpy as np
import pytest

import tidu as torch

REDUCTIONS = ["sum", "mean", "std", "var", "prod", "all", "any", "argmax", "argmin", "amax", "amin",
              "logsumexp", "nansum", "max", "min", "median", "mode"]  # fmt: skip
ALONG = ["cumsum", "cumprod", "softmax", "log_softmax", "sort", "argsort", "unbind", "squeeze",
         "unsqueeze", "diff"]  # fmt: skip


def parts(result):
    return list(result) if isinstance(result, tuple) else [result]


@pytest.mark.parametrize("name", REDUCTIONS + ALONG)
def test_axis(name):
    x = torch.arange(6.0).reshape(2, 3)
    keep = {"keepdim": True} if name in REDUCTIONS else {}
    keeps = {"keepdims": True} if name in REDUCTIONS else {}
    expected = parts(getattr(torch, name)(x, dim=1, **keep))
    for found in (getattr(torch, name)(x, axis=1, **keeps), getattr(x, name)(axis=1, **keeps)):
        for a, b in zip(parts(found), expected, strict=True):
            assert torch.equal(a, b)


def test_numpy_functions_ask_tensors():
    x = torch.arange(6.0).reshape(2, 3)
    assert torch.equal(np.sum(x, axis=0), torch.tensor([3.0, 5.0, 7.0]))


def test_unknown_words_are_refused():
    with pytest.raises(TypeError, match=r"invalid combination of arguments - got \(dims=int"):
        torch.ones(2).max(dims=0)
