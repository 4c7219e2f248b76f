"""The page in a real browser: steps, hover, collapse, sliders, languages, search, no requests."""

import gzip
import json
import re
import time
from base64 import b64decode

import numpy as np
import pytest
from browser import browser, needs_browser, opened
from helpers import explained, node_named
from operations import ARRAYS, SCALARS

import tidu as torch
from tidu.explain.formulas.notation import ASSETS
from tidu.explain.recording.values import from_json
from tidu.explain.views.page import SCRIPTS, element_of, page_of
from tidu.explain.views.reader import Reader

SCALAR = """
    x = torch.tensor(3.0, requires_grad=True)
    y = torch.tensor(2.0, requires_grad=True)
    z = x**2 + y**3
    z.backward()
"""
LINEAR = """
    torch.manual_seed(0)
    x = torch.randn(2, 5)
    w = torch.randn(5, 3, requires_grad=True)
    b = torch.randn(3, requires_grad=True)
    z = torch.matmul(x, w) + b
    loss = torch.nn.MSELoss()(z, torch.zeros(2, 3))
    loss.backward()
"""
DEEP = """
    class Block(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = torch.nn.Linear(4, 4), torch.nn.Linear(4, 4)
        def forward(self, x):
            return x + self.second(torch.relu(self.first(x)))
    torch.manual_seed(0)
    net = torch.nn.Sequential(*[Block() for _ in range(8)])
    for i in range(2):
        net(torch.randn(3, 4)).pow(2).mean().backward()
"""


@pytest.fixture(scope="module")
def context():
    with browser() as opened_browser:
        yield opened_browser


@pytest.fixture
def show(context, tmp_path):
    """Run a program, open its page; nothing may go wrong on it."""
    context.wrong.clear()

    def run(text, hash=""):
        explanation = explained(tmp_path, text)
        path = explanation.save(tmp_path / "page.html")
        page = opened(context, path, hash)
        page.document = explanation.document
        return page

    yield run
    for page in context.pages[1:]:
        page.close()
    assert not context.wrong


def says(page):
    return page.locator("#stepper .says").inner_text()


@pytest.mark.slow
@needs_browser
def test_steps_by_keys_buttons_and_address(show):
    page = show(SCALAR)
    assert "9/9" in says(page)
    page.keyboard.press("Home")
    assert "1/9" in says(page) and "step=1" in page.evaluate("location.hash")
    assert page.locator(".item.ahead").count() > 0
    page.keyboard.press("ArrowRight")
    page.locator("[data-action=next]").click()
    assert "3/9" in says(page)
    page.keyboard.press("End")
    assert "9/9" in says(page) and page.locator(".item.ahead").count() == 0
    page.evaluate("location.hash = '#call=1&step=5&lang=zh'")
    page.wait_for_function("document.querySelector('#stepper .says').innerText.includes('5/9')")
    assert page.locator("h2#source-title").inner_text() == "程序"


@pytest.mark.slow
@needs_browser
def test_gradients_appear_as_the_pass_comes_along(show):
    page = show(SCALAR, "#step=4")  # the seed
    lit = page.locator(".item.lit").count()
    assert lit == 1
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert page.locator(".item.lit").count() > lit
    assert page.locator(".edge-group.now").count() == 1


@pytest.mark.slow
@needs_browser
def test_card_shows_formula_numbers_result(show):
    page = show(SCALAR)
    x = node_named(page.document, "x")["id"]
    page.locator(f".item[data-id='{x}']").click()
    texts = [m.get_attribute("data-tex") for m in page.locator("#card .math").all()]
    assert r"2 \cdot x \cdot g = 2 \cdot 3 \cdot 1 = 6" in texts
    assert page.locator("#card .work > code").all_inner_texts()[:2] == ["x.grad", "+="]
    assert page.locator("#card [data-gradient]").get_attribute("data-gradient") == "6"
    assert page.locator("#card math").count() >= 1 and page.locator("#card .check.ok").count() == 1


