"""The page docs/operators.md says what its tool would write now."""

import runpy
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_operators_page_is_up_to_date():
    tool = runpy.run_path(str(ROOT / "tools" / "list_operators.py"))
    page = (ROOT / "docs" / "operators.md").read_text(encoding="utf-8")
    assert page == tool["page"](), "run python tools/list_operators.py"
