"""The operator records against PyTorch: values, types, shapes, gradients and refusals, over the
element types; promotion; indices; views and in-place programs; kinks; names of graph nodes."""

import itertools
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

import tidu

sys.path.insert(0, str(Path(__file__).parents[1] / "operators"))
import recorded
from calls import flat, numbers_of, prepared
from making import Sample
from records import RECORDS

RECORDED = recorded.load()
TOLERANCE = {"float64": (1e-7, 1e-9), "float32": (2e-5, 2e-5), "float16": (5e-3, 5e-3),
             "bfloat16": (4e-2, 2e-2), "complex64": (5e-5, 5e-5), "complex128": (1e-7, 1e-9)}  # fmt: skip


def typed(value, dtype):
    """float64 samples as another type; the same numbers for both libraries."""
    if isinstance(value, np.ndarray) and value.dtype == np.float64:
        if dtype == "bool":
            return np.asarray(value > 0)
        if dtype == "complex64":
            return np.asarray(value + 1j * np.cos(3 * value), np.complex64)
        if dtype.startswith(("int", "uint")):
            whole = np.round(value * 3)
            return np.asarray(np.abs(whole) if dtype == "uint8" else whole, dtype)
        return value
    if isinstance(value, (list, tuple)):
        return type(value)([typed(item, dtype) for item in value])
    return value


def as_sample(sample, dtype):
    return Sample(
        typed(tuple(sample.args), dtype), {k: typed(v, dtype) for k, v in sample.kwargs.items()}
    )


def plain(tensor):
    tensor = tensor.detach()
    if str(tensor.dtype).endswith("bfloat16"):
        tensor = tensor.to(torch.float32 if isinstance(tensor, torch.Tensor) else tidu.float32)
    return tensor.resolve_conj().numpy(force=True)


def sentence(error):
    """What a message says before its hint, in short."""
    text = str(error).split("\n")[0]
    return text.split(". ")[0].rstrip(".")[:70]


def run(library, record, sample, dtype):
    """('refused', type, sentence) or (results, gradients)."""
    to = getattr(library, dtype) if dtype in ("float32", "float16", "bfloat16") else None
    args, kwargs, leaves = prepared(library, sample, to)
    leaves = [
        leaf for leaf in leaves if not any(leaf is args[k] for k in record.fixed if k < len(args))
    ]
    record_gradients = (
        record.differentiable
        and not record.ours
        and dtype.startswith(("float", "bfloat", "complex"))
    )
    if record_gradients:
        for leaf in leaves:
            leaf.requires_grad_()
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            outs = flat(library, record.function(library)(*args, **kwargs))
    except Exception as error:
        return "refused", type(error), sentence(error)
    total = None
    for out in outs:
        if out.requires_grad and out.numel():
            weight = library.from_numpy(np.cos(np.arange(out.numel())).reshape(tuple(out.shape)))
            term = (out * weight.to(out.dtype)).sum()
            term = term.real if term.is_complex() else term
            total = term if total is None else total + term.to(total.dtype)
    if total is not None:
        total.backward()
    return outs, [leaf.grad for leaf in leaves] if record_gradients else []


def assert_same(ours, theirs, dtype, factor=1):
    assert str(ours.dtype) == str(theirs.dtype)
    assert tuple(ours.shape) == tuple(theirs.shape)
    rtol, atol = TOLERANCE.get(str(theirs.dtype).removeprefix("torch."), (0, 0))
    np.testing.assert_allclose(plain(ours), plain(theirs), rtol * factor, atol * factor)


CASES = [pytest.param(r, d, id=f"{r.id}-{d}") for r in RECORDS for d in r.dtypes]


@pytest.mark.parametrize("record, dtype", CASES)
def test_record(record, dtype):
    for sample in record.samples:
        sample = as_sample(sample, dtype)
        theirs, ours = run(torch, record, sample, dtype), run(tidu, record, sample, dtype)
        if theirs[0] == "refused":
            assert ours[0] == "refused", theirs[1:]
            assert (ours[1].__name__, ours[2]) == (theirs[1].__name__, theirs[2])
            continue
        assert ours[0] != "refused", ours[1:]
        factor = 20 if dtype in ("float16", "bfloat16") else 1
        for a, b in zip(ours[0], theirs[0], strict=True):
            assert a.requires_grad == b.requires_grad
            assert_same(a, b, dtype, factor)
        for a, b in zip(ours[1], theirs[1], strict=True):
            assert (a is None) == (b is None)
            if a is not None:
                assert_same(a, b, dtype, factor)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("record", [pytest.param(r, id=r.id) for r in RECORDS])
