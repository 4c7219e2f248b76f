"""The playground in a real browser: edit, run, see the page change; by keyboard; two languages."""

import re
import time
from pathlib import Path
from unicodedata import normalize

import pytest
from browser import browser, needs_browser
from playing import playground

from tidu.play.limits import Limits

pytestmark = [pytest.mark.slow, needs_browser]

EXPLAIN = Path(__file__).parents[1] / "explain"
CONTRAST = (EXPLAIN / "contrast.js").read_text(encoding="utf-8").partition("\n")[2]
CONTROLS = (EXPLAIN / "controls.js").read_text(encoding="utf-8").partition("\n")[2].strip()
CHANGED = """\
import torch

x = torch.tensor(5.0, requires_grad=True)
y = x * x * x
y.backward()
print(x.grad)
"""


@pytest.fixture(scope="module")
def server():
    with playground(Limits(seconds=40, grace=10)) as opened:
        yield opened


@pytest.fixture(scope="module")
def context():
    with browser() as opened:
        yield opened


@pytest.fixture
def show(context, server):
    """The playground in a new window; it asks nothing of anybody else, and nothing goes wrong."""
    context.wrong.clear()

    def open_page(address=None, width=1500):
        page = context.new_page()
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(address or server.address)
        page.wait_for_selector("html[data-ready]")
        return page

    yield open_page
    own = f"request: http://127.0.0.1:{server.server_port}/"
    wrong = [w for w in context.wrong if not w.startswith((own, "request: data:"))]
    for page in context.pages[1:]:
        page.close()
    assert not wrong


def until(condition, seconds=20):
    """Playwright's own way of waiting for this needs `eval`, which these pages forbid."""
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.02)


def run(page, code=None, how="Control+Enter"):
    """Run what is in the editor, or another text; the frame of its page."""
    if code is not None:
        page.locator("#code").fill(code)
    page.locator("#code").press(how)
    return done(page)


def done(page):
    page.wait_for_selector("html[data-state=done]", timeout=60_000)
    page.wait_for_selector("iframe:not(.coming)", timeout=20_000)
    until(lambda: page.locator("iframe").count() == 1)
    frame = page.locator("iframe").element_handle().content_frame()
    frame.wait_for_selector("html[data-ready]", timeout=20_000)
    return frame


def chips(page):
    """line -> what its chips say."""
    rows = page.locator(".numbers > div").all()
    found = {int(row.get_attribute("data-line")): row.locator(".chip").all_inner_texts()
             for row in rows}  # fmt: skip
    return {line: texts for line, texts in found.items() if texts}


def card(frame):
    """What the card says, with the letters of formulas as plain ones."""
    return re.sub(r"\s", "", normalize("NFKC", frame.locator("#card").inner_text()))


def printed(page):
    return page.locator("#printed").inner_text().rstrip("\n")


def test_edit_run_and_see_everything_change(show):
    page = show()
    assert page.locator("#code").input_value().startswith("import torch\n")
    frame = run(page)
    assert printed(page) == "tensor(17., grad_fn=<AddBackward0>)\ntensor(6.) tensor(12.)"
    assert "x.grad+=2⋅x⋅g=2⋅3⋅1=6" in card(frame)
    page.wait_for_selector(".numbers .chip")
    assert chips(page) == {3: ["3", "∇ 6"], 4: ["2", "∇ 12"], 5: ["17", "∇ 1"]}
    code = page.locator("#code").input_value().replace("3.0", "4.0", 1)
    page.locator("#code").fill(code)
    until(lambda: chips(page) == {})
    assert "before the last change" in page.locator("#older").inner_text()
    frame = run(page)
    assert printed(page).endswith("tensor(8.) tensor(12.)")
    page.wait_for_selector(".numbers .chip")
    assert chips(page)[3] == ["4", "∇ 8"] and page.locator("#older").is_hidden()
    assert "x.grad+=2⋅x⋅g=2⋅4⋅1=8" in card(frame)
    frame = run(page, CHANGED)
    assert printed(page) == "tensor(75.)"
    assert "x" in frame.locator(".item .title").all_text_contents()


def test_the_frame_keeps_its_place_over_runs(show):
    page = show()
    frame = run(page)
    frame.locator("#tab-table").click()
    frame.locator("[data-action=first]").click()
    code = page.locator("#code").input_value().replace("3.0", "4.0", 1)
    frame = run(page, code)
    assert frame.locator("#tab-table").get_attribute("aria-selected") == "true"
    assert "1/9" in frame.locator("#stepper .says").inner_text()


