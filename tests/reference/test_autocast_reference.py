"""autocast on the CPU: which functions compute in which type, and the numbers, as PyTorch's."""

import pytest
import torch

import tidu

CALLS = {
    "einsum": lambda t, x, y: t.einsum("ij,jk->ik", x, y),
    "einsum to a number": lambda t, x, y: t.einsum("ij,ij->", x, y),
    "einsum without arrow": lambda t, x, y: t.einsum("ij,jk", x, y),
    "einsum of three": lambda t, x, y: t.einsum("ij,jk,kl->il", x, y, x),
    "einsum of one": lambda t, x, y: t.einsum("ij->ji", x),
    "einsum with dots": lambda t, x, y: t.einsum("...ij,...jk->...ik", x[None], y[None]),
    "einsum without sum": lambda t, x, y: t.einsum("ij,ij->ij", x, y),
    "outer einsum": lambda t, x, y: t.einsum("i,j->ij", x[0], y[0]),
    "tensordot": lambda t, x, y: t.tensordot(x, y, 1),
    "tensordot of none": lambda t, x, y: t.tensordot(x, y, 0),
    "inner": lambda t, x, y: t.inner(x, y),
    "inner of vectors": lambda t, x, y: t.inner(x[0], y[0]),
    "inner, a method": lambda t, x, y: x.inner(y),
    "multi_dot": lambda t, x, y: t.linalg.multi_dot([x, y, x]),
    "linalg.matmul": lambda t, x, y: t.linalg.matmul(x, y),
    "bilinear": lambda t, x, y: t.nn.functional.bilinear(x, y, t.ones(2, len(x[0]), len(y[0]))),
    "pad": lambda t, x, y: t.nn.functional.pad(x[None].bfloat16(), (1, 1), "reflect"),
    "pad with zeros": lambda t, x, y: t.nn.functional.pad(x[None].bfloat16(), (1, 1)),
    "local response": lambda t, x, y: t.nn.functional.local_response_norm(x[None].bfloat16(), 2),
    "response of images": lambda t, x, y: t.nn.functional.local_response_norm(
        x[None, None].bfloat16(), 2
    ),
    "mm": lambda t, x, y: x @ y,
    "matmul": lambda t, x, y: t.matmul(x, y),
    "method": lambda t, x, y: x.mm(y),
    "vector": lambda t, x, y: x @ y[0],
    "bmm": lambda t, x, y: t.bmm(x[None], y[None]),
    "addmm": lambda t, x, y: t.addmm(x, x, y),
    "baddbmm": lambda t, x, y: t.baddbmm(x[None], x[None], y[None]),
    "linear": lambda t, x, y: t.nn.functional.linear(x, y),
    "half": lambda t, x, y: x.half() @ y,
    "double": lambda t, x, y: x.double() @ y.double(),
    "integers": lambda t, x, y: x.long() @ y.long(),
    "conv2d": lambda t, x, y: t.nn.functional.conv2d(x[None, None], y[None, None, :2, :2]),
    "conv1d": lambda t, x, y: t.nn.functional.conv1d(x[None], y[None]),
    "convt": lambda t, x, y: t.nn.functional.conv_transpose1d(x[None], y[:, None]),
    "prelu": lambda t, x, y: t.nn.functional.prelu(x, y[0, :1]),
    "attention": lambda t, x, y: t.nn.functional.scaled_dot_product_attention(
        x[None], y[None], y[None]
    ),
    "mv": lambda t, x, y: t.mv(x, y[0]),
    "dot": lambda t, x, y: t.dot(x[0], y[0]),
    "add": lambda t, x, y: x + y,
    "relu": lambda t, x, y: t.relu(x @ y),
    "softmax": lambda t, x, y: t.softmax(x @ y, -1),
    "softmax32": lambda t, x, y: t.softmax(x, -1),
    "gelu": lambda t, x, y: t.nn.functional.gelu(x @ y),
    "sum": lambda t, x, y: (x @ y).sum(),
    "prod": lambda t, x, y: (x @ y).prod(),
    "prod_method": lambda t, x, y: (x @ y).prod(0),
    "exp": lambda t, x, y: t.exp(x @ y),
    "mse": lambda t, x, y: t.nn.functional.mse_loss(x @ y, y),
    "l1": lambda t, x, y: t.nn.functional.l1_loss(x @ y, y),
    "cross_entropy": lambda t, x, y: t.nn.functional.cross_entropy(x @ y, y.argmax(1)),
    "bce": lambda t, x, y: t.nn.functional.binary_cross_entropy_with_logits(x @ y, x.sigmoid()),
    "huber": lambda t, x, y: t.nn.functional.huber_loss(x @ y, y),
    "cat": lambda t, x, y: t.cat([x @ y, y]),
    "stack": lambda t, x, y: t.stack([x @ y, x @ y]),
    "cdist": lambda t, x, y: t.cdist(x @ y, y),
    "inv": lambda t, x, y: t.linalg.inv(x @ y + 4 * t.eye(4)),
    "svdvals": lambda t, x, y: t.linalg.svdvals(x @ y),
    "trace": lambda t, x, y: t.trace(x @ y),
    "layer_norm": lambda t, x, y: t.nn.functional.layer_norm(x @ y, (4,)),
    "max_pool": lambda t, x, y: t.nn.functional.max_pool2d((x @ y)[None], 2),
    "disabled": lambda t, x, y: disabled(t, x, y),
    "fft": lambda t, x, y: t.fft.rfft(x @ y).abs(),
}


