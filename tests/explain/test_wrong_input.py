"""What a newcomer may get wrong: told plainly, before anything runs or is written."""

import subprocess
import sys

import pytest
from browser import browser, needs_browser, opened

import tidu as torch


def x():
    return torch.tensor([1.0, 2.0], requires_grad=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: torch.explain(torch.ones(2)), RuntimeError, "does not require grad"),
        (lambda: torch.explain(x().long()), RuntimeError, "does not require grad"),
        (lambda: torch.explain([x().sum()]), TypeError, "expected tensors"),
        (lambda: torch.explain(x() * 2, gradient=torch.ones(3)), RuntimeError,
         r"Mismatch in shape: grad_output\[0\] has a shape of torch.Size\(\[3\]\)"),
        (lambda: torch.explain(x() * 2, gradient=2.0), TypeError, "either Tensors or None"),
        (lambda: torch.explain(x() * 2, gradient=[torch.ones(2)] * 2), RuntimeError,
         "got 1 tensors and 2 gradients"),
        (lambda: torch.explain(x().sum()).gradient_of("nope"), KeyError, "no gradient reached"),
        (lambda: torch.explain(x().sum()).print(call=5), IndexError, "numbered from 1"),
        (lambda: torch.explain(x().sum()).html("fr"), ValueError, "language"),
        (lambda: torch.explain(x().sum(), limt=3), TypeError, "unexpected keyword"),
    ],
)  # fmt: skip
def test_calls_are_refused(call, error, text):
    with pytest.raises(error, match=text):
        call()


def test_a_vector_is_explained_with_ones_and_says_so():
    value = x()
    y = value * 2
    ex = torch.explain(y)
    said = " ".join(ex.document["stories"]["en"][0])
    assert "If backward(v) were called on y" in said and "1 (every element)" in said
    assert ex.gradient_of("value").tolist() == [2, 2]


def test_types_and_shapes_at_the_edge():
    b = torch.tensor([1.0, 2.0], dtype=torch.bfloat16, requires_grad=True)
    assert "b.grad" in str(torch.explain((b * b).sum()))
    empty = torch.zeros(0, 3, requires_grad=True)
    ex = torch.explain((empty * 2).sum())
    assert ex.html() and str(ex) and ex._repr_html_()
    z = torch.tensor([1 + 2j], requires_grad=True)
    assert torch.explain((z * z.conj()).real.sum()).gradient_of("z").tolist() == [2 + 4j]


PROGRAMS = {
    "empty": ("", 0, "no operation on a tensor that requires a gradient"),
    "plain": ("print('hello')\n", 0, "no operation on a tensor that requires a gradient"),
    "forward": ("import torch\nx = torch.ones(2, requires_grad=True)\ny = x * 3\n", 0,
                "no backward pass was recorded"),
    "vector": ("import torch\nx = torch.ones(2, requires_grad=True)\n(x * 3).backward()\n", 1,
               "grad can be implicitly created only for scalar outputs"),
    "late": ("import torch\nx = torch.ones(1, requires_grad=True)\nx.backward()\n1 / 0\n", 1,
             "ZeroDivisionError"),
    "syntax": ("x = = 3\n", 1, "SyntaxError"),
    "exit": ("import sys\nsys.exit(3)\n", 3, "explain: page.html"),
}  # fmt: skip


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder, found = tmp_path_factory.mktemp("wrong"), {}
    for name, (text, _, _) in PROGRAMS.items():
        (folder / name).mkdir()
        (folder / name / "program.py").write_text(text)
        found[name] = folder / name, explain(folder / name, "--html", "page.html", "program.py")
    return found


def explain(folder, *arguments):
    return subprocess.run([sys.executable, "-m", "tidu", "explain", *arguments],
                          capture_output=True, text=True, cwd=folder)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", PROGRAMS)
def test_programs(pages, name):
    folder, done = pages[name]
    _, code, told = PROGRAMS[name]
    assert done.returncode == code and told in done.stderr, done.stderr
    assert (folder / "page.html").exists()


@pytest.mark.slow
@needs_browser
def test_their_pages_open_on_every_tab(pages):
    with browser() as context:
        for name, (folder, _) in pages.items():
            for tab in ("", "graph", "story", "methods", "paths", "findings", "table"):
                page = opened(context, folder / "page.html", f"#tab={tab}" if tab else "")
                if not tab and PROGRAMS[name][1] == 1:
                    assert page.locator(".finding.error").first.is_visible()
                page.close()
        assert not context.wrong


@pytest.mark.slow
def test_files_that_are_missing_or_cannot_be_written(tmp_path):
    done = explain(tmp_path, "--html", "page.html", "none.py")
    assert done.returncode == 2 and "No such file" in done.stderr
    assert not (tmp_path / "page.html").exists()
    (tmp_path / "p.py").write_text("open('ran', 'w')\n")
    for path in ("missing/page.html", "."):
        done = explain(tmp_path, "--html", path, "p.py")
        assert done.returncode == 2 and f"cannot write {path!r}" in done.stderr
    assert not (tmp_path / "ran").exists()
