"""What floats of 8 bits are good for: the same calls work and are refused as in PyTorch."""

import warnings

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
x * x; x.mul_(x); t.outer(x, x); t.kron(x, x); t.addmm(y, y, y); y.addmm(y, y, beta=2, alpha=3)
t.addbmm(y, y[None], y[None]); t.nn.functional.linear(y, y, x[:2]); x.__setitem__(0, 1.0)
x.__setitem__(i, x[:2]); x.__setitem__(m, x[:2]); x.index_put((i,), x[:2])
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
x.masked_fill(m, 1.0); x.masked_fill_(m, t.tensor(1.0)); x.unique(); x.unique_consecutive()
x.nonzero(); t.argwhere(x); t.count_nonzero(x); y.tril(); y.triu_(); t.tril(y, 1); x.take(i)
x.index_fill(0, i, 1.0); x.index_copy(0, i, x[:2]); t.logical_not(x); x.logical_and(x)
t.logical_or(x, x); x.logical_xor_(x); t.nan_to_num(x); t.equal(x, x); x.bernoulli_(); x.mode()
x.masked_scatter(m, x); t.mv(y, x[:2]); t.dot(x, x); t.inner(x, x); x @ x; y @ x[:2]; t.vdot(x, x)
t.addmv(x[:2], y, x[:2]); t.addr(y, x[:2], x[:2]); t.baddbmm(y[None], y[None], y[None]); x.mul_(2)
t.einsum("ij,jk->ik", y, y); x.index_add(0, i, x[:2]); x.scatter_add(0, i, x[:2]); x.topk(1)
x.kthvalue(1); t.isposinf(x); t.isneginf(x); x.frac(); x.clamp_min(0); x.clamp(min=0)
x.clamp(max=1); t.lerp(x, x, 0.5); t.addcmul(x, x, x); t.isclose(x, x); t.histc(x)
t.searchsorted(x, x); t.trace(y); t.bucketize(x, x); x.random_(); x.exponential_()
x.geometric_(0.5); x.cauchy_(); t.cdist(y, y)
t.nn.functional.mse_loss(x, x); x.max(0); x.min(dim=0); x.aminmax(); x.argmin(); x.cummax(0)
x.cummin(0); x.nansum(); x.nanmean(); x.nanmedian(); t.floor_divide(x, x); x // 2; 2 - x; 2 ** x
t.nn.functional.batch_norm(y, None, None, training=True); x.__setitem__(m, 1.0); x.le(1)
t.nn.functional.conv1d(x[None, None], x[None, None]); t.nn.functional.max_pool1d(x[None, None], 2)
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


@pytest.mark.parametrize("kind", [*KINDS, "complex32"])
def test_flips_that_move_neighbours_are_refused(kind):
    def outcomes(library):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PyTorch's, of ComplexHalf
            wide = library.complex64 if kind == "complex32" else library.float32
            x = library.arange(12.0).reshape(3, 4).to(wide).to(getattr(library, kind))
            tensors = [x, x[0], x[:, 0], x[0, :1], x.t(), x[:1], x[:, :1].contiguous(),
                       x.reshape(3, 2, 2)]  # fmt: skip
            return [
                _flipped(t, dims, wide)
                for t in tensors
                for dims in [(d,) for d in range(t.ndim)] + [tuple(range(t.ndim))]
            ]

    assert outcomes(tidu) == outcomes(torch)


def _flipped(x, dims, wide):
    try:
        return x.flip(dims).to(wide).tolist()
    except NotImplementedError as error:
        return str(error).partition("\n")[0]
