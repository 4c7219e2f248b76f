"""Which operators have rules written by hand: primitives.txt lists them, and is to get shorter."""

from pathlib import Path

import pytest

from tidu.cli.ops import all_primitives
from tidu.core.primitive import Derived
from tidu.primitives.composed import Composed
from tidu.primitives.fused import Fused
from tidu.primitives.indexing import Write
from tidu.primitives.structural import Same
from tidu.primitives.transposed import Transposed
from tidu.primitives.trilinear import Partial

STORED = Path(__file__).with_name("primitives.txt")
KINDS = {
    "fused operator": Fused, "transpose": Transposed, "composed operator": Composed,
    "partial transpose": Partial, "write": Write, "identity": Same,
}  # fmt: skip


def by_kind():
    """{kind: the names of all operators of that kind}."""
    names = {kind: [] for kind in ("primitive", *KINDS)}
    for module, name, prim in all_primitives():
        kinds = [word for word, kind in KINDS.items() if isinstance(prim, kind)]
        assert len(kinds) == isinstance(prim, Derived), f"{name}: add its class to KINDS"
        names[kinds[0] if kinds else "primitive"].append(f"{module}.{name}")
    return names


def stored():
    return set(STORED.read_text(encoding="utf-8").split())


def test_no_new_primitive():
    new = sorted(set(by_kind()["primitive"]) - stored())
    assert not new, (
        f"can the rules of these follow from others'? If not, {STORED} names them: {new}"
    )


def test_what_is_no_primitive_any_more_is_not_listed():
    gone = sorted(stored() - set(by_kind()["primitive"]))
    assert not gone, f"take these lines out of {STORED}: {gone}"


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_derived_says_from_what(kind):
    prims = [prim for *_, prim in all_primitives() if isinstance(prim, KINDS[kind])]
    assert prims
    assert all(prim.way and prim.told for prim in prims)
