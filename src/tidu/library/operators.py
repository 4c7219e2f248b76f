"""Operations under torch.ops: which of its kernels a call runs. Read `Overload.__call__`.

A `Packet` is torch.ops.ns.f, with one or more `Overload`s; each has kernels by dispatch key, and
perhaps a formula for gradients and a rule for batches (`recorded.py`).
"""

import inspect
import threading
from contextlib import contextmanager

from ..amp.autocast_mode import autocast, is_autocast_enabled
from ..base.dtypes import float64
from ..base.errors import hinted
from ..base.tree import flatten
from ..core.handle import TensorBase
from ..core.modes import LOCAL
from ..core.versions import stamp, version
from ..ops.namespaces import OWN
from ..overrides import handle_torch_function, has_torch_function
from .recorded import generated_class, run_recorded

__all__ = ["Overload", "Packet", "below_autograd", "found", "qualified", "take_away"]

_BACKENDS = ("CPU", "CompositeExplicitAutograd", "CompositeExplicitAutogradNonFunctional",
             "CompositeImplicitAutograd")  # fmt: skip
KEYS = frozenset([
    *_BACKENDS, "Autograd", "AutogradCPU", "AutocastCPU", "Meta", "ADInplaceOrView",
    "Functionalize", "BackendSelect", "FuncTorchBatched", "CUDA", "AutogradCUDA", "AutocastCUDA",
    "SparseCPU",
    "QuantizedCPU", "XPU", "MPS", "HPU", "XLA", "PrivateUse1", "MkldnnCPU", "NestedTensorCPU",
    "AutogradXPU", "AutogradMPS", "AutogradPrivateUse1", "AutogradOther", "Python", "SparseCsrCPU",
    "SparseCUDA", "Undefined", "CatchAll",
])  # fmt: skip


class _Below(threading.local):
    on = False


_BELOW = _Below()


@contextmanager
def below_autograd():
    """A block in which operations run without their formulas of gradients."""
    was, _BELOW.on = _BELOW.on, True
    try:
        yield
    finally:
        _BELOW.on = was


def qualified(name, what="qualname"):
    """(namespace, name) of "namespace::name"."""
    parts = name.split("::")
    if len(parts) != 2:
        raise ValueError(hinted(
            f'Expected `{what}` to be of the form "namespace::name", but got {name}. The qualname '
            "passed to the torch.library APIs must consist of a namespace and a name, e.g. "
            "aten::sin", 'for example "mylib::f".',
        ))  # fmt: skip
    return tuple(parts)


class Packet:
    """torch.ops.ns.f: called, it takes the first overload that the arguments fit."""

    def __init__(self, namespace, name):
        self._qualified_op_name = f"{namespace}::{name}"
        self._namespace, self.__name__, self._parts = namespace, name, {}
        self.__module__ = f"torch.ops.{namespace}"

    def __getattr__(self, overload):
        found = self.__dict__["_parts"].get("" if overload == "default" else overload)
        if found is None:
            raise AttributeError(
                f"The underlying op of '{self._namespace}.{self.__name__}' has no overload name "
                f"'{overload}'"
            )
        return found

    def overloads(self):
        """Their names; "default" is the one without a name."""
        return [name or "default" for name in self._parts]

    def __call__(self, *args, **kwargs):
        parts = list(self._parts.values())
        if len(parts) == 1:
            return parts[0](*args, **kwargs)
        failures = []
        for part in parts:
            try:
                part._schema.bind(args, kwargs)
            except RuntimeError as error:
                failures.append(str(error))
                continue
            return part(*args, **kwargs)
        raise RuntimeError(
            "Overloaded torch operator invoked from Python failed to match any schema:\n"
            + "\n\n".join(failures)
        )

    def __str__(self):
        return f"{self._namespace}.{self.__name__}"

    def __repr__(self):
        return f"<OpOverloadPacket(op='{self}')>"

    def __reduce__(self):
        return found, (self._qualified_op_name,)


