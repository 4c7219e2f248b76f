"""torch.distributed.autograd: backward passes over several processes, which are refused."""

from ..base.refusals import refused_classes, refused_functions

__all__ = ["backward", "context", "get_gradients"]

_HINT = "in one process loss.backward() does it, and gradients are in parameter.grad."
backward, get_gradients = refused_functions("distributed.autograd", "backward get_gradients", _HINT)
(context,) = refused_classes("distributed.autograd", "context", _HINT)
