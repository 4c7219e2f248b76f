"""torch.fx.passes.shape_prop: shapes and types of all values, written into the nodes."""

from typing import Any, NamedTuple

from ...base.constants import channels_last, channels_last_3d, contiguous_format
from ...base.dtypes import dtype
from ...base.size import Size
from ...core.handle import TensorBase
from ..interpreter import Interpreter
from ..node import map_aggregate

__all__ = ["ShapeProp", "TensorMetadata"]

_FORMATS = (contiguous_format, channels_last, channels_last_3d)


class TensorMetadata(NamedTuple):
    """What a node's tensor is like."""

    shape: Size
    dtype: dtype
    requires_grad: bool
    stride: tuple
    memory_format: Any
    is_quantized: bool
    qparams: dict


def _extract_tensor_metadata(result):
    contiguous = [form for form in _FORMATS if _fits(result, form)]
    return TensorMetadata(
        result.shape, result.dtype, result.requires_grad, result.stride(),
        contiguous[0] if contiguous else None, False, {},
    )  # fmt: skip


def _fits(tensor, memory_format):
    rank = {channels_last: 4, channels_last_3d: 5}.get(memory_format)
    if rank is not None and tensor.dim() != rank:
        return False
    return tensor.is_contiguous(memory_format=memory_format)


class ShapeProp(Interpreter):
    """Runs a graph and writes `meta["tensor_meta"]` and `meta["type"]` into each node.

    >>> import tidu as torch
    >>> from tidu.fx.passes.shape_prop import ShapeProp
    >>> module = torch.fx.symbolic_trace(torch.nn.Sequential(torch.nn.Linear(3, 2)))
    >>> _ = ShapeProp(module).propagate(torch.ones(5, 3))
    >>> [tuple(node.meta["tensor_meta"].shape) for node in module.graph.nodes]
    [(5, 3), (5, 2), (5, 2)]
    """

    def __init__(self, gm, fake_mode=None):
        super().__init__(gm)

    def run_node(self, n):
        try:
            result = super().run_node(n)
        except Exception as error:
            raise RuntimeError(
                f"ShapeProp error for: node={n.format_node()} with meta={n.meta}"
            ) from error
        found = []

        def extract(value):
            if not isinstance(value, TensorBase):
                return value
            found.append(value)
            return _extract_tensor_metadata(value)

        told = map_aggregate(result, extract)
        if found:
            n.meta["tensor_meta"] = told
        n.meta["type"] = type(result)
        return result

    def propagate(self, *args):
        """Run the graph on these inputs. Returns what it gives."""
        return super().run(*args)
