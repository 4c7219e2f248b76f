"""torch.quantization: torch.ao.quantization by its older name."""

from .ao.quantization import (
    DeQuantStub,
    FakeQuantize,
    HistogramObserver,
    MinMaxObserver,
    QConfig,
    QuantStub,
    QuantWrapper,
    convert,
    default_dynamic_qconfig,
    default_qconfig,
    fuse_modules,
    get_default_qat_qconfig,
    get_default_qconfig,
    prepare,
    prepare_qat,
    quantize,
    quantize_dynamic,
    quantize_qat,
)

__all__ = [
    "DeQuantStub", "FakeQuantize", "HistogramObserver", "MinMaxObserver", "QConfig", "QuantStub",
    "QuantWrapper", "convert", "default_dynamic_qconfig", "default_qconfig", "fuse_modules",
    "get_default_qat_qconfig", "get_default_qconfig", "prepare", "prepare_qat", "quantize",
    "quantize_dynamic", "quantize_qat",
]  # fmt: skip
