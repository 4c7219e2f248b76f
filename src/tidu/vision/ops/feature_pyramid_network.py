"""Feature pyramids: maps of several sizes, each with what smaller ones saw (Lin et al. 2017)."""

from collections import OrderedDict

from ...nn import functional as F
from ...nn import init
from ...nn.modules import Conv2d, Module, ModuleList
from .misc import Conv2dNormActivation

__all__ = ["ExtraFPNBlock", "FeaturePyramidNetwork", "LastLevelMaxPool", "LastLevelP6P7"]


def _prepared(layers):
    for layer in layers:
        init.kaiming_uniform_(layer.weight, a=1)
        if layer.bias is not None:
            init.constant_(layer.bias, 0)


class ExtraFPNBlock(Module):
    """Further maps beyond the smallest: (results, inputs, names) to (results, names)."""

    def forward(self, results, x, names):
        pass


class FeaturePyramidNetwork(Module):
    """Maps of `in_channels_list` channels, largest first, to maps of `out_channels`.

    >>> import tidu as torch
    >>> maps = {"a": torch.zeros(1, 4, 8, 8), "b": torch.zeros(1, 6, 4, 4)}
    >>> [tuple(m.shape) for m in FeaturePyramidNetwork([4, 6], 5)(maps).values()]
    [(1, 5, 8, 8), (1, 5, 4, 4)]
    """

    _version = 2

    def __init__(self, in_channels_list, out_channels, extra_blocks=None, norm_layer=None):
        super().__init__()
        self.inner_blocks, self.layer_blocks = ModuleList(), ModuleList()
        for channels in in_channels_list:
            if channels == 0:
                raise ValueError("in_channels=0 is currently not supported")
            options = {"norm_layer": norm_layer, "activation_layer": None}
            self.inner_blocks.append(
                Conv2dNormActivation(channels, out_channels, kernel_size=1, padding=0, **options)
            )
            self.layer_blocks.append(
                Conv2dNormActivation(out_channels, out_channels, kernel_size=3, **options)
            )
        _prepared(m for m in self.modules() if isinstance(m, Conv2d))
        if extra_blocks is not None and not isinstance(extra_blocks, ExtraFPNBlock):
            raise TypeError(
                f"extra_blocks should be of type ExtraFPNBlock not {type(extra_blocks)}"
            )
        self.extra_blocks = extra_blocks

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, *rest):
        if (local_metadata.get("version") or 1) < 2:  # convolutions stood without a block then
            for name in [n for n in state_dict if n.startswith(prefix)]:
                block, _, parameter = name.removeprefix(prefix).rpartition(".")
                if block.count(".") == 1 and block.split(".")[0] in (
                    "inner_blocks",
                    "layer_blocks",
                ):
                    state_dict[f"{prefix}{block}.0.{parameter}"] = state_dict.pop(name)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)

    def forward(self, x):
        names, maps = list(x), list(x.values())
        results, above = [], None
        for inner, layer, one in zip(reversed(self.inner_blocks), reversed(self.layer_blocks),
                                     reversed(maps), strict=True):  # fmt: skip
            lateral = inner(one)
            if above is not None:
                lateral = lateral + F.interpolate(above, size=lateral.shape[-2:], mode="nearest")
            above = lateral
            results.insert(0, layer(above))
        if self.extra_blocks is not None:
            results, names = self.extra_blocks(results, maps, names)
        return OrderedDict(zip(names, results, strict=True))


class LastLevelMaxPool(ExtraFPNBlock):
    """One more map: every second pixel of the smallest."""

    def forward(self, results, x, names):
        results.append(F.max_pool2d(results[-1], kernel_size=1, stride=2, padding=0))
        return results, [*names, "pool"]


class LastLevelP6P7(ExtraFPNBlock):
    """Two more maps, by convolutions of stride 2."""

    def __init__(self, in_channels, out_channels):
        super().__init__()
        self.p6 = Conv2d(in_channels, out_channels, 3, 2, 1)
        self.p7 = Conv2d(out_channels, out_channels, 3, 2, 1)
        _prepared([self.p6, self.p7])
        self.use_P5 = in_channels == out_channels

    def forward(self, results, x, names):
        p6 = self.p6(results[-1] if self.use_P5 else x[-1])
        return [*results, p6, self.p7(F.relu(p6))], [*names, "p6", "p7"]
