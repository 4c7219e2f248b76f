"""Records of torch.nn.functional: activations, layers, pooling, padding, losses."""

import numpy as np
from making import FLOATS, REAL, drawer, i, record, refuse, unary

x = drawer("network")
HALF = dict(out=False, inplace=False, dtypes=FLOATS)
NET = dict(out=False, dtypes=("float32", "float64"))
F = "nn.functional."


def activation(name, reference=None, **options):
    return unary(F + name, reference, **{**HALF, **options})


def whole(name, *samples, **options):
    """A function of nn.functional that serves integers too."""
    return record(F + name, *samples, **{**NET, **options})


def shares(*shape):
    """Rows of probabilities."""
    raw = np.exp(x(*shape))
    return raw / raw.sum(-1, keepdims=True)


def apart(*shape):
    return x(*shape, apart=True)


ACTIVATIONS = [
    activation("relu", lambda a: np.maximum(a, 0), dtypes=REAL),
    activation("relu6", lambda a: np.clip(a, 0, 6)),
    activation("elu", lambda a: np.where(a > 0, a, np.expm1(a))),
    activation("celu", lambda a: np.where(a > 0, a, np.expm1(a))),
    activation("selu"), activation("gelu", tolerance=1e-9),
    activation("silu", lambda a: a / (1 + np.exp(-a))), activation("mish"),
    activation("hardswish", kinks=True), activation("hardsigmoid", kinks=True),
    activation("hardtanh", lambda a: np.clip(a, -1, 1)),
    activation("hardshrink", lambda a: np.where(np.abs(a) > 0.5, a, 0)),
    activation("softshrink", lambda a: np.sign(a) * np.maximum(np.abs(a) - 0.5, 0)),
    activation("softsign", lambda a: a / (1 + np.abs(a))),
    activation("tanhshrink", lambda a: a - np.tanh(a)),
    activation("logsigmoid", lambda a: -np.logaddexp(0, -a)),
    activation("softplus", lambda a: np.logaddexp(0, a)),
    activation("leaky_relu", lambda a: np.where(a > 0, a, 0.01 * a)),
    record(F + "threshold", (x(2, 3), 0.5, 5.0), (x(3), -0.5, 1.0), **HALF),
    record(F + "glu", (x(2, 4),), (x(4, 3), 0), **HALF,
           refusals=(refuse(RuntimeError, "Halving dimension must be even, but dimension 1 is size 3", np.ones((2, 3))),)),
    record(F + "prelu", (x(2, 3), x(1)), (x(2, 3, 4), x(3)), (x(), x(1)), **NET),
    record(F + "rrelu", (x(2, 3), 0.1, 0.3, True), (x(2, 3),), random=True, batch=False, **NET),
    record("softmax", (x(2, 3), 1), (x(2, 3), 0), (x(), 0), (x(3, 2).T, -1), out=True, dtypes=FLOATS),
    record("softmax", (x(2, 3), 1, "float64"), suffix=".with_dtype", **NET,
           call=lambda t: lambda a, dim, kind: t.softmax(a, dim, dtype=getattr(t, kind))),
    record("log_softmax", (x(2, 3), 1), (x(2, 3), 0), (x(), 0), out=True, dtypes=FLOATS),
    record("log_softmax", (x(2, 3), 1, "float64"), suffix=".with_dtype", **NET,
           call=lambda t: lambda a, dim, kind: t.log_softmax(a, dim, dtype=getattr(t, kind))),
    record(F + "softmin", (x(2, 3), 1), (x(2, 3), 0), **HALF),
    record(F + "softmin", (x(2, 3), 1, "float64"), suffix=".with_dtype", **NET,
           call=lambda t: lambda a, dim, kind: t.nn.functional.softmin(a, dim, dtype=getattr(t, kind))),
    record(F + "normalize", (x(2, 3),), (x(2, 3), 1.0, 0), (x(2, 3), 3.0, -1), **NET),
]  # fmt: skip

