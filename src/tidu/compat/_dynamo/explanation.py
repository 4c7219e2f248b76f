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

    graphs: the `torch.fx.GraphModule`s that a backend is given.
    ops_per_graph: for each, the functions that it calls (methods are not among them).
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
        for i, functions in enumerate(self.ops_per_graph, 1):
            lines += [f"  Ops {i}:", *[f"    {function}" for function in functions]]
        return "\n".join(lines) + "\n"


def explain(f, *extra_args, **extra_kwargs):
    """A function of arguments: it runs `f` on them and gives an `ExplainOutput` about the graphs
    that a backend would be given.

    >>> import tidu as torch
    >>> def f(x):
    ...     return torch.relu(x) * 2
    >>> told = torch._dynamo.explain(f)(torch.ones(2))
    >>> told.graph_count, told.graph_break_count, told.op_count
    (1, 0, 2)
    """

    def inner(*args, **kwargs):
        graphs = []

        def keep(gm, example_inputs):
            graphs.append(gm)
            return gm.forward

        made = compile(f, backend=keep)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            made(*args, **kwargs)
        telling = getattr(getattr(made, "_compiled", made), "telling", None)
        return _told(graphs, telling.reasons if telling else [])

    return inner(*extra_args, **extra_kwargs) if extra_args or extra_kwargs else inner


def _told(graphs, reasons):
    functions = [[n.target for n in gm.graph.nodes if n.op == "call_function"] for gm in graphs]
    breaks = [GraphCompileReason(r) for r in reasons if "cannot be compiled as one graph" in r]
    return ExplainOutput(
        graphs, len(graphs), max(len(graphs) - 1, 0), breaks, sum(map(len, functions)), functions
    )
