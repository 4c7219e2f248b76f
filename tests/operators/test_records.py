"""What every operator must do, generated from its record: values, derivatives of both kinds and
orders, batching, the slow path, shapes without values, `out=`, in-place and refusals."""

from pathlib import Path

import numpy as np
import pytest
import recorded
from calls import flat, function_of, numbers_of, prepared
from records import RECORDS

import tidu
from tidu.core.handle import element_type, shape_of
from tidu.core.modes import listen, unlisten
from tidu.transforms.trace import infer

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::UserWarning"),
]  # what is deprecated says so

ALL = {record.id: record for record in RECORDS}
STEP = 1e-5


def each(choose):
    return pytest.mark.parametrize(
        "record", [pytest.param(r, id=r.id) for r in RECORDS if choose(r)]
    )


def array(tensor):
    tensor = tensor.float() if tensor.dtype is tidu.bfloat16 else tensor
    return tensor.detach().resolve_conj().numpy()


def like(tensors, seed, symmetric=False):
    """Directions: one for each tensor, the same on each call."""
    random = np.random.RandomState(seed)
    made = [
        tidu.from_numpy(np.asarray(random.uniform(-1, 1, t.shape))).to(t.dtype) for t in tensors
    ]
    return [(d + d.mT) / 2 for d in made] if symmetric else made


def real_sum(product):
    return (product.real if product.is_complex() else product).sum()


def inner(left, right):
    """Real inner products; complex numbers count as pairs."""
    return sum([float(real_sum(a * b.conj())) for a, b in zip(left, right, strict=True)])


def differentiable_samples(record):
    for sample in record.samples:
        function, leaves = function_of(tidu, record, sample)
        if leaves and all(leaf.numel() for leaf in leaves):
            outs = function(*leaves)
            if outs and all(np.isfinite(array(out)).all() for out in outs):
                yield function, leaves, outs


class Listener:
    """Its presence sends every operation through `apply`; it keeps what it hears."""

    def __init__(self):
        self.heard = []

    def applied(self, *heard):
        self.heard.append(heard)

    def pass_begins(self, *heard):
        pass

    pass_ends = visited = pass_begins

    def __enter__(self):
        listen(self)
        return self

    def __exit__(self, *error):
        unlisten(self)


RECORDED = recorded.load()


def operators():
    """The names of PyTorch's operators, with their variants."""
    lines = (Path(__file__).parents[2] / "tools" / "operators.tsv").read_text().split("\n")[1:]
    return [line.split("\t")[1] for line in lines if line]


def test_names_are_unique():
    assert len(ALL) == len(RECORDS)


def test_every_operator_has_a_record():
    """Its own, or that of the name without the variant; ids are unique."""
    ids = {record.id.removeprefix("Tensor.") for record in RECORDS}
    plain = {record.name.removeprefix("Tensor.") for record in RECORDS if not record.suffix}
    lacking = [n for n in operators() if n not in ids and n.rpartition(".")[0] not in plain]
    assert not lacking


@pytest.mark.parametrize("record", [pytest.param(r, id=r.id) for r in RECORDS])
def test_recorded(record):
    """PyTorch's values and gradients, which `tests/reference` compares with PyTorch itself."""
    with np.errstate(all="ignore"):
        recorded.close(record, numbers_of(tidu, record), RECORDED[record.id])


@each(lambda r: r.reference is not None)
def test_value(record):
    for sample in record.samples:
        args, kwargs, _ = prepared(tidu, sample)
        with np.errstate(all="ignore"):
            expected = np.asarray(record.reference(*sample.args, **sample.kwargs))
        out = record.function(tidu)(*args, **kwargs)
        assert tuple(out.shape) == expected.shape
        np.testing.assert_allclose(array(out), expected, rtol=1e-10, atol=1e-12)


@each(lambda r: r.differentiable)
def test_both_modes_agree(record):
    for function, leaves, outs in differentiable_samples(record):
        t, u = like(leaves, 1, record.symmetric), like(outs, 2)
        tangents = tidu.func.jvp(function, tuple(leaves), tuple(t))[1]
        cotangents = tidu.func.vjp(function, *leaves)[1](tuple(u))
        forward, backward = inner(u, tangents), inner(cotangents, t)
        assert forward == pytest.approx(backward, rel=1e-8, abs=1e-9)


@each(lambda r: r.differentiable)
def test_derivative_is_the_slope(record):
    for function, leaves, outs in differentiable_samples(record):
        t, u = like(leaves, 3, record.symmetric), like(outs, 4)
        cotangents = tidu.func.vjp(function, *leaves)[1](tuple(u))
        high, low = [
            inner(u, function(*[x + s * STEP * d for x, d in zip(leaves, t, strict=True)]))
            for s in (1, -1)
        ]
        assert inner(cotangents, t) == pytest.approx((high - low) / (2 * STEP), rel=1e-5, abs=1e-6)


@each(lambda r: r.differentiable and r.twice)
def test_second_derivative(record):
    for function, leaves, outs in differentiable_samples(record):
        t, u, v = (
            like(leaves, 5, record.symmetric),
            like(outs, 6),
            like(leaves, 7, record.symmetric),
        )

        def slope(*xs, function=function, t=t, u=u):
            gradients = tidu.func.vjp(function, *xs)[1](tuple(u))
            return sum([real_sum(g * d.conj()) for g, d in zip(gradients, t, strict=True)])

        gradient = tidu.func.grad(slope, argnums=tuple(range(len(leaves))))(*leaves)
        high, low = [
            float(slope(*[x + s * STEP * d for x, d in zip(leaves, v, strict=True)]))
            for s in (1, -1)
        ]
        assert inner(gradient, v) == pytest.approx((high - low) / (2 * STEP), rel=1e-4, abs=1e-5)


