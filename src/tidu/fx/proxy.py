"""torch.fx.proxy: what stands for the values of a program while it is traced.

A `Proxy` holds a node; whatever is done with it becomes another node, through its `Tracer`.
"""

import dataclasses
import operator
import sys
import traceback
from collections import OrderedDict

from ..base.errors import hinted
from ..base.frames import user_frame
from ..base.instructions import steps
from ..core.handle import TensorBase
from ..frontend.asking import ask_classes
from .immutable_collections import immutable_dict, immutable_list
from .interception import StandIn, record_call
from .node import Node, map_arg

__all__ = ["Attribute", "GraphAppendingTracer", "ParameterProxy", "Proxy", "TraceError",
           "TracerBase"]  # fmt: skip

_PACKAGE = __name__.partition(".")[0]
# Values that stay as they are among the arguments of a node.
PLAIN = (str, int, float, bool, complex, bytes, type(None), type(...), range)


class TraceError(ValueError):
    """The program asks a traced value for what only a real one has."""


class TracerBase:
    """Makes nodes and proxies. `Tracer` traces modules; `GraphAppendingTracer` adds to a graph."""

    record_stack_traces = False
    check_mutable_operations = False
    trace_asserts = False
    proxy_buffer_attributes = False
    traced_func_name = "forward"

    def create_node(self, kind, target, args, kwargs, name=None, type_expr=None):
        """Add a node to the graph; its arguments are nodes and plain values by now."""
        node = self.graph.create_node(kind, target, args, kwargs, name, type_expr)
        stack = getattr(self, "module_stack", None)
        if stack:
            node.meta["nn_module_stack"] = OrderedDict(stack)
        return node

    def proxy(self, node):
        """The proxy for a node."""
        return Proxy(node, self)

    def create_proxy(self, kind, target, args, kwargs, name=None, type_expr=None,
                     proxy_factory_fn=None):  # fmt: skip
        """Add a node whose arguments may hold proxies, and return the proxy for it."""
        args, kwargs = self.create_arg(args), self.create_arg(kwargs)
        if not isinstance(args, tuple):
            raise AssertionError(f"Expected tuple args, got {type(args)}")
        node = self.create_node(kind, target, args, kwargs, name, type_expr)
        made = proxy_factory_fn(node) if proxy_factory_fn else self.proxy(node)
        if self.record_stack_traces and not made.node.stack_trace:
            made.node.stack_trace = _program_lines()
        return made

    def create_arg(self, a):
        """A value as the argument of a node: proxies become nodes.

        Raises:
            NotImplementedError: a value that no argument may be.
        """
        if isinstance(a, Proxy):
            return a.node
        if hasattr(type(a), "__fx_create_arg__"):
            return a.__fx_create_arg__(self)
        if isinstance(a, tuple):
            parts = [self.create_arg(part) for part in a]
            return type(a)(*parts) if hasattr(a, "_fields") else tuple(parts)
        if isinstance(a, list):
            return immutable_list([self.create_arg(part) for part in a])
        if isinstance(a, dict):
            return immutable_dict([(self._key(k), self.create_arg(v)) for k, v in a.items()])
        if isinstance(a, slice):
            return slice(*[self.create_arg(part) for part in (a.start, a.stop, a.step)])
        if isinstance(a, range):
            return range(*[self.create_arg(part) for part in (a.start, a.stop, a.step)])
        if dataclasses.is_dataclass(a) and not isinstance(a, type):
            parts = {f.name: self.create_arg(getattr(a, f.name)) for f in dataclasses.fields(a)}
            return self.create_node("call_function", type(a), (), parts)
        if isinstance(a, (*PLAIN, TensorBase, Node)) or _is_constant(a):
            return a
        raise NotImplementedError(hinted(
            f"argument of type: {type(a)}",
            "arguments are tensors, numbers, strings, types, devices, and nested tuples, lists, "
            "dictionaries and slices of them; a class can say what it is with __fx_create_arg__.",
        ))  # fmt: skip

    def _key(self, key):
        key, nodes = self.create_arg(key), []
        map_arg((key,), nodes.append)
        if nodes:
            raise RuntimeError(hinted(
                "Keys for dictionaries used as an argument cannot contain a Node. Got key: "
                f"{nodes[0]}", "traced values can be values of a dictionary.",
            ))  # fmt: skip
        return key

    def to_bool(self, obj):
        """What `if proxy:` gives: a TraceError, as no value is known."""
        raise TraceError(hinted(
            "symbolically traced variables cannot be used as inputs to control flow",
            "give the argument it depends on as concrete_args={'name': value}, or compute with "
            "torch.where.",
        ))  # fmt: skip

    def iter(self, obj):
        """What `for part in proxy` gives: its parts where `a, b = proxy` says how many, else a
        TraceError."""
        caller = sys._getframe(2)
        for step in steps(caller.f_code):
            if step.offset == caller.f_lasti and step.opname == "UNPACK_SEQUENCE":
                return iter([obj[i] for i in range(step.argval)])
        raise TraceError(hinted(
            "Proxy object cannot be iterated. This can be attempted when the Proxy is used in a "
            "loop or as a *args or **kwargs function argument.",
            "how many parts there are is not known: write a, b = x, or index with numbers.",
        ))  # fmt: skip

    def keys(self, obj):
        """What `proxy.keys()` gives."""
        return Attribute(obj, "keys")()


