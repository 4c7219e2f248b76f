"""Results of 16-bit floats are rounded as PyTorch rounds them on a CPU: to the same bits."""

import numpy as np
import pytest
import torch

import tidu

SAME = """
x + y; x - y; x * y; x / y; x + 0.1; x * 0.1; 0.1 - x; 1 / x; x.neg(); x.abs(); x.sqrt(); x.rsqrt()
x.reciprocal(); x ** 2; x.square(); x.floor(); x.round(); x.trunc(); x.sign(); t.maximum(x, y)
t.minimum(x, y); x.clamp(0.3, 0.7); t.where(x > y, x, y); x.relu(); F.leaky_relu(x - 0.5)
F.hardtanh(x); F.hardswish(x); F.relu6(x); x.cumsum(1); x.sum(1); x.mean(1); x.amax(1); x.max(0)[0]
x.sum(); x.mean(); x.var(1); x.std(1); x.norm(); x.norm(dim=1); t.lerp(x, y, 0.3)
t.addcmul(x, x, y); t.addcdiv(x, x, y); t.fmod(x, y); t.remainder(x, y); t.hypot(x, y)
F.mse_loss(x, y); F.l1_loss(x, y); F.avg_pool1d(x, 2); F.max_pool1d(x, 3); x.prod(1)
F.pad(x, (1, 1)); t.cat([x, y]); x.sort(1)[0]; t.mm(x, y.t()); t.matmul(x, y.t()); F.linear(x, y)
t.bmm(x[None], y.t()[None]); t.addmm(x[:, :8], x, y.t()); F.layer_norm(x, (32,)); F.softmax(x, 1)
F.log_softmax(x, 1)
x.to(t.float32); x.logsumexp(1); x.exp(); x.log(); x.tanh(); x.sigmoid(); x.sin(); x.cos(); x.exp2()
x.log2(); x.erf()
x.log1p(); x.expm1(); F.gelu(x); F.silu(x); F.softplus(x); F.elu(x - 0.5); t.atan2(x, y); x ** y
t.logaddexp(x, y); t.linspace(0, 1, 9, dtype=x.dtype); t.arange(0, 1, 0.1, dtype=x.dtype)
x.double().to(x.dtype); t.tensor([1e-8, 65504.0, 65520.0, 1e38], dtype=x.dtype)
""".replace("\n", ";").split(";")


def bits(library, kind, call):
    kind = getattr(library, kind)
    rng = np.random.default_rng(7)
    x, y = [library.from_numpy(rng.uniform(0.05, 1, (8, 32)).astype("f4")).to(kind) for _ in "xy"]
    names = {"t": library, "x": x, "y": y, "F": library.nn.functional}
    found = eval(call, names)
    return found.to(library.float32).numpy()


@pytest.mark.parametrize("call", [c.strip() for c in SAME if c.strip()])
@pytest.mark.parametrize("kind", ["float16", "bfloat16"])
def test_same_bits(kind, call):
    theirs = bits(torch, kind, call)
    np.testing.assert_array_equal(bits(tidu, kind, call), theirs)


@pytest.mark.parametrize("shape", [(2, 3, 9, 11), (2, 8, 20, 21)])
@pytest.mark.parametrize("windows", [(3, 1, 1), (3, 2, 1), (5, 1, 2), (2, 1, 0, 2)])
@pytest.mark.parametrize("kind", ["float16", "bfloat16", "float32"])
@pytest.mark.parametrize("compiled", [False, True])
def test_gradients_of_overlapping_windows(kind, windows, shape, compiled):
    """Cotangents are added in the order of windows."""

    def gradient(library, compiled):
        rng = np.random.default_rng(3)
        x = library.from_numpy(rng.integers(-3, 3, shape).astype("f4"))
        g = library.from_numpy(rng.standard_normal(shape).astype("f4"))
        pool = lambda x, g: library.nn.functional.max_pool2d(x, *windows).mul(g).sum()
        x = x.to(getattr(library, kind)).requires_grad_()
        with library.no_grad():
            size = library.nn.functional.max_pool2d(x, *windows).shape
        g = g[:, :, : size[2], : size[3]].contiguous().to(x.dtype)
        (library.compile(pool) if compiled else pool)(x, g).backward()
        return x.grad.to(library.float32).numpy()

    np.testing.assert_array_equal(gradient(tidu, compiled), gradient(torch, False))
