"""Reader: a document's numbers and formulas in words, for the views that are text.

It reads the JSON document alone, so a saved one is shown as a fresh one is.
"""

import numpy as np

from ...program.signs import ATOM, number_text, symbol, tex_number
from ..formulas.elements import Values, element_of, evaluate, numbers_of
from ..formulas.letters import unclashed
from ..formulas.notation import index_text, number, write, write_inside
from ..formulas.simplify import is_number
from ..recording.values import from_json, number_json

__all__ = ["Reader", "reached"]

TERMS = 6  # of a sum, written out


def reached(document, call):
    """The ids of the nodes a pass concerns, in the order they were computed."""
    found, waiting = set(), [id for id, _ in call["seeds"]]
    while waiting:
        id = waiting.pop()
        if id not in found:
            found.add(id)
            waiting += [i for i in document["nodes"][id]["inputs"] if isinstance(i, int)]
    return sorted(found)


class Reader:
    """What the views ask of a document."""

    def __init__(self, document):
        self.document = document
        self.nodes = document["nodes"]
        self.arrays = {}
        self.last = None  # the arrays of the node that was asked for last
        self.parts = None  # (node, which output) -> the named node of that part
        self.given = {}  # node -> value, where a pass began from another than the first

    def use(self, call):
        """Read values as they were in this pass."""
        self.given = {a["leaf"]: a["value"] for a in call["arrivals"] if "value" in a}
        self.arrays, self.last = {}, None
        return self

    # --- labels ----------------------------------------------------------------------------------

    def label(self, id):
        """A variable's name, or v7."""
        names = self.nodes[id]["names"]
        return names[0] if names else f"v{id}"

    def label_in(self, id, item):
        """An input's label in a formula of its user, which may have its name: x = x_old + 1."""
        label = self.label(item)
        return label + "_old" if item != id and label in self.own_labels(id) else label

    def own_labels(self, id):
        """What a node's results are called: its own name, and those of its parts."""
        count = len(self.nodes[id].get("outputs", ()))
        return [self.label(id), *[self.label_of_part(id, k) for k in range(count)]]

    def operation(self, id):
        """Its name; that of the class for a function of the program's own."""
        node = self.nodes[id]
        if node["op"] == "function":
            return node["torch"].removesuffix("Backward") + ".backward"
        return node["op"]

    def line(self, id):
        place = self.nodes[id].get("place")
        return None if place is None else self.document["places"][place]["line"]

    def text(self, id):
        place = self.nodes[id].get("place")
        return "" if place is None else self.document["places"][place]["text"]

    def value_of(self, id):
        return self.given.get(id) or self.nodes[id]["value"]

    def array(self, id):
        if id not in self.arrays:
            self.arrays[id] = from_json(self.value_of(id))
        return self.arrays[id]

    def short(self, entry):
        """A value in a cell: the number of a scalar, else shape and norm or a few numbers."""
        if entry is None:
            return "-"
        if "parts" in entry:
            return "(" + ", ".join([self.short(part) for part in entry["parts"]]) + ")"
        shape, data = entry["shape"], entry.get("data")
        if data is not None and not shape:
            return number_text(data[0])
        if data is not None and len(data) <= 4:
            texts, width = [number_text(v, 4) for v in data], shape[-1] or 1
            rows = [" ".join(texts[k : k + width]) for k in range(0, len(texts), width)]
            return "[" + "; ".join(rows) + "]"
        form = "×".join(map(str, shape)) if len(shape) > 1 else f"{shape[0]}"
        if data is not None and data and all(v == data[0] for v in data):
            return f"{form} of {number_text(data[0], 4)}"
        norm = entry.get("summary", {}).get("norm")
        if data is not None:
            array = from_json(entry)
            norm = float(np.linalg.norm(array)) if array.dtype.kind in "fc" else None
        return form if norm is None else f"{form} norm {number_text(norm, 4)}"

    # --- formulas --------------------------------------------------------------------------------

    def formula(self, id):
        index = self.nodes[id].get("formula")
        return None if index is None else self.document["formulas"][index]

    def token(self, id, token):
        """The input, number or label that x0, out or g stands for in a node's formula."""
        if token[0] == "x" and token[1:].isdigit():
            inputs = self.nodes[id]["inputs"]
            item = inputs[int(token[1:])] if int(token[1:]) < len(inputs) else None
            if isinstance(item, int):
                return self.label_in(id, item)
            if isinstance(item, dict) and "number" in item:
                return item["number"]
            return item.get("other", "?") if isinstance(item, dict) else "?"
        if token[:3] == "out":
            return self.label(id) if token == "out" else self.label_of_part(id, int(token[3:]))
        return token

    def label_of_part(self, id, k):
        """Of one of several outputs: the variable that holds it, or v7[0]."""
        if self.parts is None:
            self.parts = {(n["inputs"][0], n["part"]): n["id"] for n in self.nodes
                          if n["kind"] == "part" and n["names"]}  # fmt: skip
        named = self.parts.get((id, k))
        return f"{self.label(id)}[{k}]" if named is None else self.label(named)

    def namer(self, id, style):
        def name(token):
            if isinstance(token, list):  # an element
                index = index_text(token[2], style)
                if isinstance(token[1], list):  # of what has no rule: inv(a)[i,j]
                    whole = write_inside(token[1], style, name)
                    return whole + (f"[{index}]" if index else ""), ATOM
                shown = self.token(id, token[1])
                if is_number(shown):
                    return number(shown, style)
                if style == "tex":
                    return symbol(shown) + (f"[{index}]" if index else ""), ATOM
                return shown + (f"[{index}]" if index else ""), ATOM
            shown = self.token(id, token)
            if is_number(shown):
                return number(shown, style)
            return (symbol(shown) if style == "tex" else str(shown)), ATOM

        return name

    def forward(self, id, style="text"):
        """The operation with the names of its inputs: x + y."""
        formula = self.formula(id)
        return None if formula is None else write(formula["forward"], style, self.namer(id, style))

    def forward_tree(self, id, part=None, rule=False):
        """The tree of the operation, of one of its outputs, or the rule of their elements."""
        formula = self.formula(id)
        if formula is None:
            return None
        if part is None:
            return formula.get("element") if rule else formula["forward"]
        return formula["elements" if rule else "outputs"][part]

    def forward_rule(self, id, part=None, style="text"):
        """The rule of every element of the result: Σ_b x[i,b]·w[b,j]."""
        tree = self.forward_tree(id, part, rule=True)
        return None if tree is None else self.written_rule(id, tree, style)

    def written_rule(self, id, tree, style):
        """A rule of elements; no letter of its sums is the name of a tensor in it."""
        return write(unclashed(tree, self.labels_in(id)), style, self.namer(id, style))

    def labels_in(self, id):
        """The names of all tensors in the formulas of a node."""
        items = [i for i in self.nodes[id]["inputs"] if isinstance(i, int)]
        return [*self.own_labels(id), "g", *[self.label_in(id, item) for item in items]]

    def forward_numbers(self, id, place, part=None, style="text", most=TERMS):
        """The element at `place` of the result with numbers put in; None if they are not kept."""
        values = self.values_for(id, None)
        return with_numbers(self.forward_tree(id, part), place, values, style, most)

    def defining(self, id, style="text", elements=False):
        """The equations that define the result: ["q @ r = x", ...]; of all elements alike."""
        formula, found = self.formula(id) or {}, []
        for equation in formula.get("defines", ()):
            sides = equation["elements"] if elements else (equation["left"], equation["right"])
            if None not in sides:
                write_side = self.written_rule if elements else self.written
                found.append(" = ".join([write_side(id, side, style) for side in sides]))
        return found

    def written(self, id, tree, style):
        return write(tree, style, self.namer(id, style))

    def defining_numbers(self, id, k, place, style="text", most=TERMS):
        """Both sides of an equation with numbers put in, at `place`; None if they are not kept."""
        equation, values = self.formula(id)["defines"][k], self.values_for(id, None)
        sides = [with_numbers(equation[side], place, values, style, most)
                 for side in ("left", "right")]  # fmt: skip
        return None if None in sides else sides

    def rule(self, id, index, part="message", style="text"):
        """The formula of a message ("message"), its local derivative ("local") or one element."""
        formula = self.formula(id)
        entry = None if formula is None else formula["inputs"][index]
        tree = None if entry is None else entry.get(part)
        if tree is None:
            return None
        if part == "element":
            return self.written_rule(id, tree, style)
        return write(tree, style, self.namer(id, style))

    def values_for(self, id, gradient):
        """The arrays that the names of a node's formula stand for."""
        if self.last is None or self.last[0] != id or self.last[1] is not gradient:
            self.last = id, gradient, self._values_for(id, gradient)
        return self.last[2]

    def _values_for(self, id, gradient):
        found = Values()
        for i, item in enumerate(self.nodes[id]["inputs"]):
            if isinstance(item, int):
                array = self.array(item)
            elif isinstance(item, dict) and "number" in item:
                array = np.asarray(float_of(item["number"]))
            else:
                array = None
            if array is not None:
                found[f"x{i}"] = array
        if self.array(id) is not None:
            found["out"] = self.array(id)
        if gradient is not None and "data" in gradient:
            found["g"] = from_json(gradient)
        outputs = self.nodes[id].get("outputs", ())
        parts = gradient["parts"] if gradient is not None and "parts" in gradient else ()
        for name, entries in (("out", outputs), ("g", parts)):
            found.update({f"{name}{k}": from_json(e) for k, e in enumerate(entries)
                          if e is not None and "data" in e})  # fmt: skip
        for k, entry in enumerate(outputs):  # a part that nothing arrived at
            if parts and parts[k] is None and "data" in entry:
                found[f"g{k}"] = np.zeros(entry["shape"])
        constants = (self.formula(id) or {}).get("constants", {})
        found.update({name: from_json(e) for name, e in constants.items() if "data" in e})
        return found

    def numbers(self, id, index, gradient, place, part="message", style="text", most=TERMS):
        """A formula with numbers put in, for the element at `place`; None if they are not kept.

        Of a sum of more than `most` terms the first ones and the last are written out.
        """
        formula = self.formula(id)
        entry = None if formula is None else formula["inputs"][index]
        tree = None if entry is None else entry.get(part)
        return with_numbers(tree, place, self.values_for(id, gradient), style, most)

    def evaluate(self, id, tree):
        """The value of a tree at a node whose values are scalars, as text."""
        values = self.values_for(id, None)
        found = element_of(tree, (), {name: array.shape for name, array in values.items()})
        if found is None:
            return None
        try:
            return number_text(number_of(evaluate(found, values)))
        except (KeyError, OverflowError, TypeError, ValueError):
            return None

    def telling(self, entry):
        """The index of the element a formula is shown for: the largest, by the larger part."""
        array = from_json(entry)
        if array is None or array.size == 0:
            return None
        if array.dtype.kind == "c":
            array = np.maximum(np.abs(array.real), np.abs(array.imag))
        size = np.abs(array) if array.dtype.kind in "fbiu" else np.abs(array.astype(np.float64))
        size = np.where(np.isnan(size), np.inf, size)
        return tuple([int(i) for i in np.unravel_index(int(np.argmax(size)), array.shape)])

    def worked(self, step, message, style="text"):
        """(formula, with numbers, result) of one message; parts that are not known are None."""
        id, index, entry = step["node"], message["input"], message["value"]
        general = self.rule(id, index, "message", style)
        place = self.telling(entry)
        if place is None:
            return general, None, None
        put_in = self.numbers(id, index, step["gradient"], place, "message", style)
        result = number_text(number_json(from_json(entry)[place]))
        return general, put_in, tex_number(result) if style == "tex" else result

    def worked_text(self, step, message):
        """`2·x·g = 2·3·1 = 6`; of an array its size, and one element with numbers."""
        general, numbers, result = self.worked(step, message)
        place = self.telling(message["value"])
        if not message["value"].get("shape"):
            return " = ".join(dict.fromkeys([part for part in (general, numbers, result) if part]))
        whole = " = ".join([part for part in (general, self.short(message["value"])) if part])
        if numbers is None or place is None:
            return whole
        return f"{whole}; [{','.join(map(str, place))}]: {numbers} = {result}"


def with_numbers(tree, place, values, style, most):
    """The element of a tree at `place` with numbers put in; None where they are not known."""
    if tree is None:
        return None
    shapes = {name: array.shape for name, array in values.items()}
    try:
        found = element_of(tree, place, shapes, most)
        return None if found is None else numbers_of(found, values, style)
    except (IndexError, KeyError, ValueError, OverflowError, ZeroDivisionError, TypeError):
        return None


def float_of(value):
    return complex(*[float(v) for v in value]) if isinstance(value, list) else float(value)


def number_of(value):
    return [float(value.real), float(value.imag)] if np.iscomplexobj(value) else float(value)
