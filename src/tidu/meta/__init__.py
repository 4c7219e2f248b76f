"""Tensors on the device "meta": shapes, types and strides without numbers.

`tensor.py` is the tensor, `shapes.py` what functions make of it, `making.py` how it is made.
"""

from .making import made_by, on_meta, without_numbers
from .tensor import Meta, MetaTensor

__all__ = ["Meta", "MetaTensor", "made_by", "on_meta", "without_numbers"]
