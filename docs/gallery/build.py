"""Builds the gallery: `python docs/gallery/build.py FOLDER` writes a page for every program.

With Playwright and a Chromium it also takes the pictures that README.md shows.
"""

import subprocess
import sys
import threading
from pathlib import Path

from tidu.play import Playground

HERE = Path(__file__).parent
SEEDS = HERE.parents[1] / "examples" / "seeds"
ADDRESSES = {
    "s0_leaf_and_retain_grad": "#tab=story",
    "s1_understanding": "#call=11&tab=findings",
    "s2_gradient_descent": "#call=2",
    "s2_linear_regression": "",
    "s3_scalar": "",
    "s3_network": "",
    "s3_higher_order": "#call=2",
    "mlp": "",
    "cnn": "",
    "attention": "",
    "nan": "#tab=findings",
    "in_place": "#tab=findings",
    "deep": "#tab=training",
}


def program(name):
    own = HERE / f"{name}.py"
    return own if own.exists() else SEEDS / f"{name}.py"


def build(name, folder):
    """Write the page of one program; its failure, if it is one that fails, is part of the page."""
    page = folder / f"{name}.html"
    train = ["--train"] if name == "deep" else []
    command = [sys.executable, "-m", "tidu", "explain", "--html", str(page), *train]
    script = program(name)  # by its name alone: errors show the path
    subprocess.run([*command, script.name], cwd=script.parent, capture_output=True, check=False)
    return page


def photograph(pages):
    """Pictures of the pages, as README.md shows them."""
    sys.path.insert(0, str(HERE.parents[1] / "tests" / "explain"))
    from browser import browser, opened

    with browser(1400, 820) as context:
        for name, page in pages.items():
            shown = opened(context, page, ADDRESSES[name])
            shown.screenshot(path=HERE / "pictures" / f"{name}.png")
            shown.close()
        playground(context)


def playground(context):
    """The playground after a run."""
    server = Playground()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    page = context.new_page()
    page.goto(server.address)
    page.wait_for_selector("html[data-ready]")
    page.locator("#run").click()
    page.wait_for_selector("iframe:not(.coming)", timeout=60_000)
    page.locator("iframe").element_handle().content_frame().wait_for_selector("html[data-ready]")
    page.wait_for_selector(".numbers .chip")
    page.screenshot(path=HERE / "pictures" / "play.png")
    server.shutdown()
    server.close()


def main():
    given = [word for word in sys.argv[1:] if word != "--pictures"]
    folder = Path(given[0] if given else "demo-output/gallery").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    pages = {name: build(name, folder) for name in ADDRESSES}
    print(f"{len(pages)} pages in {folder}")
    if "--pictures" in sys.argv:
        photograph(pages)


if __name__ == "__main__":
    main()