def test_recorded_values(record):
    recorded.close(record, numbers_of(torch, record), RECORDED[record.id])


# --- promotion ----------------------------------------------------------------------------------

TYPES = ("bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64",
         "complex64", "complex128")  # fmt: skip
BINARY = (
    "add",
    "mul",
    "div",
    "sub",
    "floor_divide",
    "pow",
    "eq",
    "lt",
    "maximum",
    "where",
    "atan2",
)


def operand(library, kind, value=2):
    if isinstance(kind, tuple):
        return library.full(kind[1], value, dtype=getattr(library, kind[0]))
    return kind


def outcome(library, name, left, right):
    x, y = operand(library, left), operand(library, right)
    try:
        if name == "where":
            out = library.where(library.tensor([True]), x, y)
        else:
            out = getattr(library, name)(x, y)
    except Exception as error:
        return type(error).__name__, sentence(error)
    return str(out.dtype), tuple(out.shape), np.asarray(plain(out), complex).tolist()


@pytest.mark.parametrize("name", BINARY)
@pytest.mark.filterwarnings("ignore")
def test_promotion(name):
    kinds = [(t, shape) for t in TYPES for shape in ((), (1,))] + [True, 2, 2.5, 2j]
    wrong = []
    for left, right in itertools.product(kinds, kinds):
        if not isinstance(left, tuple) and not isinstance(right, tuple):
            continue
        if "float16" in str((left, right)).replace("bfloat16", "") and "j" in str(
            (left, right)
        ).replace("complex", "j"):
            continue  # PyTorch's complex32, which has no array type here
        ours, theirs = outcome(tidu, name, left, right), outcome(torch, name, left, right)
        if ours[:2] != theirs[:2] or (
            len(ours) == 3 and not np.allclose(ours[2], theirs[2], 1e-2, equal_nan=True)
        ):
            wrong.append((left, right, ours, theirs))
    assert not wrong, f"{len(wrong)} pairs, such as {wrong[:6]}"


# --- indices ------------------------------------------------------------------------------------


def random_index(random, shape):
    """An index as NumPy objects: integers, slices, None, Ellipsis, lists, index arrays and masks."""
    items, axis, dotted = [], 0, False
    common = (random.randint(1, 4),)
    while axis < len(shape):
        n, kind = shape[axis], random.randint(0, 10)
        if kind < 3:
            ends = sorted(random.randint(-n - 1, n + 2, 2))
            items.append(
                slice(
                    *[None if random.rand() < 0.3 else int(e) for e in ends],
                    random.choice([1, 1, 2, 3]).item(),
                )
            )
            axis += 1
        elif kind < 5 and n:
            items.append(int(random.randint(-n, n)))
            axis += 1
        elif kind == 5:
            items.append(None)
        elif kind == 6 and not dotted:
            dotted = True
            items.append(Ellipsis)
            axis += random.randint(0, len(shape) - axis + 1)
        elif kind == 7 and n:
            items.append(random.randint(-n, n, common if random.rand() < 0.7 else (2, *common)))
            axis += 1
        elif kind == 8 and n:
            items.append(random.randint(0, n, common).tolist())
            axis += 1
        elif kind == 9:
            mask = np.zeros(shape[axis : axis + 1], bool)
            mask[random.permutation(n)[: common[0]]] = True
            if mask.sum() != common[0]:
                continue
            items.append(mask)
            axis += 1
        if random.rand() < 0.1:
            break
    return tuple(items) if len(items) != 1 or random.rand() < 0.5 else items[0]


def index_for(library, index):
    if isinstance(index, tuple):
        return tuple([index_for(library, item) for item in index])
    return library.from_numpy(index) if isinstance(index, np.ndarray) else index


def got(library, values, index):
    x = library.tensor(values, requires_grad=True)
    try:
        out = x[index_for(library, index)]
    except Exception as error:
        return type(error).__name__, sentence(error)
    (out * out).sum().backward()
    return plain(out), plain(x.grad), out._is_view()


