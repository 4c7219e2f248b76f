"""Further operations for random programs: what `random_operations.py` has, and more.

A kind of program that draws from these tables leaves what the seeds of other kinds mean as it is.
"""

import random_operations as some
from random_operations import *  # noqa: F403  the tables without further entries
from random_operations import F, flat, places

import tidu as torch
from tidu._higher_order_ops import map as mapped
from tidu._higher_order_ops import scan, while_loop

linalg, special = torch.linalg, torch.special


def positive(x):
    """A matrix with eigenvalues from one on."""
    a = flat(x).tanh()
    return a @ a.mT + torch.eye(len(a), dtype=x.dtype)


def stacked(x):
    """Of three axes: two matrices."""
    return torch.stack([flat(x), flat(x).sin()])


def between(x):
    """Inside of (-1, 1)."""
    return x.tanh() * 0.9


def same(x, y):
    """Both in one shape of two axes."""
    return flat(x + y * 0), flat(y + x * 0)


def unlike(x):
    """Of elements that differ by more than rounding: where equal ones are, the order is free."""
    return x + torch.arange(x.numel(), dtype=x.dtype).reshape(x.shape) * 0.618


FLOATS = (
    *some.FLOATS,
    torch.cosh, torch.exp2, torch.erfc, torch.trunc, torch.ceil, torch.round, torch.sgn,
    torch.positive, F.hardswish, F.relu6, F.hardsigmoid, F.selu, F.celu, F.softsign, F.tanhshrink,
    F.softshrink, F.hardshrink, special.ndtr, special.log_ndtr, special.i0e,
    lambda x: between(x).asin(), lambda x: between(x).acos(), lambda x: between(x).atanh(),
    lambda x: (x.abs() + 1.1).acosh(), lambda x: between(x).erfinv(),
    lambda x: torch.lgamma(x.abs() + 0.3), lambda x: torch.digamma(x.abs() + 0.3),
    lambda x: torch.polygamma(1, x.abs() + 0.5), lambda x: (x.sigmoid() * 0.9 + 0.05).logit(),
    lambda x: special.entr(x.abs() + 0.1), lambda x: torch.xlogy(x, x.abs() + 0.5),
    lambda x: special.xlog1py(x, x.abs()), lambda x: (x.abs() + 0.2).log2(),
    lambda x: (x.abs() + 0.2).log10(), lambda x: F.threshold(x, 0.1, -0.3),
    lambda x: F.gelu(x, approximate="tanh"), lambda x: (x * x + 0.3).reciprocal(),
    lambda x: F.softmin(x, 0), lambda x: F.rms_norm(x, x.shape[-1:]), lambda x: x.clamp(max=0.3),
    lambda x: x.clamp(x.mean() - 1, x.mean() + 1), lambda x: x.pow(3),
    lambda x: x.addcdiv(x.sin(), x * x + 1, value=-0.5), lambda x: (x.abs() + 0.3).pow(-0.5),
    lambda x: torch.float_power(x.abs() + 1, 1.3), lambda x: x.sigmoid().round(decimals=1),
    lambda x: x.ldexp(torch.tensor(2)), lambda x: x.nan_to_num(0.5, 1.0, -1.0),
    lambda x: torch.where(x.isnan() | (x > 1), x.new_zeros(()), x),
    lambda x: torch.rsub(x, 2, alpha=0.5),
    lambda x: x.fmod(0.7) * 0.1, lambda x: x * torch.tensor(0.5), lambda x: x + torch.ones(()),
    lambda x: x.detach() + x, lambda x: F.glu(torch.cat([x, x * 0.3], -1)),
    lambda x: F.group_norm(stacked(x), 1)[1], lambda x: F.layer_norm(x, x.shape[-1:], eps=1e-3),
    lambda x: F.batch_norm(flat(x), None, None, training=True) if len(x) > 1 else x,
    lambda x: x.logit(eps=0.1), lambda x: x.sigmoid().log1p(), lambda x: torch.angle(x),
)  # fmt: skip
PAIRS = (
    *some.PAIRS,
    torch.logaddexp2, torch.fmin, torch.nextafter, lambda x, y: torch.xlogy(x, y.abs() + 0.5),
    lambda x, y: torch.fmod(x, y.abs() + 0.7), lambda x, y: x.clamp(y - 1, y + 1),
    lambda x, y: torch.floor_divide(x.detach() + 0.003, y.detach().abs() + 0.7),
    lambda x, y: torch.where(x > 0, y, 0.5),
    lambda x, y: torch.div(x + 0.003, y.abs() + 0.6, rounding_mode="trunc"),
    lambda x, y: torch.addcmul(x, y, y.sin(), value=0.3), lambda x, y: (x.abs() + 0.5) ** y.tanh(),
    lambda x, y: torch.dist(*same(x, y)), lambda x, y: F.mse_loss(*same(x, y)),
    lambda x, y: F.smooth_l1_loss(*same(x, y), reduction="none"),
    lambda x, y: F.huber_loss(*same(x, y), delta=0.5, reduction="sum") * 0.1,
    lambda x, y: F.binary_cross_entropy(*[t.sigmoid() for t in same(x, y)]),
    lambda x, y: F.binary_cross_entropy_with_logits(same(x, y)[0], same(y, x)[0].sigmoid()),
    lambda x, y: F.kl_div(same(x, y)[0].log_softmax(1), same(y, x)[0].softmax(1), reduction="sum"),
    lambda x, y: F.cosine_similarity(*same(x, y), 1), lambda x, y: F.pairwise_distance(*same(x, y)),
    lambda x, y: torch.broadcast_tensors(x, y)[1] + x, lambda x, y: x.expand_as(x + y) * 0.5,
    lambda x, y: torch.isclose(x, y, atol=0.5), lambda x, y: x.isfinite() & (y < x),
    lambda x, y: torch.tensordot(*same(x, y), ([0], [0])) * 0.2,
    lambda x, y: torch.cdist(same(x, y)[0], same(y, x)[0] + 3),
    lambda x, y: torch.addmm(x.sum(), same(x, y)[0].mT, same(y, x)[0]) * 0.2,
    lambda x, y: torch.baddbmm(x.mean(), stacked(same(x, y)[0]).mT, stacked(same(y, x)[0]),
                               beta=0.5, alpha=0.2)[1],
    lambda x, y: torch.kron(flat(x)[:2, :2], flat(y)[:2, :2]), lambda x, y: x.sum() - y,
    lambda x, y: torch.mv(same(x, y)[0], same(y, x)[0][0]).tanh(),
    lambda x, y: F.triplet_margin_loss(*same(x, y), same(y, x)[0] * 0.3),
    lambda x, y: F.poisson_nll_loss(same(x, y)[0].tanh(), same(y, x)[0].abs()),
    lambda x, y: F.soft_margin_loss(same(x, y)[0], same(y, x)[0].sign().detach()),
    lambda x, y: torch.vdot(*[t.reshape(-1) for t in same(x, y)]),
)  # fmt: skip
VIEWS = (
    *some.VIEWS,
    torch.ravel, lambda x: torch.hstack([x, x]), lambda x: x.swapaxes(0, -1),
    lambda x: x.unflatten(-1, (1, -1))[..., 0, :],
    lambda x: x.split([1, x.shape[-1] - 1], -1)[0], lambda x: x.tensor_split(2, -1)[0],
    lambda x: torch.diag_embed(x.reshape(-1)[:3]), lambda x: x.repeat(2, *[1] * x.ndim)[1],
    lambda x: torch.block_diag(flat(x)[:2, :2], x.reshape(-1)[:1]),
    lambda x: torch.atleast_3d(x)[..., 0], lambda x: flat(x).triu(1),
    lambda x: x.expand(2, *x.shape)[1],
    lambda x: flat(x).tril(-1) + flat(x).triu(), lambda x: flat(x).flip(-1, 0),
    lambda x: torch.select_scatter(x, x[0] * 0.5, 0, -1), lambda x: x.permute(*range(x.ndim)[::-1]),
    lambda x: torch.slice_scatter(x, x[:1] * 2, 0, 0, 1), lambda x: F.pad(x, (0, 1), value=0.5),
    lambda x: torch.diagonal_scatter(flat(x), flat(x).diagonal() * 0.5),
    lambda x: F.pad(flat(x)[None], (1, 1), "replicate")[0], lambda x: flat(x).roll((1, 1), (0, -1)),
    lambda x: torch.meshgrid(x.reshape(-1)[:3], x.reshape(-1)[:2], indexing="ij")[1],
    lambda x: x[x.shape[0] // 2 :], lambda x: x[..., ::2].contiguous(),
    lambda x: x.new_full(x.shape, 0.5) * x, lambda x: torch.vstack([x, x * 0.5])[::2],
    lambda x: torch.narrow_copy(x, 0, 0, 1), lambda x: x.contiguous().view(-1, 1),
    lambda x: F.interpolate(flat(x)[None], scale_factor=2.0)[0], lambda x: x[:, None][:, 0],
    lambda x: F.unfold(flat(x)[None, None], (1, 1))[0], lambda x: x.mT.contiguous().mT
    if x.ndim > 1 else x, lambda x: torch.cartesian_prod(x.reshape(-1)[:2], x.reshape(-1)[-2:]),
    lambda x: x.as_strided((1,), (1,)), lambda x: torch.diagflat(x.reshape(-1)[:3], 1),
    lambda x: x.squeeze(0), lambda x: x.unsafe_chunk(2, -1)[0], lambda x: x.view_as(x),
    lambda x: x.clone(memory_format=torch.contiguous_format), lambda x: x.t() if x.ndim < 3 else x,
)  # fmt: skip
SUMS = (
    *some.SUMS,
    torch.nanmean, lambda x: x.cummin(0).values, lambda x: x.aminmax(dim=0).max,
    lambda x: x.quantile(0.4) if x.dtype in (torch.float32, torch.float64) else x,
    lambda x: x.kthvalue(1, -1).values, lambda x: unlike(x).argsort(-1), torch.msort,
    lambda x: torch.std_mean(x, 0, correction=0)[1],
    lambda x: x.var(-1, correction=0, keepdim=True),
    lambda x: x.nanmedian(), lambda x: torch.trapezoid(x, dim=0), lambda x: x.all(0) | x.any(),
    lambda x: torch.cumulative_trapezoid(x, dim=-1) if x.shape[-1] > 1 else x,
    lambda x: x.norm(torch.inf, 0), lambda x: flat(x).logsumexp((0, 1)),
    lambda x: linalg.vector_norm(x + 0.1, 3), lambda x: linalg.norm(flat(x) + 0.1, "fro"),
    lambda x: torch.renorm(flat(x), 2, 0, 0.7), lambda x: flat(x).trace(),
    lambda x: flat(x).sum((0, 1)),
    lambda x: x.mean(0, dtype=torch.float64), lambda x: flat(x).amax((0, 1)), torch.prod,
    lambda x: torch.cov(flat(x), correction=0), lambda x: x.sort(0, descending=True).values,
    lambda x: x.topk(min(2, x.shape[-1]), -1, largest=False).values,
    lambda x: x.cumsum(-1).flip(-1),
    lambda x: torch.softmax(x, 0, dtype=torch.float64), lambda x: unlike(x).argmin(),
    lambda x: F.max_pool1d(flat(x)[None], 1)[0],
    lambda x: F.adaptive_avg_pool1d(flat(x)[None], 2)[0],
    lambda x: torch.aminmax(x).min * x, lambda x: x.sum(dtype=torch.float64),
    lambda x: x.cumsum(0).tanh(),
    lambda x: x.square().mean(-1, keepdim=True).add(1e-5).rsqrt() * x,
)  # fmt: skip
CASTS = (
    *some.CASTS,
    lambda x, to: x.to(to).float(), lambda x, to: x.to(to).sin(),
    lambda x, to: x.to(torch.int16) + x,
    lambda x, to: x.isnan(), lambda x, to: torch.signbit(x), lambda x, to: x.long().float() * x,
    lambda x, to: torch.bucketize(x, torch.tensor([-1.0, 0, 1], dtype=x.dtype)),
    lambda x, to: x.ge(0.1).to(x.dtype), lambda x, to: x.new_tensor(1.5) * x,
    lambda x, to: x.to(torch.complex128) * 1j
    if x.dtype is torch.float64 else x > 0,
)  # fmt: skip
INDEXED = (
    *some.INDEXED,
    lambda x, i: x.index_copy(0, places(i, len(x), 1), x[:1] * 0.5),
    lambda x, i: flat(x).scatter_reduce(0, places(i, len(x), flat(x).shape[1])[None], flat(x)[:1],
                                        "amax"),
    lambda x, i: flat(x).scatter_reduce(0, places(i, len(x), flat(x).shape[1])[None], flat(x)[:1],
                                        "mean", include_self=False),
    lambda x, i: x.index_reduce(0, places(i, len(x), 1), x[:1] * 2, "mean"),
    lambda x, i: x.index_put((places(i, len(x), 3),), x[:1] * 0.5, accumulate=True),
    lambda x, i: x.put(places(i, x.numel(), 1), x.sum().reshape(1)),
    lambda x, i: torch.searchsorted(x.reshape(-1).sort().values, i.reshape(-1).to(x.dtype)),
    lambda x, i: F.embedding_bag(places(i, len(x), 4).reshape(2, 2), flat(x), mode="mean"),
    lambda x, i: F.multi_margin_loss(flat(x), places(i, flat(x).shape[1], len(x))),
    lambda x, i: F.one_hot(places(i, 4), 4).to(x.dtype) * x.sum(),
    lambda x, i: x[i.reshape(-1)[:1].long() % len(x)] * 2,
    lambda x, i: x[..., places(i, x.shape[-1], 2)],
    lambda x, i: flat(x).gather(0, places(i, len(x), flat(x).shape[1])[None]).mT,
    lambda x, i: x + torch.arange(x.shape[-1], dtype=x.dtype) * i.sum(),
    lambda x, i: F.cross_entropy(flat(x), places(i, flat(x).shape[1], len(x)), ignore_index=0,
                                 label_smoothing=0.1, reduction="sum"),
    lambda x, i: flat(x)[places(i, len(x), 2), ..., :1],
    lambda x, i: x.take_along_dim(unlike(x).argsort(-1), -1),
)  # fmt: skip
PARTS = (
    *some.PARTS,
    lambda z: z.as_strided((1,), (1,)), lambda z: z.unflatten(-1, (1, -1)),
    lambda z: z.swapaxes(0, -1),
    lambda z: z.view(1, -1), lambda z: z[None], lambda z: z.permute(
        *range(z.ndim)[::-1]), lambda z: z.flatten()[::2][1:],
    lambda z: z.expand(*z.shape)[:1], lambda z: z.squeeze(), lambda z: z.data,
)  # fmt: skip
WRITES = (
    *some.WRITES,
    lambda p, y: p.scatter_(0, (p * 0).long(), 0.5) if p.ndim else p.add_(1),
    lambda p, y: p.index_fill_(0, torch.tensor([0]), 0.25) if p.ndim else p.sub_(1),
    lambda p, y: p.masked_fill_(p > y.mean(), y.sum()), lambda p, y: p.relu_(),
    lambda p, y: p.tanh_(),
    lambda p, y: p.pow_(2),
    lambda p, y: p.index_put_((torch.tensor([0, 0]),), y.mean().to(p.dtype), accumulate=True)
    if p.ndim else p.mul_(2), lambda p, y: p.clamp_min_(0.1),
    lambda p, y: p.copy_(p.flip(0) if p.ndim
                                                                                 else p * 2),
    lambda p, y: p.add_(p.mean(), alpha=0.5), lambda p, y: p.__iadd__(1).__isub__(y.mean()),
    lambda p, y: torch.mul(p.detach(), 0.5, out=torch.empty_like(p)) + p,
    lambda p, y: p.fill_(y.mean()),
    lambda p, y: p.addcdiv_(p, p * p + 1), lambda p, y: p.uniform_(),
    lambda p, y: p.bernoulli_(0.5),
    lambda p, y: torch.sin_(p), lambda p, y: F.dropout(p, 0.3, inplace=True),
    lambda p, y: p.normal_(),
    lambda p, y: F.leaky_relu_(p, 0.2), lambda p, y: p.nan_to_num_(), lambda p, y: p.round_(),
    lambda p, y: p.__setitem__((Ellipsis, 0), y.mean()) if p.ndim else p.abs_(),
    lambda p, y: p.trunc_(), lambda p, y: p.floor_().add_(0.5),
    torch.Tensor.add_,  # the last is not drawn
)  # fmt: skip


class Several(torch.autograd.Function):
    """Two results, one of them without a gradient; a number and what is not needed."""

    @staticmethod
    def forward(ctx, x, y, k):
        ctx.k = k
        ctx.save_for_backward(x, y)
        places = x.detach().sign()
        ctx.mark_non_differentiable(places)
        return x * y * k, places

    @staticmethod
    def backward(ctx, g, _):
        x, y = ctx.saved_tensors
        return (g * y * ctx.k if ctx.needs_input_grad[0] else None,
                g * x * ctx.k if ctx.needs_input_grad[1] else None, None)  # fmt: skip


class Apart(torch.autograd.Function):
    """Forward apart from its context, and a rule for forward mode."""

    @staticmethod
    def forward(x):
        return x.exp().clamp(max=3)

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(output)
        ctx.save_for_forward(output)

    @staticmethod
    def backward(ctx, g):
        (out,) = ctx.saved_tensors
        return g * out * (out < 3)

    @staticmethod
    def jvp(ctx, t):
        (out,) = ctx.saved_tensors
        return t * out * (out < 3)


class Dirty(torch.autograd.Function):
    """Writes into what it is given."""

    @staticmethod
    def forward(ctx, x):
        x.mul_(2)
        ctx.mark_dirty(x)
        return x

    @staticmethod
    def backward(ctx, g):
        return g * 2


def _hooked(x):
    """A gradient changed on its way."""
    y = x * 1.0
    if y.requires_grad:
        y.register_hook(lambda g: g * 0.5 + 0.1)
        y.register_hook(lambda g: None)
    return y.sin()


def _packed(x):
    with torch.autograd.graph.saved_tensors_hooks(lambda t: t * 1, lambda t: t):
        return (x.sin() * x).exp().clamp(max=4)


def _kept(x):
    """The gradient of a step in between, as a number among others."""
    y = x * 0.5 if x.requires_grad else (x * 0.5).requires_grad_()
    g = torch.autograd.grad(y.tanh().sum(), y, retain_graph=True)[0]
    return y * g.detach() + y.tanh()


def _backward(x):
    """`backward` of leaves inside."""
    leaf = x.detach().clone().requires_grad_()
    with torch.enable_grad():
        (leaf.sin() * x.detach()).sum().backward()
        (leaf * leaf).sum().backward()
    return leaf.grad + x


def _module(x):
    """Modules made inside."""
    width, nn = flat(x).shape[1], torch.nn
    net = nn.Sequential(nn.Linear(width, 3, dtype=x.dtype), nn.GELU(), nn.Dropout(0.2),
                        nn.Linear(3, 2, dtype=x.dtype))  # fmt: skip
    return net(flat(x))


BODIES = (
    *some.BODIES,
    lambda x: torch.cond(x.sum() > 0, lambda x: torch.cond(
        x.mean() > 0.2, torch.sin, torch.cos, (x,)), lambda x: x * 0.5, (x,)),
    lambda x: while_loop(lambda i, y, z: i < 3, lambda i, y, z: (i + 1, y * 0.5 + z, z.sin()),
                         (torch.tensor(0), x, x * 1.0))[2],
    lambda x: scan(lambda c, r: ((c[0] + r, c[1] * 0.5), c[0] * r), (x[0], x[0].sin()), x)[1],
    lambda x: mapped(lambda r: (r.sin() * r).sum(), x),
    lambda x: torch.vmap(lambda r: scan(lambda c, e: (c + e, c * e), r[0] * 0, r)[1])(flat(x)),
)  # fmt: skip
TRANSFORMS = (
    *some.TRANSFORMS, *BODIES[len(some.BODIES):], Apart.apply, _hooked, _packed, _kept, _backward,
    lambda x: Several.apply(x, x.sin(), 0.5)[0], lambda x: Dirty.apply(x * 1.0),
    lambda x: Several.apply(x.detach(), x, 2)[1] + x, lambda x: torch.func.jvp(
        Apart.apply, (x,), (x.sin(),))[1],
    lambda x: torch.vmap(torch.vmap(lambda e: e.sin() * e))(flat(x)),
    lambda x: torch.vmap(lambda a, b: a * b.sum(), in_dims=(0, None))(x, x),
    lambda x: torch.func.vmap(lambda r: r + r.mean(), chunk_size=2)(x),
    lambda x: torch.vmap(lambda r: r + torch.rand(()), randomness="different")(x),
    lambda x: torch.vmap(lambda r: r + torch.rand(()), randomness="same")(x),
    lambda x: torch.vmap(torch.func.jacrev(lambda r: r.sin() * r.sum()))(flat(x)[:2, :2])[0],
    lambda x: torch.func.linearize(lambda t: t.sin() * t, x)[1](x.cos()),
    lambda x: torch.func.grad_and_value(lambda t, s: (t * s).sin().sum(), argnums=1)(x, x + 1)[0],
    lambda x: torch.func.hessian(lambda t: t.exp().sum() * t.sum())(x.reshape(-1)[:2]),
    lambda x: torch.func.functionalize(lambda t: t.clone().mul_(2).sin_())(x),
    lambda x: linalg.inv(positive(x)), lambda x: linalg.det(positive(x)).log(),
    lambda x: linalg.cholesky(positive(x)), lambda x: torch.logdet(positive(x)),
    lambda x: linalg.slogdet(positive(x))[1], lambda x: linalg.svdvals(positive(x)).sum(),
    lambda x: linalg.eigvalsh(positive(x)).square().sum(), lambda x: linalg.matrix_power(
        positive(x) * 0.3, 3), lambda x: linalg.solve_triangular(positive(x).tril(), flat(x),
                                                                 upper=False),
    lambda x: torch.cholesky_solve(flat(x), linalg.cholesky(positive(x))),
    lambda x: linalg.matrix_exp(positive(x) * 0.3),
    lambda x: linalg.multi_dot([flat(x), flat(x).mT, flat(x)]) * 0.1,
    lambda x: torch.fft.rfft(x).abs().square(), lambda x: torch.fft.irfft(torch.fft.rfft(x) * 0.5,
                                                                         n=x.shape[-1]),
    lambda x: torch.einsum("ij,ij->j", flat(x), flat(x)), lambda x: torch.einsum("ij->ji", flat(x)),
    lambda x: torch.einsum("bij,bkj->bik", stacked(x), stacked(x).sin())[1] * 0.2,
    lambda x: torch.matmul(stacked(x), flat(x).mT)[0] * 0.2, lambda x: F.bilinear(
        flat(x), flat(x), flat(x)[None, :1].mT * flat(x)[:1]) * 0.1,
    lambda x: F.conv2d(flat(x)[None, None], flat(x)[None, None, :1, :2], padding="same")[0, 0],
    lambda x: F.conv_transpose1d(flat(x)[None], flat(x)[:, :1, None].expand(-1, 2, 2))[0] * 0.2,
    lambda x: F.scaled_dot_product_attention(*[stacked(x)[:, None]] * 3, is_causal=True)[1, 0],
    lambda x: F.max_pool2d(flat(x)[None], 1)[0], lambda x: F.fold(F.unfold(
        flat(x)[None, None], (1, 1)), flat(x).shape, (1, 1))[0, 0],
)  # fmt: skip
DRAWS = (
    *some.DRAWS,
    lambda x: x + torch.randn(x.shape[-1], dtype=torch.float64).to(x.dtype),
    lambda x: F.feature_alpha_dropout(
        stacked(x), 0.3)[0], lambda x: F.dropout1d(stacked(x), 0.4)[1],
    lambda x: x * torch.rand(x.shape).bernoulli(), lambda x: x + torch.randint_like(x, 3),
    lambda x: x + torch.empty_like(x).normal_(0.5, 2), lambda x: F.rrelu(x),
    lambda x: x + torch.rand(
        (), dtype=x.dtype), lambda x: x[torch.multinomial(torch.ones(len(x)), 1)],
    lambda x: x + torch.empty_like(x).geometric_(0.5),
    lambda x: x + torch.poisson(x.detach().abs()),
    lambda x: x + torch.empty_like(x).log_normal_().tanh(),
    lambda x: F.dropout(x, 0.3, training=False),
    lambda x: x * torch.randn_like(x, requires_grad=False).cauchy_().tanh(),
)  # fmt: skip
ASKING = (
    *some.ASKING,
    lambda x, y: x.double().view(torch.int64).sign() * y, lambda x, y: _module(x),
    lambda x, y: F.gaussian_nll_loss(x.detach(), x, (x * x).detach() + 0.1),
    lambda x, y: x.masked_scatter(x > 0, x.reshape(-1).flip(0)),
    lambda x, y: (x * 1.5).masked_scatter_(
        x > 0, x.reshape(-1).flip(0)), lambda x, y: x * len(x.unique()),
    lambda x, y: x + x.argmax().item(), lambda x, y: x * (
        2 if x.isnan().any() else 1), lambda x, y: x[x.abs().argmax() % len(x) :],
    lambda x, y: x.repeat_interleave((x[..., 0].reshape(-1) > 0).long()[:1] + 1, 0)
    if len(x) == 1 else x, lambda x, y: x + sum(x.detach().reshape(-1)[:2].tolist()),
    lambda x, y: x * float(f"{y.mean().item():.1f}"), lambda x, y: x if x.equal(y) else -x,
    lambda x, y: torch.histc(x.detach().float(), 3, -1, 1) + x.sum().float(),
    lambda x, y: x.nonzero().double().sum(0) + x.sum(), lambda x, y: torch.unique_consecutive(
        (x > 0).reshape(-1)).sum() + x,
)  # fmt: skip
COMPLEX = (
    *some.COMPLEX,
    lambda x: torch.fft.ifft(x), lambda x: x.angle().cos(), lambda x: torch.polar(
        x.abs(), x.real), lambda x: x.prod(-1) * 0.1, lambda x: x.resolve_conj(),
    lambda x: x.cos() * 0.1, lambda x: torch.fft.fftshift(x), lambda x: x.sgn(),
    lambda x: torch.view_as_complex(torch.view_as_real(x).flip(-1).contiguous()), lambda x: (
        x.abs() + 1).log() * x, lambda x: x.conj().mT.clone() if x.ndim > 1 else x.neg(),
    lambda x: linalg.vector_norm(x), lambda x: x.to(torch.complex64), lambda x: x.mean(),
)  # fmt: skip


class Held(torch.nn.Module):
    """Modules with a state, which a program finds; their parameters have other types than what
    they are called with."""

    def __init__(self):
        super().__init__()
        nn = torch.nn
        self.norm, self.instance = nn.BatchNorm1d(3), nn.InstanceNorm1d(2, track_running_stats=True)
        self.cell, self.turned = nn.GRUCell(2, 3), nn.Linear(3, 3, bias=False)
        self.table, self.drop = nn.Embedding(4, 3, padding_idx=0), nn.Dropout(0.3)
        self.register_buffer("seen", torch.zeros(()))
        self.turned.register_forward_hook(lambda module, given, out: out * 0.5)
        self.turned.register_full_backward_hook(
            lambda module, ins, outs: None if ins[0] is None else (ins[0] * 2,)
        )
        self.norm.register_forward_pre_hook(lambda module, given: (given[0] + 0.1,))

    def fitted(self, x, width, rows=2):
        """Rows of a width of `x`, which is repeated, in the type of the parameters."""
        row = x.reshape(-1)
        times = -(-rows * width // max(row.numel(), 1))
        return row.repeat(times)[: rows * width].reshape(rows, width).to(self.seen.dtype)


HELD = (
    lambda held, x: held.norm(held.fitted(x, 3)), lambda held, x: held.drop(x),
    lambda held, x: held.instance(held.fitted(x, 6).reshape(2, 2, 3))[0],
    lambda held, x: held.cell(held.fitted(x, 2), held.fitted(x, 3)),
    lambda held, x: held.turned(held.fitted(x, 3)),
    lambda held, x: held.table.weight.square().sum() * x,
    lambda held, x: held.table((held.fitted(x, 3) > 0).long() + 1)[0],
    lambda held, x: held.seen + x,
    lambda held, x: held.seen.add_(x.detach().mean().to(held.seen.dtype)) * x,
    lambda held, x: held.norm.running_mean.sum() + x,
    lambda held, x: held.norm.running_var.clone().mul_(0.5)[:, None] + flat(x)[:1],
)  # fmt: skip
