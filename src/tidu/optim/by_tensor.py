"""Optimizers that go through the parameters one by one, in public operations."""

from ..base.errors import hinted
from .elementwise import ByGroup
from .options import refuse_at_step

__all__ = ["ByTensor"]


class ByTensor(ByGroup):
    """Goes through the parameters one by one; a subclass defines `_update`."""

    words = ("params and state_steps",) * 2  # of the refusal of `capturable`
    devices = (True, True)

    def _update_all(self):
        for group in self.param_groups:
            self._update_group(group)

    def _update_group(self, group):
        for p in group["params"]:
            if p.grad is None:
                continue
            self._refuse(group, p.grad)
            grad = -p.grad if group.get("maximize") else p.grad
            self._update(group, p, grad, self.state[p])

    def _refuse(self, group, grad):
        if grad.is_sparse:
            raise RuntimeError(
                hinted(
                    f"{type(self).__name__} does not support sparse gradients",
                    "make the layer with sparse=False, or use SGD, Adagrad or SparseAdam.",
                )
            )
        refuse_at_step(group, self.words, self.devices)
