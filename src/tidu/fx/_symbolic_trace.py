"""torch.fx.symbolic_trace: a program's graph, from one run on proxies. Read `Tracer.trace`."""

import builtins
import inspect
import math
import sys
import warnings
from collections import OrderedDict
from contextlib import ExitStack, contextmanager
from itertools import chain
from types import CodeType, FunctionType, ModuleType

from ..base.errors import hinted
from ..core.handle import TensorBase
from ..nn import Module, Parameter, Sequential
from ..utils import _pytree as pytree
from .code import _PyTreeCodeGen, _PyTreeInfo
from .graph import Graph
from .graph_module import GraphModule
from .interception import first_proxy, intercepting
from .proxy import ParameterProxy, TracerBase

__all__ = ["PH", "ProxyableClassMeta", "Tracer", "is_fx_tracing", "symbolic_trace", "wrap"]

_VARIADIC = inspect.CO_VARARGS | inspect.CO_VARKEYWORDS
_WRAPPED: dict = {}  # (id of a module's globals, name) -> the globals
_WRAPPED_METHODS: list = []  # (class, name)
_TRACING = [0]


class PHBase:
    """In concrete_args: this one is an input."""

    def __repr__(self):
        return "PH"


PH = PHBase()


class PHWithMeta(PHBase):
    """An input with a key that its node gets: `placeholder.ph_key`."""

    def __init__(self, ph_key=None):
        self.ph_key = ph_key


class ProxyableClassMeta(type):
    """Classes of it can be made of proxies in a traced program: the call is recorded."""

    def __call__(cls, *args, **kwargs):
        found = first_proxy((args, kwargs))
        if found is not None:
            return found.tracer.create_proxy("call_function", cls, args, kwargs)
        return super().__call__(*args, **kwargs)


def is_fx_tracing():
    """Whether a program is traced just now."""
    return _TRACING[0] > 0


def _assert_is_none(value, msg):
    """In programs that were traced for an argument None."""
    if value is not None:
        raise AssertionError(msg)


