"""`load(weights_only=False)`: what holds only data is made, and no code of the program runs."""

import argparse
import collections
import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import io
import os
import pathlib
import pickle
import random
import time
import types
import uuid
import zipfile

import numpy as np
import pytest

import tidu as torch
from tidu import nn
from tidu.nn import functional as F
from tidu.serialization import LoadError

RAN: list = []


class Vocabulary:
    def __init__(self, words):
        self.words = {word: i for i, word in enumerate(words)}


@dataclasses.dataclass
class Settings:
    width: int = 3
    rate: float = 0.1


@dataclasses.dataclass(frozen=True)
class Fixed:
    width: int = 3


class Colour(enum.Enum):
    RED = "r"


Point = collections.namedtuple("Point", "x y")


class Bag(dict):
    pass


class AtTheEnd:
    def __del__(self):
        RAN.append("del")


class Restoring:
    def __setstate__(self, state):
        RAN.append("setstate")


class Hashed:
    def __hash__(self):
        RAN.append("hash")
        return 0


class Appending(list):
    def append(self, value):
        RAN.append("append")

    extend = append


def written(value):
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


def read(data, **options):
    return torch.load(io.BytesIO(data), **{"weights_only": False, **options})


def archive_of(pickled):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("x/data.pkl", pickled)
        archive.writestr("x/version", "3\n")
    return buffer.getvalue()


DATA = [
    slice(1, 2), range(3, 9, 2), datetime.datetime(2020, 1, 2, 3, 4, 5, 6),
    datetime.date(2020, 1, 2),
    datetime.datetime(2020, 1, 2, tzinfo=datetime.UTC), datetime.timedelta(3, 4),
    datetime.time(1, 2), decimal.Decimal("1.50"), fractions.Fraction(1, 3),
    pathlib.PurePosixPath("a/b"), pathlib.Path("a/b"), uuid.UUID(int=5),
    collections.deque([1, 2], maxlen=3), argparse.Namespace(lr=0.1), types.SimpleNamespace(a=1),
    collections.ChainMap({1: 2}), Ellipsis, NotImplemented, torch.strided, torch.relu,
    Settings(5), Fixed(4), Colour.RED, Point(1, [2]), Bag(a=1),
]  # fmt: skip


@pytest.mark.parametrize("value", DATA, ids=lambda value: repr(value).split(" at 0x")[0])
def test_data(value):
    back = read(written([value, value]))
    assert back[0] == value and back[1] is back[0]
    assert type(back[0]) is type(value) or callable(value)  # which may ask classes by now
    if not isinstance(value, (type(Ellipsis), type(NotImplemented), type(torch.strided))):
        with pytest.raises(LoadError):
            read(written(value), weights_only=True)


def test_objects_of_the_program():
    back = read(written({"v": Vocabulary("ab"), "p": functools.partial(F.elu, alpha=2.0)}))
    assert type(back["v"]) is Vocabulary and back["v"].words == {"a": 0, "b": 1}
    assert back["p"].func is F.elu and back["p"].keywords == {"alpha": 2.0}


def test_a_whole_training_comes_back():
    torch.manual_seed(0)
    net = nn.Linear(3, 2)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.1)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 2, 0.5)
    data = torch.utils.data.TensorDataset(torch.randn(6, 3))

    def steps(net, optimizer, schedule, data):
        for (x,) in data:
            optimizer.zero_grad()
            net(x).square().sum().backward()
            optimizer.step()
            schedule.step()
        return net.weight.tolist(), schedule.get_last_lr()

    steps(net, optimizer, schedule, data)
    saved = written((net, optimizer, schedule, data))
    wanted = steps(net, optimizer, schedule, data)
    net, optimizer, schedule, data = read(saved)
    assert optimizer.param_groups[0]["params"][0] is net.weight and schedule.optimizer is optimizer
    assert steps(net, optimizer, schedule, data) == wanted


