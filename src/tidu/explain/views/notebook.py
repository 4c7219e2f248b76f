"""What a notebook shows: a picture, the steps with their formulas, and the words; no scripts.

Everything is static HTML and SVG, safe where scripts are not run.
"""

import html

from .picture import svg_of
from .reader import Reader, reached
from .terminal import heading, incoming_text, leaf_lines

__all__ = ["drawing", "latex_of", "markdown_of", "notebook_html"]

MOST_NODES = 80
MOST_CALLS = 3


def drawing(document, call):
    """(items, edges, more lines of text) of the graph of a pass, with values and gradients."""
    reader = Reader(document).use(call)
    ids = reached(document, call)
    gradients = {step["node"]: step["gradient"] for step in call["steps"]}
    gradients.update({a["leaf"]: a["gradient"] for a in call["arrivals"]})
    inside, items, lines, edges = set(ids), [], {}, []
    for id in ids:
        node = document["nodes"][id]
        items.append((id, reader.label(id), node["kind"]))
        made = [node["op"]] if node["kind"] == "op" else []
        lines[id] = [*made, reader.short(reader.value_of(id))]
        if id in gradients:
            lines[id].append("∇ " + reader.short(gradients[id]))
        edges += [(i, id) for i in node["inputs"] if isinstance(i, int) and i in inside]
    return items, edges, lines


def picture(document, call):
    """The graph of a pass as SVG; None when it is too large."""
    return None if len(reached(document, call)) > MOST_NODES else svg_of(*drawing(document, call))


def notebook_html(document):
    calls = document["passes"]
    parts = [part for call in calls[:MOST_CALLS] for part in _call(document, call)]
    if len(calls) > MOST_CALLS:
        parts.append(
            f"<p>… {len(calls) - MOST_CALLS} more backward calls: .show() has them all</p>"
        )
    for item in document["findings"]:
        parts.append(f"<p><b>{item['level']}</b>: {html.escape(item['en'])}</p>")
    return "<div>" + "".join(parts) + "</div>"


def _call(document, call):
    reader = Reader(document).use(call)
    yield f"<h4>{html.escape(heading(document, call, 'en'))}</h4>"
    drawn = picture(document, call)
    if drawn is not None:
        yield f'<div style="overflow-x:auto">{drawn}</div>'
    rows = []
    for k, step in enumerate(call["steps"][:MOST_NODES], 1):
        sent = "<br>".join([html.escape(line) for line in worked_lines(reader, step)])
        cells = [
            k,
            reader.label(step["node"]),
            reader.text(step["node"]),
            reader.short(reader.value_of(step["node"])),
            incoming_text(reader, call, step),
        ]
        rows.append("<tr>" + "".join([f"<td>{html.escape(str(c))}</td>" for c in cells])
                    + f"<td>{sent}</td></tr>")  # fmt: skip
    heads = "".join(
        [f"<th>{h}</th>" for h in ("step", "node", "code", "value", "arrives", "sends")]
    )
    yield (f"<details open><summary>Steps</summary><table><tr>{heads}</tr>{''.join(rows)}</table>"
           "</details>")  # fmt: skip
    lines = [html.escape(line) for line in leaf_lines(reader, call, "en")]
    yield f"<p><code>{'<br>'.join(lines)}</code></p>"
    index = document["passes"].index(call)
    told = document["stories"]["en"]
    if index < len(told):
        sentences = "".join([f"<li>{html.escape(s)}</li>" for s in told[index]])
        yield f"<details><summary>In words</summary><ol>{sentences}</ol></details>"


def worked_lines(reader, step):
    """`x <- 2·x·g = 2·3·1 = 6` for each message of a step."""
    for message in step["sent"]:
        target = reader.label_in(step["node"], message["to"])
        yield f"{target} ← {reader.worked_text(step, message)}"


def latex_of(document, call=0):
    """The formulas of a pass as LaTeX, for notebooks and papers."""
    if not document["passes"]:
        return None
    call = document["passes"][call]
    reader = Reader(document).use(call)
    rows = []
    for step in call["steps"][:MOST_NODES]:
        for message in step["sent"]:
            general, numbers, result = reader.worked(step, message, "tex")
            if general is None:
                continue
            scalar = not message["value"]["shape"]
            shown = [general, *([numbers, result] if scalar and numbers else [])]
            target = name_tex(reader, message["to"])
            left = rf"\frac{{\partial L}}{{\partial {target}}} &\mathrel{{+}}= "
            rows.append(left + " = ".join(shown))
    return r"\begin{aligned}" + r"\\ ".join(rows) + r"\end{aligned}" if rows else None


def name_tex(reader, id):
    return reader.namer(id, "tex")("out")[0]


def markdown_of(document, language="en"):
    """The passes as Markdown: words, a table of steps, and what stands out."""
    lines = [f"# {document['title'] or 'tidu explain'}", ""]
    for index, call in enumerate(document["passes"][: len(document["stories"][language])]):
        reader = Reader(document).use(call)
        lines += [f"## {heading(document, call, language)}", ""]
        lines += [f"- {s}" for s in document["stories"][language][index]]
        lines += ["", "| node | value | arrives | sends |", "|---|---|---|---|"]
        for step in call["steps"][:MOST_NODES]:
            sent = "; ".join(worked_lines(reader, step))
            cells = [reader.label(step["node"]), reader.short(reader.value_of(step["node"])),
                     reader.short(step["gradient"]), sent]  # fmt: skip
            lines.append("| " + " | ".join([c.replace("|", "\\|") for c in cells]) + " |")
        lines.append("")
    if document["findings"]:
        lines += [{"en": "## Warnings", "zh": "## 提醒"}[language], ""]
        lines += [f"- {finding[language]}" for finding in document["findings"]] + [""]
    return "\n".join(lines)