class Tracer(TracerBase):
    """Traces a module or function. Derive from it to say which modules are leaves, or to change
    what is recorded.

    >>> import tidu as torch
    >>> class Deep(torch.fx.Tracer):
    ...     def is_leaf_module(self, m, module_qualified_name):
    ...         return isinstance(m, torch.nn.Linear)
    >>> model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.ReLU())
    >>> [node.op for node in Deep().trace(model).nodes]
    ['placeholder', 'call_module', 'call_function', 'output']
    """

    def __init__(self, autowrap_modules=(math,), autowrap_functions=(),
                 param_shapes_constant=False):  # fmt: skip
        self._autowrapped = {
            id(value) for module in autowrap_modules for name, value in vars(module).items()
            if not name.startswith("_") and callable(value)
        } | {id(function) for function in autowrap_functions}  # fmt: skip
        self._autowrap_search = list(autowrap_modules)
        self.param_shapes_constant = param_shapes_constant
        self.submodule_paths, self.root_module_name = None, ""
        self.module_stack = OrderedDict()
        self._counts = {}

    paused = False  # while a tracer runs a part of the program itself

    # What a subclass may change.

    def is_leaf_module(self, m, module_qualified_name):
        """Whether a call of the module is one node: so of torch's own, but for Sequential."""
        home = type(m).__module__
        return home.startswith(("torch.nn", "torch.ao.nn")) and not isinstance(m, Sequential)

    def path_of_module(self, mod):
        """The name of a module in the one that is traced.

        Raises:
            NameError: it is not among its submodules.
        """
        if self.submodule_paths:
            path = self.submodule_paths.get(mod)
            if path is None:
                raise NameError(hinted(
                    "module is not installed as a submodule",
                    "assign it to an attribute of the module that is traced.",
                ))  # fmt: skip
            return path
        for name, module in self.root.named_modules():
            if module is mod:
                return name
        raise NameError("module is not installed as a submodule")

    def call_module(self, m, forward, args, kwargs):
        """A call of a module: a node if it is a leaf, else what `forward` does."""
        name = self.path_of_module(m)
        stacked = name not in self.module_stack
        self.module_stack.setdefault(name, (name, type(m)))
        try:
            if self.is_leaf_module(m, name):
                return self.create_proxy("call_module", name, args, kwargs)
            return forward(*args, **kwargs)
        finally:
            if stacked:
                self.module_stack.pop(name, None)

    def getattr(self, attr, attr_val, parameter_proxy_cache):
        """What an attribute of a module that holds a tensor is: parameters are nodes."""
        if isinstance(attr_val, Parameter):
            held = self.root.named_parameters()
        elif self.proxy_buffer_attributes and isinstance(attr_val, TensorBase):
            held = self.root.named_buffers()
        else:
            return attr_val
        name = next((name for name, value in held if value is attr_val), None)
        if name is None:
            return attr_val
        if name not in parameter_proxy_cache:
            make = None
            if self.param_shapes_constant and isinstance(attr_val, Parameter):
                make = lambda node: ParameterProxy(self, node, name, attr_val)
            parameter_proxy_cache[name] = self.create_proxy(
                "get_attr", name, (), {}, proxy_factory_fn=make
            )
        return parameter_proxy_cache[name]

    def create_arg(self, a):
        """As every tracer's; tensors become attributes of the module."""
        if isinstance(a, Parameter):
            for name, value in self.root.named_parameters():
                if value is a:
                    return self.create_node("get_attr", name, (), {})
            raise NameError(hinted(
                "parameter is not a member of this module",
                "assign it to an attribute of the module that is traced.",
            ))  # fmt: skip
        if isinstance(a, TensorBase):
            return self.create_node("get_attr", self._tensor_name(a), (), {})
        if isinstance(a, Module):
            for name, value in self.root.named_modules():
                if value is a:
                    return self.create_node("get_attr", name, (), {})
        if isinstance(a, tuple) and hasattr(a, "_fields"):
            parts = tuple([self.create_arg(part) for part in a])
            return self.create_node("call_function", type(a), parts, {})
        return super().create_arg(a)

    def _tensor_name(self, a):
        for name, value in self.root.named_buffers():
            if value is a:
                return name
        held = self.tensor_attrs.get(id(a))
        if held is None:
            name = self.get_fresh_qualname("_tensor_constant")
            setattr(self.root, name, a)
            held = self.tensor_attrs[id(a)] = name, a
        return held[0]

    def get_fresh_qualname(self, prefix):
        """A name with this beginning that the module has not."""
        count = self._counts.get(prefix, 0)
        while hasattr(self.root, f"{prefix}{count}"):
            count += 1
        self._counts[prefix] = count + 1
        return f"{prefix}{count}"

    # Tracing.

    def trace(self, root, concrete_args=None):
        """The `Graph` of a module or function.

        concrete_args: {parameter: value}, for parameters that are to be what they are here, so
            that the program may ask for them; `torch.fx.PH` in nested values are inputs.

        Raises:
            TraceError: the program asks for the value of an input.
        """
        if isinstance(root, Module):
            if not hasattr(type(root), self.traced_func_name):
                raise AssertionError(f"traced_func_name={self.traced_func_name} doesn't exist in "
                                     f"{type(root).__name__}")  # fmt: skip
            fn = getattr(type(root), self.traced_func_name)
            self.root, self.root_module_name = root, type(root).__name__
            self.submodule_paths = {module: name for name, module in root.named_modules()}
        else:
            fn, self.root = root, Module()
        if not isinstance(fn, FunctionType):
            raise AssertionError(hinted(
                f"Expected FunctionType, got {type(fn)}",
                "trace a module, or a function that is no method.",
            ))  # fmt: skip
        self.graph = Graph(tracer_cls=type(self))
        code = fn.__code__
        self.graph._co_fields = {"co_name": code.co_name, "co_filename": code.co_filename,
                                 "co_firstlineno": code.co_firstlineno}  # fmt: skip
        self.tensor_attrs = {}
        self._collect(self.root, [])
        with ExitStack() as stack:
            stack.enter_context(intercepting())
            stack.enter_context(_modules_traced(self))
            stack.enter_context(_wrapped_recorded(self, fn.__globals__))
            fn, args = self.create_args_for_root(fn, isinstance(root, Module), concrete_args)
            result = self.create_arg(fn(*args))
            kind = fn.__annotations__.get("return")
            self.create_node("output", "output", (result,), {}, type_expr=kind)
        self.submodule_paths = None
        return self.graph

    def _collect(self, module, path):
        """Name the tensors that modules hold as plain attributes."""
        for name, value in vars(module).items():
            if isinstance(value, TensorBase):
                self.tensor_attrs[id(value)] = ".".join([*path, name]), value
        for name, child in module.named_children():
            self._collect(child, [*path, name])

    def create_args_for_root(self, root_fn, is_module, concrete_args=None):
        """(the function to call, the proxies and constants to call it with)."""
        plain = inspect.unwrap(root_fn)
        code, signature = plain.__code__, inspect.signature(plain)
        total = code.co_argcount + code.co_kwonlyargcount
        names, args = list(code.co_varnames), []
        skipped = 0
        if is_module:
            if total == 0:
                raise RuntimeError("``self`` argument cannot be part of *args expansion!")
            skipped, args = 1, [self.root]
        if isinstance(concrete_args, tuple):
            if len(concrete_args) != total - skipped:
                raise RuntimeError(f"Tracing expected {total - skipped} arguments but got "
                                   f"{len(concrete_args)} concrete arguments")  # fmt: skip
            concrete_args = dict(zip(names[skipped:total], concrete_args, strict=True))
        concrete = concrete_args or {}
        made = [self._input(plain, signature, name, concrete) for name in names[skipped:total]]
        args += made
        fn = root_fn
        if code.co_kwonlyargcount or code.co_flags & _VARIADIC:
            place = total
            for flag, stars in ((inspect.CO_VARARGS, "*"), (inspect.CO_VARKEYWORDS, "**")):
                if code.co_flags & flag:
                    args.append(self._proxy_placeholder(f"{stars}{names[place]}", signature, plain))
                    place += 1
            fn = _with_plain_parameters(plain, len(args))
        flat, in_spec = pytree.tree_flatten(tuple(args))
        if concrete_args is not None and not all(child.is_leaf() for child in in_spec.children()):
            return self._flattened(fn, flat, in_spec, names[:total])
        return fn, args

    def _flattened(self, fn, flat, in_spec, names):
        """A function of the elements of nested arguments."""
        self.graph._codegen = _PyTreeCodeGen(_PyTreeInfo(names, in_spec, None))

        def flatten_fn(*args):
            out = fn(*pytree.tree_unflatten(list(args), in_spec))
            leaves, out_spec = pytree.tree_flatten(out)
            self.graph._codegen.pytree_info = self.graph._codegen.pytree_info._replace(
                out_spec=out_spec
            )
            return leaves

        return flatten_fn, flat

    def _input(self, fn, signature, name, concrete):
        if name not in concrete:
            return self._proxy_placeholder(name, signature, fn)
        count = 0

        def replace(value):
            nonlocal count
            count += 1
            default = () if signature.parameters[name].default is inspect.Parameter.empty else (
                signature.parameters[name].default,)  # fmt: skip
            made = self.create_proxy("placeholder", f"{name}_{count}", default, {})
            if isinstance(value, PHBase):
                if isinstance(value, PHWithMeta):
                    made.node.ph_key = value.ph_key
                return made
            said = f"{name} has been specialized to have value {value} but got another value"
            if isinstance(value, (bool, int, float, str)) or type(value) in (bytes, complex):
                _torch_assert()(made == value, said)
            elif value is None:
                self.create_proxy("call_function", _assert_is_none, (made, said), {})
            else:
                warnings.warn(
                    f"Was not able to add assertion to guarantee correct input {name} to "
                    "specialized function. It is up to the user to make sure that your inputs "
                    "match the inputs you specialized the function with.", stacklevel=2,
                )  # fmt: skip
            return value

        return pytree.tree_map(replace, concrete[name])

    def _proxy_placeholder(self, name, signature, fn):
        kind = getattr(fn, "__annotations__", {}).get(name.lstrip("*"))
        if name.startswith("*"):
            return self.create_proxy("placeholder", name, (), {})
        default = signature.parameters[name].default
        given = () if default is inspect.Parameter.empty else (default,)
        return self.create_proxy("placeholder", name, given, {}, type_expr=kind)


