"""Python floats that a function is given, as inputs of its program: `step(x, lr)` for any `lr`.

In the trial run a `Number` stands for each. Arithmetic with it makes further ones, comparisons are
noted as conditions, a tensor that meets it gives it a place among the graph's inputs. What
else reads its digits (text, `int`, a function of C) fixes it: the program is then for this float
alone. As C reads without asking, two runs with different digits must give the same graph.
"""

import numpy as np

from ...core.handle import TensorBase, wrap
from ...program.ir import Variable
from ...transforms.numbers import Fixed, Number
from ...transforms.trace import Traced
from .breaks import from_outside

__all__ = ["Numbers", "for_all"]


class Numbers:
    """The numbers of one trial run: `inputs` (how each is computed, variable) of the graph."""

    def __init__(self, values):
        self.given = [Number(v, self, lambda values, i=i: values[i]) for i, v in enumerate(values)]
        self.values, self.conditions, self.inputs = list(values), [], []
        self.fixed = self.closed = False
        self._known = {}

    def fix(self):
        self.fixed = True
        raise Fixed

    def asked(self, truth, of):
        self.conditions.append((of, truth))
        return truth

    def hold(self, values):
        """Whether all comparisons come out as they did."""
        try:
            return all(of(values) == truth for of, truth in self.conditions)
        except (ArithmeticError, TypeError):
            return False

    def arrays(self, values):
        """The inputs for a call; None where they cannot be computed."""
        try:
            found = [of(values) for of, _ in self.inputs]
        except ArithmeticError:
            return None
        if any(f.__class__ is not float for f in found):
            return None
        return [np.array(f, v.element_type) for f, (_, v) in zip(found, self.inputs, strict=True)]

    def lifted(self, args, tracer):
        """An operation's arguments with tensors for the numbers among them."""
        kinds = {a._value.element_type for a in args if isinstance(a, TensorBase)}
        floating = [k for k in kinds if k.kind == "f" and k.itemsize >= 4]
        if len(kinds) != 1 or not floating or self.closed:
            self.fix()
        return [self._tensor(a, floating[0], tracer) if isinstance(a, Number) else a for a in args]

    def _tensor(self, number, kind, tracer):
        known = self._known.get((id(number), kind))
        if known is None:
            variable = tracer.graph.variable((), kind)
            tracer.graph.inputs.append(variable)
            self.inputs.append((number.of, variable))
            known = self._known[id(number), kind] = number, variable
        return wrap(Traced(known[1], tracer))


def for_all(values, run):
    """``run(numbers)`` gives a Captured (for plain floats where `numbers` is None), and this one
    that serves all floats; None where the digits of `values` are part of it."""
    try:
        plain = run(None)
    except Exception as error:  # what stops the program is found out again, with plain floats
        if from_outside(error):
            raise
        return None
    found = []
    for nearby in (values, [v * (1 + 2.0**-9) + 2.0**-20 for v in values]):
        numbers = Numbers(nearby)
        try:
            captured = run(numbers)
        except Exception as error:
            if from_outside(error):
                raise
            return None
        if numbers.fixed:
            return None
        captured.numbers_given = numbers
        found.append(captured)
    one, two = found
    truths = [[truth for _, truth in c.numbers_given.conditions] for c in found]
    same = truths[0] == truths[1] and _same_results(one, two) and same_graphs(one.graph, two.graph)
    # A function that asks for `type(lr)` sees that it is another.
    known = {v: of(values) for of, v in one.numbers_given.inputs}
    return one if same and same_graphs(one.graph, plain.graph, known) else None


def _same_results(one, two):
    if len(one.results) != len(two.results) or one.spec != two.spec:
        return False
    pairs = zip(one.results, two.results, strict=True)
    return all(kind == other and (kind != "constant" or _same_value(what, also))
               for (kind, what), (other, also) in pairs)  # fmt: skip


def same_graphs(one, two, known=None):
    """Whether two graphs are equal, numbers and constants included; `known`: variables of the first
    in whose place the second has these numbers."""
    names: dict = {}
    known = known or {}

    def same(a, b):
        if isinstance(a, Variable) and a in known:
            return _same_value(known[a], b)
        if isinstance(a, Variable):
            return isinstance(b, Variable) and _same_variable(names, a, b)
        return _same_value(a, b)

    def all_same(xs, ys):
        return len(xs) == len(ys) and all(map(same, xs, ys))

    return (
        all_same([i for i in one.inputs if i not in known], two.inputs)
        and all_same(one.constants, two.constants)
        and len(one.equations) == len(two.equations)
        and all(
            e.prim is f.prim and all_same(e.ins, f.ins) and all_same(e.outs, f.outs)
            and e.params.keys() == f.params.keys()
            and all(_same_value(e.params[k], f.params[k]) for k in e.params)
            for e, f in zip(one.equations, two.equations, strict=True)
        )
        and all_same(one.outputs, two.outputs)
    )  # fmt: skip


def _same_variable(names, a, b):
    if names.setdefault(a, b) is not b:
        return False
    if (a.shape, a.element_type) != (b.shape, b.element_type):
        return False
    if a.constant is None or b.constant is None:
        return a.constant is b.constant
    return np.asarray(a.constant).tobytes() == np.asarray(b.constant).tobytes()


def _same_value(a, b):
    if isinstance(a, (tuple, list)):
        return len(a) == len(b) and all(map(_same_value, a, b))
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and a.tobytes() == b.tobytes()
    try:
        return a is b or (a.__class__ is b.__class__ and bool(a == b))
    except Exception:
        return False
