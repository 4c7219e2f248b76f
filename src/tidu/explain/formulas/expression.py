"""Formulas as trees, taken from the operations' own rules.

`rules_of` runs the backward rule of a node on stand-ins that record what is done to them; what
comes back is the formula of each message, in terms of the inputs x0, x1, ..., the output `out` and
the incoming gradient `g`. A tree is a number, one of these names, or [operation, params, *trees].
"""

import hashlib

import numpy as np

from ...core.modes import set_grad
from ...core.node import FREED
from ...program.ir import Variable
from ...transforms.trace import Tracer
from .declared import tree_of
from .defining import holding
from .elements import ELEMENTWISE
from .linear import Free, tables_of
from .rules import OTHERS, rule_of, rule_of_output
from .simplify import simplify
from .whole import is_elementwise, name_of

__all__ = ["Rules", "is_by_element", "leaves_of", "local_tree", "rules_of", "tree_key"]

LARGEST = 200  # nodes of a tree; a longer formula helps nobody

SELECTING = frozenset(
    "max_pool max_pool_backward max_pick".split()
)  # rules that look where a value stands, not at the value
NUMBER_FREE = frozenset("add sub mul div maximum minimum".split())


def operation_tree(prim, name, params, ins):
    """One operation on trees: by its own name if that is a known sign, else as it declares."""
    if name not in ELEMENTWISE and is_elementwise(prim.name):
        declared = tree_of(prim, params, ins)
        if declared is not None:
            return declared
    return [name, plain_params(params), *ins]


def on_numbers(op):
    """Whether an operation of a tree works on each element by itself."""
    return op in ELEMENTWISE or is_elementwise(op)


def with_rule(tree, shapes, shape):
    """The tree of an operation that is more than elementwise, with its shape and its rule."""
    op, params, *parts = tree
    more, rule = {"shape": list(shape)}, rule_of(op, params, shapes, shape)
    if rule is not None:
        more["rule"] = rule
    return [op, {**(params or {}), **more}, *parts]


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


def tree_key(record, arrived=None):
    """What the formula of a record depends on: the operation, its params, shapes and numbers."""
    inputs = []
    for item in record.inputs:
        if hasattr(item, "value"):
            shot = item.value
            inputs.append(
                None if shot is None else (shot.shape, str(shot.dtype), _telling(record, shot))
            )
        else:
            inputs.append("number" if record.op in NUMBER_FREE else repr(item))
    shape = record.value.shape if record.value is not None else None
    needs = tuple([edge is not None for edge in record.node.edges]) if record.node else ()
    op = record.op if record.prim is None else name_of(record.prim)
    return op, _digest(record.params), tuple(inputs), shape, needs, arrived, holding(record)


def _chosen(record, shot):
    """Whether an operand's numbers, not only its shape, make the rule: indices, and the like."""
    return shot.array is not None and (shot.dtype.kind in "biu" or record.op in SELECTING)


def _telling(record, shot):
    return _digest(shot.array) if _chosen(record, shot) else None


def _digest(value):
    """A text that is the same for equal values; arrays by all their numbers."""
    if isinstance(value, np.ndarray):
        return f"{value.shape}{value.dtype}{hashlib.sha1(value.tobytes()).hexdigest()}"
    if isinstance(value, dict):
        return repr([(key, _digest(v)) for key, v in value.items()])
    if isinstance(value, (tuple, list)):
        return repr([_digest(v) for v in value])
    return repr(value)


class Rules:
    """The formulas of one operation.

    forward: the operation itself; outputs: of each of several outputs; messages: what is sent to
    each input, None where nothing is or it cannot be told; constants: arrays they mention.
    """

    __slots__ = ("constants", "forward", "messages", "outputs")

    def __init__(self, forward, outputs, messages, constants):
        self.forward, self.outputs = forward, outputs
        self.messages, self.constants = messages, constants


