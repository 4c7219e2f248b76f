"""A Recording as one JSON document, schema 1: what all views and the page are made from.

docs/explain_schema.md describes every field; `assets/schema.json` is its JSON Schema.
"""

import os
import re

import numpy as np

from ...version import release
from ..formulas.defining import equations_of, holding
from ..formulas.elements import shape_of
from ..formulas.expression import is_by_element, local_tree, rules_of, tree_key
from ..formulas.letters import lettered
from ..recording.records import Record
from ..recording.values import Snapshot, as_json, number_json
from .findings import findings_of
from .numeric import check_passes
from .story import stories_of
from .uncut import note_uncut

__all__ = ["document_of"]

SCHEMA = 1
SMALL = 64  # elements written in full
ROOMY = 1024  # the same, in a recording of up to 400 nodes
TINY = 16  # the same, above 5000 nodes
DETAILED = 20_000  # steps written in all; of later passes only what reached the leaves
LINES = 4000


def document_of(recording, title=""):
    """The document, as a dictionary that json can write."""
    check_passes(recording)
    note_uncut(recording)
    return Writer(recording, title).document()


class Writer:
    """Collects the tables that nodes refer to by number: files, places, formulas."""

    def __init__(self, recording, title):
        self.recording, self.title = recording, title
        self.files, self.places, self.formulas = {}, {}, {}
        self.formula_list = []
        self.steps_left = DETAILED
        self.arrived = arrivals_at(recording)
        count = len(recording.records)
        self.limit = ROOMY if count <= 400 else SMALL if count <= 5000 else TINY

    def document(self):
        recording = self.recording
        nodes = [self.node(record) for record in recording.records]
        passes = [self.backward(call) for call in recording.passes]
        document = {
            "schema": SCHEMA,
            "tidu": release,
            "title": self.title,
            "nodes": nodes,
            "passes": passes,
            "formulas": self.formula_list,
            "cuts": [self.cut(cut) for cut in recording.cuts],
            "findings": findings_of(recording),
            "stories": stories_of(recording),
            "left_out": recording.left_out,
            "pauses": [
                {"place": self.place(place), "calls": calls, "modules": modules}
                for place, calls, modules in recording.pauses
            ],
            "training": recording.training,
        }
        document["error"] = self.error()
        document["places"] = list(self.places.values())
        document["files"] = [self.file(path) for path in self.files]
        return document

    # --- nodes -----------------------------------------------------------------------------------

    def node(self, record):
        entry = {
            "id": record.id,
            "kind": record.kind,
            "op": record.op,
            "torch": record.torch_name,
            "names": record.names,
            "inputs": [self.input(item) for item in record.inputs],
            "value": as_json(record.value, self.limit),
        }
        optional = {
            "loops": [list(turn) for turn in record.loops],
            "calls": [[self.file_index(file), line] for file, line in record.stack],
            "module": record.module,
            "saved": [list(item) for item in record.saved],
            "kinks": record.kinks,
            "retains_grad": record.retains,
            "made_in": list(record.made_in) if record.made_in else None,
            "outputs": [as_json(shot, self.limit) for shot in record.made],
            "role": record.role,
            "version": record.version,
            "microseconds": round(record.micros, 1),
        }
        numbered = {
            "place": self.place(record.place),
            "part": record.index,
            "formula": self.formula(record) if record.kind in ("op", "part") else None,
        }
        # What is empty is left out: a graph may have thousands of nodes.
        entry.update({key: value for key, value in optional.items() if value})
        entry.update({key: value for key, value in numbered.items() if value is not None})
        return entry

    def input(self, item):
        if isinstance(item, Record):
            return item.id
        if isinstance(item, (bool, int, float, complex)):
            return {"number": number_json(item)}
        return {"other": type(item).__name__ if item is not None else "None"}

    def formula(self, record):
        if record.kind == "part":
            return self.part_formula(record)
        arrived = self.arrived.get(record.id)
        key = tree_key(record, arrived)
        if key not in self.formulas:
            self.formulas[key] = len(self.formula_list)
            self.formula_list.append(self.new_formula(record, arrived))
        return self.formulas[key]

    def part_formula(self, record):
        """One of several outputs: its gradient goes to its place in theirs as it is."""
        shape = record.value.shape if record.value is not None else ()
        key = ("part", record.index, shape)
        if key not in self.formulas:
            self.formulas[key] = len(self.formula_list)
            message = {"message": "g", "element": lettered("g", shape, {"g": shape}), "local": 1}
            forward = ["part", {"index": record.index, "shape": list(shape)}, "x0"]
            self.formula_list.append({"forward": forward, "inputs": [message]})
        return self.formulas[key]

    def new_formula(self, record, arrived):
        rules = rules_of(record, self.limit, arrived)
        shapes = shapes_in(record)
        shapes.update({name: array.shape for name, array in rules.constants.items()})
        inputs = [self.message(tree, shapes.get(f"x{i}"), shapes)
                  for i, tree in enumerate(rules.messages)]  # fmt: skip
        entry = {"forward": rules.forward, "inputs": inputs}
        if rules.outputs:
            entry["outputs"] = rules.outputs
            entry["elements"] = [lettered(tree, shapes[f"out{k}"], shapes)
                                 for k, tree in enumerate(rules.outputs)]  # fmt: skip
        elif shapes["out"] and not is_by_element(rules.forward):
            entry["element"] = lettered(rules.forward, shapes["out"], shapes)
        defines = [self.equation(*sides, shapes)
                   for sides in equations_of(record, shapes, holding(record))]  # fmt: skip
        if defines:
            entry["defines"] = defines
        if rules.constants:
            entry["constants"] = {
                name: as_json(Snapshot(a), self.limit) for name, a in rules.constants.items()
            }
        return entry

    @staticmethod
    def equation(left, right, shapes):
        """One that the result satisfies, as a whole and for its elements."""
        shape = np.broadcast_shapes(shape_of(left, shapes), shape_of(right, shapes))
        return {"left": left, "right": right, "shape": list(shape),
                "elements": [lettered(side, shape, shapes) for side in (left, right)]}  # fmt: skip

    @staticmethod
    def message(tree, shape, shapes):
        if tree is None or shape is None:
            return None
        local, outer = local_tree(tree)
        entry = {"message": tree, "element": lettered(tree, shape, shapes)}
        if local is not None:
            entry["local"] = local
        if outer:
            entry["summed"] = summed_axes(outer, shape, shapes.get("g"))
        return entry

    # --- passes ----------------------------------------------------------------------------------

    def backward(self, call):
        entry = {
            "call": call.call,
            "place": self.place(call.place),
            "loops": [list(turn) for turn in call.loops],
            "retain_graph": call.retain,
            "create_graph": call.create_graph,
            "seeds": [[record.id, as_json(value, self.limit)] for record, value in call.seeds],
            "steps": [],
        }
        detailed = self.steps_left > 0
        self.steps_left -= len(call.steps)
        where = {id(message): [-1, k] for k, message in enumerate(seed_messages(call))}
        for k, step in enumerate(call.steps):
            for j, message in enumerate(step.sent):
                where[id(message)] = [k, j]
            if detailed:
                entry["steps"].append(self.step(step, where))
        entry["arrivals"] = [self.arrival(a, where if detailed else {}) for a in call.arrivals]
        if call.wanted:
            entry["results"] = [[r.id, as_json(value, self.limit)] for r, value in call.wanted]
        if call.error is not None:
            record, why = call.error
            entry["error"] = {"node": record.id if record else None, "why": why}
        return entry

    def step(self, step, where):
        entry = {
            "node": step.record.id,
            "gradient": self.gradient(step.gradient),
            "incoming": [where[id(m)] for m in step.incoming if id(m) in where],
            "sent": [
                {"to": m.target.id, "input": m.index, "value": as_json(m.value, self.limit)}
                for m in step.sent
            ],
        }
        if step.freed:
            entry["freed"] = True
        if step.hooked:
            entry["changed_by_hook"] = True
        return entry

    def gradient(self, shot):
        if isinstance(shot, list):
            return {"parts": [as_json(part, self.limit) for part in shot]}
        return as_json(shot, self.limit)

    def arrival(self, arrival, where):
        entry = {
            "leaf": arrival.leaf.id,
            "gradient": as_json(arrival.gradient, self.limit),
            "incoming": [where[id(m)] for m in arrival.incoming if id(m) in where],
            "before": as_json(arrival.before, self.limit),
            "after": as_json(arrival.after, self.limit),
            "stored": arrival.stored,
            "check": arrival.check,
        }
        if arrival.hooked:
            entry["changed_by_hook"] = True
        first = arrival.leaf.value
        if first is None or not first.same_as(arrival.value):
            entry["value"] = as_json(arrival.value, self.limit)
        return entry

    # --- tables ----------------------------------------------------------------------------------

    def cut(self, cut):
        entry = {"how": cut.how, "from": cut.source.id, "to": cut.target.id,
                 "place": self.place(cut.place)}  # fmt: skip
        if cut.uncut:
            entry["without"] = [
                {"call": found.call.index, "leaf": found.leaf.id,
                 "got": as_json(found.got, self.limit),
                 "full": [float(f"{v:.8g}") for v in found.full.ravel()]}
                for found in cut.uncut
            ]  # fmt: skip
        return entry

    def place(self, place):
        if place is None:
            return None
        if id(place) not in self.places:
            place.index = len(self.places)
            self.places[id(place)] = {
                "file": self.file_index(place.file),
                "line": place.line,
                "end": place.end,
                "column": place.column,
                "text": place.text,
                "function": place.function,
            }
        return place.index

    def file_index(self, path):
        return self.files.setdefault(path, len(self.files))

    def file(self, path):
        return {"name": self.shown_name(path), "lines": self.recording.sources(path)[:LINES]}

    @staticmethod
    def shown_name(path):
        """A file's name relative to where the program runs: a page is shown to others."""
        cell = re.match(r"<ipython-input-(\d+)-", path)
        if cell is not None:
            return f"In [{cell[1]}]"
        name = os.path.relpath(path) if os.path.isabs(path) else path
        return os.path.basename(path) if name.startswith("..") else name

    def error(self):
        error = self.recording.error
        if error is None:
            return None
        message = str(error)
        for path in self.files:
            message = message.replace(path, self.shown_name(path))
        return {"type": type(error).__name__, "message": message}


