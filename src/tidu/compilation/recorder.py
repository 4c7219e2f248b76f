"""The calls of torch's functions that a function makes while it is recorded, as a torch.fx graph.

A `Recorder` stands around public functions, Tensor's methods and properties
(`frontend/calls.py`) while a trial run lasts (`compiler/recording/capture.py`), and notes each call
with the nodes of its tensors. What it does not see (work of another kind leaves equations in the
trial's own graph) is refused, so that no graph lacks a part. Read `around`.
"""

import operator
import weakref
from contextlib import contextmanager
from threading import get_ident

import numpy as np

from .._C import _set_grad_enabled
from ..amp.state import STATE as AUTOCAST
from ..autograd import backward, grad
from ..autograd.function import Function
from ..base import tree
from ..base.size import Size
from ..core.handle import LEAF, TensorBase, wrap
from ..core.modes import LOCAL, grad_enabled
from ..frontend.calls import INSIDE, Interceptor, intercept, release
from ..frontend.tensor import Tensor
from ..fx import Graph
from ..fx.proxy import TracerBase
from ..fx.spelling import function_name
from ..library.operators import Overload
from ..nn import Parameter, functional
from .call_sites import caller_of
from .sizes import Recording
from .sources import name_of

__all__ = ["Recorder", "recording"]

_READ = ("T", "mT", "H", "mH", "real", "imag", "data", "grad")  # properties that are tensors
_ASKED = ("shape", "dtype", "ndim", "device", "requires_grad")  # that are none
_SET = ("data", "grad", "requires_grad")
# What does something to a tensor, or to others, besides computing.
_REFUSED = frozenset(
    "backward register_hook retain_grad requires_grad_ set_ register_post_accumulate_grad_hook "
    "apply_ map_ map2_ detach_ rename_ share_memory_ resize_as_ set_data".split()
)
_REFLECTED = frozenset(
    f"__r{name}__"
    for name in "add sub mul truediv floordiv mod pow matmul and or xor lshift rshift".split()
)
_OPERATORS = frozenset(
    "add sub mul truediv floordiv mod pow matmul and_ or_ xor lshift rshift neg pos invert abs eq "
    "ne lt le gt ge getitem setitem".split()
)
_COMMUTING = (operator.add, operator.mul, operator.and_, operator.or_, operator.xor)
_WRITING = frozenset(
    getattr(operator, f"i{name}")
    for name in "add and floordiv lshift matmul mod mul or pow rshift sub truediv xor".split()
)
# Arguments that PyTorch's modules give by name, and ours by place or not at all: (place, default).
_BY_NAME = {
    "relu": {"inplace": (1, False)}, "silu": {"inplace": (1, False)},
    "mish": {"inplace": (1, False)}, "binary_cross_entropy": {"weight": (2, None)},
    "nll_loss": {"weight": (2, None)},
}  # fmt: skip
_MODULES = f"{__name__.partition('.')[0]}.nn.modules."
_UNSEEN = "it computes in a way that no graph of torch's functions shows"


