"""torch.distributed.nn: modules that live in other processes, which are refused."""

from ..base.refusals import refused_classes

__all__ = ["RemoteModule"]

(RemoteModule,) = refused_classes(
    "distributed.nn", "RemoteModule", "make the module here; there is one process."
)
