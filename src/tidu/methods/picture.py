"""The comparison as a picture: the error of differences by step size, and that of each method."""

from ..base.lazy import lazy_module

__all__ = ["draw"]

backend = lazy_module("matplotlib.backends.backend_agg", "pictures need matplotlib: pip install "
                      "matplotlib")  # fmt: skip
figures = lazy_module("matplotlib.figure", "pictures need matplotlib: pip install matplotlib")

FLOOR = 1e-17  # an error of zero has no place on a logarithmic axis


def draw(found, path):
    """Write the picture to `path`; its suffix (png, svg, pdf) chooses the format."""
    figure = figures.Figure(figsize=(9, 4), layout="constrained")
    backend.FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2, width_ratios=[3, 2])
    steps = found.sweep["h"]
    for kind, style in (("forward", "o-"), ("central", "s-")):
        errors = [max(e, FLOOR) for e in found.sweep[kind]]
        left.loglog(steps, errors, style, markersize=3, label=f"{kind} differences")
    for row in found.rows:
        if row.method == "automatic, reverse":
            left.axhline(max(row.error, FLOOR), color="black", linestyle=":", label=row.method)
    left.set(xlabel="step h", ylabel="relative error", title=f"f = {_short(found.function)}")
    left.legend(frameon=False, fontsize=8)
    shown = [row for row in found.rows if row.error is not None]
    right.barh([row.method for row in shown], [max(row.error, FLOOR) for row in shown])
    right.set(xscale="log", xlim=(FLOOR / 2, 1), xlabel="relative error")
    right.invert_yaxis()
    figure.savefig(path, dpi=150)


def _short(text):
    return text if len(text) <= 40 else text[:37] + "..."
