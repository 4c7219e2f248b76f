"""The values that nodes show, `grad_fn._saved_...`, under PyTorch's names."""

import pytest

torch = pytest.importorskip("torch")

import tidu  # noqa: E402

# Whose names, values and kinds are all PyTorch's.
ALIKE = (
    "x + x", "x - x", "x * x", "x * 2", "2.5 * x", "x / x.exp()", "x / 2", "x ** 2", "x ** x",
    "x @ x.T", "x @ x.T.detach()",  "x @ x[0]", "lib.bmm(b, b)",
    "x.exp()", "x.log()", "x.tanh()", "x.relu()", "x.sqrt()", "x.abs()",
    "x.neg()", "x.sum()", "x.sum(1)", "x.sum((0, 1), keepdim=True)", "x.mean()", "x.mean(1)",
    "x.prod(1)", "x.amax(1)", "x.max()", "x.softmax(1)", "x.log_softmax(1)", "x.cumsum(1)",
    "x.logcumsumexp(1)", "x.sort(1)[0]", "x.topk(2, 1)[0]", "x.view(4, 3)", "x.t()",
    "x.transpose(0, 1)", "x.permute(1, 0)", "x.expand(2, 3, 4)", "lib.cat([x, x], 1)",
    "x.split(2)[0]", "x.unbind(1)[0]", "x[1]", "x[1:]", "x[0:3:2]", "x[:2]", "x[None]",
    "x[[0, 2]]", "x[:, [0, 2]]", "x.index_select(1, c)", "x.clamp(0, 1)", "x.clamp(1, None)",
    "x.roll(1, 0)", "x.flip(0)", "x.unfold(0, 2, 1)", "F.celu(x, 0.5)",
    "F.elu(x, 0.5)", "F.leaky_relu(x)", "F.softplus(x, 2, 10)", "F.hardtanh(x, -2, 3)",
    "F.hardshrink(x, 0.25)", "F.softshrink(x, 0.25)", "lib.linalg.inv(sq)",
    "lib.linalg.eigh(sq)[0]", "lib.linalg.matrix_exp(sq)", "lib.linalg.pinv(sq)",
    "F.layer_norm(x, (4,), x[0], x[1])", "F.layer_norm(x, (4,))", "x.gather(1, c[:, None])",
    "F.linear(x, x, w[0, 0, 0])", "F.conv2d(im, w)", "x.var(1)", "x.var()",
    "x.std(1)", "x.std(-1)", "F.embedding(c, x)", "F.embedding(c, x, padding_idx=1)",
    "F.embedding(c, x, scale_grad_by_freq=True)", "x.masked_fill(x > 3, 0.0)", "F.mish(x)",
    "F.glu(x)", "F.huber_loss(x, y)", "F.smooth_l1_loss(x, x, reduction='sum')",
    "x.tril()", "x.triu(1)", "x.cumsum(-1)", "x.cumprod(1)", "x.logcumsumexp(-1)", "lib.dot(r, r)",
    "lib.linalg.vector_norm(x, 3.0, 1)", "x.sort(-1)[0]", "x.kthvalue(2, 1)[0]", "x.median(1)[0]",
    "x.mode(1)[0]", "x.nansum(1)", "lib.logsumexp(x, 1)", "x.take(c)", "x.index_add(0, c, x)",
    "x.index_copy(0, c, x)", "x.index_fill(0, c, 1.0)", "x.index_put((c,), r)", "x.diagonal(1)",
    "lib.diag_embed(x, 1)", "lib.addcmul(x, x, x, value=2)", "lib.addmm(sq, sq, sq, alpha=2)",
    "lib.baddbmm(b, b, b)", "lib.cdist(x, x)", "lib.dist(x, y)", "x.renorm(2, 0, 1.0)",
    "sq.trace()", "x.repeat(2, 1)", "x.max(1)[0]", "x.min(0)[0]", "F.pad(x, (1, 2))",
    "F.pad(one, (1, 1), 'reflect')", "F.interpolate(im, size=(2, 2))",
    "F.interpolate(im, scale_factor=2, mode='bilinear')", "F.gelu(x)",
    "F.gelu(x, approximate='tanh')", "F.logsigmoid(x)", "F.pixel_shuffle(x.view(1, 4, 3, 1), 2)",
    "F.unfold(im, 2)", "F.fold(x.view(1, 4, 3), (2, 4), (2, 2))", "x[:, 1]", "x[:, 1:3]",
    "F.group_norm(b, 1)", "lib.scatter_reduce(x, 1, c[:, None], x, 'sum')", "lib.logaddexp(x, x)",
    "lib.linalg.qr(sq)[0]", "lib.normal(x, 1.0)", "lib.polygamma(1, y)",
    "lib.special.i1(x)", "lib.i0(x)", "lib.ldexp(x, x)", "x.masked_select(m := x > 3)",
    "F.adaptive_avg_pool2d(one, 2)", "F.embedding(c, x, padding_idx=-1)",
    "lib.atan2(x, x + 1)", "lib.maximum(x, x * 2)", "lib.where(x > 3, x, x * 2)",
    "x.sum(-1)", "x.mean((-1, 0))", "x.amax()", "x.amin(-1)", "x.softmax(-1)", "x.cummax(-1)[0]",
    "x.transpose(-1, -2)", "x.permute(-1, 0)", "x.unsqueeze(-1)", "one.squeeze(0)", "x.flip(-1)",
    "x.unbind(-1)[0]", "x.split(2, -1)[0]", "x.unfold(-1, 2, 1)", "x[-1]", "x[:-1]", "x[0, 1:]",
    "x[None, 0]", "x[..., 1]", "lib.narrow(x, -1, 1, 2)", "lib.select_copy(x, 0, 1)",
    "lib.diagonal_scatter(sq, sq[0])", "F.max_pool2d(one, 2, 1)", "F.avg_pool2d(one, 2)",
    "lib.lerp(x, y, 0.3)", "lib.fmod(x, x + 1)", "lib.clamp(x, y, y)", "lib.aminmax(x)[0]",
    "lib.linalg.solve(sq, sq)", "lib.linalg.det(sq)", "lib.linalg.lu_factor(sq)[0]",
    "lib.fft.rfft(x)", "lib.fft.irfft(lib.fft.rfft(x))", "F.threshold(x, 1.0, 0.0)",
    "F.linear(x[None], x)",
)  # fmt: skip
# Of which tidu keeps less: what is there is PyTorch's, and it is at least this.
PARTLY = (
    ("F.batch_norm(b, None, None, training=True)", "weight result2 eps"),
    ("F.linear(x, x)", "self mat2 self_sym_sizes"), ("F.mse_loss(x, x * 2)", "self target"),
    ("x.detach() @ x.T", "self mat2 self_sym_sizes mat2_sym_sizes self_sym_strides"),
    ("F.max_pool2d(x[None], 2, 1)", "self kernel_size stride padding dilation"),
    ("F.avg_pool2d(x[None], 2, 1)", "kernel_size stride padding"),
    ("F.nll_loss(x, c, ignore_index=1)", "target ignore_index"),
    ("lib.linalg.slogdet(sq)[1]", "A sign"),
)  # fmt: skip


