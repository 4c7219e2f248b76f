"""Formulas as trees, taken from the operations' own rules.

`rules_of` runs the backward rule of a node on stand-ins that record what is done to them; what
comes back is the formula of each message, in terms of the inputs x0, x1, ..., the output `out` and
the incoming gradient `g`. A tree is a number, one of these names, or [operation, params, *trees].
"""

import numpy as np

from ..core.modes import set_grad
from ..core.node import FREED
from ..program.ir import Variable
from ..transforms.trace import Tracer
from .declared import tree_of
from .notation import notation
from .simplify import simplify

__all__ = ["ELEMENTWISE", "forward_tree", "leaves_of", "local_tree", "rules_of", "tree_key"]

LARGEST = 80  # nodes of a tree; a longer formula helps nobody

ELEMENTWISE = frozenset(
    "add sub mul div neg pow reciprocal maximum minimum relu abs sqrt rsqrt exp exp2 "
    "expm1 log log2 log10 log1p sin cos tan asin acos atan sinh cosh tanh asinh acosh "
    "atanh atan2 hypot sigmoid erf erfc erfinv lgamma digamma sign where clamp gelu silu "
    "softplus leaky_relu elu hardtanh bracket eq ne lt le gt ge and or not floor ceil "
    "trunc round remainder fmod square bitwise_and bitwise_or logical_not logical_and "
    "logical_or to_copy".split()
)

NUMBER_FREE = frozenset("add sub mul div maximum minimum".split())


def forward_tree(record):
    """The operation itself: [name, params, x0, x1, ...]."""
    names = [f"x{i}" for i in range(len(record.inputs))]
    return simplify(operation_tree(record.prim, record.op, record.params, names))


def operation_tree(prim, name, params, ins):
    """One operation on trees: by its own name if that is a known sign, else as it declares."""
    if name not in ELEMENTWISE and name not in notation():
        declared = tree_of(prim, params, ins)
        if declared is not None:
            return declared
    return [name, plain_params(params), *ins]


def plain_params(params):
    """Parameters as JSON has them."""
    return {key: plain(value) for key, value in params.items()} or None


def plain(value):
    if isinstance(value, slice):
        return {"slice": [plain(value.start), plain(value.stop), plain(value.step)]}
    if value is Ellipsis:
        return "..."
    if isinstance(value, (tuple, list)):
        return [plain(v) for v in value]
    if isinstance(value, (np.integer, np.floating, np.bool_)):
        return value.item()
    if isinstance(value, (bool, int, float, str)) or value is None:
        return value
    if isinstance(value, np.ndarray):
        return {"array": list(value.shape)}
    return str(getattr(value, "name", type(value).__name__))


def tree_key(record):
    """What the formula of a record depends on: the operation, its params, shapes and numbers."""
    inputs = []
    for item in record.inputs:
        if hasattr(item, "value"):
            shot = item.value
            inputs.append((shot.shape, str(shot.dtype)) if shot is not None else None)
        else:
            inputs.append("number" if record.op in NUMBER_FREE else repr(item))
    shape = record.value.shape if record.value is not None else None
    needs = tuple([edge is not None for edge in record.node.edges]) if record.node else ()
    return record.op, repr(record.params), tuple(inputs), shape, needs


class Rehearsal:
    """One run of a rule on stand-ins, each of which has a name."""

    def __init__(self):
        self.tracer, self.names = Tracer(), {}

    def stand_in(self, name, shape, dtype):
        handle = self.tracer.input(shape, dtype)
        self.names[self.tracer.graph.inputs[-1]] = name
        return handle

    def trees(self, outs):
        """The tree of each output; None where nothing is sent."""
        made = dict(self.names)
        for equation in self.tracer.graph.equations:
            ins = [self._part(i, made) for i in equation.ins]
            tree = operation_tree(equation.prim, equation.prim.name, equation.params, ins)
            for k, out in enumerate(equation.outs):
                made[out] = tree if len(equation.outs) == 1 else ["part", {"index": k}, tree]
        return [None if o is None else self._part(self.tracer.variable_of(o), made) for o in outs]

    @staticmethod
    def _part(item, made):
        if isinstance(item, Variable):
            return made.get(item, "c") if item.constant is None else _constant(item.constant)
        return item if isinstance(item, (int, float)) else str(item)


