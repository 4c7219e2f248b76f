"""Files with tensors that are made of others: what does not fit ends in one clear error."""

import copy
import io
import pickle
import random
import time
import zipfile

import numpy as np
import pytest

import tidu as torch
from tidu.base import dtypes
from tidu.serialization import LoadError
from tidu.serialization.archive import write_archive
from tidu.serialization.forms import Call, Memory, Name

X = torch.tensor([[-1.0, 0.0, 1.0], [2.0, 0.26, -3.0]])


def forms():
    d = torch.eye(4)
    q = torch.quantize_per_tensor(X, 0.1, 10, torch.quint8)
    scales, zeros = torch.tensor([0.1, 0.2]), torch.tensor([5, 0])
    rows = [torch.ones(2, 3), torch.ones(1, 3)]
    return {
        "quantized": q, "view": q.t(), "meta": torch.empty(2, 3, device="meta"),
        "channels": torch.quantize_per_channel(X, scales, zeros, 0, torch.qint32),
        "bsr": d.to_sparse_bsr((2, 2)), "bsc": d.to_sparse_bsc((1, 2)), "coo": d.to_sparse(),
        "stack": torch.stack([d, d]).to_sparse_csr(),
        "hybrid": torch.stack([d, d], -1).to_sparse_csc(dense_dim=1),
        "strided": torch.nested.nested_tensor(rows),
        "jagged": torch.nested.nested_tensor(rows, layout=torch.jagged),
        "masked": torch.masked.masked_tensor(X, X > 0),
    }  # fmt: skip


FORMS = forms()


def saved(value):
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


def loaded(data):
    return torch.load(io.BytesIO(data), weights_only=False)


@pytest.mark.parametrize("name", FORMS)
def test_they_come_back(name):
    value = FORMS[name]
    for again in (loaded(saved([value]))[0], copy.deepcopy(value),
                  pickle.loads(pickle.dumps(value))):  # fmt: skip
        assert type(again) is type(value)
        if name != "jagged":  # whose ragged length has a name of its own
            assert repr(again) == repr(value)


def test_memory_is_shared_in_files():
    q = FORMS["quantized"]
    parts = loaded(saved([q, q[1], q]))
    parts[1].fill_(1.0)
    assert parts[0].dequantize()[1].tolist() == [1, 1, 1] and parts[2] is parts[0]
    nested = torch.nested.nested_tensor([torch.zeros(2), torch.zeros(3)])
    again, flat = loaded(saved([nested, nested.values()]))
    flat[0] = 7
    assert again.unbind()[0].tolist() == [7, 0]


def test_sparse_and_quantized_state_dicts_load_into_modules():
    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("q", FORMS["quantized"].clone())
            self.register_buffer("s", FORMS["bsr"].clone())

    model, other = Model(), Model()
    other.q.fill_(0.0)
    other.s.mul_(3)
    other.load_state_dict(loaded(saved(model.state_dict())))
    assert torch.equal(other.q, model.q) and torch.equal(other.s.to_dense(), model.s.to_dense())


UTILS = "torch._utils"
ONES = torch.ones(2, 2)
INTS = torch.arange(3)
NUMBERS = Memory(np.zeros((2, 3), np.uint8), dtypes.quint8)


def quantized(*params, memory=NUMBERS):
    return Call((UTILS, "_rebuild_qtensor"), (memory, params, False, {}))


def sparse(layout, *parts):
    return Call((UTILS, "_rebuild_sparse_tensor"), (layout, parts))


def nested(*parts):
    return Call((UTILS, "_rebuild_nested_tensor"), parts)


def jagged(**parts):
    inner = "torch.nested._internal.nested_tensor"
    names = Name((inner, "_rebuild_njt")), Name((inner, "NestedTensor"))
    return Call(("torch._tensor", "_rebuild_from_type_v2"), (*names, (parts,), {}))


def masked(**state):
    kind = Name(("torch.masked.maskedtensor.core", "MaskedTensor"))
    again = Name((UTILS, "_rebuild_wrapper_subclass"))
    return Call(("torch._tensor", "_rebuild_from_type_v2"), (again, kind, (kind,), state))


def meta(*parts):
    return Call((UTILS, "_rebuild_meta_tensor_no_storage"), parts)


