"""Files of everything that programs put into checkpoints beside tensors, both ways and in both
formats: what is loaded is what PyTorch loads from the same file."""

import collections
import datetime
import re
import zipfile

import numpy as np
import pytest

import tidu

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore")

PLAIN = {
    "slices": [slice(1, None, 2), slice(None)], "sets": [{1, 2}, frozenset({3}), set()],
    "mappings": [collections.OrderedDict(a=1), collections.defaultdict(list, {"a": [1]}),
                 collections.Counter("abca")],
    "dates": [datetime.datetime(2020, 1, 2, 3, 4, 5), datetime.date(2020, 1, 2),
              datetime.timedelta(3, 4), datetime.datetime(2020, 1, 2, tzinfo=datetime.UTC)],
    "numbers": [np.float64(1.5), np.float32(2), np.int64(3), np.bool_(True), np.complex64(1j)],
    "arrays": [np.arange(6).reshape(2, 3), np.ones((2, 2), order="F"), np.zeros((0, 3)),
               np.array(["a", "bc"]), np.array([b"x"]), np.arange(3, dtype=">i4"), np.array(5.0)],
    "objects": np.array([[1, "a"], [None, (2,)]], dtype=object),
    "days": np.array(["2020-01-01", "NaT"], dtype="datetime64[D]"),
    "waits": np.array([3, 4], dtype="timedelta64[10ms]"),
    "records": np.array([(1, 2.5), (3, 4.5)], dtype=[("a", "i4"), ("b", "f8")]),
    "aligned": np.zeros(2, np.dtype([("a", "i1"), ("b", "f8")], align=True)),
    "draws": np.random.RandomState(3).get_state(), "range": range(3, 9, 2),
}  # fmt: skip


def of_torch(t):
    """Values of one of the two libraries, by name."""
    generator = t.Generator().manual_seed(3)
    t.rand(1, generator=generator)
    t.manual_seed(0)
    base = t.arange(3.0)
    half = t.arange(4.0)
    weight = t.nn.Parameter(t.ones(1))
    return {
        "generator": generator, "max": t.max(t.arange(4.0).reshape(2, 2), 0),
        "sort": t.sort(t.tensor([3.0, 1.0])), "storage": base.storage(),
        "bytes": base.untyped_storage(), "shared storage": [base.storage(), base[1:]],
        "packed": t.nn.utils.rnn.pack_sequence([t.ones(2), t.ones(1)]),
        "words": [t.float32, t.bool, t.uint16, t.float8_e5m2, t.device("cpu"), t.Size([2, 3])],
        "8 bits": [half.to(kind) for kind in (t.float8_e4m3fn, t.float8_e5m2, t.float8_e4m3fnuz,
                                              t.float8_e5m2fnuz)],
        "powers": (half + 1).to(t.float8_e8m0fnu),
        "complex32": t.tensor([1 + 2j, 0.1 - 7j]).to(t.complex32),
        "types": [t.complex32, t.chalf],
        "unsigned": t.tensor([1, 65535], dtype=t.uint16),
        "negated": t.tensor([1 + 2j]).conj().imag.clone(), "conjugate": t.tensor([1 + 2j]).conj(),
        "ordered": t.arange(8.0).reshape(1, 2, 2, 2).contiguous(memory_format=t.channels_last),
        "none": t.empty(0, 3), "buffer": t.nn.Buffer(t.ones(2)),
        "list": t.nn.ParameterList([weight]), "module": t.nn.TransformerEncoderLayer(4, 2, 8),
        "optimizer": t.optim.Adam([weight]), "subset": t.utils.data.Subset([1, 2, 3], [0, 2]),
        "schedule": t.optim.lr_scheduler.StepLR(t.optim.SGD([weight], 0.1), 3).state_dict(),
        "distribution": t.distributions.Normal(0.0, 1.0), "class": t.nn.Linear,
        "average": t.optim.swa_utils.AveragedModel(t.nn.Linear(1, 1)).state_dict(),
    }  # fmt: skip


def shown(x, t):
    if isinstance(x, t.Generator):
        return f"Generator {x.initial_seed()} {t.rand(1, generator=x)}"
    if isinstance(x, t.Tensor):
        return f"{type(x).__name__} {x.stride() if x.numel() > 1 else ''} {x!r}"
    if isinstance(x, (list, tuple)):
        return type(x).__name__ + str([shown(part, t) for part in x])
    if isinstance(x, t.utils.data.Subset):
        return str(list(x))
    if isinstance(x, t.nn.Module):
        return repr(x) + str(x.state_dict())
    if isinstance(x, t.optim.Optimizer):
        return repr(x)
    return f"{type(x).__name__} " + re.sub("0x[0-9a-f]+", "", repr(x))


NAMES = [*PLAIN, *of_torch(tidu)]
OLD_FORMAT_LACKS = {
    "bytes",
    "8 bits",
    "powers",
    "unsigned",
    "generator",
    "complex32",
}  # PyTorch cannot either


def value(name, t):
    return PLAIN[name] if name in PLAIN else of_torch(t)[name]


@pytest.mark.parametrize("name", NAMES)
def test_what_pytorch_wrote(name, tmp_path):
    for zipped in (True, False) if name not in OLD_FORMAT_LACKS else (True,):
        path = tmp_path / f"{zipped}.pt"
        torch.save(value(name, torch), path, _use_new_zipfile_serialization=zipped)
        theirs = shown(torch.load(path, weights_only=False), torch)
        assert shown(tidu.load(path, weights_only=False), tidu) == theirs


@pytest.mark.parametrize("name", NAMES)
def test_what_tidu_wrote(name, tmp_path):
    path = tmp_path / "ours.pt"
    tidu.save(value(name, tidu), path)
    with zipfile.ZipFile(path) as archive:
        assert b"tidu" not in archive.read("archive/data.pkl")
    theirs = shown(torch.load(path, weights_only=False), torch)
    assert shown(tidu.load(path, weights_only=False), tidu) == theirs