def disabled(t, x, y):
    with t.autocast("cpu", enabled=False):
        return x @ y


def matrices(t):
    numbers = torch.arange(16.0).reshape(4, 4)
    x, y = (numbers * 0.37).sin(), (numbers * 0.61).cos()
    return [t.tensor(value.tolist(), requires_grad=True) for value in (x, y)]


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("name", CALLS)
@pytest.mark.filterwarnings("ignore")
def test_types_and_numbers(name, dtype):
    results, grads = [], []
    for t in (torch, tidu):
        x, y = matrices(t)
        with t.autocast("cpu", dtype=getattr(t, dtype)):
            out = CALLS[name](t, x, y)
        results.append(out)
        if out.requires_grad:
            out.float().sum().backward()
            grads.append([p.grad for p in (x, y)])
    assert str(results[0].dtype) == str(results[1].dtype)
    step = 2e-2 if dtype == "bfloat16" else 3e-3
    expected, actual = [torch.tensor(r.detach().double().tolist()) for r in results]
    torch.testing.assert_close(actual, expected, rtol=step, atol=step)
    for theirs, ours in zip(*grads) if len(grads) == 2 else ():
        assert (theirs is None) == (ours is None)
        if theirs is not None:
            assert str(theirs.dtype) == str(ours.dtype)
            ours = torch.tensor(ours.tolist())
            torch.testing.assert_close(ours, theirs, rtol=4 * step, atol=8 * step)


def layers(t):
    return {
        "mlp": t.nn.Sequential(t.nn.Linear(4, 8), t.nn.ReLU(), t.nn.Linear(8, 4)),
        "norm": t.nn.Sequential(t.nn.Linear(4, 8), t.nn.LayerNorm(8), t.nn.Linear(8, 4)),
        "batch": t.nn.Sequential(t.nn.Linear(4, 8), t.nn.BatchNorm1d(8), t.nn.Linear(8, 4)),
        "encoder": t.nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0, batch_first=True),
    }


@pytest.mark.parametrize("name", ["mlp", "norm", "batch", "encoder"])
def test_training(name):
    losses = []
    for t in (torch, tidu):
        t.manual_seed(0)
        net = layers(t)[name]
        optimizer = t.optim.SGD(net.parameters(), lr=0.1)
        x, y = [m.detach() for m in matrices(t)]
        if name == "encoder":
            x, y = x[None], y[None]
        for _ in range(5):
            with t.autocast("cpu"):
                out = net(x)
                loss = t.nn.functional.mse_loss(out, y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        assert net(x).dtype == t.float32  # outside, all is as before
        losses.append((str(out.dtype), loss.item()))
    assert losses[0][0] == losses[1][0]
    assert losses[0][1] == pytest.approx(losses[1][1], rel=2e-2)


def test_custom_functions():
    seen = {t.__name__: types_seen(t) for t in (torch, tidu)}
    assert seen["torch"] == seen["tidu"]


def types_seen(t):
    seen = []

    class Square(t.autograd.Function):
        @staticmethod
        @t.amp.custom_fwd(device_type="cpu", cast_inputs=t.float32)
        def forward(ctx, x):
            ctx.save_for_backward(x)
            seen.extend([str(x.dtype), str((x @ x).dtype)])
            return x * x

        @staticmethod
        @t.amp.custom_bwd(device_type="cpu")
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            seen.append(str((x @ x).dtype))
            return 2 * x * g

    x, _ = matrices(t)
    with t.autocast("cpu"):
        Square.apply(x @ x).sum().backward()
    return seen
