"""`Library`: operations defined by a schema, and kernels for them; `define`, `impl` and the like.

All functions here take an operation as `custom_op` made it, as torch.ops.ns.f, or by its name.
"""

from dataclasses import dataclass, replace

from ..base.errors import hinted
from ..ops.namespaces import OWN
from .operators import KEYS, Overload, Packet, add, found, qualified, take_away
from .schemas import parse

__all__ = ["Library", "define", "fallthrough_kernel", "get_kernel", "impl", "impl_abstract",
           "register_autocast", "register_autograd", "register_fake", "register_kernel",
           "register_torch_dispatch", "register_vmap"]  # fmt: skip

_DEFINING = set()  # the namespaces that have a Library of kind DEF
_WAITING: dict = {}  # name of an operation that is not defined yet -> [(key, kernel)]
_DEVICES = {"cpu": "CPU", "cuda": "CUDA", "mps": "MPS", "xpu": "XPU", "meta": "Meta", "xla": "XLA",
            "hpu": "HPU", "types": "CompositeExplicitAutograd"}  # fmt: skip


def fallthrough_kernel():
    """Given to `Library.impl`, it has the key passed over."""
    raise NotImplementedError("fallthrough_kernel() should never be called.")


class Library:
    """Operations of a namespace: "DEF" defines it, "FRAGMENT" adds to it, "IMPL" has kernels only.

    >>> import tidu as torch
    >>> library = torch.library.Library("shop", "DEF")
    >>> library.define("twice(Tensor x) -> Tensor")
    'twice'
    >>> library.impl("twice", lambda x: x * 2, "CPU")
    >>> torch.ops.shop.twice(torch.ones(1))
    tensor([2.])
    """

    def __init__(self, ns, kind, dispatch_key=""):
        if kind not in ("IMPL", "DEF", "FRAGMENT"):
            raise ValueError(hinted(f"Unsupported kind: {kind}", "use DEF, FRAGMENT or IMPL."))
        if ns in ("prim", "prims") and kind != "IMPL":
            raise ValueError(hinted(
                f"{ns} is a reserved namespace. Please try creating a library with another name.",
                "use the name of your package.",
            ))  # fmt: skip
        if kind == "DEF" and ns in _DEFINING:
            raise RuntimeError(hinted(
                "Only a single TORCH_LIBRARY can be used to register the namespace "
                f"{ns}; please put all of your definitions in a single TORCH_LIBRARY block.",
                f'torch.library.Library("{ns}", "FRAGMENT") adds to it.',
            ))  # fmt: skip
        if kind == "DEF":
            _DEFINING.add(ns)
        self.ns, self.kind, self.dispatch_key = ns, kind, dispatch_key
        self._made: list = []

    def __repr__(self):
        return f"Library(kind={self.kind}, ns={self.ns}, dispatch_key={self.dispatch_key})>"

    def define(self, schema, alias_analysis="", *, tags=()):
        """A new operation "f(Tensor x) -> Tensor"; its name."""
        if self.kind == "IMPL":
            raise RuntimeError(hinted(
                f"{self!r} can't define: an IMPL library only has kernels.",
                'make it with kind "DEF" or "FRAGMENT".',
            ))  # fmt: skip
        read = parse(schema)
        made = add(self.ns, replace(read, name=f"{self.ns}::{read.name}"), _listed(tags))
        self._made.append(made)
        for key, kernel in _WAITING.pop(made.name(), ()):
            made.kernels[key] = kernel
        return read.name + (f".{read.overload_name}" if read.overload_name else "")

    def impl(self, op_name, fn, dispatch_key="", *, with_keyset=False, allow_override=False):
        """`fn` as the kernel of an operation for a dispatch key, such as "CPU"."""
        key = str(dispatch_key or self.dispatch_key or "CompositeImplicitAutograd")
        key = key.rpartition(".")[2]
        if key not in KEYS:
            raise RuntimeError(hinted(
                f"could not parse dispatch key: {key}", '"CPU", "Autograd" and '
                '"CompositeImplicitAutograd" are the usual ones.',
            ))  # fmt: skip
        if not callable(fn):
            raise TypeError(
                f"Input function is required to be a callable but found type {type(fn)}"
            )
        name = op_name.name() if isinstance(op_name, Overload) else str(op_name)
        if isinstance(op_name, Packet):
            name = op_name._qualified_op_name
        name = name if "::" in name else f"{self.ns}::{name}"
        kernel = _with_keyset(fn, key) if with_keyset else fn
        if not _is_defined(name):
            _WAITING.setdefault(name, []).append((key, kernel))
        elif fn is fallthrough_kernel:
            _resolved(name).kernels.pop(key, None)
        else:
            _resolved(name).kernels[key] = kernel

    def fallback(self, fn, dispatch_key="", *, with_keyset=False):
        """NotImplementedError: operations of torch itself do not go through a table of kernels."""
        raise NotImplementedError(hinted(
            "Library.fallback is not available in tidu.",
            "torch.overrides.TorchFunctionMode sees each function of torch that is called.",
        ))  # fmt: skip

    def _destroy(self):
        """Forget all that this library defined."""
        for overload in self._made:
            take_away(overload)
        self._made.clear()
        if self.kind == "DEF":
            _DEFINING.discard(self.ns)


@dataclass
class KeySet:
    """What a kernel that asked for it is told: the key it runs for."""

    key: str

    def __and__(self, other):
        return self


