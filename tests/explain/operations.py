"""Small programs, one for each kind of operation: what is explained of each must be right."""

__all__ = ["PROGRAMS"]

PROGRAMS = {
    "shape": """
        x = torch.randn(2, 6, requires_grad=True)
        (
            torch.cat([x.view(3, 4), x.reshape(3, 4)], 1)
            .t()
            .flatten()
            .unsqueeze(0)
            .expand(3, 24)
            .permute(1, 0)
            .squeeze()
        ).pow(2).sum().backward()
    """,
    "stack": """
        x = torch.randn(2, 3, requires_grad=True)
        y = torch.randn(2, 3, requires_grad=True)
        torch.stack([x, y * 2]).pow(2).sum().backward()
    """,
    "chunk": """
        x = torch.randn(4, 6, requires_grad=True)
        a, b, c = x.chunk(3, 1)
        (a * b + c).sum().backward()
    """,
    "unbind": """
        x = torch.randn(3, 4, requires_grad=True)
        a, b, c = x.unbind(0)
        (a * b + c.exp()).sum().backward()
    """,
    "index": """
        x = torch.randn(5, 3, requires_grad=True)
        (x[1:4] * x[[0, 2, 2]] + x[1]).sum().backward()
    """,
    "mask": """
        x = torch.randn(5, 3, requires_grad=True)
        x[x > 0].pow(2).sum().backward()
    """,
    "gather": """
        x = torch.randn(3, 4, requires_grad=True)
        x.gather(1, torch.tensor([[0], [1], [3]])).pow(2).sum().backward()
    """,
    "embed": """
        e = torch.nn.Embedding(6, 4)
        e(torch.tensor([1, 2, 1])).pow(2).sum().backward()
    """,
    "max": """
        x = torch.randn(3, 4, requires_grad=True)
        v, i = x.max(1)
        (v * v).sum().backward()
    """,
    "amax": """
        x = torch.randn(3, 4, requires_grad=True)
        (x.amax(1) * x.min()).sum().backward()
    """,
    "topk": """
        x = torch.randn(3, 4, requires_grad=True)
        (x.topk(2).values ** 2).sum().backward()
    """,
    "sort": """
        x = torch.randn(3, 4, requires_grad=True)
        (x.sort(1)[0][:, 0]).sum().backward()
    """,
    "cumsum": """
        x = torch.rand(3, 4, requires_grad=True)
        (x.cumsum(1) * x.cumprod(1)).sum().backward()
    """,
    "prod": """
        x = torch.rand(3, 4, requires_grad=True)
        (x.prod(1)).sum().backward()
    """,
    "std": """
        x = torch.rand(3, 4, requires_grad=True)
        (x.std(1) + x.var(1)).sum().backward()
    """,
    "norm": """
        x = torch.rand(3, 4, requires_grad=True)
        (x.norm() + x.norm(dim=1).sum()).backward()
    """,
    "softmax": """
        x = torch.randn(3, 4, requires_grad=True)
        (x.softmax(1) * x).sum().backward()
    """,
    "lse": """
        x = torch.randn(3, 4, requires_grad=True)
        x.logsumexp(1).sum().backward()
    """,
    "ce": """
        F = torch.nn.functional
        x = torch.randn(3, 4, requires_grad=True)
        F.cross_entropy(x, torch.tensor([0, 2, 1])).backward()
    """,
    "nll": """
        F = torch.nn.functional
        x = torch.randn(3, 4, requires_grad=True)
        F.nll_loss(x.log_softmax(1), torch.tensor([0, 2, 1])).backward()
    """,
    "bce": """
        F = torch.nn.functional
        x = torch.randn(3, requires_grad=True)
        F.binary_cross_entropy_with_logits(x, torch.tensor([0.0, 1.0, 1.0])).backward()
    """,
    "bce2": """
        F = torch.nn.functional
        x = torch.randn(3, requires_grad=True)
        F.binary_cross_entropy(x.sigmoid(), torch.tensor([0.0, 1.0, 1.0])).backward()
    """,
    "losses": """
        x = torch.randn(3, 4, requires_grad=True)
        y = torch.randn(3, 4)
        F = torch.nn.functional
        (
            F.mse_loss(x, y)
            + F.l1_loss(x, y)
            + F.smooth_l1_loss(x, y)
            + F.huber_loss(x, y)
            + F.kl_div(x.log_softmax(1), y.softmax(1), reduction="batchmean")
        ).backward()
    """,
    "acts": """
        x = torch.randn(6, requires_grad=True)
        F = torch.nn.functional
        (
            F.relu(x)
            + F.gelu(x)
            + F.silu(x)
            + F.elu(x)
            + F.leaky_relu(x)
            + F.softplus(x)
            + torch.tanh(x)
            + torch.sigmoid(x)
            + F.hardtanh(x)
            + F.relu6(x)
            + F.selu(x)
            + F.mish(x)
            + F.hardswish(x)
            + F.logsigmoid(x)
        ).sum().backward()
    """,
    "bmm": """
        x = torch.randn(2, 3, 4, requires_grad=True)
        y = torch.randn(2, 4, 2, requires_grad=True)
        (x @ y).pow(2).sum().backward()
    """,
    "mv": """
        x = torch.randn(3, 4, requires_grad=True)
        y = torch.randn(4, requires_grad=True)
        ((x @ y) * torch.randn(3)).sum().backward()
    """,
    "dot": """
        x = torch.randn(3, requires_grad=True)
        y = torch.randn(3, requires_grad=True)
        (x @ y + x.dot(y)).backward()
    """,
    "outer": """
        x = torch.randn(3, requires_grad=True)
        y = torch.randn(4, requires_grad=True)
        torch.outer(x, y).pow(2).sum().backward()
    """,
    "einsum": """
        x = torch.randn(2, 3, 4, requires_grad=True)
        y = torch.randn(2, 4, 2, requires_grad=True)
        torch.einsum("bij,bjk->bik", x, y).sum().backward()
    """,
    "linear3d": """
        l = torch.nn.Linear(4, 3)
        x = torch.randn(2, 5, 4, requires_grad=True)
        l(x).pow(2).mean().backward()
    """,
    "conv": """
        c = torch.nn.Conv2d(2, 3, 3, padding=1, stride=2)
        x = torch.randn(2, 2, 5, 5, requires_grad=True)
        c(x).pow(2).sum().backward()
    """,
    "conv1": """
        c = torch.nn.Conv1d(2, 4, 3, dilation=2, groups=2, bias=False)
        x = torch.randn(2, 2, 9, requires_grad=True)
        c(x).pow(2).sum().backward()
    """,
    "convT": """
        c = torch.nn.ConvTranspose2d(2, 3, 3, stride=2, padding=1)
        x = torch.randn(1, 2, 3, 3, requires_grad=True)
        c(x).pow(2).sum().backward()
    """,
    "maxpool": """
        F = torch.nn.functional
        x = torch.randn(1, 2, 4, 4, requires_grad=True)
        F.max_pool2d(x, 2).pow(2).sum().backward()
    """,
    "avgpool": """
        F = torch.nn.functional
        x = torch.randn(1, 2, 4, 4, requires_grad=True)
        F.avg_pool2d(x, 2).pow(2).sum().backward()
    """,
    "adapool": """
        F = torch.nn.functional
        x = torch.randn(1, 2, 4, 4, requires_grad=True)
        F.adaptive_avg_pool2d(x, 1).pow(2).sum().backward()
    """,
    "bn": """
        b = torch.nn.BatchNorm1d(3)
        x = torch.randn(4, 3, requires_grad=True)
        b(x).pow(3).sum().backward()
    """,
    "bn2": """
        b = torch.nn.BatchNorm2d(3)
        x = torch.randn(2, 3, 2, 2, requires_grad=True)
        b(x).pow(3).sum().backward()
    """,
    "ln": """
        b = torch.nn.LayerNorm(3)
        x = torch.randn(4, 3, requires_grad=True)
        b(x).pow(3).sum().backward()
    """,
    "gn": """
        b = torch.nn.GroupNorm(2, 4)
        x = torch.randn(2, 4, 3, requires_grad=True)
        b(x).pow(3).sum().backward()
    """,
    "rms": """
        b = torch.nn.RMSNorm(3)
        x = torch.randn(4, 3, requires_grad=True)
        b(x).pow(3).sum().backward()
    """,
    "dropout": """
        F = torch.nn.functional
        x = torch.randn(4, 3, requires_grad=True)
        F.dropout(x, 0.5).pow(3).sum().backward()
    """,
    "lstm": """
        b = torch.nn.LSTM(3, 2)
        x = torch.randn(4, 1, 3, requires_grad=True)
        b(x)[0].pow(2).sum().backward()
    """,
    "gru": """
        b = torch.nn.GRU(3, 2)
        x = torch.randn(4, 1, 3, requires_grad=True)
        b(x)[0].pow(2).sum().backward()
    """,
    "rnn": """
        b = torch.nn.RNN(3, 2)
        x = torch.randn(4, 1, 3, requires_grad=True)
        b(x)[0].pow(2).sum().backward()
    """,
    "mha": """
        b = torch.nn.MultiheadAttention(4, 2, batch_first=True)
        x = torch.randn(1, 3, 4, requires_grad=True)
        b(x, x, x)[0].pow(2).sum().backward()
    """,
    "sdpa": """
        F = torch.nn.functional
        q = torch.randn(1, 3, 4, requires_grad=True)
        F.scaled_dot_product_attention(q, q, q, is_causal=True).pow(2).sum().backward()
    """,
    "linalg": """
        x = torch.randn(3, 3, requires_grad=True)
        (
            torch.linalg.inv(x).sum()
            + torch.det(x)
            + torch.linalg.solve(x, torch.ones(3)).sum()
        ).backward()
    """,
    "eigh": """
        x = torch.randn(3, 3, requires_grad=True)
        (torch.linalg.eigh(x + x.t())[0] ** 2).sum().backward()
    """,
    "svd": """
        x = torch.randn(3, 2, requires_grad=True)
        (torch.linalg.svd(x, full_matrices=False)[1] ** 2).sum().backward()
    """,
    "qr": """
        x = torch.randn(3, 2, requires_grad=True)
        q, r = torch.linalg.qr(x)
        (q.sum() + r.sum()).backward()
    """,
    "chol": """
        x = torch.randn(3, 3, requires_grad=True)
        torch.linalg.cholesky(x @ x.t() + torch.eye(3)).sum().backward()
    """,
    "factors": """
        L = torch.linalg
        x = torch.randn(3, 3, requires_grad=True)
        b = torch.randn(3, 2)
        s = x @ x.t() + torch.eye(3)
        low = L.cholesky(s)
        values, vectors = L.eigh(s)
        u, sizes, vh = L.svd(x)
        w, v = L.eig(x)
        p, lower, upper = L.lu(x)
        sign, log = L.slogdet(x)
        y = L.solve_triangular(low, b, upper=False)
        z = L.solve_triangular(low.mT, b, upper=True, unitriangular=True)
        i = L.inv(x)
        pseudo, power = L.pinv(x[:, :2]), torch.matrix_exp(x)
        loss = low.sum() + values.sum() + vectors[0, 0] ** 2 + (u @ vh).sum() + sizes.sum()
        loss = loss + w.abs().sum() + lower.sum() + upper.sum() + log + y.sum() + z.sum()
        (loss + i.sum() + pseudo.sum() + power.sum() + x.det() + x[:2, :2].det()).backward()
    """,
    "triangles": """
        x = torch.randn(3, 3, requires_grad=True)  # not symmetric: one triangle is read
        y = x + 4 * torch.eye(3)
        a, b = torch.linalg.cholesky(y), torch.linalg.eigh(x, UPLO="U")
        r = torch.linalg.qr(torch.randn(4, 2, 2) + x[0, 0] * 0.1)
        (a.sum() + b[0].sum() + (b[1][0] ** 2).sum() + r[0].sum() + r[1].sum()).backward()
    """,
    "complex_factors": """
        x = torch.randn(3, 3, dtype=torch.complex128, requires_grad=True)
        s = x @ x.mH + torch.eye(3)
        q, r = torch.linalg.qr(x)
        u, sizes, vh = torch.linalg.svd(x)
        values, vectors = torch.linalg.eigh(s)
        y = torch.linalg.cholesky(s).abs().sum() + torch.linalg.inv(x).abs().sum()
        (y + q.abs().sum() + r.abs().sum() + sizes.sum() + values.sum()).backward()
    """,
    "flip": """
        x = torch.randn(3, 4, requires_grad=True)
        (x.flip(1) * x.roll(1, 0) * x.tril()).sum().backward()
    """,
    "pad": """
        F = torch.nn.functional
        x = torch.randn(3, 4, requires_grad=True)
        (F.pad(x, (1, 1)).pow(2)).sum().backward()
    """,
    "repeat": """
        x = torch.randn(3, 4, requires_grad=True)
        (x.repeat(2, 1).pow(2).sum() + x.repeat_interleave(2, 0).pow(3).sum()).backward()
    """,
    "diag": """
        x = torch.randn(3, 3, requires_grad=True)
        (x.diagonal().pow(2).sum() + x.trace() + torch.diag(x[0]).sum()).backward()
    """,
    "where": """
        x = torch.randn(3, 3, requires_grad=True)
        torch.where(x > 0, x * 2, x**2).sum().backward()
    """,
    "mfill": """
        x = torch.randn(3, 3, requires_grad=True)
        x.masked_fill(x > 0, 0.0).pow(2).sum().backward()
    """,
    "clamp": """
        x = torch.randn(3, 3, requires_grad=True)
        (x.clamp(-0.5, 0.5) + x.clamp(min=0)).pow(2).sum().backward()
    """,
    "inplace": """
        x = torch.randn(3, 3, requires_grad=True)
        y = x * 2
        y[0] = y[1] * 3
        y += 1
        y.pow(2).sum().backward()
    """,
    "pointwise": """
        x = torch.rand(3, requires_grad=True)
        parts = [
            torch.sin(x),
            torch.cos(x),
            torch.tan(x),
            torch.exp(x),
            torch.log(x),
            torch.sqrt(x),
            torch.rsqrt(x),
            torch.erf(x),
            x.abs(),
            torch.atan(x),
            torch.asin(x),
            torch.acos(x),
            torch.sinh(x),
            torch.cosh(x),
            torch.log1p(x),
            torch.expm1(x),
            x.reciprocal(),
            x**3,
            2**x,
            x**x,
            torch.log2(x),
            torch.log10(x),
            torch.atan2(x, x + 1),
            torch.maximum(x, x * 2),
            torch.hypot(x, x),
            torch.lerp(x, x * 2, 0.3),
            torch.addcmul(x, x, x),
            torch.addcdiv(x, x, x),
            torch.sign(x),
            torch.floor(x),
            torch.round(x),
            torch.fmod(x, 0.3),
            torch.remainder(x, 0.3),
            torch.square(x),
            torch.nan_to_num(x),
            torch.logaddexp(x, x * 3),
            torch.xlogy(x, x),
            torch.lgamma(x),
            torch.digamma(x),
            torch.logit(x),
            torch.sinc(x),
            torch.deg2rad(x),
        ]
        sum(parts).sum().backward()
    """,
    "complex": """
        x = torch.randn(3, requires_grad=True)
        z = torch.complex(x, x * 2)
        (z * z.conj()).real.sum().backward()
    """,
    "fft": """
        x = torch.randn(4, requires_grad=True)
        torch.fft.fft(x).abs().sum().backward()
    """,
    "complex_functions": """
        z = torch.tensor(0.6 - 0.8j, requires_grad=True)
        w = torch.tensor(-0.5 + 1.5j, requires_grad=True)
        a = torch.tensor(0.7, requires_grad=True)
        y = z.exp() * w.log() + z.sin() / w.cos() - z.tan() + w.sinh() * z.cosh() + w.tanh()
        y = y + z.sqrt() * w.reciprocal() + z**3 + z**w + z ** (-2) + w.conj() * z.sigmoid()
        y = y + z.asin() + w.atan() + z.acosh() + w.log10() + z.exp2() + w.rsqrt() + a * z
        y = y + torch.polar(a, a * 2) + torch.complex(a, z.real * w.imag) + z.sgn() + w.expm1()
        (y.abs() + y.angle() + torch.where(z.abs() > 0.5, z, w).real).backward()
    """,
    "complex_arrays": """
        v = torch.randn(3, dtype=torch.complex64, requires_grad=True)
        m = torch.randn(2, 3, dtype=torch.complex64, requires_grad=True)
        y = torch.stack([m @ v, m[:, 1], m.mean(1)]).flip(0).cumsum(1)
        y = torch.cat([y.flatten(), v.prod().unsqueeze(0), torch.vdot(v, v).unsqueeze(0)])
        (y.abs() ** 2).sum().backward()
    """,
    "complex_double": """
        z = torch.tensor(0.6 - 0.8j, dtype=torch.complex128, requires_grad=True)
        (z.exp() * z).abs().backward()
    """,
    "cos": """
        F = torch.nn.functional
        x = torch.randn(2, 4, requires_grad=True)
        y = torch.randn(2, 4)
        F.cosine_similarity(x, y).sum().backward()
    """,
    "cdist": """
        x = torch.randn(2, 4, requires_grad=True)
        y = torch.randn(3, 4)
        torch.cdist(x, y).sum().backward()
    """,
    "unfold": """
        x = torch.randn(6, requires_grad=True)
        x.unfold(0, 3, 1).pow(2).sum().backward()
    """,
    "interp": """
        F = torch.nn.functional
        x = torch.randn(1, 1, 3, 3, requires_grad=True)
        F.interpolate(x, scale_factor=2, mode="bilinear").pow(2).sum().backward()
    """,
    "scatter": """
        x = torch.randn(2, 3, requires_grad=True)
        torch.zeros(3, 3).scatter(0, torch.tensor([[0, 1, 2], [0, 1, 2]]), x).pow(
            2
        ).sum().backward()
    """,
    "indexadd": """
        x = torch.randn(2, 3, requires_grad=True)
        torch.zeros(3, 3).index_add(0, torch.tensor([0, 1]), x).pow(2).sum().backward()
    """,
    "double": """
        x = torch.tensor(2.0, requires_grad=True)
        (g,) = torch.autograd.grad(x.sin() * x**3, x, create_graph=True)
        g.backward()
    """,
    "to": """
        x = torch.randn(3, requires_grad=True)
        x.double().pow(2).sum().backward()
    """,
}

