"""Small helpers of layers: one number or a tuple of numbers, made a tuple."""

from collections.abc import Iterable
from itertools import repeat

__all__ = [
    "_ntuple", "_pair", "_quadruple", "_single", "_triple",
    "consume_prefix_in_state_dict_if_present",
]  # fmt: skip


def _ntuple(count, name="parse"):
    def parse(value):
        return tuple(value) if isinstance(value, Iterable) else tuple(repeat(value, count))

    parse.__name__ = name
    return parse


_single = _ntuple(1, "_single")
_pair = _ntuple(2, "_pair")
_triple = _ntuple(3, "_triple")
_quadruple = _ntuple(4, "_quadruple")


def consume_prefix_in_state_dict_if_present(state_dict, prefix):
    """Take a prefix such as "module." off the names of a state dictionary, in place."""
    for key in list(state_dict):
        if key.startswith(prefix):
            state_dict[key[len(prefix) :]] = state_dict.pop(key)
    metadata = getattr(state_dict, "_metadata", None)
    if metadata is not None:
        for key in list(metadata):
            if key in ("", prefix[:-1]):
                continue
            if key.startswith(prefix):
                metadata[key[len(prefix) :]] = metadata.pop(key)