def put(library, values, index, source):
    base = library.tensor(values, requires_grad=True)
    part = library.tensor(source, requires_grad=True)
    x = base * 1
    try:
        x[index_for(library, index)] = part
    except Exception as error:
        return type(error).__name__, sentence(error)
    (x * x).sum().backward()
    return plain(x), plain(base.grad), plain(part.grad)


def equal(ours, theirs):
    return len(ours) == len(theirs) and all(
        np.array_equal(a, b) if isinstance(a, np.ndarray) else a == b
        for a, b in zip(ours, theirs, strict=True)
    )


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.filterwarnings("ignore")
def test_indices(seed):
    random = np.random.RandomState(seed)
    for _ in range(60):
        shape = tuple(random.randint(1, 5, random.randint(1, 5)).tolist())
        values, index = random.randn(*shape), random_index(random, shape)
        ours, theirs = got(tidu, values, index), got(torch, values, index)
        if isinstance(theirs[0], str):
            assert ours[0] == theirs[0], (shape, index, ours, theirs)
            continue
        assert equal(ours, theirs), (shape, index, ours[:2], theirs[:2])
        for source in (np.float64(2.5), random.randn(1)):
            ours, theirs = put(tidu, values, index, source), put(torch, values, index, source)
            assert len(ours) == len(theirs), (shape, index, ours, theirs)
            if len(ours) == 3 and not repeated(index, shape):
                for a, b in zip(ours, theirs, strict=True):
                    np.testing.assert_allclose(a, b, 1e-12, err_msg=str((shape, index)))


def repeated(index, shape):
    """Whether places are written twice (in no defined order)."""
    places = np.arange(np.prod(shape)).reshape(shape)[index]
    return np.unique(places).size != places.size


# --- views and programs that write in place -----------------------------------------------------

VIEWS = [
    lambda t, r: t[r.randint(0, t.shape[0])] if t.dim() > 1 else t[:1],
    lambda t, r: t.transpose(0, -1),
    lambda t, r: t.reshape(-1),
    lambda t, r: t.unsqueeze(r.randint(0, t.dim() + 1)),
    lambda t, r: t.squeeze(),
    lambda t, r: t[..., ::2],
    lambda t, r: t.narrow(0, 0, max(1, t.shape[0] - 1)) if t.dim() else t,
    lambda t, r: t.flatten(),
    lambda t, r: t.diagonal() if t.dim() == 2 else t,
    lambda t, r: t.unfold(0, 1, 1) if t.dim() else t,
    lambda t, r: t.select(0, 0) if t.dim() > 1 else t,
    lambda t, r: t.permute(*range(t.dim())[::-1]),
    lambda t, r: t.expand(2, *t.shape),
    lambda t, r: t.as_strided((2,), (1,)) if t.numel() > 1 and t.is_contiguous() else t,
    lambda t, r: t.view(-1) if t.is_contiguous() else t,
]
WRITES = [
    lambda t, u: t.mul_(2.0),
    lambda t, u: t.add_(u.sum()),
    lambda t, u: t.zero_(),
    lambda t, u: t.sigmoid_(),
    lambda t, u: t.copy_(u.sum() * 0.1),
    lambda t, u: t.clamp_(-0.5, 0.5),
    lambda t, u: t.tanh_(),
    lambda t, u: t.exp_().mul_(0.1),
    lambda t, u: t.masked_fill_(t.detach() > 0.2, 0.3),
    lambda t, u: t.pow_(2),
    lambda t, u: t.sub_(t.detach() * 0.5),
    lambda t, u: t.div_(u.sum().abs() + 1),
]


def program(library, seed):
    """A random program over one buffer, its views and writes; what can be seen afterwards."""
    random = np.random.RandomState(seed)
    leaf = library.tensor(random.randn(3, 4), requires_grad=True)
    other = library.tensor(random.randn(3), requires_grad=True)
    alive = [leaf * 1.0]
    seen = []
    for _ in range(8):
        t = alive[random.randint(0, len(alive))]
        choice = random.randint(0, 3)
        if choice == 0:
            alive.append(VIEWS[random.randint(0, len(VIEWS))](t, random))
        elif choice == 1:
            WRITES[random.randint(0, len(WRITES))](t, other)
        else:
            seen.append((t * t).sum())
    seen += [(t * 0.5).sum() for t in alive]
    total = sum(seen)
    total.backward()
    return [plain(total), plain(leaf.grad), None if other.grad is None else plain(other.grad)] + [
        (plain(t), [step for step, n in zip(t.stride(), t.shape, strict=True) if n > 1], t._version)
        for t in alive
    ]


