"""Every layer and loss against PyTorch: text, first values, state names, results, gradients."""

import numpy as np
import pytest

import tidu
import tidu.nn

torch = pytest.importorskip("torch")

I, B = "index", "probability"


def layer(text, *inputs, training=True):
    return pytest.param(text, inputs, training, id=text[:60])


LAYERS = [
    layer("Identity()", (2, 3)),
    layer("Linear(3, 2)", (4, 3)),
    layer("Linear(3, 2, bias=False)", (5, 4, 3)),
    layer("Linear(3, 2)", (3,)),
    layer("Bilinear(3, 4, 2)", (5, 3), (5, 4)),
    layer("Conv1d(3, 4, 2)", (2, 3, 6)),
    layer("Conv2d(3, 4, 3, padding=1)", (2, 3, 5, 6)),
    layer("Conv2d(4, 4, (2, 3), stride=2, groups=2, dilation=(1, 2))", (2, 4, 7, 8)),
    layer("Conv2d(3, 4, 3, padding='same', bias=False)", (3, 5, 5)),
    layer("Conv2d(3, 4, 3, padding=1, padding_mode='reflect')", (2, 3, 5, 5)),
    layer("Conv2d(3, 4, 3, padding=1, padding_mode='circular')", (2, 3, 5, 5)),
    layer("Conv3d(2, 3, 2)", (1, 2, 4, 4, 4)),
    layer("ConvTranspose1d(3, 2, 2, stride=2)", (2, 3, 4)),
    layer("ConvTranspose2d(3, 2, 3, stride=2, padding=1, output_padding=1)", (2, 3, 4, 4)),
    layer("ConvTranspose3d(2, 2, 2)", (1, 2, 3, 3, 3)),
    layer("MaxPool1d(2)", (2, 3, 6)),
    layer("MaxPool2d(3, stride=2, padding=1)", (2, 3, 7, 7)),
    layer("MaxPool2d(2, ceil_mode=True)", (2, 3, 5, 5)),
    layer("MaxPool3d(2)", (1, 2, 4, 4, 4)),
    layer("AvgPool1d(2)", (2, 3, 6)),
    layer("AvgPool2d(3, stride=2, padding=1, count_include_pad=False)", (2, 3, 7, 7)),
    layer("AvgPool3d(2)", (1, 2, 4, 4, 4)),
    layer("LPPool2d(2, 2)", (1, 2, 4, 4)),
    layer("AdaptiveAvgPool1d(3)", (2, 3, 7)),
    layer("AdaptiveAvgPool2d((2, 3))", (2, 3, 5, 7)),
    layer("AdaptiveAvgPool2d(1)", (2, 3, 5, 7)),
    layer("AdaptiveAvgPool2d((None, 2))", (2, 3, 5, 4)),
    layer("AdaptiveAvgPool3d(2)", (1, 2, 4, 4, 4)),
    layer("AdaptiveMaxPool1d(3)", (2, 3, 7)),
    layer("AdaptiveMaxPool2d((2, 3))", (2, 3, 5, 7)),
    layer("AdaptiveMaxPool3d(2)", (1, 2, 4, 4, 4)),
    layer("BatchNorm1d(3)", (4, 3)),
    layer("BatchNorm1d(3, momentum=None)", (4, 3, 2)),
    layer("BatchNorm2d(3)", (2, 3, 4, 4)),
    layer("BatchNorm2d(3)", (2, 3, 4, 4), training=False),
    layer("BatchNorm2d(3, affine=False, track_running_stats=False)", (2, 3, 4, 4)),
    layer("BatchNorm3d(2)", (2, 2, 2, 2, 2)),
    layer("LayerNorm(4)", (2, 3, 4)),
    layer("LayerNorm((3, 4), elementwise_affine=False)", (2, 3, 4)),
    layer("LayerNorm(4, bias=False)", (2, 4)),
    layer("GroupNorm(2, 4)", (3, 4, 5)),
    layer("InstanceNorm1d(3)", (2, 3, 5)),
    layer("InstanceNorm2d(3, affine=True, track_running_stats=True)", (2, 3, 4, 4)),
    layer("InstanceNorm3d(2)", (2, 2, 3, 3, 3)),
    layer("RMSNorm(4)", (2, 3, 4)),
    layer("LocalResponseNorm(3)", (2, 5, 4)),
    layer("Dropout(0.3)", (40, 5)),
    layer("Dropout(0.3)", (4, 5), training=False),
    layer("Dropout1d(0.5)", (4, 5, 3)),
    layer("Dropout2d(0.5)", (4, 5, 3, 3)),
    layer("Dropout3d(0.5)", (4, 5, 2, 2, 2)),
    layer("AlphaDropout(0.4)", (6, 5)),
    layer("FeatureAlphaDropout(0.4)", (6, 5, 3)),
    layer("Embedding(5, 3)", (I, (2, 4), 5)),
    layer("Embedding(5, 3, padding_idx=1)", (I, (2, 4), 5)),
    layer("Embedding(5, 3, max_norm=1.0)", (I, (2, 4), 5)),
    layer("EmbeddingBag(5, 3)", (I, (2, 4), 5)),
    layer("EmbeddingBag(5, 3, mode='sum', padding_idx=2)", (I, (2, 4), 5)),
    layer("EmbeddingBag(5, 3, mode='max')", (I, (2, 4), 5)),
    layer("Flatten()", (2, 3, 4)),
    layer("Unflatten(1, (2, 3))", (2, 6)),
    layer("Fold((4, 5), (2, 2))", (1, 12, 12)),
    layer("Unfold((2, 3), padding=1)", (1, 2, 4, 5)),
    *[layer(f"{name}()", (4, 6)) for name in (
        "ReLU", "ReLU6", "ELU", "CELU", "SELU", "GELU", "SiLU", "Mish", "Sigmoid", "Tanh",
        "LogSigmoid", "Softplus", "Softsign", "Tanhshrink", "Softshrink", "Hardshrink",
        "Hardsigmoid", "Hardswish", "Hardtanh", "LeakyReLU", "PReLU", "GLU", "RReLU",
    )],
    layer("GELU(approximate='tanh')", (4, 6)),
    layer("RReLU()", (4, 6), training=False),
    layer("PReLU(3)", (2, 3, 4)),
    layer("Threshold(0.1, 20.0)", (4, 6)),
    layer("LeakyReLU(0.2)", (4, 6)),
    layer("ELU(alpha=2.0)", (4, 6)),
    layer("Hardtanh(-2.0, 0.5)", (4, 6)),
    layer("Softplus(beta=2.0, threshold=1.0)", (4, 6)),
    layer("Softmax(dim=1)", (4, 6)),
    layer("LogSoftmax(dim=-1)", (4, 6)),
    layer("Softmin(dim=0)", (4, 6)),
    layer("Softmax2d()", (2, 3, 4, 5)),
    *[layer(f"{name}1d(2)", (2, 3, 5)) for name in (
        "ReflectionPad", "ReplicationPad", "ZeroPad", "CircularPad")],
    *[layer(f"{name}2d((1, 2, 0, 1))", (2, 3, 4, 5)) for name in (
        "ReflectionPad", "ReplicationPad", "ZeroPad", "CircularPad")],
    *[layer(f"{name}3d(1)", (1, 2, 3, 4, 3)) for name in (
        "ReflectionPad", "ReplicationPad", "ZeroPad", "CircularPad")],
    layer("ConstantPad2d((1, -1, 2, 0), 3.5)", (2, 3, 4, 5)),
    layer("Upsample(scale_factor=2)", (1, 2, 3, 4)),
    layer("Upsample(size=(5, 7), mode='bilinear')", (1, 2, 3, 4)),
    layer("Upsample(scale_factor=1.7, mode='bilinear', align_corners=True)", (1, 2, 3, 4)),
    layer("Upsample(scale_factor=2, mode='bicubic')", (1, 2, 4, 5)),
    layer("Upsample(scale_factor=2, mode='linear')", (1, 2, 4)),
    layer("Upsample(scale_factor=2, mode='trilinear')", (1, 2, 2, 3, 2)),
    layer("Upsample(size=(2, 3), mode='area')", (1, 2, 5, 7)),
    layer("Upsample(size=(2, 3), mode='nearest-exact')", (1, 2, 5, 7)),
    layer("UpsamplingNearest2d(scale_factor=3)", (1, 2, 3, 4)),
    layer("UpsamplingBilinear2d(scale_factor=2)", (1, 2, 3, 4)),
    layer("PixelShuffle(2)", (1, 8, 3, 2)),
    layer("PixelUnshuffle(2)", (1, 2, 4, 6)),
    layer("ChannelShuffle(2)", (1, 4, 3, 2)),
    layer("CosineSimilarity()", (3, 4), (3, 4)),
    layer("PairwiseDistance()", (3, 4), (3, 4)),
    layer("RNN(3, 4)", (5, 2, 3)),
    layer("RNN(3, 4, nonlinearity='relu', bidirectional=True)", (5, 2, 3)),
    layer("GRU(3, 4, 2, batch_first=True)", (2, 5, 3)),
    layer("GRU(3, 4, 2, bidirectional=True, bias=False)", (5, 2, 3)),
    layer("LSTM(3, 4)", (5, 2, 3)),
    layer("LSTM(3, 4, num_layers=2, bidirectional=True, batch_first=True)", (2, 5, 3)),
    layer("LSTM(3, 4, num_layers=2, proj_size=2)", (5, 2, 3)),
    layer("LSTM(3, 4)", (5, 3)),
    layer("LSTM(3, 4, num_layers=2, dropout=0.5)", (5, 2, 3)),
    layer("RNNCell(3, 4)", (2, 3)),
    layer("LSTMCell(3, 4)", (2, 3)),
    layer("GRUCell(3, 4, bias=False)", (3,)),
    layer("MultiheadAttention(8, 2)", (5, 3, 8), (6, 3, 8), (6, 3, 8)),
    layer("MultiheadAttention(8, 2, batch_first=True, bias=False)",
          (3, 5, 8), (3, 6, 8), (3, 6, 8)),
    layer("MultiheadAttention(8, 2, kdim=4, vdim=6)", (5, 3, 8), (6, 3, 4), (6, 3, 6)),
    layer("MultiheadAttention(8, 2, add_bias_kv=True, add_zero_attn=True)",
          (5, 3, 8), (6, 3, 8), (6, 3, 8)),
    layer("TransformerEncoderLayer(8, 2, 16)", (5, 3, 8)),
    layer("TransformerEncoderLayer(8, 2, 16, norm_first=True, activation='gelu', dropout=0.0)",
          (5, 3, 8)),
    layer("TransformerEncoder(TransformerEncoderLayer(8, 2, 16, batch_first=True), 2, "
          "enable_nested_tensor=False)", (3, 5, 8)),
    layer("TransformerDecoderLayer(8, 2, 16)", (5, 3, 8), (6, 3, 8)),
    layer("Transformer(8, 2, 1, 1, 16, dropout=0.0)", (5, 3, 8), (6, 3, 8)),
    layer("Sequential(Linear(3, 4), Tanh(), Sequential(Linear(4, 2), ReLU()))", (5, 3)),
]  # fmt: skip

