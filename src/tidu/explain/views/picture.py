"""Pictures of a graph without a browser: a layered layout as SVG, and DOT and Mermaid text.

Layout: each node one column after its latest input; in a column, ordered by the middle of its
neighbours, forth and back a few times. Where a column is crowded the picture grows.
"""

import html

__all__ = ["dot_of", "layers_of", "mermaid_of", "svg_of"]

GAP_X, GAP_Y, CHARACTER = 46, 16, 7.2


def layers_of(ids, edges):
    """[[id, ...] per column] for edges [(from, to)] of a graph without cycles."""
    column = dict.fromkeys(ids, 0)
    inputs = {id: [] for id in ids}
    users = {id: [] for id in ids}
    for source, target in edges:
        inputs[target].append(source)
        users[source].append(target)
    for id in ids:  # inputs come first in `ids`
        column[id] = max([column[i] + 1 for i in inputs[id]], default=0)
    for id in ids:  # leaves stand beside their first user
        if not inputs[id] and users[id]:
            column[id] = min(column[u] for u in users[id]) - 1
    columns = [[] for _ in range(max(column.values(), default=-1) + 1)]
    for id in ids:
        columns[column[id]].append(id)
    for turn in range(4):
        neighbours = inputs if turn % 2 == 0 else users
        place = {id: k for col in columns for k, id in enumerate(col)}
        for col in columns if turn % 2 == 0 else reversed(columns):
            col.sort(key=lambda id: _middle(neighbours[id], place, place[id]))
            place.update({id: k for k, id in enumerate(col)})
    return columns


def _middle(neighbours, place, own):
    return sum(place[n] for n in neighbours) / len(neighbours) if neighbours else own


def svg_of(items, edges, lines=None):
    """SVG of `items` [(id, label, kind)]; `lines` {id: [more text, ...]} below the label."""
    lines = lines or {}
    labels = {id: [label, *lines.get(id, ())] for id, label, _ in items}
    kinds = {id: kind for id, _, kind in items}
    columns = layers_of([id for id, _, _ in items], edges)
    boxes, x, height = {}, 12.0, 0.0
    for column in columns:
        width = max([_width(labels[id]) for id in column], default=0)
        y = 12.0
        for id in column:
            tall = 12 + 15 * len(labels[id])
            boxes[id] = [x + (width - _width(labels[id])) / 2, y, _width(labels[id]), tall]
            y += tall + GAP_Y
        height = max(height, y)
        x += width + GAP_X
    for column in columns:  # centred
        bottom = max([boxes[id][1] + boxes[id][3] for id in column], default=0)
        for id in column:
            boxes[id][1] += (height - GAP_Y - bottom) / 2
    parts = [_edge_svg(boxes[a], boxes[b]) for a, b in edges]
    parts += [_box_svg(boxes[id], labels[id], kinds[id]) for id in boxes]
    width = max(x - GAP_X + 12, 40)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" height="{height:.0f}" role="img" '
        'font-family="ui-monospace, monospace" font-size="12">' + "".join(parts) + "</svg>"
    )


def _width(lines):
    longest = max(sum(1.75 if c > "\u2e80" else 1 for c in line) for line in lines)
    return 18 + CHARACTER * longest


def _edge_svg(a, b):
    x1, y1, x2, y2 = a[0] + a[2], a[1] + a[3] / 2, b[0], b[1] + b[3] / 2
    bend = max(12, (x2 - x1) / 2)
    head = f"M{x2 - 6:.1f} {y2 - 3.5:.1f}L{x2:.1f} {y2:.1f}L{x2 - 6:.1f} {y2 + 3.5:.1f}z"
    return (
        f'<path d="M{x1:.1f} {y1:.1f}C{x1 + bend:.1f} {y1:.1f} {x2 - bend:.1f} {y2:.1f} '
        f'{x2:.1f} {y2:.1f}" fill="none" stroke="#8a929a"/><path d="{head}" fill="#8a929a"/>'
    )


FILLS = {"leaf": ("#e2f3f0", "#0b6e62"), "constant": ("#f6f5f2", "#7f8790")}


def _box_svg(box, lines, kind):
    x, y, width, height = box
    fill, stroke = FILLS.get(kind, ("#ffffff", "#8a929a"))
    round_corner = 14 if kind == "leaf" else 6
    texts = []
    for k, line in enumerate(lines):
        ink = "#1f2a33" if k == 0 else "#a8321c" if line.startswith("∇") else "#17508f"
        weight = ' font-weight="600"' if k == 0 else ""
        texts.append(
            f'<text x="{x + width / 2:.1f}" y="{y + 18 + 15 * k:.1f}" text-anchor="middle" '
            f'fill="{ink}"{weight}>{html.escape(line)}</text>'
        )
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" '
        f'rx="{round_corner}" fill="{fill}" stroke="{stroke}"/>' + "".join(texts)
    )


def dot_of(items, edges, lines=None):
    rows = ["digraph {", "  rankdir=LR;", "  node [shape=box, style=rounded];"]
    for id, label, kind in items:
        shown = [label, *(lines or {}).get(id, ())]
        text = "\\n".join([s.replace("\\", "\\\\").replace('"', '\\"') for s in shown])
        shape = ", shape=ellipse" if kind == "leaf" else ""
        rows.append(f'  n{id} [label="{text}"{shape}];')
    rows += [f"  n{a} -> n{b};" for a, b in edges]
    return "\n".join([*rows, "}"]) + "\n"


def mermaid_of(items, edges, lines=None):
    rows = ["flowchart LR"]
    for id, label, kind in items:
        shown = [label, *(lines or {}).get(id, ())]
        text = "<br>".join([html.escape(s.replace("[", "(").replace("]", ")")) for s in shown])
        rows.append(f'  n{id}(["{text}"])' if kind == "leaf" else f'  n{id}["{text}"]')
    rows += [f"  n{a} --> n{b}" for a, b in edges]
    return "\n".join(rows) + "\n"
