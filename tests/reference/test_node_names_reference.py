"""The names of nodes, `grad_fn=<...>`, of what programs write most."""

import pytest

torch = pytest.importorskip("torch")

import tidu  # noqa: E402

INDEXING = (
    "x[None]", "x[...]", "x[:]", "x[:, None]", "x[0, None]", "x[None, 0]", "x[0, 1:]", "x[1:, 0]",
    "x[0, :]", "x[:, 1:]", "x[:3, :4]", "x[:3]", "x[0:3, None]", "x[None, 1:]", "x[True]",
    "x[..., 0]", "x[..., None]", "x[None, ..., 1:]", "x[1:, None, 0]", "x[1, 2]", "x[[0]]",
    "x[()]", "x[:, [0]]", "x[0, [0, 1]]", "x[::2]", "x[False]", "x[:, :2, None]", "x[1:100]",
    "x[-100:]", "x[:, :]", "x[0, ...]", "x[..., 1:2]",
)  # fmt: skip
LOSSES = (
    "F.mse_loss(x, t)", "F.l1_loss(x, t)", "F.smooth_l1_loss(x, t)",
    "F.smooth_l1_loss(x, t, beta=0.0)", "F.huber_loss(x, t)", "F.soft_margin_loss(x, t)",
    "F.binary_cross_entropy_with_logits(x, t)", "F.binary_cross_entropy(x.sigmoid(), t)",
    "F.binary_cross_entropy_with_logits(x, t, reduction='none')", "F.nll_loss(x, c)",
    "F.kl_div(x, t, reduction='sum')", "F.cross_entropy(x, c)", "F.multi_margin_loss(x, c)",
    "F.multilabel_margin_loss(x, x.detach().long() % 4)", "F.poisson_nll_loss(x, t)",
    "F.hinge_embedding_loss(x, t)", "F.cosine_embedding_loss(x, x, t[:, 0])",
    "F.triplet_margin_loss(x, x, x)", "F.margin_ranking_loss(x[:, 0], x[:, 1], t[:, 0])",
)  # fmt: skip
OTHERS = (
    "F.rrelu(x)", "F.rrelu(x, training=True)", "F.pdist(x)", "x.clamp_min(0)", "x.clamp_max(0)",
    "F.channel_shuffle(x.reshape(1, 4, 3), 2)", "lib.kron(x, x)", "x.squeeze(0, 1)", "x.squeeze(0)",
    "F.scaled_dot_product_attention(x[None, None], x[None, None], x[None, None])",
    "x.broadcast_to(2, 3, 4)",
)  # fmt: skip


def name(lib, text):
    x = lib.arange(12.0).reshape(3, 4).requires_grad_()
    places = {"lib": lib, "F": lib.nn.functional, "x": x}
    places |= {"t": lib.ones(3, 4), "c": lib.tensor([0, 1, 2])}
    return eval(text, places).grad_fn.name()


@pytest.mark.parametrize("text", [*INDEXING, *LOSSES, *OTHERS])
def test_nodes_have_the_same_name(text):
    assert name(tidu, text) == name(torch, text)


