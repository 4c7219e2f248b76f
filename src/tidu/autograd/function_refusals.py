"""What PyTorch refuses of a Function under `vmap`, `grad` and their like, and in which words."""

from ..base.errors import hinted
from ..base.refusals import refused_classes
from ..transforms.batch import BatchLevel
from ..transforms.forward import ForwardLevel
from ..transforms.reverse_level import ReverseLevel

__all__ = ["TWO_RETURNS", "TWO_RULES", "NestedIOFunction", "check_transformable"]

(NestedIOFunction,) = refused_classes(  # PyTorch itself keeps it for old programs only
    "autograd", "NestedIOFunction",
    "subclass torch.autograd.Function, which takes and gives any number of tensors.",
)  # fmt: skip


def check_transformable(cls, levels, has_setup, has_rule):
    """Refuse what PyTorch refuses while `vmap`, `grad` and their like run, whatever is given."""
    for level in levels:
        if not isinstance(level, (ReverseLevel, BatchLevel, ForwardLevel)) or level.by_hand:
            continue
        if not has_setup:
            raise RuntimeError(_OLD_STYLE)
        if isinstance(level, BatchLevel) and not (has_rule or cls.generate_vmap_rule):
            raise RuntimeError(_NO_VMAP.format(cls.__name__))


_OLD_STYLE = hinted(
    "In order to use an autograd.Function with functorch transforms (vmap, grad, jvp, jacrev, "
    "...), it must override the setup_context staticmethod. For more details, please see "
    "https://pytorch.org/docs/main/notes/extending.func.html",
    "take ctx out of forward, and let setup_context(ctx, inputs, output) save what backward needs.",
)
_NO_VMAP = hinted(
    "You tried to vmap over {}, but it does not have vmap support. Please override and implement "
    "the vmap staticmethod or set generate_vmap_rule=True. For more details, please see "
    "https://pytorch.org/docs/main/notes/extending.func.html",
    "with generate_vmap_rule = True in the class, each example is computed by itself.",
)
TWO_RULES = (
    "You tried to vmap over {}, but it has both generate_vmap_rule=True and an overridden vmap "
    "staticmethod. Please set generate_vmap_rule=False or delete the overridden vmap staticmethod "
    "to avoid ambiguity. For more details, please see "
    "https://pytorch.org/docs/main/notes/extending.func.html"
)
TWO_RETURNS = (
    "Expected the vmap staticmethod to have two returns, an output and out_dims with pytree "
    "structure compatible with the output. Got a {} instead"
)
