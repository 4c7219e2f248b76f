"""Primitive: one operation with all that is known about it, in fields of one object.

Rules name what they need: `lambda g, y: g * y` asks for the cotangent and the input `y`;
`out`, `x_shape` and the operation's parameters can be asked for in the same way. What no rule
asks for is not kept. Rules are written with tidu's own operations and Python's operators, so one
text serves raw arrays, recorded tensors and every transform.
"""

from functools import lru_cache

import numpy as np

from ..base.frames import compile_source
from .dispatch import below, link_result
from .handle import TensorBase, element_type, shape_of

__all__ = ["OUT", "SHAPES", "Derived", "Primitive", "infer", "names_of", "places_of"]

# Places in `Node.saved` counted from its end; REST asks for all inputs but the first.
OUT, SHAPES, REST = -2, -1, "rest"


class Plan:
    """Which entries of `Node.saved` are filled: one flag per input, the output, the shapes."""

    __slots__ = ("inputs", "out", "shapes")

    def __init__(self, inputs, out, shapes):
        self.inputs, self.out, self.shapes = inputs, out, shapes


class Primitive:
    """`eval` computes on arrays; `vjp` has one rule per input or one `pullback` for all of them;
    `jvp` maps (tangents, primals, out, params) to the output's tangent; `batch` maps
    (tensors, axes, params) to (out, axis); `shape` tells the output without computing it; `tex` is
    its formula (`program/formula.py`); `kind` is "elementwise", "linear", "bilinear" or "general";
    `taylor` a recurrence for Taylor coefficients, where one is better than what `jvp` gives;
    `by_columns` the outputs whose matrices lie column by column, whatever the inputs do."""

    __slots__ = (
        "batch",
        "by_columns",
        "conjugated",
        "differentiable",
        "eval",
        "inputs",
        "is_view",
        "jvp",
        "keeps",
        "kept_outputs",
        "kind",
        "large",
        "name",
        "nondiff_outputs",
        "parts",
        "plans",
        "pullback",
        "rules",
        "shape",
        "steps_shown",
        "taylor",
        "tex",
        "torch_name",
        "uses",
        "vjp",
    )  # fmt: skip

    def __init__(self, name, eval, inputs, *, vjp=None, pullback=None, jvp=None, batch=None,
                 shape=None, tex=None, torch_name=None, is_view=False, keeps=None,
                 nondiff_outputs=(), kept_outputs=None, parts=None):  # fmt: skip
        self.name, self.eval, self.inputs = name, eval, inputs
        self.pullback, self.jvp, self.batch, self.shape = pullback, jvp, batch, shape
        self.tex, self.is_view = tex, is_view
        self.large = None  # evaluation of large arrays, where it is not `eval`
        self.kind, self.taylor = "general", None
        self.torch_name = (torch_name or camel(name)) + "Backward0"
        self.nondiff_outputs, self.kept_outputs = nondiff_outputs, kept_outputs
        self.parts = parts  # of several views: params -> the (primitive, params) of each
        self.by_columns = ()
        self.steps_shown = {}  # `autograd/order.py`: what PyTorch has in its place, by kind of node
        self.differentiable = vjp is not None or pullback is not None
        self.conjugated = None
        self.vjp, self.uses, self.plans = vjp, (), {}
        if vjp is not None:  # `rules` are made of it when they are first asked for
            self.uses = [positions(vjp.get(i), inputs) for i in inputs]
        else:
            self.rules = None
            if pullback is not None:
                self.pullback, self.uses = bind(pullback, inputs), [positions(pullback, inputs)]
        self.keeps = (
            any(u != SHAPES for used in self.uses for u in used) if keeps is None else keeps
        )

    def __getattr__(self, name):
        if name != "rules":
            raise AttributeError(f"'{self.name}' has no attribute '{name}'", name=name)
        self.rules = tuple([bind(self.vjp.get(i), self.inputs) for i in self.inputs])
        return self.rules

    @property
    def one_step(self):
        """Whether the rule is told as one step; else each operation of it is."""
        return self.pullback is not None

    def __call__(self, *args, **params):
        """The operation on raw arrays if all are raw, else through `below`."""
        for a in args:
            if isinstance(a, TensorBase):
                result = below(self, args, params)
                if self.is_view:
                    link_result(self, params, args[0], result)
                return result
        return self.eval(*args, **params)

    def __repr__(self):
        return self.name

    def __reduce__(self):
        return self.name

    def kept(self, needs):
        """The positions of `saved` that the rules of the inputs flagged in `needs` ask for."""
        if self.vjp is None:
            kept = set(self.uses[0])
            if REST in kept:
                kept.update(range(1, len(needs)))
            return kept
        kept = set()
        for needed, used in zip(needs, self.uses, strict=True):
            if needed:
                kept.update(used)
        return kept

    def plan(self, needs):
        """`kept` as a Plan; one for each pattern of tracked inputs."""
        plan = self.plans.get(needs)
        if plan is None:
            kept = self.kept(needs)
            inputs = tuple([i in kept for i in range(len(needs))])
            plan = self.plans[needs] = Plan(inputs, OUT in kept, SHAPES in kept)
        return plan

    def kept_shapes(self, values):
        """The entry of `Node.saved` that holds shapes."""
        return tuple([shape_of(v) for v in values])

    def keep(self, x, y, edges):
        """`Node.saved` for the direct path of products."""
        plan = self.plan((edges[0] is not None, edges[1] is not None))
        keep = plan.inputs
        shapes = (x.shape, y.shape) if plan.shapes else None
        return x if keep[0] else None, y if keep[1] else None, None, shapes

    def backward(self, g, saved, params, edges):
        """One cotangent per input (None where no gradient is wanted)."""
        if self.rules is None:
            needs = tuple([edge is not None for edge in edges])
            return self.pullback(g, saved, {**params, "needs": needs})
        return [
            None if edge is None or rule is None else rule(g, saved, params)
            for edge, rule in zip(edges, self.rules, strict=True)
        ]


