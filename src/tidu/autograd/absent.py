"""Names of torch.autograd that PyTorch itself keeps for old programs only."""

from ..base.refusals import refused_classes

__all__ = ["NestedIOFunction"]

(NestedIOFunction,) = refused_classes(
    "autograd", "NestedIOFunction",
    "subclass torch.autograd.Function, which takes and gives any number of tensors.",
)  # fmt: skip
