"""The Python text of a graph. Read `CodeGen.generate`."""

import math
import types
import typing
from dataclasses import dataclass, field
from enum import Enum
from functools import reduce
from importlib import import_module

from ..base.devices import device
from ..base.lazy import lazy_module
from ..core.handle import TensorBase
from ..utils import _pytree as pytree
from . import _pytree as fx_pytree
from .node import Node
from .spelling import Namespace, qualified_name, type_name

__all__ = ["CodeGen", "PythonCode"]

_ROOT = __name__.partition(".")[0]
torch = lazy_module(_ROOT)
_TWO = {
    "add": "+", "sub": "-", "mul": "*", "floordiv": "//", "truediv": "/", "mod": "%", "pow": "**",
    "lshift": "<<", "rshift": ">>", "and_": "&", "or_": "|", "xor": "^", "matmul": "@",
    "eq": "==", "ne": "!=", "lt": "<", "gt": ">", "le": "<=", "ge": ">=",
}  # fmt: skip
_ONE = {"pos": "+", "neg": "-", "invert": "~"}
_IN_PLACE = {
    f"i{name.rstrip('_')}": sign for name, sign in _TWO.items()
    if name not in ("eq", "ne", "lt", "gt", "le", "ge")
}  # fmt: skip
# Annotations like typing.List[int] keep their names; list[int] is its own.
_SHORT: dict = {
    kind: getattr(typing, kind.__name__.capitalize()) for kind in (list, dict, set, tuple)
}


@dataclass
class PythonCode:
    """The source of a graph, and what its names mean."""

    src: str
    globals: dict
    _lineno_map: dict | None = field(default=None, repr=False)


def reached(path):
    """Whether "torch.a.b" leads to something in this package."""
    try:
        reduce(getattr, path.split(".")[1:], import_module(_ROOT))
    except AttributeError:
        return False
    return True