class Derived:
    """An operator with a node of its own and no rule of its own: all follow from other primitives.

    `way`: how, for all of a class; `told`: from what, for this one; where that is one other
    operator, it is `of`.
    """

    __slots__ = ()
    way: str

    @property
    def told(self):
        return self.of.name


def camel(name):
    return "".join([word.capitalize() for word in name.split("_")])


def names_of(function):
    """The names of a function's parameters, from its code: cheaper than inspect.signature."""
    code = function.__code__
    return code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]


def positions(rule, inputs):
    """The positions of `saved` a rule reads; see `Node.saved`."""
    return tuple([place for _, place in _asked(rule, inputs) if place is not None])


def bind(rule, inputs):
    """A rule as f(g, saved, params); None stays None."""
    return rule and _caller(rule, [text for text, _ in _asked(rule, inputs)])


def _asked(rule, inputs):
    """For each argument of a rule but `g`: where it is found, as text, and its place in `saved`."""
    found = []
    for name in names_of(rule)[1:] if rule is not None else ():
        if name in inputs:
            place = inputs.index(name)
            found.append((f"saved[{place}]", place))
        elif name == "out":
            found.append((f"saved[{OUT}]", OUT))
        elif name == "shapes":
            found.append((f"saved[{SHAPES}]", SHAPES))
        elif name == "rest":
            found.append((f"saved[1:{OUT}]", REST))
        elif name.endswith("_shape") and name[:-6] in inputs:
            found.append((f"saved[{SHAPES}][{inputs.index(name[:-6])}]", SHAPES))
        else:
            found.append((f"params['{name}']", None))
    return found


def places_of(rule, inputs):
    """The positions of `saved` a rule reads, in its order; None if it asks for anything else."""
    place = {name: i for i, name in enumerate(inputs)}
    place["out"] = OUT
    names = names_of(rule)[1:] if rule is not None else ("",)
    return tuple([place[n] for n in names]) if all(n in place for n in names) else None


def _caller(rule, texts):
    """The closure for a rule whose arguments are found so."""
    return _template(", ".join(["g", *texts]))(rule)


@lru_cache(None)
def _template(arguments):
    """rule -> a closure that calls it with these arguments, without a loop over them."""
    text = f"lambda rule: lambda g, saved, params: rule({arguments})"
    return eval(compile_source(text, "eval"))


def infer(prim, args, params):
    """(shape, NumPy dtype) of each output, without the values."""
    if prim.shape is not None:
        return prim.shape(prim, args, params)
    stand_ins = [
        np.zeros((), element_type(a)) if shape_of(a) == () else _blank(a)
        for a in args
        if isinstance(a, (TensorBase, np.ndarray, np.generic))
    ]
    numbers = iter(stand_ins)
    full = [
        next(numbers) if isinstance(a, (TensorBase, np.ndarray, np.generic)) else a for a in args
    ]
    out = prim.eval(*full, **params)
    if out.__class__ is tuple:
        return [(o.shape, o.dtype) for o in out]
    return out.shape, out.dtype


def _blank(a):
    return np.broadcast_to(np.zeros((), element_type(a)), tuple(shape_of(a)))
