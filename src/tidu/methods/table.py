"""The comparison as a table: with rich on a terminal, plain text in a pipe or under NO_COLOR."""

import os
import sys

from ..base.lazy import lazy_module

__all__ = ["print_table", "text_table"]

rich_table = lazy_module("rich.table")
rich_console = lazy_module("rich.console")
rich_box = lazy_module("rich.box")

HEADS = ("method", "gradient", "error", "time", "size", "note")


def seconds(value):
    """A time in the unit that suits it."""
    if value is None:
        return "-"
    for unit, factor in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if value >= factor:
            return f"{value / factor:.3g} {unit}"
    return f"{value / 1e-9:.3g} ns"


def numbers(value):
    """A derivative, shortened where it has many elements."""
    if value is None:
        return "-"
    if isinstance(value, list):
        shown = [numbers(v) for v in value[:4]]
        return f"[{', '.join(shown)}{', ...' if len(value) > 4 else ''}]"
    return f"{value:.12g}"


def cells(row):
    gradient = "  ".join([f"∂{n}: {numbers(v)}" for n, v in row.gradient.items()])
    error = "-" if row.error is None else "0" if row.error == 0 else f"{row.error:.1e}"
    return (row.method, gradient, error, seconds(row.seconds), row.size, row.note)


def heading(found):
    at = ", ".join([f"{n} = {numbers(v)}" for n, v in found.at.items()])
    return f"f = {found.function} at {at}: f = {numbers(found.value)}"


def footing(found):
    best = []
    for kind in ("forward", "central"):
        errors = found.sweep.get(kind)
        if errors:
            least = min(range(len(errors)), key=errors.__getitem__)
            best.append(f"{kind} {errors[least]:.0e} at h = {found.sweep['h'][least]:.0e}")
    return [f"error: relative to {found.reference}", f"least numerical error: {'; '.join(best)}"]


def text_table(found):
    """The table in plain characters."""
    rows = [HEADS, *[cells(row) for row in found.rows]]
    widths = [max(len(r[i]) for r in rows) for i in range(len(HEADS))]
    lines = ["  ".join([c.ljust(w) for c, w in zip(r, widths, strict=True)]).rstrip() for r in rows]
    rule = "  ".join(["-" * w for w in widths])
    return "\n".join([heading(found), "", lines[0], rule, *lines[1:], "", *footing(found)])


def print_table(found):
    """Print it, in colours where a person reads it."""
    if os.environ.get("NO_COLOR") or not sys.stdout.isatty():
        print(text_table(found))
        return
    try:
        table = rich_table.Table(box=rich_box.SIMPLE, title=heading(found), title_justify="left")
    except ModuleNotFoundError:
        print(text_table(found))
        return
    styles = {"error": "magenta", "time": "green", "note": "dim"}
    for head in HEADS:
        table.add_column(head, style=styles.get(head), overflow="fold")
    for row in found.rows:
        table.add_row(*[text.replace("[", r"\[") for text in cells(row)])
    console = rich_console.Console()
    console.print(table)
    for line in footing(found):
        console.print(line, style="dim", markup=False, highlight=False)
