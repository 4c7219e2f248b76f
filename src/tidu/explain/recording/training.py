"""A training run watched: gradient norms and sizes of updates of every parameter, step by step.

A step is one backward pass. The graph of the first is recorded in full by a Recorder beside this.
"""

import math

import numpy as np

from ...core import modes
from ...core.node import Node
from ...program.signs import number_text
from .values import array_of, number_json

__all__ = ["TrainingWatch"]

MOST = 2000  # steps kept; a longer run keeps every second, fourth ... one
TINY, HUGE = 1e-6, 1e6


class Layer:
    """What is known of one parameter over the steps."""

    __slots__ = ("gradient", "leaf", "update", "value")

    def __init__(self, leaf):
        self.leaf, self.value = leaf, None
        self.gradient, self.update = {}, {}


class TrainingWatch:
    """Listens to backward passes; use it as a context around the training, inside a Recorder."""

    def __init__(self, recorder):
        self.recorder = recorder
        self.layers, self.loss, self.count, self.every = {}, {}, 0, 1
        self.scalars = {}

    def __enter__(self):
        modes.listen(self)
        return self

    def __exit__(self, *error):
        modes.unlisten(self)
        self._measure_updates()
        self.recorder.recording.training = self.summary()
        return False

    # --- what the core tells ---------------------------------------------------------------------

    def applied(self, prim, args, params, result):
        value = getattr(result, "_value", None)
        if getattr(value, "shape", None) == () and value.dtype is not None:
            if len(self.scalars) > 256:
                self.scalars.clear()
            self.scalars[id(result._node)] = value

    def pass_begins(self, job, seeds):
        self._measure_updates()
        if self.count % self.every == 0:
            values = [self.scalars.get(id(edge)) for edge, _ in seeds if edge.__class__ is Node]
            self.loss[self.count] = None if not values or values[0] is None else float(values[0])
        self.scalars.clear()

    def visited(self, job, node, g, out):
        pass

    def pass_ends(self, job):
        if self.count % self.every == 0:
            for leaf, g in job.leaves.values():
                layer = self.layers.get(id(leaf))
                if layer is None:
                    layer = self.layers[id(leaf)] = Layer(leaf)
                layer.gradient[self.count] = norm(array_of(g))
                layer.value = (self.count, array_of(leaf).copy())
            self._thin()
        self.count += 1

    def _measure_updates(self):
        """How far each parameter has moved since the gradient before arrived, beside its size."""
        for layer in self.layers.values():
            if layer.value is None:
                continue
            step, old = layer.value
            layer.value = None
            new = array_of(layer.leaf)
            if new is not None and new.shape == old.shape:
                size = norm(old)
                moved = norm(new.astype(np.float64) - old.astype(np.float64))
                layer.update[step] = moved / size if size else moved

    def _thin(self):
        if len(self.loss) <= MOST:
            return
        self.every *= 2
        for table in (
            self.loss,
            *[t for la in self.layers.values() for t in (la.gradient, la.update)],
        ):
            for step in [s for s in table if s % self.every]:
                del table[step]

    # --- what is told ----------------------------------------------------------------------------

    def summary(self):
        steps = sorted(self.loss)
        layers = []
        for layer in self.layers.values():
            names = self.recorder.names.known(id(layer.leaf))
            name = next((n for n in names if "." in n), names[0] if names else "?")
            layers.append({
                "name": name,
                "shape": list(layer.leaf.shape),
                "gradient": [_json(layer.gradient.get(step)) for step in steps],
                "update": [_json(layer.update.get(step)) for step in steps],
            })  # fmt: skip
        missing = self._missing()
        return {
            "steps": [step + 1 for step in steps],
            "loss": [_json(self.loss[step]) for step in steps],
            "layers": layers,
            "missing": missing,
            "health": health_of(layers, missing),
        }

    def _missing(self):
        """Parameters of the modules in use that no gradient ever reached."""
        found, seen = [], set()
        for root, module in self.recorder.names.seen:
            if root not in self.recorder.called:
                continue
            for path, parameter in module.named_parameters():
                key = id(parameter)
                if parameter.requires_grad and key not in self.layers and key not in seen:
                    seen.add(key)
                    found.append(f"{root}.{path}")
        return found


def norm(array):
    if array is None:
        return None
    flat = np.abs(array).astype(np.float64, copy=False).ravel()
    return float(np.sqrt(flat @ flat))


def _json(value):
    return None if value is None else number_json(float(f"{value:.6g}"))


def health_of(layers, missing):
    """The layers that stand out: gradients that vanish, explode, or never arrive."""
    found = [_finding("missing", "warning", f"No gradient ever arrived at {name}.",
                      f"{name} 从未得到梯度。") for name in missing]  # fmt: skip
    sizes = {layer["name"]: _typical(layer["gradient"]) for layer in layers}
    largest = max([s for s in sizes.values() if s is not None], default=0.0)
    for layer in layers:
        found += _of_layer(layer, sizes[layer["name"]], largest)
    return found


def _typical(values):
    known = [v for v in values if isinstance(v, (int, float)) and math.isfinite(v)]
    return float(np.median(known)) if known else None


def _of_layer(layer, typical, largest):
    name, values = layer["name"], [v for v in layer["gradient"] if v is not None]
    bad = next((k for k, v in enumerate(values) if isinstance(v, str)), None)
    if bad is not None:
        yield _finding(
            "exploding", "error",
            f"The gradient of {name} is {values[bad]} from step {bad + 1} on.",
            f"{name} 的梯度从第 {bad + 1} 步起为 {values[bad]}。",
        )  # fmt: skip
        return
    if typical is None:
        return
    if typical < TINY * largest or typical == 0:
        yield _finding(
            "vanishing", "warning",
            f"The gradient of {name} vanishes: its typical norm is {number_text(typical, 3)}, the "
            f"largest of all layers {number_text(largest, 3)}.",
            f"{name} 的梯度消失:典型范数 {number_text(typical, 3)},"
            f"各层最大 {number_text(largest, 3)}。",
        )  # fmt: skip
    high = max(values)
    if high > HUGE or (values[0] and high > 1e4 * values[0] and high > 10):
        yield _finding(
            "exploding", "warning",
            f"The gradient of {name} explodes: its norm grew from {number_text(values[0], 3)} to "
            f"{number_text(high, 3)}.",
            f"{name} 的梯度爆炸:范数从 {number_text(values[0], 3)} 增大到 {number_text(high, 3)}。",
        )  # fmt: skip


def _finding(kind, level, en, zh):
    return {"kind": kind, "level": level, "nodes": [], "en": en, "zh": zh}
