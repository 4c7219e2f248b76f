"""torch.fx.node: a node of a graph, and what is done to its arguments."""

import builtins
import operator

from ..base.errors import hinted
from .immutable_collections import immutable_dict, immutable_list
from .spelling import qualified_name, type_name

__all__ = ["Argument", "Node", "Target", "has_side_effect", "map_aggregate", "map_arg"]

Argument = Target = object  # for annotations
OPS = ("placeholder", "call_method", "call_module", "call_function", "get_attr", "output", "root")
# Functions that do something besides giving a result: a call stays, whoever uses the result.
IMPURE = {operator.setitem, operator.delitem} | {
    getattr(operator, f"i{name}") for name in "add and concat floordiv lshift matmul mod mul or "
    "pow rshift sub truediv xor".split()
}  # fmt: skip
# Those that draw random numbers.
RANDOM = frozenset(
    "bernoulli multinomial normal poisson rand rand_like randint randint_like randn randn_like "
    "randperm".split()
)


def has_side_effect(fn):
    """Have calls of a function stay in graphs even if nobody uses their results. Returns it."""
    IMPURE.add(fn)
    return fn


def map_aggregate(a, fn):
    """fn of each element of nested tuples, lists, dictionaries and slices, in a new structure.

    >>> from tidu.fx.node import map_aggregate
    >>> map_aggregate((1, [2, {"k": 3}]), lambda x: x * 10)
    (10, [20, {'k': 30}])
    """
    if isinstance(a, tuple):
        parts = [map_aggregate(part, fn) for part in a]
        return type(a)(*parts) if hasattr(a, "_fields") else tuple(parts)
    if isinstance(a, list):
        return immutable_list([map_aggregate(part, fn) for part in a])
    if isinstance(a, dict):
        return immutable_dict([(key, map_aggregate(part, fn)) for key, part in a.items()])
    if isinstance(a, slice):
        return slice(*[map_aggregate(part, fn) for part in (a.start, a.stop, a.step)])
    return fn(a)


def map_arg(a, fn):
    """The arguments `a` of a node with fn(node) in the place of each node in them."""
    if not callable(fn):
        raise AssertionError("torch.fx.map_arg(a, fn): fn must be a callable")
    return map_aggregate(a, lambda x: fn(x) if isinstance(x, Node) else x)


def format_arg(arg):
    """An argument as graphs are printed."""
    if isinstance(arg, Node):
        return f"%{arg}"
    if isinstance(arg, tuple):
        items = ", ".join(map(format_arg, arg))
        return f"({items},)" if len(arg) == 1 else f"({items})"
    if isinstance(arg, list):
        return f"[{', '.join(map(format_arg, arg))}]"
    if isinstance(arg, dict):
        return "{" + ", ".join([f"{key}: {format_arg(value)}" for key, value in arg.items()]) + "}"
    return str(arg)


def pretty_target(target):
    """A target as graphs are printed: operator.add, builtins.getattr, torch.relu."""
    if isinstance(target, str):
        return target
    name = getattr(target, "__name__", None)
    if name is not None and getattr(target, "__module__", None) == "_operator":
        return f"operator.{name}"
    if name is not None and getattr(builtins, name, None) is target:
        return f"builtins.{name}"
    return qualified_name(target)


