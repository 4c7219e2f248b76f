"""How tensors without numbers are made: by torch's functions with device="meta", by x.to("meta"),
and by all of them in a block `with torch.device("meta"):`."""

from math import ceil

from ..base.devices import device as Device
from ..base.dtypes import DEFAULT, int64, of_python
from ..base.size import sizes_from
from ..core.handle import TensorBase
from ..core.modes import grad_enabled
from ..ops.convert import type_of
from ..overrides import TorchFunctionMode
from .tensor import MetaTensor

__all__ = ["OnMeta", "made_by", "on_meta", "without_numbers"]


def on_meta(where):
    """Whether this names the device "meta"."""
    return where is not None and Device(where).type == "meta"


def without_numbers(tensor, dtype=None):
    """A tensor of the form of another one: what x.to("meta") gives."""
    tracked = tensor.requires_grad and grad_enabled()
    return MetaTensor.made(tensor.shape, dtype or tensor.dtype, tensor.stride(), tracked)


def made_by(function, args, words):
    """What a function that makes tensors makes on the device "meta"."""
    name = function.__name__
    words = {key: value for key, value in words.items() if key not in ("device", "generator")}
    form = _FORMS.get(name)
    if form is not None:
        shape, kind = form(args, words)
        dtype = of_python(words.get("dtype")) or kind
        return MetaTensor.made(shape, dtype, None, bool(words.get("requires_grad")))
    made = function(*args, **words)  # small ones, whose form follows from their numbers
    return MetaTensor.made(made.shape, made.dtype, made.stride(), made.requires_grad)


def _of_sizes(args, words):
    return sizes_from(args or words["size"], "empty"), DEFAULT.dtype


def _of_full(args, words):
    values = [*args, *[words[key] for key in ("size", "fill_value") if key in words]]
    kinds = {bool: of_python(bool), int: int64, complex: DEFAULT.complex}
    return sizes_from((values[0],), "full"), kinds.get(values[1].__class__, DEFAULT.dtype)


def _of_randint(args, words):
    sizes = words["size"] if "size" in words else args[-1]
    return sizes_from((sizes,), "randint"), int64


def _of_one_length(args, words):
    return (int(args[0] if args else words["n"]),), int64


def _of_eye(args, words):
    lengths = [*args, *[words[key] for key in ("n", "m") if key in words]]
    return (lengths[0], lengths[-1]), DEFAULT.dtype


def _of_range(args, words):
    bounds = [*args, *[words[key] for key in ("start", "end", "step") if key in words]]
    start, end, step = [0, *bounds, 1] if len(bounds) == 1 else [*bounds, 1][:3]
    whole = all(bound.__class__ is int for bound in (start, end, step))
    return (max(ceil((end - start) / step), 0),), int64 if whole else DEFAULT.dtype


def _of_first(args, words):
    like = args[0] if args else words["input"]
    return like.shape, like.dtype


def _of_self(args, words):
    sizes = args[1:] or words.get("size")
    if len(sizes) == 2 and not isinstance(sizes[0], int):  # new_full(size, value)
        sizes = sizes[:1]
    return sizes_from(sizes, "empty"), type_of(args[0])


_FORMS = {
    **dict.fromkeys(("rand", "randn", "empty", "zeros", "ones"), _of_sizes),
    **dict.fromkeys(("new_zeros", "new_ones", "new_empty", "new_full"), _of_self),
    **dict.fromkeys(("zeros_like", "ones_like", "empty_like", "full_like", "rand_like",
                     "randn_like", "randint_like"), _of_first),
    "full": _of_full, "randint": _of_randint, "randperm": _of_one_length, "eye": _of_eye,
    "arange": _of_range,
}  # fmt: skip
_FACTORIES = {
    *_FORMS, "tensor", "as_tensor", "linspace", "logspace", "empty_strided", "tril_indices",
    "triu_indices", "hann_window", "hamming_window", "blackman_window", "bartlett_window",
    "kaiser_window",
}  # fmt: skip


class OnMeta(TorchFunctionMode):
    """In the block, functions that make tensors make them without numbers."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        words = kwargs or {}
        if MetaTensor in types:
            return MetaTensor.__torch_function__(func, types, args, words)
        follows = args and isinstance(args[0], TensorBase) and func.__name__ in _FORMS
        if func.__name__ not in _FACTORIES or words.get("device") is not None or follows:
            return func(*args, **words)
        return made_by(func, args, words)
