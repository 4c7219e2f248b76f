"""What an explanation tells of a program are the numbers that PyTorch gets."""

import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import torch

import tidu
from tidu.explain.explanation import Explanation
from tidu.explain.recording.recorder import Recorder
from tidu.explain.recording.records import Recording
from tidu.explain.recording.values import from_json

sys.path.insert(0, str(Path(__file__).parents[1] / "explain"))
from explained_programs import PROGRAMS


def array(tensor):
    tensor = tensor.detach()
    kind = str(tensor.dtype).rpartition(".")[2]
    return (tensor.float() if kind == "bfloat16" else tensor).numpy()


@pytest.mark.parametrize("name", PROGRAMS)
def test_values_and_gradients_told(tmp_path, name):
    text = textwrap.dedent(PROGRAMS[name])
    wanted = {"torch": torch, "__name__": "program"}
    exec(compile(text.replace("@torch.compile\n", ""), "theirs", "exec"), wanted)
    file = tmp_path / "program.py"
    file.write_text(text, encoding="utf-8")
    ours, recording = {"torch": tidu, "__name__": "program"}, Recording()
    code = compile(text.replace("from torch.", "from tidu."), str(file), "exec")
    with Recorder(recording) as recorder:
        exec(code, ours)
        recorder.names.look_in(ours)
    document = Explanation(recording).document
    checked = 0
    for key, value in wanted.items():
        if isinstance(value, torch.Tensor) and not value.is_inference():
            np.testing.assert_allclose(array(ours[key]), array(value), 1e-4, 1e-6)
            checked += 1
            if value.is_leaf and value.grad is not None:
                told = last_gradient(document, key)
                np.testing.assert_allclose(told, array(value.grad), 1e-4, 1e-6)
    assert checked
    assert not [n for n in document["nodes"] if n["kind"] == "op" and "place" not in n]


def last_gradient(document, name):
    """What `.grad` of a leaf was after the last pass that reached it."""
    found = [a for call in document["passes"] for a in call["arrivals"]
             if name in document["nodes"][a["leaf"]]["names"] and a["stored"]]  # fmt: skip
    told = from_json(found[-1]["after"])
    return told if told.dtype.kind == "c" else told.astype(float)