LOSSES = [
    layer("MSELoss()", (4, 3), (4, 3)),
    layer("MSELoss(reduction='none')", (4, 3), (4, 3)),
    layer("L1Loss(reduction='sum')", (4, 3), (4, 3)),
    layer("SmoothL1Loss(beta=0.5)", (4, 3), (4, 3)),
    layer("HuberLoss(delta=0.7)", (4, 3), (4, 3)),
    layer("CrossEntropyLoss()", (4, 3), (I, (4,), 3)),
    layer("CrossEntropyLoss(reduction='sum')", (4, 3, 2), (I, (4, 2), 3)),
    layer("CrossEntropyLoss(label_smoothing=0.1)", (4, 3), (I, (4,), 3)),
    layer("CrossEntropyLoss(ignore_index=1, label_smoothing=0.1)", (4, 3), (I, (4,), 3)),
    layer("CrossEntropyLoss(weight=T([1.0, 2.0, 0.5]))", (4, 3), (I, (4,), 3)),
    layer("CrossEntropyLoss(weight=T([1.0, 2.0, 0.5]), label_smoothing=0.2, ignore_index=0)",
          (4, 3), (I, (4,), 3)),
    layer("CrossEntropyLoss(weight=T([1.0, 2.0, 0.5]), label_smoothing=0.2)", (4, 3), (B, (4, 3))),
    layer("CrossEntropyLoss()", (3,), (I, (), 3)),
    layer("NLLLoss(ignore_index=2)", (4, 3), (I, (4,), 3)),
    layer("NLLLoss(weight=T([1.0, 2.0, 0.5]), reduction='none')", (4, 3), (I, (4,), 3)),
    layer("BCELoss()", (B, (4, 3)), (B, (4, 3))),
    layer("BCELoss(weight=T([1.0, 2.0, 0.5]))", (B, (4, 3)), (B, (4, 3))),
    layer("BCEWithLogitsLoss()", (4, 3), (B, (4, 3))),
    layer("BCEWithLogitsLoss(pos_weight=T([1.0, 2.0, 0.5]))", (4, 3), (B, (4, 3))),
    layer("KLDivLoss(reduction='batchmean')", (4, 3), (B, (4, 3))),
    layer("KLDivLoss(reduction='sum', log_target=True)", (4, 3), (4, 3)),
    layer("PoissonNLLLoss(full=True)", (4, 3), (I, (4, 3), 4)),
    layer("GaussianNLLLoss(full=True)", (4, 3), (4, 3), (B, (4, 3))),
    layer("HingeEmbeddingLoss()", (4, 3), ("sign", (4, 3))),
    layer("MarginRankingLoss(margin=0.3)", (4,), (4,), ("sign", (4,))),
    layer("CosineEmbeddingLoss(margin=0.1)", (4, 3), (4, 3), ("sign", (4,))),
    layer("SoftMarginLoss()", (4, 3), ("sign", (4, 3))),
    layer("TripletMarginLoss(swap=True)", (4, 3), (4, 3), (4, 3)),
    layer("TripletMarginWithDistanceLoss()", (4, 3), (4, 3), (4, 3)),
    layer("MultiMarginLoss(p=2)", (4, 3), (I, (4,), 3)),
    layer("MultiLabelMarginLoss()", (1, 4), ("labels", (1, 4))),
    layer("MultiLabelSoftMarginLoss()", (4, 3), (B, (4, 3))),
]  # fmt: skip


