"""`tidu.explain`: a module that can be called, and what the call gives."""

import sys
from types import ModuleType

from ..core.handle import TensorBase
from .explanation import Explanation
from .recording.after import recording_of
from .recording.recorder import LIMIT, Recorder
from .recording.records import Recording

__all__ = ["CallableModule", "explain"]


def explain(*tensors, gradient=None, limit=LIMIT):
    """Show the work of a backward pass: every value, local derivative, message and formula.

    `explain(loss)` after the forward explains what `loss.backward()` would do; it frees nothing and
    touches no `.grad`. `with explain() as ex:` around code explains what the code did.

    Args:
        tensors: what to differentiate; none for the context.
        gradient: the vector to start from (a tuple for several tensors); ones if left out.
        limit: how many operations the context writes down; later ones are counted only.

    Returns:
        An Explanation: `.print()`, `.save("page.html")`, `.html()`, `.json()`, `.document`.

    Raises:
        RuntimeError: when there is no graph behind a tensor, or it was freed, or a gradient has
            another shape than its tensor.

    >>> import tidu as torch
    >>> x = torch.tensor(3.0, requires_grad=True)
    >>> torch.explain(x ** 2).gradient_of("x")
    array(6., dtype=float32)
    """
    if not tensors:
        recording = Recording()
        return Explanation(recording, Recorder(recording, limit))
    for tensor in tensors:
        if not isinstance(tensor, TensorBase):
            raise TypeError(f"explain(): expected tensors, but got {type(tensor).__name__}")
    seeds = gradient if isinstance(gradient, (tuple, list)) else [gradient]
    if gradient is None:
        seeds = [None] * len(tensors)
    return Explanation(recording_of(tensors, seeds, sys._getframe(1)))


class CallableModule(ModuleType):
    """The class of the module `tidu.explain`, so that `tidu.explain(loss)` works."""

    def __call__(self, *tensors, **options):
        if not tensors:
            return explain(**options)
        return explain(*tensors, **options)
