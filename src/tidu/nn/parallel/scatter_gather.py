"""torch.nn.parallel.scatter_gather: inputs for several devices, of which there is one."""

from .data_parallel import gather, scatter

__all__ = ["gather", "scatter", "scatter_kwargs"]


def scatter_kwargs(inputs, kwargs, target_gpus=(), dim=0):
    """The arguments for each device: for one."""
    return (tuple(inputs),), (dict(kwargs or {}),)
