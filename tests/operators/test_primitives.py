"""Every primitive with all its rules, on calls harvested from the operators' records.

The primitives are those of the registry that `tidu ops` prints: one without a sample call fails.
Values and shapes, both modes of differentiation against each other and against differences, second
order, batches against a loop, and traces against values.
"""

import numpy as np
import pytest
from harvest import calls_of

import tidu
from tidu.cli.ops import all_primitives
from tidu.core.handle import TensorBase
from tidu.program.evaluate import evaluate
from tidu.transforms.trace import infer, trace

pytestmark = pytest.mark.slow

PRIMITIVES = {f"{module}.{name}": prim for module, name, prim in all_primitives()}
STEP = 1e-6
# Arguments without a derivative, as in PyTorch, and one whose value is handed in by the caller.
FIXED = {"igamma": (0,), "nll_loss": (2,)}
GIVEN = {
    "lu_of_rows": "its value is its second argument; lu_factor's record checks both",
    "not_implemented": "its rules refuse; test_refused_derivatives_reference.py has the words",
}
# Of these matrices only one triangle is read: the other moves along.
SYMMETRIC = {"linalgcholeskyex", "linalgeigh", "linalgldlfactorex"}
# Of these one triangle, too, but the derivatives are those by all of it, as PyTorch's: the other
# does not move.
LOWER = {"choleskysolve"}


def each(choose=lambda prim: True):
    names = [name for name, prim in PRIMITIVES.items() if choose(prim)]
    return pytest.mark.parametrize("name", names)


class Call:
    """One harvested call as a function of its floating-point arguments."""

    def __init__(self, prim, args, params):
        self.prim, self.args, self.params = prim, args, params
        self.moving = [i for i, a in enumerate(args) if _floating(a) and self._moves(i)]
        self.point = [args[i] for i in self.moving]

    def _moves(self, i):
        if i in FIXED.get(self.prim.name, ()):
            return False
        rules = self.prim.rules
        return rules is None or not any(rules) or i >= len(rules) or rules[i] is not None

    def __call__(self, *now):
        """The floating-point results, as a list."""
        full = list(self.args)
        for i, value in zip(self.moving, now, strict=True):
            full[i] = value
        out = self.prim(*full, **self.params)
        outs = out if isinstance(out, tuple) else (out,)
        kept = [o for i, o in enumerate(outs) if i not in self.prim.nondiff_outputs]
        return [o for o in kept if _floating(o)]

    def tensors(self):
        return [tidu.tensor(a) for a in self.point]

    def plain(self, *now):
        with np.errstate(all="ignore"):
            return [np.asarray(o) for o in self(*now)]

    def directions(self, like, seed):
        random = np.random.RandomState(seed)
        found = []
        for a in like:
            a = np.asarray(a)
            d = random.uniform(-1, 1, a.shape).astype(a.dtype)
            if a.dtype.kind == "c":
                d = d + 1j * random.uniform(-1, 1, a.shape).astype(a.dtype)
            square = a.ndim > 1 and a.shape[-1] == a.shape[-2]
            name = self.prim.torch_name.removesuffix("Backward0").lower()
            if square and name in SYMMETRIC:
                d = d + np.conj(np.swapaxes(d, -1, -2))
            elif square and name in LOWER:
                d = np.tril(d)
            found.append(d)
        return found


def _floating(value):
    if isinstance(value, TensorBase):
        return value.is_floating_point() or value.is_complex()
    return isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind in "fc"


def calls(name):
    prim = PRIMITIVES[name]
    found = calls_of().get(id(prim))
    assert found, f"no operator's record and no program of harvest.py reaches {name}"
    return [Call(prim, args, params) for args, params in found]


def wide_calls(name):
    """Calls whose moving arguments are in double precision and have finite results."""
    for call in calls(name):
        if call.moving and all(a.dtype in (np.float64, np.complex128) for a in call.point):
            outs = call.plain(*call.point)
            if outs and all(o.dtype.itemsize >= 8 and np.isfinite(o).all() for o in outs):
                yield call, outs