def _with_keyset(fn, key):
    return lambda *args, **kwargs: fn(KeySet(key), *args, **kwargs)


def _listed(tags):
    return tuple(tags) if isinstance(tags, (tuple, list)) else (tags,)


def _is_defined(name):
    namespace, rest = qualified(name)
    base, _, overload = rest.partition(".")
    packet = OWN.get((namespace, base))
    return packet is not None and overload in packet._parts


def _resolved(op, function="this"):
    """The one overload that `op` names."""
    op = getattr(op, "_opoverload", op)
    if isinstance(op, str):
        op = found(op)
    if isinstance(op, Packet):
        return getattr(op, "default", None) or next(iter(op._parts.values()))
    if not isinstance(op, Overload):
        raise ValueError(hinted(
            f"{function}({op}): got unexpected type for op: {type(op)}",
            "operations of torch itself are not open; define one of your own.",
        ))  # fmt: skip
    return op


def _decorating(register, func):
    """`register` done, or as a decorator where no function is given."""

    def given(function):
        register(function)
        return function

    return given if func is None else given(func)


def _keys(types):
    """Dispatch keys of what users write: "cpu", ("cpu", "cuda"), "default", or a key itself."""
    names = [types] if isinstance(types, str) or types is None else list(types)
    return ["CompositeExplicitAutograd" if n in (None, "default") else _DEVICES.get(n, n)
            for n in names]  # fmt: skip


def define(qualname, schema=None, *, lib=None, tags=()):
    """A new operation "ns::f" with the schema "(Tensor x) -> Tensor".

    >>> import tidu as torch
    >>> torch.library.define("yard::twice", "(Tensor x) -> Tensor")
    >>> @torch.library.impl("yard::twice", "cpu")
    ... def twice(x):
    ...     return x * 2
    >>> torch.ops.yard.twice(torch.ones(1))
    tensor([2.])
    """
    if isinstance(qualname, Library):  # the older form, a decorator: define(lib, schema)
        name = qualname.define(schema)

        def decorate(function):
            qualname.impl(name, function)
            return function

        return decorate
    if not isinstance(qualname, str):
        raise ValueError(
            "define(qualname, schema): expected qualname to be instance of str, got "
            f"{type(qualname)}"
        )
    namespace, name = qualified(qualname)
    (lib or Library(namespace, "FRAGMENT")).define(name + schema, tags=tags)
    return None


def impl(qualname, types, func=None, *, lib=None):
    """A kernel for "ns::f" on devices ("cpu", "default" for all); also impl(lib, name, key)."""
    if isinstance(qualname, Library):  # the older form, a decorator
        return _decorating(lambda f: qualname.impl(types, f, func or ""), None)

    def register(function):
        owner = lib or Library(qualified(qualname)[0], "IMPL")
        for key in _keys(types):
            owner.impl(qualname, function, key)

    if func is None:
        return _decorating(register, None)
    register(func)
    return None


def register_kernel(op, device_types, func=None, /, *, lib=None):
    """The function that computes an operation on devices of these types."""
    if isinstance(op, str) and _resolved(op).custom is not None:
        op = _resolved(op).custom
    if hasattr(op, "_opoverload"):
        return op.register_kernel(device_types, func)

    def register(function):
        for key in _keys(device_types):
            _resolved(op, "register_kernel").kernels[key] = function

    return _decorating(register, func)


def register_fake(op, func=None, /, *, lib=None, _stacklevel=1, allow_override=False):
    """The shapes and types of the results without their numbers; `opcheck` asks it."""

    def register(function):
        _resolved(op, "register_fake").fake = function

    return _decorating(register, func)


impl_abstract = register_fake


def register_autograd(op, backward, /, *, setup_context=None, lib=None):
    """backward(ctx, *grads) gives a gradient for each argument; setup_context(ctx, inputs, output)
    saves what it needs.

    Raises:
        RuntimeError: for an operation that writes to its arguments.
    """
    operation = _resolved(op, "register_autograd")
    if operation._schema.is_mutable:
        raise RuntimeError(hinted(
            f"Cannot register autograd formula for non-functional operator {op} with schema "
            f"{operation._schema}. Please create a functional operator and register an autograd "
            "formula for that.", "let the operation give new tensors.",
        ))  # fmt: skip
    operation.formula = (backward, setup_context)


def register_vmap(op, func=None, /, *, lib=None):
    """func(info, in_dims, *args) gives (result, out_dims): the operation on batches."""

    def register(function):
        _resolved(op, "register_vmap").batch_rule = function

    return _decorating(register, func)


def register_autocast(op, device_type, cast_inputs, /, *, lib=None):
    """Within torch.autocast, tensors of floats are given to the operation as `cast_inputs`."""
    operation = _resolved(op, "register_autocast")
    if device_type == "cpu":
        operation.autocast_type = cast_inputs


def register_torch_dispatch(op, torch_dispatch_class, func=None, /, *, lib=None):
    """NotImplementedError: nothing is sent to classes below the functions of torch."""
    raise NotImplementedError(hinted(
        "torch.library.register_torch_dispatch is not available in tidu.",
        "a class's __torch_function__ sees the call.",
    ))  # fmt: skip


def get_kernel(op, dispatch_key):
    """The kernel registered for a dispatch key."""
    kernel = _resolved(op, "get_kernel").kernels.get(str(dispatch_key).rpartition(".")[2])
    if kernel is None:
        raise RuntimeError(f"no kernel for {op} at dispatch key {dispatch_key}")
    return kernel
