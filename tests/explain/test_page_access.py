"""The page for everybody: contrast in light and dark, every control by keyboard, a table for eyes
and readers, and nothing that only a colour tells."""

from pathlib import Path

import pytest
from browser import needs_browser, opened
from test_page import DEEP, LINEAR, context, show  # noqa: F401  (fixtures)

from tidu.explain.recording.recorder import Recorder
from tidu.explain.recording.records import Recording
from tidu.explain.recording.training import TrainingWatch

pytestmark = [pytest.mark.slow, needs_browser]

CONTRAST = (Path(__file__).parent / "contrast.js").read_text(encoding="utf-8").partition("\n")[2]
CONTROLS = (
    (Path(__file__).parent / "controls.js").read_text(encoding="utf-8").partition("\n")[2].strip()
)
TABS = ("graph", "story", "methods", "paths", "findings", "table")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("text", [LINEAR, DEEP], ids=["linear", "deep"])
def test_contrast(show, scheme, text):  # noqa: F811
    page = show(text, "#lang=en")
    page.emulate_media(color_scheme=scheme)
    count = {"text": 0, "graphics": 0}

    def look(where):
        found = page.evaluate(CONTRAST)
        assert not found["wrong"], (where, found["wrong"][:8])
        for kind, n in found["count"].items():
            count[kind] += n

    for tab in TABS:
        page.locator(f"#tab-{tab}").click()
        look(tab)
    page.locator("#tab-graph").click()
    for press in ("Home", "ArrowRight"):  # most lies ahead; buttons that lead nowhere
        page.keyboard.press(press)
        look(press)
    assert page.locator(".item.ahead").count() or text == DEEP
    for view in page.locator(".segmented button").all():
        view.click()
        look("view")
    page.keyboard.press("End")
    for node in page.document["nodes"][:12]:
        page.evaluate(f"T.set({{node: {node['id']}}})")
        look(node["id"])
    assert count["text"] > 800 and count["graphics"] > 200


def test_contrast_is_measured(show):  # noqa: F811
    """Faint text, faint lines, a faint heat cell: each is found."""
    page = show(LINEAR)
    for rule in (".item text { fill: #999 !important }", ".edge { stroke: #ddd !important }",
                 ".item.constant { opacity: 0.4 }", "#stepper button { border-color: #ccc }",
                 ".cell { color: #8a8a8a !important }"):  # fmt: skip
        style = page.add_style_tag(content=rule)
        assert page.evaluate(CONTRAST)["wrong"], rule
        style.evaluate("(e) => e.remove()")
    assert not page.evaluate(CONTRAST)["wrong"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast_of_heat_maps_with_any_number(show, scheme):  # noqa: F811
    page = show("""
        rows = [[-9.0, -4.0, 0.0, 4.0], [9.0, float("nan"), float("inf"), 1e-3]]
        x = torch.tensor(rows, requires_grad=True)
        (x * x).sum().backward()
    """)
    page.emulate_media(color_scheme=scheme)
    page.evaluate("T.set({node: 0})")
    assert page.locator(".cell").count() >= 16
    assert not page.evaluate(CONTRAST)["wrong"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast_of_training(context, tmp_path, scheme):  # noqa: F811
    path = training_page(tmp_path)
    page = opened(context, path, "#tab=training&lang=en")
    page.emulate_media(color_scheme=scheme)
    found = page.evaluate(CONTRAST)
    assert not found["wrong"] and found["count"]["graphics"] > 8, found
    page.close()


def training_page(folder):
    import tidu as torch
    from tidu.explain.explanation import Explanation

    recording = Recording()
    with Recorder(recording, passes=1) as recorder, TrainingWatch(recorder):
        torch.manual_seed(0)
        net = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        for _ in range(6):
            optimizer.zero_grad()
            net(torch.randn(5, 4)).pow(2).mean().backward()
            optimizer.step()
    return Explanation(recording).save(folder / "training.html")


def test_every_control_is_reached_and_named(show):  # noqa: F811
    """By Tab alone; each says what it is, and what has the focus is seen to have it."""
    page = show(LINEAR)
    page.evaluate("T.set({node: T.model.nodes.find((n) => n.names.includes('w')).id})")
    wanted = page.evaluate(f"{CONTROLS}.mark()")
    page.evaluate("document.activeElement.blur()")
    reached, unseen = set(), []
    for _ in range(wanted + 3):
        page.keyboard.press("Tab")
        found = page.evaluate(f"{CONTROLS}.focused()")
        if found[0] is not None:
            reached.add(found[0])
            if not (found[1] and found[2]):
                unseen.append(found)
    assert not unseen, unseen
    assert len(reached) == wanted, (len(reached), wanted)


def test_the_table_tells_what_the_graph_does(show):  # noqa: F811
    page = show(LINEAR, "#tab=table&lang=en")
    rows = page.locator("#panel table.steps tbody tr")
    call = page.document["passes"][0]
    forward = page.evaluate("T.model.pass(0).steps.filter((s) => s.phase === 'forward').length")
    assert rows.count() >= forward + len(call["steps"])
    text = page.locator("#panel table.steps").inner_text()
    for step in call["steps"]:
        names = page.document["nodes"][step["node"]]["names"]
        assert not names or names[0] in text
    for arrival in call["arrivals"]:
        assert page.document["nodes"][arrival["leaf"]]["names"][0] in text


def test_nothing_by_colour_alone(show):  # noqa: F811
    """Without colours: gradients have a sign, warnings a mark and a word, nodes a shape."""
    page = show(LINEAR)
    gradients = [t for t in page.locator(".item .gradient").all_text_contents() if t]
    assert gradients and all("∇" in text for text in gradients)
    assert all("∇" in text for text in page.locator(".chip.backward").all_inner_texts())
    corners = {kind: page.locator(f".item.{kind} .body").first.get_attribute("rx")
               for kind in ("leaf", "op")}  # fmt: skip
    assert corners["leaf"] != corners["op"]
    dashed = "getComputedStyle(document.querySelector('.item.constant .body')).strokeDasharray"
    assert page.evaluate(dashed) != "none"
    page.keyboard.press("Home")
    ahead = "getComputedStyle(document.querySelector('.item.ahead .body')).strokeDasharray"
    assert page.evaluate(ahead) != "none"
    for cell in page.locator(".cell").all()[:10]:
        assert cell.inner_text() or cell.get_attribute("title")


def test_warnings_have_marks_and_words(show):  # noqa: F811
    page = show(
        "x = torch.tensor(0.0, requires_grad=True)\n(x.sqrt() * 0).backward()\n",
        "#tab=findings&lang=en",
    )
    for finding in page.locator(".finding").all():
        assert any(word in finding.inner_text().lower() for word in ("error", "warning", "note"))


@pytest.mark.parametrize("width", [360, 420, 700])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_placeholder_is_not_cut(show, width, language):  # noqa: F811
    page = show(LINEAR, f"#lang={language}")
    page.set_viewport_size({"width": width, "height": 800})
    measure = """() => {
      const box = document.querySelector("input[type=search]"), style = getComputedStyle(box);
      const pen = document.createElement("canvas").getContext("2d");
      pen.font = style.font;
      const room = box.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
      return [pen.measureText(box.placeholder).width, room]; }"""
    for _ in range(50):  # the page is laid out anew when it comes to it
        fits = page.evaluate(measure)
        if fits[0] <= fits[1]:
            return
        page.wait_for_timeout(100)
    raise AssertionError(fits)
