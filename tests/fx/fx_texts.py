"""What traced programs say of themselves: graphs, code, tables.

`python tests/fx/fx_texts.py` records PyTorch's texts again, where PyTorch is installed.
"""

import contextlib
import io
import json
import re
import warnings
from importlib import import_module
from pathlib import Path

import graph_scripts
import traced_programs

SCRIPTS = Path(__file__).parents[1] / "data" / "fx_scripts.json"
RECORDED = Path(__file__).parents[1] / "data" / "fx_programs.json"
FUNCTION = re.compile(r"<(built-in )?(function|method)[^ ]* .*?>(?:\.fn at 0x\w+>)?")


def traced(torch, program, concrete):
    return torch.fx.symbolic_trace(program, *([concrete] if concrete else []))


def table(graph):
    """What print_tabular prints, without the addresses of functions and what they make wide."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        graph.print_tabular()
    return re.sub(r" +|-+", " ", FUNCTION.sub("<function>", out.getvalue()))


def texts(torch, module):
    return {
        "graph": str(module.graph), "code": module.code, "table": table(module.graph),
        "str": str(module), "readable": module.print_readable(print_output=False),
    }  # fmt: skip


def record():
    torch = import_module("torch")
    found = {
        name: texts(torch, traced(torch, program, concrete))
        for name, (program, concrete, _) in traced_programs.programs(torch).items()
    }
    RECORDED.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    for name in ("infra.pass_base", "infra.pass_manager", "shape_prop", "split_module"):
        import_module(f"torch.fx.passes.{name}")
    said = {f.__name__: graph_scripts.printed(torch, f) for f in graph_scripts.SCRIPTS}
    SCRIPTS.write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    record()
