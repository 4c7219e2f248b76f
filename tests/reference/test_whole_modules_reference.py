"""Whole modules both ways: PyTorch loads those that tidu saved, and tidu those of PyTorch."""

import pytest
import torch

import tidu

# name of the layer, its arguments, the shapes of its inputs
LAYERS = [
    ("Linear", (3, 4), [(2, 3)]),
    ("Bilinear", (3, 4, 2), [(2, 3), (2, 4)]),
    ("Conv1d", (2, 4, 3), [(1, 2, 8)]),
    ("Conv2d", (2, 4, 3), [(1, 2, 6, 6)]),
    ("ConvTranspose2d", (2, 4, 3), [(1, 2, 6, 6)]),
    ("BatchNorm2d", (2,), [(3, 2, 4, 4)]),
    ("LayerNorm", (4,), [(2, 4)]),
    ("GroupNorm", (2, 4), [(2, 4, 3)]),
    ("InstanceNorm1d", (2,), [(2, 2, 5)]),
    ("RMSNorm", (4,), [(2, 4)]),
    ("LocalResponseNorm", (2,), [(2, 4, 3)]),
    ("Embedding", (5, 3), None),
    ("EmbeddingBag", (5, 3), None),
    ("RNN", (3, 4, 2), [(5, 2, 3)]),
    ("LSTM", (3, 4), [(5, 2, 3)]),
    ("GRU", (3, 4), [(5, 2, 3)]),
    ("LSTMCell", (3, 4), [(2, 3)]),
    ("MultiheadAttention", (4, 2), [(3, 1, 4)] * 3),
    ("TransformerEncoderLayer", (4, 2, 8), [(3, 1, 4)]),
    ("TransformerDecoderLayer", (4, 2, 8), [(3, 1, 4)] * 2),
    ("PReLU", (), [(2, 3)]),
    ("Softmax", (1,), [(2, 3)]),
    ("GELU", (), [(2, 3)]),
    ("Hardtanh", (), [(2, 3)]),
    ("Dropout", (0.4,), [(2, 3)]),
    ("MaxPool2d", (2,), [(1, 2, 6, 6)]),
    ("AdaptiveAvgPool2d", (2,), [(1, 2, 6, 6)]),
    ("Upsample", (None, 2), [(1, 2, 3, 3)]),
    ("PixelShuffle", (2,), [(1, 4, 3, 3)]),
    ("Flatten", (), [(2, 3, 4)]),
    ("ZeroPad2d", (1,), [(1, 2, 3, 3)]),
    ("CosineSimilarity", (), [(2, 3)] * 2),
    ("MSELoss", (), [(2, 3)] * 2),
    ("CrossEntropyLoss", (), [(2, 3)] * 2),
    ("KLDivLoss", (), None),
    ("AdaptiveLogSoftmaxWithLoss", (4, 8, [3]), None),
]


def numbers(shapes):
    return [torch.linspace(-1, 1.5, torch.Size(s).numel()).reshape(s) for s in shapes]


def first(result):
    return first(result[0]) if isinstance(result, tuple) else result


@pytest.mark.parametrize(("name", "arguments", "shapes"), LAYERS, ids=lambda v: str(v)[:24])
def test_layers(name, arguments, shapes, tmp_path):
    theirs = torch.nn.Sequential(getattr(torch.nn, name)(*arguments)).eval()
    torch.save(theirs, tmp_path / "theirs.pt")
    ours = tidu.load(tmp_path / "theirs.pt", weights_only=False)
    assert type(ours[0]) is getattr(tidu.nn, name) and not ours[0].training
    tidu.save(ours, tmp_path / "ours.pt")
    back = torch.load(tmp_path / "ours.pt", weights_only=False)
    assert type(back[0]) is type(theirs[0])
    fresh = getattr(tidu.nn, name)(*arguments).eval()
    tidu.save(fresh, tmp_path / "fresh.pt")
    loaded = torch.load(tmp_path / "fresh.pt", weights_only=False)
    assert list(loaded.state_dict()) == list(fresh.state_dict())
    assert repr(back[0]) == repr(theirs[0]) == repr(ours[0])
    if shapes is None:
        return
    inputs = numbers(shapes)
    expected = first(theirs[0](*inputs))
    torch.testing.assert_close(first(back[0](*inputs)), expected)
    result = first(ours[0](*[tidu.from_numpy(t.numpy()) for t in inputs]))
    torch.testing.assert_close(torch.from_numpy(result.detach().numpy()), expected)
    assert first(loaded(*inputs)).shape == expected.shape
    second = first(ours.to(tidu.float64)[0](*[tidu.from_numpy(t.double().numpy()) for t in inputs]))
    assert second.dtype is tidu.float64


def test_the_first_sentence_of_the_refusal(tmp_path):
    torch.save(torch.nn.Linear(1, 1), tmp_path / "x.pt")
    messages = []
    for library in (torch, tidu):
        with pytest.raises(Exception, match="Weights only load failed") as caught:
            library.load(tmp_path / "x.pt")
        messages.append(str(caught.value))
    assert messages[0].partition(",")[0] == messages[1].partition(",")[0]
    wanted = "GLOBAL torch.nn.modules.linear.Linear was not an allowed global by default"
    assert wanted in messages[0] and wanted in messages[1]
    for library in (torch, tidu):
        with library.serialization.safe_globals([library.nn.Linear]):
            assert isinstance(library.load(tmp_path / "x.pt"), library.nn.Linear)


def test_the_old_format(tmp_path):
    torch.save(torch.nn.GRU(2, 3), tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    assert type(tidu.load(tmp_path / "old.pt", weights_only=False)) is tidu.nn.GRU
