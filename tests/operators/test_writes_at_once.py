"""Operations in place on plain memory, which are written at once: they do what the general way
does, in values, versions, history and refusals."""

import numpy as np
import pytest
from ways import generally

import tidu

TYPES = [tidu.float32, tidu.float64, tidu.float16, tidu.bfloat16, tidu.int64, tidu.int32,
         tidu.uint8, tidu.bool, tidu.complex64]  # fmt: skip
CALLS = {
    "relu_": lambda x: x.relu_(),
    "exp_": lambda x: x.exp_(),
    "abs_": lambda x: x.abs_(),
    "neg_": lambda x: x.neg_(),
    "floor_": lambda x: x.floor_(),
    "sqrt_": lambda x: x.sqrt_(),
    "sigmoid_": lambda x: x.sigmoid_(),
    "clamp_": lambda x: x.clamp_(-1, 1),
    "clamp_ by keyword": lambda x: x.clamp_(max=0.5),
    "pow_": lambda x: x.pow_(2),
    "remainder_": lambda x: x.remainder_(2),
    "lt_": lambda x: x.lt_(1),
    "logical_not_": lambda x: x.logical_not_(),
    "masked_fill_": lambda x: x.masked_fill_(x == x, 3),
    "masked_fill_ of another size": lambda x: x.masked_fill_(tidu.ones(7, dtype=tidu.bool), 3),
    "atan2_ by itself": lambda x: x.atan2_(x),
    "atan2_ of more axes": lambda x: x.atan2_(tidu.ones(2, *x.shape)),
    "bitwise_and_": lambda x: x.bitwise_and_(1),
    "cumsum_": lambda x: x.cumsum_(0),
    "lerp_": lambda x: x.lerp_(x, 0.5),
    "fill_": lambda x: x.fill_(2),
    "zero_": lambda x: x.zero_(),
    "by a mask": lambda x: put(x, x == x, 1),
    "by a mask that holds here and there": lambda x: put(x, x.real > 0, -2.5),
    "by a mask, no number": lambda x: put(x, x == x, tidu.ones(())),
    "by a mask, NaN": lambda x: put(x, x == x, float("nan")),
    "by a mask, large": lambda x: put(x, x == x, 1 << 70),
    "by a mask, complex": lambda x: put(x, x == x, 1j),
    "by a mask of bytes": lambda x: put(x, (x == x).to(tidu.uint8), 1),
    "by a mask of another size": lambda x: put(x, tidu.ones(7, dtype=tidu.bool), 1),
    "+=": lambda x: x.__iadd__(x),
    "*=": lambda x: x.__imul__(2),
    "-= with an array": lambda x: x.__isub__(np.ones(x.shape, np.float32)),
    "+= with a text": lambda x: x.__iadd__("1"),
    "a wrong argument": lambda x: x.clamp_("low"),
    "too many arguments": lambda x: x.exp_(1, 2),
}


def put(x, mask, value):
    x[mask] = value
    return x


FORMS = {
    "vector": lambda x: x,
    "matrix": lambda x: x.reshape(2, 3),
    "transpose": lambda x: x.reshape(2, 3).t(),
    "every second": lambda x: x[::2],
    "part": lambda x: x[1:4],
    "expanded": lambda x: x[:1].expand(4),
    "expanded once": lambda x: x[:1].expand(1, 1),
    "overlapping": lambda x: x.as_strided((3, 2), (1, 1)),
    "0-dim": lambda x: x.sum() if x.dtype.is_floating_point else x[0],
    "0-dim view": lambda x: x[2],
    "empty": lambda x: x[:0],
}


def made(dtype, form):
    x = tidu.tensor([-2, -1, 0, 1, 2, 3]).to(dtype)
    return x, FORMS[form](x)


def outcome(call, dtype, form, run):
    """All that a call leaves behind, or its error."""
    base, x = made(dtype, form)
    before = x._version
    try:
        with np.errstate(all="ignore"):
            same = run(call, x) is x
    except Exception as error:
        same = f"{type(error).__name__}: {error}"
    return same, x.dtype, x.shape, x.stride(), x._version - before, x.tolist(), base.tolist()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", CALLS)
def test_as_the_general_way(name, form):
    for dtype in TYPES:
        short = outcome(CALLS[name], dtype, form, lambda call, x: call(x))
        general = outcome(CALLS[name], dtype, form, generally)
        assert repr(short) == repr(general), dtype