LAYERS = [
    whole("linear", (x(2, 3), x(4, 3)), (x(2, 2, 3), x(4, 3), x(4)), (x(3), x(4, 3), x(4)),
          refusals=(refuse(RuntimeError, "mat1 and mat2 shapes cannot be multiplied (2x3 and 4x2)", np.ones((2, 3)), np.ones((2, 4))),)),
    whole("bilinear", (x(2, 3), x(2, 4), x(5, 3, 4)), (x(2, 3), x(2, 4), x(5, 3, 4), x(5)), (x(0, 3), x(0, 4), x(5, 3, 4))),
    whole("embedding", (np.array([[0, 2], [1, 2]]), x(3, 4)), (np.array(2), x(3, 2))),
    whole("embedding_bag", (np.array([[0, 2], [1, 2]]), x(3, 4), {"mode": "sum"}), (i(0, 1, 2, 1), x(3, 2), i(0, 2), {"mode": "mean"}),
          (i(0, 1, 2, 1), x(3, 2), i(0, 2), {"mode": "max"}), batch=False),
    whole("one_hot", (i(0, 2, 1), 3), (np.array([[0], [1]]), 4), differentiable=False, dtypes=()),
    whole("conv1d", (x(2, 3, 5), x(4, 3, 2)), (x(1, 4, 6), x(4, 2, 3), x(4), 2, 1, 1, 2), (x(3, 5), x(4, 3, 2), None, 1, 0, 2)),
    whole("conv2d", (x(2, 3, 4, 5), x(4, 3, 2, 3)), (x(1, 4, 5, 5), x(4, 2, 3, 3), x(4), 2, 1, 1, 2),
          (x(1, 2, 5, 5), x(3, 2, 2, 2), x(3), 1, "same", 2), (x(2, 4, 4), x(3, 2, 2, 2), None, (2, 1), (0, 1)),
          refusals=(refuse(RuntimeError, "expected input[1, 2, 4, 4] to have 3 channels, but got 2 channels instead",
                           np.ones((1, 2, 4, 4)), np.ones((1, 3, 2, 2))),)),
    whole("conv3d", (x(1, 2, 3, 3, 4), x(3, 2, 2, 2, 2)), (x(1, 2, 4, 4, 4), x(2, 1, 2, 2, 2), x(2), 2, 1, 1, 2)),
    whole("conv_transpose1d", (x(2, 3, 4), x(3, 2, 3)), (x(1, 4, 4), x(4, 1, 2), x(2), 2, 1, 1, 2)),
    whole("conv_transpose2d", (x(1, 3, 3, 3), x(3, 2, 2, 3)), (x(1, 4, 3, 3), x(4, 1, 2, 2), x(2), 2, 1, 1, 2)),
    whole("conv_transpose3d", (x(1, 2, 2, 2, 3), x(2, 2, 2, 2, 2)), (x(1, 2, 2, 2, 2), x(2, 1, 2, 2, 2), x(2), 2, 1, 1, 2)),
    whole("unfold", (x(1, 2, 4, 5), (2, 3)), (x(1, 2, 5, 5), 2, 2, 1, 2)),
    whole("fold", (x(1, 8, 4), (3, 3), (2, 2)), (x(1, 8, 9), (5, 5), 2, 2, 1, 2)),
    whole("pixel_shuffle", (x(1, 8, 2, 3), 2)), whole("pixel_unshuffle", (x(1, 2, 4, 6), 2)),
    whole("channel_shuffle", (x(1, 4, 2, 2), 2)),
    whole("scaled_dot_product_attention", (x(2, 3, 4), x(2, 5, 4), x(2, 5, 2)), (x(2, 3, 4), x(2, 3, 4), x(2, 3, 4), None, 0.0, True),
          (x(1, 2, 3, 4), x(1, 2, 5, 4), x(1, 2, 5, 4), x(3, 5)), (x(1, 2, 3, 4), x(1, 2, 3, 4), x(1, 2, 3, 4), {"scale": 0.3})),
    whole("multi_head_attention_forward",
          (x(3, 2, 4), x(3, 2, 4), x(3, 2, 4), 4, 2, x(12, 4), x(12), None, None, False, 0.0, x(4, 4), x(4)), batch=False, dtypes=("float64",)),
    whole("batch_norm", (x(4, 3), np.zeros(3), np.ones(3)), (x(2, 3, 4), None, None, x(3), x(3), True), fixed=(1, 2)),
    whole("layer_norm", (x(2, 3), (3,)), (x(2, 3, 2), (3, 2), x(3, 2), x(3, 2))),
    whole("group_norm", (x(2, 4, 3), 2), (x(2, 4, 3), 2, x(4), x(4))),
    whole("instance_norm", (x(2, 3, 4),), (x(2, 3, 4), None, None, x(3), x(3))),
    whole("rms_norm", (x(2, 3), (3,)), (x(2, 3), (3,), x(3), 1e-5)),
    whole("local_response_norm", (x(2, 5, 3), 3), (x(2, 5, 3), 2, 0.5, 0.6, 2.0)),
    whole("grid_sample", (x(1, 2, 4, 5), x(1, 3, 2, 2, low=-0.9, high=0.9), "bilinear", "zeros", False),
          (x(1, 2, 4, 5), x(1, 3, 2, 2, low=-1.5, high=1.5), "bilinear", "border", True),
          (x(1, 2, 4, 5), x(1, 3, 2, 2, low=-0.9, high=0.9), "bicubic", "reflection", False), twice=False, batch=False, forward=False),
    whole("affine_grid", (x(1, 2, 3), (1, 1, 3, 4), False), (x(2, 3, 4), (2, 1, 2, 3, 2), True)),
]  # fmt: skip