def _constant(array):
    return array.item() if array.ndim == 0 and array.dtype.kind in "fiub" else "c"


def rules_of(record):
    """The tree of the message to each input, None where there is none or it cannot be told."""
    node, value = record.node, record.value
    nothing = [None] * len(record.inputs)
    if node is None or value is None or node.prim.name == "output_of" or _has_parts(node):
        return nothing
    rehearsal = Rehearsal()
    was = set_grad(False)
    try:
        saved = _stand_ins(rehearsal, record)
        g = rehearsal.stand_in("g", value.shape, value.dtype)
        outs = node.prim.backward(g, saved, node.params, node.edges)
        trees = rehearsal.trees(outs)
    except Exception:
        # A rule may look at values (a custom function may do anything): then there is no formula.
        return nothing
    finally:
        set_grad(was)
    return [None if t is None or size_of(t) > LARGEST else simplify(t) for t in trees]


def _stand_ins(rehearsal, record):
    """`Node.saved` with stand-ins: for the inputs, the output, and the shapes as they are."""
    node, made = record.node, []
    prim, needs = node.prim, tuple([edge is not None for edge in node.edges])
    kept = prim.kept(needs) if hasattr(prim, "kept") else set()
    for i, item in enumerate(record.inputs):
        if not hasattr(item, "value"):
            free = record.op in NUMBER_FREE and isinstance(item, (int, float))
            made.append(rehearsal.stand_in(f"x{i}", (), record.value.dtype) if free else item)
        elif item.value is None:
            made.append(None)
        else:
            made.append(rehearsal.stand_in(f"x{i}", item.value.shape, item.value.dtype))
    out = None
    if -2 in kept or _saves_output(node, len(record.inputs)):
        out = rehearsal.stand_in("out", record.value.shape, record.value.dtype)
    return (*made, out, _shapes(record))


def _saves_output(node, count):
    return node.saved is not FREED and len(node.saved) > count and node.saved[count] is not None


def _shapes(record):
    """The shapes of the inputs where the rules need them: given, or unequal."""
    saved = record.node.saved
    if saved is not FREED and saved is not None:
        return saved[-1]
    shapes = [item.value.shape if hasattr(item, "value") else () for item in record.inputs]
    needs = tuple([edge is not None for edge in record.node.edges])
    kept = record.node.prim.kept(needs) if hasattr(record.node.prim, "kept") else ()
    return tuple(shapes) if -1 in kept else None


def size_of(tree):
    return 1 + sum(size_of(t) for t in tree[2:]) if isinstance(tree, list) else 1


def leaves_of(tree):
    """The names a tree mentions."""
    if isinstance(tree, list):
        return set().union(*[leaves_of(t) for t in tree[2:]])
    return {tree} if isinstance(tree, str) else set()


def local_tree(tree):
    """(the local derivative, the operations that undo broadcasting outside it), or (None, []).

    Where a message is g times something for each element, that something is the local derivative.
    """
    outer = []
    while isinstance(tree, list) and tree[0] in ("sum", "view") and len(tree) == 3:
        outer.append(tree[:2])
        tree = tree[2]
    if tree is None or not is_elementwise(tree) or "g" not in leaves_of(tree):
        return None, []
    return simplify(put(tree, {"g": 1})), outer


def is_elementwise(tree):
    if not isinstance(tree, list):
        return True
    return tree[0] in ELEMENTWISE and all(is_elementwise(t) for t in tree[2:])


def put(tree, values):
    """The tree with names replaced."""
    if isinstance(tree, list):
        return [tree[0], tree[1], *[put(t, values) for t in tree[2:]]]
    return values.get(tree, tree) if isinstance(tree, str) else tree


def _has_parts(node):
    """Whether the operation has several outputs: its rules get several gradients."""
    return getattr(node, "outputs", None) is not None
