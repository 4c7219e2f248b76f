"""`resize_` of views and of tensors that have some: one storage, in which each keeps its place."""

import numpy as np
import pytest

import tidu as torch


def parts():
    a = torch.arange(12.0).reshape(3, 4).clone()
    return a, {"row": a[1], "column": a[:, 1], "turned": a.t(), "last": a[2]}


@pytest.mark.parametrize(("name", "size", "offset", "written", "bytes"), [
    ("row", (2,), 4, [4, 5], 48), ("row", (6,), 4, range(4, 10), 48),
    ("row", (3, 4), 4, range(4, 12), 64), ("column", (2, 2), 1, range(1, 5), 48),
    ("column", (20,), 1, range(1, 12), 84), ("turned", (2, 3), 0, range(6), 48),
    ("turned", (4, 3), 0, range(12), 48), ("last", (2, 3), 8, range(8, 12), 56),
    ("row", (0,), 4, [], 48)])  # fmt: skip
def test_a_view(name, size, offset, written, bytes):
    a, views = parts()
    v = views[name]
    assert v.resize_(size) is v and v.shape == size and v._base is a
    assert v.storage_offset() == offset and v.untyped_storage().nbytes() == bytes
    assert v.stride() == torch.empty(size).stride() or name == "turned" and size == (4, 3)
    v.fill_(-1)
    assert a.flatten().tolist() == [-1 if i in written else i for i in range(12)]
    a.fill_(7)
    assert v.flatten()[: len(written)].tolist() == [7] * len(written)


def test_a_base_that_grows_keeps_its_views():
    a, views = parts()
    a.resize_(5, 5)
    views["row"].fill_(-1)
    assert a.flatten()[:12].tolist() == [0, 1, 2, 3, -1, -1, -1, -1, 8, 9, 10, 11]
    a.fill_(3)
    assert views["turned"].tolist() == [[3.0] * 3] * 4 and views["row"]._base is a


def test_gradients_through_a_resized_view():
    a = torch.zeros(3, 4)
    v = a[1].resize_(2, 3)
    w = torch.tensor(2.0, requires_grad=True)
    v.mul_(0).add_(w)
    assert a.flatten().tolist() == [0.0] * 4 + [2.0] * 6 + [0.0] * 2
    (a * torch.arange(12.0).reshape(3, 4)).sum().backward()
    assert w.grad.item() == sum(range(4, 10))
    with pytest.raises(RuntimeError, match="cannot resize variables that require grad"):
        v.resize_(2)


@pytest.mark.parametrize("size", [2, 10])
def test_a_resize_counts_as_a_write(size):
    b = torch.zeros(3)
    b.add_(1).add_(1)
    assert b.resize_(3)._version == 2
    assert b.resize_(size)._version == 3
    assert b.add_(1)._version == 4 and b.detach()._version == 4


@pytest.mark.parametrize("size", [2, 10])
@pytest.mark.parametrize("written", [False, True])
def test_what_is_saved_is_stale_after_a_resize(size, written):
    w, b = torch.ones(3, requires_grad=True), torch.ones(3)
    y = (w * b).sum()
    b.resize_(size)
    if written:
        b.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()


OTHERS = {
    "detach": lambda b: b.detach(),
    "data": lambda b: b.data,
    "part of detach": lambda b: b.detach()[2:],
    "detach of a part": lambda b: b[1:5:2].detach(),
    "turned": lambda b: b.view(2, 3).detach().t(),
    "other type": lambda b: b.view(torch.int32).detach(),
    "twice": lambda b: b.detach().detach(),
}


@pytest.mark.parametrize("name", OTHERS)
def test_those_that_share_the_storage_move_along(name):
    b = torch.arange(6.0).clone()
    d = OTHERS[name](b)
    b.resize_(10)
    assert torch.equal(d, OTHERS[name](b[:6])) and d._version == b._version
    b[:6] = torch.arange(6.0) * 10
    assert torch.equal(d, OTHERS[name](b[:6])) and d._version == b._version
    d.zero_()
    assert torch.equal(d, OTHERS[name](b[:6]))
    b.resize_(30)
    b.resize_(50)
    b[:6] = 7
    assert torch.equal(d, OTHERS[name](b[:6]))


def test_a_detached_tensor_that_grows_takes_its_source_along():
    b = torch.zeros(6)
    v, d = b[2:], b.detach()
    d.resize_(9)
    d.fill_(5)
    assert b.tolist() == [5] * 6 and v.tolist() == [5] * 4 and v._base is b
    v.zero_()
    assert d.tolist() == [5, 5, 0, 0, 0, 0, 5, 5, 5]
    x = torch.zeros(2)
    x.data = b
    b.resize_(20)
    b.fill_(3)
    assert x.tolist() == [3] * 6 and d.tolist() == [3] * 9


def test_a_tensor_alone_in_its_storage():
    b, other = torch.zeros(3), torch.zeros(3)
    b.resize_(10)
    b.fill_(1)
    assert other.tolist() == [0] * 3
    a = torch.zeros(0)
    for n in range(200):  # alone in its storage: no look at all tensors
        a.resize_(n + 1)
        a[n] = n
    assert a.tolist() == list(range(200))


FOREIGN = {
    "numpy": lambda b: (b, b.numpy()),
    "a part": lambda b: (b, b.numpy()[1:]),
    "of detach": lambda b: (b, b.detach().numpy()),
    "asarray": lambda b: (b, np.asarray(b)),
    "a tensor's view": lambda b: (b[1:], b.numpy()),
    "from_numpy": lambda b: (torch.from_numpy(a := np.zeros(6)), a),
    "from_numpy of a part": lambda b: (torch.from_numpy((a := np.zeros(6))[2:]), a),
    "as_tensor": lambda b: (torch.as_tensor(a := np.zeros(6)), a),
    "frombuffer": lambda b: (torch.frombuffer(a := bytearray(24), dtype=torch.int32), a),
    "dlpack": lambda b: (b, np.from_dlpack(b)),
    "from_dlpack": lambda b: (torch.from_dlpack(a := np.zeros(6)), a),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_memory_that_others_have_does_not_grow(name):
    b, held = FOREIGN[name](torch.zeros(6))
    before = b._version
    with pytest.raises(RuntimeError, match="Trying to resize storage that is not resizable"):
        b.resize_(10)
    assert b._version == before and b.numel() < 10
    b.resize_(2).fill_(1)
    assert np.frombuffer(held, np.uint8).any()


def test_memory_that_others_had_may_grow():
    b = torch.zeros(6)
    assert b.numpy().sum() == 0
    b.resize_(10).fill_(1)
    assert b.sum() == 10 and torch.tensor(b.numpy()).resize_(12).shape == (12,)
