"""The ctx of a Function: what forward leaves for backward. Its node shows the same attributes."""

import warnings

from ..core.handle import TensorBase
from ..core.node import FREED
from ..transforms.reverse import SECOND_TIME
from .faces import face_of

__all__ = ["BackwardCFunction", "FunctionCtx"]


class FunctionCtx:
    """What forward leaves for backward: saved tensors, flags, and any attribute of the user's."""

    materialize_grads = True
    needs_input_grad = ()
    to_save = dirty = non_differentiable = ()
    _unpacked = None

    def save_for_backward(self, *tensors):
        """Keep tensors (inputs, outputs or others, None too) for `saved_tensors` in backward."""
        for t in tensors:
            if t is not None and not isinstance(t, TensorBase):
                raise TypeError(
                    "save_for_backward can only save variables, but argument 0 is of type "
                    f"{type(t).__name__}"
                )
        self.to_save = tensors

    save_for_forward = save_for_backward

    @property
    def saved_tensors(self):
        if self._unpacked is None:
            node = self._node() if hasattr(self, "_node") else None
            if node is None:
                return tuple(self.to_save)
            if node.saved is FREED:
                raise RuntimeError(SECOND_TIME)
            return node.prim.unpack(node.saved, node.edges, None)
        return self._unpacked

    def mark_dirty(self, *tensors):
        """Say which inputs forward changed in place; they must be returned too."""
        self.dirty = tensors

    def mark_non_differentiable(self, *tensors):
        """Say which outputs have no derivative; backward gets zeros for them."""
        self.non_differentiable = tensors

    def set_materialize_grads(self, value):
        """False: backward gets None, not zeros, for outputs that had no influence."""
        self.materialize_grads = value


class BackwardCFunction(FunctionCtx):
    """The ctx of one application. Its node, `grad_fn`, has these attributes, too."""

    _function: type
    _forward_cls = property(lambda self: self._function)
    dirty_tensors = property(lambda self: self.dirty or None)

    def apply(self, *grads):
        """What backward, or vjp, gives for these gradients of the outputs; no hook runs."""
        return self._function._own_backward()(self, *grads)

    def name(self):
        """The name of the node: that of the Function and "Backward"."""
        return type(self).__name__

    @property
    def next_functions(self):
        """Where the gradients of the inputs go."""
        node = self._node() if hasattr(self, "_node") else None
        return () if node is None else face_of(node).next_functions

    @property
    def saved_variables(self):
        warnings.warn("'saved_variables' is deprecated; use 'saved_tensors'", DeprecationWarning,
                      stacklevel=2)  # fmt: skip
        return self.saved_tensors
