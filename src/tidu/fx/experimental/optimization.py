"""torch.fx.experimental.optimization: layers with the batch norm after them as one layer."""

import copy

from ...nn import (
    BatchNorm1d,
    BatchNorm2d,
    BatchNorm3d,
    Conv1d,
    Conv2d,
    Conv3d,
    Dropout,
    Linear,
)
from ...nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval
from .._symbolic_trace import symbolic_trace
from ..graph_module import GraphModule
from ..interpreter import Transformer
from ..node import Node

__all__ = ["extract_subgraph", "fuse", "matches_module_pattern", "remove_dropout",
           "replace_node_module"]  # fmt: skip

_PAIRS = {(Conv1d, BatchNorm1d): fuse_conv_bn_eval, (Conv2d, BatchNorm2d): fuse_conv_bn_eval,
          (Conv3d, BatchNorm3d): fuse_conv_bn_eval,
          (Linear, BatchNorm1d): fuse_linear_bn_eval}  # fmt: skip


def matches_module_pattern(pattern, node, modules):
    """Whether a node calls a module of the last class on what one of the first class gives."""
    if not node.args or not isinstance(node.args[0], Node):
        return False
    for kind, current in zip(pattern, (node.args[0], node), strict=True):
        if current.op != "call_module" or type(modules.get(current.target)) is not kind:
            return False
    return True


def replace_node_module(node, modules, new_module):
    """Put another module where a node's target says."""
    place, _, name = node.target.rpartition(".")
    modules[node.target] = new_module
    setattr(modules[place], name, new_module)


def fuse(model, inplace=False, no_trace=False):
    """A model in which no batch norm follows a convolution or a linear layer: its numbers are in
    the weights of the layer. For evaluation; the model itself stays, unless `inplace`.

    Raises:
        AssertionError: the model is in training mode.

    >>> import tidu as torch
    >>> from tidu.fx.experimental.optimization import fuse
    >>> model = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2)).eval()
    >>> fused = fuse(model)
    >>> [type(layer).__name__ for layer in fused.children()]
    ['Conv2d']
    >>> x = torch.rand(1, 1, 4, 4)
    >>> torch.allclose(fused(x), model(x), atol=1e-6)
    True
    """
    if not inplace:
        model = copy.deepcopy(model)
    traced = model if no_trace and isinstance(model, GraphModule) else symbolic_trace(model)
    modules = dict(traced.named_modules())
    for pattern, fusing in _PAIRS.items():
        for node in traced.graph.nodes:
            if not matches_module_pattern(pattern, node, modules) or len(node.args[0].users) > 1:
                continue
            bn = modules[node.target]
            if not bn.track_running_stats:
                continue
            replace_node_module(node.args[0], modules, fusing(modules[node.args[0].target], bn))
            node.replace_all_uses_with(node.args[0])
            traced.graph.erase_node(node)
    return GraphModule(traced, traced.graph)


def remove_dropout(model):
    """The model without its dropout layers, as a `GraphModule`."""
    traced = symbolic_trace(model)

    class DropoutRemover(Transformer):
        def call_module(self, target, args, kwargs):
            if isinstance(self.submodules[target], Dropout):
                return args[0]
            return super().call_module(target, args, kwargs)

    return DropoutRemover(traced).transform()


def extract_subgraph(orig_module, nodes, inputs, outputs):
    """The nodes, with these inputs and outputs, as a `GraphModule` of their own."""
    graph, values = type(orig_module.graph)(), {}
    for given in inputs:
        values[given] = graph.placeholder(given.name)
    for node in nodes:
        values[node] = graph.node_copy(node, lambda n: values[n])
    graph.output([values[output] for output in outputs])
    graph.lint()
    return GraphModule(orig_module, graph)
