"""`tidu explain` and `tidu step`: options, exit codes, the program left as it is."""

import json
import os
import subprocess
import sys
import time

import pytest

from tidu.cli.main import main

pytestmark = pytest.mark.slow

PROGRAM = """
import sys, torch
x = torch.tensor(3.0, requires_grad=True)
y = x * 2
y.backward()
print(sys.argv[1:], x.grad.item())
sys.exit(int(sys.argv[1]) if len(sys.argv) > 1 else 0)
"""


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "train.py"
    path.write_text(PROGRAM)
    return path


def tidu(*arguments, cwd, **options):
    command = [sys.executable, "-m", "tidu", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, **options)


def test_page_arguments_and_exit_code(script, tmp_path):
    done = tidu("explain", script, "3", "--flag", cwd=tmp_path)
    assert done.returncode == 3 and done.stdout == "['3', '--flag'] 2.0\n"
    page = (tmp_path / "explain.html").read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>") and "train.py" in page
    assert str(tmp_path) not in page  # a page is shown to others


def test_an_option_after_the_script_is_the_script_s_and_that_is_said(script, tmp_path):
    done = tidu("explain", script, "0", "--html", "x.html", cwd=tmp_path)
    assert "['0', '--html', 'x.html'] 2.0" in done.stdout and not (tmp_path / "x.html").exists()
    assert "--html stands after the script, so the script gets it" in done.stderr


def test_options(script, tmp_path):
    done = tidu(
        "explain", "--html=a.html", "--json", "a.json", "--lang", "zh", script, cwd=tmp_path
    )
    assert done.returncode == 0 and 'data-language="zh"' in (tmp_path / "a.html").read_text("utf-8")
    assert json.loads((tmp_path / "a.json").read_text("utf-8"))["title"] == "train.py"
    done = tidu("explain", "--print", script, cwd=tmp_path)
    assert "x.grad: None -> 2" in done.stdout and not (tmp_path / "explain.html").exists()


def test_module_and_code(tmp_path):
    code = "import torch; x = torch.ones(1, requires_grad=True); (x * 3).backward()"
    assert tidu("explain", "--print", "-c", code, cwd=tmp_path).stdout.count("x.grad") == 1


def test_a_failing_program_still_has_its_page(tmp_path):
    path = tmp_path / "bad.py"
    path.write_text(
        "import torch\nx = torch.ones(1, requires_grad=True)\ny = x * 2\nraise ValueError('no')\n"
    )
    done = tidu("explain", "--json", "bad.json", path, cwd=tmp_path)
    assert done.returncode == 1 and done.stderr.rstrip().endswith("ValueError: no")
    assert "line 4, in <module>" in done.stderr and "cli/" not in done.stderr
    document = json.loads((tmp_path / "bad.json").read_text("utf-8"))
    assert document["error"] == {"type": "ValueError", "message": "no"}


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["explain"], "which script?"),
        (["explain", "--hmtl", "x", "s.py"], "did you mean '--html'?"),
        (["explain", "--html"], "--html needs a value"),
        (["explain", "--lang", "fr", "s.py"], "--lang must be en or zh"),
        (["explain", "--limit", "many", "s.py"], "--limit must be a number"),
        (["step"], "which script?"),
    ],
)
def test_senseless_line(capsys, arguments, hint):
    assert main(arguments) == 2
    assert hint in capsys.readouterr().err


def test_train(tmp_path):
    path = tmp_path / "loop.py"
    path.write_text(
        "import torch\nm = torch.nn.Linear(2, 1)\no = torch.optim.SGD(m.parameters(), 0.1)\n"
        "for i in range(7):\n    o.zero_grad()\n    m(torch.ones(3, 2)).pow(2).mean().backward()\n"
        "    o.step()\n"
    )
    done = tidu("explain", "--train", "--json", "t.json", path, cwd=tmp_path)
    training = json.loads((tmp_path / "t.json").read_text("utf-8"))["training"]
    assert done.returncode == 0 and len(training["steps"]) == 7
    assert {layer["name"] for layer in training["layers"]} == {"m.weight", "m.bias"}


def test_step_without_a_terminal(script, tmp_path):
    done = tidu("step", script, cwd=tmp_path)
    assert "forward" in done.stdout and ".grad: None → 2" in done.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_step_by_keys(script, tmp_path):
    import pty
    import select

    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "tidu", "step", str(script)]
    process = subprocess.Popen(command, stdin=follower, stdout=follower, stderr=follower,
                               cwd=tmp_path, env={**os.environ, "TERM": "xterm"})  # fmt: skip
    os.close(follower)
    text, sent, limit = b"", [b"\x1b[C", b"n", b"p", b"q"], time.monotonic() + 30
    while time.monotonic() < limit and process.poll() is None:
        if select.select([leader], [], [], 0.2)[0]:
            try:
                text += os.read(leader, 65536)
            except OSError:
                break
        elif b"1/4" in text and sent:
            os.write(leader, sent.pop(0))
    process.wait(10)
    os.close(leader)
    shown = text.decode("utf-8", "replace")
    assert process.returncode == 0 and "3/4" in shown and "2·g = 2·1 = 2" in shown
