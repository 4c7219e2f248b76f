"""A program that keeps its losses (`losses.append(loss)`) keeps no batch and no activation."""

import gc
import tracemalloc

import pytest

import tidu as torch
from tidu.nn import functional as F

pytestmark = pytest.mark.slow

ROWS, COLUMNS = 64, 1024  # 256 KiB a batch


def rows(x):
    return (x > 0).long()


LOSSES = {
    "cross_entropy": lambda x, w: F.cross_entropy(x * w, torch.zeros(ROWS, dtype=torch.long)),
    "mse_loss": lambda x, w: F.mse_loss(x * w, x.abs()),
    "l1_loss": lambda x, w: F.l1_loss(x * w, x.abs()),
    "huber_loss": lambda x, w: F.huber_loss(x * w, x.abs()),
    "bce": lambda x, w: F.binary_cross_entropy_with_logits(x * w, x.sigmoid(), x.abs()),
    "kl_div": lambda x, w: F.kl_div((x * w).log_softmax(1), x.softmax(1), reduction="sum"),
    "softmax": lambda x, w: (x * w).softmax(1).amax(1).sum(),
    "layer_norm": lambda x, w: F.layer_norm(x, (COLUMNS,), w, w).sum(),
    "linear": lambda x, w: F.linear(x, w[None]).sum(),
    "conv1d": lambda x, w: F.conv1d(x[:, None], w[None, None, :9]).sum(),
    "cat": lambda x, w: torch.cat([x, w[None]]).sum(),
    "getitem": lambda x, w: (x * w)[1:, 3].sum(),
    "dropout": lambda x, w: F.dropout(x * w).sum(),
    "max_pool1d": lambda x, w: F.max_pool1d(x * w, 2).sum(),
    "where": lambda x, w: torch.where(x > 0, x * w, x).sum(),
    "attention": lambda x, w: F.scaled_dot_product_attention(x * w, x, x.abs()).sum(),
    "norm": lambda x, w: (x * w).norm(dim=1).sum(),
    "var": lambda x, w: (x * w).var(1).sum(),
    "lerp": lambda x, w: torch.lerp(x, w, 0.3).sum(),
    "einsum": lambda x, w: torch.einsum("ij,j->i", x, w).sum(),
    "interpolate": lambda x, w: F.interpolate((x * w)[None], scale_factor=2.0).sum(),
    "pad": lambda x, w: F.pad(x * w, (1, 1)).sum(),
    "embedding": lambda x, w: F.embedding(rows(x), w[:, None], padding_idx=1).sum(),
    "index_select": lambda x, w: w.index_select(0, rows(x).flatten()).sum(),
    "take": lambda x, w: w.take(rows(x)).sum(),
    "masked_fill": lambda x, w: (x * w).masked_fill(x > 0, 0.0).sum(),
    "masked_select": lambda x, w: (x * w).masked_select(rows(x) > 0).sum(),
    "prelu": lambda x, w: F.prelu(x, w).sum(),
}


@pytest.mark.parametrize("name", LOSSES)
def test_memory_of_batches_is_let_go(name):
    weight = torch.full((COLUMNS,), 0.5, requires_grad=True)
    kept = []

    def step():
        loss = LOSSES[name](torch.randn(ROWS, COLUMNS), weight)
        loss.backward()
        kept.append(loss)

    for _ in range(3):
        step()
    gc.collect()
    tracemalloc.start()
    try:
        for _ in range(12):
            step()
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert grown < 2 * 4 * ROWS * COLUMNS  # two of twelve batches