SIZES = dict(batch=False)
POOLING = [
    whole("avg_pool1d", (x(2, 3, 6), 2), (x(3, 7), 3, 2, 1, True, False), dtypes=("float32", "float64")),
    whole("avg_pool2d", (x(1, 2, 4, 5), 2), (x(2, 5, 5), 3, 2, 1, True, False, 5)),
    whole("avg_pool3d", (x(1, 2, 4, 4, 4), 2), (x(2, 4, 4, 4), 3, 2, 1)),
    whole("max_pool1d", (apart(2, 3, 6), 2), (apart(3, 7), 3, 2, 1, 1, True), (apart(1, 2, 7), 2, 1, 0, 2)),
    whole("max_pool2d", (apart(1, 2, 4, 5), 2), (apart(2, 5, 5), 3, 2, 1, 1, True), (apart(1, 1, 6, 6), 2, 1, 0, 2, False, True)),
    whole("max_pool3d", (apart(1, 2, 4, 4, 4), 2), (apart(2, 4, 4, 4), 3, 2, 1)),
    *[whole(f"adaptive_avg_pool{n}d", (x(1, 2, *[5] * n), 3), (x(2, *[4] * n), 2)) for n in (1, 2, 3)],
    *[whole(f"adaptive_max_pool{n}d", (apart(1, 2, *[5] * n), 3), (apart(2, *[4] * n), 2, True)) for n in (1, 2, 3)],
    whole("lp_pool1d", (x(2, 3, 6, low=0.5), 2.0, 2),), whole("lp_pool2d", (x(1, 2, 4, 4, low=0.5), 3.0, 2, 1),),
    whole("fractional_max_pool2d", (apart(1, 2, 7, 7), 2, {"output_size": 3}), random=True, **SIZES),
    whole("fractional_max_pool3d", (apart(1, 2, 6, 6, 6), 2, {"output_size": 3}), random=True, **SIZES),
    *[whole(f"max_unpool{n}d", (x(1, 2, *[2] * n), np.tile(np.arange(2**n).reshape([1, 1] + [2] * n), [1, 2] + [1] * n), 2))
      for n in (1, 2, 3)],
]  # fmt: skip

PADS = [
    *[record(F + "pad", (x(2, 3, 4), (1, 2), mode), (x(1, 2, 3, 4), (1, 0, 2, 1), mode), suffix="." + mode, **NET) for mode in (
        "reflect", "replicate", "circular")],
    record(F + "pad", (x(2, 3), (1, 2)), (x(2, 3), (1, 0, 0, 2), "constant", 1.5), (x(2, 3), (-1, 1)), suffix=".constant", **NET),
    record(F + "pad", (x(1, 2, 4, 5), (-1, 2, 1, -1), "replicate"), suffix=".replicate_negative", **NET),
    *[record(F + "interpolate", (x(1, 2, *[4] * n), {"size": 3, "mode": mode}), (x(1, 2, *[3] * n), {"scale_factor": 2.0, "mode": mode, **extra}),
             suffix="." + mode, **NET) for mode, n, extra in (
        ("nearest", 2, {}), ("nearest-exact", 2, {}), ("linear", 1, {"align_corners": True}), ("bilinear", 2, {"align_corners": True}),
        ("bicubic", 2, {"align_corners": True}), ("trilinear", 3, {"align_corners": False}), ("area", 2, {}))],
    whole("upsample_nearest", (x(1, 2, 3, 3), {"scale_factor": 2}),),
    whole("upsample_bilinear", (x(1, 2, 3, 3), {"size": (5, 4)}),),
]  # fmt: skip

CHANCES = dict(random=True, batch=False)
DROPOUTS = [
    *[whole(name, (x(*shape), 0.4, True), (x(*shape), 0.4, False), **CHANCES) for name, shape in (
        ("dropout", (3, 4)), ("alpha_dropout", (3, 4)), ("dropout1d", (2, 3, 4)), ("dropout2d", (2, 3, 4, 2)), ("dropout3d", (2, 3, 2, 2, 2)))],
    record(F + "feature_alpha_dropout", (x(2, 3, 4), 0.4, True), suffix=".with_train", **CHANCES, **NET),
    record(F + "feature_alpha_dropout", (x(2, 3, 4), 0.4, False), suffix=".without_train", **NET),
]  # fmt: skip