def array_of(spec, random):
    if not spec or isinstance(spec[0], int):
        return random.standard_normal(spec).astype(np.float32)
    kind, shape = spec[:2]
    if kind == I:
        return random.integers(0, spec[2], shape)
    if kind == B:
        return random.uniform(0.05, 0.95, shape).astype(np.float32)
    if kind == "sign":
        return np.where(random.random(shape) < 0.5, -1.0, 1.0).astype(np.float32)
    return np.array([[3, 0, -1, 1]])


def made(library, text):
    library.manual_seed(0)
    names = {name: getattr(library.nn, name) for name in dir(library.nn) if name[0].isupper()}
    return eval(text, {**names, "T": library.tensor})


def flat(result):
    if isinstance(result, (tuple, list)):
        return [leaf for part in result for leaf in flat(part)]
    return [] if result is None else [result]


def computed(library, module, arrays, constant):
    tensors = []
    for array, fixed in zip(arrays, constant, strict=True):
        tensor = library.from_numpy(np.array(array))
        differentiable = tensor.is_floating_point() and not fixed
        tensors.append(tensor.requires_grad_() if differentiable else tensor)
    library.manual_seed(1)
    results = flat(module(*tensors))
    total = sum((r * r * 0.5 + r).sum() for r in results if r.is_floating_point())
    total.backward()
    return results, tensors