@pytest.mark.slow
@needs_browser
def test_fan_out_is_an_explicit_sum(show):
    page = show("x = torch.tensor(3.0, requires_grad=True)\ny = x * x + x * 5\ny.backward()\n")
    texts = [m.get_attribute("data-tex") for m in page.locator("#card .math").all()]
    assert any(text.endswith("= 11") and text.count("+") == 2 for text in texts), texts


@pytest.mark.slow
@needs_browser
def test_numbers_on_the_page_equal_the_tensors(show):
    page = show(LINEAR)
    for name in ("w", "b"):
        node = node_named(page.document, name)
        page.evaluate(f"T.set({{node: {node['id']}}})")
        for role, entry in (
            ("value", node["value"]),
            ("gradient", arrival(page, node)["gradient"]),
        ):
            cells = page.locator(f"#card .pair [data-role={role}] .cell").all()
            shown = [cell.get_attribute("data-value") for cell in cells]
            array = np.array([np.float32(text) for text in shown])
            assert array.tobytes() == from_json(entry).tobytes()


def arrival(page, node):
    return next(a for a in page.document["passes"][0]["arrivals"] if a["leaf"] == node["id"])


@pytest.mark.slow
@needs_browser
def test_hover_tells_where_an_element_comes_from(show):
    page = show(LINEAR)
    w = node_named(page.document, "w")["id"]
    page.evaluate(f"T.set({{node: {w}}})")
    page.locator("#card .pair [data-role=gradient] [data-index='3,1']").hover()
    box = page.locator("#card .element")
    texts = [m.get_attribute("data-tex") for m in box.locator(".math").all()]
    assert r"\frac{\partial L}{\partial w[i,j]} = \sum_{b} x[b,i] \cdot g[b,j]" in texts
    lit = [c.get_attribute("data-index") for c in box.locator("[data-role=x0] .lit").all()]
    assert lit == ["0,3", "1,3"]
    lit = [c.get_attribute("data-index") for c in box.locator("[data-role=g] .lit").all()]
    assert lit == ["0,1", "1,1"]
    assert page.locator("#card .strip").inner_text().replace("\n", "") == "2×5ᵀ · 2×3 → 5×3"


@pytest.mark.slow
@needs_browser
def test_line_and_node_light_each_other(show):
    page = show(SCALAR)
    page.locator(".row[data-line='4']").hover()
    assert page.locator(".item.hover").count() == 1
    z = node_named(page.document, "z")["id"]
    page.locator(f".item[data-id='{z}']").hover()
    assert page.locator(".row.hover").get_attribute("data-line") == "4"


@pytest.mark.slow
@needs_browser
def test_collapse_and_open_by_module(show):
    page = show(DEEP)
    before = page.evaluate("T.graph.counts().items")
    page.locator("#collapse").click()
    collapsed = page.evaluate("T.graph.counts().items")
    assert collapsed < before
    page.locator(".item.group").first.click()
    assert page.evaluate("T.graph.counts().items") > collapsed
    opened_count = page.evaluate("T.graph.counts().items")
    assert opened_count <= 400
    page.evaluate(
        "T.set({node: T.model.pass(T.state.call).members.find((id) => "
        "T.model.nodes[id].module === 'net.0.first')}); T.graph.bring(T.state.node); T.set({})"
    )
    assert page.locator(".crumb").count() >= 1
    before = page.evaluate("T.graph.counts().items")
    page.locator(".crumb").first.click()
    assert page.evaluate("T.graph.counts().items") < before


@pytest.mark.slow
@needs_browser
def test_only_the_path_to_a_parameter(show):
    page = show(DEEP)
    last = node_named(page.document, "net.7.second.weight")["id"]
    page.evaluate(f"T.set({{node: {last}}})")
    page.get_by_text("Only the path to this").click()
    assert page.evaluate("T.graph.members(T.model.pass(T.state.call)).length") < 8
    page.locator("#bar .focus").click()
    assert page.evaluate("T.graph.members(T.model.pass(T.state.call)).length") > 50