def node(lib, text):
    x = lib.arange(12.0).reshape(3, 4).requires_grad_()
    places = {"lib": lib, "F": lib.nn.functional, "x": x, "c": lib.tensor([0, 1, 2])}
    places |= {"sq": lib.eye(3).requires_grad_(), "b": lib.arange(18.0).reshape(2, 3, 3)}
    places["b"].requires_grad_()
    places |= {
        "y": x * 2,
        "r": x[0],
        "one": x[None],
        "im": x[None, None],
        "w": places["sq"][None, None],
    }
    out = eval(text, places)
    ALIVE.append((places, out))
    return out.grad_fn


ALIVE = []  # what a node does not keep is shown as long as the program holds it


def value(lib, found):
    if isinstance(found, lib.Tensor):
        return str(found.dtype).removeprefix("torch."), found.tolist()
    if isinstance(found, (tuple, list)):
        return type(found).__name__, [value(lib, each) for each in found]
    return found


def saved(lib, fn, names=None):
    names = names or [name for name in dir(fn) if name.startswith("_saved_")]
    return {name: value(lib, getattr(fn, name)) for name in names}


def approximately(a, b):
    if isinstance(a, (tuple, list)):
        return len(a) == len(b) and all(map(approximately, a, b))
    return a == b if not isinstance(a, float) else a == pytest.approx(b, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("text", ALIKE)
def test_all_that_is_saved_has_pytorchs_names_and_values(text):
    theirs, ours = saved(torch, node(torch, text)), saved(tidu, node(tidu, text))
    assert ours.keys() == theirs.keys()
    wrong = {k: (theirs[k], ours[k]) for k in ours if not approximately(theirs[k], ours[k])}
    assert not wrong


@pytest.mark.parametrize(("text", "names"), PARTLY)
def test_what_is_kept_of_a_layer_has_pytorchs_names_and_values(text, names):
    theirs, ours = saved(torch, node(torch, text)), saved(tidu, node(tidu, text))
    assert {f"_saved_{name}" for name in names.split()} <= ours.keys() <= theirs.keys()
    wrong = {k: (theirs[k], ours[k]) for k in ours if not approximately(theirs[k], ours[k])}
    assert not wrong


def test_a_composition_shows_tensors_while_somebody_holds_them():
    x = tidu.ones(3, requires_grad=True)
    y = x * 2
    fn = tidu.nn.functional.mish(y).grad_fn
    assert fn._saved_self is y
    with tidu.no_grad():
        y += 1
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        _ = fn._saved_self
    z = x.detach().requires_grad_() * 2
    fn = tidu.nn.functional.huber_loss(x, z).grad_fn
    assert fn._saved_target is z
    del z
    with pytest.raises(AttributeError):
        _ = fn._saved_target


def test_what_is_saved_cannot_be_set():
    errors = []
    for lib in (torch, tidu):
        fn = node(lib, "x * x")
        for name in ("_saved_self", "_raw_saved_self"):
            with pytest.raises(AttributeError) as refused:
                setattr(fn, name, 1)
            errors.append(str(refused.value))
    assert errors[:2] == errors[2:]


def test_what_a_function_saved_can_be_packed_later():
    found = []
    for lib in (torch, tidu):

        class Square(lib.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                ctx.save_for_backward(x, None)
                return x * x

            @staticmethod
            def backward(ctx, g):
                return g * 2 * ctx.saved_tensors[0]

        x = lib.tensor([3.0], requires_grad=True)
        y = Square.apply(x)
        first, second = y.grad_fn._raw_saved_tensors
        first.register_hooks(lambda t: t.detach() * 1, lambda t: t * 10)
        errors = []
        for raw in (first, second):
            with pytest.raises(RuntimeError) as refused:
                raw.register_hooks(abs, abs)
            errors.append(str(refused.value))
        assert "_raw_saved_tensors" in dir(y.grad_fn)
        y.backward()
        with pytest.raises(RuntimeError, match="a second time"):
            _ = y.grad_fn._raw_saved_tensors
        found.append((x.grad.item(), errors))
    assert found[0] == found[1]


def test_a_leaf_that_a_hook_changed_is_used_changed_in_recorded_passes_too():
    found = []
    for lib in (torch, tidu):

        class Square(lib.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                ctx.save_for_backward(x)
                return x * x

            @staticmethod
            def backward(ctx, g):
                return g * 2 * ctx.saved_tensors[0]

        x, hooks = lib.tensor([3.0], requires_grad=True), lib.autograd.graph.saved_tensors_hooks
        seen = []
        for square in (Square.apply, lambda t: t**2):
            for recorded in (False, True):
                with hooks(lambda t: t.detach() * 1, lambda t: t * 10):
                    y = square(x)
                (g,) = lib.autograd.grad(y, x, create_graph=recorded)
                seen.append(g.item())
                if recorded:
                    seen.append(lib.autograd.grad(g, x)[0].item())
        found.append(seen)
    assert found[0] == found[1] == [60.0, 60.0, 2.0] * 2


def test_hooks_get_the_operands_in_pytorchs_order():
    found = []
    for lib in (torch, tidu):
        x = lib.tensor([2.0, 3.0], requires_grad=True)
        y = lib.tensor([5.0, 7.0], requires_grad=True)
        seen = []
        hooks = lib.autograd.graph.saved_tensors_hooks(
            lambda t, seen=seen: seen.append(round(t.flatten()[0].item(), 4)) or t, lambda t: t
        )
        with hooks:
            x * y, x / y, x**y, lib.atan2(x, y), lib.maximum(x, y), lib.hypot(x, y)
            x.exp(), x.xlogy(y), lib.logaddexp(x, y), lib.nn.functional.mse_loss(x, y)
            lib.eye(2).requires_grad_() @ x
            square = lib.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
            many = square @ square.exp(), lib.bmm(square[None], square.exp()[None])
            more = x * y, x / y
        with lib.autograd.graph.saved_tensors_hooks(
            lambda t: t, lambda t, seen=seen: seen.append(round(t.flatten()[0].item(), 4)) or t
        ):
            for out in (x * y, x / y, x**y, square @ square.exp()):
                out.sum().backward()
        assert len(many) + len(more) == 4
        found.append(seen)
    assert found[0] == found[1]
