"""torch.pi, inf, nan, e, newaxis, and the words for memory formats and layouts."""

import math

from .lazy import TORCH

__all__ = [
    "SCHEMES", "channels_last", "channels_last_3d", "contiguous_format", "e", "inf", "jagged",
    "layout", "legacy_contiguous_format", "memory_format", "nan", "newaxis", "per_channel_affine",
    "per_channel_affine_float_qparams", "per_channel_symmetric", "per_tensor_affine",
    "per_tensor_symmetric", "pi", "preserve_format", "qscheme", "sparse_bsc", "sparse_bsr",
    "sparse_coo", "sparse_csc", "sparse_csr", "strided",
]  # fmt: skip

e, inf, nan, pi = math.e, math.inf, math.nan, math.pi
newaxis = None


def _named(name):
    """The word of this name, for pickles."""
    return globals()[name]


class _Word:
    """A value of torch that is its name."""

    __slots__ = ("name",)

    def __init__(self, name):
        self.name = name

    def __repr__(self):
        return f"torch.{self.name}"

    def __reduce__(self):
        return _named, (self.name,)


class memory_format(_Word):
    """In which order the axes of a tensor lie in memory."""

    __module__ = TORCH
    __slots__ = ()


class layout(_Word):
    """How a tensor's elements are stored."""

    __module__ = TORCH
    __slots__ = ()


class qscheme(_Word):
    """How the whole numbers of a quantized tensor are told from what they stand for."""

    __module__ = TORCH
    __slots__ = ()

    def __new__(cls, *args, **kwargs):
        raise TypeError("cannot create 'torch.qscheme' instances")


def _scheme(name):
    made = object.__new__(qscheme)
    made.name = name
    return made


SCHEMES = tuple(
    _scheme(f"per_{of}_{how}")
    for of, how in (
        ("tensor", "affine"), ("channel", "affine"), ("tensor", "symmetric"),
        ("channel", "symmetric"), ("channel", "affine_float_qparams"),
    )
)  # fmt: skip
(
    per_tensor_affine, per_channel_affine, per_tensor_symmetric, per_channel_symmetric,
    per_channel_affine_float_qparams,
) = SCHEMES  # fmt: skip

strided, sparse_coo = layout("strided"), layout("sparse_coo")
sparse_csr, sparse_csc = layout("sparse_csr"), layout("sparse_csc")
sparse_bsr, sparse_bsc = layout("sparse_bsr"), layout("sparse_bsc")
jagged = layout("jagged")

contiguous_format, preserve_format = (
    memory_format("contiguous_format"),
    memory_format("preserve_format"),
)
legacy_contiguous_format = contiguous_format
channels_last, channels_last_3d = memory_format("channels_last"), memory_format("channels_last_3d")