def test_lines_and_nodes_point_at_each_other(show):
    page = show()
    frame = run(page)
    page.wait_for_selector(".numbers .chip")
    page.locator(".numbers [data-line='4']").hover()
    frame.wait_for_selector(".item.hover")
    assert frame.locator(".item.hover .title").text_content() == "y"
    page.locator(".numbers [data-line='4']").click()
    until(lambda: frame.locator("#card h2").inner_text().startswith("y"))
    frame.locator(".item", has_text="17").hover()
    page.wait_for_selector(".numbers [data-line='5'].lit")


def test_an_error_marks_its_line(show):
    page = show()
    run(page, "import torch\n\nx = torch.ones(2, requires_grad=True)\nx @ torch.ones(3)\n")
    status = page.locator("#status")
    assert "✗ Ended with an error in line 4: RuntimeError:" in status.inner_text()
    row = page.locator(".numbers .wrong")
    assert row.inner_text().split() == ["✗", "4"] and "RuntimeError" in row.get_attribute("title")
    assert page.locator(".copy .wrong").inner_text() == "x @ torch.ones(3)"
    assert page.locator("#code").get_attribute("aria-invalid") == "true"
    assert 'File "program.py", line 4' in printed(page) and "/tmp" not in printed(page)
    assert "Standard error" in printed(page)
    page.get_by_text("Go to the line").click()
    selected = "[document.activeElement.selectionStart, document.activeElement.selectionEnd]"
    assert page.evaluate(selected) == [52, 69]
    page.keyboard.type("1")
    until(lambda: page.locator(".numbers .wrong").count() == 0)
    run(page, "x = (1,\n")
    assert "in line 1: SyntaxError: '(' was never closed" in status.inner_text()


def test_a_program_run_as_soon_as_it_is_written_is_the_one_written(show):
    """The page notices a change in its next frame, when the run may have begun."""
    page = show()
    page.evaluate("""() => {
        const code = document.getElementById("code");
        code.value = "1 / 0";
        code.dispatchEvent(new InputEvent("input", { bubbles: true }));
        const pressed = { key: "Enter", ctrlKey: true, bubbles: true, cancelable: true };
        code.dispatchEvent(new KeyboardEvent("keydown", pressed));
    }""")
    done(page)
    assert "in line 1: ZeroDivisionError" in page.locator("#status").inner_text()
    assert page.get_by_text("Go to the line").count() == 1


def test_stop_and_a_run_that_replaces_another(show):
    page = show()
    loop = "import torch\nx = torch.ones(1, requires_grad=True)\n(x * 2).backward()\nprint('in')\n"
    loop += "while True: pass\n"
    page.locator("#code").fill(loop)
    page.locator("#run").click()
    page.wait_for_selector(".piece")
    assert "Running" in page.locator("#status").inner_text()
    page.keyboard.press("Control+.")
    frame = done(page)
    assert "■ Stopped" in page.locator("#status").inner_text() and printed(page).startswith("in")
    assert frame.locator(".item").count() > 0
    page.locator("#run").click()
    page.wait_for_selector(".piece")
    run(page, "print('another')\n")
    assert printed(page) == "another"


def test_loading_again_keeps_the_text_and_the_result(show):
    page = show()
    run(page, CHANGED)
    assert "token" not in page.url
    page.reload()
    frame = done(page)
    assert page.locator("#code").input_value() == CHANGED and printed(page) == "tensor(75.)"
    assert frame.locator(".item").count() > 0


def test_examples_and_undo(show, server):
    page = show()
    options = page.locator("#programs option").all_inner_texts()
    assert len(options) == len(server.programs) >= 10
    page.locator("#code").fill("mine = 1\n")
    page.locator("#programs").focus()
    page.locator("#programs").select_option(label="A second derivative")
    assert "create_graph=True" in page.locator("#code").input_value()
    assert page.evaluate("document.activeElement.id") == "programs"  # who chooses goes on choosing
    page.locator("#code").focus()
    page.keyboard.press("Control+z")
    assert page.locator("#code").input_value() == "mine = 1\n"


def test_both_languages(show):
    page = show()
    frame = run(
        page, "import torch\nx = torch.ones(2, requires_grad=True)\nx.sum().backward()\n1/0\n"
    )
    assert frame.locator("#language").is_hidden()  # one for both is enough
    frame.locator("#tab-graph").click()
    page.locator("#language").click()
    frame.wait_for_selector("html[lang=zh]")
    text = page.locator("body").inner_text()
    for word in ("练习场", "运行", "停止", "标准错误", "以错误结束", "转到该行"):
        assert word in text
    for word in ("Run", "Stop", "Ended", "Standard"):
        assert word not in text.replace("Traceback", "")
    assert frame.locator("#tab-graph").get_attribute("aria-selected") == "true"
    assert "按键" in frame.locator("#keys").inner_text()
    frame.locator(".item").first.click()
    page.keyboard.press("l")  # in the frame: the playground follows
    page.wait_for_selector("html[lang=en]")
    frame = run(page)
    assert frame.evaluate("document.documentElement.lang") == "en"