def inner(left, right):
    """Real inner products; complex numbers count as pairs."""
    return float(sum(np.sum(np.real(np.asarray(a) * np.conj(b)))
                     for a, b in zip(left, right, strict=True)))  # fmt: skip


def slope(function, point, along, weights):
    """Two-sided difference, and whether the one-sided ones agree: whether there is a slope."""
    moved = [[x + s * STEP * d for x, d in zip(point, along, strict=True)] for s in (1, -1)]
    high, here, low = [inner(weights, function(*xs)) for xs in (moved[0], point, moved[1])]
    right, left = (high - here) / STEP, (here - low) / STEP
    smooth = abs(right - left) <= 1e-3 * max(1.0, abs(right), abs(left))
    return (high - low) / (2 * STEP), smooth and np.isfinite(high - low)


def close(a, b, rel=2e-5):
    scale = max(1.0, abs(a), abs(b))
    return np.isfinite(a) and abs(a - b) <= rel * scale


def forward(call, point, along):
    tensors, tangents = [tidu.tensor(x) for x in point], [tidu.tensor(t) for t in along]
    return [np.asarray(t) for t in tidu.func.jvp(call, tuple(tensors), tuple(tangents))[1]]


def backward(call, point, weights):
    tensors = [tidu.tensor(x) for x in point]
    pull = tidu.func.vjp(call, *tensors)[1]
    return [np.asarray(g) for g in pull([tidu.tensor(u) for u in weights])]


@each()
def test_there_is_a_sample_and_its_shape_is_known(name):
    for call in calls(name):
        with np.errstate(all="ignore"):
            out = call.prim.eval(*call.args, **call.params)
        specs = infer(call.prim, call.args, call.params)
        outs = out if isinstance(out, tuple) else (out,)
        for spec, part in zip(specs if isinstance(specs, list) else [specs], outs, strict=True):
            assert tuple(spec[0]) == np.shape(part)
            assert np.dtype(spec[1]) == part.dtype


@each(lambda prim: prim.differentiable and prim.name not in GIVEN)
def test_derivatives_of_both_modes_and_differences(name):
    checked = 0
    for call, outs in wide_calls(name):
        along, weights = call.directions(call.point, 1), call.directions(outs, 2)
        cotangents = backward(call, call.point, weights)
        back = inner(cotangents, along)
        if call.prim.jvp is not None:
            ahead = inner(weights, forward(call, call.point, along))
            assert not np.isfinite(back) or close(back, ahead, 1e-9)
        want, smooth = slope(call.plain, call.point, along, weights)
        if smooth and np.isfinite(back):
            assert close(back, want)
            checked += 1
    assert checked, "no sample at which it has a slope"


@each(lambda prim: prim.differentiable and prim.name not in GIVEN)
def test_second_derivatives(name):
    checked = 0
    for call, outs in wide_calls(name):
        along, weights = call.directions(call.point, 3), call.directions(outs, 4)
        others = call.directions(call.point, 5)

        def gradient(*point, call=call, weights=weights):
            with np.errstate(all="ignore"):
                return backward(call, point, weights)

        def pulled(*tensors, call=call, weights=weights):
            pull = tidu.func.vjp(call, *tensors)[1]
            return list(pull([tidu.tensor(u) for u in weights]))

        want, smooth = slope(gradient, call.point, along, others)
        if not smooth:
            continue
        tensors = tuple(call.tensors())
        twice = tidu.func.vjp(pulled, *tensors)[1]([tidu.tensor(o) for o in others])
        assert close(inner([np.asarray(t) for t in twice], along), want)
        if call.prim.jvp is not None:
            tangents = tuple([tidu.tensor(t) for t in along])
            mixed = tidu.func.jvp(pulled, tensors, tangents)[1]
            assert close(inner(others, [np.asarray(t) for t in mixed]), want)
        checked += 1
    assert checked, "no sample at which its gradient has a slope"