def numbers(tensor):
    return tensor.detach().numpy()


def compare(text, inputs, training):
    random = np.random.default_rng(0)
    arrays = [array_of(spec, random) for spec in inputs]
    constant = [bool(spec) and spec[0] == "sign" for spec in inputs]
    ours, theirs = made(tidu, text), made(torch, text)
    assert repr(ours) == repr(theirs)
    ours.train(training), theirs.train(training)
    state, expected = ours.state_dict(), theirs.state_dict()
    assert list(state) == list(expected)
    assert state._metadata == expected._metadata
    for name in state:
        np.testing.assert_allclose(
            numbers(state[name]), numbers(expected[name]), rtol=2e-6, atol=1e-7, err_msg=name
        )
    results, tensors = computed(tidu, ours, arrays, constant)
    wanted, others = computed(torch, theirs, arrays, constant)
    assert len(results) == len(wanted)
    for a, b in zip(results, wanted, strict=True):
        np.testing.assert_allclose(numbers(a), numbers(b), rtol=2e-5, atol=2e-6)
        assert str(a.dtype) == str(b.dtype)
    pairs = list(zip(tensors, others, strict=True))
    pairs += zip(ours.parameters(), theirs.parameters(), strict=True)
    for a, b in pairs:
        assert (a.grad is None) == (b.grad is None)
        if b.grad is not None:
            np.testing.assert_allclose(numbers(a.grad), numbers(b.grad), rtol=5e-5, atol=5e-6)
    for a, b in zip(ours.buffers(), theirs.buffers(), strict=True):
        np.testing.assert_allclose(numbers(a), numbers(b), rtol=2e-5, atol=1e-6)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("text, inputs, training", LAYERS)
def test_layer(text, inputs, training):
    compare(text, inputs, training)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("text, inputs, training", LOSSES)
def test_loss(text, inputs, training):
    compare(text, inputs, training)
