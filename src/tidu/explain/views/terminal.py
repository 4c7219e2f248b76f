"""The table of steps in a terminal: forward value, local derivative, what arrives, what is sent on.

Colours come from rich, and only on a terminal that has not asked for none (NO_COLOR).
"""

import io
import os
import shutil
from itertools import zip_longest

from ...base.lazy import lazy_module
from ...program.signs import added
from .reader import Reader

__all__ = ["HEADS", "NO_PASS", "columns", "lines_of", "print_table", "rows_of", "table_text"]

rich_table = lazy_module("rich.table")
rich_console = lazy_module("rich.console")
rich_text = lazy_module("rich.text")

HEADS = {
    "en": ["step", "node", "line", "forward", "local", "incoming", "message"],
    "zh": ["步", "节点", "代码", "前向值", "局部导数", "传入梯度", "传出消息"],
}
NO_PASS = {"en": "No backward pass was recorded.", "zh": "没有记录到反向传播。"}
MOST_ROWS = 60
MOST_CALLS = 5
WIDTH = 120  # columns, where no terminal tells
NARROWEST, NARROW = 60, 6  # of a table, of a column


def rows_of(reader, call):
    """One row of texts for each step of a pass; what goes to several inputs has several lines."""
    rows = []
    for number, step in enumerate(call["steps"], 1):
        id = step["node"]
        node = reader.nodes[id]
        line = reader.line(id)
        code = reader.text(id) or reader.forward(id) or node["op"]
        label = reader.label(id)
        name = node["names"][0] if node["names"] else label
        where = f"{line}: {code}" if line is not None else code
        rows.append([
            str(number), name, shortened(where, 34), reader.short(node["value"]),
            local_text(reader, step), incoming_text(reader, call, step),
            "\n".join([f"{reader.label_in(id, m['to'])}<-{reader.short(m['value'])}"
                       for m in step["sent"]]) or "-",
        ])  # fmt: skip
    return rows


def shortened(text, width):
    return text if len(text) <= width else text[: width - 1] + "…"


def local_text(reader, step):
    """`2·x = 2·3 = 6` for scalars; the formula alone, or the message's, otherwise."""
    id, shown = step["node"], []
    sends = {m["input"]: m for m in step["sent"]}
    several = len(sends) > 1
    for index, message in sends.items():
        general = reader.rule(id, index, "local")
        if general is None:
            general = reader.rule(id, index, "message")
            text = shortened(f"g ↦ {general}", 40) if general else reader.operation(id)
        else:
            text = shortened(general + with_numbers(reader, id, index, message, general), 40)
        shown.append(f"∂/∂{reader.label_in(id, message['to'])}: {text}" if several else text)
    return "\n".join(shown) or "-"


def with_numbers(reader, id, index, message, general):
    """ " = 2·3 = 6" where all is scalar."""
    if message["value"]["shape"] or reader.nodes[id]["value"]["shape"]:
        return ""
    put_in = reader.numbers(id, index, None, (), "local")
    if put_in is None or put_in == general:
        return ""
    value = local_value(reader, id, index)
    return f" = {put_in}" + (f" = {value}" if value is not None and value != put_in else "")


def local_value(reader, id, index):
    from_tree = reader.formula(id)["inputs"][index]["local"]
    return reader.evaluate(id, from_tree)


def incoming_text(reader, call, step):
    """What arrived; several messages as their sum."""
    total = reader.short(step["gradient"])
    if step.get("changed_by_hook"):
        return f"{total} (by a hook)"
    parts = [
        reader.short(call["steps"][k]["sent"][j]["value"] if k >= 0 else call["seeds"][j][1])
        for k, j in step["incoming"]
    ]
    if len(parts) > 1 and not step["gradient"].get("shape", [1]):
        return added(parts) + f" = {total}"
    return f"{total} (sum of {len(parts)})" if len(parts) > 1 else total


def leaf_lines(reader, call, language):
    """`x.grad: None -> 6   check (finite differences): 6.00000 ok`."""
    lines = []
    words = {"en": ("check (finite differences)", "ok", "differs"),
             "zh": ("数值检验(有限差分)", "一致", "不一致")}[language]  # fmt: skip
    for arrival in call["arrivals"]:
        name = reader.label(arrival["leaf"])
        before = "None" if arrival["before"] is None else reader.short(arrival["before"])
        gradient = reader.short(arrival["gradient"])
        if arrival["stored"] or call["call"] == "explain":
            total = before if arrival["before"] is None else added([before, gradient])
            line = f"{name}.grad: {total} -> {reader.short(arrival['after'])}"
        else:
            line = f"d/d{name}: {gradient}"
        check = arrival.get("check")
        if check is not None:
            shown = " ".join([f"{v:.6g}" for v in check["numeric"][:4]])
            more = " …" if len(check["numeric"]) > 4 else ""
            verdict = words[1] if check["ok"] else words[2]
            line += f"   {words[0]}: {shown}{more} {verdict}"
        lines.append(line)
    return lines


