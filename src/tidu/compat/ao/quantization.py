"""torch.ao.quantization: the stubs of a model pass their input on; what would quantize refuses."""

from ..base.refusals import refused_classes, refused_functions
from ..nn.modules import Module

__all__ = [
    "DeQuantStub", "FakeQuantize", "FakeQuantizeBase", "HistogramObserver", "MinMaxObserver",
    "MovingAverageMinMaxObserver", "ObserverBase", "PerChannelMinMaxObserver", "QConfig",
    "QConfigMapping", "QuantStub", "QuantWrapper", "convert", "default_dynamic_qconfig",
    "default_qconfig", "fuse_modules", "fuse_modules_qat", "get_default_qat_qconfig",
    "get_default_qconfig", "get_default_qconfig_mapping", "prepare", "prepare_qat", "quantize",
    "quantize_dynamic", "quantize_qat",
]  # fmt: skip

_HINT = (
    "there are no quantized layers here. torch.quantize_per_tensor makes quantized tensors, "
    "x.dequantize() reads them, torch.fake_quantize_per_tensor_affine trains for them, "
    "model.half() takes half the memory, torch.nn.utils.fusion fuses layers; quantize in PyTorch "
    "from the state_dict."
)
_CLASSES = (
    "FakeQuantizeBase ObserverBase "
    "QConfig QConfigMapping FakeQuantize HistogramObserver MinMaxObserver "
    "MovingAverageMinMaxObserver PerChannelMinMaxObserver"
)
_FUNCTIONS = (
    "convert fuse_modules fuse_modules_qat get_default_qat_qconfig get_default_qconfig "
    "get_default_qconfig_mapping prepare prepare_qat quantize quantize_dynamic quantize_qat"
)
(
    FakeQuantizeBase, ObserverBase, QConfig, QConfigMapping, FakeQuantize, HistogramObserver,
    MinMaxObserver, MovingAverageMinMaxObserver, PerChannelMinMaxObserver,
) = refused_classes("ao.quantization", _CLASSES, _HINT)  # fmt: skip
(
    convert, fuse_modules, fuse_modules_qat, get_default_qat_qconfig, get_default_qconfig,
    get_default_qconfig_mapping, prepare, prepare_qat, quantize, quantize_dynamic, quantize_qat,
) = refused_functions("ao.quantization", _FUNCTIONS, _HINT)  # fmt: skip
default_qconfig = default_dynamic_qconfig = None  # a model that has none stays as it is


class _Stub(Module):
    """Marks where numbers would change their type; they do not, before a model is converted."""

    def __init__(self, qconfig=None):
        super().__init__()
        if qconfig:
            self.qconfig = qconfig

    def forward(self, x):
        return x


class QuantStub(_Stub):
    """Where quantized numbers would begin; passes its input on.

    >>> import tidu as torch
    >>> torch.ao.quantization.QuantStub()(torch.ones(1))
    tensor([1.])
    """


class DeQuantStub(_Stub):
    """Where quantized numbers would end; passes its input on."""


class QuantWrapper(Module):
    """A module between the two stubs."""

    def __init__(self, module):
        super().__init__()
        self.quant, self.dequant, self.module = QuantStub(), DeQuantStub(), module
        self.train(module.training)

    def forward(self, X):
        return self.dequant(self.module(self.quant(X)))