def attempt(library, seed):
    try:
        return program(library, seed)
    except (RuntimeError, IndexError) as error:
        return sentence(error)[:60]


@pytest.mark.parametrize("block", range(20))
@pytest.mark.filterwarnings("ignore")
def test_programs_that_write_in_place(block):
    for seed in range(block * 20, block * 20 + 20):
        ours, theirs = attempt(tidu, seed), attempt(torch, seed)
        if isinstance(theirs, str):
            assert ours == theirs, seed
            continue
        assert not isinstance(ours, str), (seed, ours)
        for a, b in zip(ours[:3], theirs[:3], strict=True):
            if b is not None:
                np.testing.assert_allclose(a, b, 1e-9, 1e-12, err_msg=str(seed))
        for a, b in zip(ours[3:], theirs[3:], strict=True):
            np.testing.assert_allclose(a[0], b[0], 1e-9, 1e-12, err_msg=str(seed))
            assert a[1:3] == b[1:3], (seed, a, b)


# --- kinks --------------------------------------------------------------------------------------

KINKS = {
    "abs": (lambda t, x: x.abs(), [-1.0, 0.0, 2.0]),
    "relu": (lambda t, x: t.relu(x), [-1.0, 0.0, 2.0]),
    "clamp": (lambda t, x: x.clamp(0.0, 1.0), [-1.0, 0.0, 0.5, 1.0, 2.0]),
    "clamp_min": (lambda t, x: x.clamp(min=0.0), [-1.0, 0.0, 2.0]),
    "clamp_tensor": (
        lambda t, x: x.clamp(t.zeros(3, dtype=t.float64), t.ones(3, dtype=t.float64)),
        [0.0, 1.0, 0.5],
    ),
    "max": (lambda t, x: x.max(), [1.0, 3.0, 3.0]),
    "min": (lambda t, x: x.min(), [1.0, 1.0, 3.0]),
    "max_dim": (lambda t, x: x.max(0).values, [1.0, 3.0, 3.0]),
    "min_dim": (lambda t, x: x.min(0).values, [1.0, 1.0, 3.0]),
    "amax": (lambda t, x: x.amax(0), [1.0, 3.0, 3.0]),
    "amin": (lambda t, x: x.amin(0), [1.0, 1.0, 3.0]),
    "maximum": (lambda t, x: t.maximum(x, t.ones(3, dtype=t.float64)), [1.0, 0.0, 3.0]),
    "minimum": (lambda t, x: t.minimum(x, t.ones(3, dtype=t.float64)), [1.0, 0.0, 3.0]),
    "fmax": (lambda t, x: t.fmax(x, t.ones(3, dtype=t.float64)), [1.0, 0.0, 3.0]),
    "median": (lambda t, x: x.median(), [2.0, 2.0, 2.0]),
    "sqrt": (lambda t, x: x.sqrt(), [0.0, 1.0]),
    "norm": (lambda t, x: x.norm(), [0.0, 0.0]),
    "norm_1": (lambda t, x: x.norm(1), [0.0, 1.0]),
    "norm_3": (lambda t, x: x.norm(3), [0.0, 0.0]),
    "norm_inf": (lambda t, x: x.norm(float("inf")), [2.0, -2.0, 1.0]),
    "std": (lambda t, x: x.std(), [1.0, 1.0]),
    "pow_zero": (lambda t, x: x**0, [0.0, 1.0]),
    "pow_half": (lambda t, x: x**0.5, [0.0, 1.0]),
    "pow_tensor": (lambda t, x: t.zeros(2, dtype=t.float64) ** x, [0.0, 2.0]),
    "prod": (lambda t, x: x.prod(), [0.0, 2.0, 0.0]),
    "cumprod": (lambda t, x: x.cumprod(0), [2.0, 0.0, 3.0]),
    "sign": (lambda t, x: x.sign(), [0.0, -1.0]),
    "atan2": (lambda t, x: t.atan2(x, x), [0.0, 1.0]),
    "xlogy": (lambda t, x: t.xlogy(x, t.zeros(2, dtype=t.float64)), [0.0, 1.0]),
    "logsumexp": (lambda t, x: x.logsumexp(0), [-float("inf"), -float("inf")]),
    "hypot": (lambda t, x: t.hypot(x, x), [0.0, 1.0]),
    "dist": (lambda t, x: t.dist(x, x.detach()), [1.0, 2.0]),
    "cdist": (lambda t, x: t.cdist(x[None], x.detach()[None]), [1.0, 2.0]),
    "sort": (
        lambda t, x: x.sort(stable=True).values * t.arange(3.0, dtype=t.float64),
        [2.0, 2.0, 1.0],
    ),
    "where": (lambda t, x: t.where(x > 0, x.log(), x * 0), [0.0, 2.0]),
    "logaddexp": (lambda t, x: t.logaddexp(x, x), [0.0, -float("inf")]),
    "lerp": (lambda t, x: t.lerp(x, x * 2, 0.5), [0.0, 1.0]),
}


