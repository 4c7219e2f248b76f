"""Checkpoints both ways: PyTorch reads ours with `weights_only=True`, we read PyTorch's."""

import collections
import io

import numpy as np
import pytest

import tidu
from tidu import ops
from tidu.base.dtypes import ALL
from tidu.base.size import Size
from tidu.frontend.tensor import Tensor
from tidu.nn.parameter import Parameter
from tidu.serialization import LoadError, load, save

torch = pytest.importorskip("torch")


def ours_to_torch(value, tmp_path):
    path = tmp_path / "ours.pt"
    save(value, path)
    with torch.serialization.safe_globals(numpy_names()):
        return torch.load(path, weights_only=True)


def numpy_names():
    kinds = [type(np.dtype(code)) for code in ("f8", "f4", "i8", "i4", "?", "c16", "f2", "u1")]
    array = np._core.multiarray
    extra = [array.scalar, array._reconstruct, np.ndarray, np.dtype, *kinds]
    return [*extra, collections.Counter, collections.defaultdict, list, frozenset]


def torch_to_ours(value, tmp_path, **options):
    path = tmp_path / "theirs.pt"
    torch.save(value, path, **options)
    return load(path)


def values(dtype):
    numbers = np.array([[0, 1, 2], [3, 1, 0]])
    return numbers.astype(np.float32).astype(dtype.numpy)


def same(ours, theirs):
    """Whether the two values are equal, whichever library they belong to."""
    if isinstance(ours, (Tensor, torch.Tensor)):
        assert tuple(ours.shape) == tuple(theirs.shape)
        assert str(ours.dtype) == str(theirs.dtype)
        assert ours.requires_grad == theirs.requires_grad
        assert str(ours.detach()) == str(theirs.detach())
        return True
    if isinstance(ours, dict):
        assert list(ours) == list(theirs)
        return all(same(ours[key], theirs[key]) for key in ours)
    if isinstance(ours, (list, tuple)):
        assert len(ours) == len(theirs)
        return all(same(a, b) for a, b in zip(ours, theirs, strict=True))
    if isinstance(ours, np.ndarray):
        np.testing.assert_array_equal(ours, theirs)
        return ours.dtype == theirs.dtype
    if str(type(ours).__module__).startswith(("tidu", "torch")):
        return str(ours) == str(theirs)
    return type(ours) is type(theirs) and ours == theirs


@pytest.mark.parametrize("dtype", ALL, ids=str)
def test_every_type(dtype, tmp_path):
    tensor = ops.from_array(values(dtype))
    theirs = ours_to_torch({"x": tensor, "row": tensor[0], "empty": tensor[:0]}, tmp_path)
    assert str(theirs["x"]) == str(tensor)
    back = torch_to_ours(theirs, tmp_path)
    for name, expected in (("x", tensor), ("row", tensor[0]), ("empty", tensor[:0])):
        assert same(theirs[name], expected)
        assert same(back[name], expected)


PLAIN = [
    None, True, False, 0, 255, 256, -1, 2**31, -(2**31) - 1, 2**63, -(2**63), 2**200, -(2**2100),
    0.5, float("inf"), 1 + 2j, "", "text", "梯度 🔥", b"", b"\x00\xff", bytearray(b"ab"),
    (), (1,), (1, 2), (1, 2, 3, "four"), [], [1, [2, [3]]], {}, {"a": {1: (2.5, None)}}, {1, 2},
    list(range(3000)), {i: str(i) for i in range(2500)}, frozenset([3]),
    collections.OrderedDict(b=1, a=2), collections.Counter("aab"),
    np.float64(1.5), np.float32(-2), np.int64(7), np.bool_(True), np.complex128(1j),
    np.arange(6).reshape(2, 3), np.arange(6.0).reshape(2, 3).T, np.zeros((0, 2), np.float32),
]  # fmt: skip


@pytest.mark.parametrize("value", PLAIN, ids=lambda v: repr(v)[:30])
def test_plain_values(value, tmp_path):
    assert same(torch_to_ours([value, value], tmp_path), [value, value])
    assert same(torch_to_ours([value], tmp_path, pickle_protocol=4), [value])
    assert same(torch_to_ours([value], tmp_path, pickle_protocol=5), [value])
    if isinstance(value, int) and value.bit_length() > 2000:
        return  # PyTorch's own reader refuses long integers of this size.
    assert same(ours_to_torch([value, value], tmp_path), [value, value])


