"""Runs small programs under the recorder, from a file so that their source is known."""

import textwrap

import tidu as torch
from tidu.explain.explanation import Explanation
from tidu.explain.recorder import Recorder
from tidu.explain.recording import Recording


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
