"""Programs as people write them: hooks, own functions, cells of a notebook, other encodings."""

import json
import linecache
import subprocess
import sys
import threading

import numpy as np
import pytest
from browser import browser, needs_browser, opened
from helpers import explained, node_named

import tidu as torch
from tidu.core.modes import STATE
from tidu.explain.document.numeric import Replay
from tidu.explain.recording.values import Snapshot, from_json
from tidu.nn.modules.hooks import GLOBAL_HOOKS

pytestmark = pytest.mark.slow


def places(document, op):
    found = [n for n in document["nodes"] if n["op"] == op]
    return [document["places"][n["place"]]["text"] for n in found]


def test_a_hook_is_told_and_not_checked(tmp_path):
    document = explained(
        tmp_path,
        """
        x = torch.tensor([1.0, 2.0], requires_grad=True)
        x.register_hook(lambda g: g * 2)
        y = x * 3
        y.register_hook(lambda g: g.clamp(max=0.5))
        (y * y).sum().backward()
        """,
    ).document
    (call,) = document["passes"]
    step = next(s for s in call["steps"] if s["node"] == node_named(document, "y")["id"])
    arrival = call["arrivals"][0]
    assert step["changed_by_hook"] and arrival["changed_by_hook"] and arrival["check"] is None
    assert (arrival["gradient"]["data"], arrival["after"]["data"]) == ([1.5, 1.5], [3, 3])
    told = [f["nodes"] for f in document["findings"] if f["kind"] == "hook"]
    assert told == [[step["node"]], [arrival["leaf"]]]
    assert "a hook of the program changed it" in document["stories"]["en"][0][1]
    assert "钩子" in document["stories"]["zh"][0][1]


def test_writes_through_views_and_own_functions_have_lines(tmp_path):
    document = explained(
        tmp_path,
        """
        class Clip(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x, low, mode):
                ctx.save_for_backward(x)
                return x.clamp(min=low)
            @staticmethod
            def backward(ctx, g):
                return g * (ctx.saved_tensors[0] > 0), None, None
        x = torch.tensor([-1.0, 2.0], requires_grad=True)
        y = Clip.apply(x, 0.5, None)
        z = y * 1
        z[0] = 5.0
        z.sum().backward()
        """,
    ).document
    assert places(document, "function") == ["Clip.apply(x, 0.5, None)"]
    assert places(document, "copy_slices") == ["z[0]"]
    own = next(n for n in document["nodes"] if n["op"] == "function")
    assert own["names"] == ["y"] and own["inputs"][1:] == [{"number": 0.5}, {"other": "None"}]
    assert document["formulas"][own["formula"]]["forward"][0] == "Clip"


def test_a_call_that_returns_something_else_gives_no_name(tmp_path):
    document = explained(
        tmp_path,
        """
        def f(v):
            w = v * 2
            return [w, w + 1]
        x = torch.ones(2, requires_grad=True)
        pair = f(x)
        n = (pair[0] * 3).sum().item()
        total = sum(pair).sum()
        J = torch.autograd.functional.jacobian(lambda v: v * v, x)
        total.backward()
        """,
    ).document
    names = {name for node in document["nodes"] for name in node["names"]}
    assert not {"pair", "n", "J"} & names and {"x", "w", "total"} <= names


def test_the_name_is_the_one_where_a_tensor_was_made(tmp_path):
    document = explained(
        tmp_path,
        """
        def f(v):
            return v * v
        x = torch.ones(1, requires_grad=True)
        f(x).backward()
        """,
    ).document
    assert document["nodes"][0]["names"] == ["x", "v"]


def test_a_sum_of_many_ways_says_that_it_goes_on(tmp_path):
    text = "x = torch.tensor(1.0, requires_grad=True)\ny = x\nfor _ in range(9):\n    y = y + x\n"
    story = explained(tmp_path, text + "y.backward()\n").document["stories"]["en"][0][-1]
    assert "sum of 10 ways: 1 + 1 + 1 + 1 + 1 + 1 + …" in story


def test_zeros_keep_their_sign(tmp_path):
    ex = explained(tmp_path, "x = torch.tensor([-0.0, 0.0], requires_grad=True)\n"
                   "y = x * -1\ny.backward(torch.tensor([0.0, -0.0]))\n")  # fmt: skip
    document = json.loads(ex.json())
    gradient = from_json(document["passes"][0]["arrivals"][0]["gradient"])
    assert gradient.tobytes() == ex.space["x"].grad.numpy().tobytes()
    assert "x.grad: None -> [-0 0]" in str(ex)


