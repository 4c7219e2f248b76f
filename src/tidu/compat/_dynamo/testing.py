"""torch._dynamo.testing: backends that count the graphs they are given, or keep them."""

from ..compilation.backends import lookup_backend
from .utils import same

__all__ = ["CompileCounter", "CompileCounterWithBackend", "EagerAndRecordGraphs", "same"]


class CompileCounter:
    """A backend that counts graphs (`frame_count`) and the calls in them (`op_count`).

    >>> import tidu as torch
    >>> counter = torch._dynamo.testing.CompileCounter()
    >>> torch.compile(lambda x: (x + 1).sin(), backend=counter)(torch.zeros(1))
    tensor([0.8415])
    >>> counter.frame_count, counter.op_count
    (1, 2)
    """

    def __init__(self):
        self.clear()

    def clear(self):
        self.frame_count = self.op_count = 0

    def __call__(self, gm, example_inputs):
        self.frame_count += 1
        self.op_count += sum("call" in node.op for node in gm.graph.nodes)
        return gm.forward


class CompileCounterWithBackend(CompileCounter):
    """The same; what it counts another backend compiles. `graphs`: all of them."""

    def __init__(self, backend):
        super().__init__()
        self.backend = backend

    def clear(self):
        super().clear()
        self.graphs = []

    def __call__(self, gm, example_inputs):
        super().__call__(gm, example_inputs)
        self.graphs.append(gm)
        return lookup_backend(self.backend)(gm, example_inputs)


class EagerAndRecordGraphs:
    """A backend that keeps the graphs it is given, and calls them as they are."""

    def __init__(self):
        self.graphs = []

    def __call__(self, gm, example_inputs):
        self.graphs.append(gm)
        return gm.forward
