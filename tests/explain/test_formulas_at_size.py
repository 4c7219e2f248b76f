"""Formulas of arrays of some hundred elements: each value shown is read by SymPy from its own.

Of the longest sums, whose every element names all elements, an even spread of them is read, with
the corners, the largest and the smallest.
"""

import pytest
from helpers import explained
from test_formulas_shown import formulas_read, messages, with_sympy

pytestmark = pytest.mark.slow

# From x and y (18x20), p (the same, above zero), w (20x18), t (6x5x12), v (400): one of each kind.
KINDS = {
    "arithmetic": "(x + y) * (x - y) / (p + 1) - 0.08 * x + 2",
    "broadcast": "x * y[0] + p[:, :1]",
    "powers": "p ** 1.5 + p ** y + x ** 3 + 2 ** y + p.sqrt() + p.rsqrt() + p.reciprocal()",
    "exponentials": "x.exp() + p.log() + x.expm1() + p.log1p() + p.log2() + p.log10() + x.exp2()",
    "circular": "x.sin() + x.cos() + (x / 3).tan() + x.atan() + (x / 9).asin() + (x / 9).acos()",
    "hyperbolic": "x.sinh() + x.cosh() + x.tanh() + x.asinh() + (x / 9).atanh() + (p + 2).acosh()",
    "special": "x.erf() + x.erfc() + p.lgamma() + p.digamma() + x.sigmoid() + torch.hypot(x, y)",
    "relu": "F.relu(x) + F.leaky_relu(x) + F.elu(x) + F.hardtanh(x) + F.softplus(x) + F.silu(x)",
    "gelu": "F.gelu(x) + F.mish(x) + F.logsigmoid(x) + F.hardswish(x) + F.selu(x)",
    "choices": "torch.where(x > y, x, y * 2) + x.clamp(-0.5, 0.5) + torch.maximum(x, y) + x.abs()",
    "rounding": "x.floor() + x.round() * x + torch.remainder(x, 0.3) + torch.fmod(y, 0.3)",
    "product": "x @ w",
    "stack of products": "t @ t.mT",
    "vector": "x @ w[:, 0] + y[:, 0]",
    "outer": "torch.outer(v[:20], v[20:40])",
    "linear": "F.linear(x, y, v[:18])",
    "einsum": "torch.einsum('bij,bkj->bik', t, t)",
    "solve": "torch.linalg.solve(x @ w + 20 * torch.eye(18), y)",
    "inverse": "torch.linalg.inv(x @ w + 20 * torch.eye(18))",
    "triangular": "torch.linalg.cholesky(x @ x.mT + 9 * torch.eye(18))",
    "orthogonal": "torch.linalg.qr(w)[1]",
    "sums": "x.sum(0) * y + x.mean(1, keepdim=True)",
    "norms": "x / x.norm(dim=1, keepdim=True) + x.std(0) + x.var(1, keepdim=True)",
    "extremes": "x * x.amax(1, keepdim=True) + x.max(0).values + x.min()",
    "running": "x.cumsum(0) + p.cumprod(1) + x.logcumsumexp(0)",
    "products": "x * p.prod(1, keepdim=True)",
    "softmax": "x.softmax(1) + x.log_softmax(0) + x.logsumexp(0)",
    "layer norm": "F.layer_norm(x, (20,))",
    "batch norm": "F.batch_norm(x, None, None, training=True)",
    "group norm": "F.group_norm(t.reshape(6, 4, 15), 2)",
    "losses": "F.mse_loss(x, y, reduction='none') + F.smooth_l1_loss(x, y) + F.huber_loss(x, y)",
    "views": "x.reshape(20, 18).t().flatten().view(9, 40)",
    "axes": "t.permute(2, 0, 1).flip(1).roll(2, 0)",
    "slices": "x[2:, 1::2] * y[:-2, ::2]",
    "joins": "torch.cat([x, y], 1)[:, 5:30] * torch.stack([x[0, 0], y[0, 0]]).sum()",
    "expand": "x[:1].expand(18, 20) * y + v[:20].repeat(18).view(18, 20)",
    "diagonals": "torch.diag(v[:20]) + w.diagonal().sum() + torch.eye(20)",
    "triangles": "x.tril() + y.triu(1)",
    "indices": "x[[0, 3, 3, 5]].repeat(5, 1) * x.gather(1, (x > 0).long()).sum()",
    "scatters": "torch.zeros(18, 20).scatter_add(0, (x > 0).long(), x) * y",
    "masks": "x.masked_fill(y > 0, 0.5) * F.dropout(x, 0.5)",
    "windows": "v.unfold(0, 20, 20) * x.sum()",
    "convolution": "F.conv2d(t[None], v[:270].view(5, 6, 3, 3), padding=1)",
    "transposed": "F.conv_transpose1d(t, v[:60].view(5, 4, 3), stride=2)",
    "pools": "F.max_pool1d(x, 2).repeat(1, 2) + F.avg_pool1d(x, 3, 1, 1)",
    "resized": "F.interpolate(t[None, :3], scale_factor=2)",
    "attention": "F.scaled_dot_product_attention(x[None], y[None], p[None])",
    "embedding": "F.embedding((x > 0).long(), y[:2, :2])",
    "complex": "(torch.complex(x, y) * torch.complex(y, p)).abs()",
    "fourier": "torch.fft.fft(x).abs()",
    "interpolated": "torch.lerp(x, y, 0.3) + torch.addcmul(x, y, p, value=-0.08)",
}
START = """
    torch.manual_seed(0)
    F = torch.nn.functional
    x = torch.randn(18, 20, requires_grad=True)
    y = torch.randn(18, 20, requires_grad=True)
    p = (torch.rand(18, 20) + 0.5).requires_grad_()
    w = torch.randn(20, 18, requires_grad=True)
    t = torch.randn(6, 5, 12, requires_grad=True)
    v = torch.randn(400, requires_grad=True)
"""


@with_sympy
@pytest.mark.parametrize("kind", KINDS)
def test_formulas_at_size(tmp_path, kind):
    end = f"    z = {KINDS[kind]}\n    z.backward(torch.randn_like(z))\n"
    document = explained(tmp_path, START + end).document
    large = [a.size for *_, a in messages(document) if a.size > 320]
    read = formulas_read(document)
    assert large and read > 320, (large, read)