def test_values_of_the_library(tmp_path):
    ours = [Size([2, 3]), ALL[-4], Size([])]
    theirs = [torch.Size([2, 3]), torch.float32, torch.Size([])]
    theirs[1] = getattr(torch, ALL[-4].name)
    assert same(ours, ours_to_torch(ours, tmp_path))
    assert same(torch_to_ours([*theirs, torch.device("cpu"), torch.device("cuda:1")], tmp_path)[:3],
                theirs)  # fmt: skip


def test_shared_memory(tmp_path):
    base = ops.from_array(np.arange(12, dtype=np.float32))
    saved = {"a": base[2:8], "b": base[4:10].reshape(2, 3).T, "again": base}
    for loaded in (ours_to_torch(saved, tmp_path), torch_to_ours(
            (lambda b: {"a": b[2:8], "b": b[4:10].reshape(2, 3).T, "again": b})(torch.arange(12.0)),
            tmp_path)):  # fmt: skip
        loaded["a"][2] = 100
        assert loaded["b"][0, 0].item() == 100 == loaded["again"][4].item()
        assert tuple(loaded["b"].stride()) == (1, 3)


def test_only_the_reached_part_is_saved():
    buffer = io.BytesIO()
    big = ops.from_array(np.zeros(1_000_000, np.float32))
    save([big[10:20], big[15:30]], buffer)
    assert len(buffer.getvalue()) < 3000
    buffer.seek(0)
    a, b = torch.load(buffer)
    a[5] = 7
    assert b[0] == 7


def test_parameters_and_state_dicts(tmp_path):
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    optimizer = torch.optim.Adam(model.parameters(), 0.1)
    for _ in range(2):
        model(torch.randn(5, 3)).sum().backward()
        optimizer.step()
    checkpoint = {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "parameter": model[0].weight,
        "frozen": torch.nn.Parameter(torch.ones(2), False),
        "leaf": torch.ones(2, requires_grad=True),
        "epoch": 3,
    }
    ours = torch_to_ours(checkpoint, tmp_path)
    assert same(ours, checkpoint)
    assert type(ours["parameter"]) is Parameter and type(ours["leaf"]) is Tensor
    assert ours["model"]._metadata == checkpoint["model"]._metadata
    again = ours_to_torch(ours, tmp_path)
    assert same(again, checkpoint)
    assert again["model"]._metadata == checkpoint["model"]._metadata
    assert type(again["parameter"]) is torch.nn.Parameter
    model.load_state_dict(again["model"])
    optimizer.load_state_dict(again["optimizer"])


def test_attributes(tmp_path):
    tensor, parameter = torch.ones(2), torch.nn.Parameter(torch.ones(2))
    tensor.label, parameter.label = "t", [1]
    ours = torch_to_ours([tensor, parameter], tmp_path)
    assert (ours[0].label, ours[1].label) == ("t", [1])
    again = ours_to_torch(ours, tmp_path)
    assert (again[0].label, again[1].label) == ("t", [1])


def test_conjugate_views(tmp_path):
    theirs = torch.tensor([1 + 2j]).conj()
    assert torch_to_ours(theirs, tmp_path).tolist() == [1 - 2j]
    assert torch_to_ours(theirs.imag, tmp_path).tolist() == [-2]


def test_old_format(tmp_path):
    base = torch.arange(12.0)
    checkpoint = {"a": base[2:8], "b": base[4:10].view(2, 3).t(), "p": torch.nn.Parameter(base),
                  "i": torch.tensor([1, 2]), "n": [1, "x"], "e": torch.empty(0)}  # fmt: skip
    ours = torch_to_ours(checkpoint, tmp_path, _use_new_zipfile_serialization=False)
    assert same(ours, checkpoint)
    ours["a"][2] = 100
    assert ours["b"][0, 0].item() == 100


