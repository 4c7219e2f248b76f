"""torch.fx.passes.infra.pass_base: PassBase, of which passes are derived."""

from abc import ABC, abstractmethod
from typing import NamedTuple

from ...graph_module import GraphModule

__all__ = ["PassBase", "PassResult"]


class PassResult(NamedTuple):
    """What a pass gives: the module, and whether it changed anything."""

    graph_module: GraphModule
    modified: bool


class PassBase(ABC):
    """A pass: derive from it and write `call`.

    >>> import tidu as torch
    >>> from tidu.fx.passes.infra.pass_base import PassBase, PassResult
    >>> class Clean(PassBase):
    ...     def call(self, graph_module):
    ...         return PassResult(graph_module, graph_module.graph.eliminate_dead_code())
    >>> def f(x):
    ...     torch.exp(x)
    ...     return x
    >>> Clean()(torch.fx.symbolic_trace(f)).modified
    True
    """

    def __call__(self, graph_module):
        """The checks around `call`, and what it gives."""
        self.requires(graph_module)
        result = self.call(graph_module)
        self.ensures(graph_module)
        return result

    @abstractmethod
    def call(self, graph_module):
        """What the pass does; gives a `PassResult`, or None."""

    def requires(self, graph_module):  # noqa: B027
        """Checks before it; raises what is wrong."""

    def ensures(self, graph_module):  # noqa: B027
        """Checks after it; raises what is wrong."""
