"""GradScaler: multiplies the loss so that small half-precision gradients do not vanish."""

import enum
import warnings
from collections import defaultdict

from .. import ops
from ..autograd import no_grad
from ..base.dtypes import float16, float64, int32
from ..base.errors import hinted
from ..base.naming import Named
from ..frontend.tensor import Tensor

__all__ = ["GradScaler", "OptState"]


class OptState(enum.Enum):
    """How far an optimizer is in this iteration."""

    READY = 0
    UNSCALED = 1
    STEPPED = 2


class _Progress:
    """What is known of one optimizer until the next `update`."""

    def __init__(self):
        self.stage = OptState.READY
        self.found = None  # whether a gradient was infinite; None while nobody looked


_NO_SCALE = (
    "Attempted {} but _scale is None.  This may indicate your script did not use "
    "scaler.scale(loss or outputs) earlier in the iteration."
)
_NEW_SCALE = (
    "new_scale should be a float or a 1-element torch.cuda.FloatTensor or torch.FloatTensor with "
    "requires_grad=False."
)


class GradScaler(Named):
    """Scales losses and gradients; switched off for "cuda", working for "cpu".

    One iteration is `scale(loss).backward()`, perhaps `unscale_(optimizer)`, `step(optimizer)`
    and `update()`. RuntimeError for calls in another order.

    >>> import tidu as torch
    >>> scaler = torch.amp.GradScaler("cpu", init_scale=8.0)
    >>> scaler.scale(torch.tensor(2.0))
    tensor(16.)
    """

    def __init__(self, device="cuda", init_scale=65536.0, growth_factor=2.0, backoff_factor=0.5,
                 growth_interval=2000, enabled=True):  # fmt: skip
        if enabled and device == "cuda":
            warnings.warn(
                "torch.cuda.amp.GradScaler is enabled, but CUDA is not available.  Disabling.",
                stacklevel=2,
            )
            enabled = False
        self._device, self._enabled = device, enabled
        if enabled:
            if not growth_factor > 1.0:
                raise AssertionError("The growth factor must be > 1.0.")
            if not backoff_factor < 1.0:
                raise AssertionError("The backoff factor must be < 1.0.")
        self._init_scale, self._scale = init_scale, None
        self._init_growth_tracker, self._growth_tracker = 0, None
        self._growth_factor, self._backoff_factor = growth_factor, backoff_factor
        self._growth_interval = growth_interval
        self._per_optimizer_states = defaultdict(_Progress)

    def __getstate__(self):
        if self._enabled and self._per_optimizer_states:
            raise AssertionError(
                "A GradScaler instance may only be pickled at the beginning of an iteration, or at "
                "the end after scaler.update()."
            )
        state = {**self.__dict__, "_per_optimizer_states": {}}
        if self._enabled:
            state["_init_scale"] = self.get_scale()
            state["_init_growth_tracker"] = self._get_growth_tracker()
            state["_scale"] = state["_growth_tracker"] = None
        return state

    def __setstate__(self, state):
        self.__dict__.update(state)
        self._per_optimizer_states = defaultdict(_Progress)

    def _begin(self):
        self._scale = ops.tensor(float(self._init_scale))
        self._growth_tracker = ops.tensor(self._init_growth_tracker, dtype=int32)

    def _require_scale(self, what):
        if self._scale is None:
            raise AssertionError(
                hinted(_NO_SCALE.format(what), "write scaler.scale(loss).backward() first.")
            )

    def scale(self, outputs):
        """The outputs (a tensor, or tensors in lists or tuples) times the scale."""
        if not self._enabled:
            return outputs
        if isinstance(outputs, Tensor):
            if self._scale is None:
                self._begin()
            return outputs * self._scale
        if hasattr(outputs, "__iter__") and not isinstance(outputs, (str, bytes)):
            scaled = map(self.scale, outputs)
            return type(outputs)(scaled) if isinstance(outputs, (list, tuple)) else scaled
        raise ValueError("outputs must be a Tensor or an iterable of Tensors")

    def unscale_(self, optimizer):
        """Divide the gradients of the optimizer's parameters by the scale."""
        if not self._enabled:
            return
        self._require_scale("unscale_")
        progress = self._per_optimizer_states[id(optimizer)]
        if progress.stage is OptState.UNSCALED:
            raise RuntimeError(
                "unscale_() has already been called on this optimizer since the last update()."
            )
        if progress.stage is OptState.STEPPED:
            raise RuntimeError("unscale_() is being called after step().")
        progress.found = self._unscaled(optimizer)
        progress.stage = OptState.UNSCALED

    def _unscaled(self, optimizer):
        """Divide; whether a gradient is infinite or not a number, None where there is none."""
        inverse = (1.0 / self._scale.to(float64)).to(self._scale.dtype).item()
        found = None
        with no_grad():
            for group in optimizer.param_groups:
                for p in group["params"]:
                    grad = p.grad
                    if grad is None:
                        continue
                    if grad.dtype == float16:
                        raise ValueError(
                            hinted(
                                "Attempting to unscale FP16 gradients.",
                                "keep the parameters in float32 and compute under autocast.",
                            )
                        )
                    values = grad._values() if grad.is_sparse else grad
                    found = bool(found) or not bool(ops.isfinite(values).all())
                    grad.mul_(inverse)
        return found

    def step(self, optimizer, *args, **kwargs):
        """The optimizer's step, left out if a gradient is infinite or not a number."""
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if "closure" in kwargs:
            raise RuntimeError("Closure use is not currently supported if GradScaler is enabled.")
        self._require_scale("step")
        progress = self._per_optimizer_states[id(optimizer)]
        if progress.stage is OptState.STEPPED:
            raise RuntimeError("step() has already been called since the last update().")
        if progress.stage is OptState.READY:
            self.unscale_(optimizer)
        if progress.found is None:
            raise AssertionError(
                hinted(
                    "No inf checks were recorded for this optimizer.",
                    "none of its parameters has a gradient: call backward() on the scaled loss.",
                )
            )
        result = None if progress.found else optimizer.step(*args, **kwargs)
        progress.stage = OptState.STEPPED
        return result

    def update(self, new_scale=None):
        """Adapt the scale to whether gradients were finite."""
        if not self._enabled:
            return
        self._require_scale("update")
        if new_scale is not None:
            self._scale.fill_(_checked_scale(new_scale))
        else:
            found = [p.found for p in self._per_optimizer_states.values() if p.found is not None]
            if not found:
                raise AssertionError("No inf checks were recorded prior to update.")
            self._adapt(any(found))
        self._per_optimizer_states = defaultdict(_Progress)

    def _adapt(self, bad):
        if bad:
            self._scale.mul_(self._backoff_factor)
            self._growth_tracker.fill_(0)
            return
        good = self._growth_tracker.item() + 1
        if good == self._growth_interval:
            larger = self._scale * self._growth_factor
            if bool(ops.isfinite(larger)):
                self._scale.copy_(larger)
            good = 0
        self._growth_tracker.fill_(good)

    def get_scale(self):
        """The scale, a number."""
        if not self._enabled:
            return 1.0
        return self._init_scale if self._scale is None else self._scale.item()

    def get_growth_factor(self):
        """By what the scale grows."""
        return self._growth_factor

    def set_growth_factor(self, new_factor):
        """Let the scale grow by another factor."""
        self._growth_factor = new_factor

    def get_backoff_factor(self):
        """By what the scale shrinks."""
        return self._backoff_factor

    def set_backoff_factor(self, new_factor):
        """Let the scale shrink by another factor."""
        self._backoff_factor = new_factor

    def get_growth_interval(self):
        """After how many good steps the scale grows."""
        return self._growth_interval

    def set_growth_interval(self, new_interval):
        """Let the scale grow after another number of good steps."""
        self._growth_interval = new_interval

    def _get_growth_tracker(self):
        if not self._enabled:
            return 0
        tracker = self._growth_tracker
        return self._init_growth_tracker if tracker is None else tracker.item()

    def is_enabled(self):
        """Whether it does anything."""
        return self._enabled

    def state_dict(self):
        """Scale, factors and counters; empty where it is switched off."""
        if not self._enabled:
            return {}
        return {
            "scale": self.get_scale(),
            "growth_factor": self._growth_factor,
            "backoff_factor": self._backoff_factor,
            "growth_interval": self._growth_interval,
            "_growth_tracker": self._get_growth_tracker(),
        }

    def load_state_dict(self, state_dict):
        """Take over what `state_dict` gave."""
        if not self._enabled:
            return
        if not state_dict:
            raise RuntimeError(
                "The source state dict is empty, possibly because it was saved from a disabled "
                "instance of GradScaler."
            )
        self._init_scale = state_dict["scale"]
        if self._scale is not None:
            self._scale.fill_(state_dict["scale"])
        self._growth_factor = state_dict["growth_factor"]
        self._backoff_factor = state_dict["backoff_factor"]
        self._growth_interval = state_dict["growth_interval"]
        self._init_growth_tracker = state_dict["_growth_tracker"]
        if self._growth_tracker is not None:
            self._growth_tracker.fill_(state_dict["_growth_tracker"])


def _checked_scale(new_scale):
    if isinstance(new_scale, Tensor):
        if new_scale.numel() != 1 or new_scale.requires_grad:
            raise AssertionError(_NEW_SCALE)
        return new_scale.item()
    return float(new_scale)
