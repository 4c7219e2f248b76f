"""autograd.forward_ad: forward mode by hand: make_dual, compute, unpack_dual.

A dual tensor may require a gradient too: its operations are recorded a second time, on duals, so
that gradients taken from it carry tangents. Read `DualLevel`.
"""

import threading
from collections import namedtuple

from ..base.errors import hinted
from ..core.dispatch import edges_of, record
from ..core.handle import TensorBase, edge_of, wrap
from ..core.modes import grad_enabled
from ..core.node import Node
from ..core.versions import clock
from ..primitives.structural import alias
from ..transforms.forward import Dual, ForwardLevel

__all__ = ["UnpackedDualTensor", "dual_level", "enter_dual_level", "exit_dual_level", "make_dual",
           "unpack_dual"]  # fmt: skip

UnpackedDualTensor = namedtuple("UnpackedDualTensor", "primal tangent")


class _Levels(threading.local):
    running = None  # the dual level of this thread; PyTorch allows one


_LEVELS = _Levels()


class DualLevel(ForwardLevel):
    """A forward level whose handles have nodes of their own where they require gradients."""

    by_hand = True  # printed as PyTorch prints duals

    def process(self, prim, args, params):
        out = super().process(prim, args, params)
        if not self.alive or not prim.differentiable or not grad_enabled():
            return out
        edges = edges_of(args)
        if all(edge is None for edge in edges) or not self._moves(out):
            return out
        values = [wrap(a._value) if isinstance(a, TensorBase) else a for a in args]
        return record(prim, edges, values, params, out, _on_tape)

    def _moves(self, out):
        parts = out if out.__class__ is tuple else (out,)
        return any(p._value.__class__ is Dual and p._value.level is self for p in parts)

    def dual(self, tensor, tangent):
        """A dual that is a view of `tensor`, in the eyes of reverse mode."""
        handle = self.lift(tensor, tangent)
        edge = edge_of(tensor)
        if edge is not None and grad_enabled():
            handle._node = Node(clock(), alias, (edge,), (None, None, None), {})
        return handle


def _on_tape(handle, node):
    return wrap(handle._value, node)


def enter_dual_level():
    """Begin a forward-mode level in this thread; only one may run at a time."""
    if _LEVELS.running is not None:
        raise RuntimeError(
            hinted(
                "Nested forward mode AD is not supported at the moment",
                "torch.func.jvp nests in any depth.",
            )
        )
    _LEVELS.running = DualLevel().__enter__()
    return 0


def exit_dual_level(*, level=None):
    """End the level; duals made in it lose their tangents."""
    if _LEVELS.running is None:
        raise RuntimeError("Dual level must be a positive number.")
    if level not in (None, 0):
        raise RuntimeError(
            "Trying to exit a forward AD level that was not the last one that was created. This is "
            "not supported."
        )
    running, _LEVELS.running = _LEVELS.running, None
    running.__exit__(None, None, None)


class dual_level:
    """The context in which duals live.

    >>> import tidu as torch
    >>> import tidu.autograd.forward_ad as fwAD
    >>> with fwAD.dual_level():
    ...     x = fwAD.make_dual(torch.tensor(0.), torch.tensor(2.))
    ...     fwAD.unpack_dual(torch.sin(x)).tangent
    tensor(2.)
    """

    def __enter__(self):
        return enter_dual_level()

    def __exit__(self, *exc):
        exit_dual_level()


def make_dual(tensor, tangent, *, level=None):
    """`tensor` with a tangent of its shape, which moves with it through every operation."""
    if _LEVELS.running is None:
        raise RuntimeError(
            "Trying to create a dual Tensor for forward AD but no level exists, make "
            "sure to enter_dual_level() first."
        )
    if not (tensor.is_floating_point() or tensor.is_complex()):
        raise ValueError(
            f"Expected primal to be floating point or complex, but got: {tensor.dtype}"
        )
    if not (tangent.is_floating_point() or tangent.is_complex()):
        raise ValueError(
            f"Expected tangent to be floating point or complex, but got: {tangent.dtype}"
        )
    if tuple(tensor.shape) != tuple(tangent.shape):
        raise RuntimeError(
            "Trying to set a forward gradient that has a different size than that of the original "
            f"Tensor, this is not supported. Tensor is of size {list(tensor.shape)} while the "
            f"given forward gradient is of size {list(tangent.shape)}."
        )
    if _is_dual(tensor):
        raise RuntimeError(
            "Making a dual Tensor based on a Tensor that already has a forward gradient at the "
            "same level 0 is not supported."
        )
    return _LEVELS.running.dual(tensor, tangent)


def _is_dual(tensor):
    value = tensor._value
    return value.__class__ is Dual and value.level is _LEVELS.running


def unpack_dual(tensor, *, level=None):
    """(primal, tangent); the tangent is None for a tensor that has none."""
    if not isinstance(tensor, TensorBase):
        raise TypeError(
            "_unpack_dual(): argument 'dual' (position 1) must be Tensor, not "
            f"{type(tensor).__name__}"
        )
    if _LEVELS.running is not None and _is_dual(tensor):
        return UnpackedDualTensor(tensor._value.tensor, tensor._value.tangent)
    value = tensor._value
    ended = value.__class__ is Dual and value.level.by_hand and not value.level.alive
    return UnpackedDualTensor(value.tensor if ended else tensor, None)