class Rehearsal:
    """One run of an operation or of its rule on stand-ins, each of which has a name."""

    def __init__(self, limit, constants):
        self.tracer, self.limit, self.constants = Tracer(), limit, constants
        self.names, self.known = {}, {}

    def stand_in(self, name, shape, dtype):
        handle = self.tracer.input(shape, dtype)
        self.names[self.tracer.graph.inputs[-1]] = name
        return handle

    def as_it_is(self, name, array):
        """The numbers themselves, by a name."""
        array = array[()] if array.shape == () else array
        self.known[id(array)] = name, array
        return array

    def trees(self, outs):
        """The tree of each output; None where nothing is sent."""
        made = dict(self.names)
        for equation in self.tracer.graph.equations:
            ins = [self._part(i, made) for i in equation.ins]
            for out, tree in zip(equation.outs, self._equation(equation, ins), strict=True):
                made[out] = tree
        return [None if o is None else self._part(self.tracer.variable_of(o), made) for o in outs]

    def _equation(self, equation, ins):
        """The tree of each output of one operation."""
        prim, params, several = equation.prim, equation.params, len(equation.outs) > 1
        tree = operation_tree(prim, name_of(prim), params, ins)
        free = [k for k, i in enumerate(equation.ins) if _is_free(i)]
        if not isinstance(tree, list):
            return [tree]
        kind = getattr(equation.ins[0], "element_type", np.dtype(float)).kind if ins else "f"
        if prim.name == "conj" and kind == "f":
            return ins
        if prim.name == "to_copy" and kind == "c" and equation.outs[0].element_type.kind != "c":
            return [["real", None, *ins]]
        if not several and on_numbers(tree[0]):
            return [tree]
        shapes = [tuple(getattr(i, "shape", ())) for i in equation.ins]
        ruled = with_rule(tree, shapes, tuple(equation.outs[0].shape))
        if not several and "rule" in ruled[1]:
            return [ruled]
        args = [_argument(i) for i in equation.ins]
        kinds = {v.element_type.kind for v in [*(equation.ins[k] for k in free), *equation.outs]}
        # What moves and weighs elements does it to complex ones alike.
        alike = kinds <= {"f", "V"} or kinds <= {"c", "V"}
        alike = alike and prim.name != "adjugate"  # linear in two by two elements only
        tables = tables_of(prim, args, params, self.limit) if alike else None
        if tables is not None and len(tables) == len(equation.outs):
            shapes = [list(equation.ins[k].shape) for k in free]
            named = {"op": name_of(prim), "of": free, "shapes": shapes}
            named.update({word: tree[1][word] for word in ("index", "axis")
                          if word in (tree[1] or {})})  # fmt: skip
            return [["linear", {**named, **table}, *ins] for table in tables]
        if not several:
            return [ruled]
        return [_part(ruled, k, shapes, tuple(out.shape)) for k, out in enumerate(equation.outs)]

    def _part(self, item, made):
        if not isinstance(item, Variable):
            if isinstance(item, complex):
                return ["complex", None, item.real, item.imag]
            return item if isinstance(item, (int, float)) else str(item)
        if item.constant is None:
            return made.get(item, "c")
        return self._constant(item.constant)

    def _constant(self, array):
        if id(array) in self.known:
            return self.known[id(array)][0]
        if array.ndim == 0 and array.dtype.kind in "fiub":
            return array.item()
        if array.size > self.limit:
            return "c"
        name = f"c{len(self.constants)}"
        self.constants[name] = array
        self.known[id(array)] = name, array
        return name


def _part(tree, k, shapes, shape):
    """One of several outputs."""
    params, rule = (
        {"index": k, "shape": list(shape)},
        rule_of_output(tree[0], k, tree[1], shapes, shape),
    )
    if rule is None:
        return ["part", params, tree]
    return ["part", {**params, "rule": rule}, tree, *OTHERS.get(tree[0], ())]


def _is_free(item):
    return isinstance(item, Variable) and item.constant is None


def _argument(item):
    """An operand for `tables_of`."""
    if _is_free(item):
        return Free(item.shape)
    return item.constant if isinstance(item, Variable) else item


def rules_of(record, limit, arrived=None):
    """The Rules of a record; `arrived` says which of several outputs got gradients."""
    constants = {}
    forward, outputs = _forward(record, limit, constants)
    return Rules(forward, outputs, _messages(record, limit, arrived, constants), constants)


def _forward(record, limit, constants):
    names = [f"x{i}" for i in range(len(record.inputs))]
    own = record.op == "function"
    name = record.torch_name.removesuffix("Backward") if own else name_of(record.prim)
    plain_tree = simplify(operation_tree(record.prim, name, record.params, names))
    if on_numbers(record.op) or any(i.value is None for i in _records(record)):
        return plain_tree, None
    rehearsal = Rehearsal(limit, constants)
    args = [_stand_in(rehearsal, record, i, item) for i, item in enumerate(record.inputs)]
    was = set_grad(False)
    try:
        out = rehearsal.tracer.process(record.prim, args, record.params)
        several = isinstance(out, tuple)
        trees = [simplify(t) for t in rehearsal.trees(out if several else [out])]
    except Exception:
        return plain_tree, None  # operations of the user's own, and ones that look at values
    finally:
        set_grad(was)
    return (plain_tree, trees) if several else (trees[0], None)


