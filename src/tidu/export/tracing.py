"""What stands for values while a program is exported: proxies that know the value of an example.

So shapes are numbers, and what a program does by them is recorded as it is. A length that may
vary is a proxy of its own: it goes into the graph, and where the program asks for it, an assertion
says what was answered.
"""

import copy
import operator

from ..autograd import no_grad
from ..base.errors import hinted
from ..base.lazy import lazy_module
from ..core.handle import TensorBase
from ..fx import Graph, Tracer
from ..fx.node import map_arg
from ..fx.proxy import Proxy
from ..random import fork_rng
from ..utils import _pytree as pytree

__all__ = ["ExportTracer"]

torch = lazy_module(__name__.partition(".")[0])
_ASKED = frozenset("item tolist numpy __float__ __int__ __bool__".split())
_SIGNS = {
    operator.add: "+", operator.sub: "-", operator.mul: "*", operator.floordiv: "//",
    operator.truediv: "/", operator.mod: "%", operator.pow: "**", operator.eq: "==",
    operator.ne: "!=", operator.lt: "<", operator.le: "<=", operator.gt: ">", operator.ge: ">=",
}  # fmt: skip


def _refuse():
    raise RuntimeError(hinted(
        "Could not guard on data-dependent expression: the value of a tensor decides what the "
        "program does", "compute with torch.where, or choose with torch.cond.",
    ))  # fmt: skip


class ValueProxy(Proxy):
    """A proxy that knows the value of the example: a tensor, or a tuple of some."""

    def __init__(self, node, tracer, value):
        super().__init__(node, tracer)
        self.value = value

    def __getattr__(self, name):
        held = getattr(self.value, name)
        if name in _ASKED:
            _refuse()
        if callable(held):
            return lambda *args, **kwargs: self.tracer.create_proxy(
                "call_method", name, (self, *args), kwargs
            )
        return self.tracer.create_proxy("call_function", getattr, (self, name), {})

    def __iter__(self):
        return iter([self[i] for i in range(len(self))])

    def __len__(self):
        named = type(self.value) not in (tuple, list) and not isinstance(self.value, TensorBase)
        if not self.tracer.varying or named or self.node.op == "call_module":
            return len(self.value)
        return int(self.tracer.create_proxy("call_function", len, (self,), {}))

    def __bool__(self):
        return len(self) > 0 if isinstance(self.value, (tuple, list)) else _refuse()

    def __int__(self):
        return _refuse()

    __float__ = __index__ = __int__


class SizeProxy(ValueProxy):
    """A number that depends on lengths which may vary. Where the program asks for it, the
    assertion that it is what it was goes into the graph."""

    def _answered(self):
        tracer = self.tracer
        message = f"Guard failed: {tracer.said(self.node)} == {self.value!r}"
        same = Graph.call_function(tracer.graph, operator.eq, (self.node, self.value))
        tracer.graph.call_function(torch._assert, (same, message))
        return self.value

    def __bool__(self):
        return bool(self._answered())

    def __int__(self):
        return int(self._answered())

    def __float__(self):
        return float(self._answered())

    __index__ = __int__


class ExportTracer(Tracer):
    """Traces a module for example inputs.

    varying: whether lengths are proxies; otherwise they are the example's.
    """

    proxy_buffer_attributes = True

    def __init__(self, mod, args, kwargs, names, varying):
        super().__init__()
        self.args, self.kwargs, self.names, self.varying = args, kwargs, names, varying
        self.values, self.inputs = {}, []
        self.twin = copy.deepcopy(mod)  # what is written while the example runs is written there

    def export(self, mod):
        """(graph, structure of the output)."""
        with no_grad(), fork_rng():
            graph = self.trace(mod)
        graph.owning_module = mod
        graph.eliminate_dead_code()
        return graph, self.out_spec

    def create_args_for_root(self, root_fn, is_module, concrete_args=None):
        flat, in_spec = pytree.tree_flatten((self.args, self.kwargs))
        for name, value in zip(self.names, flat, strict=True):
            self.inputs.append(value.clone() if isinstance(value, TensorBase) else value)
            made = self.create_proxy("placeholder", name, (), {})
            flat[len(self.inputs) - 1] = made if isinstance(value, TensorBase) else value
        args, kwargs = pytree.tree_unflatten(flat, in_spec)

        def call():
            leaves, self.out_spec = pytree.tree_flatten(root_fn(self.root, *args, **kwargs))
            return leaves

        return call, ()

    def proxy(self, node):
        self.paused = True
        try:
            value = self._known(node)
        finally:
            self.paused = False
        if isinstance(value, TensorBase):
            return ValueProxy(node, self, value)
        if isinstance(value, torch.Size):
            return self._sizes(node, value)
        if isinstance(value, (tuple, list)):
            return ValueProxy(node, self, value)
        if self.varying and isinstance(value, (int, float)) and node.op != "placeholder":
            return SizeProxy(node, self, value)
        return value

    def _sizes(self, node, value):
        """A shape; each length that may vary as a node of its own."""
        if not self.varying:
            return value
        return tuple([
            self.create_proxy("call_function", operator.getitem, (Proxy(node, self), i), {})
            for i in range(len(value))
        ])  # fmt: skip

    def _value(self, node):
        if node.op == "placeholder":
            return self.inputs[-1]
        if node.op == "get_attr":
            return self._attribute(node.target)
        args, kwargs = (map_arg(x, lambda n: self._known(n)) for x in (node.args, node.kwargs))
        if node.op == "call_function":
            return node.target(*args, **kwargs)
        if node.op == "call_method":
            return getattr(args[0], node.target)(*args[1:], **kwargs)
        return self._attribute(node.target)(*args, **kwargs)

    def _known(self, node):
        if node not in self.values:
            self.values[node] = self._value(node)
        return self.values[node]

    def _attribute(self, path):
        value, place = self.twin, self.root
        for part in path.split("."):
            # Constants are kept at the module itself while it is traced.
            value, place = getattr(value, part, None), getattr(place, part)
        return place if value is None else value

    def said(self, node):
        """A number in words: "x.shape[0] + 1"."""
        if node.target is getattr:
            return f"{self.said(node.args[0])}.{node.args[1]}"
        if node.target is operator.getitem:
            return f"{self.said(node.args[0])}[{node.args[1]}]"
        parts = [self.said(a) if hasattr(a, "op") else repr(a) for a in node.args]
        if node.target in _SIGNS:
            return f"{parts[0]} {_SIGNS[node.target]} {parts[1]}"
        if node.target is len:
            return f"len({parts[0]})"
        if node.op == "call_method":
            return f"{parts[0]}.{node.target}({', '.join(parts[1:])})"
        return node.name
