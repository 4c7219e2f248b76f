"""Runs small programs under the recorder, from a file so that their source is known."""

import textwrap

import numpy as np

import tidu as torch
from tidu.explain.explanation import Explanation
from tidu.explain.recording.recorder import Recorder
from tidu.explain.recording.records import Recording
from tidu.explain.recording.values import from_json


def explained(path, text, **options):
    """The Explanation of a program, written to `path` / program.py and run there."""
    file = path / "program.py"
    file.write_text(textwrap.dedent(text), encoding="utf-8")
    recording = Recording()
    code = compile(file.read_text(encoding="utf-8"), str(file), "exec")
    space = {"torch": torch, "__name__": "program"}
    with Recorder(recording, **options) as recorder:
        exec(code, space)
        recorder.names.look_in(space)
    explanation = Explanation(recording, title="program.py")
    explanation.space = space
    return explanation


def node_named(document, name):
    return [node for node in document["nodes"] if name in node["names"]][-1]


def same_bits(entry, array):
    found = from_json(entry)
    return found.tobytes() == np.asarray(array, dtype=found.dtype).tobytes()


def sums_of_messages(document):
    """How many gradients were found to be the sum of the messages that arrived, bit for bit."""
    count = 0
    for call in document["passes"]:
        sent = [[m["value"] for m in step["sent"]] for step in call["steps"]]
        seeds = [value for _, value in call["seeds"]]
        for place in [*call["steps"], *call["arrivals"]]:
            gradient = place["gradient"]
            if "data" not in gradient or place.get("changed_by_hook"):
                continue
            parts = [from_json(seeds[j] if k < 0 else sent[k][j]) for k, j in place["incoming"]]
            total = parts[0]
            for part in parts[1:]:
                total = total + part
            assert same_bits(gradient, total)
            count += 1
        for arrival in call["arrivals"]:
            before, after = from_json(arrival["before"]), from_json(arrival["after"])
            if after is None or not arrival["stored"] or arrival.get("changed_by_hook"):
                continue
            added = from_json(arrival["gradient"])
            assert same_bits(arrival["after"], added if before is None else before + added)
    return count
