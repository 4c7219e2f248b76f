"""Operations told by tables of indices: the sentence on the card, and that the numbers obey it."""

import numpy as np
import pytest
from browser import needs_browser
from helpers import node_named
from test_page import context, show  # noqa: F401  (fixtures)

from tidu.explain.recording.values import from_json

pytestmark = [pytest.mark.slow, needs_browser]

PICK = ("picked elements", "挑选元素")
PUT = ("wrote elements into places", "写入某些位置")
LARGEST = ("its largest element", "最大的元素")
MEAN = ("was averaged", "取平均")
CLASS = ("score of the right class", "正确类别的得分")
NEAR = ("weighted mean of elements near it", "附近元素的加权平均")
EVEN = "torch.arange(12.0).reshape(3, 4).add(1)"

# what is done -> the sentence; the gradient that comes back to x, from 1 for each element of y
TABLES = {
    "y = x[torch.tensor([0, 2, 2])]": (PICK, [[1] * 4, [0] * 4, [2] * 4]),
    "y = x.gather(1, torch.tensor([[3], [0], [0]]))":
        (PICK, [[0, 0, 0, 1], [1, 0, 0, 0], [1, 0, 0, 0]]),
    "y = x.topk(1, dim=1).values": (PICK, [[0, 0, 0, 1]] * 3),
    "y = x.unfold(1, 3, 1)": (PICK, [[1, 2, 2, 1]] * 3),
    "y = torch.nn.functional.unfold(x.reshape(1, 1, 3, 4), 2)":
        (PICK, [[1, 2, 2, 1], [2, 4, 4, 2], [1, 2, 2, 1]]),
    "y = torch.zeros(3, 4).index_put((torch.tensor([1, 1, 0]),), x)":
        (PUT, [[1] * 4] * 3),
    "y = torch.zeros(2, 4).scatter_add(0, torch.zeros(3, 4, dtype=torch.long), x) * 5":
        (PUT, [[5] * 4] * 3),
    "y = x.clone(); y[0] = 7.0": (PUT, [[0] * 4, [1] * 4, [1] * 4]),
    "y = torch.nn.functional.max_pool1d(x, 2)": (LARGEST, [[0, 1, 0, 1]] * 3),
    "y = torch.nn.functional.avg_pool1d(x, 4)": (MEAN, [[0.25] * 4] * 3),
    "y = torch.nn.functional.nll_loss(x, torch.tensor([1, 0, 3]))":
        (CLASS, [[0, -1 / 3, 0, 0], [-1 / 3, 0, 0, 0], [0, 0, 0, -1 / 3]]),
    "y = torch.nn.functional.interpolate(x[None], scale_factor=2, mode='linear')[0]":
        (NEAR, [[2] * 4] * 3),
}  # fmt: skip


@pytest.mark.parametrize("line", TABLES)
def test_the_sentence_and_the_numbers(show, line):  # noqa: F811
    words, wanted = TABLES[line]
    page = show(f"x = {EVEN}.requires_grad_()\n{line}\ny.sum().backward()\n", "#lang=en")
    arrival = page.document["passes"][0]["arrivals"][0]
    np.testing.assert_allclose(from_json(arrival["gradient"]), wanted, rtol=1e-6)
    # On the card of the operation, and on that of a leaf it worked on.
    steps = page.document["passes"][0]["steps"]
    leaf = arrival["leaf"]
    cards = {step["node"] for step in steps} | {leaf}
    said = {language: {} for language in ("en", "zh")}
    for node in cards:
        for language, found in said.items():
            page.evaluate(f"T.set({{node: {node}, lang: '{language}'}})")
            found[node] = page.locator("#card .told").all_inner_texts()
    for word, found in zip(words, said.values(), strict=True):
        telling = {node for node, texts in found.items() if any(word in text for text in texts)}
        assert telling, found
        for step in steps:
            if step["node"] in telling and leaf in {m["to"] for m in step["sent"]}:
                assert leaf in telling


def test_each_sentence_names_operations_that_have_no_letters(show):  # noqa: F811
    """Where a rule with letters is known, it is written and no sentence stands in for it."""
    page = show("x = torch.ones(3, 3, requires_grad=True)\n(x @ x).sum().backward()\n", "#lang=en")
    page.evaluate(f"T.set({{node: {node_named(page.document, 'x')['id']}}})")
    text = page.locator("#card").inner_text()
    assert "each element" in text and not any(
        words[0] in text for words in (PICK, PUT, LARGEST, MEAN, CLASS, NEAR))  # fmt: skip