@pytest.mark.slow
@needs_browser
def test_slider_computes_again(show):
    page = show(SCALAR)
    x = node_named(page.document, "x")["id"]
    page.evaluate(f"T.set({{node: {x}}})")
    slider = page.locator(f"#sliders input[data-leaf='{x}']")
    slider.evaluate("(s) => { s.value = 4.5; s.dispatchEvent(new Event('input')); }")
    moved = float(slider.input_value())
    shown = float(page.locator("#card [data-gradient]").get_attribute("data-gradient"))
    assert shown == pytest.approx(2 * moved, rel=1e-6) and shown != 6
    page.locator("#reset").click()
    assert page.locator("#card [data-gradient]").get_attribute("data-gradient") == "6"


@pytest.mark.slow
@needs_browser
def test_sliders_of_a_complex_number(show):
    """Two of them, of the real and of the imaginary part; the page computes what tidu does."""
    page = show("""
        z = torch.tensor(1 + 2j, requires_grad=True)
        loss = (z.exp() * z).abs()
        loss.backward()
    """)
    z = node_named(page.document, "z")["id"]
    page.evaluate(f"T.set({{node: {z}}})")
    for part, value in (("re", 0.5), ("im", -1.25)):
        slider = page.locator(f"#sliders input[data-leaf='{z}'][data-part='{part}']")
        slider.evaluate(f"(s) => {{ s.value = {value}; s.dispatchEvent(new Event('input')); }}")
    parts = [float(page.locator(f"#sliders input[data-part='{part}']").input_value())
             for part in ("re", "im")]  # fmt: skip
    moved = torch.tensor(complex(*parts), requires_grad=True)
    (moved.exp() * moved).abs().backward()
    shown = page.evaluate(
        f"(({{re, im}}) => [re, im])(T.state.moved.gradients.get({z}).array.data[0])"
    )
    assert complex(*shown) == pytest.approx(moved.grad.item(), rel=1e-5)
    text = page.locator("#card").inner_text()
    assert f"{shown[0]:.6g}" in text.replace("−", "-")


@pytest.mark.slow
@needs_browser
@pytest.mark.parametrize("text", [SCALARS, ARRAYS, LINEAR], ids=["scalars", "arrays", "linear"])
def test_replay_without_moving_gives_what_was_recorded(show, text):
    page = show(text)
    found = page.evaluate(
        """() => { try {
            const found = T.replay.pass(T.model, T.model.pass(0), new Map());
            const texts = (array) => Array.from(array.data, String);
            return [...found.gradients].map(([id, a]) => [id, texts(a)]);
          } catch (error) {
            if (error instanceof T.replay.Missing) return error.message;
            throw error;
          } }"""
    )
    recorded = {a["leaf"]: a["gradient"] for a in page.document["passes"][0]["arrivals"]}
    checked = 0
    for id, numbers in found:
        if id in recorded:
            values = np.array([float(v.replace("Infinity", "inf")) for v in numbers])
            wanted = from_json(recorded[id]).ravel()
            np.testing.assert_allclose(values, wanted, rtol=2e-4, atol=2e-5)
            checked += 1
    assert checked