def test_other_public_objects():
    scaler = torch.amp.GradScaler("cpu", init_scale=8.0)
    packed = nn.utils.rnn.pack_sequence([torch.ones(2)])
    normal = torch.distributions.Normal(0.0, 1.0)
    back = read(written([scaler, packed, normal]))
    assert back[0].state_dict() == scaler.state_dict()
    assert type(back[1]) is type(packed) and back[1].data.tolist() == [1.0, 1.0]
    assert repr(back[2]) == repr(normal)


@pytest.mark.parametrize(
    "value", [AtTheEnd(), Restoring(), Appending([1])], ids=lambda value: type(value).__name__
)
def test_classes_whose_code_would_run_are_refused(value):
    data = written(value)
    RAN.clear()
    with pytest.raises(LoadError, match="without running code of its own"):
        read(data)
    assert not RAN


def test_keys_are_not_hashed_by_the_program():
    data = archive_of(pickle.dumps({Hashed(): 1}, 2))
    RAN.clear()
    with pytest.raises(LoadError, match="__hash__"):
        read(data)
    assert not RAN


def call(name, arguments, *rest):
    """The pickle of a call of `name` with a pickled tuple, then `rest`."""
    return b"\x80\x02c" + name.replace(".", "\n", 1).encode() + b"\n" + arguments + b"R" + b"".join(
        rest) + b"."  # fmt: skip


def text(word):
    return b"X" + len(word).to_bytes(4, "little") + word.encode()