def summed_axes(outer, shape, given):
    """The axes of the gradient over which a message is summed; a sum of rows is of all before."""
    axes = [a for step in outer if step[0] == "sum" for a in step[1]["axes"]]
    reshaped = axes and outer[-1][0] == "view" and given is not None
    if reshaped and shape and tuple(given[-len(shape) :]) == tuple(shape):
        return list(range(len(given) - len(shape)))
    return axes


def seed_messages(call):
    """The messages that stand for the seeds, in order, as the first steps received them."""
    found = {}
    for step in call.steps:
        found.update({id(m.value): m for m in step.incoming if m.source is None})
    for arrival in call.arrivals:
        found.update({id(m.value): m for m in arrival.incoming if m.source is None})
    return [found.get(id(value)) for _, value in call.seeds]


def arrivals_at(recording):
    """record id -> which of its several outputs ever got a gradient."""
    found = {}
    for call in recording.passes:
        for step in call.steps:
            if isinstance(step.gradient, list):
                got = {k for k, part in enumerate(step.gradient) if part is not None}
                found[step.record.id] = tuple(sorted(got.union(found.get(step.record.id, ()))))
    return found


def shapes_in(record):
    """The shapes of all that the formula of a record may mention."""
    shapes = {f"x{i}": shape_of_input(item) for i, item in enumerate(record.inputs)}
    shapes["out"] = shapes["g"] = record.value.shape if record.value is not None else ()
    for k, (shape, _) in enumerate(getattr(record.node, "outputs", None) or ()):
        shapes[f"out{k}"] = shapes[f"g{k}"] = shape
    return shapes


def shape_of_input(item):
    if isinstance(item, Record):
        return item.value.shape if item.value is not None else None
    return ()
