"""Values of torch that are no tensors, for `weights_only=False`: generators, results by name.

Each is made from checked arguments. `torch_values` maps (module, name) to the value, as `NAMES`
does; `THING_ACTIONS` says what a call of it makes and what fills an object of it.
"""

from __future__ import annotations

from .. import return_types
from ..base.lazy import lazy_module
from ..nn.utils.rnn import PackedSequence
from ..random import Generator
from . import forms, tensors
from .problems import bad_file

__all__ = ["THING_ACTIONS", "late_classes", "torch_values"]

_PACKAGE = __name__.partition(".")[0]
# Modules of torch that a program may not have asked for yet, and whose objects files may hold.
_LATE = {
    f"torch.{name}": lazy_module(f"{_PACKAGE}.{name}")
    for name in ("distributions", "optim.swa_utils")
}


def late_classes(module: str) -> None:
    """Load the part of this package (never anything else) that has the classes of a module."""
    for name, part in _LATE.items():
        if module == name or module.startswith(name + "."):
            dir(part)


def _result(kind):
    def make(fields, names=None):
        if not isinstance(fields, tuple) or len(fields) != kind.n_fields or names:
            raise bad_file(f"the file makes a torch.return_types.{kind.__name__} of something else")
        return kind(fields)

    return make


def _packed(data, batch_sizes=None, sorted_indices=None, unsorted_indices=None):
    parts = (data, batch_sizes, sorted_indices, unsorted_indices)
    if not all(part is None or tensors.is_tensor(part) for part in parts):
        raise bad_file("the file makes a PackedSequence of something else")
    return tuple.__new__(PackedSequence, parts)


def _generator(device):
    return Generator(device)


def _fill_generator(target, state):
    _, offset, words = state
    if offset is not None or not tensors.is_tensor(words):
        raise bad_file("the state of a random generator is malformed")
    try:
        target.set_state(words)
    except (RuntimeError, TypeError) as error:
        raise bad_file(
            f"the state of a random generator is malformed ({str(error).partition(chr(10))[0]})"
        ) from None
    return target


torch_values: dict = {
    ("torch.return_types", kind.__name__): kind for kind in return_types.all_return_types
}
THING_ACTIONS: dict = {("call", kind): _result(kind) for kind in return_types.all_return_types}
torch_values["torch._C", "Generator"] = torch_values["torch", "Generator"] = Generator
torch_values["torch.nn.utils.rnn", "PackedSequence"] = PackedSequence
torch_values["torch.masked.maskedtensor.core", "MaskedTensor"] = forms.MASKED_CLASS
torch_values["torch._utils", "_rebuild_wrapper_subclass"] = forms.MASKED_AGAIN
THING_ACTIONS["call", Generator] = _generator
THING_ACTIONS["build", Generator] = _fill_generator
THING_ACTIONS["new", PackedSequence] = _packed
THING_ACTIONS["call", PackedSequence] = _packed