def test_by_keyboard_alone(show):
    page = show()
    page.locator("#programs").focus()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "run"
    page.locator("#code").focus()
    page.keyboard.press("Control+a")
    for text in ("import torch", "x = torch.ones(1, requires_grad=True)", "for k in range(2):"):
        page.keyboard.type(text)
        page.keyboard.press("Enter")
    page.keyboard.type("(x * k).backward()")  # indented already
    page.keyboard.press("Enter")
    page.keyboard.press("Shift+Tab")
    page.keyboard.type("print(x.grad)")
    page.keyboard.press("Enter")
    assert page.locator("#code").input_value().endswith("    (x * k).backward()\nprint(x.grad)\n")
    page.keyboard.press("Control+Enter")
    frame = done(page)
    assert printed(page) == "tensor([1.])"
    page.keyboard.press("Tab")  # indents
    assert page.locator("#code").input_value().endswith("\n    ")
    page.keyboard.press("Escape")
    page.keyboard.press("Tab")  # leaves
    assert page.evaluate("document.activeElement.id") == "printed"
    page.keyboard.press("Tab")
    until(lambda: frame.evaluate("document.activeElement !== document.body"))
    page.keyboard.press("Home")
    until(lambda: " 1/" in frame.locator("#stepper .says").inner_text())
    page.keyboard.press("Control+Enter")  # from inside the frame
    page.wait_for_selector("html:not([data-state=done])")
    done(page)


def test_indenting_lines(show):
    page = show()
    page.locator("#code").fill("a\n\nb\nc")
    page.evaluate("document.getElementById('code').setSelectionRange(0, 4)")
    page.locator("#code").press("Tab")
    assert page.locator("#code").input_value() == "    a\n\n    b\nc"
    page.locator("#code").press("Shift+Tab")
    assert page.locator("#code").input_value() == "a\n\nb\nc"
    page.locator("#code").press("Control+z")
    assert page.locator("#code").input_value() == "    a\n\n    b\nc"


def assert_copied(page):
    """The coloured copy has the text's lines, and a number for each; after the next frame."""
    found = page.evaluate("""() => new Promise((tell) => requestAnimationFrame(() => {
      const texts = (q) => [...document.querySelectorAll(q)].map((d) => d.textContent);
      tell([texts(".copy > div"), texts(".numbers .line")]); }))""")
    lines = page.locator("#code").input_value().split("\n")
    assert [line if line != " " else "" for line in found[0]] == lines
    assert found[1] == [str(k + 1) for k in range(len(lines))]


@pytest.mark.parametrize("text", [
    "a = '#'  # c", 'x = """one\n# two\nthree""" + 1', "'unclosed\nb = 2", "'''never\nclosed",
    "s = 'it\\'s'; f(1.5e3, None)", "<b>&amp;</b>", "\t梯度 = 1\r", "",
])  # fmt: skip
def test_the_coloured_copy_is_the_text(show, text):
    page = show()
    page.locator("#code").fill(text)
    assert_copied(page)
    for where, key in [(0, "x"), (2, "Enter"), (3, "Backspace"), (1, "Delete"), (4, "#"), (2, "'")]:
        page.evaluate(f"document.getElementById('code').setSelectionRange({where}, {where})")
        page.locator("#code").press(key)
        assert_copied(page)
    sizes = page.evaluate("""() => {
      const [copy, field] = [".copy", "#code"].map((q) => document.querySelector(q));
      const same = getComputedStyle(copy).font === getComputedStyle(field).font;
      return [copy.clientHeight, field.clientHeight, field.scrollHeight, field.scrollWidth,
              field.clientWidth, same]; }""")
    assert sizes[0] == sizes[1] >= sizes[2] - 1 and sizes[3] <= sizes[4] and sizes[5]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast(show, scheme):
    page = show()
    page.emulate_media(color_scheme=scheme)
    script = CONTRAST.replace("input[type=search]", "#programs").replace('"::placeholder"', "null")
    count = 0
    for code in (None, "import torch  # c\nprint('a')\nx = 1 if True else None\n1/0\n"):
        run(page, code)
        found = page.evaluate(script)
        assert not found["wrong"], found["wrong"]
        count += found["count"]["text"]
    page.locator("#code").press("a")
    assert not page.evaluate(script)["wrong"]
    assert count > 60


def test_every_control_is_reached_and_named(show):
    page = show()
    run(page, "1/0\n")
    page.evaluate("document.activeElement.blur()")
    wanted = page.evaluate(f"{CONTROLS}.mark()")
    reached = set()
    page.locator("#programs").focus()
    for _ in range(wanted + 4):
        found = page.evaluate(f"{CONTROLS}.focused()")
        if found[0] is not None:
            reached.add(found[0])
            assert found[1] and found[2], found
        page.keyboard.press("Escape")
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.tagName") == "IFRAME":
            break
    assert len(reached) == wanted, (len(reached), wanted)


