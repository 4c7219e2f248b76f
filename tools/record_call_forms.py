"""Records how PyTorch's torch.fx writes calls of the functions that are Python functions there.

Writes src/tidu/fx/forms.tsv: the place of a function, the name PyTorch has for it in a graph (if
that is another), its positional arguments and the defaults of those that are written by name.
Needs PyTorch.
"""

import inspect
import types
import warnings
from pathlib import Path

import torch
from torch import fx
from torch.fx.node import _get_qualified_name

TARGET = Path(__file__).parents[1] / "src" / "tidu" / "fx" / "forms.tsv"
DISPATCHED = "adaptive_max_pool fractional_max_pool max_pool".split()
VARIADIC = (
    "atleast_1d atleast_2d atleast_3d block_diag broadcast_tensors cartesian_prod chain_matmul "
    "einsum meshgrid".split()
)


def recorded(function, signature):
    """The one node that PyTorch records for a call with proxies as what is required; None if it
    records something else."""
    graph = fx.Graph()
    tracer = fx.proxy.GraphAppendingTracer(graph)
    given = []
    for p in signature.parameters.values():
        if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD:
            given.append(fx.Proxy(graph.placeholder(p.name), tracer))
    try:
        function(*given)
    except Exception:
        return None
    nodes = [node for node in graph.nodes if node.op != "placeholder"]
    names = {node: node.target for node in graph.nodes}
    if len(nodes) != 1 or nodes[0].op != "call_function" or nodes[0].target is not function:
        return None
    return [names[a] for a in nodes[0].args], {
        key: value for key, value in nodes[0].kwargs.items() if not isinstance(value, fx.Node)
    }


def rows():
    spaces = {"": torch, "nn.functional": torch.nn.functional}
    for path, space in spaces.items():
        for name in sorted(dir(space)):
            function = getattr(space, name)
            place = f"{path}.{name}" if path else name
            if name.startswith(("_", "has_torch")) or isinstance(function, type):
                continue
            if not callable(function):
                continue
            if not (function.__module__ or "").startswith(("torch", "None")) and path == "":
                continue
            said = _get_qualified_name(function)
            said = "" if said == f"torch.{place}" else said
            if not isinstance(function, types.FunctionType):
                if said.startswith("torch.") and path:
                    yield place, said, "", ""
                continue
            if not function.__module__.startswith(
                ("torch.functional", "torch.nn.functional", "torch._jit_internal")
            ):
                continue
            if name in VARIADIC:
                words = {"indexing": None} if name == "meshgrid" else None
                yield place, said, "*", repr(words) if words else ""
                continue
            asked = function
            if name.rstrip("123d") in DISPATCHED:
                asked = getattr(space, f"_{name}")
                signature = inspect.signature(asked)
                words = {p.name: p.default for p in signature.parameters.values()
                         if p.default is not p.empty}  # fmt: skip
                names = [p for p in signature.parameters if p not in words]
                yield place, said, " ".join(names), repr(words)
                continue
            form = recorded(function, inspect.signature(asked))
            if form is not None:
                yield place, said, " ".join(form[0]), repr(form[1])


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    lines = ["place\tname\tpositional\tby name"]
    lines += ["\t".join(row) for row in rows()]
    TARGET.write_text("\n".join(lines) + "\n", encoding="utf-8")
