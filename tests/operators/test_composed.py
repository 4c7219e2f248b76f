"""Composed operators: every rule follows from a definition; kernels agree with it."""

import functools

import numpy as np
import pytest
from harvest import calls_of

import tidu
from tidu.cli.ops import all_primitives, print_matrix
from tidu.core.dispatch import edges_of, record
from tidu.core.handle import wrap
from tidu.core.modes import listen, unlisten
from tidu.core.primitive import names_of
from tidu.primitives import base, contraction, functions
from tidu.primitives.composed import Composed, composed
from tidu.primitives.trilinear import Partial, Trilinear

COMPOSED = {name: prim for _, name, prim in all_primitives() if isinstance(prim, Composed)}


def calls(name):
    """Sample calls with the memory of every argument."""
    found = calls_of().get(id(COMPOSED[name]))
    assert found, f"no operator's record and no program of harvest.py reaches {name}"
    return found


def parts(out):
    return out if isinstance(out, tuple) else (out,)


@pytest.mark.slow
@pytest.mark.parametrize("name", COMPOSED)
def test_the_kernel_computes_the_definition(name):
    prim = COMPOSED[name]
    for args, params in calls(name):
        with np.errstate(all="ignore"):
            wanted = prim.eval(*args, **params)
            if not all(np.isfinite(w).all() for w in parts(wanted)):
                continue
            asked = {"out": wanted} if "out" in names_of(prim.definition) else {}
            found = prim.definition(*args, **params, **asked)
        tolerance = 1e-9 if args[0].dtype.itemsize >= 8 else 1e-4
        for f, w in zip(parts(found), parts(wanted), strict=True):
            np.testing.assert_allclose(f, w, rtol=tolerance, atol=tolerance)


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n, prim in COMPOSED.items() if prim.back is not None])
def test_the_first_gradients_kernel_computes_the_derived_one(name):
    prim = COMPOSED[name]
    for args, params in calls(name):
        if args[0].dtype.kind not in "fc":
            continue
        out = prim.eval(*args, **params)
        outs = [wrap(np.asarray(part)) for part in parts(out)]
        random = np.random.RandomState(0)
        g = [random.uniform(-1, 1, np.shape(o)).astype(np.asarray(o).dtype) for o in parts(out)]
        made = record(prim, edges_of([wrap(a, wrap(a)) for a in args]), args, params, out,
                      lambda value, node: node)  # fmt: skip
        node = parts(made)[0] if len(outs) == 1 else parts(made)[0].edges[0]
        for given in {(True,) * len(g), (True, *(False,) * (len(g) - 1))}:
            sent = [x if has else None for x, has in zip(g, given, strict=True)]
            sent = tuple(sent) if isinstance(out, tuple) else sent[0]
            edges = node.edges
            kernel = prim.backward(sent, node.saved, params, edges)
            derived = prim.derived(sent, node.saved, params, (True,) * len(edges))
            for k, d in zip(kernel, derived, strict=True):
                if d is None:  # of an index
                    assert k is None
                    continue
                np.testing.assert_allclose(k, d, rtol=1e-4 if d.dtype.itemsize < 8 else 1e-9,
                                           atol=1e-6)  # fmt: skip


def _smooth(x, w):
    return functions.tanh(contraction.matmul(x, w))


def make(definition=_smooth, **words):
    saves = {"x": ("x", "w"), "w": ("x", "w")}
    kernel = lambda x, w: np.tanh(x @ w)
    return composed("smooth", kernel, ("x", "w"), definition, **{"saves": saves, **words})


# The result of scatter_extreme is compared with the operands it is one of: both move alike.
EQUATIONS = [n for n, prim in COMPOSED.items()
             if "out" in names_of(prim.definition) and n != "scatter_extreme"]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", EQUATIONS)
def test_the_right_side_of_an_equation_does_not_change_with_the_result(name):
    """Not in first order, along what the result does when the operands move."""
    prim, checked = COMPOSED[name], 0
    for args, params in calls(name):
        wide = all(a.dtype in (np.float64, np.complex128) for a in args)
        out = parts(prim.eval(*args, **params))
        if not wide or params.get("mode", "reduced") != "reduced" or params.get("symmetric"):
            continue
        random = np.random.RandomState(0)
        along = [tidu.tensor(random.uniform(-1, 1, a.shape).astype(a.dtype)) for a in args]
        point = tuple([tidu.tensor(a) for a in args])
        at = functools.partial(prim, **params)
        moved = parts(tidu.func.jvp(at, point, tuple(along))[1])
        sides = []
        for step in (1e-6, -1e-6):
            near = tuple([o + step * np.asarray(m) for o, m in zip(out, moved, strict=True)])
            near = near if len(near) > 1 else near[0]
            sides.append(parts(prim.definition(*args, **params, out=near)))
        for high, low, change in zip(*sides, moved, strict=True):
            size = 1 + np.abs(np.asarray(change)).max(initial=0)
            assert np.abs(high - low).max(initial=0) / 2e-6 < 1e-6 * size
            checked += 1
    assert checked