@pytest.mark.slow
@needs_browser
@pytest.mark.parametrize("text", [SCALARS, ARRAYS], ids=["scalars", "arrays"])
def test_page_and_library_write_the_same_formulas(show, text):
    page = show(text)
    reader = Reader(page.document).use(page.document["passes"][0])
    wanted = []
    for step in page.document["passes"][0]["steps"]:
        for message in step["sent"]:
            general, numbers, result = reader.worked(step, message, "tex")
            wanted.append([general, numbers, result])
    shown = page.evaluate(
        """() => { const p = T.model.pass(0), out = [];
            for (const s of p.call.steps) for (const m of s.sent) {
              const w = T.worked(s.node, m, s.gradient, p);
              out.push([w.general, w.numbers, w.result]); }
            return out; }"""
    )
    assert shown == wanted
    made = page.evaluate(
        """() => { const p = T.model.pass(0), out = {};
            for (const n of T.model.nodes) {
              const f = T.model.formulas[n.formula], array = n.value && T.model.array(n.value);
              if (!f || f.outputs || !array?.data.length) continue;
              const values = T.env(n.id, p, null);
              const found = T.formula.element(f.forward, T.telling(array), T.shapes(values), 6);
              out[n.id] = [f.element ? T.ruleText(n.id, f.element) : null,
                found === null ? null : T.formula.numbersOf(found, values)]; }
            return out; }"""
    )
    assert len(made) > 20
    for id, (rule, numbers) in made.items():
        place = reader.telling(reader.nodes[int(id)]["value"])
        assert rule == reader.forward_rule(int(id), None, "tex")
        assert numbers == reader.forward_numbers(int(id), place, None, "tex"), id


@pytest.mark.slow
@needs_browser
def test_a_value_tells_how_it_was_computed(show):
    page = show("""
        torch.manual_seed(0)
        x = torch.randn(2, 3, requires_grad=True)
        p = torch.softmax(x, 1)
        (p * p).sum().backward()
    """)
    p = node_named(page.document, "p")
    page.evaluate(f"T.set({{node: {p['id']}}})")
    rule = page.locator("#card .rule .math").first.get_attribute("data-tex")
    assert rule == r"p[i,j] = \frac{e^{x[i,j]}}{\sum_{b} e^{x[i,b]}}"
    page.locator("#card [data-role=value] [data-index='1,2']").hover()
    rows = [m.get_attribute("data-tex") for m in page.locator("#card .made .math").all()]
    x = node_named(page.document, "x")["value"]["data"]
    assert rows[0] == "p[1,2]" and all(f"{v:.6g}" in "".join(rows) for v in x[3:])
    assert f"{p['value']['data'][5]:.6g}" in rows[-1]


@pytest.mark.slow
@needs_browser
def test_language_search_and_tabs(show):
    page = show(DEEP)
    page.locator("#language").click()
    assert page.locator("#tab-graph").inner_text() == "计算图"
    assert page.evaluate("document.documentElement.lang") == "zh"
    page.locator("#language").click()
    page.locator("#search").fill("net.3.first.weight")
    assert page.locator(".found button").count() >= 1
    page.locator("#search").press("Enter")
    assert page.locator("#card h2").inner_text() == "net.3.first.weight"
    for tab in ("story", "methods", "paths", "findings", "table"):
        page.locator(f"#tab-{tab}").click()
        assert page.locator("#panel h2").count() == 1 and page.locator("#panel").is_visible()
    assert page.locator("#panel table.steps tbody tr").count() > 50


@pytest.mark.slow
@needs_browser
def test_what_tutorials_get_wrong_is_set_right(show):
    """Which way a gradient points, what a leaf is, what nodes are: in both languages."""
    page = show(SCALAR, "#tab=story&lang=en")
    text = page.locator("#panel .known").inner_text()
    for words in ("grows fastest", "no recorded operation made", "nodes are operations (grad_fn)",
                  "sets it to None", "saved nothing", "model.eval()", "m outputs take m",
                  "averages", "torch.no_grad()"):  # fmt: skip
        assert words in text
    page.locator("#language").click()
    assert "增长最快" in page.locator("#panel .known").inner_text()
    assert page.locator("#panel .known li").count() == 13