@each(lambda prim: prim.differentiable and prim.kind in ("elementwise", "linear", "bilinear"))
def test_series_are_nested_tangents(name):
    """Taylor mode: three derivatives along a curve whose own derivatives are random."""
    checked = 0
    for call, outs in wide_calls(name):
        point = tuple(call.tensors())
        series = [[tidu.tensor(d) for d in call.directions(call.point, seed)] for seed in (6, 7, 8)]

        def along(t, call=call, point=point, series=series):
            return call(*[x + t * a + t**2 / 2 * b + t**3 / 6 * c
                          for x, a, b, c in zip(point, *series, strict=True)])  # fmt: skip

        zero, found = tidu.tensor(0.0, dtype=tidu.float64), []
        for _ in range(3):
            along = _tangent(along)
            found.append([np.asarray(part) for part in along(zero)])
        values, derivatives = tidu.func.jet(call, point, tuple(zip(*series, strict=True)))
        for got, want in zip(values, outs, strict=True):
            np.testing.assert_allclose(np.asarray(got), want, rtol=1e-12)
        for got, want in zip(derivatives, found, strict=True):
            for g, w in zip(got, want, strict=True):
                scale = max(1.0, np.abs(w).max(initial=0))
                np.testing.assert_allclose(np.asarray(g), w, rtol=1e-8, atol=1e-9 * scale)
        checked += 1
    assert checked


def _tangent(function):
    one = tidu.tensor(1.0, dtype=tidu.float64)
    return lambda t: tidu.func.jvp(function, (t,), (one,))[1]


@each()
def test_batches_are_loops(name):
    for call in calls(name):
        arrays = [i for i, a in enumerate(call.args) if isinstance(a, (np.ndarray, np.generic))]
        for chosen in [[i] for i in arrays] + [arrays] * (len(arrays) > 1):
            check_batch(call, chosen, in_front=True)
            check_batch(call, chosen, in_front=False)


def check_batch(call, chosen, in_front):
    examples = [list(call.args), [_other(a) if i in chosen else a
                                         for i, a in enumerate(call.args)]]  # fmt: skip
    axes, stacked = [], []
    for i, (a, b) in enumerate(zip(*examples, strict=True)):
        axis = (0 if in_front else np.ndim(a)) if i in chosen else None
        axes.append(axis)
        stacked.append(a if axis is None else np.stack([a, b], axis))

    def one(*tensors):
        full = iter(tensors)
        return call.prim(*[next(full) if isinstance(a, (np.ndarray, np.generic)) else a
                           for a in call.args], **call.params)  # fmt: skip

    handles = [tidu.from_numpy(np.array(a)) if isinstance(a, (np.ndarray, np.generic)) else None
               for a in stacked]  # fmt: skip
    given = [(h, a) for h, a in zip(handles, axes, strict=True) if h is not None]
    with np.errstate(all="ignore"):
        got = tidu.func.vmap(one, in_dims=tuple([a for _, a in given]))(*[h for h, _ in given])
        for k, example in enumerate(examples):
            want = call.prim.eval(*example, **call.params)
            for g, w in zip(_several(got), _several(want), strict=True):
                np.testing.assert_allclose(np.asarray(g[k]), w, rtol=1e-9, atol=1e-11)


def _several(out):
    return out if isinstance(out, tuple) else (out,)


def _other(a):
    """Another array of the kind: numbers a little smaller, indices and truth as they are."""
    return (a * 0.96875).astype(a.dtype) if np.asarray(a).dtype.kind in "fc" else a


@each()
def test_traces_give_the_values(name):
    for call in calls(name):
        places = [i for i, a in enumerate(call.args) if isinstance(a, (np.ndarray, np.generic))]

        def program(*tensors, call=call, places=places):
            full = list(call.args)
            for i, t in zip(places, tensors, strict=True):
                full[i] = t
            return call.prim(*full, **call.params)

        arrays = [call.args[i] for i in places]
        with np.errstate(all="ignore"):
            graph = trace(program, *[(a.shape, a.dtype) for a in arrays])
            got = evaluate(graph, arrays)
            want = _several(call.prim.eval(*call.args, **call.params))
        for g, w in zip(got, want, strict=True):
            np.testing.assert_array_equal(g, w)
