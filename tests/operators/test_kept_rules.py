"""Derived rules that another process has kept are the rules that this one would derive."""

import marshal
import os
import subprocess
import sys

import ml_dtypes
import numpy as np
import pytest

import tidu as torch
from tidu.cli.ops import all_primitives
from tidu.compiler.machine import native
from tidu.primitives import composition, kept
from tidu.primitives.composed import Composed
from tidu.primitives.fused import Fused
from tidu.primitives.over_axes.operators import OverAxes


def derived():
    """(operator, {input: rule}) of all that have one formula and a gradient."""
    for _, _, prim in all_primitives():
        if isinstance(prim, (Fused, OverAxes)) and isinstance(prim.formula, str) and prim.saves:
            rules = {i: prim.derivation.rule(i, saves) for i, saves in prim.saves.items()}
            if isinstance(prim, OverAxes) and prim.differentiable:
                rules |= {f"tangent of {i}": prim.derivation.forward(i) for i in prim.inputs}
            yield prim, rules


def test_rules_as_data_are_the_same_rules():
    count = 0
    for prim, rules in derived():
        told = kept._told(prim, rules)
        if told is None:  # nothing but zeros is sent
            assert any(not hasattr(rule, "text") for rule in rules.values())
            continue
        again = kept._read(prim, marshal.loads(marshal.dumps(told)))
        for i, rule in rules.items():
            mine, other = rule.__code__, again[i].__code__
            assert again[i].text == rule.text and other.co_code == mine.co_code
            assert other.co_consts == mine.co_consts and other.co_varnames == mine.co_varnames
            assert other.co_filename != mine.co_filename and "generated-" in other.co_filename
            for name in mine.co_names:
                if name in rule.__globals__:
                    one, two = rule.__globals__[name], again[i].__globals__[name]
                    assert one is two or one == two or one != one and two != two, (prim.name, name)
            count += 1
    assert count > 60


PROGRAM = """
import sys, tidu as torch
import tidu.compiler.machine.native
x = torch.arange(12.0).reshape(3, 4).div(7).requires_grad_()
y = torch.ones(3, 4, requires_grad=True)
f = torch.nn.functional
loss = f.mse_loss(x.var(1), x.amax(1)) + f.silu(x).mean()
loss = loss + f.gelu(x).sum() + f.gelu(x, approximate="tanh").sum() + x.clamp(0.2, 1).sum()
loss = loss + f.cross_entropy(x, torch.tensor([1, 0, 3]))
(loss + f.mse_loss(x * 2, y)).backward()
print([name for name in sys.modules if name.endswith(".derivation")])
print(x.grad.tolist(), y.grad.tolist())
"""


@pytest.mark.slow
@pytest.mark.skipif(not native.available(), reason="needs llvmlite")
def test_a_second_process_derives_nothing_and_trusts_no_other_file(tmp_path):
    def run():
        env = {**os.environ, "TIDU_CACHE_DIR": str(tmp_path)}
        command = [sys.executable, "-c", PROGRAM]
        done = subprocess.run(command, env=env, check=True, capture_output=True, text=True)
        modules, numbers = done.stdout.splitlines()
        return modules, numbers

    first, second = run(), run()
    assert first[0] != "[]" and second[0] == "[]" and first[1] == second[1]
    for path in (tmp_path / "code").iterdir():
        path.write_bytes(path.read_bytes()[:-1] + b"?")
    assert run() == first
    (tmp_path / "code").chmod(0o777)  # others may write there
    assert run() == first


def _near_one(x):
    return x / 8 + torch.eye(4, dtype=x.dtype)


COMPOSED = {
    "mv": lambda x, y: torch.mv(x, y[0]),
    "qr": lambda x, y: torch.linalg.qr(_near_one(x))[1] * y,
    "inverse": lambda x, y: torch.linalg.inv(_near_one(x)) @ y,
    "pseudo-inverse": lambda x, y: torch.linalg.pinv(_near_one(x)[:3]) @ y[:3],
    "triangular": lambda x, y: torch.linalg.solve_triangular(_near_one(x).triu(), y, upper=True),
    "pooled": lambda x, y: torch.nn.functional.max_pool1d((x * y)[None], 2),
}


def _derivatives(call, dtype):
    """First and second gradients, and a tangent."""
    torch.manual_seed(0)
    x, y = [torch.randn(4, 4, dtype=dtype, requires_grad=True) for _ in range(2)]
    first = torch.autograd.grad(call(x, y).abs().square().sum(), (x, y), create_graph=True)
    second = torch.autograd.grad(sum(g.abs().square().sum() for g in first), (x, y))
    _, ahead = torch.func.jvp(call, (x.detach(), y.detach()), (y.detach(), x.detach()))
    return [t.detach() for t in (*first, *second, ahead)]


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.complex128])
@pytest.mark.parametrize("name", COMPOSED)
def test_composed_rules_that_are_read_are_those_that_are_derived(name, dtype, monkeypatch):
    if dtype.is_complex and name == "pooled":
        pytest.skip("of real numbers")
    files, derived = {}, []
    monkeypatch.setattr(kept.reading, "function", files.get)
    monkeypatch.setattr(kept.writing, "function", files.__setitem__)
    form = composition.Rule.form
    monkeypatch.setattr(
        composition.Rule, "form", lambda *a, **k: derived.append(a) or form(*a, **k)
    )
    operators = [p for _, _, p in all_primitives() if isinstance(p, Composed)]
    found = []
    for _ in range(2):
        for prim in operators:
            monkeypatch.setattr(prim, "made", {})
        derived.clear()
        found.append(_derivatives(COMPOSED[name], dtype))
        assert bool(derived) is (len(found) == 1)
    for a, b in zip(*found, strict=True):
        assert torch.equal(a, b) and a.stride() == b.stride()


@pytest.mark.parametrize("thing", [
    1, -0.0, float("inf"), 2j, True, None, ..., "a", (1, (2.0, None)), [1, [True]], {"a": (1, 2)},
    (slice(None, 3), slice(1, None, 2), ...), np.dtype("float32"), np.dtype(ml_dtypes.bfloat16),
    np.arange(6.0).reshape(2, 3), np.float32(0.1), np.zeros((0, 2), np.int64),
])  # fmt: skip
def test_what_a_step_reads_comes_back_as_it_was(thing):
    again = kept._thing(*marshal.loads(marshal.dumps(kept._told_thing(thing))))
    assert type(again) is type(thing) and repr(again) == repr(thing)
    if isinstance(thing, np.ndarray):
        assert again.dtype == thing.dtype and again.flags.writeable


def test_what_has_no_exact_text_is_not_kept():
    for thing in (print, object(), np.array([print], object), (1, print), {"a": object()}):
        with pytest.raises(kept.Unknown):
            kept._told_thing(thing)
