"""Instance normalisation: each channel of each case by itself."""

import warnings

from .. import functional as F
from .batchnorm import _LazyNorm, _NormBase

__all__ = [
    "InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d", "LazyInstanceNorm1d",
    "LazyInstanceNorm2d", "LazyInstanceNorm3d",
]  # fmt: skip


class _InstanceNorm(_NormBase):
    _spatial = 0

    def __init__(
        self, num_features, eps=1e-5, momentum=0.1, affine=False, track_running_stats=False,
        device=None, dtype=None, *, bias=True,
    ):  # fmt: skip
        super().__init__(
            num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias
        )

    def _check_input_dim(self, input):
        n = self._spatial
        if input.dim() not in (n + 1, n + 2):
            raise ValueError(f"expected {n + 1}D or {n + 2}D input (got {input.dim()}D input)")

    def forward(self, input):
        self._check_input_dim(input)
        channel = input.dim() - self._spatial - 1
        if input.size(channel) != self.num_features:
            self._complain(input, channel)
        if channel == 0:
            return self._normalized(input.unsqueeze(0)).squeeze(0)
        return self._normalized(input)

    def _complain(self, input, channel):
        text = (
            f"input's size at dim={channel} does not match num_features. "
            "You can silence this warning by not passing in num_features, "
            "which is not used because affine=False"
        )
        if self.affine:
            raise ValueError(
                f"expected input's size at dim={channel} to match num_features "
                f"({self.num_features}), but got: {input.size(channel)}."
            )
        warnings.warn(text, stacklevel=3)

    def _normalized(self, input):
        return F.instance_norm(
            input, self.running_mean, self.running_var, self.weight, self.bias,
            self.training or not self.track_running_stats,
            0.0 if self.momentum is None else self.momentum, self.eps,
        )  # fmt: skip


class InstanceNorm1d(_InstanceNorm):
    """Normalises each channel of each case of (N, C, L)."""

    _spatial = 1


class InstanceNorm2d(_InstanceNorm):
    """Normalises each channel of each image of (N, C, H, W)."""

    _spatial = 2


class InstanceNorm3d(_InstanceNorm):
    """Normalises each channel of each case of (N, C, D, H, W)."""

    _spatial = 3


class _LazyInstanceNorm(_LazyNorm):
    def __init__(
        self, eps=1e-5, momentum=0.1, affine=True, track_running_stats=True, device=None,
        dtype=None, *, bias=True,
    ):  # fmt: skip
        super().__init__(eps, momentum, affine, track_running_stats, device, dtype, bias=bias)

    def initialize_parameters(self, input):
        """Take the shape from a first batch; without one, channels come first."""
        single = input.dim() == self._spatial + 1
        super().initialize_parameters(input.unsqueeze(0) if single else input)


class LazyInstanceNorm1d(_LazyInstanceNorm, InstanceNorm1d):
    """An InstanceNorm1d whose ``num_features`` the first batch tells."""

    cls_to_become = InstanceNorm1d


class LazyInstanceNorm2d(_LazyInstanceNorm, InstanceNorm2d):
    """An InstanceNorm2d whose ``num_features`` the first batch tells."""

    cls_to_become = InstanceNorm2d


class LazyInstanceNorm3d(_LazyInstanceNorm, InstanceNorm3d):
    """An InstanceNorm3d whose ``num_features`` the first batch tells."""

    cls_to_become = InstanceNorm3d