def test_threads(tmp_path):
    """Backward passes of several threads at once: each is whole, and all add up."""
    x = torch.tensor(2.0, requires_grad=True)

    def work():
        for k in range(20):
            (x * k).backward()

    with torch.explain() as ex:
        threads = [threading.Thread(daemon=True, target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    document = ex.document
    assert len(document["passes"]) == 80 and x.grad.item() == 4 * 190
    assert [n["id"] for n in document["nodes"]] == list(range(len(document["nodes"])))
    assert all(len(c["steps"]) == len(c["arrivals"]) == 1 for c in document["passes"])
    assert not any("threading" in f["name"] for f in document["files"])


@pytest.fixture
def notebook():
    """Runs cells as IPython does: each a file of its own that stands in linecache alone."""
    space, made = {"torch": torch, "In": [""], "__name__": "__main__"}, []

    def run(text):
        name = f"<ipython-input-{len(space['In'])}-abc>"
        linecache.cache[name] = (len(text), None, text.splitlines(True), name)
        made.append(name)
        space["In"].append(text)
        exec(compile(text, name, "exec"), space)
        return space

    yield run
    for name in made:
        linecache.cache.pop(name, None)


def test_lines_in_earlier_cells_of_a_notebook(notebook):
    notebook("model = torch.nn.Linear(3, 1)\nx = torch.randn(4, 3)")
    notebook("y = model(x).tanh()\nloss = (y ** 2).mean()")
    document = notebook("ex = torch.explain(loss)")["ex"].document
    assert all("place" in n for n in document["nodes"] if n["kind"] == "op")
    assert places(document, "tanh") == ["model(x).tanh()"]
    assert places(document, "leaf")[0] == "model = torch.nn.Linear(3, 1)"
    assert [f["name"] for f in document["files"]] == ["In [1]", "In [2]"]


ENCODED = {
    "crlf": ("utf-8", "\r\n", ""),
    "latin-1": ("latin-1", "\n", "# -*- coding: latin-1 -*-"),
    "gbk": ("gbk", "\n", "# -*- coding: gbk -*-"),
    "bom": ("utf-8-sig", "\n", ""),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ENCODED)
def test_encodings_and_line_ends(tmp_path, kind):
    encoding, end, head = ENCODED[kind]
    comment = "été" if kind == "latin-1" else "中文"
    lines = [head, "import torch", f"x = torch.tensor(3.0, requires_grad=True)  # {comment}",
             "y = x * 2", "y.backward()", ""]  # fmt: skip
    (tmp_path / "p.py").write_bytes(end.join(lines).encode(encoding))
    document = run(tmp_path, "p.py")
    shown = document["files"][0]["lines"]
    assert shown[2].endswith(comment) and not any("\r" in line for line in shown)
    assert places(document, "mul") == ["x * 2"] and places(document, "leaf")[0].startswith("x = ")


@pytest.mark.slow
def test_from_another_folder_with_a_module_beside_it(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "helper.py").write_text("def square(v):\n    return v * v\n")
    (tmp_path / "in" / "p.py").write_text(
        "import torch\nimport helper\nx = torch.tensor(3.0, requires_grad=True)\n"
        "helper.square(x).backward()\n"
    )
    document = run(tmp_path, "in/p.py")
    assert places(document, "mul") == ["v * v"]
    assert places(document, "leaf") == ["x = torch.tensor(3.0, requires_grad=True)"]
    assert {f["name"] for f in document["files"]} == {"in/p.py", "in/helper.py"}


def run(folder, script):
    command = [sys.executable, "-m", "tidu", "explain", "--json", "p.json", script]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0, done.stderr
    return json.loads((folder / "p.json").read_text("utf-8"))


def test_nothing_stays_behind(tmp_path):
    """Fast paths ask for listeners and hooks alone, and there are as many as before."""

    def state():
        return STATE.special, STATE.listeners, list(GLOBAL_HOOKS)

    before = state()
    explained(tmp_path, "x = torch.ones(1, requires_grad=True)\n(x * 2).backward()\n")
    with pytest.raises(ZeroDivisionError):
        explained(tmp_path, "x = torch.ones(1, requires_grad=True)\ny = x * 2\n1 / 0\n")
    assert state() == before


def test_gradients_of_many_examples_at_once(tmp_path):
    """Under vmap a pass holds one gradient for each example; nothing is compared with it."""
    document = explained(
        tmp_path,
        """
        def f(w, row):
            return (w * row).sum() ** 2
        each = torch.func.vmap(torch.func.grad(f), (None, 0))
        found = each(torch.ones(2), torch.tensor([[1.0, 2.0], [3.0, 4.0], [0.0, 1.0]]))
        """,
    ).document
    assert not any(a["check"] for call in document["passes"] for a in call["arrivals"])


OWN = """
    class Cube(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x ** 3

        @staticmethod
        def backward(ctx, g):
            return g * 3 * ctx.saved_tensors[0] ** 2

    x = torch.tensor(2.0, requires_grad=True)
    Cube.apply(x).backward()
"""


@needs_browser
def test_methods_of_a_function_the_page_cannot_compute(tmp_path):
    """Differences need the function again; the page says so and shows the rest."""
    path = explained(tmp_path, OWN).save(tmp_path / "page.html")
    with browser() as context:
        page = opened(context, path, "#tab=methods")
        assert "Cube" in page.locator(".methods").inner_text()
        assert page.locator(".methods section").count() == 4 and not context.wrong


def checks(tmp_path, text):
    document = explained(tmp_path, text).document
    return [a["check"] for a in document["passes"][0]["arrivals"]]


def test_no_check_where_differences_say_nothing(tmp_path):
    """On a kink, and where a gradient is rounding alone: neither is called wrong."""
    text = "x = torch.tensor(2.0, requires_grad=True)\n"
    assert checks(tmp_path, text + "((x - 1).abs() + torch.relu(x - 2)).backward()") == [None]
    text = """
        torch.manual_seed(0)
        x = torch.randn(4, 6, requires_grad=True)
        y = torch.nn.functional.layer_norm(x @ torch.randn(6, 6), (6,))
        (y ** 2).sum().backward()  # nearly 24 at every x
    """
    (found,) = checks(tmp_path, text)
    assert found is None or found["ok"]


def test_a_wrong_gradient_is_still_found(tmp_path):
    text = """
        torch.manual_seed(0)
        x = torch.randn(3, 6, requires_grad=True)
        torch.nn.functional.layer_norm(x, (6,)).pow(3).sum().backward()
    """
    recording = explained(tmp_path, text).recording
    call = recording.passes[0]
    (arrival,), replay = call.arrivals, Replay(recording, call)
    assert replay.check(arrival)["ok"]
    arrival.gradient = Snapshot(arrival.gradient.array * np.float32(1.01))
    assert not replay.check(arrival)["ok"]
