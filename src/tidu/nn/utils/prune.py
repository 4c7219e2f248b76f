"""torch.nn.utils.prune: parts of a parameter held at zero by a mask."""

import numbers
from abc import ABC, abstractmethod

from ... import ops
from ...base import dtypes
from ...base.naming import Named

__all__ = [
    "BasePruningMethod", "CustomFromMask", "Identity", "L1Unstructured", "LnStructured",
    "PruningContainer", "RandomStructured", "RandomUnstructured", "custom_from_mask",
    "global_unstructured", "identity", "is_pruned", "l1_unstructured", "ln_structured",
    "random_structured", "random_unstructured", "remove",
]  # fmt: skip


class BasePruningMethod(Named, ABC):
    """A way to choose a mask; as a hook it sets parameter = original · mask before each call.

    A subclass defines ``PRUNING_TYPE`` (unstructured, structured or global) and ``compute_mask``.
    """

    _tensor_name: str

    def __call__(self, module, inputs):
        setattr(module, self._tensor_name, self.apply_mask(module))

    @abstractmethod
    def compute_mask(self, t, default_mask):
        """Ones where a number is kept; `default_mask` is what was pruned before."""

    def apply_mask(self, module):
        """The original times the mask."""
        name = self._tensor_name
        return getattr(module, name + "_mask") * getattr(module, name + "_orig")

    @classmethod
    def apply(cls, module, name, *args, importance_scores=None, **kwargs):
        """Add the mask and the hook to the module."""
        method = cls(*args, **kwargs)
        method._tensor_name = name
        former = [
            (key, hook)
            for key, hook in module._forward_pre_hooks.items()
            if isinstance(hook, BasePruningMethod) and hook._tensor_name == name
        ]
        for key, hook in former:
            # Prune what is left of it; the new hook does both.
            del module._forward_pre_hooks[key]
            container = PruningContainer(hook) if not isinstance(hook, PruningContainer) else hook
            container.add_pruning_method(method)
            method = container
        original = getattr(module, name)
        if importance_scores is None:
            importance_scores = original
        elif importance_scores.shape != original.shape:
            raise AssertionError(
                "importance_scores should have the same shape as parameter "
                f"                    {name} of {module}"
            )
        if not former:
            module.register_parameter(name + "_orig", module._parameters[name])
            del module._parameters[name]
            default = ops.ones_like(original)
        else:
            default = getattr(module, name + "_mask").detach().clone()
        mask = method.compute_mask(importance_scores.detach(), default_mask=default)
        module.register_buffer(name + "_mask", mask)
        setattr(module, name, method.apply_mask(module))
        module.register_forward_pre_hook(method)
        return method

    def prune(self, t, default_mask=None, importance_scores=None):
        """The pruned form of one tensor."""
        scores = t if importance_scores is None else importance_scores
        default = ops.ones_like(t) if default_mask is None else default_mask
        return t * self.compute_mask(scores, default_mask=default)

    def remove(self, module):
        """Make the pruned numbers the parameter's."""
        name = self._tensor_name
        weight = self.apply_mask(module)
        original = module._parameters[name + "_orig"]
        original.data = weight.data
        delattr(module, name)
        del module._parameters[name + "_orig"], module._buffers[name + "_mask"]
        setattr(module, name, original)


class PruningContainer(BasePruningMethod):
    """Several ways, one after the other: each prunes what the former ones left."""

    def __init__(self, *args):
        self._pruning_methods = ()
        if args:
            self._tensor_name = args[0]._tensor_name
            self._pruning_methods = tuple(args)

    def add_pruning_method(self, method):
        """Add one, for the same parameter."""
        if not isinstance(method, BasePruningMethod) and method is not None:
            raise TypeError(f"{type(method)} is not a BasePruningMethod subclass")
        if method is not None and self._tensor_name != method._tensor_name:
            raise ValueError(
                "Can only add pruning methods acting on the parameter named "
                f"'{self._tensor_name}' to PruningContainer {self}. Found '{method._tensor_name}'"
            )
        self._pruning_methods += (method,)

    def __len__(self):
        return len(self._pruning_methods)

    def __iter__(self):
        return iter(self._pruning_methods)

    def __getitem__(self, index):
        return self._pruning_methods[index]

    def compute_mask(self, t, default_mask):
        method = self._pruning_methods[-1]
        mask = default_mask.to(t.dtype).clone()
        kind = method.PRUNING_TYPE
        if kind == "unstructured":
            places = mask == 1
        elif kind == "structured":
            dim = method.dim % t.dim()
            rest = [d for d in range(t.dim()) if d != dim]
            kept = mask.sum(dim=rest) != 0
            places = (slice(None),) * dim + (kept,)
        elif kind == "global":
            places = (slice(None),) * t.dim()
        else:
            raise ValueError(f"Unrecognized PRUNING_TYPE {kind}")
        mask[places] = method.compute_mask(t[places], default_mask=mask[places]).to(mask.dtype)
        return mask