class _Writer:
    """The code of one graph while it is written: its lines so far and its globals."""

    def __init__(self, codegen, root, verbose):
        self.codegen, self.root, self.verbose = codegen, root, verbose
        self.names, self.globals, self.wrapped = Namespace(), {}, {}
        self.body, self.parameters, self.annotation = [], [], ""
        self.last_trace = None

    def everyday(self):
        """Names that all code may use."""
        root = import_module(_ROOT)
        for name, value in (
            ("inf", math.inf), ("nan", math.nan), ("NoneType", type(None)), ("torch", root),
            ("device", device), ("fx_pytree", fx_pytree), ("pytree", pytree),
        ):  # fmt: skip
            self.globals[name] = value
        for name, value in self.codegen.additional_globals():
            self.add_global(name, value)

    def add_global(self, hint, value):
        """The name under which the code can use a value."""
        if value is not device and _is_ours(value):
            path = type_name(value) if isinstance(value, type) else qualified_name(value)
            if path.startswith("torch.") and reached(path):
                return path
        name = hint.replace(".", "_")
        if name in self.globals and self.globals[name] is value:
            return name
        name = self.names.create_name(hint, value if _hashable(value) else None)
        self.globals[name] = value
        return name

    def of_type(self, kind):
        """A type as code writes it."""
        if kind == ():
            return "()"
        if isinstance(kind, types.UnionType):
            return "|".join([self.of_type(part) for part in kind.__args__])
        origin = getattr(kind, "__origin__", None)
        name = type_name(kind)
        if origin is None:
            return self.add_global(name, kind)
        if not isinstance(kind, types.GenericAlias):
            origin = _SHORT.get(origin, origin)
        base = self.add_global(type_name(origin), origin)
        given = [self.of_type(arg) for arg in getattr(kind, "__args__", ())]
        return f"{base}[{','.join(given)}]"

    def value(self, arg):
        """An argument as code writes it."""
        if isinstance(arg, Node):
            return repr(arg)
        if isinstance(arg, tuple):
            parts = [self.value(part) for part in arg]
            if hasattr(arg, "_fields"):
                name = self.add_global(qualified_name(type(arg)), type(arg))
                return f"{name}({', '.join(parts)})"
            return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"
        if isinstance(arg, list):
            return f"[{', '.join([self.value(part) for part in arg])}]"
        if isinstance(arg, dict):
            parts = [f"{key!r}: {self.value(part)}" for key, part in arg.items()]
            return "{" + ", ".join(parts) + "}"
        if isinstance(arg, slice):
            ends = [self.value(part) for part in (arg.start, arg.stop, arg.step)]
            return f"slice({', '.join(ends)})"
        if isinstance(arg, TensorBase):  # of a graph that no module was traced for
            return self.add_global("_tensor", arg)
        if isinstance(arg, Enum):
            return f"{self.add_global(type(arg).__name__, type(arg))}.{arg.name}"
        if isinstance(arg, (type, typing._GenericAlias)):
            return self.of_type(arg)
        if callable(arg) and hasattr(arg, "__name__") and not repr(arg).startswith("torch."):
            return self.add_global(qualified_name(arg), arg)
        return repr(arg)

    def arguments(self, args, kwargs):
        parts = [self.value(arg) for arg in args]
        return ", ".join(parts + [f"{key} = {self.value(arg)}" for key, arg in kwargs.items()])

    def line(self, node):
        """Write what one node does."""
        note = f" : {self.of_type(node.type)}" if node.type is not None else ""
        if self.verbose:
            note = _told_type(node) or note
        if node.op == "placeholder":
            default = f" = {self.value(node.args[0])}" if node.args else ""
            self.parameters.append(f"{node.target}{note}{default}")
            plain = node.target.replace("*", "")
            if plain != repr(node):
                self.body.append(f"{node!r} = {plain}\n")
            return
        if node.op == "output":
            if node.type is not None:
                self.annotation = f" -> {self.of_type(node.type)}"
            self.body.append(self.codegen.generate_output(node.args[0]))
            return
        args, target = node.args, node.target
        if node.op == "call_function":
            self.body.append(self.call(node, note))
        elif node.op == "call_method":
            base = chain(self.value(args[0]), target)
            text = f"{base}({self.arguments(args[1:], node.kwargs)})"
            self.body.append(f"{node!r}{note} = {text}")
        elif node.op == "call_module":
            text = f"{chain(self.root, target)}({self.arguments(args, node.kwargs)})"
            self.body.append(f"{node!r}{note} = {text}")
        else:
            self.body.append(f"{node!r}{note} = {chain(self.root, target)}")

    def call(self, node, note):
        """The call of a function, as an operator where it is one."""
        args, target = node.args, node.target
        name = getattr(target, "__name__", "")
        if getattr(target, "__module__", None) == "_operator" and not node.kwargs:
            shown = [self.value(arg) for arg in args]
            if name in _TWO and len(args) == 2:
                return f"{node!r}{note} = {shown[0]} {_TWO[name]} {shown[1]}"
            if name in _ONE and len(args) == 1:
                return f"{node!r}{note} = {_ONE[name]}{shown[0]}"
            if name == "getitem" and len(args) == 2:
                return f"{node!r}{note} = {shown[0]}[{shown[1]}]"
            if name == "setitem" and len(args) == 3:
                step = f"{shown[0]}[{shown[1]}] = {shown[2]}"
                return f"{step};  {node!r}{note} = {shown[0]}"
            if name in _IN_PLACE and len(args) == 2:
                step = f"{shown[0]} {_IN_PLACE[name]}= {shown[1]}"
                return f"{step};  {node!r}{note} = {shown[0]}"
        if target is getattr and len(args) == 2 and isinstance(args[1], str):
            if args[1].isidentifier():
                return f"{node!r}{note} = {chain(self.value(args[0]), args[1])}"
        shown = self.add_global(qualified_name(target), target)
        if node.meta.get("is_wrapped"):
            self.wrapped.setdefault(shown)
        return f"{node!r}{note} = {shown}({self.arguments(args, node.kwargs)})"

    def trace_of(self, node):
        """A comment that says from which line of the program the next lines come."""
        if node.op in ("placeholder", "output"):
            return
        trace = node.stack_trace or ""
        if trace != self.last_trace:
            self.last_trace = trace
            said = _summary(trace) if trace else "No stacktrace found for following nodes"
            self.body.append(f"\n# {said}\n")


def _told_type(node):
    """The type and sizes of the example that a node knows: `: "f32[2, 3]"`."""
    value = node.meta.get("example_value")
    if not isinstance(value, TensorBase):
        return None
    kind = str(value.dtype).removeprefix("torch.")
    short = kind.replace("bfloat", "bf").replace("complex", "c").replace("float", "f")
    short = short.replace("uint", "u").replace("int", "i").replace("bool", "b8")
    return f': "{short}{list(value.shape)}"'


def _summary(trace):
    lines = [line.strip() for line in trace.strip().splitlines() if line.strip()]
    if len(lines) < 2 or not lines[-2].startswith("File "):
        return lines[-1]
    place = lines[-2].removeprefix("File ").replace('"', "")
    file, line, name = [*place.split(", "), "", ""][:3]
    where = f"{file}:{line.removeprefix('line ')} {name}".rstrip()
    return f"File: {where}, code: {lines[-1]}"


