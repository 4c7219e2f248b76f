"""The tables of `run.py` in Markdown, made from what was measured, which is JSON."""

import math

from processes import FIRST, ROWS

EAGER = ("tidu", "torch")
COUNTED = (
    "W20: from the first call to the end of the second in a fresh process: recording, planning, "
    "machine code, and the two steps. Not counted: importing the library and its compiler, making "
    "data and weights. The second process finds what the first one kept (jax is told to keep it)."
)


def timed_table(rows, libraries):
    """The workloads, microseconds; no column without a library for it."""
    if not rows:
        return []
    columns = [(f"{name}, µs", lambda row, name=name: figure(row["step"][name] * 1e6))
               for name in libraries]  # fmt: skip
    columns += [column for column, (needed, instead) in COMPARISONS
                if needed <= {*libraries} and instead not in libraries]  # fmt: skip
    if any(not name.startswith("tidu") for name in libraries) and "tidu.compile" in libraries:
        columns.append(("compiled / best peer", lambda row: beside_best(row["step"])))
    columns += [(f"grad / primal: {name}", lambda row, name=name: gradient_part(row, name))
                for name in EAGER if name in libraries]  # fmt: skip
    lines = head("workload", [title for title, _ in columns])
    for name, row in rows.items():
        lines.append(line(f"{name} {row['title']}", [cell(of, row) for _, of in columns]))
    return lines + mean_of(rows)


def head(first, titles):
    return [line(first, titles), "|---|" + "---:|" * len(titles)]


def line(first, cells):
    return "| " + " | ".join([first, *cells]) + " |"


def cell(of, row):
    """What a column says of a row; a dash where a library has no time for it."""
    try:
        return of(row)
    except KeyError:
        return "-"


def ratio(first, second):
    value = first / second
    return f"**{value:.2f}**" if value >= 0.1 else f"**{value:.2g}**"


def part(name, other):
    return lambda row: ratio(row["step"][name], row["step"][other])


# A column, the libraries it compares, and the one whose columns say as much.
COMPARISONS = (
    (("tidu / torch", part("tidu", "torch")), ({"tidu", "torch"}, None)),
    (("compiled / torch", part("tidu.compile", "torch")), ({"tidu.compile", "torch"}, None)),
    (("compiled / tidu", part("tidu.compile", "tidu")), ({"tidu.compile", "tidu"}, "torch")),
)


def beside_best(times):
    """The compiled program beside the quickest of the others."""
    best = min([name for name in times if not name.startswith("tidu")], key=times.get, default="")
    return f"{ratio(times['tidu.compile'], times[best])} {best}"


def gradient_part(row, name):
    return f"{row['gradient'][name] / row['primal'][name]:.1f}"


def mean_of(rows):
    ratios = [row["step"]["tidu"] / row["step"]["torch"] for row in rows.values()
              if {"tidu", "torch"} <= row["step"].keys()]  # fmt: skip
    if not ratios:
        return []
    mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
    return ["", f"tidu / torch, geometric mean of {len(ratios)} workloads: **{mean:.2f}**"]


def figure(value):
    """Three significant digits, without an exponent."""
    digits = max(0, 2 - math.floor(math.log10(value))) if value > 0 else 0
    return f"{value:.{digits}f}"


def first_table(rows):
    """The first two calls: with an empty cache, and in a second process, of each library."""
    names = list(dict.fromkeys(name for row in rows.values() for name in row))
    if not names:
        return []
    ways = {"empty": "empty cache", "again": "second process"}
    lines = ["", *head("", [f"{name}, {ways[way]}" for name in names for way in ways]
                       + [f"tidu / best peer, {told}" for told in ways.values()])]  # fmt: skip
    for name, row in rows.items():
        times = {way: {key: found[way] for key, found in row.items()} for way in ways}
        cells = [figure(times[way][key]) if key in row else "-" for key in names for way in ways]
        cells += [cell(beside_best, times[way]) for way in ways]
        lines.append(line(f"W20 {FIRST[name]}", cells))
    return lines


def process_table(rows, libraries):
    """Import time, installed size and peak memory."""
    if not rows:
        return []
    names = [name for name in libraries if "." not in name]
    lines = ["", *head("", [*names, "tidu / torch"])]
    for row in ROWS:
        if row.title not in rows:
            continue
        values = rows[row.title]
        cells = [figure(values[name]) if name in values else "-" for name in names]
        both = row.beside and {"tidu", "torch"} <= values.keys()
        cells.append(ratio(values["tidu"], values["torch"]) if both else "-")
        lines.append(line(f"{row.name} {row.title}", cells))
    return lines
