"""torch.utils.hooks: what registering a hook returns."""

from ..autograd.removable import RemovableHandle

__all__ = ["RemovableHandle"]