SIGNS = np.array([1.0, -1.0, 1.0])
TARGET = dict(fixed=(1,))
LOG_ROWS = np.log(shares(5, 2, 4))
LOSSES = [
    *[whole(name, (x(2, 3), x(2, 3)), (x(2, 3), x(2, 3), {"reduction": "sum"}), (x(3), x(3), {"reduction": "none"}))
      for name in ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss")],
    whole("kl_div", (x(2, 3), shares(2, 3)), (x(2, 3), x(2, 3), {"log_target": True, "reduction": "batchmean"})),
    whole("binary_cross_entropy", (shares(2, 3), shares(2, 3)), (shares(2, 3), shares(2, 3), shares(2, 3), {"reduction": "sum"}), fixed=(1, 2)),
    whole("binary_cross_entropy_with_logits", (x(2, 3), shares(2, 3)),
          (x(2, 3), shares(2, 3), shares(2, 3), None, None, "mean", np.array([1.0, 2.0, 0.5])), fixed=(1, 2, 6)),
    whole("cross_entropy", (x(3, 4), i(0, 3, 1)), (x(3, 4), shares(3, 4), {"label_smoothing": 0.1}),
          (x(2, 3, 4), np.array([[0, 2, 1, 1], [2, 0, -100, 1]])), (x(4), np.array(2)),
          refusals=(refuse(ValueError, "Expected input batch_size (3) to match target batch_size (2).", np.ones((3, 4)), i(0, 1)),)),
    whole("nll_loss", (x(3, 4), i(0, 3, 1)), (x(3, 4), i(0, -100, 1), {"reduction": "sum"}), (x(2, 3, 4), np.array([[0, 2, 1, 1], [2, 0, 2, 1]]))),
    whole("linear_cross_entropy", (x(2, 3), x(4, 3), i(1, 3)), (x(2, 3), x(4, 3), i(1, 3), {"linear_bias": x(4), "reduction": "none"}),
          refusals=(refuse(RuntimeError, "expected input with dimensionality 1 or 2, got 3", np.ones((1, 2, 3)), np.ones((4, 3)), i(1, 3)),)),
    # Of normalised rows: of others, PyTorch's gradient is not the slope.
    whole("ctc_loss", (LOG_ROWS, np.array([[1, 2], [3, 1]]), i(5, 5), i(2, 1)), batch=False, forward=True,
          ours=True, call=lambda t: lambda rows, *rest: t.nn.functional.ctc_loss(rows.log_softmax(2), *rest)),
    whole("cosine_similarity", (x(2, 3), x(2, 3)), (x(2, 3), x(3), {"dim": 1}), (x(2, 1, 3), x(1, 2, 3), {"dim": -2})),
    whole("pairwise_distance", (x(2, 3), x(2, 3)), (x(3), x(3), 1.0)), whole("pdist", (x(4, 3),), (x(3, 2), 1.0)),
    whole("cosine_embedding_loss", (x(3, 4), x(3, 4), SIGNS), (x(3, 4), x(3, 4), SIGNS, 0.3), fixed=(2,)),
    whole("hinge_embedding_loss", (x(3), SIGNS), (x(3), SIGNS, 0.5), **TARGET),
    whole("margin_ranking_loss", (x(3), x(3), SIGNS), (x(3), x(3), SIGNS, 0.5), fixed=(2,)),
    whole("soft_margin_loss", (x(3), SIGNS), **TARGET),
    whole("multi_margin_loss", (x(3, 4), i(0, 3, 1)), (x(3, 4), i(0, 3, 1), {"p": 2, "margin": 0.5}),
          refusals=(refuse(ValueError, "only p == 1 and p == 2 supported", np.ones((3, 4)), i(0, 3, 1), 3),)),
    whole("multilabel_margin_loss", (x(2, 4), np.array([[3, 0, -1, 1], [1, -1, 0, 0]]))),
    whole("multilabel_soft_margin_loss", (x(2, 3), np.array([[1.0, 0, 1], [0, 1, 1]])), **TARGET),
    whole("poisson_nll_loss", (x(3), x(3, low=0.5)), (x(3, low=0.5), x(3, low=1.1), {"log_input": False, "full": True}), **TARGET),
    whole("gaussian_nll_loss", (x(3), x(3), x(3, low=0.5)), (x(2, 3), x(2, 3), x(2, 3, low=0.5), {"full": True}), fixed=(1,)),
    whole("triplet_margin_loss", (x(2, 3), x(2, 3), x(2, 3)), (x(2, 3), x(2, 3), x(2, 3), 2.0, 1.0)),
    whole("triplet_margin_with_distance_loss", (x(2, 3), x(2, 3), x(2, 3)), (x(2, 3), x(2, 3), x(2, 3), {"margin": 2.0, "swap": True})),
]  # fmt: skip

NETWORK = ACTIVATIONS + LAYERS + POOLING + PADS + DROPOUTS + LOSSES