@pytest.mark.slow
@needs_browser
def test_by_keyboard_alone(show):
    page = show(LINEAR)
    press = page.keyboard.press
    press("/")
    page.keyboard.type("w")
    press("Enter")
    assert page.locator("#card h2").inner_text() == "w"
    press("t")
    assert page.locator("#panel table.steps").is_visible()
    press("l")
    assert page.evaluate("document.documentElement.lang") == "zh"
    press("g")
    page.locator(".item").first.focus()
    press("Enter")
    chosen = page.evaluate("document.querySelector('.item.chosen').dataset.id")
    assert page.evaluate("T.state.node") == int(chosen)
    page.locator("[data-action=first]").focus()
    press("Enter")
    press("Tab")
    press("Tab")
    press("Tab")
    assert page.evaluate("document.activeElement.dataset.action") == "next"
    press("Enter")
    press("Enter")
    assert page.evaluate("T.state.step") == 2
    press("End")
    page.evaluate(f"T.set({{node: {node_named(page.document, 'w')['id']}}})")
    page.locator("#card .pair [data-role=gradient] [data-index='0,0']").focus()
    press("Tab")
    assert page.evaluate("document.activeElement.dataset.index") == "0,1"
    assert r"w[0,1]" in page.locator("#card .element .math.block").first.get_attribute("data-tex")


@pytest.mark.slow
@needs_browser
@pytest.mark.parametrize("width", [360, 700, 1500])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_nothing_sticks_out_of_the_window(show, width, language):
    page = show(LINEAR, f"#lang={language}")
    page.set_viewport_size({"width": width, "height": 800})
    for tab in ("graph", "story", "methods", "paths", "findings", "table"):
        page.locator(f"#tab-{tab}").click()
        assert page.evaluate("document.documentElement.scrollWidth") <= width, tab
    page.locator("#tab-graph").click()
    assert page.evaluate("document.querySelector('svg.graph').clientHeight") > 250


@pytest.mark.slow
@needs_browser
def test_four_methods(show):
    page = show(SCALAR, "#tab=methods")
    page.locator("#by-hand").fill("2x")
    page.locator("#by-hand").press("Enter")
    assert "✓" in page.locator(".answer").first.inner_text()
    page.locator("#by-hand").fill("3x")
    page.locator("#by-hand").press("Enter")
    assert "✗" in page.locator(".answer").first.inner_text()
    page.locator("#by-hand").fill("alert(1)")
    page.locator("#by-hand").press("Enter")
    assert "cannot be read" in page.locator(".answer").first.inner_text()
    assert page.locator("svg.curve polyline").count() == 2
    assert "n = 2" in page.locator(".costs").inner_text()


@pytest.mark.slow
@needs_browser
def test_errors_of_differences_are_a_valley_and_sharing_saves(show):
    text = """
        x = torch.tensor(1.1, requires_grad=True)
        a = x.exp() * x.sin()
        (a * a * a).backward()
    """
    page = show(text, "#tab=methods&lang=en")
    points = page.locator("svg.curve polyline").first.get_attribute("points").split()
    depth = [float(point.split(",")[1]) for point in points]  # downwards: a small error
    best = depth.index(max(depth))
    assert 0 < best < len(depth) - 1
    assert depth[best] > depth[0] + 20 and depth[best] > depth[-1] + 20
    text = page.locator(".methods").inner_text()
    apart = int(re.search(r"(\d+) operations written out", text)[1])
    shared = int(re.search(r"(\d+) operations if repeated parts are shared", text)[1])
    assert shared < apart


@pytest.mark.slow
@needs_browser
def test_paths_multiply_and_add_up(show):
    text = "x = torch.tensor(3.0, requires_grad=True)\na = x * 2\ny = a * x + a\ny.backward()\n"
    page = show(text, "#tab=paths")
    assert page.locator("table.paths tr").count() == 4
    assert float(page.locator("[data-total]").get_attribute("data-total")) == 14


@pytest.mark.slow
@needs_browser
def test_memory_bar_rises_and_falls(show):
    page = show(SCALAR, "#step=1")
    held = []
    for _ in range(9):
        held.append(int(page.locator("[data-held]").get_attribute("data-held")))
        page.keyboard.press("ArrowRight")
    assert max(held) == 8 and held[0] == 4 and held[-1] == 0


