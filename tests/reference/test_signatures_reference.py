"""The stored signatures are PyTorch's."""

import importlib.util
from pathlib import Path

TOOLS = Path(__file__).parents[2] / "tools"


def test_stored_signatures_are_up_to_date():
    spec = importlib.util.spec_from_file_location("store", TOOLS / "store_signatures.py")
    store = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(store)
    stored = (TOOLS / "signatures.tsv").read_text("utf-8").splitlines()
    rows = store.rows()
    # What other tests import may add a submodule to a namespace; what is stored stays.
    assert of_no_module(stored) == of_no_module(rows)


def of_no_module(rows):
    return {row for row in rows if "\tmodule\t" not in row}
