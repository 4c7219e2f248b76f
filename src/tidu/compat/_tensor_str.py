"""torch._tensor_str: the text of tensors, and how it is written."""

from .base.printing.options import OPTIONS as PRINT_OPTS

__all__ = ["PRINT_OPTS"]


def _str(self, *, tensor_contents=None):
    """The text of a tensor."""
    return repr(self)


def _tensor_str(self, indent):
    """The numbers of a tensor as text, without what stands around them."""
    text = repr(self.detach().reshape(self.shape))
    inside = text[len("tensor(") : -1].rsplit(", dtype=", 1)[0]
    return inside.replace("\n" + " " * 7, "\n" + " " * indent)
