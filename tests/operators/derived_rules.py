"""The rules that are derived from the formulas of fused operators, as stored in derived_rules.txt.

A refactor leaves them alone, or shows what it changes. To renew them (and read the difference):

    python tests/operators/derived_rules.py
"""

from pathlib import Path

from tidu.cli.ops import all_primitives
from tidu.primitives.fused import Fused
from tidu.primitives.over_axes.operators import OverAxes

STORED = Path(__file__).with_suffix(".txt")
CALLS = {  # of formulas that depend on the params
    "clamp": [{"low": a, "high": b} for a, b in ((-1.0, 2.0), (-1.0, None), (None, 2.0))],
}


def rules():
    """The text of every rule: what a node's derivative computes, its value, and tangents."""
    parts = []
    for module, name, prim in all_primitives():
        if isinstance(prim, OverAxes):
            parts += [(module, name, title, text) for title, text in over_axes(prim)]
        elif isinstance(prim, Fused):
            parts += [(module, name, title, text) for title, text in of_elements(prim)]
    return "\n".join([f"# {m}.{n}: {title}\n{text}" for m, n, title, text in parts])


def over_axes(prim):
    for i in prim.inputs if prim.differentiable else ():
        yield i, prim.derivation.rule(i, prim.saves[i]).text
        yield f"tangent of {i}", prim.derivation.forward(i).text


def of_elements(prim):
    if callable(prim.formula):
        steps = [(f", {params}", prim.derivation.of(params)) for params in CALLS[prim.name]]
    else:
        steps = [("", prim.derivation)]
    for words, derivation in steps:
        yield f"value{words}", derivation.value.text
        for i, saves in prim.saves.items():
            rule = derivation.rule(i, saves)
            yield i + words, getattr(rule, "text", "def rule(t):\n    return zeros_like(t)\n")


if __name__ == "__main__":
    STORED.write_text(rules())
