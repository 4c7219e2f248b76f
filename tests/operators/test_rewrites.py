"""Each rewrite of `primitives/simpler.py`, on its docstring's examples: `before` -> `after`."""

import re

import pytest

from tidu.primitives import arithmetic, functions
from tidu.primitives.derivation import WORDS, Recorder
from tidu.primitives.simpler import REWRITES, WHOLE
from tidu.primitives.symbols import ZERO, Purpose
from tidu.program.formula import parse

EXAMPLE = re.compile(r"`([^`]+)` -> `([^`]+)`(?:, where\s+`(?:out = )?([^`]+)`(\s+is known)?)?")
MORE = {"reciprocal": arithmetic.reciprocal, "rsub": arithmetic.rsub, "rsqrt": functions.rsqrt,
        "zeros_like": arithmetic.zeros_like, "if": arithmetic.select}  # fmt: skip
TABLE = {id(r): (prim, r) for prim, rewrites in REWRITES.items() for r in rewrites}
TABLE |= {id(r): (None, r) for r in WHOLE}
EXAMPLES = {
    f"{rewrite.__name__}: {before} -> {after}": (rewrite, before, after, where, known)
    for _, rewrite in TABLE.values()
    for before, after, where, known in EXAMPLE.findall(rewrite.__doc__)
}


class Plain(Recorder):
    """Records what it is told, until `rewriting`."""

    rewriting = False

    def step(self, prim, ins, params=None):
        if self.rewriting:
            return super().step(prim, ins, params)
        return self.recorded(prim, ins, params)

    def read(self, text):
        """The symbol of a formula of x, y, z, the value `out` and the cotangent t."""
        if not hasattr(self, "names"):
            self.names = {name: self.symbol(name, moved=name == "t") for name in "txyz"}
            self.names["out"] = self.symbol("out")
        return self.of(parse(text))

    def of(self, formula):
        op, args = formula.op, formula.args
        if op == "name":
            return float("nan") if args[0] == "nan" else self.names[args[0]]
        if op == "value":
            return args[0] or ZERO
        parts = [self.of(part) for part in args]
        parts = [parts[1], parts[0], parts[2]] if op == "if" else parts
        return self.step(WORDS.get(op) or MORE[op], parts)


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example(name):
    rewrite, before, after, where, known = EXAMPLES[name]
    recorder = Plain()
    if where:
        given = recorder.read(where)
        if not known:
            recorder.out = given
    whole = recorder.read(before)
    recorder.purpose = Purpose(deriving=True, inverse=bool(where and not known))
    if where and not known:
        recorder.purpose.shown[given] = recorder.names["out"]
    recorder.rewriting = True
    operands = [whole] if rewrite in WHOLE else whole.step.ins
    operands = operands[::-1] if name.partition(":")[0].endswith("turned") else operands
    found, wanted = rewrite(recorder, *operands), recorder.read(after)
    assert found is wanted or found == wanted or (found != found and wanted != wanted)
    if rewrite not in WHOLE:
        assert rewrite in REWRITES[whole.step.prim]


@pytest.mark.parametrize("name", sorted({r.__name__ for _, r in TABLE.values()}))
def test_every_rewrite_has_an_example(name):
    assert any(example.startswith(f"{name}:") for example in EXAMPLES)


def test_what_can_change_digits_is_done_to_derivatives_alone():
    """The value of a formula is computed as that says."""
    for text in ("x / y * y", "x / x", "x * y / y", "exp(x) * exp(-x)", "x / 6 * 2", "x / exp(-y)"):
        recorder = Plain()
        whole = recorder.read(text)
        recorder.rewriting = True
        assert recorder.step(whole.step.prim, whole.step.ins) is whole, text
