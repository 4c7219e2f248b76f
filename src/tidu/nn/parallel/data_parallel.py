"""DataParallel: there are no several devices to share a batch among."""

from ..modules.module import Module

__all__ = ["DataParallel", "data_parallel", "gather", "parallel_apply", "replicate", "scatter"]


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