def test_file_objects_and_mmap(tmp_path):
    path = tmp_path / "x.pt"
    torch.save({"x": torch.arange(1000)}, path)
    with open(path, "rb") as file:
        assert load(file)["x"].sum().item() == 499500
    mapped = load(path, mmap=True)["x"]
    mapped[0] = 5  # A private copy of the page: the file stays as it was.
    assert mapped.sum().item() == 499505
    assert load(path)["x"][0].item() == 0


def test_other_devices(tmp_path):
    path = tmp_path / "cuda.pt"
    torch.save(torch.ones(2), path)
    # The same file, as if saved from a GPU: "cpu" is the fourth text of the storage's reference.
    import zipfile

    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    place = b"X\x03\x00\x00\x00cpu"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data.replace(place, b"X\x06\x00\x00\x00cuda:0"))
    with pytest.raises(RuntimeError, match="Attempting to deserialize object on a CUDA device"):
        load(path)
    for target in ("cpu", {"cuda:0": "cpu"}, lambda storage, location: storage):
        assert load(path, map_location=target).tolist() == [1, 1]


@pytest.mark.parametrize("big_endian", [False, True])
def test_byte_order(big_endian, tmp_path):
    torch.serialization.set_default_load_endianness(None)
    loaded = ours_to_torch(ops.from_array(np.arange(4, dtype=np.int16)), tmp_path)
    assert loaded.tolist() == [0, 1, 2, 3]


def test_modules_are_refused_by_default(tmp_path):
    with pytest.raises(
        LoadError, match=r"GLOBAL torch\.nn\.modules\.linear\.Linear was not an allowed"
    ):
        torch_to_ours(torch.nn.Linear(2, 2), tmp_path)
    scripted = torch.jit.script(torch.nn.Linear(2, 2))
    torch.jit.save(scripted, tmp_path / "script.pt")
    with pytest.raises(LoadError, match="TorchScript"):
        load(tmp_path / "script.pt")


@pytest.mark.filterwarnings("ignore:Sparse")
@pytest.mark.parametrize("coalesced", [True, False])
def test_sparse_tensors(coalesced, tmp_path):
    places, values = [[0, 1, 0], [2, 0, 2]], [[3.0], [4.0], [5.0]]
    for make, other, write in (
        (torch, tidu, torch_to_ours), (tidu, torch, ours_to_torch),
    ):  # fmt: skip
        tensor = make.sparse_coo_tensor(places, values, (2, 3, 1))
        tensor = tensor.coalesce() if coalesced else tensor
        back = write(tensor, tmp_path)
        assert isinstance(back, other.Tensor) and back.is_coalesced() == coalesced
        assert back._indices().tolist() == tensor._indices().tolist()
        assert back._values().tolist() == tensor._values().tolist()
        assert tuple(back.shape) == (2, 3, 1)


@pytest.mark.filterwarnings("ignore:Sparse")
@pytest.mark.parametrize("layout", ["csr", "csc"])
def test_sparse_rows_and_columns(layout, tmp_path):
    for make, other, write in (
        (torch, tidu, torch_to_ours), (tidu, torch, ours_to_torch),
    ):  # fmt: skip
        dense = make.tensor([[0.0, 0.0, 1.0], [2.0, 3.0, 0.0]], dtype=make.float64)
        tensor = getattr(dense, f"to_sparse_{layout}")()
        back = write({"x": [tensor, tensor.to(make.float16)]}, tmp_path)["x"]
        assert isinstance(back[0], other.Tensor) and repr(back[0]) == repr(tensor)
        assert repr(back[1]) == repr(tensor.to(make.float16))


@pytest.mark.filterwarnings("ignore:Sparse")
def test_sparse_rows_that_do_not_fit_are_refused(tmp_path):
    wrong = [
        torch.sparse_csr_tensor([0, 2], [0, 9], [1.0, 2.0], (1, 3), check_invariants=False),
        torch.sparse_csr_tensor([0, 5], [0, 1], [1.0, 2.0], (1, 3), check_invariants=False),
        torch.sparse_csr_tensor([0, 2], [0, 1], [1.0, 2.0], (7, 3), check_invariants=False),
    ]  # fmt: skip
    for tensor in wrong:
        with pytest.raises(LoadError):
            torch_to_ours(tensor, tmp_path)