class Identity(BasePruningMethod):
    """Nothing is pruned; the names are as if something were."""

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t, default_mask):
        return default_mask


class _ByAmount(BasePruningMethod):
    """`amount` is a number of entries, or the part of them."""

    PRUNING_TYPE = "unstructured"

    def __init__(self, amount):
        _check_amount(amount)
        self.amount = amount

    def _count(self, total):
        if isinstance(self.amount, numbers.Integral) and self.amount > total:
            raise ValueError(
                f"amount={self.amount} should be smaller than the number of parameters to "
                f"prune={total}"
            )
        if isinstance(self.amount, numbers.Integral):
            return self.amount
        return round(self.amount * total)


def _check_amount(amount):
    if not isinstance(amount, numbers.Real):
        raise TypeError(f"Invalid type for amount: {amount}. Must be int or float.")
    if (isinstance(amount, numbers.Integral) and amount < 0) or (
        not isinstance(amount, numbers.Integral) and not 0.0 <= amount <= 1.0
    ):
        raise ValueError(
            f"amount={amount} should either be a float in the range [0, 1] or a non-negative "
            "integer"
        )


class RandomUnstructured(_ByAmount):
    """Entries chosen by chance."""

    def compute_mask(self, t, default_mask):
        count = self._count(t.nelement())
        mask = default_mask.clone()
        if count:
            chosen = ops.topk(ops.rand_like(t).view(-1), k=count).indices
            mask.view(-1)[chosen] = 0
        return mask


class L1Unstructured(_ByAmount):
    """The entries nearest to zero."""

    def compute_mask(self, t, default_mask):
        count = self._count(t.nelement())
        mask = default_mask.clone()
        if count:
            chosen = ops.topk(ops.abs(t).reshape(-1), k=count, largest=False).indices
            mask.view(-1)[chosen] = 0
        return mask


class _BySlices(_ByAmount):
    PRUNING_TYPE = "structured"

    def __init__(self, amount, dim=-1):
        super().__init__(amount)
        self.dim = dim

    def _check(self, t):
        if t.dim() <= 1:
            raise ValueError(
                "Structured pruning can only be applied to multidimensional tensors. Found "
                f"tensor of shape {t.shape} with {t.dim()} dims"
            )
        if self.dim >= t.dim():
            raise IndexError(f"Invalid index {self.dim} for tensor of size {t.shape}")

    def _mask(self, t, kept, default_mask):
        """Ones in the slices kept."""
        shape = [1] * t.dim()
        shape[self.dim] = t.shape[self.dim]
        return default_mask.to(t.dtype) * kept.to(t.dtype).view(shape)


class RandomStructured(_BySlices):
    """Slices along `dim` chosen by chance."""

    def compute_mask(self, t, default_mask):
        self._check(t)
        count = self._count(t.shape[self.dim])
        if count == 0:
            return default_mask
        chance = ops.rand(t.shape[self.dim])
        return self._mask(t, chance > ops.kthvalue(chance, k=count).values, default_mask)