TREES = (
    "lib.einsum('ij,ij->', x, x)", "lib.einsum('ij->ji', x)", "lib.einsum('ij->i', x)",
    "lib.einsum('ii->i', sq)", "lib.einsum('i,j->ij', x[0], x[1])",
    "lib.einsum('ij,j->i', x, x[0])",
    "lib.einsum('bij,bjk->bik', b, b)", "lib.einsum('ij,ij->ij', x, x)", "lib.quantile(x, 0.3)",
    "lib.quantile(x, 0.3, dim=1)", "lib.quantile(x, 0.3, dim=0, keepdim=True)",
    "lib.quantile(x, lib.tensor([0.1, 0.7]), dim=1)", "lib.fft.fft(x)", "lib.fft.ifft(x)",
    "lib.fft.rfft(x)", "lib.fft.irfft(lib.fft.rfft(x))", "lib.fft.fft2(x)", "lib.fft.fftn(x)",
    "lib.fft.rfft2(x)", "lib.fft.fft(x, 8)", "lib.fft.fft(x, 2)", "lib.fft.hfft(x)",
    "lib.fft.ihfft(x)", "lib.fft.fftshift(x)", "lib.kron(x, x)", "F.cosine_similarity(x, x * 2)",
    "F.bilinear(x, x, lib.ones(2, 4, 4).requires_grad_(), lib.ones(2))", "F.normalize(x)",
    "F.normalize(x, p=1.0, dim=0)", "F.pairwise_distance(x, x * 2)", "F.mish(x)",
    "lib.outer(x[0], x[1])", "lib.nn.RNNCell(4, 3)(x)", "lib.nn.GRUCell(4, 3)(x)",
    "lib.nn.LSTMCell(4, 3)(x)[0]", "lib.nn.LSTMCell(4, 3)(x)[1]",
    "lib.nn.RNN(4, 3)(x)[0]", "lib.nn.RNN(4, 3, num_layers=2, bidirectional=True)(x[:, None])[0]",
    "lib.nn.RNN(4, 3, nonlinearity='relu')(x[:, None])[1]", "lib.nn.LSTM(4, 3)(x[:, None])[0]",
    "lib.nn.LSTM(4, 3, proj_size=2)(x[:, None])[0]", "lib.nanquantile(x, 0.3)", "lib.diag(sq)",
    "F.grid_sample(x.view(1, 1, 3, 4), lib.zeros(1, 2, 2, 2).requires_grad_(), align_corners=True)",
    "F.affine_grid(x.view(2, 2, 3), [2, 1, 2, 2], align_corners=True)", "F.max_pool1d(x, 2)",
    "F.ctc_loss(x[:, None].log_softmax(2), lib.tensor([[1]]), (3,), (1,))",
    "F.ctc_loss(x[:, None].log_softmax(2), lib.tensor([[1]]), (3,), (1,), reduction='none')",
    "F.ctc_loss(x.log_softmax(1), lib.tensor([1]), (3,), (1,), zero_infinity=True)",
    "F.avg_pool1d(x, 2)", "F.adaptive_avg_pool1d(x, 2)", "F.adaptive_max_pool1d(x, 2)",
    "F.fractional_max_pool2d(x.view(1, 3, 4), 2, output_size=1)", "F.lp_pool1d(x, 2, 2)",
    "F.max_unpool1d(x, lib.arange(4).expand(3, 4) * 2, 2)", "F.gelu(x, approximate='tanh')",
    "F.max_unpool2d(x.view(1, 3, 4), lib.arange(12).reshape(1, 3, 4) * 2, 2)",
    "F.threshold(x, 1.0, 0.0)",
    "lib.cholesky_solve(x[:, :2], sq)", "lib.linalg.lu(sq)[1]", "lib.linalg.lu_factor(sq)[0]",
    "lib.linalg.lstsq(sq, x)[0]", "lib.linalg.householder_product(sq, sq[0])", "F.pdist(x)",
    "lib.select_scatter(x, x[0], 0, 1)", "lib.slice_scatter(x, x[:1], 0, 1, 2)", "x % 2.0",
    "lib.diagonal_scatter(sq, sq[0])", "x.clone().fill_(1.0)", "x.clone().zero_()",
    "F.pixel_shuffle(x.view(1, 4, 3, 1), 2)", "F.fold(x.view(1, 3, 4), (2, 2), (1, 1))",
    "F.embedding_bag(lib.tensor([[0, 1]]), x)", "F.embedding_bag(lib.tensor([[0]]), x, mode='max')",
    "x[1:, 1:]", "x[0, 1:]", "x[1:2, None, 1:3]", "x[..., 1:, 1:]", "b[0, 1:, 1:]", "b[0, :, 1]",
    "b[:, 1:, None]", "b[0, 0, 0]", "x[0:2, 0]", "b[None, 0]", "b[1:, 0, 1:]", "x[1:, [0, 1]]",
    "b[..., 1:, None, 0]", "x[0:3, 0:4]", "b[None, ..., 0:2]", "F.rms_norm(x, (4,))",
    "F.rms_norm(x, (4,), x[0].detach().requires_grad_())", "lib.nn.RMSNorm(4)(x)",
    "F.instance_norm(b)", "lib.nn.InstanceNorm1d(3, affine=True)(b)", "F.prelu(x, sq[0, :1])",
    "lib.nn.PReLU(3)(b)", "F.prelu(x[0], sq[0, :1])",
    "F.multi_margin_loss(x, lib.tensor([0, 1, 2]))",
    "F.scaled_dot_product_attention(x[None, None], x[None, None], x[None, None], is_causal=True)",
    "F.cross_entropy(x, x.detach().softmax(1))", "b @ b[0, 0]", "x.T.reshape(12)", "x.log1p()",
    "x.scatter(1, lib.tensor([[0], [1], [0]]), 1.0)", "lib.polar(x, x)", "lib.special.entr(x)",
    "lib.special.xlog1py(x, x)", "lib.linalg.matrix_power(sq, 3)", "x.clone().copy_(x)",
    "x % x.exp()", "lib.fmod(x, x.exp())", "x.sgn()", "lib.rsub(x, x)", "lib.rsub(x, 1)", "1 - x",
    "x.add(x, alpha=2)", "x.sub(x, alpha=3)", "lib.special.erfcx(x)",
    "lib.special.ndtri(x / 20)",
    "lib.special.log_ndtr(x)", "lib.view_copy(x, (4, 3))", "lib.t_copy(x)", "lib.frexp(x)[0]",
    "lib.select_copy(x, 0, 1)", "lib.as_strided_copy(x, (2, 2), (1, 2))",
    "x.masked_fill(x > 3, x.sum())",
    "F.mse_loss(x, x, reduction='sum')", "F.mse_loss(x, x, reduction='none')", "x.clamp_min(x)",
    "lib.conv_tbc(b, lib.ones(2, 3, 2).requires_grad_(), lib.ones(2))", "x.clamp_max(x)",
    "F.layer_norm(x, (4,))", "lib.div(x, 2, rounding_mode='trunc')",
    "F.embedding(lib.tensor(1), x)",
    "lib.special.zeta(x + 2, x + 1)", "x.clone().normal_()", "lib.normal(x, x.exp())", "x // 2",
)  # fmt: skip


def tree(function, depth=6):
    if function is None or not depth:
        return function and function.name()
    return function.name(), [tree(inner, depth - 1) for inner, _ in function.next_functions]


def test_nodes_lead_to_the_same_nodes():
    wrong = []
    for text in TREES:
        found = []
        for lib in (torch, tidu):
            places = {"lib": lib, "F": lib.nn.functional}
            places["x"] = lib.arange(12.0).reshape(3, 4).requires_grad_()
            places["sq"] = lib.eye(3).requires_grad_()
            places["b"] = lib.ones(2, 3, 3).requires_grad_()
            found.append(tree(eval(text, places).grad_fn))
        if found[0] != found[1]:
            wrong.append((text, *found))
    assert not wrong
