"""torch.library: operations of the user's own, registered under torch.ops.

`custom_op` makes one of a function on tensors; `register_autograd` gives its derivative.
"""

import inspect

from .autograd.function import Function
from .base.errors import hinted
from .base.refusals import refused_classes, refused_functions
from .core.handle import TensorBase
from .ops.namespaces import OWN

__all__ = ["CustomOpDef", "Library", "custom_op", "define", "get_ctx", "impl", "register_autograd",
           "register_fake", "register_kernel", "register_vmap", "triton_op",
           "wrap_triton"]  # fmt: skip

(Library,) = refused_classes(
    "library", "Library", "write a Python function and register it with torch.library.custom_op."
)
define, impl, get_ctx, triton_op, wrap_triton = refused_functions(
    "library", "define impl get_ctx triton_op wrap_triton",
    "write a Python function and register it with torch.library.custom_op.",
)  # fmt: skip


def custom_op(name, fn=None, /, *, mutates_args, device_types=None, schema=None, tags=None):
    """A function on tensors as an operation of its own: torch.ops.<namespace>.<name>.

    name: "namespace::name". The function runs without being recorded; its derivative is what
    `register_autograd` is given, and a RuntimeError in the backward pass without one.

    >>> import tidu as torch
    >>> @torch.library.custom_op("demo::double", mutates_args=())
    ... def double(x: torch.Tensor) -> torch.Tensor:
    ...     return x * 2
    >>> torch.ops.demo.double(torch.ones(1))
    tensor([2.])
    """
    if fn is None:
        return lambda given: CustomOpDef(name, given, mutates_args)
    return CustomOpDef(name, fn, mutates_args)


class CustomOpDef:
    """What `custom_op` makes: callable, with `register_...` for what else is known of it."""

    def __init__(self, name, fn, mutates_args):
        namespace, mark, short = name.partition("::")
        if not (namespace and mark and short):
            raise ValueError(hinted(
                f"Expected `name` to be a string of the form 'namespace::name', got {name!r}",
                "for example custom_op('mylib::f', mutates_args=()).",
            ))  # fmt: skip
        self._name, self._fn, self._mutates = name, fn, mutates_args
        self._kernel, self._backward, self._setup = fn, None, None
        self._signature = inspect.signature(fn)
        self.__name__, self.__doc__ = short, fn.__doc__
        OWN[namespace, short] = self

    def __call__(self, *args, **kwargs):
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        values = [*bound.args, *bound.kwargs.values()]
        if not any(isinstance(value, TensorBase) and value.requires_grad for value in values):
            return self._kernel(*bound.args, **bound.kwargs)
        names = list(bound.kwargs)
        return _Custom.apply(self, names, *values)

    def register_fake(self, fn, /):
        """For compilers that need the shape without the numbers; kept aside here."""
        return fn

    def register_kernel(self, device_types, fn=None, /):
        """The function for a kind of device: "cpu" and None replace the one there is."""

        def register(given):
            kinds = [device_types] if isinstance(device_types, str) else device_types
            if kinds is None or "cpu" in kinds:
                self._kernel = given
            return given

        return register if fn is None else register(fn)

    def register_autograd(self, backward, /, *, setup_context=None):
        """backward(ctx, *grads) gives the gradients; setup_context(ctx, inputs, output) saves."""
        self._backward, self._setup = backward, setup_context

    def register_vmap(self, func=None):
        """A batching rule; here vmap goes through the function itself."""
        return func if func is not None else lambda given: given

    register_torch_dispatch = register_kernel


class _Custom(Function):
    """One application of a custom operation, with a place on the tape."""

    @staticmethod
    def forward(ctx, operation, names, *values):
        positional = values[: len(values) - len(names)]
        words = dict(zip(names, values[len(positional) :], strict=True))
        output = operation._kernel(*positional, **words)
        ctx.operation = operation
        if operation._setup is not None:
            options = {"inputs": positional, "output": output}
            if words:
                options["keyword_only_inputs"] = words
            operation._setup(ctx, **options)
        ctx.count = len(positional)
        return output

    @staticmethod
    def backward(ctx, *grads):
        operation = ctx.operation
        if operation._backward is None:
            raise RuntimeError(hinted(
                f"Trying to backward through {operation._name} but no autograd formula was "
                "registered.", f"give one: {operation.__name__}.register_autograd(backward).",
            ))  # fmt: skip
        result = operation._backward(ctx, *grads)
        given = result if isinstance(result, tuple) else (result,)
        rest = len(ctx.needs_input_grad) - 2 - len(given)
        return (None, None, *given, *(None,) * rest)


def _found(op):
    if isinstance(op, CustomOpDef):
        return op
    name = op if isinstance(op, str) else op.name()
    found = OWN.get(tuple(name.split("::")))
    if found is None:
        raise RuntimeError(hinted(
            f"Could not find the operator {name}", "make it with torch.library.custom_op first.",
        ))  # fmt: skip
    return found


def register_autograd(op, backward, /, *, setup_context=None, lib=None):
    """As the operation's own `register_autograd`; `op` may be its name."""
    _found(op).register_autograd(backward, setup_context=setup_context)


def register_fake(op, func=None, /, *, lib=None, _stacklevel=1, allow_override=False):
    """As the operation's own `register_fake`."""
    return func if func is not None else lambda given: given


def register_kernel(op, device_types, func=None, /, *, lib=None):
    """As the operation's own `register_kernel`."""
    return _found(op).register_kernel(device_types, func)


def register_vmap(op, func=None, /, *, lib=None):
    """As the operation's own `register_vmap`."""
    return _found(op).register_vmap(func)