def _torch_assert():
    return sys.modules[__name__.partition(".")[0]]._assert


def _with_plain_parameters(fn, count):
    """The function with all its parameters positional: *args and **kwargs take one value each."""
    code: CodeType = fn.__code__.replace(
        co_flags=fn.__code__.co_flags & ~_VARIADIC,
        co_argcount=count, co_posonlyargcount=0, co_kwonlyargcount=0,
    )  # fmt: skip
    return FunctionType(code, fn.__globals__, fn.__name__, fn.__defaults__, fn.__closure__)


@contextmanager
def _modules_traced(tracer):
    """A block in which calls and attributes of modules go to the tracer."""
    cache, own_call, own_get = {}, Module.__call__, object.__getattribute__

    def __call__(self, *args, **kwargs):
        if tracer.paused:
            return own_call(self, *args, **kwargs)
        forward = lambda *args, **kwargs: own_call(self, *args, **kwargs)
        _wrap_in(getattr(getattr(self, "forward", None), "__globals__", {}), tracer, patches)
        return tracer.call_module(self, forward, args, kwargs)

    def __getattribute__(self, name):
        value = own_get(self, name)
        if tracer.paused:
            return value
        return tracer.getattr(name, value, cache) if isinstance(value, TensorBase) else value

    patches: list = []
    _TRACING[0] += 1
    outer = Module.__dict__.get("__getattribute__")
    Module.__call__, Module.__getattribute__ = __call__, __getattribute__
    try:
        yield
    finally:
        Module.__call__ = own_call
        if outer is None:
            del Module.__getattribute__
        else:
            Module.__getattribute__ = outer
        _TRACING[0] -= 1
        _restore(patches)


