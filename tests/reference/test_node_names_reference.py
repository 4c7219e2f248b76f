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
