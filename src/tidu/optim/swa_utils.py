"""torch.optim.swa_utils: averages of a model's weights over its training."""

import itertools
import math
from copy import deepcopy

from .. import ops
from ..autograd import no_grad
from ..base import dtypes
from ..base.errors import hinted
from ..frontend.tensor import Tensor
from ..nn.modules import Module
from ..nn.modules.batchnorm import _BatchNorm
from .lr_scheduler import LRScheduler

__all__ = [
    "SWALR", "AveragedModel", "get_ema_avg_fn", "get_ema_multi_avg_fn", "get_swa_avg_fn",
    "get_swa_multi_avg_fn", "update_bn",
]  # fmt: skip


def _check_decay(decay):
    if decay < 0.0 or decay > 1.0:
        raise ValueError(
            f"Invalid decay value {decay} provided. Please provide a value in [0,1] range."
        )


def _has_mean(tensor):
    """Whether `lerp_` takes it: no whole numbers, as the count of a batch norm's batches."""
    return tensor.is_floating_point() or tensor.is_complex()


def get_ema_multi_avg_fn(decay=0.999):
    """A function for `multi_avg_fn`: average ← decay · average + (1 - decay) · weight."""
    _check_decay(decay)

    @no_grad()
    def update(averages, current, _):
        for average, weight in zip(averages, current, strict=True):
            if _has_mean(averages[0]):
                average.lerp_(weight, 1 - decay)
            else:
                average.copy_(average * decay + weight * (1 - decay))

    return update


def get_swa_multi_avg_fn():
    """A function for `multi_avg_fn`: the mean of all weights so far."""

    @no_grad()
    def update(averages, current, num_averaged):
        share = 1 / (num_averaged + 1)
        for average, weight in zip(averages, current, strict=True):
            if _has_mean(averages[0]):
                kind = average.dtype
                average.lerp_(weight, share.to(kind) if isinstance(share, Tensor) else share)
            elif isinstance(num_averaged, Tensor):
                average.addcdiv_(weight - average, num_averaged + 1)
            else:
                average.add_(weight - average, alpha=share)

    return update


def get_ema_avg_fn(decay=0.999):
    """A function for `avg_fn`: decay · average + (1 - decay) · weight."""
    _check_decay(decay)

    @no_grad()
    def update(average, weight, num_averaged):
        return decay * average + (1 - decay) * weight

    return update


def get_swa_avg_fn():
    """A function for `avg_fn`: the mean of all weights so far."""

    @no_grad()
    def update(average, weight, num_averaged):
        return average + (weight - average) / (num_averaged + 1)

    return update


class AveragedModel(Module):
    """A copy of a model with the averages of its weights; `update_parameters` adds one more.

    >>> import tidu as torch
    >>> model = torch.nn.Linear(1, 1, bias=False)
    >>> averaged = AveragedModel(model)
    >>> for number in (1.0, 2.0, 6.0):
    ...     _ = model.weight.data.fill_(number)
    ...     averaged.update_parameters(model)
    >>> round(averaged.module.weight.item(), 4)
    3.0
    """

    def __init__(self, model, device=None, avg_fn=None, multi_avg_fn=None, use_buffers=False):
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("Only one of avg_fn and multi_avg_fn should be provided")
        self.module = deepcopy(model)
        self.register_buffer("n_averaged", ops.tensor(0, dtype=dtypes.int64))
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args, **kwargs):
        return self.module(*args, **kwargs)

    def _tensors(self, module):
        if self.use_buffers:
            return list(itertools.chain(module.parameters(), module.buffers()))
        return list(module.parameters())

    def update_parameters(self, model):
        """Take the weights of `model` into the averages."""
        pairs = [
            (own.detach(), other.detach())
            for own, other in zip(self._tensors(self.module), self._tensors(model), strict=True)
        ]
        if self.n_averaged == 0:
            for own, other in pairs:
                own.copy_(other)
        else:
            self._average(pairs)
        if not self.use_buffers:
            for own, other in zip(self.module.buffers(), model.buffers(), strict=True):
                own.detach().copy_(other.detach())
        self.n_averaged += 1

    def _average(self, pairs):
        if self.multi_avg_fn is None:
            average = self.avg_fn or get_swa_avg_fn()
            for own, other in pairs:
                own.copy_(average(own, other, self.n_averaged))
            return
        kinds = {}
        for own, other in pairs:
            kinds.setdefault(own.dtype, []).append((own, other))
        for group in kinds.values():
            self.multi_avg_fn(*map(list, zip(*group, strict=True)), self.n_averaged)


@no_grad()
def update_bn(loader, model, device=None):
    """Go through the data once, to set the running statistics of every batch norm anew."""
    momenta = {}
    for module in model.modules():
        if isinstance(module, _BatchNorm):
            module.reset_running_stats()
            momenta[module] = module.momentum
    if not momenta:
        return
    was_training = model.training
    model.train()
    for module in momenta:
        module.momentum = None
    for batch in loader:
        model(batch[0] if isinstance(batch, (list, tuple)) else batch)
    for module, momentum in momenta.items():
        module.momentum = momentum
    model.train(was_training)


class SWALR(LRScheduler):
    """Goes over to the rate `swa_lr` within some epochs, and stays there."""

    def __init__(self, optimizer, swa_lr, anneal_epochs=10, anneal_strategy="cos", last_epoch=-1):
        several = isinstance(swa_lr, (list, tuple))
        rates = list(swa_lr) if several else [swa_lr] * len(optimizer.param_groups)
        if len(rates) != len(optimizer.param_groups):
            raise ValueError(
                "swa_lr must have the same length as optimizer.param_groups. swa_lr has "
                f"{len(rates)} values, param_groups has {len(optimizer.param_groups)}."
            )
        for rate, group in zip(rates, optimizer.param_groups, strict=True):
            group["swa_lr"] = rate
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(
                "anneal_strategy must be one of 'cos' or 'linear', instead got "
                f"{anneal_strategy}"
            )  # fmt: skip
        self._anneal_strategy = anneal_strategy
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(
                hinted(
                    f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}",
                    "it is a whole number of epochs.",
                )
            )
        self.anneal_epochs = anneal_epochs
        super().__init__(optimizer, last_epoch)

    def _share(self, step):
        """How much of the way is gone."""
        t = max(0, min(1, step / max(1, self.anneal_epochs)))
        return (1 - math.cos(math.pi * t)) / 2 if self._anneal_strategy == "cos" else t

    def get_lr(self):
        """The next rate of each group."""
        rates = self._rates()
        step = self._step_count - 1
        if self.anneal_epochs == 0:
            step = max(1, step)
        before, now = self._share(step - 1), self._share(step)
        result = []
        for rate, group in zip(rates, self.optimizer.param_groups, strict=True):
            target = group["swa_lr"]
            first = target if before == 1 else (rate - target * before) / (1 - before)
            result.append(target * now + first * (1 - now))
        return result