def _is_constant(value):
    """Whether it is a dtype, device, layout, memory format or the like of this package; a class;
    or an operation of torch.ops."""
    kind = type(value)
    return kind.__module__.partition(".")[0] in (_PACKAGE, "torch") and not callable(
        getattr(value, "forward", None)
    )


def _program_lines():
    """The program's own lines that led here, as a traceback shows them."""
    frame = user_frame()
    if frame is None:
        return None
    return "".join(traceback.format_list(traceback.extract_stack(frame))).strip()


class GraphAppendingTracer(TracerBase):
    """Has what is done with proxies added to a graph that is there already.

    >>> import tidu as torch
    >>> graph = torch.fx.symbolic_trace(lambda x: torch.relu(x)).graph
    >>> tracer = torch.fx.proxy.GraphAppendingTracer(graph)
    >>> first = torch.fx.Proxy(next(iter(graph.nodes)), tracer)
    >>> with graph.inserting_before(graph.output_node()):
    ...     (torch.exp(first) + 1).node.format_node()
    '%add : [num_users=0] = call_function[target=operator.add](args = (%exp, 1), kwargs = {})'
    """

    def __init__(self, graph):
        ask_classes()  # there is no block in which calls with proxies could be looked for
        self.graph = graph
        self.module_stack = OrderedDict()


class Proxy(StandIn):
    """Stands for a value while a program is traced: operators, attributes, methods and torch's
    functions work on it and add nodes to the graph.

    Raises:
        TraceError: where the program asks for the value itself (`if x:`, `for part in x`).
    """

    def __init__(self, node, tracer=None):
        self.tracer = GraphAppendingTracer(node.graph) if tracer is None else tracer
        self.node = node

    def __repr__(self):
        return f"Proxy({self.node.name})"

    def __getattr__(self, name):
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        return Attribute(self, name)

    def __call__(self, *args, **kwargs):
        return self.tracer.create_proxy("call_method", "__call__", (self, *args), kwargs)

    def __iter__(self):
        return self.tracer.iter(self)

    def __bool__(self):
        return self.tracer.to_bool(self)

    def __len__(self):
        raise RuntimeError(hinted(
            "'len' is not supported in symbolic tracing by default. If you want this call to be "
            "recorded, please call torch.fx.wrap('len') at module scope", "or write x.shape[0].",
        ))  # fmt: skip

    def __deepcopy__(self, memo):
        return type(self)(self.node, self.tracer)

    def keys(self):
        """Its keys, if it stands for a dictionary."""
        return self.tracer.keys(self)

    @classmethod
    def __torch_function__(cls, orig_method, types, args=None, kwargs=None):
        name = getattr(orig_method, "__name__", "")
        method = getattr(TensorBase.handle_class, name, None) is orig_method
        return record_call(orig_method, tuple(args or ()), dict(kwargs or {}),
                           name if method else None)  # fmt: skip


class Attribute(Proxy):
    """An attribute of a proxy; called, it is a method."""

    def __init__(self, root, attr):
        self.root, self.attr, self.tracer = root, attr, root.tracer
        self._node = None

    @property
    def node(self):
        # A method that is called needs no node for itself.
        if self._node is None:
            made = self.tracer.create_proxy("call_function", getattr, (self.root, self.attr), {})
            self._node = made.node
        return self._node

    def __call__(self, *args, **kwargs):
        return self.tracer.create_proxy("call_method", self.attr, (self.root, *args), kwargs)


class ParameterProxy(Proxy):
    """Stands for a parameter whose shape the program may ask for."""

    def __init__(self, tracer, node, name, param):
        super().__init__(node, tracer)
        if not isinstance(param, TensorBase):
            raise AssertionError(f"Expected Parameter, got {type(param)}")
        self.param, self.name = param, name

    def __repr__(self):
        return f"ParameterProxy({self.name})"

    @property
    def shape(self):
        return self.param.shape

    def size(self, *args):
        return self.param.size(*args)

    def dim(self):
        return self.param.dim()

    @property
    def ndim(self):
        return self.param.dim()

    def numel(self):
        return self.param.numel()

    def nelement(self):
        return self.param.numel()


def _operator(name, function, backwards=False):
    def operate(self, *others):
        given = (*others, self) if backwards else (self, *others)
        return self.tracer.create_proxy("call_function", function, given, {})

    operate.__name__ = operate.__qualname__ = name
    return operate


for _name in ("eq ne lt gt le ge pos neg invert abs getitem add sub mul floordiv truediv mod pow "
              "lshift rshift and_ or_ xor matmul").split():  # fmt: skip
    _bare = _name.rstrip("_")
    setattr(Proxy, f"__{_bare}__", _operator(f"__{_bare}__", getattr(operator, _name)))
for _name in "add sub mul floordiv truediv mod pow lshift rshift and_ or_ xor matmul".split():
    _bare = f"__r{_name.rstrip('_')}__"
    setattr(Proxy, _bare, _operator(_bare, getattr(operator, _name), backwards=True))
