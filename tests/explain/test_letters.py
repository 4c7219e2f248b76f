"""Rules with letters, such as Σ_b x[b,i]·g[b,j], read as they stand give every element."""

import re
import textwrap
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from helpers import explained
from operations import PROGRAMS

from tidu.explain.formulas.elements import VALUES, WITH_PARAMS, whole
from tidu.explain.formulas.letters import letters_of
from tidu.explain.formulas.whole import computed
from tidu.explain.recording.values import from_json
from tidu.explain.views.reader import Reader

pytestmark = pytest.mark.slow

MOST = 3000  # terms of a sum


def read(text, letters):
    """An index, or a condition on indices, as a Python value."""
    text = re.sub(r"(\d)(?=[a-z(])", r"\1*", str(text))
    text = re.sub(r"⌊(.*?)/(\d+)⌋", r"((\1)//\2)", text).replace(" mod ", "%")
    text = (
        text.replace("≤", "<=")
        .replace("≠", "!=")
        .replace("·", "*")
        .replace(" = ", "==")
        .replace(", ", " and ")
    )
    return eval(re.sub(r"\)/(\d)", r")*Fraction(1,\1)", text), {"Fraction": Fraction}, letters)


def value(tree, letters, arrays):
    """None where an index lies outside: the term, or the factor, is left out."""
    if not isinstance(tree, list):
        return tree
    op, params, *parts = tree
    if op == "says":
        return read(params["text"], letters)
    if op == "at":
        index = [read(i, letters) for i in parts[0]]
        array = whole(params, arrays)
        inside = all(i == int(i) and 0 <= i < n for i, n in zip(index, array.shape, strict=True))
        return array[tuple(int(i) for i in index)].item() if inside else None
    if op in ("sigma", "pi"):
        known = list(counted(params, letters, arrays))
        found = [value(parts[0], {**letters, **at}, arrays) for at in known]
        found = [v for v in found if v is not None]
        return sum(found) if op == "sigma" else np.prod(found)
    inner = [value(part, letters, arrays) for part in parts]
    if op == "mul" and 0 in inner:
        return 0
    if None in inner:
        return None
    if op == "bracket":
        return int(inner[0])
    if op in WITH_PARAMS or op in VALUES:
        return WITH_PARAMS[op](params, *inner) if op in WITH_PARAMS else VALUES[op](*inner)
    return computed(op, params, [np.asarray(v)[()] for v in inner]).item()


def counted(text, letters, arrays):
    """What the letters under a Σ or Π stand for: "b", "b<2", "b ≠ j"."""
    parts = [re.match(r"(\w)(?:<(\d+))?(.*)", part).groups() for part in text.split(",")]
    largest = max(n for a in arrays.values() for n in (1, *a.shape))
    names = dict.fromkeys([name for name, _, _ in parts], largest)
    names.update({name: int(end) for name, end, _ in parts if end})
    if np.prod(list(names.values())) > MOST:
        pytest.skip("too many terms")
    for at in product(*[range(n) for n in names.values()]):
        found = dict(zip(names, at, strict=True))
        said = [name + rest for name, _, rest in parts if rest]
        if all(read(text, {**letters, **found}) for text in said):
            yield found


@pytest.mark.parametrize("name", [n for n in PROGRAMS if n not in ("lstm", "gru", "rnn")])
def test_rules_with_letters(tmp_path, name):
    document = explained(
        tmp_path, "torch.manual_seed(0)\n" + textwrap.dedent(PROGRAMS[name])
    ).document
    for call in document["passes"]:
        reader = Reader(document).use(call)
        for step in call["steps"]:
            arrays = reader.values_for(step["node"], step["gradient"])
            for message in step["sent"]:
                rule = reader.formula(step["node"])["inputs"][message["input"]]
                array = from_json(message["value"])
                if rule.get("element") is None or array.ndim == 0:
                    continue
                for place in list(np.ndindex(array.shape))[:: max(1, array.size // 5)]:
                    found = value(
                        rule["element"], dict(zip(letters_of(rule["message"]), place)), arrays
                    )
                    np.testing.assert_allclose(
                        found or 0, array[place], rtol=2e-4, atol=2e-5, err_msg=str(rule["element"])
                    )


@pytest.mark.parametrize(
    ("name", "op", "index", "rule"),
    [
        ("conv", "convolution", 1, "Σ_b,p,q x[b,j,2p+k-1,2q+l-1]·g[b,i,p,q]"),
        ("conv", "convolution", 0, "Σ_b,p,q g[i,b,(k+1-p)/2,(l+1-q)/2]·c.weight[b,j,p,q]"),
        ("conv", "convolution", 2, "Σ_b,k,p g[b,i,k,p]"),
        ("bmm", "mm", 0, "Σ_b g[i,j,b]·y[i,k,b]"),
        ("linear3d", "addmm", 1, "Σ_k,p g[k,p,i]·x[k,p,j]"),
        ("pad", "slice_backward", 0, "g[i,j+1]"),
        ("index", "slice", 0, "[1 ≤ i < 4]·g[i-1,j]"),
    ],
)
def test_known_rules(tmp_path, name, op, index, rule):
    document = explained(
        tmp_path, "torch.manual_seed(0)\n" + textwrap.dedent(PROGRAMS[name])
    ).document
    reader = Reader(document)
    nodes = [n["id"] for n in document["nodes"] if n["op"] == op]
    assert rule in [reader.rule(id, index, "element") for id in nodes]


def test_only_matrices_are_transposed(tmp_path):
    """What exchanges other axes than the last two has no ᵀ."""
    text = """
        x = torch.randn(2, 3, 4, requires_grad=True)
        turned = x.transpose(1, 2)
        moved = x.permute(2, 0, 1)
        (turned.sum() + moved.sum()).backward()
    """
    document = explained(tmp_path, text).document
    reader = Reader(document)
    shown = {n["names"][0]: reader.forward(n["id"]) for n in document["nodes"]
             if n["op"] == "permute"}  # fmt: skip
    assert shown == {"turned": "xᵀ", "moved": "permute(x, [2, 0, 1])"}
