"""What PyTorch tracks without a derivative: which backward passes it refuses, and which give zeros.
Nodes that are called by themselves."""

import pytest

torch = pytest.importorskip("torch")

import tidu  # noqa: E402

UNDERIVED = (
    "x // 2", "x // x", "7 // x", "7 % x", "x.clone().floor_divide_(2)", "lib.remainder(7, x)",
    "lib.heaviside(x, x)", "x.clone().heaviside_(x)", "lib.unique(x)", "lib.unique(x, dim=0)",
    "lib.unique(x, return_inverse=True)[0]", "lib.unique_consecutive(x)", "lib.histogram(x, 3)[0]",
    "lib.histogram(t, 3, weight=x)[1]", "lib.histogramdd(x[:, None], [3])[0]",
    "lib.bincount(lib.tensor([0, 1, 1]), x)", "lib.linalg.ldl_factor(x * eye)[0]",
    "lib.linalg.ldl_factor_ex(x * eye)[0]", "lib.geqrf(x * eye)[1]",
    "lib.linalg.ldl_solve(*lib.linalg.ldl_factor(eye), x[:, None])",
    "lib.binomial(x.abs(), x.sigmoid())", "lib.igamma(x.abs(), t.abs())",
    "lib.special.gammaincc(x.abs(), t.abs())", "lib.special.zeta(x.abs() + 2, t.abs())",
    "lib.div(x, 2, rounding_mode='floor')", "lib.div(x, x, rounding_mode='trunc')",
)  # fmt: skip
DRAWN = (
    "lib.bernoulli(x.sigmoid())", "lib.poisson(x.abs())", "lib.normal(x, 1.0)",
    "lib.normal(0.0, x.abs())", "lib.normal(x, x.abs())", "x.clone().normal_()",
    "x.clone().uniform_()", "x.clone().exponential_()", "x.clone().cauchy_()",
    "x.clone().log_normal_()", "x.clone().geometric_(0.5)", "x.clone().random_()",
    "x.clone().random_(5)", "x.clone().random_(1, 5)", "x.clone().bernoulli_(0.3)",
    "x.clone().bernoulli_(x.sigmoid())",
)  # fmt: skip
CONSTANT = (
    "F.soft_margin_loss(t, x)", "F.multi_margin_loss(t[None], lib.tensor([0]), weight=x)",
    "F.binary_cross_entropy_with_logits(t, t.sigmoid(), pos_weight=x)",
    "F.binary_cross_entropy_with_logits(t, t.sigmoid(), weight=x)",
    "F.binary_cross_entropy(t.sigmoid(), t.sigmoid(), weight=x)",
    "F.nll_loss(t[None], lib.tensor([0]), weight=x)",
)  # fmt: skip


def places(lib):
    x = lib.tensor([1.5, 2.5, -3.0], requires_grad=True)
    return {"lib": lib, "F": lib.nn.functional, "x": x, "t": x.detach(), "eye": lib.eye(3)}


def outcome(call):
    try:
        return call()
    except Exception as error:
        return type(error).__name__, str(error).split("\n")[0]


def sent(lib, text):
    lib.manual_seed(0)
    known = places(lib)
    y = eval(text, known)
    below = [fn and fn.name() for fn, _ in y.grad_fn.next_functions]
    return y.grad_fn.name(), below, outcome(lambda: y.sum().backward()), known["x"].grad


@pytest.mark.parametrize("text", [*UNDERIVED, *DRAWN])
def test_the_backward_pass_ends_as_pytorchs(text):
    (*theirs, grad), (*ours, mine) = sent(torch, text), sent(tidu, text)
    assert ours == theirs
    assert (mine is None) == (grad is None)
    assert mine is None or mine.tolist() == grad.tolist()


@pytest.mark.parametrize("text", CONSTANT)
def test_arguments_without_a_derivative_may_not_need_one(text):
    theirs = outcome(lambda: eval(text, places(torch)))
    assert outcome(lambda: eval(text, places(tidu))) == theirs
    assert theirs[0] == "RuntimeError"


def test_transforms_refuse_too():
    found = []
    for lib in (torch, tidu):
        x, f, floor = lib.ones(3), lib.func, lambda t: (t // 2).sum()
        found.append([
            outcome(lambda f=f, floor=floor, x=x: f.grad(floor)(x)),
            outcome(lambda f=f, x=x: f.vmap(f.grad(lambda t: t // 2))(x)),
            outcome(lambda f=f, floor=floor, x=x: f.jvp(floor, (x,), (x,)))[1].split(".")[0],
            f.vmap(lambda t: t // 2)(x).tolist(),
        ])  # fmt: skip
    assert found[0] == found[1]


# Compositions here, one node in PyTorch: called by itself it gives what that node gives.
CALLED = (
    "x.std()", "lib.addmm(m, m.detach(), m.T)", "F.huber_loss(x, t)", "lib.cumprod(x, 0)",
    "x.take(i)", "lib.where(x > 0, x, 0.0)", "x.angle()", "lib.trace(m)", "lib.lerp(x, t, 0.3)",
    "F.interpolate(m[None, None], size=(2, 2), mode='bilinear')", "lib.dist(x, t)",
    "lib.cdist(m, m.detach())", "F.affine_grid(m[None, :2], (1, 1, 2, 2), align_corners=True)",
    "F.layer_norm(m, (3,), t, t)", "x + x", "F.linear(m, m.detach(), t)", "m.prod(1)",
)  # fmt: skip


@pytest.mark.parametrize("text", CALLED)
def test_a_node_called_by_itself_sends_what_pytorchs_sends(text):
    found = []
    for lib in (torch, tidu):
        known = places(lib) | {"i": lib.tensor([0, 2, 2])}
        known["m"] = lib.tensor([[1.0, 0.5, 2.0], [0.25, 3.0, 1.5], [2.5, 0.75, 1.25]])
        known["m"].requires_grad_()
        y = eval(text, known)
        got = y.grad_fn(lib.ones_like(y))
        got = got if isinstance(got, tuple) else (got,)
        found.append([None if g is None else g.tolist() for g in got])
    for mine, theirs in zip(*reversed(found), strict=True):
        assert (mine is None) == (theirs is None)
        assert mine is None or tidu.allclose(tidu.tensor(mine), tidu.tensor(theirs), atol=1e-6)


def test_backward_for_certain_inputs_and_gradients_of_another_type():
    found = []
    for lib in (torch, tidu):
        x, w = lib.ones(2, requires_grad=True), lib.ones(2, requires_grad=True)
        (x * w * 3).backward(lib.ones(2), inputs=[x])
        seen = [x.grad.tolist(), w.grad]
        for y in (x * w, (x * w).sum()):
            seen.append(outcome(lambda y=y: y.backward(inputs=[])))
        w.grad_dtype = lib.float64
        seen.append(str(w.grad_dtype).partition(".")[2])
        for _ in range(2):
            (x * w).sum().backward()
        seen += [w.grad.tolist(), str(w.grad.dtype).partition(".")[2]]

        def set_type(tensor, kind):
            tensor.grad_dtype = kind

        seen.append(outcome(lambda w=w, lib=lib: set_type(w, lib.float32))[0])
        seen.append(outcome(lambda w=w: (w * 2).grad_dtype))
        seen.append(outcome(lambda w=w: set_type(w, "double")))
        w.grad, w.grad_dtype = None, None
        w.grad = lib.ones(2, dtype=lib.float16)
        found.append([*seen, w.grad_dtype])
    assert found[0] == found[1]
