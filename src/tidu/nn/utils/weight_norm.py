"""weight_norm of the older kind: a hook computes the weight from its length and direction."""

import warnings

from ... import ops
from ..parameter import Parameter

__all__ = ["WeightNorm", "length_except", "remove_hook", "remove_weight_norm", "weight_norm"]


def length_except(v, dim):
    """The lengths of the slices of `v` along `dim` (all of it for -1), shaped to be multiplied."""
    if dim == -1 or dim is None:
        return ops.norm(v, 2)
    flat = v.transpose(0, dim).reshape(v.size(dim), -1)
    shape = [1] * v.dim()
    shape[dim] = v.size(dim)
    return flat.norm(2, dim=1).view(shape)


class WeightNorm:
    """The hook: weight = g · v / |v|, before each call."""

    def __init__(self, name, dim):
        self.name = name
        self.dim = -1 if dim is None else dim

    def compute_weight(self, module):
        """The weight from its two parts."""
        g, v = getattr(module, self.name + "_g"), getattr(module, self.name + "_v")
        return v * (g / length_except(v, self.dim))

    def __call__(self, module, inputs):
        setattr(module, self.name, self.compute_weight(module))

    @classmethod
    def apply(cls, module, name, dim):
        """Take the parameter apart and hang the hook on the module."""
        for hook in module._forward_pre_hooks.values():
            if isinstance(hook, WeightNorm) and hook.name == name:
                raise RuntimeError(
                    f"Cannot register two weight_norm hooks on the same parameter {name}"
                )
        self = cls(name, dim)
        weight = getattr(module, name)
        del module._parameters[name]
        length = length_except(weight, self.dim).data
        module.register_parameter(name + "_g", Parameter(length))
        module.register_parameter(name + "_v", Parameter(weight.data))
        setattr(module, name, self.compute_weight(module))
        module.register_forward_pre_hook(self)
        return self

    def remove(self, module):
        """One parameter again."""
        weight = self.compute_weight(module)
        delattr(module, self.name)
        del module._parameters[self.name + "_g"], module._parameters[self.name + "_v"]
        setattr(module, self.name, Parameter(weight.data))


def weight_norm(module, name="weight", dim=0):
    """Train the length and the direction of a weight apart (Salimans & Kingma 2016).

    >>> import tidu as torch
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     layer = weight_norm(torch.nn.Linear(3, 2))
    >>> list(layer.state_dict())
    ['bias', 'weight_g', 'weight_v']
    """
    warnings.warn(
        "`torch.nn.utils.weight_norm` is deprecated in favor of "
        "`torch.nn.utils.parametrizations.weight_norm`.",
        FutureWarning,
        stacklevel=2,
    )
    WeightNorm.apply(module, name, dim)
    return module


def remove_weight_norm(module, name="weight"):
    """Make one parameter of the two parts. ValueError where there are none."""
    return remove_hook(module, WeightNorm, name, "weight_norm")


def remove_hook(module, kind, name, word):
    """Take the hook off that computes a parameter of this name before each call."""
    for key, hook in list(module._forward_pre_hooks.items()):
        if isinstance(hook, kind) and hook.name == name:
            hook.remove(module)
            del module._forward_pre_hooks[key]
            return module
    raise ValueError(f"{word} of '{name}' not found in {module}")