@each(lambda r: r.batch)
def test_vmap_is_a_loop(record):
    for sample in record.samples:
        function, leaves = function_of(tidu, record, sample)
        if not leaves:
            continue
        chosen = leaves[:1] if len(sample.args) % 2 else leaves
        rest = leaves[len(chosen) :]
        stacked = [tidu.stack([x, x * 0.9, x * 1.1]) for x in chosen]

        def batched(*xs, function=function, rest=rest):
            return function(*xs, *rest)

        got = tidu.func.vmap(batched)(*stacked)
        for k in range(3):
            for out, expected in zip(got, batched(*[s[k] for s in stacked]), strict=True):
                np.testing.assert_allclose(array(out[k]), array(expected), rtol=1e-12, atol=1e-14)


@each(lambda r: True)
def test_slow_path_and_shapes(record):
    for sample in record.samples:
        fast = gradients_of(record, sample)
        with Listener() as listener:
            slow = gradients_of(record, sample)
        for a, b in zip(fast, slow, strict=True):
            np.testing.assert_array_equal(array(a), array(b))
        for prim, args, params, out in listener.heard:
            check_shape(prim, args, params, out)


@each(lambda r: True)
@pytest.mark.parametrize("dtype", [tidu.float32, tidu.float64], ids=["float32", "float64"])
def test_direct_path(record, dtype):
    """Without gradients an operator may take a shorter path: the same tensors come out of it."""
    for sample in record.samples:
        short = untracked(record, sample, dtype)
        with Listener():
            general = untracked(record, sample, dtype)
        for a, b in zip(short, general, strict=True):
            assert (a.dtype, a.shape, a.stride()) == (b.dtype, b.shape, b.stride())
            assert a.grad_fn is None
            assert type(a._value) is type(b._value)
            np.testing.assert_array_equal(array(a), array(b))


def untracked(record, sample, dtype):
    args, kwargs, _ = prepared(tidu, sample, dtype)
    tidu.manual_seed(0)
    with np.errstate(all="ignore"):
        return flat(tidu, record.function(tidu)(*args, **kwargs))


def gradients_of(record, sample):
    """Results and gradients."""
    args, kwargs, leaves = prepared(tidu, sample)
    if record.differentiable:
        kept = [args[k] for k in record.fixed if k < len(args)]
        leaves = [leaf for leaf in leaves if not any(leaf is k for k in kept)]
        for leaf in leaves:
            leaf.requires_grad_()
    with np.errstate(all="ignore"):
        outs = flat(tidu, record.function(tidu)(*args, **kwargs))
        tracked = [out for out in outs if out.requires_grad]
        if tracked:
            sum(
                [real_sum(out * u) for out, u in zip(tracked, like(tracked, 8), strict=True)]
            ).backward()
    return outs + [leaf.grad for leaf in leaves if leaf.grad is not None]


def check_shape(prim, args, params, out):
    """The shape rule (or the evaluation on blanks) tells what came out."""
    with np.errstate(all="ignore"):
        specs = infer(prim, args, params)
    outs = out if isinstance(out, tuple) else (out,)
    for spec, part in zip(specs if isinstance(specs, list) else [specs], outs, strict=True):
        assert tuple(spec[0]) == tuple(shape_of(part)), prim.name
        assert np.dtype(spec[1]) == element_type(part), prim.name


@each(lambda r: r.out)
def test_out(record):
    for sample in record.samples:
        args, kwargs, _ = prepared(tidu, sample)
        with np.errstate(all="ignore"):
            expected = record.function(tidu)(*args, **kwargs)
            target = tidu.empty(0, dtype=expected.dtype)
            result = record.function(tidu)(*args, **kwargs, out=target)
        assert result is target
        np.testing.assert_array_equal(array(target), array(expected))


@each(lambda r: r.inplace)
def test_inplace(record):
    name = record.name.split(".")[-1] + "_"
    for sample in record.samples:
        args, kwargs, _ = prepared(tidu, sample)
        if not isinstance(args[0], tidu.Tensor):
            continue
        expected = record.function(tidu)(*args, **kwargs)
        if expected.shape != args[0].shape:
            continue
        target = args[0].clone()
        kept = target.detach()
        result = getattr(target, name)(*args[1:], **kwargs)
        assert result is target
        np.testing.assert_allclose(array(target), array(expected.to(target.dtype)), rtol=1e-12)
        assert (
            target.numel() == 0
            or array(kept) is not None
            and np.array_equal(array(kept), array(target))
        )


@pytest.mark.parametrize(
    "record, refusal",
    [pytest.param(r, f, id=f"{r.id}-{k}") for r in RECORDS for k, f in enumerate(r.refusals)],
)
def test_refusal(record, refusal):
    args, kwargs, _ = prepared(tidu, refusal)
    with pytest.raises(refusal.kind) as caught:
        record.function(tidu)(*args, **kwargs)
    assert refusal.text in str(caught.value)


def test_determinant_of_a_singular_matrix_has_its_cofactors_as_gradient():
    x = tidu.tensor([[1.0, 1.0], [2.0, 2.0]], dtype=tidu.float64, requires_grad=True)
    tidu.linalg.det(x).backward()
    np.testing.assert_allclose(array(x.grad), [[2.0, -2.0], [-1.0, 1.0]], atol=1e-12)
