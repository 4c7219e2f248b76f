"""Module: what every layer and model derives from. Read `__setattr__` and `__call__` first.

The other halves of the class: registry.py (how entries become plain attributes), hooks.py,
state.py, traversal.py, conversion.py.
"""

from collections import OrderedDict
from functools import wraps

from ...base.devices import device as Device
from ...base.errors import hinted
from ...base.lazy import lazy_module
from ...base.naming import Named
from ...base.suggestions import suggest
from ...frontend.tensor import Tensor
from ...utils.hooks import RemovableHandle
from ..parameter import Buffer, Parameter
from .conversion import ConversionMethods
from .hooks import (
    GLOBAL_HOOKS,
    call_with_hooks,
    register_module_backward_hook,
    register_module_buffer_registration_hook,
    register_module_forward_hook,
    register_module_forward_pre_hook,
    register_module_full_backward_hook,
    register_module_full_backward_pre_hook,
    register_module_module_registration_hook,
    register_module_parameter_registration_hook,
    registered,
)  # fmt: skip
from .registry import Registry
from .state import StateMethods, _IncompatibleKeys
from .traversal import TreeMethods

compilation = lazy_module(__name__.split(".")[0] + ".compilation")

__all__ = [
    "Module", "_IncompatibleKeys", "register_module_backward_hook",
    "register_module_buffer_registration_hook",
    "register_module_forward_hook", "register_module_forward_pre_hook",
    "register_module_full_backward_hook", "register_module_full_backward_pre_hook",
    "register_module_module_registration_hook", "register_module_parameter_registration_hook",
]  # fmt: skip

_REGISTRIES = ("_parameters", "_buffers", "_modules")
HOOK_DICTS = (
    "_backward_pre_hooks", "_backward_hooks", "_forward_hooks", "_forward_hooks_with_kwargs",
    "_forward_hooks_always_called", "_forward_pre_hooks", "_forward_pre_hooks_with_kwargs",
    "_state_dict_hooks", "_state_dict_pre_hooks", "_load_state_dict_pre_hooks",
    "_load_state_dict_post_hooks",
)  # fmt: skip
_CALL_HOOKS = ("_backward_pre_hooks", "_backward_hooks", "_forward_hooks", "_forward_pre_hooks")


_NONE = (lambda: None).__code__


def on_device(begin):
    """The `__init__` of a layer, which makes its tensors on the device it is told."""

    @wraps(begin)
    def begin_there(self, *args, device=None, **words):
        if device is None:
            begin(self, *args, **words)
        else:
            with Device(device):
                begin(self, *args, **words)

    return begin_there