POINT = [tidu.linspace(-1, 1, 6, dtype=tidu.float64).reshape(2, 3),
         tidu.linspace(-0.5, 1, 12, dtype=tidu.float64).reshape(3, 4)]  # fmt: skip


def test_a_new_operator_is_one_definition():
    prim, f = make(), tidu.func
    written = lambda x, w: tidu.tanh(x @ w)
    x, w = POINT
    for way in (
        lambda p: f.grad(lambda x: p(x, w).sin().sum())(x),
        lambda p: f.hessian(lambda w: p(x, w).sin().sum())(w),
        lambda p: f.jvp(p, (x, w), (x * 2, w * w))[1],
        lambda p: f.vmap(p, (None, 0))(x, tidu.stack([w, w * 2])),
        lambda p: f.vmap(f.grad(lambda w: p(x, w).sum()))(tidu.stack([w, w * 2])),
        lambda p: f.jacfwd(f.jacrev(lambda x: p(x, w).sum()))(x),
        lambda p: f.jet(lambda x: p(x, w), (x,), ([x, x * x, x],))[1][2],
        lambda p: tidu.compile(lambda x, w: p(x, w) * 2)(x, w),
    ):
        np.testing.assert_allclose(way(prim), way(written), rtol=1e-12, atol=1e-13)
    leaf = x.clone().requires_grad_()
    assert type(prim(leaf, w).grad_fn).__name__ == "SmoothBackward0"


def test_a_rule_reads_the_result_where_that_is_kept():
    """The hyperbolic tangent is not computed again: its slope is that of what the node keeps."""
    prim = make(saves={"x": ("w", "out"), "w": ("x", "out")})
    x, w = [p.clone().requires_grad_() for p in POINT]
    plan = prim.plan((True, False))
    assert plan.inputs == (False, True) and plan.out
    out = prim(x, w)
    out.backward(tidu.ones_like(out), create_graph=True)
    x2, w2 = [p.clone().requires_grad_() for p in POINT]
    out = tidu.tanh(x2 @ w2)
    out.backward(tidu.ones_like(out))
    assert tidu.allclose(x.grad, x2.grad) and tidu.allclose(w.grad, w2.grad)


def test_a_rule_that_reads_what_is_not_kept_is_refused():
    prim = make(saves={"x": ("out",), "w": ("out",)})
    x = POINT[0].clone().requires_grad_()
    out = prim(x, POINT[1])
    with pytest.raises(ValueError, match="which is not saved"):
        out.backward(tidu.ones_like(out))


def test_an_equation_for_the_result_defines_it():
    """A square root as y = (y + x / y) / 2, of which no derivative by y is left."""
    half = lambda x, out: (out + x / out) / 2
    prim = composed("root", np.sqrt, ("x",), half, saves={"x": ("out", "x")},
                    shape=lambda prim, args, params: (args[0].shape, np.dtype(float)))  # fmt: skip
    x, g = tidu.tensor(4.0, dtype=tidu.float64), tidu.func.grad
    assert abs(g(prim)(x).item() - 1 / 4) < 1e-12
    assert abs(g(g(prim))(x).item() + 1 / 32) < 1e-12
    assert abs(g(g(g(prim)))(x).item() - 3 / 256) < 1e-12


def heard(run):
    """The names of the operations that a listener hears of while `run` runs."""
    names = []

    class Listener:
        def applied(self, prim, args, params, result):
            names.append(prim.name)

    listener = Listener()
    listen(listener)
    try:
        run()
    finally:
        unlisten(listener)
    return names


def test_listeners_hear_of_a_rule_and_not_of_its_derivation():
    prim, (x, w) = make(), POINT
    saved = (x, w, None, (x.shape, w.shape))
    run = lambda: prim.derived(tidu.ones(2, 4, dtype=tidu.float64), saved, {}, (True, False))
    assert heard(run) == heard(run) != []


def test_transposes_that_cancel_are_left_out():
    x, w, g = [tidu.randn(*shape) for shape in ((2, 3), (4, 3), (2, 4))]
    saved = (x, w, None, (x.shape, w.shape))
    run = lambda: contraction.linear_product.derived(g, saved, {}, (True, True))
    names = heard(run)
    assert names.count(base.transpose.name) == 1  # of the cotangent, for the weight
    assert names.count(contraction.matmul.name) == 2 == len(names) - 1


def test_the_maps_of_a_trilinear_form_are_one_primitive():
    forms = [prim for _, _, prim in all_primitives() if isinstance(prim, Trilinear)]
    assert len([prim for prim in forms if not isinstance(prim, Partial)]) == 1
    for prim in forms:
        assert set(prim.form.maps.values()) == set(forms)


def test_the_matrix_lists_definitions(capsys):
    print_matrix(all_primitives())
    listed = capsys.readouterr().out.partition("composed operators")[2]
    for name in COMPOSED:
        assert f"{name} " in listed
