"""What random programs are made of: operations on tensors of any type, grouped by what they take.

Each takes tensors and gives one; `fits`, `flat` and `number` bring what it is given to its form.
"""

import tidu as torch
from tidu._higher_order_ops import map as mapped
from tidu._higher_order_ops import scan, while_loop

F = torch.nn.functional


def flat(x):
    """Of two axes."""
    return x.flatten(1) if x.ndim > 1 else x.reshape(-1, 1)


def places(i, n, count=None):
    """A row of valid indices from integers."""
    row = i.reshape(-1).long() % n
    return row if count is None else torch.cat([row] * count)[:count]


FLOATS = (
    torch.sin, torch.cos, torch.tanh, torch.sigmoid, torch.relu, lambda x: x * x, lambda x: -x,
    lambda x: (x * x + 1).log(), lambda x: (x * x + 0.5).sqrt(), lambda x: (-x.abs()).exp(),
    lambda x: x.clamp(-0.7, 0.9), lambda x: 1 / (x * x + 1), F.gelu, lambda x: x.softmax(-1),
    lambda x: x.log_softmax(0), torch.clone, F.softplus, lambda x: torch.where(x > 0, x, 0.2 * x),
    F.silu, lambda x: F.elu(x, 0.7), lambda x: F.leaky_relu(x, 0.1), torch.erf, torch.atan,
    lambda x: x.abs() + 1, lambda x: (x.abs() + 0.5) ** 1.5, lambda x: x.sign() * x, F.hardtanh,
    lambda x: torch.rsqrt(x * x + 1), lambda x: x.tan().clamp(-3, 3), torch.sinh, torch.square,
    lambda x: torch.log1p(x.abs()), lambda x: torch.expm1(x.clamp(-2, 1)), F.mish, F.logsigmoid,
    lambda x: x * 2 + 1, lambda x: (1 - x) / 3, lambda x: 2.0 ** x.clamp(-3, 2), torch.asinh,
    lambda x: torch.nan_to_num(x), lambda x: x.floor() + x.frac(), lambda x: torch.sinc(x),
    lambda x: torch.lerp(x, x * x, 0.3), lambda x: F.layer_norm(x, x.shape[-1:]),
    lambda x: x.addcmul(x, x.sin(), value=0.5), lambda x: F.normalize(x, dim=0), torch.deg2rad,
)  # fmt: skip
PAIRS = (
    lambda x, y: x + y, lambda x, y: x - y, lambda x, y: x * y, lambda x, y: x / (y * y + 1),
    lambda x, y: torch.where(x > y, x, y * 2), torch.maximum, torch.minimum, torch.atan2,
    lambda x, y: torch.hypot(x, y + 0.1), lambda x, y: x * 0.5 + y * 0.25, torch.fmax,
    lambda x, y: torch.logaddexp(x, y), lambda x, y: (x - y).abs(), lambda x, y: x * (y > 0),
    lambda x, y: x.masked_fill(y < -0.5, 0.25), lambda x, y: torch.add(x, y, alpha=0.5),
    lambda x, y: torch.remainder(x + 0.003, y.abs() + 0.7),  # not at the jump
    torch.copysign, lambda x, y: x.lerp(y, 0.25),
)  # fmt: skip
VIEWS = (
    lambda x: x.mT if x.ndim > 1 else x[None], lambda x: x[..., 1:], lambda x: x[::2],
    lambda x: x.reshape(-1, x.shape[0]), lambda x: x.unsqueeze(0).expand(2, *x.shape).sum(0),
    lambda x: x[1:2], lambda x: x.flip(0), lambda x: torch.cat([x, x[:1]], 0), torch.squeeze,
    lambda x: x.roll(1, -1), lambda x: x.flatten(), lambda x: x.unsqueeze(1), lambda x: x[-1],
    lambda x: torch.stack([x, x * 2], -1), lambda x: x.diagonal() if x.ndim > 1 else x[None],
    lambda x: x.unfold(0, min(2, x.shape[0]), 1), lambda x: x.repeat_interleave(2, 0),
    lambda x: flat(x).tril(), lambda x: x.tile(2), lambda x: x.chunk(2, -1)[-1],
    lambda x: x.movedim(0, -1), lambda x: F.pad(x, (1, 0)), lambda x: x.narrow(0, 0, 1),
    lambda x: sum(x.unbind(0)), lambda x: x.contiguous().view(-1)[:6],
    lambda x: x[[0, -1]], lambda x: x[None, ..., :1], lambda x: torch.rot90(flat(x)),
    lambda x: torch.outer(x.reshape(-1)[:3], x.reshape(-1)[-4:]), lambda x: x.detach(),
)  # fmt: skip
SUMS = (
    lambda x: x.sum(0, keepdim=True), lambda x: x.mean(-1, keepdim=True), lambda x: x - x.amax(),
    lambda x: x * (x * x).mean(), lambda x: x.sum().reshape(1, 1), lambda x: x - x.mean(0),
    lambda x: x.cumsum(0), lambda x: x / (x.norm() + 1), lambda x: x.amin(-1), lambda x: x.std(),
    lambda x: x.var(0, correction=0), lambda x: x.logsumexp(-1), lambda x: x.max(0).values,
    lambda x: x.sort(-1).values, lambda x: x.norm(1, -1), lambda x: x.tanh().cumprod(-1),
    lambda x: (x * 0.5).prod(0), lambda x: x.median(-1).values, lambda x: x.nansum(0),
    lambda x: x.cummax(-1).values, lambda x: x.topk(1, -1).values, lambda x: x.abs().amax(0),
    lambda x: x.argmax(-1), lambda x: (x > 0).sum(0), lambda x: x.count_nonzero(-1),
    lambda x: x.logcumsumexp(0), lambda x: x.diff(dim=0) if len(x) > 1 else x, torch.mean,
)  # fmt: skip
WHOLE = (
    lambda x: x + 3, lambda x: x * 2 - 1, lambda x: x // 3, lambda x: x % 5, lambda x: x & 6,
    lambda x: x | 1, lambda x: x ^ 3, lambda x: ~x, lambda x: x << 1, lambda x: x >> 1, torch.clone,
    lambda x: x.clamp(1, 7), lambda x: x.cumsum(0), lambda x: x.sum(-1, keepdim=True), torch.abs,
    lambda x: x.argmin(0), lambda x: x.sort(0).indices, lambda x: x.amax(0, keepdim=True),
    lambda x: x / 4, lambda x: x.sin(), lambda x: x > 2, lambda x: x * 0.5, lambda x: x.sign(),
    lambda x: F.one_hot(x.long() % 3, 3), lambda x: x.square() % 11, lambda x: x.eq(1),
    lambda x: x.cumprod(0) % 17, lambda x: x.prod(-1), torch.neg,
    lambda x: -x // 2, lambda x: torch.div(x, 3, rounding_mode="trunc"), lambda x: x.fmod(3),
    lambda x: (x * x).mean(dtype=torch.float64), lambda x: x.min(-1).values,
    lambda x: x.float(), lambda x: x.bool(), lambda x: x - x.min(),
    lambda x: x.new_ones(x.shape) + x % 2,
)  # fmt: skip
WHOLE_PAIRS = (
    lambda x, y: x + y, lambda x, y: x * y % 13, lambda x, y: x // (y.abs() % 7 + 1),
    lambda x, y: x & y, lambda x, y: x | y, lambda x, y: x ^ y, lambda x, y: x >= y,
    lambda x, y: x % (y.abs() % 5 + 1), lambda x, y: torch.where(x > y, x, y), torch.maximum,
    lambda x, y: x - y, lambda x, y: x / (y * y + 1), lambda x, y: x.ne(y),
)  # fmt: skip
TRUTHS = (
    lambda x: ~x, lambda x: x.any(-1, keepdim=True), lambda x: x.all(0), lambda x: x.sum(0),
    lambda x: x.long() * 2, lambda x: x.double() - 0.5, lambda x: x.logical_not(),
    lambda x: x.cumsum(-1), lambda x: x * 1.5, lambda x: x + 1, lambda x: x.int(),
    lambda x: x.flip(0), lambda x: x.to(torch.uint8), lambda x: x.count_nonzero(),
)  # fmt: skip
TRUTH_PAIRS = (
    lambda x, y: x & y, lambda x, y: x | ~y, lambda x, y: x ^ y, torch.logical_and,
    lambda x, y: x == y, lambda x, y: x > y, lambda x, y: x + y, lambda x, y: x * y,
)  # fmt: skip
COMPLEX = (
    lambda x: x.conj(), lambda x: x.abs() + 0.1, lambda x: x.real, lambda x: x.imag, torch.clone,
    lambda x: (x * 0.3).exp() * 0.2, lambda x: x * (1 + 2j), lambda x: x * x, lambda x: x / 2j,
    lambda x: torch.view_as_real(x).sum(-1), lambda x: x.sum(0, keepdim=True), lambda x: x.mean(-1),
    lambda x: flat(x) @ flat(x).mH, lambda x: (x * x.conj()).real, lambda x: x.cumsum(0),
    lambda x: x.sin() * 0.1, lambda x: x.mT if x.ndim > 1 else x, lambda x: x[..., :2].flip(0),
    lambda x: x.abs().square().sum(-1), lambda x: x.reciprocal().real.clamp(-1, 1),
    lambda x: torch.complex(x.imag.tanh(), x.real), lambda x: torch.fft.fft(x), lambda x: 1 - x,
)  # fmt: skip
COMPLEX_PAIRS = (
    lambda x, y: x + y, lambda x, y: x * y.conj(), lambda x, y: x - 2 * y, lambda x, y: x == y,
    lambda x, y: x / (y.abs() + 1), lambda x, y: torch.where(x.real > 0, x, y),
)  # fmt: skip
CASTS = (
    lambda x, to: x.to(to), lambda x, to: x > 0, lambda x, to: (x * 3).long(),
    lambda x, to: x.to(to).to(x.dtype),
    lambda x, to: x.sin() if x.dtype is torch.bfloat16 else torch.complex(x, x.sin() + 0),
    lambda x, to: x.to(to) + x, lambda x, to: x.type_as(torch.zeros(1, dtype=to)) * 0.5,
    lambda x, to: (x * 5).to(torch.int8 if to.itemsize < 4 else torch.int32), lambda x, to: x == x,
    lambda x, to: x.double() * x, lambda x, to: torch.sum(x, -1, dtype=to),
)  # fmt: skip


