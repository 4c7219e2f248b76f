"""Memory formats: in which order the axes of a tensor lie, asked for, made and kept."""

from functools import wraps

import numpy as np

from ..base.errors import hinted, type_name
from ..core.handle import TensorBase, element_type, shape_of
from ..core.retries import asked, worded
from ..transforms.trace import memory_of
from .convert import in_order, laid_as, lie

__all__ = ["channels_last_order", "dim_order", "format_name", "is_channels_last", "keeps_format",
           "keeps_images", "keeps_lines", "keeps_lines_of_both", "laid_in", "ordered"]  # fmt: skip


def format_name(given, function=None):
    """The word for a memory format, as in "torch.channels_last"; TypeError for anything else."""
    if type(given).__name__ != "memory_format":
        place = "" if function is None else f"{function}(): "
        raise TypeError(
            f"{place}argument 'memory_format' must be torch.memory_format, not {type_name(given)}"
        )
    return str(given)


def channels_last_order(word, rank):
    """The axes of an image or a volume in the order in which channels_last(_3d) lays them."""
    needed = 5 if word.endswith("3d") else 4
    if rank != needed:
        raise RuntimeError(f"required rank {needed} tensor to use {word[6:]} format")
    return (0, *range(2, rank), 1)


def is_channels_last(input, word="torch.channels_last"):
    """Whether the channels of images (of volumes, for channels_last_3d) lie side by side."""
    return _lies_last(memory_of(input), (5,) if word.endswith("3d") else (4,))


def _lies_last(value, ranks):
    """Whether a value is an array of so many axes, the second of which is the last in memory."""
    if value.__class__ is not np.ndarray or value.ndim not in ranks:
        return False
    return np.moveaxis(value, 1, -1).flags.c_contiguous


def laid_in(result, memory_format, model=None, function=None):
    """A new tensor whose axes lie in a memory format: for None and preserve_format, as those of
    the tensor `model` do, where there is one."""
    word = "torch.preserve_format"
    if memory_format is not None:
        word = format_name(memory_format, function)
    if word == "torch.preserve_format":
        if model is None and memory_format is not None:
            raise RuntimeError(
                hinted("unsupported memory format Preserve", "there is nothing to be as: leave it.")
            )
        return result if model is None else laid_as(result, model)
    if word.startswith("torch.channels_last"):
        value = result._value
        order = channels_last_order(word, len(value.shape))
        blank = np.empty([value.shape[axis] for axis in order], element_type(value))
        lie(result, blank.transpose(np.argsort(order)))
    return result


@worded
def dim_order(input, *, ambiguity_check=False):
    """The axes from the one whose elements lie furthest apart to the one of neighbours.

    Equal steps, sizes of 1 for instance, leave several orders: a RuntimeError with
    `ambiguity_check` True, or where not exactly one of a list of memory formats fits.

    >>> import tidu as torch
    >>> torch.empty(2, 3, 5, 7).to(memory_format=torch.channels_last).dim_order()
    (0, 2, 3, 1)
    """
    formats = ambiguity_check if isinstance(ambiguity_check, list) else []
    known = all(type(f).__name__ == "memory_format" for f in formats)
    if not known or not isinstance(ambiguity_check, (bool, list)):
        raise TypeError("The ambiguity_check argument must be a bool or a list of memory formats.")
    strides = input.stride()
    ambiguous = ambiguity_check is not False and (0 in strides or len(set(strides)) < len(strides))
    if ambiguous and sum([input.is_contiguous(memory_format=f) for f in formats]) != 1:
        raise RuntimeError(
            "The tensor does not have unique dim order, or cannot map to exact one of the given "
            "memory formats."
        )
    return _order(strides, tuple(input.shape))


def _order(strides, shape):
    """The axes by falling strides, of equal ones the longer first; those of stride 0 stay."""
    order = list(range(len(shape)))
    for place in range(1, len(order)):
        for before in range(place - 1, -1, -1):
            one, other = order[before], order[before + 1]
            if not strides[one] or not strides[other]:
                continue
            if (strides[one], shape[one]) >= (strides[other], shape[other]):
                break
            order[before], order[before + 1] = other, one
    return tuple(order)


# --- functions that keep the channels last ---


def _is_turned(value, ranks):
    """Whether an array of so many axes has its channels last in memory, and no C order."""
    plain = value.__class__ is not np.ndarray or value.flags.c_contiguous
    return not plain and _lies_last(value, ranks)


def _keeping(ranks, which=any):
    def keeps(function):
        @wraps(function)
        def keeping(input, *args, **words):
            result = function(input, *args, **words)
            models = (input, *args[:1], words.get("weight"))
            tensors = [x for x in models if isinstance(x, TensorBase)]
            turned = which([_is_turned(memory_of(x), ranks) for x in tensors])
            for part in result if isinstance(result, tuple) else (result,):
                shape = tuple(shape_of(part))
                if not turned or len(shape) not in ranks:
                    in_order(part)
                elif not _is_turned(part._value, ranks):
                    blank = np.empty((shape[0], *shape[2:], shape[1]), element_type(part))
                    lie(part, np.moveaxis(blank, -1, 1))
            return result

        return asked(keeping)

    return keeps


# Decorate f(input, ...): where the input, or the second of the arguments, has its channels last,
# so has the result; else it lies in order. Some keep them for images only; lines are images one
# high, and their convolutions keep what both have.
keeps_format, keeps_images, keeps_lines = _keeping((4, 5)), _keeping((4,)), _keeping((3,))
keeps_lines_of_both = _keeping((3,), all)


def ordered(function):
    """Decorates a function whose result lies in order, whatever its input does."""

    @wraps(function)
    def giving(*args, **words):
        result = function(*args, **words)
        for part in result if isinstance(result, tuple) else (result,):
            in_order(part)
        return result

    return giving