HOSTILE = {
    "fraction": call("fractions.Fraction", text("1e999999999") + b"\x85"),
    "decimal": call("decimal.Decimal", text("1" * 5000) + b"\x85"),
    "range": call("builtins.range", text("a") + b"\x85"),
    "slice": call("builtins.slice", b"]\x85"),
    "date": call("datetime.datetime", text("abc") + b"\x85"),
    "timedelta": call("datetime.timedelta", b"\x8a\x09" + b"\xff" * 8 + b"\x7f\x85"),
    "deque": call("collections.deque", b"]" + text("a") + b"\x86"),
    "partial of system": call("functools.partial", b"cos\nsystem\n\x85"),
    "partial called": call("functools.partial", b"ctorch\nrelu\n\x85", b")R"),
    "partial exchanged": call("functools.partial", b"ctorch\nrelu\n\x85", b"(ctorch\ntanh\n)NNtb"),
    "path": call("pathlib.PurePosixPath", b"]\x85"),
    "uuid": b"\x80\x02cuuid\nUUID\n)\x81}b.",
    "enum": b"\x80\x02c" + __name__.encode() + b"\nColour\n" + text("x") + b"\x85R.",
    "class called": b"\x80\x02c" + __name__.encode() + b"\nSettings\n)R.",
    "optimizer called": b"\x80\x02ctorch.optim.sgd\nSGD\n)R.",
    "optimizer's state": b"\x80\x02ctorch.optim.sgd\nSGD\n)\x81K\x01b.",
    "loader called": b"\x80\x02ctorch.utils.data.dataloader\nDataLoader\n)R.",
    "function of torch called": b"\x80\x02ctorch\nzeros\nK\x01\x85R.",
    "load": b"\x80\x02ctorch\nload\n.",
    "attributes of a function": b"\x80\x02ctorch\nrelu\n}b.",
    "attributes of a class": b"\x80\x02c" + __name__.encode() + b"\nSettings\n}b.",
    "class of the library": b"\x80\x02ctempfile\n_TemporaryFileCloser\n)\x81}b.",
    "pool": b"\x80\x02cmultiprocessing.pool\nPool\n)\x81}b.",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files(name):
    start = time.perf_counter()
    with pytest.raises(LoadError):
        read(archive_of(HOSTILE[name]))
    assert time.perf_counter() - start < 1 and Settings.width == 3


SPARSE = {
    "place outside": ([[9]], [1.0], (2,)),
    "negative place": ([[-1]], [1.0], (2,)),
    "too few values": ([[0, 1]], [1.0], (2,)),
    "too many axes": ([[0]], [1.0], (2, 3)),
    "huge": ([[0]], [1.0], (2**62, 2**62)),
    "huge and empty": ([[], []], [], (2**62, 2**62)),
    "real places": ([[0.0]], [1.0], (2,)),
    "size is a text": ([[0]], [1.0], "a"),
    "other values": ([[0]], [[1.0]], (2, 3)),
}


@pytest.mark.parametrize("name", SPARSE)
def test_hostile_sparse_tensors(name, tmp_path):
    indices, values, size = SPARSE[name]
    kind = torch.float32 if name == "real places" else torch.int64
    data = (torch.tensor(indices, dtype=kind), torch.tensor(values), size, True)

    class Pretending:
        def __reduce_ex__(self, protocol):
            return Rebuild, (torch.sparse_coo, data)

    file = written_with(Pretending())
    with pytest.raises(LoadError):
        read(file, weights_only=True)


def Rebuild():
    """Stands in a file for torch._utils._rebuild_sparse_tensor."""


def written_with(value):
    """`value` as a file in which the stand-in has the name that sparse tensors use."""
    source = zipfile.ZipFile(io.BytesIO(written(value)))
    target = io.BytesIO()
    old = f"c{__name__}\nRebuild\n".encode()
    with zipfile.ZipFile(target, "w") as archive:
        for name in source.namelist():
            content = source.read(name)
            if name.endswith("data.pkl"):
                assert old in content
                content = content.replace(old, b"ctorch._utils\n_rebuild_sparse_tensor\n")
            archive.writestr(name, content)
    return target.getvalue()


def test_a_claim_to_be_in_order_is_checked():
    data = (torch.tensor([[1, 0, 1]]), torch.tensor([1.0, 2.0, 3.0]), torch.Size([2]), True)

    class Pretending:
        def __reduce_ex__(self, protocol):
            return Rebuild, (torch.sparse_coo, data)

    back = read(written_with(Pretending()), weights_only=True)
    assert not back.is_coalesced() and back.to_dense().tolist() == [2.0, 4.0]


def test_an_empty_file_is_an_end_of_file(tmp_path):
    path = tmp_path / "empty.pt"
    path.write_bytes(b"")
    for target in (path, io.BytesIO()):
        with pytest.raises(EOFError, match="Ran out of input") as caught:
            torch.load(target)
        assert isinstance(caught.value, LoadError)
    assert os.listdir(tmp_path) == ["empty.pt"]


def rarer_values():
    return {
        "generator": torch.Generator().manual_seed(1), "best": torch.max(torch.eye(2), 0),
        "objects": np.array([1, "a", None], dtype=object), "storage": torch.ones(3).storage(),
        "records": np.zeros(2, [("a", "i4"), ("b", "f8")]),
        "bytes": torch.ones(3).to(torch.float8_e5m2),
        "days": np.array(["2020-01-01"], dtype="datetime64[D]"), "text": np.array(["a", "bc"]),
        "packed": nn.utils.rnn.pack_sequence([torch.ones(2), torch.ones(1)]),
    }  # fmt: skip


@pytest.mark.slow
def test_mutants_of_rarer_values():
    with zipfile.ZipFile(io.BytesIO(written(rarer_values()))) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    pickled, choose, read_whole = members["archive/data.pkl"], random.Random(3), 0
    for _ in range(800):
        mutant = bytearray(pickled)
        for _ in range(choose.randint(1, 3)):
            at = choose.randrange(len(mutant))
            if choose.random() < 0.6:
                mutant[at] = choose.choice((choose.randrange(256), *b".(t}]RbcNK\x81\x85"))
            else:
                del mutant[at : at + choose.randint(1, 9)]
        target = io.BytesIO()
        with zipfile.ZipFile(target, "w") as archive:
            for name, data in {**members, "archive/data.pkl": bytes(mutant)}.items():
                archive.writestr(name, data)
        start = time.thread_time()
        try:
            read(target.getvalue())
            read_whole += 1
        except LoadError:
            pass
        assert time.thread_time() - start < 1
    assert read_whole < 600 and not RAN


def test_objects_of_an_array_are_the_file_s_own():
    made = read(written({"x": np.array([[Settings(4)], [None]], dtype=object)}))["x"]
    assert made.dtype == object and made.tolist() == [[Settings(4)], [None]]
    with pytest.raises(LoadError, match="Hint: "):
        read(written({"x": np.array([Restoring()], dtype=object)}))
    assert not RAN