class Recorder(Interceptor, TracerBase):
    """The graph of one run. `paths`: {id of a tensor: where the function finds it}."""

    order = 10  # outermost: calls are noted as the program makes them

    def __init__(self, paths):
        self.paths, self.thread = paths, get_ident()
        self.graph, self.nodes = Graph(), {}
        self.inputs = []  # the tensors that are placeholders, in order
        self.values, self.outputs = (), []  # the ids of the results; of those that have nodes
        self.grad = self.at_first = grad_enabled()
        self.autocast, self.until = _autocast(), None
        self.getters = {vars_of(name).fget: name for name in _READ}
        self.others = {
            **{vars_of(name).fget: name for name in _ASKED},
            **self.getters, **{vars_of(name).fset: name for name in _SET if vars_of(name).fset},
            Function.apply.__func__: "apply", Overload.__call__: "operator",
            backward: "backward", grad: "grad",
        }  # fmt: skip
        self.refused = {f for f in self.others if f in (backward, grad)}
        self.refused |= {vars_of(name).fset for name in _SET}

    def wants(self, seen):
        return seen.namespace != INSIDE or seen.function in self.others

    # --- a run -------------------------------------------------------------------------------

    def start(self, tracer, until):
        """Note the calls of the run that `tracer` records, made below the frame of code `until`."""
        self.tracer, self.until = tracer, until
        self.given = {id(old.handle): old.handle for old in tracer.held}
        self.count = len(tracer.graph.equations)

    def finish(self, values):
        """Note the results: their nodes, in order, are what the graph gives."""
        self._check()
        self.values, found = [id(value) for value in values], {}
        for value in values:
            if isinstance(value, TensorBase) and not self._is_given(value):
                found.setdefault(id(value), self.node_of(value))
        self._switch_grad(self.at_first)
        self.outputs = list(found)
        self.graph.output(tuple(found.values()))
        self._tidy()

    def recording(self):
        """The graph, and the places and shapes of its inputs, as they were given."""
        return Recording(self.graph, [self.path_of(h) for h in self.inputs],
                         [tuple(h._value.shape) for h in self.inputs])  # fmt: skip

    def _is_given(self, value):
        """Whether a result is a tensor that was given, perhaps written, and not what a function
        gave for it (`dropout` that drops nothing)."""
        node = self._known(value)
        unchanged = node is None or node.op == "placeholder" or node.target in _WRITING
        return id(value) in self.given and unchanged

    def _check(self):
        """Refuse what happened since the last call, if it computed something."""
        if len(self.tracer.graph.equations) != self.count:
            self.tracer.refuse(_UNSEEN)
        if LOCAL.levels:
            self.tracer.refuse("it calls a transform (vmap, grad or the like)")
        if LOCAL.packing is not None:
            self.tracer.refuse("it says how values are saved for the backward pass")
        if LOCAL.inference or _autocast() != self.autocast:
            self.tracer.refuse("it enters autocast or inference mode")

    def _tidy(self):
        """Take out parts of results, and inputs, that nobody uses."""
        for node in reversed(self.graph.nodes):
            if not node.users and ("part" in node.meta or node.op == "placeholder"):
                self.graph.erase_node(node)
        self.inputs = [h for h in self.inputs if not self._known(h)._erased]
        for node in self.graph.nodes:
            node.meta.pop("part", None)

    # --- calls ---------------------------------------------------------------------------------

    def around(self, seen, call, /, *args, **kwargs):
        if get_ident() != self.thread or self.tracer.done:
            return call(*args, **kwargs)
        self._check()
        if seen.name in _REFUSED or seen.function in self.refused:
            self.tracer.refuse(f"it calls {seen.name}")
        try:
            out = call(*args, **kwargs)
        finally:
            self.count = len(self.tracer.graph.equations)
        if seen.shown in ("__setitem__", "setitem") or any(map(_is_tensor, tree.leaves(out))):
            self._note(seen, args, kwargs, out)
        else:
            self._lift((args, kwargs))  # the order of inputs is that in which they are looked at
        return out

    def _note(self, seen, args, kwargs, out):
        if seen.function in self.getters and (id(out) in self.given or self._known(out)):
            return  # a gradient, which is a tensor of its own
        self._switch_grad(grad_enabled())
        site = caller_of(seen.function.__code__)
        kind, target, args = self._form(seen, site, args)
        if seen.name in _BY_NAME and site.frame.f_globals["__name__"].startswith(_MODULES):
            target, args, kwargs = _as_modules_call(target, seen.name, args, kwargs)
        self._lift((args, kwargs))
        node = self.create_node(kind, target, self.create_arg(args), self.create_arg(kwargs))
        node.stack_trace = site.trace(self.until)
        if _is_tensor(out):
            self._name(node, site.target(self.until))
        self._results(node, out, site)

    def _form(self, seen, site, args):
        """(op, target, arguments) as the program wrote the call."""
        if seen.function in self.getters:
            return "call_function", getattr, (*args, self.getters[seen.function])
        if seen.function in self.others:  # Function.apply(cls, ...), or an operator of torch.ops
            first = args[0].apply if isinstance(args[0], type) else args[0]
            return "call_function", first, args[1:]
        done = site.operation()
        if done is not None:
            other = args[1] if len(args) > 1 else None
            swapped = len(args) == 2 and not _is_tensor(other) and (
                seen.name in _REFLECTED or (done in _COMMUTING and site.is_reflected(args[0]))
            )  # fmt: skip
            return "call_function", done, (other, args[0]) if swapped else args
        method = site.method()
        own = method is not None and getattr(Tensor, method, None) is seen.function
        if own and args and _is_tensor(args[0]):
            return "call_method", method, args
        if seen.namespace != "Tensor":
            return "call_function", seen.function, args
        if seen.name in _REFLECTED:
            return "call_function", getattr(operator, seen.name.strip("_")[1:]), args[::-1]
        name = seen.name.strip("_") if seen.name.startswith("__") else seen.name
        if name in _OPERATORS and len(args) < 3:  # by `sum` and the like
            return "call_function", getattr(operator, name), args
        return "call_method", seen.name, args

    def _lift(self, given):
        """Inputs for tensors that no node stands for yet: first those that are read from modules,
        as the program reads them before it makes the call."""
        fresh = [h for h in tree.leaves(given)
                 if _is_tensor(h) and id(h) in self.given and not self._known(h)]  # fmt: skip
        for handle in sorted(fresh, key=lambda h: not _of_module(self._name_of(h))):
            if not self._known(handle):
                name = self._name_of(handle)
                kind = Parameter if isinstance(handle, Parameter) else Tensor
                node = self.graph.placeholder(name, kind)
                first = next((n for n in self.graph.nodes if n.op != "placeholder"), None)
                if first is not None and first is not node:
                    first.prepend(node)
                self.inputs.append(handle)
                self._stand_for(handle, node)

    def _name_of(self, handle):
        return name_of(self.path_of(handle))

    def path_of(self, handle):
        return self.paths.get(id(handle), "L['tensor']")

    def _switch_grad(self, wanted):
        if wanted != self.grad:
            self.graph.call_function(_set_grad_enabled, (wanted,))
            self.grad = wanted

    def _results(self, node, out, site):
        if _is_tensor(out):
            name = node.target if node.op == "call_method" else node.target.__name__
            if not (self._known(out) and name.endswith("_")):
                self._stand_for(out, node)  # what a method writes is what it was
            return
        if not isinstance(out, (tuple, list)):
            return
        target = site.target(self.until)
        names = target if isinstance(target, list) else [None] * len(out)
        for i, part in enumerate(out):
            inner = self.graph.call_function(operator.getitem, (node, i))
            inner.meta["part"] = True
            if names[i : i + 1]:
                self._name(inner, names[i])
            self._results(inner, part, site)

    def _stand_for(self, handle, node):
        node.meta["example_value"] = _example(handle)
        self.nodes[id(handle)] = weakref.ref(handle), node  # kept alive, it would seem to be known

    def _name(self, node, name):
        if isinstance(name, str):
            self._rename(node, name)

    def _rename(self, node, name):
        node.name = self.graph._names.create_name(name, None)
        self.graph._names.associate(node.name, node)

    # --- arguments -------------------------------------------------------------------------------

    def create_node(self, kind, target, args, kwargs, name=None, type_expr=None):
        if kind == "call_function":
            name = function_name(target)
        return self.graph.create_node(kind, target, args, kwargs, name, type_expr)

    def create_arg(self, a):
        """A value as an argument of a node: the nodes of tensors."""
        if isinstance(a, TensorBase):
            return self.node_of(a)
        if isinstance(a, Size):
            a = tuple(a)
        try:
            return super().create_arg(a)
        except NotImplementedError:
            return a

    def _known(self, handle):
        """The node that stands for a tensor, or None; its id may have been another's."""
        ref, node = self.nodes.get(id(handle), (None, None))
        return node if ref is not None and ref() is handle else None

    def node_of(self, handle):
        node = self._known(handle)
        if node is None and id(handle) in self.given:
            self._lift(handle)
            node = self._known(handle)
        if node is None:
            self.tracer.refuse(_UNSEEN)
        return node


def _as_modules_call(target, name, args, kwargs):
    """A call that a module of torch.nn makes, as PyTorch's module makes it."""
    given = {}
    for word, (place, default) in _BY_NAME[name].items():
        given[word] = args[place] if len(args) > place else default
        args = args[:place]
    return functional.relu if name == "relu" else target, args, {**given, **kwargs}


def _example(handle):
    """A tensor of the same shape and type, with whatever is in its memory."""
    value = handle._value
    known = value.dtype is not None
    made = wrap(np.empty(value.shape, value.dtype if known else value.element_type))
    if handle._node is not None:
        made._node = LEAF
    return made


def vars_of(name):
    """The property of Tensor."""
    return getattr(Tensor, name)


def _is_tensor(value):
    return isinstance(value, TensorBase)


def _of_module(name):
    return "_parameters_" in name or "_buffers_" in name


def _autocast():
    return AUTOCAST.enabled, AUTOCAST.dtypes["cpu"]


@contextmanager
def recording(recorder):
    """A block in which the calls of this thread are noted."""
    intercept(recorder, list(recorder.others.items()))
    try:
        yield recorder
    finally:
        release(recorder)