@pytest.mark.slow
@needs_browser
def test_memory_of_several_outputs_is_given_back(show):
    page = show("""
        x = torch.arange(24.0).reshape(2, 3, 2, 2)
        torch.nn.BatchNorm2d(3)(x).pow(3).sum().backward()
    """)
    page.keyboard.press("End")
    assert page.locator("[data-held]").get_attribute("data-held") == "0"


@pytest.mark.slow
@needs_browser
def test_text_of_the_program_is_never_markup(show):
    attack = '<img src=x onerror="T.bad=1"></script><script>T.bad=1</script>'
    page = show(f"x = torch.ones(1, requires_grad=True)\ny = x * 2  # {attack}\ny.backward()\n")
    assert page.evaluate("T.bad") is None
    assert "<img" in page.locator(".code").inner_text()


@pytest.mark.slow
@needs_browser
def test_ten_thousand_nodes(context, tmp_path):
    ex = explained(
        tmp_path,
        """
        w = torch.tensor(0.999, requires_grad=True)
        y = torch.tensor(1.0)
        for i in range(5000):
            y = y * w + 0.001
        y.backward()
        """,
    )
    assert len(ex.recording.records) > 10_000
    text = ex.json()
    assert len(text) < 20_000_000
    path = ex.save(tmp_path / "page.html")
    openings = [opening(context, path) for _ in range(3)]
    # By its processor time: the clock also counts what else this machine does.
    print("seconds by the clock, of its processor:", openings)
    assert max(processor for _, processor in openings) < 2, openings


def opening(context, path):
    """Seconds until the page is ready: by the clock, and of its process."""
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("Performance.enable")
    start = time.perf_counter()
    page.goto(f"file://{path}")
    page.wait_for_selector("html[data-ready]", timeout=60_000)
    clock = time.perf_counter() - start
    metrics = session.send("Performance.getMetrics")["metrics"]
    assert page.evaluate("T.graph.counts().items") <= 400
    page.close()
    return clock, next(m["value"] for m in metrics if m["name"] == "ProcessTime")


def test_a_large_document_comes_packed():
    document = {"schema": 1, "text": "<tag> 中文" * 40_000}
    element = element_of(json.dumps(document))
    packed = re.fullmatch(r'<script type="text/plain" id="packed">([\w+/=]+)</script>', element)[1]
    assert json.loads(gzip.decompress(b64decode(packed))) == document
    assert element_of('{"a": "<b"}') == (
        '<script type="application/json" id="document">{"a": "\\u003cb"}</script>')  # fmt: skip


def test_page_is_one_file_with_a_policy_and_a_table(tmp_path):
    document = explained(tmp_path, SCALAR).document
    html = page_of(document, "zh")
    assert "default-src 'none'" in html and 'data-language="zh"' in html
    assert 'src="' not in html.split("<script>")[0] and "<link" not in html
    assert "2·x = 2·3 = 6" in html  # the table for readers without scripts
    assert len(html) < 1_500_000 + len(json.dumps(document))
    with pytest.raises(ValueError, match="language"):
        page_of(document, "fr")


def test_every_script_is_used_and_short():
    files = {path.name for path in ASSETS.glob("*.js")} - {"dagre.min.js", "katex.min.js"}
    assert files == set(SCRIPTS)
    for path in [*ASSETS.glob("*.js"), *ASSETS.glob("*.css")]:
        if ".min." not in path.name:
            assert len(path.read_text(encoding="utf-8").splitlines()) <= 600
    assert (ASSETS / "dagre.LICENSE.txt").exists() and (ASSETS / "katex.LICENSE.txt").exists()


def test_both_languages_have_the_same_words():
    text = (ASSETS / "words.js").read_text(encoding="utf-8")
    english, chinese = text.split("\n};")[0].split("\n  zh: {")
    keys = [set(re.findall(r"(?:^|[,{]|\n)\s*(\w+): \"", part)) for part in (english, chinese)]
    assert keys[0] == keys[1]