class Overload:
    """torch.ops.ns.f.default: one operation, with its schema, kernels and rules."""

    def __init__(self, packet, schema, tags=()):
        self.overloadpacket, self._schema, self.tags = packet, schema, list(tags)
        self.namespace = self._namespace = packet._namespace
        self._opname, self._overloadname = packet.__name__, schema.overload_name or "default"
        self.__name__ = f"{self._opname}.{self._overloadname}"
        self.__module__ = packet.__module__
        self.kernels, self.fake, self.batch_rule, self.autocast_type = {}, None, None, None
        self.custom = None  # what custom_op made it with
        self.formula = None  # (backward, setup_context), of which backward may be missing
        self.generated = generated_class(self)

    def name(self):
        """'ns::f' or 'ns::f.overload'"""
        overload = self._schema.overload_name
        return self._schema.name + (f".{overload}" if overload else "")

    def __str__(self):
        return f"{self.namespace}.{self.__name__}"

    def __repr__(self):
        return (
            f"<OpOverload(op='{self.namespace}.{self._opname}', overload='{self._overloadname}')>"
        )

    def __reduce__(self):
        return _overload, (self.overloadpacket, self._schema.overload_name)

    def __call__(self, /, *args, **kwargs):
        leaves, _ = flatten((args, kwargs))
        if has_torch_function(leaves):
            return handle_torch_function(self, leaves, *args, **kwargs)
        args, kwargs = self._schema.bind(args, kwargs)
        if self.autocast_type is not None and is_autocast_enabled("cpu"):
            with autocast("cpu", enabled=False):
                return self._recorded(*_lowered(args, kwargs, self.autocast_type))
        return self._recorded(args, kwargs)

    def _recorded(self, args, kwargs):
        """With a place on the tape, under whichever transform runs."""
        kernel = self.kernels.get("AutogradCPU", self.kernels.get("Autograd"))
        if kernel is not None and not _BELOW.on:
            return kernel(*args, **kwargs)
        if self._needs_class(args, kwargs):
            return run_recorded(self, args, kwargs)
        return self.compute(args, kwargs)

    def _needs_class(self, args, kwargs):
        if LOCAL.levels and (self.batch_rule is not None or not self._is_composition()):
            return True
        if self.formula is None or _BELOW.on:
            return False
        return any(isinstance(a, TensorBase) and a._node is not None
                   for a in flatten((args, kwargs))[0])  # fmt: skip

    def _is_composition(self):
        """Whether what it is made of tells its gradient and its batches."""
        return self.formula is None and not {"CPU", "CompositeExplicitAutograd"} & {*self.kernels}

    def backend(self):
        """The kernel that computes on the CPU; a NotImplementedError where there is none."""
        for key in _BACKENDS:
            if key in self.kernels:
                return self.kernels[key]
        raise NotImplementedError(hinted(
            f"Could not run '{self.name()}' with arguments from the 'CPU' backend. This could be "
            "because the operator doesn't exist for this backend, or was omitted during the "
            f"selective/custom build process (if using custom build). '{self.name()}' is only "
            f"available for these backends: [{', '.join(self.kernels)}].",
            f'torch.library.impl("{self.name()}", "cpu", function) gives it one.',
        ))  # fmt: skip

    def compute(self, args, kwargs):
        """The values, by the backend's kernel; writes that the schema names are noted."""
        written = [
            (tensor._value, version(tensor._value))
            for argument, value in self.with_values(args, kwargs) if argument.is_write
            for tensor in (value if isinstance(value, list) else [value])
            if tensor is not None and tensor._value.dtype is not None
        ]  # fmt: skip
        args, kwargs = self._schema.without_defaults(args, kwargs)
        result = self._schema.returned(self.backend()(*args, **kwargs))
        for array, before in written:
            if version(array) == before:  # written by other means than tidu's
                stamp(array)
        return result

    def with_values(self, args, kwargs):
        """Pairs (argument of the schema, value)."""
        by_name = [a for a in self._schema.arguments if a.kwarg_only]
        by_place = [a for a in self._schema.arguments if not a.kwarg_only]
        return [*zip(by_place, args, strict=True), *((a, kwargs[a.name]) for a in by_name)]

    def redispatch(self, keyset, /, *args, **kwargs):
        """Beneath a kernel for gradients, which was given `keyset`."""
        with below_autograd():
            return self._recorded(*self._schema.bind(args, kwargs))

    def has_kernel_for_dispatch_key(self, key):
        return str(key).rpartition(".")[2] in self.kernels


def _overload(packet, name):
    return packet._parts[name]


def _lowered(args, kwargs, to):
    """Tensors of floats (but float64), also in lists, in the type autocast computes in."""

    def one(value):
        if isinstance(value, list):
            return [one(v) for v in value]
        eligible = isinstance(value, TensorBase) and value.is_floating_point()
        return value.to(to) if eligible and value.dtype is not float64 else value

    return tuple([one(a) for a in args]), {name: one(a) for name, a in kwargs.items()}


# --- the table of all operations ----------------------------------------------------------------


def add(namespace, schema, tags=()):
    """A new overload; a RuntimeError where there is one of that name."""
    name = schema.name.partition("::")[2]
    packet = OWN.get((namespace, name)) or Packet(namespace, name)
    if schema.overload_name in packet._parts:
        raise RuntimeError(hinted(
            f"Tried to register an operator ({schema}) with the same name and overload name "
            "multiple times. Each overload's schema should only be registered with a single call "
            "to def().", "give it another name, or impl() for another kernel.",
        ))  # fmt: skip
    overload = packet._parts[schema.overload_name] = Overload(packet, schema, tags)
    OWN[namespace, name] = packet
    return overload


def take_away(overload):
    """Forget an overload, and its packet when it was the last."""
    packet = overload.overloadpacket
    packet._parts.pop(overload._schema.overload_name, None)
    if not packet._parts:
        OWN.pop((packet._namespace, packet.__name__), None)


def found(name):
    """The packet "ns::f", or the overload "ns::f.overload"; an AttributeError where none is."""
    namespace, rest = qualified(name)
    base, _, overload = rest.partition(".")
    packet = OWN.get((namespace, base))
    if packet is None:
        raise AttributeError(hinted(
            f"'_OpNamespace' '{namespace}' object has no attribute '{base}'",
            "define it first: torch.library.define or torch.library.custom_op.",
        ))  # fmt: skip
    return getattr(packet, overload) if overload else packet


def module_of(function):
    """The module of a kernel, as errors show it."""
    return inspect.getmodule(function)