@pytest.mark.parametrize("width", [380, 800, 1100])
def test_nothing_sticks_out_of_the_window(show, width):
    page = show(width=width)
    frame = run(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert frame.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.locator("#wide").click()
    assert page.locator("#left").is_hidden()
    page.set_viewport_size({"width": 1500, "height": 900})
    until(lambda: frame.evaluate("window.innerWidth") > 1400)


def test_a_program_s_page_has_no_rights(show, server):
    """A program may write any page: it has no origin, no network and no way to the playground."""
    attack = """
import os
open("../page.html", "w").write('''<!DOCTYPE html><html data-ready><body><script>
const told = [];
const attempt = (name, action) => {
  try { told.push(name + ":" + action()); } catch (e) { told.push(name + "!" + e.name); }
};
attempt("origin", () => window.origin);
attempt("parent", () => parent.document.title);
attempt("storage", () => sessionStorage.length);
attempt("cookie", () => document.cookie);
const address = "#x=<img src=x onerror=alert(1)>", lines = [[1, "<b>x</b>", 7], 5, [2]];
for (const message of [{ address, lines, line: "x" }, { lines: "none" }, null, "run"])
  parent.postMessage(message, "*");
setTimeout(() => parent.postMessage({ run: true }, "*"), 7000);  // longer than a key press counts
fetch("/programs", { method: "POST" }).then(() => told.push("fetch"), () => told.push("fetch!"))
  .finally(() => { document.body.textContent = told.join(" "); document.body.id = "end"; });
</script></body></html>''')
os._exit(0)
"""
    page = show()
    frame = run(page, attack)
    frame.wait_for_selector("#end")
    assert frame.locator("body").inner_text().split() == [
        "origin:null", "parent!SecurityError", "storage!SecurityError", "cookie!SecurityError",
        "fetch!",
    ]  # fmt: skip
    assert chips(page) == {1: ["<b>x</b>"]}
    assert page.locator("img").count() == 0
    assert page.locator("iframe").get_attribute("sandbox") == "allow-scripts"
    name = server.runs.current.name
    time.sleep(9)
    assert server.runs.current.name == name
    page.goto(frame.url)  # in a window of its own it has no more
    page.wait_for_selector("#end")
    assert page.locator("body").inner_text().startswith("origin:null ")
    page.context.wrong.clear()  # what the browser says about the attempts


def test_without_the_token(show, server):
    page = show(f"http://127.0.0.1:{server.server_port}/")
    assert "the whole address" in page.locator("#status").inner_text()
    page.context.wrong.clear()  # the browser notes the refusal
    page.goto(server.address.replace("token=", "token=A"))
    page.wait_for_selector("html[data-ready]")
    assert "the whole address" in page.locator("#status").inner_text()
    page.context.wrong.clear()


def test_another_window_takes_over(show):
    first, second = show(), show()
    first.locator("#code").fill("import time\nprint('in')\ntime.sleep(30)\n")
    first.locator("#run").click()
    first.wait_for_selector(".piece")
    run(second, CHANGED)
    first.wait_for_selector("html[data-state=trouble]")
    assert "another window" in first.locator("#status").inner_text()


def test_a_server_that_is_gone(context):
    context.wrong.clear()
    with playground() as server:
        page = context.new_page()
        page.goto(server.address)
        page.wait_for_selector("html[data-ready]")
    page.locator("#run").click()
    page.wait_for_selector("html[data-state=trouble]")
    assert "tidu play" in page.locator("#status").inner_text()
    page.close()
    context.wrong.clear()


def test_a_long_output_is_quick(show):
    page = show()
    start = time.monotonic()
    run(page, "for k in range(200_000):\n    print('line', k)\n")
    text = printed(page)
    assert "line 0\n" in text and "line 199999" in text and "characters left out here" in text
    assert page.locator(".piece").count() < 20
    print(time.monotonic() - start)


def test_a_long_program_is_typed_into_quickly(show):
    page = show()
    page.evaluate("""() => { const field = document.getElementById("code");
      field.value = "x = torch.tensor(3.0, requires_grad=True)  # c\\n".repeat(3000);
      field.dispatchEvent(new Event("input")); }""")
    assert_copied(page)
    page.evaluate("T.count = 0; new MutationObserver((all) => { T.count += all.length; })"
                  ".observe(document.querySelector('.copy'), { childList: true })")  # fmt: skip
    page.evaluate("document.getElementById('code').setSelectionRange(500, 500)")
    page.locator("#code").press("a")
    assert_copied(page)
    assert page.evaluate("T.count") <= 2  # one line was drawn again
