"""Options that PyTorch refuses, as they need a device or one another's absence; sparse steps."""

from ..base.errors import hinted
from ..frontend.tensor import Tensor

__all__ = ["add_at", "check_rate", "refuse_at_step", "refuse_complex", "refuse_fused",
           "refuse_tensor_rate"]  # fmt: skip

_DEVICES = ["cuda", "xpu", "hpu", "privateuseone", "xla"]


def add_at(tensor, sparse, factor=1):
    """tensor ← tensor + factor · sparse, a sparse tensor of the same shape."""
    tensor.index_put_(tuple(sparse._indices()), sparse._values() * factor, accumulate=True)


def refuse_fused(fused, foreach, differentiable):
    """What cannot be asked for together with ``fused=True``."""
    if not fused:
        return
    if differentiable:
        raise RuntimeError(
            hinted(
                "`fused` does not support `differentiable`",
                "leave fused out: the result is the same.",
            )
        )
    if foreach:
        raise RuntimeError(
            hinted(
                "`fused` and `foreach` cannot be `True` together.",
                "leave both out: the fastest way is chosen.",
            )
        )


def check_rate(lr):
    """A learning rate that is a tensor has one element."""
    if isinstance(lr, Tensor) and lr.numel() != 1:
        raise ValueError("Tensor lr must be 1-element")


def refuse_complex(optimizer, p):
    """What has no formula for complex parameters."""
    if p.is_complex():
        raise RuntimeError(
            hinted(
                f"{optimizer} does not support complex parameters",
                "give torch.view_as_real(p), or use Adam.",
            )
        )


def refuse_tensor_rate(lr, foreach, capturable):
    """A learning rate that is a tensor does not go with ``foreach=True``."""
    if isinstance(lr, Tensor) and foreach and not capturable:
        raise ValueError(
            hinted(
                "lr as a Tensor is not supported for capturable=False and foreach=True",
                "leave foreach out, or give lr.item().",
            )
        )


def refuse_at_step(group, words=("params and state_steps",) * 2, xla=(True, False)):
    """What a group asks for and no CPU has, or what has no gradient.

    `words` names what PyTorch's message does, `xla` whether it counts that device: each is for
    one tensor at a time and for ``foreach=True``.
    """
    if group.get("fused"):
        return
    foreach = bool(group.get("foreach"))
    if group.get("differentiable") and foreach:
        raise AssertionError(
            hinted("_foreach ops don't support autograd", "leave foreach out, or write False.")
        )
    if group.get("capturable"):
        devices = _DEVICES if xla[foreach] else _DEVICES[:-1]
        raise AssertionError(
            hinted(
                f"If capturable=True, {words[foreach]} must be on supported devices: {devices}.",
                "capturable is for CUDA graphs; on the CPU leave it out.",
            )
        )
