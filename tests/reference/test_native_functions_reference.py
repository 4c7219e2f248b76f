"""torch.batch_norm, torch.lstm ...: the functions that take their arguments as PyTorch's C++ does.

Every call runs in both libraries: results, gradients of all that requires one, what was written.
"""

import warnings

import numpy as np
import pytest
import torch

import tidu

# Names: x (4, 6, 5), m (4, 6), v (6,), w (6,), p (4, 6) in [0, 1], o a table (5, 3), s an image
CALLS = """
t.batch_norm(x, v, w, None, None, True, 0.1, 1e-5, False)
t.batch_norm(x, v, w, mean, var, True, 0.1, 1e-5, False)
t.batch_norm(x, v, None, mean, var, False, 0.1, 1e-5, True)
t.instance_norm(x, v, w, mean, var, True, 0.1, 1e-5, False)
t.instance_norm(x, None, None, mean, var, False, 0.1, 1e-5, False)
t.native_batch_norm(x, v, w, mean, var, True, 0.1, 1e-5)
t.native_batch_norm(x, v, w, mean, var, False, 0.1, 1e-5)
t.native_layer_norm(x, [6, 5], None, None, 1e-5); t.native_layer_norm(m, [6], v, w, 1e-5)
t.native_group_norm(x, v, w, 4, 6, 5, 3, 1e-5)
t.native_group_norm(x, None, None, 4, 6, 5, 2, 0.1)
t.batch_norm_update_stats(x.detach(), mean, var, 0.1)
t.batch_norm_update_stats(m.detach(), mean, None, 0.3)
t.binary_cross_entropy_with_logits(m, p)
t.binary_cross_entropy_with_logits(m, p, None, v.detach(), 0)
t.binary_cross_entropy_with_logits(m, p, p, None, 2)
t.ctc_loss(m.reshape(4, 1, 6).log_softmax(2), ids[None, :2], [4], [2])
t.ctc_loss(m.reshape(4, 1, 6).log_softmax(2), ids[None, :2], t.tensor([4]), t.tensor([2]), 0, 2)
t.ctc_loss(m.reshape(4, 1, 6).log_softmax(2), ids[None, :2], [4], [2], 0, 0, True)
t.kl_div(m, p); t.kl_div(m, p, 0); t.kl_div(m, p, 2, log_target=True)
t.poisson_nll_loss(m, p, True, False, 1e-8, 1); t.poisson_nll_loss(p, p, False, True, 1e-8, 0)
t.dropout_(m * 1, 0.3, True); t.dropout_(m * 1, 0.3, False); t.alpha_dropout_(m * 1, 0.3, True)
t.feature_dropout(x, 0.5, True); t.feature_dropout_(x * 1, 0.5, True); t.feature_dropout(v, 0, True)
t.feature_dropout(v, 0.5, True); t.feature_alpha_dropout_(x * 1, 0.5, True)
t.native_dropout(m, 0.3, True); t.native_dropout(m, 0.3, False); t.native_dropout(m, 1, True)
t.binomial(t.full((3, 4), 9.0), t.full((3, 4), 0.3)); t.binomial(t.tensor([50.0, 2]), p[0, :2])
t.embedding_renorm_(table, ids, 0.5, 2.0); t.embedding_renorm_(table, ids, 1.0, 1.0)
t.embedding_bag(o, ids, offsets); t.embedding_bag(o, ids, offsets, False, 1)
t.embedding_bag(o, ids, offsets, False, 2)
t.embedding_bag(o, ids, offsets, False, 0, False, p[0, :4], False)
t.embedding_bag(o, ids, offsets, False, 1, False, None, False, 3)
t.embedding_bag(o, ids, offsets, False, 2, False, None, False, -2)
t.embedding_bag(o, ids, t.tensor([0, 2, 4]), False, 0, False, None, True, None)
t.affine_grid_generator(m.reshape(4, 2, 3), [4, 1, 2, 3], False)
t.grid_sampler(s, grid, 0, 0, True); t.grid_sampler(s, grid, 1, 1, False)
t.grid_sampler_2d(s, grid, 2, 2, False); t.grid_sampler_2d(s, grid, 0, 1, True)
t.grid_sampler_3d(s[:, :, None], t.zeros(1, 1, 2, 2, 3), 0, 0, False)
t.frobenius_norm(m, [0, 1]); t.frobenius_norm(m, 1, True); t.frobenius_norm(x, [0, 1, 2])
t.nuclear_norm(m); t.nuclear_norm(x, [0, 2]); t.nuclear_norm(x, (1, 2), True)
t.nuclear_norm(m, True)
t.norm_except_dim(x); t.norm_except_dim(x, 2, 1); t.norm_except_dim(x, 1, -1)
t.max_pool1d_with_indices(x, 2); t.max_pool1d_with_indices(x, [3], [1], [1], [1], True)
t.native_channel_shuffle(x.detach(), 3); t.native_channel_shuffle(x, 4)
t.mkldnn_convolution(x, t.ones(2, 6, 3), None, [1], [2], [1], 1)
t.mkldnn_convolution(s, t.ones(4, 1, 2, 2), None, [0, 1], [1, 1], [1, 1], 2)
t.slice_copy(x); t.slice_copy(x, 1, 1, 6, 2); t.slice_copy(x, -1, -3)
t.hash_tensor(x.detach()); t.hash_tensor(ids); t.hash_tensor(x.detach(), 1, keepdim=True)
t.hash_tensor(x.detach(), (0, 2)); t.hash_tensor(t.zeros(0)); t.hash_tensor(ids.bool())
t.dsmm(m, m.t()); t.smm(t.eye(4).to_sparse(), m.detach()).to_dense(); t.smm(t.eye(4), m)
t.batch_norm(x, v); t.kl_div(m); t.lstm_cell(m); t.grid_sampler(s, grid); t.dropout_(m)
t.gru(x, hx, gru, True, 2, 0.0, False, True, False)
t.gru(x, hx[:, :4], gru, True, 2, 0.0, False, True, True)[1]
t.gru(x, hx, gru[:3], True, 2, 0.0, False, True, False)
t.gru(m, t.tensor([2, 1, 1]), hx[:, :2], gru6, True, 2, 0.0, False, True)
t.lstm(x, [hx, hx * 2], lstm, True, 2, 0.0, False, True, False)
t.lstm(x, (hx, hx * 2), lstm_plain, False, 2, 0.4, False, True, False)
t.lstm(m, t.tensor([2, 1, 1]), [hx[:, :2], hx[:, :2]], lstm6, True, 2, 0.0, False, True)
t.rnn_tanh(x, hx, rnn, True, 2, 0.0, False, True, False)
t.rnn_relu(x, hx, rnn, True, 2, 0.5, True, True, False)
t.gru_cell(m, h4, *gru6[:4]); t.gru_cell(m, h4, *gru6[:2]); t.gru_cell(m, h4[:2], *gru6[:4])
t.lstm_cell(m, (h4, h4 * 2), *lstm6[:4]); t.rnn_tanh_cell(m, h4, *rnn6[:4])
t.rnn_relu_cell(m, h4, *rnn6[:4]); t.gru_cell(m[:, :5], h4, *gru6[:4])
""".replace("\n", ";").split(";")
H = 3