def _place(x, i, axis=0):
    """A place along an axis that a tensor without axes tells."""
    return i.sum() % x.shape[axis]


def _written_at(x, i):
    z = x * 1.5
    part, other = z[_place(x, i)], z[..., _place(x, i, -1)]
    z.cos_()
    part.mul_(0.5)
    other.add_(part.mean())
    return z


def _put_beside(x, i):
    z = flat(x) * 1.5
    z[:, _place(z, i, 1)] = x.mean()
    z[_place(z, i)][1:].neg_()
    return z


def _viewed_at(x, i):
    z = flat(x) + 1
    z[_place(z, i), None].view(-1).square_()
    return z.mT[_place(z, i, 1)].reshape(-1)


INDEXED = (
    lambda x, i: x[places(i, len(x), 3)], lambda x, i: x.index_select(0, places(i, len(x))[:4]),
    lambda x, i: flat(x).gather(1, places(i, flat(x).shape[1], len(x)).reshape(-1, 1)),
    lambda x, i: x.index_add(0, places(i, len(x), len(x)), x * 0.5),
    lambda x, i: torch.zeros_like(x).index_add_(0, places(i, len(x), len(x)), x),
    lambda x, i: flat(x).scatter(0, places(i, len(x), flat(x).shape[1])[None], 0.5),
    lambda x, i: flat(x).scatter_add(0, places(i, len(x), flat(x).shape[1])[None], flat(x)[:1]),
    lambda x, i: torch.take_along_dim(x, places(i, len(x), 1).reshape([1] * x.ndim), 0),
    lambda x, i: F.embedding(places(i, len(x))[:5], flat(x)), lambda x, i: x * (i.sum() % 3),
    lambda x, i: x.index_put((places(i, len(x), 2),), x[:1] * 0 + 1),
    lambda x, i: x.reshape(-1).take(places(i, x.numel())),
    lambda x, i: x[_place(x, i)], _written_at, _put_beside,
    lambda x, i: flat(x)[places(i, len(x), 2), _place(flat(x), i, 1)], _viewed_at,
    lambda x, i: torch.where(x > 0, places(i, 9).sum(), x), lambda x, i: x[..., -1] + i.sum() % 2,
    lambda x, i: x.index_fill(0, places(i, len(x), 2), 0.5),
    lambda x, i: F.cross_entropy(flat(x), places(i, flat(x).shape[1], len(x))).reshape(1),
    lambda x, i: F.nll_loss(flat(x).log_softmax(1), places(i, flat(x).shape[1], len(x)),
                            reduction="none"),
)  # fmt: skip
PARTS = (
    lambda z: z, lambda z: z[0], lambda z: z[..., -1:], lambda z: z.mT if z.ndim > 1 else z,
    lambda z: z[::2], lambda z: z.flatten()[1:], lambda z: z.diagonal() if z.ndim > 1 else z,
    lambda z: z.narrow(-1, 0, 1), lambda z: z.unsqueeze(0)[..., :2], lambda z: z.view(-1)[::3],
    lambda z: z[1:].movedim(0, -1), lambda z: z.select(-1, -1),
    lambda z: z.t() if z.ndim < 3 else z, lambda z: z.unfold(0, 1, 1), lambda z: z.detach(),
    lambda z: z[-1:][..., 0],
)  # fmt: skip
WRITES = (
    lambda p, y: p.mul_(0.5), lambda p, y: p.add_(y.sum()), lambda p, y: p.copy_(y.mean()),
    lambda p, y: p.zero_(), lambda p, y: p.fill_(0.25), lambda p, y: p.clamp_(-0.5, 0.5),
    lambda p, y: p.sigmoid_(), lambda p, y: p.sub_(p * 0.5), lambda p, y: p.addcmul_(p, p.sin()),
    lambda p, y: p.masked_fill_(p > 0, 0.5), lambda p, y: p.neg_().abs_(), lambda p, y: p.exp_(),
    lambda p, y: p.__setitem__(0, y.mean()) if p.ndim and len(p) else p.fill_(y.sum()),
    lambda p, y: p.__setitem__(p < 0, 0.125), lambda p, y: p.div_(1.5), lambda p, y: p.cos_(),
    lambda p, y: p.__imul__(y.tanh().sum()), lambda p, y: p.lerp_(p * p, 0.25), torch.Tensor.add_,
    lambda p, y: p.__setitem__(Ellipsis, p.flip(0) if p.ndim else p), lambda p, y: p.square_(),
)  # fmt: skip


