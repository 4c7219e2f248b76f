"""The formula of a function and of its gradient, from a trace: text, LaTeX and SymPy.

The function runs once on stand-ins, its gradient is traced with it, and the formulas of the
primitives are put together. Read `symbolic`.
"""

import numpy as np

from ..core.handle import TensorBase, element_type, shape_of
from ..core.primitive import names_of
from ..program.formula import name
from ..program.ir import Variable
from ..program.sharing import parts_of, shared, shared_size
from ..program.symbols import of_array, sympy, sympy_number
from ..transforms.formulas import formulas_of
from ..transforms.trace import trace
from .derivatives import grad_and_value

__all__ = ["Expression", "SymbolicForm", "symbolic"]

LONG = 60  # operations from which on a formula is shown as named parts


class Expression:
    """One traced result as a formula: `text()`, `latex()`, `lines()`, `sympy()`, `size`."""

    def __init__(self, graph, index, names):
        self._graph, self._index, self.names = graph, index, names
        self.formula = formulas_of(graph, [name(n) for n in names])[index]

    @property
    def size(self):
        """Operations when it is written out in full: the swell of symbolic derivatives."""
        return self.formula.size

    @property
    def shared_size(self):
        """Operations when equal parts are computed once."""
        return shared_size([self.formula])

    def text(self):
        """In one line, in Python's writing; repeated parts are written out each time."""
        return self.formula.text()

    def latex(self):
        """As LaTeX, without the dollars."""
        return self.formula.latex()

    def lines(self):
        """`name = part` for each repeated part, then what is left, as one text."""
        parts, (last,) = shared([self.formula])
        return "\n".join([*[f"{word} = {part.text()}" for word, part in parts], last.text()])

    def sympy(self):
        """The SymPy expression: one for a scalar, else an object array of the tensor's shape.

        A scalar input x is Symbol("x"), the elements of a tensor are x_0, x_1 or x_0_1, all real.
        Raises ModuleNotFoundError without SymPy, NotImplementedError for an operation (svd, say)
        that SymPy has no closed form of.
        """
        inputs = [_symbols(n, v.shape) for n, v in zip(self.names, self._graph.inputs, strict=True)]
        return _sympy_outputs(self._graph, inputs, self._index)

    def __str__(self):
        return self.text() if self.size <= LONG else self.lines()

    def _repr_latex_(self):
        return f"${self.latex()}$"


def _symbols(word, shape):
    out = np.empty(shape, object)
    for place in np.ndindex(out.shape):
        out[place] = sympy.Symbol("_".join([word, *map(str, place)]), real=True)
    return out


def _sympy_outputs(graph, inputs, index):
    values = dict(zip(graph.inputs, inputs, strict=True))
    values.update({c: np.asarray(c.constant) for c in graph.constants})
    for equation in graph.equations:
        ins = [values[i] if isinstance(i, Variable) else i for i in equation.ins]
        out = of_array(equation.prim, ins, equation.params)
        parts = out if len(equation.outs) > 1 else (out,)
        values.update(zip(equation.outs, parts, strict=True))
    out = graph.outputs[index]
    found = values[out] if isinstance(out, Variable) else out
    found = np.asarray(found)
    if found.dtype != object:
        found = np.frompyfunc(sympy_number, 1, 1)(found.astype(object))
        found = np.asarray(found, object)
    return found if found.ndim else found[()]


class SymbolicForm:
    """`value`, and `gradient`: a dict {input's name: Expression}; printing shows all of them."""

    def __init__(self, value, gradient):
        self.value, self.gradient = value, gradient

    @property
    def size(self):
        """Operations of value and gradient, each written out in full."""
        return sum([e.size for e in self._all()])

    @property
    def shared_size(self):
        """Operations of value and gradient together, equal parts computed once."""
        return shared_size([e.formula for e in self._all()])

    def _all(self):
        return [self.value, *self.gradient.values()]

    def __str__(self):
        found, words = self._all(), ["value", *[f"d/d{n}" for n in self.gradient]]
        if self.size <= LONG:
            return "\n".join([f"{w} = {e.text()}" for w, e in zip(words, found, strict=True)])
        parts, short = shared([e.formula for e in found])
        rows = [*parts, *zip(words, short, strict=True)]
        return "\n".join([f"{word} = {formula.text()}" for word, formula in rows])

    def latex(self):
        r"""Value and partial derivatives as the rows of one `aligned`."""
        rows = [rf"f &= {self.value.latex()}"]
        for word, e in self.gradient.items():
            rows.append(rf"\frac{{\partial f}}{{\partial {name(word).latex()}}} &= {e.latex()}")
        return r"\begin{aligned} " + r" \\ ".join(rows) + r" \end{aligned}"

    def _repr_latex_(self):
        return f"$${self.latex()}$$"

    def operations(self):
        """The different operations in value and gradient, in order."""
        parts = parts_of([e.formula for e in self._all()])
        return [p for p in parts if p.op not in ("name", "value")]


def symbolic(func, *args, names=None):
    """The formulas of the scalar func(*args) and of its gradient.

    Args:
        func: a function of tensors that returns a scalar tensor; it runs once on stand-ins, so it
            may not branch on values.
        args: tensors (or numbers) whose shapes and types the stand-ins have; values do not matter.
        names: what the inputs are called; the parameters' names where there are none.

    Raises:
        RuntimeError: where func returns no scalar, or asks for a value.

    >>> import tidu as torch
    >>> form = torch.func.symbolic(lambda x, y: x**2 + torch.sin(y), 3.0, 2.0)
    >>> print(form)
    value = x**2 + sin(y)
    d/dx = 2 * x
    d/dy = cos(y)
    >>> print(form.gradient["y"].latex())
    \\cos(y)
    """
    names = list(names or _names(func, len(args)))
    if len(names) != len(args):
        raise ValueError(f"symbolic: {len(names)} names are given for {len(args)} arguments")
    specs = [_spec(a) for a in args]
    both = grad_and_value(func, argnums=tuple(range(len(args))))

    def program(*stand_ins):
        gradient, value = both(*stand_ins)
        return (value, *gradient)

    graph = trace(program, *specs)
    made = [Expression(graph, i, names) for i in range(len(args) + 1)]
    return SymbolicForm(made[0], dict(zip(names, made[1:], strict=True)))


def _names(func, count):
    code = getattr(func, "__code__", None)
    found = list(names_of(func))[:count] if code is not None else []
    return found if len(found) == count else [f"x{i}" for i in range(count)]


def _spec(a):
    if isinstance(a, TensorBase):
        return tuple(shape_of(a)), element_type(a)
    if not isinstance(a, (int, float, np.number)):
        raise TypeError(f"symbolic: an argument must be a tensor or a number, got {a!r}")
    return (), np.dtype(np.float64)
