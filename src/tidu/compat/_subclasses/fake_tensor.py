"""torch._subclasses.fake_tensor: no tensor here is one."""

from ..base.refusals import refused_classes

__all__ = ["FakeTensor", "FakeTensorMode", "is_fake"]

FakeTensor, FakeTensorMode = refused_classes(
    "_subclasses.fake_tensor", "FakeTensor FakeTensorMode",
    "torch.empty(..., device='meta') is refused, too; shapes alone: tidu.graph(f, *inputs).",
)  # fmt: skip


def is_fake(x):
    """False: every tensor has its numbers."""
    return False
