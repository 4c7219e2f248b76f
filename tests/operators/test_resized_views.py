"""`resize_` of views and of tensors that have some: one storage, in which each keeps its place."""

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
