"""`custom_op`: a Python function as an operation, with its schema read off its annotations."""

import logging
from contextlib import contextmanager

import numpy as np

from ..base.errors import hinted
from ..base.refusals import refused_functions
from ..base.tree import leaves
from ..core.handle import TensorBase
from ..core.versions import owner
from . import registry
from .inference import infer_schema
from .operators import found, module_of

__all__ = ["CustomOpDef", "custom_op", "triton_op", "wrap_triton"]

triton_op, wrap_triton = refused_functions(
    "library", "triton_op wrap_triton",
    "write a Python function and register it with torch.library.custom_op.",
)  # fmt: skip
_log = logging.getLogger(__name__)


def custom_op(name, fn=None, /, *, mutates_args, device_types=None, schema=None, tags=None):
    """A function on tensors as an operation of its own: torch.ops.<namespace>.<name>.

    name: "namespace::name". The schema is read off the function's annotations, or given. The
    function runs without being recorded; its derivative is what `register_autograd` is given, and a
    RuntimeError in the backward pass without one.

    Raises:
        ValueError: for annotations that no schema can be made of.

    >>> import tidu as torch
    >>> @torch.library.custom_op("demo::double", mutates_args=())
    ... def double(x: torch.Tensor) -> torch.Tensor:
    ...     return x * 2
    >>> torch.ops.demo.double(torch.ones(1))
    tensor([2.])
    """

    def make(given):
        namespace, mark, short = name.partition("::")
        if not (namespace and mark and short):
            raise ValueError(hinted(
                f'Expected `name` to be of the form "namespace::name", but got {name}.',
                "for example custom_op('mylib::f', mutates_args=()).",
            ))  # fmt: skip
        text = schema if schema is not None else infer_schema(given, mutates_args=mutates_args)
        return CustomOpDef(namespace, short, text, given, tags, device_types)

    return make if fn is None else make(fn)


class CustomOpDef:
    """What `custom_op` makes: callable, with `register_...` for what else is known of it."""

    def __init__(self, namespace, name, schema, fn, tags=None, device_types=None):
        self._namespace, self._name, self._schema, self._init_fn = namespace, name, schema, fn
        self._lib = registry.Library(namespace, "FRAGMENT")
        self._tags, self._disabled = registry._listed(tags or ()), set()
        if registry._is_defined(self._qualname):  # a function that is defined again, in a notebook
            registry.take_away(found(f"{self._qualname}").default)
        self._lib.define(name + schema, tags=self._tags)
        self._opoverload = found(self._qualname).default
        self._opoverload.formula, self._opoverload.custom = (None, None), self
        self.__name__, self.__doc__ = name, fn.__doc__
        self.register_kernel(device_types, fn)

    @property
    def _qualname(self):
        return f"{self._namespace}::{self._name}"

    def __repr__(self):
        return f"<CustomOpDef({self._qualname})>"

    def __call__(self, *args, **kwargs):
        return self._opoverload(*args, **kwargs)

    def register_kernel(self, device_types, fn=None, /):
        """The function for devices of these types; None stands for all."""
        kinds = [device_types] if isinstance(device_types, str) else device_types

        def register(given):
            for kind in kinds or [None]:
                for key in registry._keys(kind):
                    self._opoverload.kernels[key] = self._checked(given, kind)

        return registry._decorating(register, fn)

    def _checked(self, given, kind):
        """A kernel whose results are looked at, and which may be switched off for a while."""

        def kernel(*args, **kwargs):
            function = self._init_fn if kind in self._disabled else given
            result = function(*args, **kwargs)
            _check_results(self._name, given, (args, kwargs), result)
            return result

        return kernel

    @contextmanager
    def set_kernel_enabled(self, device_type, enabled=True):
        """A block in which the kernel of a device type is used or not."""
        was = device_type in self._disabled
        if device_type not in ("cpu", None) or not self._opoverload.kernels.get("CPU"):
            _log.warning(
                "Attempted to %s kernel for %s but no kernel was registered for this device type.",
                "enable" if enabled else "disable", device_type,
            )  # fmt: skip
        (self._disabled.discard if enabled else self._disabled.add)(device_type)
        try:
            yield
        finally:
            (self._disabled.add if was else self._disabled.discard)(device_type)

    def register_fake(self, fn, /):
        """The shapes and types of the results without their numbers."""
        return registry.register_fake(self, fn)

    def register_autograd(self, backward, /, *, setup_context=None):
        """backward(ctx, *grads) gives the gradients; setup_context(ctx, inputs, output) saves."""
        registry.register_autograd(self, backward, setup_context=setup_context)

    def register_vmap(self, func=None):
        """func(info, in_dims, *args) gives (result, out_dims): the operation on batches."""
        return registry.register_vmap(self, func)

    def register_autocast(self, device_type, cast_inputs):
        """Within torch.autocast, tensors of floats are given as `cast_inputs`."""
        registry.register_autocast(self, device_type, cast_inputs)

    def register_torch_dispatch(self, torch_dispatch_class, fn=None, /):
        return registry.register_torch_dispatch(self, torch_dispatch_class, fn)


def _check_results(name, function, given, result):
    """Refuse results that are, or share memory with, an argument or each other."""
    seen = [t for t in leaves(given) if isinstance(t, TensorBase)]
    for made in leaves(result):
        if isinstance(made, TensorBase):
            if any(_share(made, other) for other in seen):
                raise RuntimeError(hinted(
                    f"{name} (with implementation in {module_of(function)}): The output of this "
                    "custom operator (1) must not also be an input to this custom operator and (2) "
                    "may not alias any inputs to this custom operator or other returns. The most "
                    "common way to trigger this error is if we have y = custom_op(x) and y and x "
                    "are the same Tensor.", "return y.clone() instead of y.",
                ))  # fmt: skip
            seen.append(made)


def _share(a, b):
    x, y = a._value, b._value
    if a is b or x is y:
        return True
    plain = isinstance(x, np.ndarray) and isinstance(y, np.ndarray)
    return plain and x.size > 0 and owner(x) is owner(y)