class Node:
    """One call, input or output of a `Graph`.

    Attributes:
        op: "placeholder" (an input), "get_attr", "call_function", "call_method", "call_module" or
            "output".
        target: the function, or the name of the input, attribute, method or module.
        args, kwargs: the arguments; other nodes stand for their results. To be replaced as a
            whole: `node.args = (...)`.
        users: a dictionary whose keys are the nodes that have this one among their arguments.
        name: unique in the graph; the variable in generated code.
        meta: a dictionary for passes to write into.

    >>> import tidu as torch
    >>> graph = torch.fx.symbolic_trace(lambda x: torch.relu(x) + 1).graph
    >>> [(node.op, node.name, list(node.users)) for node in graph.nodes]
    [('placeholder', 'x', [relu]), ('call_function', 'relu', [add]), \
('call_function', 'add', [output]), ('output', 'output', [])]
    """

    def __init__(self, graph, name, op, target, args, kwargs, return_type=None):
        if op not in OPS:
            raise AssertionError(f"op '{op}' is not in _legal_ops")
        if op == "call_function" and not callable(target):
            self._refuse_target(graph, name, target, "a Callable")
        if op in ("call_method", "call_module", "get_attr") and not isinstance(target, str):
            self._refuse_target(graph, name, target, "a str")
        self.graph, self.name, self.op, self.target = graph, name, op, target
        self.users, self._input_nodes = {}, {}
        self._args, self._kwargs = (), immutable_dict()
        self.type, self.meta = return_type, {}
        self._prev = self._next = self
        self._erased, self._repr_fn = False, None
        self._update(args, kwargs)

    @staticmethod
    def _refuse_target(graph, name, target, expected):
        raise ValueError(hinted(
            f"Node [graph = {graph}, name = '{name}'] target {target} has type "
            f"{type_name(type(target))} but {expected} is expected",
            "call_function takes the function itself; call_method, call_module and get_attr take "
            "a name.",
        ))  # fmt: skip

    # Arguments.

    @property
    def args(self):
        return self._args

    @args.setter
    def args(self, args):
        self._update(args, self._kwargs)

    @property
    def kwargs(self):
        return self._kwargs

    @kwargs.setter
    def kwargs(self, kwargs):
        self._update(self._args, kwargs)

    def _update(self, args, kwargs):
        """Take arguments, and tell the nodes among them who uses them."""
        for node in self._input_nodes:
            node.users.pop(self, None)
        self._input_nodes = {}

        def use(value):
            if isinstance(value, Node):
                self._input_nodes[value] = None
                value.users[self] = None
            return value

        self._args = map_aggregate(tuple(args), use)
        self._kwargs = map_aggregate(dict(kwargs), use)

    @property
    def all_input_nodes(self):
        """The nodes among the arguments, each once."""
        return list(self._input_nodes)

    def update_arg(self, idx, arg):
        """Replace one positional argument."""
        args = list(self.args)
        args[idx] = arg
        self.args = tuple(args)

    def insert_arg(self, idx, arg):
        """Put a positional argument before the one at `idx`."""
        if not 0 <= idx <= len(self.args):
            raise AssertionError(
                f"insert_args index must be between 0 and len(self.args), got {idx}"
            )
        self.args = (*self.args[:idx], arg, *self.args[idx:])

    def update_kwarg(self, key, arg):
        """Replace one argument that is given by name."""
        self.kwargs = {**self.kwargs, key: arg}

    def replace_input_with(self, old_input, new_input):
        """Have another node in the place of one among the arguments."""
        swap = lambda node: new_input if node is old_input else node
        self._update(map_arg(self._args, swap), map_arg(self._kwargs, swap))

    def replace_all_uses_with(
        self, replace_with, delete_user_cb=lambda user: True, *, propagate_meta=False
    ):
        """Have the users of this node use another one. Returns the users that changed.

        delete_user_cb: which of them are to change.
        propagate_meta: whether the other node, which must have none, gets the `meta` of this one.
        """
        if propagate_meta:
            if replace_with.meta:
                raise AssertionError(
                    "Called node.replace_all_uses_with(replace_with, propagate_meta=True), but "
                    "replace_with already has .meta keys"
                )
            replace_with.meta.update(self.meta)
        changed = [user for user in list(self.users) if delete_user_cb(user)]
        for user in changed:
            if getattr(self.graph.owning_module, "_replace_hooks", None):
                for hook in self.graph.owning_module._replace_hooks:
                    hook(old=self, new=replace_with.name, user=user)
            user.replace_input_with(self, replace_with)
        return changed

    # The order of nodes.

    @property
    def next(self):
        """The node after this one."""
        return self._next

    @property
    def prev(self):
        """The node before this one."""
        return self._prev

    def prepend(self, x):
        """Move a node of the same graph to just before this one."""
        if self.graph is not x.graph:
            raise AssertionError("Attempting to move a Node into a different Graph")
        if self is x:
            return
        x._leave()
        before = self._prev
        before._next, x._prev, x._next, self._prev = x, before, self, x

    def append(self, x):
        """Move a node of the same graph to just after this one."""
        self._next.prepend(x)

    def _leave(self):
        self._prev._next, self._next._prev = self._next, self._prev

    def _precedes(self, other):
        node = self._next
        while node.op != "root":
            if node is other:
                return True
            node = node._next
        return False

    def __lt__(self, other):
        return self._precedes(other)

    def __gt__(self, other):
        return other._precedes(self)

    def __le__(self, other):
        return self is other or self._precedes(other)

    def __ge__(self, other):
        return self is other or other._precedes(self)

    # What it says and is.

    @property
    def stack_trace(self):
        """The lines of the program that made it, if the tracer recorded them."""
        return self.meta.get("stack_trace")

    @stack_trace.setter
    def stack_trace(self, trace):
        self.meta["stack_trace"] = trace

    def __repr__(self):
        return self._repr_fn(self) if self._repr_fn else self.name

    def format_node(self, placeholder_names=None, maybe_return_typename=None, **options):
        """The line of this node in a printed graph; None of an input that goes to the list."""
        type_text = f"{type_name(self.type)} " if self.type else ""
        users = f"[num_users={len(self.users)}]"
        if self.op == "placeholder":
            if not isinstance(self.target, str):
                raise AssertionError("the target of a placeholder is its name")
            if placeholder_names is not None:
                placeholder_names.append(f"{self.target}: {type_name(self.type)}"
                                         if self.type else self.target)  # fmt: skip
                return None
            default = f"(default={self.args[0]})" if self.args else ""
            of = f": {type_text}" if type_text else ": "
            return f"%{self.name} {of}{users} = placeholder[target={self.target}]{default}"
        if self.op == "get_attr":
            return f"%{self.name} : {type_text}{users} = get_attr[target={self.target}]"
        if self.op == "output":
            if self.type and maybe_return_typename:
                maybe_return_typename[0] = f" -> {type_name(self.type)}"
            return f"return {self.args[0]}"
        return (
            f"%{self.name} : {type_text}{users} = {self.op}[target={pretty_target(self.target)}]"
            f"(args = {format_arg(self.args)}, kwargs = {format_arg(self.kwargs)})"
        )

    def is_impure(self, impure_random=True):
        """Whether it does something besides giving its result: then it stays, used or not.

        That is so of inputs and outputs, of functions that draw random numbers, and of calls that
        write into their arguments. (PyTorch drops unused writes, which changes later results.)
        """
        if self.op in ("placeholder", "output"):
            return True
        if self.op == "call_method":
            return _writes(self.target)
        if self.op == "call_module":
            module = self.graph.owning_module
            if module is None:
                raise AssertionError("self.graph.owning_module not set for purity check")
            module = module.get_submodule(self.target)
            counts = module.training and getattr(module, "running_mean", None) is not None
            return bool(getattr(module, "_is_impure", False) or counts
                        or getattr(module, "inplace", False))  # fmt: skip
        if self.op == "call_function":
            name = getattr(self.target, "__name__", "")
            if self.target in IMPURE or name == "_assert" or (impure_random and name in RANDOM):
                return True
            return _writes(name) or self.kwargs.get("inplace") is True or (
                self.kwargs.get("out") is not None
            )  # fmt: skip
        return False


def _writes(name):
    return name.endswith("_") and not name.endswith("__") and name not in ("and_", "or_", "is_",
                                                                           "not_")  # fmt: skip
