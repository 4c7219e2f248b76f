"""torch._dynamo.explain: what torch.compile makes of a function, counted."""

import warnings
from dataclasses import dataclass, field

from ..compilation import compile

__all__ = ["ExplainOutput", "GraphCompileReason", "explain"]


@dataclass
class GraphCompileReason:
    """Why a function is cut, or goes several ways."""

    reason: str
    user_stack: list = field(default_factory=list)
    graph_break: bool = True

    def __str__(self):
        return self.reason


@dataclass
class ExplainOutput:
    """Graphs, what cuts the function between them, and their operations.

    graphs: each printed with its elementary operations; tidu has no ATen graphs to give.
    ops_per_graph: for each, the names of its operations.
    """

    graphs: list
    graph_count: int
    graph_break_count: int
    break_reasons: list
    op_count: int
    ops_per_graph: list
    out_guards: list = field(default_factory=list)
    compile_times: str = ""

    def __str__(self):
        lines = [
            f"Graph Count: {self.graph_count}", f"Graph Break Count: {self.graph_break_count}",
            f"Op Count: {self.op_count}", "Break Reasons:",
        ]  # fmt: skip
        for i, reason in enumerate(self.break_reasons, 1):
            told = str(reason).replace("\n", "\n    ")
            lines += [f"  Break Reason {i}:", f"    Reason: {told}"]
        lines.append("Ops per Graph:")
        for i, names in enumerate(self.ops_per_graph, 1):
            lines += [f"  Ops {i}:", *[f"    {name}" for name in names]]
        return "\n".join(lines) + "\n"


def explain(f, *extra_args, **extra_kwargs):
    """A function of arguments: it compiles `f` for them and gives an `ExplainOutput`.

    Counts are of the programs that torch.compile makes here: PyTorch would cut at other statements
    and count other operations.

    >>> import tidu as torch
    >>> def f(x):
    ...     return torch.relu(x) * 2
    >>> told = torch._dynamo.explain(f)(torch.ones(2))
    >>> told.graph_count, told.graph_break_count, told.break_reasons
    (1, 0, [])
    """

    def inner(*args, **kwargs):
        made = compile(f)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            made(*args, **kwargs)
        return _counted(getattr(made, "_compiled", made))

    return inner(*extra_args, **extra_kwargs) if extra_args or extra_kwargs else inner


def _counted(optimized):
    if not hasattr(optimized, "with_stretches"):  # compilation is off: all runs eagerly
        return ExplainOutput([], 0, 0, [], 0, [])
    functions = optimized.with_stretches()
    versions = [v for g in functions for kept in g.versions.values() for v in kept]
    graphs = [version.compiled.forward.graph for version in versions]
    names = [[equation.prim.name for equation in graph.equations] for graph in graphs]
    reasons = [GraphCompileReason(text) for text in optimized.telling.reasons]
    breaks = [r for r in reasons if "cannot be compiled as one graph" in r.reason]
    return ExplainOutput(
        [str(graph) for graph in graphs], len(graphs), len(breaks), breaks,
        sum(map(len, names)), names,
    )  # fmt: skip