@pytest.mark.parametrize("write", [lambda x, y: x.relu_(), lambda x, y: x.atan2_(y)])
@pytest.mark.parametrize("source", ["plain", "leaf", "computed", "view of a leaf", "part of many"])
def test_history_and_refusals(source, write):
    found = []
    for run in (lambda f, *args: f(*args), generally):
        for grad in (True, False):
            leaf = tidu.tensor([-1.0, 2.0, 3.0], requires_grad=source != "plain")
            x = {"plain": leaf, "leaf": leaf, "computed": leaf * 2, "view of a leaf": leaf[:2],
                 "part of many": leaf.chunk(2)[0]}[source]  # fmt: skip
            y = tidu.full(x.shape, 2.0, requires_grad=True)
            try:
                with tidu.set_grad_enabled(grad):
                    run(write, x, y)
                node = x.grad_fn and x.grad_fn.name()
                if node and grad:
                    x.sum().backward()
                found.append((node, x.tolist(), repr(y.grad),
                              leaf.is_leaf and repr(leaf.grad), x._version))  # fmt: skip
            except RuntimeError as error:
                found.append(str(error))
    assert found[:2] == found[2:]


def test_what_a_node_saved_is_noticed():
    w = tidu.ones(3, requires_grad=True)
    x = tidu.tensor([-1.0, 2.0, 3.0])
    y = (w * x).sum()
    x.relu_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()


def test_a_tensor_of_inference_mode_is_refused_outside():
    with tidu.inference_mode():
        x = tidu.ones(3)
        x.exp_()
    with pytest.raises(RuntimeError, match="Inplace update to inference tensor"):
        x.exp_()


def test_partly_shared_memory_is_refused():
    x = tidu.arange(6.0)
    with pytest.raises(RuntimeError, match="refer to a single memory location"):
        x[:4].atan2_(x[1:5])
    assert x.tolist() == [0, 1, 2, 3, 4, 5]


def test_the_last_writes_are_remembered():
    x = tidu.ones(3)
    for _ in range(20):
        x.relu_()
    assert x._version == 20


MASKS = {
    "some": lambda x: x.real > 0,
    "none": lambda x: x != x,
    "all": lambda x: x == x,
    "rows": lambda x: tidu.ones(x.shape[:1], dtype=tidu.bool),
    "another size": lambda x: tidu.ones(5, dtype=tidu.bool),
    "bytes": lambda x: (x == x).to(tidu.uint8),
    "no axes": lambda x: tidu.tensor(True),
    "lying otherwise": lambda x: tidu.ones(*x.shape[::-1], dtype=tidu.bool).permute(
        *reversed(range(x.ndim))),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", MASKS)
def test_reading_by_a_mask(name, form):
    for dtype in TYPES:
        x = made(dtype, form)[1]
        found = []
        for run in (lambda f, *args: f(*args), generally):
            try:
                y = run(lambda x, m: x[m], x, MASKS[name](x))
                found.append((y.dtype, y.shape, y.stride(), y.tolist(), y._base is None))
            except Exception as error:
                found.append(f"{type(error).__name__}: {error}")
        assert repr(found[0]) == repr(found[1]), dtype


READ = {
    "nonzero": lambda x: x.nonzero(),
    "nonzero as a tuple": lambda x: x.nonzero(as_tuple=True)[0],
    "nonzero of a mask": lambda x: tidu.nonzero(x == x),
    "masked_fill": lambda x: x.masked_fill(x != 1, 0.5),
    "masked_fill, whole number": lambda x: x.masked_fill(x == 1, -3),
    "masked_fill, infinity": lambda x: x.masked_fill(x == 1, float("-inf")),
    "masked_fill, NaN": lambda x: x.masked_fill(x == 1, float("nan")),
    "masked_fill, too large": lambda x: x.masked_fill(x == 1, 1e39),
    "masked_fill, far too large": lambda x: x.masked_fill(x == 1, 1 << 70),
    "masked_fill, True": lambda x: x.masked_fill(x == 1, True),
    "masked_fill, a tensor": lambda x: x.masked_fill(x == 1, tidu.tensor(2)),
    "masked_fill, broadcast": lambda x: x.masked_fill(tidu.ones(3, *[1] * x.ndim) == 1, 2),
    "masked_fill, another size": lambda x: x.masked_fill(tidu.ones(7) == 1, 2),
    "masked_fill, no mask": lambda x: x.masked_fill(x, 2),
    "masked_fill, a text": lambda x: x.masked_fill(x == 1, "2"),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", READ)
def test_masks_and_places(name, form):
    for dtype in TYPES:
        x = made(dtype, form)[1]
        found = []
        for run in (lambda f, *args: f(*args), generally):
            try:
                y = run(READ[name], x)
                found.append((y.dtype, y.shape, y.stride(), y.tolist(), y._base is None))
            except Exception as error:
                found.append(f"{type(error).__name__}: {error}")
        assert repr(found[0]) == repr(found[1]), dtype


def test_reading_by_a_mask_is_recorded():
    leaf = tidu.tensor([-1.0, 2.0, 3.0], requires_grad=True)
    y = leaf[leaf > 0]
    y.sum().backward()
    assert y.grad_fn.name() == "IndexBackward0" and leaf.grad.tolist() == [0, 1, 1]
    with tidu.no_grad():
        assert not leaf[leaf > 0].requires_grad
