"""Run a graph: on arrays, or on tensors under any transform."""

from .ir import Variable

__all__ = ["evaluate"]


def evaluate(graph, inputs):
    """The outputs of `graph` for these inputs."""
    values = {v: v.constant for v in graph.constants}
    values.update(zip(graph.inputs, inputs, strict=True))
    for equation in graph.equations:
        ins = [values[i] if isinstance(i, Variable) else i for i in equation.ins]
        out = equation.prim(*ins, **equation.params)
        parts = out if out.__class__ is tuple else (out,)
        values.update(zip(equation.outs, parts, strict=True))
    return [values[o] if isinstance(o, Variable) else o for o in graph.outputs]
