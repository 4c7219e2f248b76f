"""torch.pi, inf, nan, e, newaxis, and the words for memory formats (which change nothing here)."""

import math

__all__ = ["channels_last", "channels_last_3d", "contiguous_format", "e", "inf", "layout",
           "memory_format",
           "nan", "newaxis", "pi", "preserve_format", "strided"]  # fmt: skip

e, inf, nan, pi = math.e, math.inf, math.nan, math.pi
newaxis = None


class memory_format:
    """In which order the axes of a tensor lie in memory; taken, without effect."""

    __slots__ = ("name",)

    def __init__(self, name):
        self.name = name

    def __repr__(self):
        return f"torch.{self.name}"

    def __reduce__(self):
        return self.name


contiguous_format, preserve_format = (
    memory_format("contiguous_format"),
    memory_format("preserve_format"),
)
channels_last, channels_last_3d = memory_format("channels_last"), memory_format("channels_last_3d")


class layout:
    """How the elements of a tensor are kept; here always one after another with strides."""

    __slots__ = ("name",)

    def __init__(self, name):
        self.name = name

    def __repr__(self):
        return f"torch.{self.name}"

    def __reduce__(self):
        return self.name


strided = layout("strided")