class LnStructured(_BySlices):
    """The slices along `dim` with the smallest n-norm."""

    def __init__(self, amount, n, dim=-1):
        super().__init__(amount, dim)
        self.n = n

    def compute_mask(self, t, default_mask):
        self._check(t)
        channels = t.shape[self.dim]
        count = self._count(channels)
        if count == 0:
            return default_mask
        rest = [d for d in range(t.dim()) if d != self.dim % t.dim()]
        lengths = ops.norm(t, p=self.n, dim=rest)
        kept = ops.zeros(channels, dtype=dtypes.bool)
        kept[ops.topk(lengths, k=channels - count, largest=True).indices] = True
        return self._mask(t, kept, default_mask)


class CustomFromMask(BasePruningMethod):
    """A mask of the user's."""

    PRUNING_TYPE = "global"

    def __init__(self, mask):
        self.mask = mask

    def compute_mask(self, t, default_mask):
        return default_mask * self.mask.to(default_mask.dtype)


def identity(module, name):
    """A mask of ones."""
    Identity.apply(module, name)
    return module


def random_unstructured(module, name, amount):
    """Prune entries chosen by chance."""
    RandomUnstructured.apply(module, name, amount)
    return module


def l1_unstructured(module, name, amount, importance_scores=None):
    """Prune the entries nearest to zero (or of the smallest scores).

    >>> import tidu as torch
    >>> layer = l1_unstructured(torch.nn.Linear(4, 5), "weight", amount=0.5)
    >>> int((layer.weight == 0).sum()), list(layer.state_dict())
    (10, ['bias', 'weight_orig', 'weight_mask'])
    """
    L1Unstructured.apply(module, name, amount=amount, importance_scores=importance_scores)
    return module


def random_structured(module, name, amount, dim):
    """Prune slices along `dim` chosen by chance."""
    RandomStructured.apply(module, name, amount, dim)
    return module


def ln_structured(module, name, amount, n, dim, importance_scores=None):
    """Prune the slices along `dim` with the smallest n-norm."""
    LnStructured.apply(module, name, amount, n, dim, importance_scores=importance_scores)
    return module


def custom_from_mask(module, name, mask):
    """Prune where the mask is zero."""
    CustomFromMask.apply(module, name, mask)
    return module


def global_unstructured(parameters, pruning_method, importance_scores=None, **kwargs):
    """Prune several parameters, (module, name) pairs, as if they were one."""
    if not isinstance(parameters, (list, tuple)):
        raise TypeError("global_unstructured(): parameters is not an iterable")
    scores = importance_scores or {}
    if not isinstance(scores, dict):
        raise TypeError("global_unstructured(): importance_scores must be of type dict")
    flat = [scores.get((m, n), getattr(m, n)).detach().reshape(-1) for m, n in parameters]
    masks = [getattr(m, n + "_mask", ops.ones_like(getattr(m, n))) for m, n in parameters]
    if pruning_method.PRUNING_TYPE != "unstructured":
        raise TypeError(
            'Only "unstructured" PRUNING_TYPE supported for the `pruning_method`. Found method '
            f"{pruning_method} of type {pruning_method.PRUNING_TYPE}"
        )
    # The masks of the parameters are one mask here, cut up again below.
    container = PruningContainer()
    container._tensor_name = "temp"
    method = pruning_method(**kwargs)
    method._tensor_name = "temp"
    container.add_pruning_method(method)
    together = ops.cat([mask.reshape(-1) for mask in masks])
    final = container.compute_mask(ops.cat(flat), together)
    at = 0
    for module, name in parameters:
        parameter = getattr(module, name)
        stop = at + parameter.numel()
        custom_from_mask(module, name, final[at:stop].view_as(parameter))
        at = stop


def remove(module, name):
    """Make the pruned numbers the parameter's. ValueError where nothing was pruned."""
    for key, hook in list(module._forward_pre_hooks.items()):
        if isinstance(hook, BasePruningMethod) and hook._tensor_name == name:
            hook.remove(module)
            del module._forward_pre_hooks[key]
            return module
    raise ValueError(
        f"Parameter '{name}' of module {module} has to be pruned before pruning can be removed"
    )


def is_pruned(module):
    """Whether something in the module, or in a module of it, is pruned."""
    return any(
        isinstance(hook, BasePruningMethod)
        for _, part in module.named_modules()
        for hook in part._forward_pre_hooks.values()
    )