def chosen(document, call):
    calls = document["passes"]
    if call is not None:
        if call == 0 or abs(call) > len(calls):
            raise IndexError(f"there are {len(calls)} backward calls, numbered from 1: no {call}")
        return [calls[call - 1 if call > 0 else call]]
    return calls[:MOST_CALLS]


def print_table(document, file, call=None, language="en"):
    """Print the steps of one backward call, or of the first five, and the findings."""
    plain = bool(os.environ.get("NO_COLOR")) or not getattr(file, "isatty", lambda: False)()
    if plain:
        width = shutil.get_terminal_size((WIDTH, 24)).columns
        file.write(table_text(document, call, language, max(width, NARROWEST)))
        return
    reader = Reader(document)
    console = rich_console.Console(file=file)
    if not document["passes"]:
        console.print(NO_PASS[language])
    for entry in chosen(document, call):
        reader.use(entry)
        console.print(rich_text.Text(heading(document, entry, language), style="bold"))
        table = rich_table.Table(box=None, pad_edge=False, header_style="dim")
        for head, style in zip(HEADS[language], STYLES, strict=True):
            table.add_column(head, style=style, overflow="fold")
        for row in rows_of(reader, entry)[:MOST_ROWS]:
            table.add_row(*[rich_text.Text(cell) for cell in row])
        console.print(table)
        for line in leaf_lines(reader, entry, language):
            console.print(rich_text.Text(line, style="green"))
        console.print()
    for item in document["findings"]:
        console.print(rich_text.Text(finding_line(item, language), style=LEVELS[item["level"]]))


STYLES = ["dim", "bold", "cyan", "", "", "red", "red"]
LEVELS = {"error": "bold red", "warning": "yellow", "note": ""}


def finding_line(item, language):
    mark = {"error": "!!", "warning": "! ", "note": "- "}[item["level"]]
    return f"{mark} {item[language]}"


def heading(document, call, language):
    number = document["passes"].index(call) + 1
    place = call["place"]
    line = document["places"][place]["line"] if place is not None else None
    if call["call"] == "explain":
        return {"en": "backward(), if it were called now", "zh": "如果现在调用 backward()"}[
            language
        ]
    text = {"en": f"backward call {number}", "zh": f"第 {number} 次反向传播"}[language]
    where = {"en": f", line {line}", "zh": f",第 {line} 行"}[language] if line else ""
    return text + where


def table_text(document, call=None, language="en", width=None):
    """The same as plain text, in lines of at most `width` columns if that is given."""
    reader, out = Reader(document), io.StringIO()
    if not document["passes"]:
        out.write(NO_PASS[language] + "\n")
    for entry in chosen(document, call):
        reader.use(entry)
        out.write(heading(document, entry, language) + "\n")
        rows = rows_of(reader, entry)
        shown = [HEADS[language], *rows[:MOST_ROWS]]
        out.writelines(lines_of(shown, width))
        if len(rows) > MOST_ROWS:
            out.write(f"... {len(rows) - MOST_ROWS} more steps\n")
        for line in leaf_lines(reader, entry, language):
            out.write(line + "\n")
        out.write("\n")
    left = len(document["passes"]) - len(chosen(document, call))
    if left and call is None:
        out.write(f"... {left} more backward calls: print(call=6), or the page\n")
    for item in document["findings"]:
        out.write(finding_line(item, language) + "\n")
    return out.getvalue()


def lines_of(rows, width=None):
    """The lines of a table; where they would be too long, the widest columns are folded."""
    gaps = 2 * (len(rows[0]) - 1)
    whole = [[cell.replace("\n", "  ") for cell in row] for row in rows]
    widths = _widths(whole)
    if width is None or sum(widths) + gaps <= width:
        rows = whole
    else:
        widths = _widths(rows)
    while width is not None and sum(widths) + gaps > width and max(widths) > NARROW:
        widths[widths.index(max(widths))] -= 1
    for row in rows:
        cells = [[part for line in cell.split("\n") for part in folded(line, w)]
                 for cell, w in zip(row, widths, strict=True)]  # fmt: skip
        for parts in zip_longest(*cells, fillvalue=""):
            padded = [
                part + " " * (w - columns(part)) for part, w in zip(parts, widths, strict=True)
            ]
            yield "  ".join(padded).rstrip() + "\n"


def _widths(rows):
    """How wide each column is."""
    lines = [[max(map(columns, cell.split("\n"))) for cell in row] for row in rows]
    return [max(column) for column in zip(*lines, strict=True)]


def folded(text, width):
    """A text in lines of a width, broken between words where there is a space."""
    while columns(text) > width:
        end = next(k for k in range(len(text) + 1) if columns(text[:k]) > width) - 1
        space = text.rfind(" ", 1, end + 1)
        end = space if space > width // 3 else max(end, 1)
        yield text[:end].rstrip()
        text = "  " * (width > 8) + text[end:].lstrip()
    yield text


def columns(text):
    """How many columns a text takes: Chinese characters take two."""
    return sum(2 if "\u2e80" <= c <= "\u9fff" or "\uff00" <= c <= "\uffef" else 1 for c in text)