@pytest.mark.parametrize("name", KINKS)
@pytest.mark.filterwarnings("ignore")
def test_subgradients(name):
    function, values = KINKS[name]
    found = []
    for library in (tidu, torch):
        x = library.tensor(values, dtype=library.float64, requires_grad=True)
        function(library, x).sum().backward()
        found.append(x.grad.numpy())
    np.testing.assert_allclose(*found, rtol=1e-9)


# --- names in the graph -------------------------------------------------------------------------


def names(library):
    x = library.ones(2, 3, requires_grad=True)
    y = library.ones(3, 2, requires_grad=True)
    v = library.ones(3, requires_grad=True)
    outs = [
        x + 1, x - 1, 1 - x, x * 2, x / 2, x**2, 2**x, x**x, -x, x @ y, x @ v, v @ v, x.sum(), x.sum(0), x.mean(),
        x.mean(1), x.max(), x.max(1)[0], x.amax(1), x.prod(), x.prod(1), x.var(), x.std(), x.norm(), x.exp(), x.log(), x.sqrt(),
        x.abs(), x.relu(), x.sigmoid(), x.tanh(), x.clamp(0, 1), x.clamp(min=0), x.t(), x.transpose(0, 1), x.permute(1, 0),
        x.T, x.view(6), x.reshape(6), x.flatten(), x.unsqueeze(0), x.squeeze(), x.squeeze(0), x.expand(2, 2, 3), x.repeat(2, 1),
        x[0], x[:, 1], x[:1], x[x > 0], x[[0]], x.split(1)[0], x.chunk(2)[0], x.unbind()[0], library.cat([x, x]),
        library.stack([x, x]), x.gather(1, library.zeros(2, 1, dtype=library.int64)), x.index_select(0, library.tensor([0])),
        x.masked_fill(x > 0, 0.0), library.where(x > 0, x, x), x.clone(), x.double(), x.cumsum(0), x.cumprod(0), x.sort()[0],
        x.topk(1)[0], x.median(), x.median(1)[0], x.logsumexp(1), x.softmax(1), x.log_softmax(1), x.triu(), x.tril(), x.diagonal(),
        x.flip((0,)), x.roll(1), library.bmm(x[None], y[None]), library.addmm(library.ones(2, 2), x, y),
        library.maximum(x, x), x.pow(2.5), x.square(), x.reciprocal(), x.rsqrt(), x.sin(), x.floor(), x.sign(), x.erf(),
        library.lerp(x, x, 0.5), library.addcmul(x, x, x), x.narrow(0, 0, 1), x.contiguous(), library.dot(v, v), library.outer(v, v),
        library.einsum("ij,jk->ik", x, y), x.masked_select(x > 0), x.scatter(1, library.zeros(2, 1, dtype=library.int64), 1.0),
        x.atan2(x), x.fmod(2), x.remainder(2), x.unfold(0, 1, 1), x.kthvalue(1)[0], x.argmax(), x.detach(), x.copysign(x),
        x.logaddexp(x), x.hypot(x), x[:2, :2].trace(), x.as_strided((2,), (1,)), x.nan_to_num(),
    ]  # fmt: skip
    return [None if out.grad_fn is None else out.grad_fn.name() for out in outs]


def test_names_of_nodes():
    ours, theirs = names(tidu), names(torch)
    assert [pair for pair in zip(ours, theirs, strict=True) if pair[0] != pair[1]] == []
