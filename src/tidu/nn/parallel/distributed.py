"""DistributedDataParallel, for a group of one process."""

from contextlib import contextmanager

from ...base.errors import hinted
from ...distributed import is_initialized
from ..modules.module import Module

__all__ = ["DistributedDataParallel"]


class DistributedDataParallel(Module):
    """Calls ``module``: in a group of one process its gradients are the group's.

    RuntimeError where no gradient is wanted, ValueError before `init_process_group`.
    """

    def __init__(self, module, device_ids=None, output_device=None, dim=0, **options):
        super().__init__()
        if not is_initialized():
            raise ValueError(
                hinted(
                    "Default process group has not been initialized, please make sure to call "
                    "init_process_group.",
                    "torch.distributed.init_process_group('gloo', rank=0, world_size=1, ...).",
                )
            )
        if not any(p.requires_grad for p in module.parameters()):
            raise RuntimeError(
                "DistributedDataParallel is not needed when a module doesn't have any parameter "
                "that requires a gradient."
            )
        self.module = module
        self.device_ids = device_ids
        self.output_device = output_device
        self.dim = dim
        self.require_backward_grad_sync = True

    def forward(self, *inputs, **kwargs):
        return self.module(*inputs, **kwargs)

    @contextmanager
    def no_sync(self):
        """Inside, gradients are not exchanged; with one process they never are."""
        before, self.require_backward_grad_sync = self.require_backward_grad_sync, False
        try:
            yield
        finally:
            self.require_backward_grad_sync = before
