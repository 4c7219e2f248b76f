"""A headless Chromium driven by Playwright, where both are installed."""

import importlib.util
import os
import shutil
import tempfile
from contextlib import contextmanager

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
ARGUMENTS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync"
).split()


def executable():
    """The browser: $CHROMIUM, or one on the path; None where there is none."""
    named = os.environ.get("CHROMIUM")
    return named or next((path for name in NAMES if (path := shutil.which(name))), None)


needs_browser = pytest.mark.skipif(
    importlib.util.find_spec("playwright") is None or executable() is None,
    reason="needs playwright (pip) and chromium (the system's)",
)


@contextmanager
def browser(width=1500, height=900):
    """A browser context with a profile of its own; what pages do wrong is in its `wrong`."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play, tempfile.TemporaryDirectory() as profile:
        context = play.chromium.launch_persistent_context(
            profile, executable_path=executable(), args=ARGUMENTS, locale="en-US",
            viewport={"width": width, "height": height},
        )  # fmt: skip
        context.wrong = []
        context.on("request", lambda r: note_request(context, r.url))
        context.on("weberror", lambda e: context.wrong.append(f"error: {e.error}"))
        context.on("console", lambda m: m.type in ("error", "warning") and
                   context.wrong.append(f"console: {m.text}"))  # fmt: skip
        try:
            yield context
        finally:
            context.close()


def note_request(context, url):
    if not url.startswith("file:"):
        context.wrong.append(f"request: {url}")


def opened(context, path, hash=""):
    """A page, ready."""
    page = context.new_page()
    page.goto(f"file://{path}{hash}")
    page.wait_for_selector("html[data-ready]", timeout=20_000)
    return page