def weights(make, gates, features, biases=True):
    """Those of two layers in two directions with three numbers in each state."""
    found = []
    for size in (features, 2 * H):
        for _ in range(2):
            found += [make(gates * H, size), make(gates * H, H)]
            found += [make(gates * H), make(gates * H)] if biases else []
    return found


def outcome(library, call):
    rng, leaves = np.random.default_rng(3), []

    def make(*shape):
        leaf = library.from_numpy(rng.normal(size=shape).astype(np.float32)).requires_grad_()
        leaves.append(leaf)
        return leaf

    def plain(*shape):
        return library.from_numpy(rng.uniform(0.1, 0.9, shape).astype(np.float32))

    names = {
        "t": library, "x": make(4, 6, 5), "m": make(4, 6), "v": make(6), "w": make(6),
        "o": make(5, 3), "s": make(1, 2, 3, 3), "hx": make(4, 6, H), "h4": make(4, H),
        "p": plain(4, 6), "mean": plain(6), "var": plain(6), "table": plain(5, 3),
        "grid": plain(1, 2, 2, 2) * 2 - 1, "ids": library.tensor([3, 1, 4, 3]),
        "offsets": library.tensor([0, 2, 2]), "gru": weights(make, 3, 5),
        "gru6": weights(make, 3, 6), "lstm": weights(make, 4, 5), "lstm6": weights(make, 4, 6),
        "lstm_plain": weights(make, 4, 5, False), "rnn": weights(make, 1, 5),
        "rnn6": weights(make, 1, 6),
    }  # fmt: skip
    library.manual_seed(0)
    results = eval(call, names)
    results = results if isinstance(results, tuple) else (results,)
    found = [(r.dtype, r.detach().numpy()) for r in results]
    total = sum(r.sum() for r in results if r.requires_grad)
    if isinstance(total, library.Tensor) and total.requires_grad:
        (total * 2).backward()
    found += [(None, None if leaf.grad is None else leaf.grad.numpy()) for leaf in leaves]
    return found + [(None, names[name].numpy()) for name in ("mean", "var", "table")]


@pytest.mark.parametrize("call", [c.strip() for c in CALLS if c.strip()])
def test_same_as_pytorch(call):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            theirs = outcome(torch, call)
        except Exception as error:
            with pytest.raises(type(error)) as caught:
                outcome(tidu, call)
            assert str(caught.value).splitlines()[0] == str(error).splitlines()[0]
            return
        ours = outcome(tidu, call)
    assert len(ours) == len(theirs)
    for (kind, mine), (other, wanted) in zip(ours, theirs, strict=True):
        assert str(kind).split(".")[-1] == str(other).split(".")[-1]
        assert (mine is None) == (wanted is None)
        if wanted is not None:
            np.testing.assert_allclose(mine, wanted, rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("largest", [None, True, False])
@pytest.mark.parametrize("general", [False, True])
def test_lobpcg(largest, general):
    rng = np.random.default_rng(5)
    a, b = rng.normal(size=(2, 12, 12))
    a, b = a + a.T, b @ b.T + np.eye(12)
    pairs = []
    for library in (tidu, torch):
        library.manual_seed(0)
        options = {"B": library.from_numpy(b)} if general else {}
        pairs.append(library.lobpcg(library.from_numpy(a), 3, largest=largest, **options))
    np.testing.assert_allclose(pairs[0][0], pairs[1][0], rtol=1e-6)
    values, vectors = pairs[0][0].numpy(), pairs[0][1].numpy()
    right = b @ vectors if general else vectors
    np.testing.assert_allclose(a @ vectors, right * values, atol=1e-10)
    np.testing.assert_allclose(vectors.T @ right, np.eye(3), atol=1e-10)
    with pytest.raises(ValueError, match="smaller than 3 x the number of requested"):
        tidu.lobpcg(tidu.eye(5), 2)
