"""`axis=` and `keepdims=` mean `dim=` and `keepdim=`, in functions and methods."""

import operator

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


@pytest.mark.parametrize("one", [np.int64(1), torch.tensor(1)], ids=["numpy", "tensor"])
def test_whole_numbers_of_other_kinds_are_axes(one):
    x = torch.arange(6.0).reshape(2, 3)
    for name in ("sum", "mean", "amax", "amin", "argmax", "logsumexp", "nansum", "std", "all"):
        assert torch.equal(getattr(x, name)(one), getattr(x, name)(1))
    assert torch.equal(x.roll(one, one), x.roll(1, 1))
    assert torch.equal(x.roll(one), x.roll(1))
    assert torch.equal(x.movedim(0, one), x.T)
    assert torch.equal(x.aminmax(dim=one).max, x.amax(1))
    assert torch.equal(torch.linalg.matrix_norm(x[None], dim=(one, 2)), x.norm().reshape(1))
    assert torch.equal(x.repeat_interleave(one, one), x)
    w = torch.ones(2, 3, requires_grad=True)
    w.sum(one).sum().backward()
    assert torch.equal(w.grad, torch.ones(2, 3))


@pytest.mark.parametrize("kind", [np.float64, np.float32, np.float16, np.int64, np.uint8, np.bool_])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.int32, torch.float16])
def test_a_tensor_and_an_array_compute_in_the_type_numpy_chooses(kind, dtype):
    t, a = torch.tensor([1, 2, 3]).to(dtype), np.array([1, 1, 1]).astype(kind)
    for name in ("add", "mul", "truediv", "pow", "floordiv", "mod", "eq"):
        expected = getattr(operator, name)(t.numpy(), a)
        found = getattr(operator, name)(t, a)
        assert found.dtype is torch.from_numpy(expected).dtype, name
        assert found.tolist() == expected.tolist(), name
    assert (t @ a).dtype is torch.from_numpy(np.asarray(t.numpy() @ a).reshape(1)).dtype


def test_truths_of_numpy_are_float_numbers():
    assert (torch.tensor([1, 2]) * np.bool_(True)).dtype is torch.float32
    assert (torch.tensor([1.0]) - np.bool_(True)).tolist() == [0.0]


def test_an_array_made_of_a_tensor_is_a_copy_and_one_seen_as_an_array_is_not():
    t = torch.arange(6.0).reshape(2, 3).T
    copies = [np.array(t), np.array(t, dtype=np.float64), np.array(t, copy=True)]
    seen = [np.asarray(t), np.asarray(t, dtype=np.float32)]
    t.zero_()
    assert all(np.array_equal(c, [[0, 3], [1, 4], [2, 5]]) for c in copies)
    assert all(not s.any() for s in seen)
    assert np.array(t).strides == seen[0].strides