def _records(record):
    return [item for item in record.inputs if hasattr(item, "value")]


def _messages(record, limit, arrived, constants):
    """The tree of the message to each input."""
    node, nothing = record.node, [None] * len(record.inputs)
    several = _has_parts(node) if node is not None else False
    if (
        node is None
        or (record.value is None and not several)
        or any(i.value is None and i.kind != "constant" for i in _records(record))
    ):
        return nothing
    rehearsal = Rehearsal(limit, constants)
    was = set_grad(False)
    try:
        saved = _stand_ins(rehearsal, record)
        outs = node.prim.backward(
            _gradient(rehearsal, record, arrived), saved, node.params, node.edges
        )
        trees = rehearsal.trees(outs)
    except Exception:
        # A rule may look at values (a custom function may do anything): then there is no formula.
        return nothing
    finally:
        set_grad(was)
    return [None if t is None or size_of(t) > LARGEST else simplify(t) for t in trees]


def _gradient(rehearsal, record, arrived):
    """What the rule is given: g, or for several outputs a tuple of g0, g1, ..."""
    node = record.node
    if not _has_parts(node):
        return rehearsal.stand_in("g", record.value.shape, record.value.dtype)
    return tuple([
        rehearsal.stand_in(f"g{k}", shape, dtype)
        if (k in arrived if arrived is not None else dtype.kind in "fc" and not k) else None
        for k, (shape, dtype) in enumerate(node.outputs)
    ])  # fmt: skip


def _stand_in(rehearsal, record, i, item):
    if not hasattr(item, "value"):
        return item
    if item.value is None:
        return None
    if _chosen(record, item.value):
        return rehearsal.as_it_is(f"x{i}", item.value.array)
    return rehearsal.stand_in(f"x{i}", item.value.shape, item.value.dtype)


def _stand_ins(rehearsal, record):
    """`Node.saved` with stand-ins: for the inputs, the output, and the shapes as they are."""
    node, made = record.node, []
    prim, needs = node.prim, tuple([edge is not None for edge in node.edges])
    kept = prim.kept(needs) if hasattr(prim, "kept") else set()
    for i, item in enumerate(record.inputs):
        if (
            not hasattr(item, "value")
            and record.op in NUMBER_FREE
            and isinstance(item, (int, float))
        ):
            made.append(rehearsal.stand_in(f"x{i}", (), record.value.dtype))
        else:
            made.append(_stand_in(rehearsal, record, i, item))
    return (*made, _output(rehearsal, record, kept), _shapes(record))


def _output(rehearsal, record, kept):
    node = record.node
    if _has_parts(node):
        return tuple([rehearsal.stand_in(f"out{k}", shape, dtype)
                      for k, (shape, dtype) in enumerate(node.outputs)])  # fmt: skip
    if -2 in kept or _saves_output(node, len(record.inputs)):
        if _chosen(record, record.value):
            return rehearsal.as_it_is("out", record.value.array)
        return rehearsal.stand_in("out", record.value.shape, record.value.dtype)
    return None


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
    if tree is None or not is_by_element(tree) or "g" not in leaves_of(tree):
        return None, []
    if _turns(tree):
        return None, []  # conj(g) is no multiple of g
    return simplify(put(tree, {"g": 1})), outer


def _turns(tree):
    """Whether a message takes the conjugate or a part of the gradient."""
    if not isinstance(tree, list):
        return False
    own = tree[0] in ("conj", "real", "imag") and "g" in leaves_of(tree)
    return own or any(map(_turns, tree[2:]))


def is_by_element(tree):
    """Whether a formula is of operations that work on each element by itself."""
    if not isinstance(tree, list):
        return True
    plain = tree[1] is None or "shape" not in tree[1]
    return plain and all(is_by_element(t) for t in tree[2:])


def put(tree, values):
    """The tree with names replaced."""
    if isinstance(tree, list):
        return [tree[0], tree[1], *[put(t, values) for t in tree[2:]]]
    return values.get(tree, tree) if isinstance(tree, str) else tree


def _has_parts(node):
    """Whether the operation has several outputs: its rules get several gradients."""
    return getattr(node, "outputs", None) is not None