AFFINE, CHANNELS = torch.per_tensor_affine, torch.per_channel_affine
P, I, V = torch.tensor([0, 1, 2]), torch.tensor([0, 1]), torch.ones(2, 2, 2)
SIZES, STEPS, STARTS = torch.tensor([[2], [3]]), torch.tensor([[1], [1]]), torch.tensor([0, 2])
ROW = torch.ones(5)
WRONG = {
    "no scale": quantized(AFFINE), "no scheme": quantized(0.1, 3),
    "scale of text": quantized(AFFINE, "0.1", 3), "scale not finite": quantized(AFFINE, 1e999, 3),
    "zero point beyond": quantized(AFFINE, 0.1, 300), "huge": quantized(AFFINE, 0.1, 2**80),
    "zero point negative": quantized(AFFINE, 0.1, -1), "flag": quantized(AFFINE, 0.1, True),
    "symmetric": quantized(torch.per_tensor_symmetric, 0.1, 3),
    "axis beyond": quantized(CHANNELS, torch.ones(2), torch.zeros(2).long(), 2),
    "axis negative": quantized(CHANNELS, torch.ones(2), torch.zeros(2).long(), -1),
    "few scales": quantized(CHANNELS, torch.ones(1), torch.zeros(1).long(), 0),
    "scales of two axes": quantized(CHANNELS, torch.ones(2, 1), torch.zeros(2, 1).long(), 0),
    "scales of bools": quantized(CHANNELS, torch.ones(2) > 0, torch.zeros(2).long(), 0),
    "scales nested": quantized(CHANNELS, FORMS["strided"], torch.zeros(2).long(), 0),
    "floats": quantized(AFFINE, 0.1, 3, memory=Memory(np.zeros((2, 3), np.float32), torch.float32)),
    "params a list": Call((UTILS, "_rebuild_qtensor"), (NUMBERS, [AFFINE, 0.1, 3], False, {})),
    "bsr index beyond": sparse(torch.sparse_bsr, P, torch.tensor([0, 2]), V, (4, 4)),
    "bsr index negative": sparse(torch.sparse_bsr, P, torch.tensor([0, -1]), V, (4, 4)),
    "bsr pointers fall": sparse(torch.sparse_bsr, torch.tensor([0, 3, 2]), I, V, (4, 4)),
    "bsr pointers end": sparse(torch.sparse_bsr, torch.tensor([0, 1, 1]), I, V, (4, 4)),
    "bsr pointers begin": sparse(torch.sparse_bsr, torch.tensor([1, 1, 2]), I, V, (4, 4)),
    "bsr blocks do not fit": sparse(torch.sparse_bsr, P, I, V, (4, 5)),
    "bsr empty block": sparse(torch.sparse_bsr, P, I, torch.ones(2, 0, 2), (4, 4)),
    "bsr no blocks": sparse(torch.sparse_bsr, P, I, torch.ones(2), (4, 4)),
    "bsr huge": sparse(torch.sparse_bsr, P, I, V, (2**62, 4)),
    "bsr size negative": sparse(torch.sparse_bsr, P, I, V, (-4, 4)),
    "bsr floats": sparse(torch.sparse_bsr, P.float(), I.float(), V, (4, 4)),
    "bsc as rows": sparse(torch.sparse_bsc, P, torch.tensor([0, 5]), V, (4, 4)),
    "csr batch": sparse(torch.sparse_csr, P[None], I[None], torch.ones(1, 2), (3, 2, 2)),
    "csr batch pointers": sparse(torch.sparse_csr, torch.stack([P, P * 2]), I.expand(2, 2),
                                 torch.ones(2, 2), (2, 2, 2)),
    "csr dense": sparse(torch.sparse_csr, P, I, torch.ones(2, 3), (2, 2, 4)),
    "csr of quantized": sparse(torch.sparse_csr, P, I, FORMS["quantized"], (2, 2)),
    "csr of meta": sparse(torch.sparse_csr, torch.empty(3, device="meta"), I, ROW[:2], (2, 2)),
    "csr scalars": sparse(torch.sparse_csr, P[0], I[0], torch.tensor(1.0), (2, 2)),
    "layout jagged": sparse(torch.jagged, P, I, V, (4, 4)),
    "coo of nested": sparse(torch.sparse_coo, INTS[None], FORMS["strided"], (3,), True),
    "nested size beyond": nested(ROW, SIZES * 2, STEPS, STARTS),
    "nested size negative": nested(ROW, -SIZES, STEPS, STARTS),
    "nested step huge": nested(ROW, SIZES, STEPS * 2**60, STARTS),
    "nested start beyond": nested(ROW, SIZES, STEPS, STARTS + 3),
    "nested start negative": nested(ROW, SIZES, STEPS, STARTS - 1),
    "nested sizes of floats": nested(ROW, SIZES.float(), STEPS, STARTS),
    "nested few steps": nested(ROW, SIZES, STEPS[:1], STARTS),
    "nested few starts": nested(ROW, SIZES, STEPS, STARTS[:1]),
    "nested table": nested(torch.ones(5, 1), SIZES, STEPS, STARTS),
    "nested huge": nested(ROW, torch.tensor([[2**40, 2**40]]), torch.zeros(1, 2).long(), INTS[:1]),
    "nested of numbers": nested(ROW, 2, 1, 0), "nested of nothing": nested(),
    "jagged beyond": jagged(values=ROW, offsets=torch.tensor([0, 9])),
    "jagged falls": jagged(values=ROW, offsets=torch.tensor([0, 4, 2])),
    "jagged negative": jagged(values=ROW, offsets=torch.tensor([-1, 2])),
    "jagged axis": jagged(values=ROW, offsets=torch.tensor([0, 5]), _ragged_idx=2),
    "jagged axis huge": jagged(values=ROW, offsets=torch.tensor([0, 5]), _ragged_idx=2**70),
    "jagged lengths": jagged(values=ROW, offsets=torch.tensor([0, 5]), lengths=torch.tensor([9])),
    "jagged floats": jagged(values=ROW, offsets=torch.tensor([0.0, 5.0])),
    "jagged empty": jagged(values=ROW, offsets=torch.tensor([], dtype=torch.int64)),
    "jagged nothing": jagged(), "jagged of nested": jagged(values=FORMS["strided"], offsets=INTS),
    "masked shapes": masked(_masked_data=X, _masked_mask=torch.ones(2) > 0),
    "masked no bools": masked(_masked_data=X, _masked_mask=X),
    "masked nothing": masked(), "masked text": masked(_masked_data="x", _masked_mask="y"),
    "masked of masked": masked(_masked_data=FORMS["masked"], _masked_mask=X > 0),
    "meta size": meta(torch.float32, (2, -3), (3, 1), False),
    "meta strides": meta(torch.float32, (2, 3), (1,), False),
    "meta huge": meta(torch.float32, (2**40, 2**40), (1, 1), False),
    "meta type": meta("float32", (2,), (1,), False), "meta bits": meta(torch.quint8, (2,), (1,)),
    "meta rank": meta(torch.float32, (1,) * 999, (1,) * 999, False),
    "unknown class": Call(("torch._tensor", "_rebuild_from_type_v2"), (
        Name((UTILS, "_rebuild_wrapper_subclass")), Name(("torch", "Tensor")), (), {})),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_does_not_fit_is_one_error(name):
    data = saved({"x": WRONG[name]})
    start = time.thread_time()
    with pytest.raises(LoadError, match="Hint: "):
        loaded(data)
    assert time.thread_time() - start < 1


def test_masked_tensors_want_trust():
    """As in PyTorch: with weights_only they are no plain data."""
    with pytest.raises(LoadError, match="was not an allowed global by default"):
        torch.load(io.BytesIO(saved(FORMS["masked"])))


@pytest.mark.parametrize("name", FORMS)
def test_every_truncation(name):
    data = saved(FORMS[name])
    for length in range(0, len(data), 7):
        with pytest.raises(LoadError):
            loaded(data[:length])


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMS)
def test_flipped_bits(name):
    """In the pickle and in the numbers, with right check sums: what still loads has a text."""
    with zipfile.ZipFile(io.BytesIO(saved(FORMS[name]))) as archive:
        members = {n.removeprefix("archive/"): archive.read(n) for n in archive.namelist()}
    choose = random.Random(name)
    targets = [n for n, data in members.items() if data and (n.startswith("data"))]
    for _ in range(300):
        changed = dict(members)
        target = choose.choice(targets)
        mutant = bytearray(changed[target])
        for _ in range(choose.randint(1, 2)):
            mutant[choose.randrange(len(mutant))] ^= 1 << choose.randrange(8)
        changed[target] = bytes(mutant)
        buffer = io.BytesIO()
        write_archive(buffer.write, "archive", list(changed.items()))
        start = time.thread_time()
        try:
            value = loaded(buffer.getvalue())
        except LoadError:
            continue
        except RuntimeError as error:
            assert "device" in str(error) or "restore data location" in str(error)
            continue
        if isinstance(value, torch.Tensor):
            repr(value)
        assert time.thread_time() - start < 2


def test_reversed_is_the_tensor_turned_round():
    x = torch.arange(6.0, requires_grad=True).reshape(3, 2)
    found = reversed(x)
    assert found.tolist() == [[4.0, 5.0], [2.0, 3.0], [0.0, 1.0]] and found.requires_grad
    assert reversed(torch.tensor(2.0)).item() == 2.0
