"""torch.ao: quantization and its kin, of which only the marks in a model are here."""

from . import quantization

__all__ = ["quantization"]
