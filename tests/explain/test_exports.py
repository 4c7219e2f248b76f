"""Explanations in other forms."""

import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import pytest
from helpers import explained

import tidu as torch


@pytest.fixture
def ex():
    x = torch.tensor(3.0, requires_grad=True)
    y = torch.tensor(2.0, requires_grad=True)
    z = x**2 + y**3
    return torch.explain(z)


def test_files_by_their_ending(ex, tmp_path):
    texts = {}
    for ending in ("html", "json", "md", "tex", "svg", "dot", "mmd"):
        texts[ending] = ex.save(tmp_path / f"a.{ending}").read_text(encoding="utf-8")
    ElementTree.fromstring(texts["svg"])
    assert "∇ 12" in texts["svg"] and "∇ 12" in texts["mmd"] and "flowchart" in texts["mmd"]
    assert texts["dot"].count("->") == 4 and "17" in texts["dot"]
    assert r"2 \cdot x \cdot g = 2 \cdot 3 \cdot 1 = 6" in texts["tex"] == ex.latex()
    assert "x ← 2·x·g = 2·3·1 = 6" in texts["md"] and texts["md"] == ex.markdown()
    assert "第" not in texts["md"] and "如果" in ex.markdown("zh")
    with pytest.raises(ValueError, match="should end in"):
        ex.save(tmp_path / "a.pdf")


def test_nothing_to_draw(tmp_path):
    with torch.explain() as ex:
        pass
    assert ex.latex() is None and ex.markdown()
    with pytest.raises(ValueError, match="no backward pass"):
        ex.save(tmp_path / "a.svg")


@pytest.mark.slow
def test_command_line(tmp_path):
    (tmp_path / "p.py").write_text(
        "import torch\nx = torch.ones(1, requires_grad=True)\n(x * 2).sum().backward()\n"
    )
    command = [sys.executable, "-m", "tidu", "explain", "--save"]
    for name, code in (("a.mmd", 0), ("a.pdf", 2)):
        done = subprocess.run(
            [*command, name, "p.py"], cwd=tmp_path, capture_output=True, text=True
        )
        assert done.returncode == code, done.stderr
    assert "flowchart" in (tmp_path / "a.mmd").read_text(encoding="utf-8")
    assert not (tmp_path / "explain.html").exists()


def test_markdown_tells_what_stands_out(tmp_path):
    text = "x = torch.ones(2, requires_grad=True)\n(x * x.detach()).sum().backward()\n"
    ex = explained(tmp_path, text)
    assert "## Warnings" in ex.markdown() and "without the cut, would be" in ex.markdown()
    assert "## 提醒" in ex.markdown("zh") and "若不切断" in ex.markdown("zh")
