"""docs/api.md is up to date, and tidu's signatures are PyTorch's but for declared differences."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def tool(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


list_api = tool("list_api")
of_text, difference = list_api.Signature.of_text, list_api.difference


@pytest.fixture(scope="module")
def page():
    return list_api.page()


def test_signatures_are_pytorch_s(page):
    assert not page[1]


def test_the_page_is_up_to_date(page):
    assert (ROOT / "docs" / "api.md").read_text("utf-8") == page[0], "run tools/list_api.py"


def test_no_name_is_missing_and_what_refuses_says_so():
    refused = 0
    for place, name, status, *_ in list_api.compared():
        assert status != "missing", f"{place}.{name}"
        if status == "refuses":
            with pytest.raises(NotImplementedError, match="Hint: "):
                list_api.found(place, name)()
            refused += 1
    assert refused > 150


def test_declared_differences_are_differences():
    wrong = {f"{place}.{name}" for place, name, *_, difference in list_api.compared() if difference}
    assert set(list_api.deliberate()) == wrong


def test_most_signatures_are_stored():
    rows = list_api.table(list_api.STORED)
    assert sum(bool(row[3]) for row in rows) > 1100


@pytest.mark.parametrize(
    ("theirs", "ours", "found"),
    [
        ("(a, b=1)", "(a, b=1, c=2)", ""),
        ("(a, *, b=1)", "(a, b=1)", ""),
        ("(a, b=1)", "(a, *, b=1)", "argument 2"),
        ("(a, b)", "(b, a)", "argument 1"),
        ("(a, b=1)", "(a, b=2)", "'b' is 1, here 2"),
        ("(a)", "(a, b)", "'b' is required"),
        ("(a, *, b=None)", "(a)", "'b' is not taken"),
        ("(a, *, b=None)", "(a, **more)", ""),
        ("(a, dtype=None)", "(a, dtype=3)", ""),
        ("(a=1.0 / 8)", "(a=0.125)", ""),
    ],
)
def test_what_counts_as_a_difference(theirs, ours, found):
    result = difference(of_text(theirs), of_text(ours))
    assert found in result if found else not result