def chain(base, path):
    """self.a.b, or getattr(self.a, "0") where a part is no identifier."""
    for part in path.split("."):
        base = f"{base}.{part}" if part.isidentifier() else f'getattr({base}, "{part}")'
    return base


def _hashable(value):
    try:
        hash(value)
    except TypeError:
        return False
    return True


def _is_ours(value):
    home = getattr(value, "__module__", None)
    return isinstance(home, str) and home.partition(".")[0] in (_ROOT, "torch")


def last_uses(nodes):
    """{node: the nodes whose results are not needed after it}."""
    seen, found = set(), {}
    for user in reversed(nodes):
        for given in user._input_nodes:
            if given not in seen:
                seen.add(given)
                found.setdefault(user, []).append(given)
    return found


class CodeGen:
    """Writes a graph as Python. Derive from it to have another signature or another `return`."""

    def __init__(self):
        self._body_transformer = None
        self._func_name = "forward"

    def gen_fn_def(self, free_vars, maybe_return_annotation, **options):
        """The first line: free_vars are the parameters, `self` not among them."""
        given = list(free_vars)
        if not given or given[0] != "self":
            given.insert(0, "self")
        return f"def {self._func_name}({', '.join(given)}){maybe_return_annotation}:"

    def generate_output(self, output_args, **options):
        """The last line."""
        return f"return {output_args!r}"

    def process_inputs(self, *args):
        """Arguments of a call, as the placeholders take them."""
        return args

    def process_outputs(self, outputs):
        """The output of an interpreter, as a call gives it."""
        return outputs

    def additional_globals(self):
        """[(name, value)] that the code needs besides."""
        return []

    def copied(self):
        """One like this, for a copy of the graph."""
        return self

    def generate(self, graph, root_module, verbose=False):
        """The `PythonCode` of a graph."""
        writer = _Writer(self, root_module, verbose)
        writer.everyday()
        # What a variable holds is let go after its last use.
        done = last_uses(graph.nodes)
        for node in graph.nodes:
            if verbose:
                writer.trace_of(node)
            writer.line(node)
            if node.op == "output":
                writer.body.append("\n")
            elif node.op != "placeholder":
                gone = [*done.get(node, ()), *([] if node.users else [node])]
                ending = f";  {' = '.join([*map(repr, gone), 'None'])}" if gone else ""
                writer.body.append(f"{ending}\n")
        body = writer.body or ["pass\n"]
        if self._body_transformer:
            body = self._body_transformer(body)
        wrap = "torch.fx._symbolic_trace.wrap"
        head = "\n".join([f'{wrap}("{name}")' for name in writer.wrapped])
        first = self.gen_fn_def(writer.parameters, writer.annotation)
        lines = "".join(body).lstrip("\n").split("\n")
        text = "\n".join([f"    {line}" for line in lines])
        return PythonCode(f"\n{head}\n\n{first}\n{text}", writer.globals)


class _PyTreeInfo(typing.NamedTuple):
    """Names of arguments, and the structures that inputs and the output had."""

    orig_args: list
    in_spec: object
    out_spec: object


class _PyTreeCodeGen(CodeGen):
    """Takes and gives nested structures, while the graph has their elements."""

    def __init__(self, pytree_info):
        super().__init__()
        self.pytree_info = pytree_info

    def copied(self):
        return _PyTreeCodeGen(self.pytree_info)

    def process_inputs(self, *args):
        return pytree.tree_leaves(args)

    def process_outputs(self, outputs):
        if self.pytree_info.out_spec is None:
            return outputs
        held = outputs if isinstance(outputs, (list, tuple)) else [outputs]
        return pytree.tree_unflatten(list(held), self.pytree_info.out_spec)

    def gen_fn_def(self, free_vars, maybe_return_annotation, **options):
        names = [arg for arg in self.pytree_info.orig_args if arg != "self"]
        first = super().gen_fn_def(names, maybe_return_annotation)
        if not free_vars:
            return first
        plain = [name.partition(":")[0].partition("=")[0].strip() for name in free_vars]
        given = f"fx_pytree.tree_flatten_spec([{', '.join(names)}], self._in_spec)"
        return f"{first}\n    {', '.join(plain)}, = {given}"

    def generate_output(self, output_args, **options):
        if self.pytree_info.out_spec is None:
            return super().generate_output(output_args)
        return f"return pytree.tree_unflatten({output_args!r}, self._out_spec)"
