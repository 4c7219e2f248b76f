"""Random programs: messages add up, elements and formulas give the values that are shown."""

import random

import numpy as np
import pytest
from helpers import explained, same_bits, sums_of_messages
from test_formulas_shown import evaluated, formulas_read, messages, with_sympy

from tidu.explain.recording.values import from_json
from tidu.explain.views.reader import Reader

pytestmark = pytest.mark.slow
ONE = ["({a}).sin()", "({a}).tanh()", "({a}).exp() * 0.1", "({a}).sigmoid()", "({a}) ** 2",
       "torch.relu({a})", "({a}).abs()", "(({a}) ** 2 + 1).log()", "(({a}) ** 2 + 1).sqrt()",
       "torch.nn.functional.softplus({a})", "({a}).clamp(-0.5, 0.9)", "1 / (({a}) ** 2 + 2)",
       "({a}).cos() - 0.3", "torch.nn.functional.gelu({a})", "({a}).atan() * -2"]  # fmt: skip
TWO = ["({a}) + ({b})", "({a}) * ({b})", "({a}) - ({b})", "({a}) / (({b}) ** 2 + 1)",
       "torch.maximum({a}, {b})", "torch.where(({a}) > ({b}), {a}, ({b}) * 2)"]  # fmt: skip
WHOLE = ["({a}) @ ({b})", "({a}).flip(0)", "({a}).t()", "({a}).softmax(1)", "({a}).cumsum(0)",
         "({a}) - ({a}).mean(0)", "({a}) * ({b})[0]", "torch.cat([{a}, {b}])[1:3]",
         "({a}).max(1, keepdim=True).values + ({b})"]  # fmt: skip


def program(seed, shape, kinds):
    draw = random.Random(seed)
    lines = [f"torch.manual_seed({seed})"]
    names = ["x", "y"]
    lines += [f"{n} = torch.randn({shape}, requires_grad=True)" for n in names]
    for k in range(8):
        picked = draw.choice(kinds).format(a=draw.choice(names), b=draw.choice(names))
        names.append(f"t{k}")
        lines.append(f"t{k} = {picked}")
    total = " + ".join([f"{n}.sum()" for n in names])
    return "\n".join([*lines, f"loss = {total}", "loss.backward()"])


@with_sympy
@pytest.mark.parametrize("seed", range(12))
def test_scalars(tmp_path, seed):
    ex = explained(tmp_path, program(seed, "()", ONE + TWO))
    document = ex.document
    assert sums_of_messages(document) > 8
    sent = len(list(messages(document)))
    # each with its numbers, its element, its local derivative and as a whole
    assert sent > 30 and formulas_read(document) >= 4 * sent
    for arrival in document["passes"][0]["arrivals"]:
        name = document["nodes"][arrival["leaf"]]["names"][0]
        assert same_bits(arrival["after"], ex.space[name].grad.numpy())
        assert arrival["check"] is None or arrival["check"]["ok"]


@pytest.mark.parametrize("seed", range(20))
def test_matrices(tmp_path, seed):
    ex = explained(tmp_path, program(seed, "2, 2", ONE + TWO + WHOLE * 2))
    document, checked = ex.document, 0
    assert sums_of_messages(document) > 8
    for call in document["passes"]:
        reader = Reader(document).use(call)
        for step in call["steps"]:
            values = reader.values_for(step["node"], step["gradient"])
            for message in step["sent"]:
                rule = reader.formula(step["node"])["inputs"][message["input"]]["message"]
                array = from_json(message["value"])
                found = [evaluated(rule, at, values) for at in np.ndindex(array.shape)]
                found = np.array(found, float).reshape(array.shape)
                np.testing.assert_allclose(found, array, rtol=2e-4, atol=2e-5)
                checked += 1
    assert checked > 10
