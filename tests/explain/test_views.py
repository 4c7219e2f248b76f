"""The terminal, the walk and the notebook say what the document holds."""

import io
import re
import xml.etree.ElementTree as ElementTree

import pytest
from helpers import explained

import tidu as torch
from tidu.explain.views.notebook import markdown_of
from tidu.explain.views.reader import Reader
from tidu.explain.views.stepper import Walk, walk
from tidu.explain.views.terminal import (
    HEADS,
    columns,
    lines_of,
    print_table,
    rows_of,
    table_text,
)

SCALAR = """
    x = torch.tensor(3.0, requires_grad=True)
    y = torch.tensor(2.0, requires_grad=True)
    a = x**2
    b = y**3
    z = a + b
    z.backward()
"""
TABLE = """\
backward call 1, line 7
step  node  line          forward  local               incoming  message
1     z     6: a + b      17       ∂/∂a: 1  ∂/∂b: 1    1         a<-1  b<-1
2     b     5: y**3       8        3·y^2 = 3·2^2 = 12  1         y<-12
3     a     4: x**2       9        2·x = 2·3 = 6       1         x<-6
x.grad: None -> 6   check (finite differences): 6 ok
y.grad: None -> 12   check (finite differences): 12 ok
"""


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def scalar(tmp_path):
    return explained(tmp_path, SCALAR)


def squeezed(text):
    return [re.sub(r" +", " ", line) for line in text.strip().splitlines()]


def test_table(scalar):
    assert sorted(squeezed(table_text(scalar.document))) == sorted(squeezed(TABLE))


def test_colours_only_on_a_terminal(scalar, monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    plain, coloured = io.StringIO(), Terminal()
    print_table(scalar.document, plain)
    print_table(scalar.document, coloured)
    assert "\x1b[" not in plain.getvalue() and "\x1b[" in coloured.getvalue()
    monkeypatch.setenv("NO_COLOR", "1")
    silent = Terminal()
    print_table(scalar.document, silent)
    assert silent.getvalue() == plain.getvalue()


def test_chinese_table_lines_up(scalar):
    lines = table_text(scalar.document, language="zh").splitlines()
    heads = [columns(lines[1][: lines[1].index(word)]) for word in ("节点", "前向值", "传出消息")]
    rows = [columns(row[: row.index("<-") - 1]) for row in lines[2:5]]
    assert rows == [heads[2]] * 3


def test_one_call_and_many(tmp_path):
    document = explained(
        tmp_path,
        """
        x = torch.tensor(1.0, requires_grad=True)
        for i in range(8):
            (x * i).backward()
        """,
    ).document
    text = table_text(document)
    assert text.count("backward call") == 6 and "3 more backward calls" in text
    assert "backward call 7" in table_text(document, call=7)
    assert "backward call 8" in table_text(document, call=-1)


def test_walk_forward_and_backward(scalar):
    steps = Walk(scalar.document)
    phases = [phase for phase, _, _ in steps.steps]
    assert phases == ["forward"] * 3 + ["seed"] + ["backward"] * 3 + ["arrive"] * 2
    assert steps.press("n") and steps.at == 1 and steps.press("left") and steps.at == 0
    assert steps.press("left") and steps.at == 0
    steps.press("G")
    assert steps.at == 8 and not steps.press("q")
    steps.press("p")
    screen = "\n".join(steps.screen())
    assert "▶" in screen and "8/9" in screen
    steps.at = 5
    shown = "\n".join(steps.screen())
    assert "3·y^2·g = 3·2^2·1 = 12" in shown or "2·x·g = 2·3·1 = 6" in shown
    steps.press("l")
    assert "反向" in "\n".join(steps.screen())


def test_walk_without_a_terminal_prints_the_steps(scalar, capsys):
    walk(scalar.document)
    assert len(capsys.readouterr().out.splitlines()) == 9


def test_walk_fits_the_screen(scalar):
    for height in (10, 20, 60):
        assert len(Walk(scalar.document).screen(80, height)) <= max(height, 12)


def test_notebook_is_safe_and_well_formed(tmp_path):
    ex = explained(
        tmp_path,
        """
        x = torch.tensor(3.0, requires_grad=True)
        y = x * 2  # <script>alert(1)</script>
        y.backward()
        """,
    )
    html = ex._repr_html_()
    assert "<script" not in html and "<svg" in html and "2·g" in html
    ElementTree.fromstring(html.replace("<br>", "<br/>").replace(" open>", ' open="">'))
    bundle = ex._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html"} and "1 operations" in bundle["text/plain"]


def test_latex_and_markdown(scalar):
    latex = scalar._repr_latex_()
    assert r"2 \cdot x \cdot g = 2 \cdot 3 \cdot 1 = 6" in latex
    for language, word in (("en", "| node |"), ("zh", "第 1 次调用")):
        assert word in markdown_of(scalar.document, language)


def test_large_graphs_are_not_drawn_in_a_notebook():
    x = torch.tensor(1.0, requires_grad=True)
    y = x
    for _ in range(100):
        y = y * 2.0
    assert "<svg" not in torch.explain(y)._repr_html_()


def test_arrays_show_one_element_with_numbers():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = torch.tensor([3.0, 4.0])
    html = torch.explain((x * y).sum())._repr_html_()
    assert "x ← y·g = [3 4]; [1]: 4·1 = 4" in html


def test_a_name_that_was_assigned_again_is_told_apart(tmp_path):
    document = explained(
        tmp_path,
        "x = torch.tensor(3.0, requires_grad=True)\ny = x * 2\ny = y * y\ny.backward()\n",
    ).document
    reader = Reader(document)
    last = max(n["id"] for n in document["nodes"] if n["op"] == "mul")
    assert reader.forward(last) == "y_old^2" or reader.forward(last) == "y_old·y_old"
    assert "y_old" in table_text(document)


@pytest.mark.parametrize("width", [60, 80, 120, None])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_tables_fit_the_terminal(tmp_path, width, language):
    """In lines no longer than that, and nothing of a row is lost."""
    document = explained(tmp_path, NETWORK).document
    reader = Reader(document).use(document["passes"][0])
    rows = rows_of(reader, document["passes"][0])
    lines = list(lines_of([HEADS[language], *rows], width))
    assert width is None or max(columns(line.rstrip("\n")) for line in lines) <= width
    assert (len(lines) == len(rows) + 1) == (width is None)
    shown = re.sub(r"\s", "", "".join(lines))
    assert sorted(shown) == sorted(
        re.sub(r"\s", "", "".join(map("".join, [HEADS[language], *rows])))
    )


def test_a_terminal_of_eighty_columns(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    explained(tmp_path, NETWORK).print()
    table = capsys.readouterr().out.partition(".grad")[0]
    assert max(map(columns, table.splitlines())) <= 80


NETWORK = """
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 1))
    loss = torch.nn.MSELoss()(net(torch.ones(2, 3)), torch.zeros(2, 1))
    loss.backward()
"""