class Module(StateMethods, TreeMethods, ConversionMethods, Named):
    """A layer or model: parameters, buffers and submodules, registered by assigning them.

    Derive from it, call ``super().__init__()`` first, and define ``forward``.

    >>> import tidu as torch
    >>> class Scale(torch.nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.factor = torch.nn.Parameter(torch.tensor(2.0))
    ...     def forward(self, x):
    ...         return self.factor * x
    >>> scale = Scale()
    >>> scale(torch.tensor(3.0)).item(), [name for name, _ in scale.named_parameters()]
    (6.0, ['factor'])
    """

    _version = 1
    training = True
    dump_patches = False
    call_super_init = False
    reach_also: tuple = (GLOBAL_HOOKS,)  # what a call depends on besides, for the compiler
    _hooked = False  # some hook of this module must be seen by __call__
    _is_full_backward_hook = None
    _mirrored = True  # `Registry` repeats parameters in the instance's dictionary

    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)
        cls._mirrored = cls.__getattr__ is Module.__getattr__
        begin = vars(cls).get("__init__")
        if "_tidu_home" in vars(cls) and "device" in getattr(begin, "__code__", _NONE).co_varnames:
            cls.__init__ = on_device(begin)

    def __init__(self, *args, **kwargs):
        if not self.call_super_init and (args or kwargs):
            self._refuse_arguments(args, kwargs)
        own = self.__dict__
        own["training"] = True
        for name in _REGISTRIES:
            own[name] = Registry(self)
        own["_non_persistent_buffers_set"] = set()
        own["_is_full_backward_hook"] = None
        for name in HOOK_DICTS:
            own[name] = OrderedDict()
        if self.call_super_init:
            super().__init__(*args, **kwargs)

    def _refuse_arguments(self, args, kwargs):
        if kwargs:
            raise TypeError(
                f"{type(self).__name__}.__init__() got an unexpected keyword argument "
                f"'{next(iter(kwargs))}'"
            )
        raise TypeError(
            f"{type(self).__name__}.__init__() takes 1 positional argument but {len(args) + 1} "
            "were given"
        )

    def forward(self, *args, **kwargs):
        """What the module computes; every subclass defines it."""
        raise NotImplementedError(
            f'Module [{type(self).__name__}] is missing the required "forward" function'
        )

    def __call__(self, *args, **kwargs):
        if self._hooked or GLOBAL_HOOKS:
            return self._call_impl(*args, **kwargs)
        return self.forward(*args, **kwargs)

    @property
    def _calls_forward(self):
        """Whether a call is a call of `forward` alone."""
        return not (self._hooked or GLOBAL_HOOKS) and type(self).__call__ is Module.__call__

    def compile(self, *args, **kwargs):
        """Compile what the module computes, in place; the arguments are those of torch.compile.

        >>> import tidu as torch
        >>> layer = torch.nn.ReLU()
        >>> layer.compile()
        >>> layer(torch.tensor([-1.0, 2.0]))
        tensor([0., 2.])
        """
        forward = compilation.compile(self.forward, *args, **kwargs)
        self.__dict__.update(forward=forward, _compiled_forward=forward)

    def _call_impl(self, *args, **kwargs):
        if self._hooked and not any(getattr(self, name) for name in _CALL_HOOKS):
            self.__dict__.pop("_hooked", None)
        return call_with_hooks(self, args, kwargs)

    # Attributes: an assignment registers, a read is a read of the instance dictionary.

    def __setattr__(self, name, value):
        own = self.__dict__
        if isinstance(value, Parameter):
            self._take_place(name, "_parameters", "parameters")
            self.register_parameter(name, value)
        elif isinstance(value, Module):
            self._take_place(name, "_modules", "module")
            self._modules[name] = registered("module", self, name, value)
        elif (
            "_buffers" in own
            and (name in own or not self._mirrored)
            and (self._set_registered(name, value))
        ):
            return
        elif isinstance(value, Buffer):
            self._take_place(name, "_buffers", "buffer")
            self.register_buffer(name, value, value.persistent)
        else:
            object.__setattr__(self, name, value)

    def _take_place(self, name, registry, what):
        """Make room for an entry: no plain attribute or entry of another kind keeps the name."""
        own = self.__dict__
        if registry not in own:
            raise AttributeError(
                hinted(
                    f"cannot assign {what} before Module.__init__() call",
                    f"call super().__init__() first in {type(self).__name__}.__init__.",
                )
            )
        for other in _REGISTRIES:
            if other != registry and name in own[other]:
                del own[other][name]
        if name in own and name not in own[registry]:
            del own[name]
        if registry != "_buffers":
            own["_non_persistent_buffers_set"].discard(name)

    def _set_registered(self, name, value):
        """Assign something else to a registered name; False if the name is a plain attribute."""
        if name in self._parameters:
            if value is not None:
                raise TypeError(
                    hinted(
                        f"cannot assign '{_type_name(value)}' as parameter '{name}' "
                        "(torch.nn.Parameter or None expected)",
                        f"write torch.nn.Parameter(...), or change the numbers in place: "
                        f"self.{name}.data.copy_(...).",
                    )
                )
            self.register_parameter(name, None)
        elif name in self._modules:
            if value is not None:
                raise TypeError(
                    f"cannot assign '{_type_name(value)}' as child module '{name}' "
                    "(torch.nn.Module or None expected)"
                )
            self._modules[name] = None
        elif name in self._buffers:
            self._set_buffer(name, value)
        else:
            return False
        return True

    def _set_buffer(self, name, value):
        if value is not None and not isinstance(value, Tensor):
            raise TypeError(
                f"cannot assign '{_type_name(value)}' as buffer '{name}' "
                "(torch.nn.Buffer, torch.Tensor or None expected)"
            )
        self._buffers[name] = registered("buffer", self, name, value)

    def __getattr__(self, name):
        # Reached only when the ordinary lookup failed.
        own = self.__dict__
        for registry in _REGISTRIES:
            entries = own.get(registry)
            if entries is not None and name in entries:
                return entries[name]
        message = f"'{type(self).__name__}' object has no attribute '{name}'"
        if name == "save":  # of what torch.jit.script and trace give in PyTorch
            message = hinted(message, "write torch.save(module.state_dict(), path).")
        elif not name.startswith("_"):
            close = suggest(name, [known for known in own if _worth_comparing(known, name)])
            if close is not None:
                message = hinted(message, f"did you mean '{close}'?")
        raise AttributeError(message)

    def __delattr__(self, name):
        for registry in _REGISTRIES:
            if name in self.__dict__.get(registry, ()):
                del self.__dict__[registry][name]
                self._non_persistent_buffers_set.discard(name)
                return
        object.__delattr__(self, name)

    def __dir__(self):
        names = {*dir(type(self)), *self.__dict__}
        for registry in _REGISTRIES:
            names.update(self.__dict__.get(registry, ()))
        return sorted(name for name in names if not name[0].isdigit())

    # Registering by name.

    def register_parameter(self, name, param):
        """Add a parameter (or None, which keeps the name without a tensor)."""
        if "_parameters" not in self.__dict__:
            raise AttributeError("cannot assign parameter before Module.__init__() call")
        self._check_name(name, "_parameters", "parameter")
        if param is not None:
            if not isinstance(param, Parameter):
                raise TypeError(
                    f"cannot assign '{_type_name(param)}' object to parameter '{name}' "
                    "(torch.nn.Parameter or None required)"
                )
            if not param.is_leaf:
                raise ValueError(
                    f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters must "
                    f"be created explicitly. To express '{name}' as a function of another Tensor, "
                    "compute the value in the forward() method."
                )
            param = registered("parameter", self, name, param)
        self._parameters[name] = param

    def register_buffer(self, name, tensor, persistent=True):
        """Add a tensor that belongs to the module but is not trained.

        It is part of ``state_dict`` unless ``persistent=False``.
        """
        if "_buffers" not in self.__dict__:
            raise AttributeError("cannot assign buffer before Module.__init__() call")
        self._check_name(name, "_buffers", "buffer")
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(
                f"cannot assign '{_type_name(tensor)}' object to buffer '{name}' "
                "(torch Tensor or None required)"
            )
        self._buffers[name] = registered("buffer", self, name, tensor)
        if persistent:
            self._non_persistent_buffers_set.discard(name)
        else:
            self._non_persistent_buffers_set.add(name)

    def add_module(self, name, module):
        """Add a submodule under this name."""
        if not isinstance(module, Module) and module is not None:
            raise TypeError(f"{_type_name(module)} is not a Module subclass")
        self._check_name(name, "_modules", "module")
        self._modules[name] = registered("module", self, name, module)

    def register_module(self, name, module):
        """The same as `add_module`."""
        self.add_module(name, module)

    def _check_name(self, name, registry, what):
        if not isinstance(name, str):
            raise TypeError(f"{what} name should be a string. Got {_type_name(name)}")
        if "." in name:
            quoted = f", got: {name}" if what == "module" else ""
            raise KeyError(f'{what} name can\'t contain "."{quoted}')
        if name == "":
            quoted = ' ""'
            raise KeyError(f"{what} name can't be empty string{quoted}")
        if name not in self.__dict__[registry] and self._has_attribute(name):
            raise KeyError(f"attribute '{name}' already exists")

    def _has_attribute(self, name):
        return name in self.__dict__ or hasattr(self, name)

    # Hooks on calls.

    def _register_call_hook(self, hooks, hook, prepend, flags=()):
        handle = RemovableHandle(hooks, extra_dict=list(flags))
        hooks[handle.id] = hook
        for flag in flags:
            flag[handle.id] = True
        if prepend:
            hooks.move_to_end(handle.id, last=False)
        self.__dict__["_hooked"] = True
        return handle

    def register_forward_pre_hook(self, hook, *, prepend=False, with_kwargs=False):
        """Call ``hook(module, args)`` before forward; what it returns replaces the arguments."""
        flags = [self._forward_pre_hooks_with_kwargs] if with_kwargs else []
        return self._register_call_hook(self._forward_pre_hooks, hook, prepend, flags)

    def register_forward_hook(self, hook, *, prepend=False, with_kwargs=False, always_call=False):
        """Call ``hook(module, args, output)`` after forward; what it returns replaces the output.

        >>> import tidu as torch
        >>> layer = torch.nn.Identity()
        >>> handle = layer.register_forward_hook(lambda module, args, output: output + 1)
        >>> layer(torch.tensor(1.0)).item()
        2.0
        """
        flags = [self._forward_hooks_with_kwargs] if with_kwargs else []
        if always_call:
            flags.append(self._forward_hooks_always_called)
        return self._register_call_hook(self._forward_hooks, hook, prepend, flags)

    def register_full_backward_hook(self, hook, prepend=False):
        """Call ``hook(module, grad_input, grad_output)``; it may return another grad_input."""
        if self._is_full_backward_hook is False:
            raise RuntimeError(
                "Cannot use both regular backward hooks and full backward hooks on a single "
                "Module. Please use only one of them."
            )
        self._is_full_backward_hook = True
        return self._register_call_hook(self._backward_hooks, hook, prepend)

    def register_full_backward_pre_hook(self, hook, prepend=False):
        """Call ``hook(module, grad_output)``; it may return another grad_output."""
        return self._register_call_hook(self._backward_pre_hooks, hook, prepend)

    def register_backward_hook(self, hook):
        """Deprecated: a hook on the node of the result only."""
        if self._is_full_backward_hook is True:
            raise RuntimeError(
                "Cannot use both regular backward hooks and full backward hooks on a single "
                "Module. Please use only one of them."
            )
        self._is_full_backward_hook = False
        return self._register_call_hook(self._backward_hooks, hook, False)

    # Text.

    def _get_name(self):
        return type(self).__name__

    def extra_repr(self):
        """Override: what stands between the brackets of the module's text."""
        return ""

    def __repr__(self):
        extra = self.extra_repr()
        lines = extra.split("\n") if extra else []
        children = [
            f"({name}): {_indented(repr(module))}" for name, module in self._modules.items()
        ]
        if not children and len(lines) <= 1:
            return f"{self._get_name()}({extra})"
        body = "\n  ".join(lines + children)
        return f"{self._get_name()}(\n  {body}\n)"

    # Copies and pickles: the mirrored attributes are left out and built again.

    def __getstate__(self):
        state = {name: value for name, value in self.__dict__.items() if name != "_hooked"}
        compiled = state.pop("_compiled_forward", None)
        if compiled is not None and state.get("forward") is compiled:
            del state["forward"]  # as PyTorch: a copy is not compiled
        for registry in _REGISTRIES:
            entries = state.get(registry, {})
            for name in entries:
                state.pop(name, None)
            state[registry] = dict(entries)
        return state

    def __setstate__(self, state):
        own = self.__dict__
        own.update(state)
        for name in HOOK_DICTS:
            own.setdefault(name, OrderedDict())
        own.setdefault("_non_persistent_buffers_set", set())
        own.setdefault("_is_full_backward_hook", None)
        for name in _REGISTRIES:
            entries = own.get(name, {})
            own[name] = Registry(self, entries)
            if self._mirrored:
                own.update(entries)
        if any(own[name] for name in _CALL_HOOKS):
            own["_hooked"] = True

    def _replicate_for_data_parallel(self):
        replica = self.__new__(type(self))
        replica.__setstate__(self.__getstate__())
        return replica


def _type_name(value):
    """The name of the value's class as PyTorch's messages give it."""
    kind = type(value)
    if kind.__module__ == "builtins":
        return kind.__name__
    if isinstance(value, Tensor) and kind is Tensor:
        return value.type()
    return f"{kind.__module__}.{kind.__qualname__}"


def _worth_comparing(known, name):
    return known[0] == name[0] and abs(len(known) - len(name)) <= 2


def _indented(text):
    return text.replace("\n", "\n  ")
