"""Every primitive has its rules, or a reason why not; what can be generated is checked here.

Values, derivatives and batching of each are checked through the operators' records.
"""

import pytest

from tidu.cli.ops import all_primitives, main, missing

PRIMITIVES = {f"{module}.{name}": prim for module, name, prim in all_primitives()}


@pytest.mark.parametrize("name", PRIMITIVES)
def test_no_rule_is_missing_without_a_reason(name):
    unexplained = [rule for rule, reason in missing(PRIMITIVES[name]).items() if not reason]
    assert not unexplained


def test_the_matrix_is_printed(capsys):
    assert main([]) == 0
    text = capsys.readouterr().out
    assert "primitive" in text and "matmul" in text
    assert main(["--missing", "argsort"]) == 0
    assert "argsort.reverse: " in capsys.readouterr().out


@pytest.mark.parametrize("name", [
    "structural.concatenate", "structural.split", "reductions.mean", "solutions.inv", "base.cast",
    "base.conj", "functions.sigmoid", "convolution.transposed_convolution",
])  # fmt: skip
def test_each_is_named_where_it_is_defined(name):
    assert name in PRIMITIVES


LOWERED = (
    "arithmetic.add", "activations.silu", "base.reshape", "base.reduce_sum", "structural.split",
    "contraction.matmul", "convolution.convolution", "network.softmax", "normalization.normalize",
    "reductions.cumsum", "indexing.take", "structural.concatenate",
)  # fmt: skip


def test_what_compiled_programs_have_of_their_own_is_told():
    """Of elements, strides, reductions, products, convolutions, definitions, scans, indexing."""
    assert all("lower" not in missing(PRIMITIVES[name]) for name in LOWERED)
    called = ("solutions.solve", "indexing.argsort")
    assert all("lower" in missing(PRIMITIVES[name]) for name in called)
