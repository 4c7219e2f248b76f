"""Derived rules that another process has kept are the rules that this one would derive."""

import marshal
import os
import subprocess
import sys

import pytest

from tidu.cli.ops import all_primitives
from tidu.compiler.machine import native
from tidu.primitives import kept
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
