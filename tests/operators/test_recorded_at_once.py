"""Operations of few elements that record at once: values, nodes and refusals of the general way."""

import pytest
from ways import generally

import tidu
from tidu.nn import functional as F

CASES = {
    "softmax": lambda x, y: tidu.softmax(x, -1),
    "softmax along rows": lambda x, y: x.softmax(dim=0),
    "softmax in another type": lambda x, y: tidu.softmax(x, -1, dtype=tidu.float64),
    "softmax, no such axis": lambda x, y: tidu.softmax(x, 5),
    "softmax, no axis": lambda x, y: tidu.softmax(x, "rows"),
    "log_softmax": lambda x, y: F.log_softmax(x, 1),
    "log_softmax of the transpose": lambda x, y: F.log_softmax(x.mT, -1),
    "cross_entropy": F.cross_entropy,
    "sum": lambda x, y: F.cross_entropy(x, y, reduction="sum"),
    "none": lambda x, y: F.cross_entropy(x, y, reduction="none"),
    "another reduction": lambda x, y: F.cross_entropy(x, y, reduction="middle"),
    "ignored": lambda x, y: F.cross_entropy(x, y, ignore_index=1),
    "all ignored": lambda x, y: F.cross_entropy(x, y * 0, ignore_index=0),
    "smoothed": lambda x, y: F.cross_entropy(x, y, label_smoothing=0.1),
    "weighted": lambda x, y: F.cross_entropy(x, y, tidu.arange(1.0, 4.0).to(x.dtype)),
    "out of bounds": lambda x, y: F.cross_entropy(x, y + 7),
    "negative": lambda x, y: F.cross_entropy(x, y - 3),
    "of bytes": lambda x, y: F.cross_entropy(x, y.to(tidu.uint8)),
    "of a wrong type": lambda x, y: F.cross_entropy(x, y.to(tidu.int32)),
    "too many classes": lambda x, y: F.cross_entropy(x, y.repeat(2)),
    "probabilities": lambda x, y: F.cross_entropy(x, tidu.full_like(x, 0.25)),
    "nll_loss": F.nll_loss,
    "nll_loss, sum": lambda x, y: F.nll_loss(x, y, reduction="sum"),
    "nll_loss, none": lambda x, y: F.nll_loss(x, y, None, None, 2, None, "none"),
    "nll_loss, another reduction": lambda x, y: F.nll_loss(x, y, reduction="middle"),
    "nll_loss, no mean": lambda x, y: F.nll_loss(x, y, size_average=False),
    "nll_loss, weighted": lambda x, y: F.nll_loss(x, y, tidu.ones(3).to(x.dtype)),
    "nll_loss, out of bounds": lambda x, y: F.nll_loss(x, y + 7),
    "nll_loss of numbers": lambda x, y: F.nll_loss(x, 1),
    "in no_grad": lambda x, y: unrecorded(x, y),
}
FORMS = {
    "matrix": lambda x: x,
    "transpose": lambda x: x.reshape(3, 4).t(),
    "part": lambda x: x.repeat(1, 2)[:, 1:4],
    "expanded": lambda x: x[:, :1].expand(4, 3),
    "vector": lambda x: x[0],
    "three axes": lambda x: x.reshape(2, 2, 3),
    "0-dim": lambda x: x[0, 0],
    "without rows": lambda x: x[:0],
    "without columns": lambda x: x[:, :0],
}


def unrecorded(x, y):
    with tidu.no_grad():
        return F.cross_entropy(x, y)


def saved(node):
    return {
        name: repr(getattr(node, name))
        for name in dir(node)
        if name.startswith("_saved") and not name.startswith("_saved_tensors")
    }


def steps(tensor):
    """The nodes of a result, the last first, and what each shows."""
    found, node = [], tensor.grad_fn
    while node is not None:
        found.append((node.name(), saved(node)))
        node = node.next_functions[0][0] if node.next_functions else None
    return found


def outcome(call, form, dtype, of_leaf):
    leaf = (tidu.arange(12).reshape(4, 3) / 5).to(dtype).requires_grad_()
    x = leaf if of_leaf else FORMS[form](leaf)
    y = tidu.tensor([0, 2, 1, 1])
    if form == "without rows":
        y = y[:0]
    try:
        out = call(x, y)
        graph = steps(out)
        if out.requires_grad:
            slope = tidu.arange(1, out.numel() + 1).reshape(out.shape).to(out.dtype)
            (first,) = tidu.autograd.grad(out, leaf, slope, create_graph=True)
            (second,) = tidu.autograd.grad((first * first).sum(), leaf)
        else:
            first = second = None
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return out.dtype, out.stride(), repr(out.detach()), graph, repr(first), repr(second)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", CASES)
def test_as_the_general_way(name, form):
    call = CASES[name]
    for dtype in (tidu.float32, tidu.float64, tidu.bfloat16):
        for of_leaf in (True, False) if form == "matrix" else (False,):
            short = outcome(call, form, dtype, of_leaf)
            assert short == outcome(lambda x, y: generally(call, x, y), form, dtype, of_leaf)


def test_what_was_saved_may_not_be_written():
    x = tidu.ones(2, 3, requires_grad=True)
    y = x.softmax(1)
    y.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def test_hooks_see_what_is_saved():
    seen = []
    x, y = tidu.ones(2, 3, requires_grad=True), tidu.tensor([0, 1])
    with tidu.autograd.graph.saved_tensors_hooks(lambda t: seen.append(t.shape) or t, lambda t: t):
        F.cross_entropy(x, y).backward()
    assert (2, 3) in seen and (2,) in seen


def test_a_target_of_inference_mode_is_not_saved():
    with tidu.inference_mode():
        y = tidu.tensor([0, 1])
    for loss in (F.cross_entropy, F.nll_loss):
        with pytest.raises(RuntimeError, match="Inference tensors cannot be saved"):
            loss(tidu.ones(2, 3, requires_grad=True), y)


@pytest.mark.parametrize("count", [1, 32, 33, 70])
def test_a_class_out_of_bounds_is_found_among_few_and_many(count):
    x, y = tidu.ones(count, 3), tidu.zeros(count, dtype=tidu.int64)
    assert F.nll_loss(x, y).item() == -1
    for wrong in (3, -1):
        y[-1] = wrong
        with pytest.raises(IndexError, match=f"Target {wrong} is out of bounds"):
            F.nll_loss(x, y)


def test_a_weight_that_wants_a_gradient_is_refused_in_pytorchs_words():
    """torch.nll_loss, whose reduction is a number, is another function."""
    x, classes = tidu.randn(3, 4), tidu.tensor([1, 0, 2])
    weight = tidu.rand(4, requires_grad=True)
    for function in (F.nll_loss, F.cross_entropy):
        with pytest.raises(RuntimeError, match="not differentiable with respect to argument"):
            function(x, classes, weight, reduction="none")
