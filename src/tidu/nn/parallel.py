"""torch.nn.parallel: on one processor, wrappers that call the module they hold."""

from contextlib import contextmanager

from ..distributed import is_initialized
from ..errors import hinted
from .modules.module import Module

__all__ = [
    "DataParallel", "DistributedDataParallel", "data_parallel", "gather", "parallel_apply",
    "replicate", "scatter",
]  # fmt: skip


class DataParallel(Module):
    """Calls ``module``: there are no several devices to share a batch among.

    >>> import tidu as torch
    >>> list(torch.nn.DataParallel(torch.nn.Linear(1, 1)).state_dict())
    ['module.weight', 'module.bias']
    """

    def __init__(self, module, device_ids=None, output_device=None, dim=0):
        super().__init__()
        self.module = module
        self.device_ids = []
        self.output_device = output_device
        self.dim = dim

    def forward(self, *inputs, **kwargs):
        return self.module(*inputs, **kwargs)


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


def data_parallel(module, inputs, device_ids=None, output_device=None, dim=0, module_kwargs=None):
    """``module(*inputs)``."""
    inputs = inputs if isinstance(inputs, tuple) else (inputs,)
    return module(*inputs, **(module_kwargs or {}))


def scatter(inputs, target_gpus, dim=0):
    """The inputs for each device: there is one."""
    return [inputs]


def gather(outputs, target_device, dim=0):
    """What the devices computed, in one: there is one."""
    return outputs[0]


def replicate(network, devices, detach=False):
    """The network for each device: there is one."""
    return [network]


def parallel_apply(modules, inputs, kwargs_tup=None, devices=None):
    """Each module called with its inputs, one after the other."""
    kwargs_tup = kwargs_tup or ({},) * len(modules)
    return [
        module(*(given if isinstance(given, (list, tuple)) else (given,)), **words)
        for module, given, words in zip(modules, inputs, kwargs_tup, strict=True)
    ]
