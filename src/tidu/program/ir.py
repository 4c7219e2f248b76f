"""Graph: inputs, captured constants, equations in order of computation, outputs."""

__all__ = ["Equation", "Graph", "Variable"]


class Variable:
    """A value of known shape and type that an equation computes, or an input. Its name is a text,
    or the number of one, which is written where somebody asks for it."""

    __slots__ = ("_name", "constant", "element_type", "shape")

    def __init__(self, name, shape, element_type, constant=None):
        self._name, self.shape, self.element_type = name, tuple(shape), element_type
        self.constant = constant

    @property
    def name(self):
        return self._name if self._name.__class__ is str else _letters(self._name)

    def __repr__(self):
        return self.name


class Equation:
    """outs = prim(ins, **params); an input is a Variable or a Python number."""

    __slots__ = ("ins", "outs", "params", "prim")

    def __init__(self, prim, ins, outs, params):
        self.prim, self.ins, self.outs, self.params = prim, ins, outs, params


class Graph:
    """A traced program. `runner(arrays)` computes it, where a compiler provided one; `orders`: the
    axes, outermost first, of values that a compiler lays out otherwise than in C order."""

    runner = None

    def __init__(self):
        self.inputs, self.constants, self.equations, self.outputs = [], [], [], []
        self.orders = {}
        self._count = 0

    @property
    def fixed(self):
        """The arrays it keeps."""
        return [c.constant for c in self.constants]

    def variable(self, shape, element_type, constant=None):
        self._count += 1
        return Variable(self._count - 1, shape, element_type, constant)

    def users(self):
        """{variable: the equations that read it, in order; None stands for a result}"""
        users = {}
        for e in self.equations:
            for v in {i for i in e.ins if isinstance(i, Variable)}:
                users.setdefault(v, []).append(e)
        for o in self.outputs:
            users.setdefault(o, []).append(None)
        return users

    def __str__(self):
        lines = [f"graph({self._declared(self.inputs)}):"]
        lines += [f"  {self._declared([c])} = constant" for c in self.constants]
        for e in self.equations:
            extra = [f"{key}={_told(value)}" for key, value in e.params.items()]
            arguments = ", ".join([str(i) for i in e.ins] + extra)
            lines.append(f"  {self._declared(e.outs)} = {e.prim.name}({arguments})")
        lines.append(f"  return {', '.join(map(str, self.outputs))}")
        return "\n".join(lines)

    def _declared(self, variables):
        return ", ".join([f"{v.name}: {v.element_type.name}[{self._sizes(v)}]" for v in variables])

    def _sizes(self, v):
        """Its sizes, and the order of its axes in memory: `2,3,5 as 0,2,1`."""
        order = self.orders.get(v)
        sizes = ",".join(map(str, v.shape))
        return sizes if order is None else f"{sizes} as {','.join(map(str, order))}"


def _told(value):
    """A parameter; a body is written out below its equation."""
    return str(value).replace("\n", "\n    ") if isinstance(value, Graph) else repr(value)


def _letters(n):
    text = ""
    while True:
        text = chr(ord("a") + n % 26) + text
        n = n // 26 - 1
        if n < 0:
            return text
