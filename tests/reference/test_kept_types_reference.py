"""What floats of 8 bits are good for: the same calls work and are refused as in PyTorch."""

import pytest
import torch

import tidu

SAME = """
x == x; x != x; x.abs(); x.clone(); x.reshape(3, 1); x.view(t.uint8); x[0].item(); x[1:]; x[m]
x[i]; x.tolist(); x.float(); x.bfloat16(); x.half(); x.int(); x.bool(); t.cat([x, x]); y @ y
t.stack([x, x]); t.full((2,), 1.5, dtype=x.dtype); t.eye(2, dtype=x.dtype); t.zeros_like(x)
x.fill_(2); x.copy_(t.ones(3)); x.isnan(); t.where(m, x, x); x.all(); x.any(); x.roll(1)
x.expand(2, 3); x.repeat(2); y.t(); x.index_select(0, i); y.diagonal(); t.diag(x)
x.new_tensor([1.0]); t.nn.functional.pad(x, (1, 1)); t.nn.functional.embedding(i, y[:, :1])
t.tensor([1.0], dtype=x.dtype)
float(x[0]); repr(x); x.masked_select(m); x.repeat_interleave(2); t.finfo(x.dtype).max
t.nn.functional.linear(y, y); t.mm(y, y); x.requires_grad_(); x.detach().squeeze(); x.unbind()
""".replace("\n", ";").split(";")
REFUSED = """
x + x; x * 2; x - x; x / x; x ** 2; -x; x.sum(); x.mean(); x.max(); x.min(); x.amax(); x.argmax()
x < x; x > 0; t.exp(x); t.sqrt(x); t.relu(x); t.sigmoid(x); t.tanh(x); t.rand(3, dtype=x.dtype)
t.randn(3, dtype=x.dtype); t.arange(3, dtype=x.dtype); t.rand_like(x); x.isfinite(); x.isinf()
x.sort(); x.cumsum(0); x.prod(); x.flip(0); x.gather(0, i); x.scatter(0, i, x[:2]); x.clamp(0, 1)
x.round(); x.norm(); t.nn.functional.softmax(x, 0); t.linspace(0, 1, 3, dtype=x.dtype); x.uniform_()
x.normal_(); x.argsort(); x.median(); x.log(); x.erf(); x.floor(); x.fmod(2); x % 2; x.square()
t.signbit(x); x.pow(x); t.nn.functional.gelu(x); t.nn.functional.layer_norm(x, (3,)); x.add_(1)
t.nn.functional.hardtanh(x); t.bmm(y[None], y[None]); x.log_softmax(0); x.rsqrt(); x.sin()
""".replace("\n", ";").split(";")
KINDS = ["float8_e4m3fn", "float8_e5m2"]


def outcome(library, kind, call):
    library.manual_seed(0)
    kind = getattr(library, kind)
    names = {
        "t": library, "x": library.tensor([1.0, 2.0, -3.0]).to(kind),
        "y": library.tensor([[1.0, 2.0], [3.0, 4.0]]).to(kind),
        "m": library.tensor([True, False, True]), "i": library.tensor([0, 1]),
    }  # fmt: skip
    try:
        return str(eval(call, names))
    except Exception as error:
        return f"{type(error).__name__}: {str(error).splitlines()[0]}"


@pytest.mark.parametrize("kind", KINDS)
def test_what_works(kind):
    for call in filter(None, map(str.strip, SAME)):
        theirs = outcome(torch, kind, call)
        assert "not implemented" not in theirs, call
        assert outcome(tidu, kind, call) == theirs, call


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_refused(kind):
    for call in filter(None, map(str.strip, REFUSED)):
        theirs = outcome(torch, kind, call)
        infinite = kind == "float8_e5m2" and call in ("x.isfinite()", "x.isinf()")
        assert infinite != ("not implemented for 'Float8" in theirs), call
        assert outcome(tidu, kind, call) == theirs, call