# Two programs of many operations each.
SCALARS = """
    x = torch.tensor(1.7, requires_grad=True)
    y = torch.tensor(-0.6, requires_grad=True)
    k = torch.tensor(0.0, requires_grad=True)
    parts = [
        x + y, x - y, x * y, x / y, -x, x**2, x**3, x**-1, 2**x, x**x, 1 / x, x * 3 + 1, 2 - y,
        3 / y,
        x.exp(), x.log(), x.sqrt(), x.rsqrt(), x.sin(), y.cos(), y.tan(), y.tanh(),
        torch.sigmoid(y),
        torch.relu(x), torch.relu(y), torch.relu(k), y.abs(), k.abs(), x.square(), x.reciprocal(),
        torch.maximum(x, y), torch.minimum(x, y), torch.maximum(x, x), y.clamp(-0.5, 0.5),
        y.expm1(),
        x.log1p(), x.log2(), x.log10(), x.sinh(), x.cosh(), y.asin(), y.acos(), y.atan(), x.exp2(),
        torch.where(x > y, x * 2, y * 3), torch.nn.functional.leaky_relu(y, 0.1),
        torch.nn.functional.silu(y), torch.nn.functional.softplus(x), torch.nn.functional.elu(y),
        torch.addcmul(x, x, y), torch.lerp(x, y, 0.25), torch.hypot(x, y), torch.atan2(x, y),
    ]
    total = sum(parts)
    total.backward()
"""

ARRAYS = """
    torch.manual_seed(1)
    x = torch.randn(2, 3, requires_grad=True)
    w = torch.randn(4, 3, requires_grad=True)
    b = torch.randn(4, requires_grad=True)
    h = torch.nn.functional.linear(x, w, b)
    p = torch.softmax(h, 1) + torch.log_softmax(h, 1)
    q = (h @ w).sum(0) * 2 + x.mean(0) + x[0] + x.t()[:, 1]
    loss = (p * h).sum() + q.max() + torch.dot(b, b) + x.std() + h.norm()
    loss = loss + (x - x.mean(1, True)).pow(2).mean() + x.reshape(3, 2).sum()
    loss = loss + torch.nn.functional.mse_loss(h, torch.ones(2, 4)) + torch.cat([x, x]).sum()
    loss.backward()
"""