class Cube(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x * x

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return 3 * g * x * x


def _again(x):
    """A gradient that is differentiated again."""
    y = x.detach().requires_grad_() if not x.requires_grad else x
    (g,) = torch.autograd.grad((y.sin() * y).sum(), y, create_graph=True)
    return g * 0.5 + x


def _through(x):
    return torch.utils.checkpoint.checkpoint(lambda t: (t * 2).sin() * t, x, use_reentrant=False)


def _silent(x):
    with torch.no_grad():
        y = x.sin() * 2
    return x * y


BODIES = (
    lambda x: torch.cond(x.sum() > 0.3, lambda x: x.sin() * 2, lambda x: x * x.mean(), (x,)),
    lambda x: scan(lambda c, r: ((c * r).tanh(), c + r), x[0], x)[1],
    lambda x: scan(lambda c, r: (c.cos() + r, c * r), x[..., 0], x, dim=x.ndim - 1,
                   reverse=True)[1],
    lambda x: while_loop(lambda i, y: (i < 4) & (y.sum() < 9),
                         lambda i, y: (i + 1, y + x.cos()), (torch.tensor(0), x))[1],
    lambda x: mapped(lambda r: r.cumsum(0) * x[0] if r.ndim else r * x[0], x),
)  # fmt: skip
TRANSFORMS = (
    *BODIES,
    lambda x: torch.vmap(lambda r: r.sin() * r.sum())(x), _again, _through, _silent, Cube.apply,
    lambda x: torch.func.grad(lambda t: (t.sin() * t * t).sum())(x),
    lambda x: torch.func.jvp(lambda t: t.tanh() * t, (x,), (x.cos(),))[1],
    lambda x: torch.func.vjp(lambda t: t.sigmoid() * t, x)[1](x)[0],
    lambda x: torch.func.jacrev(lambda t: t.sin() * t.sum())(x.reshape(-1)[:3]),
    lambda x: torch.func.jacfwd(lambda t: t.cos() * t.mean())(x.reshape(-1)[:3]),
    lambda x: torch.func.hessian(lambda t: (t * t.roll(1)).sin().sum())(x.reshape(-1)[:3]),
    lambda x: torch.vmap(torch.func.grad(lambda r: (r.tanh() * r).sum()))(x),
    lambda x: torch.func.grad(lambda t: torch.func.grad(lambda u: (u**3).sum())(t).sin().sum())(x),
    lambda x: torch.vmap(lambda r: r * 2 + r.mean(), in_dims=x.ndim - 1, out_dims=0)(x),
    lambda x: torch.func.jvp(torch.func.grad(lambda t: (t.cos() * t).sum()), (x,), (x,))[1],
    lambda x: torch.tanh(flat(x) @ flat(x).mT), lambda x: flat(x) @ flat(x).mT[:, 0] * 0.3,
    lambda x: torch.einsum("ij,kj->ik", flat(x), flat(x)) * 0.1,
    lambda x: F.linear(flat(x), flat(x)[:2], flat(x)[:2, 0]) * 0.3,
    lambda x: F.scaled_dot_product_attention(flat(x)[None], flat(x)[None], flat(x)[None])[0],
    lambda x: torch.bmm(flat(x)[None], flat(x).mT[None])[0].sin(),
    lambda x: F.conv1d(flat(x)[:, None], flat(x)[:1, None, :2], padding=1)[:, 0],
    lambda x: F.avg_pool1d(flat(x)[None], min(2, flat(x).shape[1]))[0],
    lambda x: torch.linalg.solve(flat(x) @ flat(x).mT + 2 * torch.eye(len(x), dtype=x.dtype),
                                 flat(x)),
)  # fmt: skip
DRAWS = (
    lambda x: F.dropout(x, 0.3), lambda x: x + torch.rand_like(x), lambda x: x * torch.randn(1),
    lambda x: x + torch.bernoulli(torch.full_like(x, 0.5)), lambda x: x[torch.randperm(len(x))],
    lambda x: x * torch.randint(0, 3, x.shape), lambda x: torch.empty_like(x).uniform_() + x,
    lambda x: x + torch.normal(0.0, 0.1, x.shape), lambda x: F.dropout(x.mT if x.ndim > 1 else x),
    lambda x: x + torch.empty_like(x).exponential_().tanh(), lambda x: F.alpha_dropout(x, 0.2),
    lambda x: torch.where(torch.rand_like(x) > 0.5, x, -x), lambda x: F.gumbel_softmax(x),
)  # fmt: skip
ASKING = (
    lambda x, y: x.sin() if x.sum() > y.mean() else x * 0.5 - 1,
    lambda x, y: x * 0.7 if (x * x).mean() > 0.8 else x, lambda x, y: x + int((x > 0).sum() % 3),
    lambda x, y: x + 0.1 * bool(x.any()), lambda x, y: x[: int((y > 0).sum() % 2) + 1],
    lambda x, y: x if torch.allclose(x, y.mean()) else -x, lambda x, y: x[x > 0].sum() + y,
    lambda x, y: x * torch.bincount((y > 0).long().reshape(-1), minlength=2)[1],
    lambda x, y: F.rrelu(x, training=True), lambda x, y: x + (x > 0.5).nonzero().sum(),
    lambda x, y: x.masked_select(x > 0) * 2,
)  # fmt: skip