# --- functions that are recorded as one call ----------------------------------------------------


def wrap(fn_or_name):
    """At the top of a module: calls of a function with traced values become one node.

    fn_or_name: the function, or its name in the module: `torch.fx.wrap("len")`.

    >>> import tidu as torch
    >>> import math
    >>> torch.fx.symbolic_trace(lambda x: math.sqrt(x.size(0))).graph.find_nodes(
    ...     op="call_function")
    [sqrt]

    Raises:
        RuntimeError: neither a function nor a name.
        NotImplementedError: not at the top of a module.
    """
    if not callable(fn_or_name) and not isinstance(fn_or_name, str):
        raise RuntimeError("Unsupported type for global function! Must be either a callable or "
                           "string name")  # fmt: skip
    name = fn_or_name if isinstance(fn_or_name, str) else fn_or_name.__name__
    frame = sys._getframe(1)
    if frame.f_code.co_name != "<module>":
        raise NotImplementedError(hinted(
            "wrap must be called at the top level of a module",
            "write torch.fx.wrap('name') below the imports of the file that calls the function.",
        ))  # fmt: skip
    _WRAPPED[id(frame.f_globals), name] = frame.f_globals
    return fn_or_name


def _recorded(function):
    """The function, which makes a node of a call with proxies."""

    def wrapped(*args, **kwargs):
        found = first_proxy((args, kwargs))
        if found is None:
            return function(*args, **kwargs)
        made = found.tracer.create_proxy("call_function", function, args, kwargs)
        made.node.meta["is_wrapped"] = True
        return made

    wrapped.__name__ = getattr(function, "__name__", "wrapped")
    wrapped.__wrapped_of__ = function
    return wrapped


_ABSENT = object()


def _replace(space, name, patches):
    """Put the recorded form of a function into a namespace."""
    value = space.get(name, getattr(builtins, name, _ABSENT))
    if value is _ABSENT or hasattr(value, "__wrapped_of__"):
        return
    patches.append((space, name, space.get(name, _ABSENT)))
    space[name] = _recorded(value)


def _wrap_in(space, tracer, patches):
    """Have the functions that the tracer wraps recorded in a module's globals."""
    for name, value in list(space.items()):
        if not name.startswith("_") and callable(value) and id(value) in tracer._autowrapped:
            _replace(space, name, patches)


def _restore(patches):
    for space, name, value in reversed(patches):
        if value is _ABSENT:
            space.pop(name, None)
        else:
            space[name] = value
    patches.clear()


@contextmanager
def _wrapped_recorded(tracer, fn_globals):
    """A block in which wrapped functions are recorded."""
    patches: list = []
    for (_, name), space in list(_WRAPPED.items()):
        _replace(space, name, patches)
    for space in chain([fn_globals], [vars(module) for module in tracer._autowrap_search
                                      if isinstance(module, ModuleType)]):  # fmt: skip
        _wrap_in(space, tracer, patches)
    try:
        yield
    finally:
        _restore(patches)


def symbolic_trace(root, concrete_args=None):
    """The `GraphModule` of a module or function: its calls, as data and as code.

    Args:
        root: a module or function. It runs once, on proxies.
        concrete_args: {parameter: value} for parameters that decide about control flow.

    Raises:
        TraceError: control flow depends on an input.

    >>> import tidu as torch
    >>> def f(x, scale=2.0):
    ...     return torch.relu(x) * scale
    >>> traced = torch.fx.symbolic_trace(f)
    >>> print(traced.code.strip())
    def forward(self, x, scale = 2.0):
        relu = torch.relu(x);  x = None
        mul = relu * scale;  relu = scale = None
        return mul
    >>> traced(torch.tensor([-1.0, 2.0]))
    tensor([0., 4.])
    """
    tracer = Tracer()
    graph = tracer.trace(root, concrete_args)
    name = type(root).__name__ if isinstance(root, Module) else getattr(root, "__name__",
                                                                        "GraphModule")  # fmt: skip
    return GraphModule(tracer.root, graph, name)
