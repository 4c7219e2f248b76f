"""Checkpoints: `save` and `load` in PyTorch's file format, without ever running code of a file."""

from .files import load, save
from .problems import LoadError

__all__ = ["LoadError", "load", "save"]
