"""What the tutorials get wrong, one row for each claim, and where an explanation sets it right.

Each claim is found twice: in words, in what the program's own document tells (stories, findings,
the table of the terminal) or the page's list of what is good to know; and in the numbers that were
recorded, of that program or of a short one.
"""

import itertools
import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from helpers import explained, node_named

import tidu as torch
from tidu.explain.formulas.notation import ASSETS
from tidu.explain.recording.values import from_json
from tidu.explain.views.reader import Reader
from tidu.explain.views.terminal import table_text

pytestmark = pytest.mark.slow
SEEDS = Path(__file__).parents[2] / "examples" / "seeds"
S0, S1 = "s0_leaf_and_retain_grad", "s1_understanding"
S2, LINEAR = "s2_gradient_descent", "s2_linear_regression"

# claim: (program, English, Chinese)
CLAIMS = {
    "backward on the leaf itself gives 1: the product is not visited":
        (S0, r"is a leaf: nothing computed it.*The seed 1", "叶子张量:它不是算出来的"),
    "then 1 + 2 = 3": (S0, r"1 \+ 2 = 3", r"1 \+ 2 = 3"),
    "the gradient of the result is the vector that came in":
        (S0, "it is what arrives at tensor_grad_result, the seed 1", "就是到达 tensor_grad_result"),
    "there is no loss, backward(v) computes vJ": (S0, "there is no loss here", "这里没有“损失”"),
    "gradients of computed tensors are not cleared: they are never stored":
        (S0, "it isn't cleared, it never was there", "不是“被清除”,而是从来没有"),
    "what a leaf is": (S0, "no recorded operation made", "不是由被记录的运算得到的"),
    "steepest ascent": (S0, "where the output grows fastest", "增长最快的方向"),
    "what is not cleared is added to":
        (S1, r"\[0, 4, 8, 12\] \+ 1 = \[1, 5, 9, 13\]", r"\[0, 4, 8, 12\] \+ 1 = \[1, 5, 9, 13\]"),
    "detach makes a constant; 3x² is the full derivative":
        (S1, r"x got \[0, 1, 4, 9\]; the full derivative.*\[0, 3, 12, 27\]",
         r"x 得到 \[0, 1, 4, 9\];若不切断,完整的导数是 \[0, 3, 12, 27\]"),
    "of two roots each cuts the other's input":
        (S1, "y got nothing; without the cut: 2", "y 没有得到梯度;若不切断,则为 2"),
    "zero_ after zero_grad fails": (S1, r"x.grad.zero_\(\) after it fails", r"x.grad.zero_\(\) 会"),
    "a sum of losses and their mean": (S1, "so does the gradient", "梯度也是平均"),
    "the gradient has its tensor's shape, a Jacobian is a row":
        (S1, "a row: Jacobian, numerator layout", "雅可比"),
    "retain_graph, and what needs none": (S1, "others need retain_graph=True", "retain_graph=True"),
    "no loss of 116.0000": (S2, r"20 .*116\.04", r"116\.04"),
    "the first gradient of the loop is not None": (S2, "w.grad: 0 \\+ 20 -> 20", "w.grad: 0"),
    "the class is torch.Tensor": (S2, "Every tensor is a torch.Tensor", "类都是 torch.Tensor"),
    "nodes are operations, edges carry gradients":
        (S2, "the nodes are operations .* the edges carry gradients", "节点是运算"),
    "detach and NumPy share memory": (S2, "in the same memory", "共享同一内存"),
    "change a leaf under no_grad": (S2, r"under torch.no_grad\(\): w -= lr", "里修改叶子"),
    "a bias is not left out": (LINEAR, "A bias is a parameter like any", "偏置与其他参数一样"),
    "features by neurons, and nn.Linear": (LINEAR, r"the transpose \(out, in\)", "保存的是转置"),
    "regression has no classes": (LINEAR, r"\(regression\)", "(回归)"),
    "sum of a scalar is harmless": (S2, "changes nothing where there is one", "不改变任何东西"),
    "one sweep for one output": ("s3_scalar", "m outputs take m of them", "m 个输出要 m 次"),
    "no_grad is not eval": ("s3_network", "neither does the other's work", "不能互相代替"),
    "the error of differences is a valley":
        ("s3_scalar", "Too large a step .* too small a step", "步长太大"),
    "formulas swell where nothing is shared": ("s3_scalar", "repeated parts are shared", "共享"),
}  # fmt: skip


IMPORTS = {"import torch.nn as nn": "nn = torch.nn", "import torch.optim as optim":
           "optim = torch.optim", "import torch\n": "\n"}  # fmt: skip


def document_of(name, folder):
    """Of a seed, run here: its torch is tidu."""
    text = (SEEDS / f"{name}.py").read_text(encoding="utf-8")
    for line, other in IMPORTS.items():
        text = text.replace(line, other)
    return explained(folder, text).document


@pytest.fixture(scope="module")
def documents(tmp_path_factory):
    """The document of each program."""
    return cache(lambda name: document_of(name, tmp_path_factory.mktemp(name)))


@pytest.fixture(scope="module")
def told(documents):
    """program -> language -> all that is said."""
    return cache(lambda name: {language: words(documents(name), language)
                               for language in ("en", "zh")})  # fmt: skip


def words(document, language):
    page = (ASSETS / "words.js").read_text(encoding="utf-8").split("\n  zh: {")
    said = [text for story in document["stories"][language] for text in story]
    said += [finding[language] for finding in document["findings"]]
    return "\n".join([*said, table_text(document, language=language), page[language == "zh"]])


@pytest.mark.parametrize("claim", CLAIMS)
def test_claims(told, claim):
    program, english, chinese = CLAIMS[claim]
    assert re.search(english, told(program)["en"])
    assert re.search(chinese, told(program)["zh"])


@pytest.mark.parametrize(
    ("line", "allowed", "chosen"),
    [
        ("y = x.abs()", "[-1, 1]", "0"),
        ("y = x.relu()", "[0, 1]", "0"),
        ("y = x.clamp(min=0)", "[0, 1]", "1"),
        ("y = torch.maximum(x, x * 1)", "[0, 1]", "1/2"),
        ("y = torch.stack([x, x * 1]).max()", "weights that sum to 1", "equal shares"),
        (
            "y = torch.nn.functional.max_pool1d(torch.stack([x, x * 1]).reshape(1, 2), 2).sum()",
            "weights that sum to 1",
            "the first",
        ),
        ("y = x.reshape(1).norm()", "vectors of norm up to 1", "0"),
        ("y = x.sqrt()", "{+inf}", "inf"),
    ],
)
def test_the_slope_chosen_at_a_kink(tmp_path, line, allowed, chosen):
    text = f"x = torch.tensor(0.0, requires_grad=True)\n{line}\ny.backward()\n"
    document = explained(tmp_path, text).document
    found = [(k["allowed"], k["chosen"]) for n in document["nodes"] for k in n.get("kinks", ())]
    assert (allowed, chosen) in found
    assert any(f"Taken: {chosen}" in f["en"] for f in document["findings"])


def test_rows_of_the_weights_gradient_equal_the_bias(documents):
    document = documents(LINEAR)
    leaf = {a["leaf"]: a["gradient"]["data"] for a in document["passes"][0]["arrivals"]}
    rows = leaf[node_named(document, "w")["id"]]
    assert all(rows[k : k + 3] == leaf[node_named(document, "b")["id"]] for k in range(0, 15, 3))


def test_the_loss_of_the_hundredth_round(documents):
    document = documents(S2)
    losses = [n["value"]["data"][0] for n in document["nodes"] if n["names"] == ["loss"]]
    rounded = [round(loss, 4) for loss in losses[-100:]]
    assert (rounded[0], rounded[1], rounded[-1]) == (120.0, 116.04, 21.8313)


# --- the same claims, found in the numbers that were recorded -------------------------------------


def leaf_entries(document):
    return [(document["nodes"][a["leaf"]], a) for call in document["passes"]
            for a in call["arrivals"]]  # fmt: skip


def values_of(document, name):
    return [n["value"]["data"] for n in document["nodes"] if n["names"] == [name]]


def training_goes_down(document):
    """Each step of w against its gradient made the loss smaller: the gradient points up."""
    losses = [v[0] for v in values_of(document, "loss")]
    return len(losses) > 100 and all(b < a for a, b in itertools.pairwise(losses[-100:]))


def gradients_have_the_shape_of_their_tensor(document):
    entries = leaf_entries(document)
    return entries and all(n["value"]["shape"] == a["gradient"]["shape"] for n, a in entries)


def sums_were_walked_twice(document):
    """retain_graph was given where a product was walked again; what it walked was not freed."""
    kept = [call for call in document["passes"] if call["retain_graph"]]
    return kept and not any(s.get("freed") for call in kept for s in call["steps"])


def operations_carry_messages(document):
    """Nodes of a pass are operations with PyTorch's names; each message runs along an input."""
    nodes, seen = document["nodes"], 0
    for step in document["passes"][0]["steps"]:
        assert nodes[step["node"]]["torch"].rstrip("0123456789").endswith("Backward")
        for m in step["sent"]:
            assert nodes[step["node"]]["inputs"][m["input"]] == m["to"]
            seen += 1
    return seen


def bias_gets_the_sum(document):
    """b's gradient is the sum over samples of what arrived at z, where b was added."""
    arrival = next(a for n, a in leaf_entries(document) if "b" in n["names"])
    (k, j) = arrival["incoming"][0]
    step = document["passes"][0]["steps"][k]
    arrived = from_json(step["gradient"])
    assert document["formulas"][document["nodes"][step["node"]]["formula"]]["inputs"][j][
        "summed"
    ] == [0]
    return np.allclose(from_json(arrival["gradient"]), arrived.sum(0), rtol=1e-6)


def loss_is_a_mean(document):
    """dL/dz = 2·(z - y) / n: each of n numbers has its nth of the gradient."""
    z, y = [from_json(node_named(document, name)["value"]) for name in "zy"]
    step = next(
        s for s in document["passes"][0]["steps"] if document["nodes"][s["node"]]["names"] == ["z"]
    )
    return np.allclose(from_json(step["gradient"]), 2 * (z - y) / z.size, rtol=1e-5)


def weights_are_features_by_neurons(document):
    node, _ = next((n, a) for n, a in leaf_entries(document) if "w" in n["names"])
    reader = Reader(document)
    product = next(n["id"] for n in document["nodes"] if n["op"] == "mm")
    return node["value"]["shape"] == [5, 3] and reader.rule(product, 1) == "xᵀ @ g"


def layers_keep_the_transpose(document):
    weights = [
        n["value"]["shape"] for n, _ in leaf_entries(document) if "model.0.weight" in n["names"]
    ]
    forward = [Reader(document).forward(n["id"]) for n in document["nodes"] if n["op"] == "addmm"]
    return weights == [[20, 10]] and forward[0] == "inputs @ model.0.weightᵀ + model.0.bias"


def a_sum_of_one_number_changes_nothing(document):
    nodes = document["nodes"]
    sums = [n for n in nodes if n["op"] == "sum"]
    return len(sums) >= 100 and all(n["value"] == nodes[n["inputs"][0]]["value"] for n in sums)


def one_pass_gave_all_derivatives(document):
    (call,) = document["passes"]
    return len(call["seeds"]) == 1 and len(call["arrivals"]) == 2


def arrivals(document, name):
    """(before, added, after) of each pass that reached a leaf."""
    return [tuple([a[k] and a[k]["data"] for k in ("before", "gradient", "after")])
            for n, a in leaf_entries(document) if name in n["names"]]  # fmt: skip


def first_pass_walks_nothing(document):
    first = document["passes"][0]
    return not first["steps"] and arrivals(document, "tensor_requires_grad")[0] == (
        None, [1] * 6, [1] * 6)  # fmt: skip


def second_pass_adds(document):
    return arrivals(document, "tensor_requires_grad")[1] == ([1] * 6, [2] * 6, [3] * 6)


def result_gets_the_seed(document):
    """What arrives at the product is the seed, bit for bit; only what it sends on is doubled."""
    (step,), ((_, seed),) = document["passes"][1]["steps"], document["passes"][1]["seeds"]
    doubled = [2 * v for v in seed["data"]]
    return step["gradient"] == seed and [m["value"]["data"] for m in step["sent"]] == [doubled]


def seed_is_a_vector(document):
    """No scalar anywhere: backward(v) of a 2x3 tensor."""
    shapes = [n["value"]["shape"] for n in document["nodes"]]
    return [] not in shapes and document["passes"][1]["seeds"][0][1]["shape"] == [2, 3]


def only_leaves_store(document):
    """Steps visit computed tensors, .grad belongs to leaves alone, but for the one that retains."""
    retaining = [n["names"] for n in document["nodes"] if n.get("retains_grad")]
    stored = [n["kind"] for n, a in leaf_entries(document) if a["stored"]]
    visited = {document["nodes"][s["node"]]["kind"] for s in document["passes"][1]["steps"]}
    return retaining == [["tensor_grad_result"]] and set(stored) == {"leaf"} and visited == {"op"}


def leaves_have_no_operation(document):
    return all((n["kind"] in ("leaf", "constant")) == (n["inputs"] == [])
               and (n["kind"] == "op") == str(n["torch"]).rstrip("0123456789").endswith("Backward")
               for n in document["nodes"])  # fmt: skip


def cleared_and_not(document):
    found = arrivals(document, "x")
    return ([0, 4, 8, 12], [1] * 4, [1, 5, 9, 13]) in found and ([0] * 4, [1] * 4, [1] * 4) in found


def without_the_cut(document):
    return [(None if w["got"] is None else w["got"]["data"], w["full"])
            for cut in document["cuts"] for w in cut.get("without", ())]  # fmt: skip


def bias_is_one_of_the_parameters(document):
    return any(any(v != 0 for v in added) for _, added, _ in arrivals(document, "b"))


def targets_are_numbers(document):
    """The loss is the mean squared error of floats; a class would be a whole number."""
    loss, target = node_named(document, "loss"), node_named(document, "y")
    return loss["op"] == "mse_loss" and target["value"]["dtype"] == "float32"


def differences_are_a_valley(document):
    """The check's own error is small, and larger and smaller steps do worse."""
    checks = [a["check"]["error"] for _, a in leaf_entries(document)]

    def error(h):
        return abs(((3 + h) ** 2 - 3**2) / h - arrivals(document, "x")[0][1][0])

    return max(checks) < 1e-6 and error(1e-1) > error(1e-7) < error(1e-15)


def shared_formulas_are_shorter(document):
    form = torch.func.symbolic(lambda x, y: (x**2 + y**3).exp() * (x**2 + y**3), 3.0, 2.0)
    return form.size > form.shared_size


MEAN = """
n, total = x.sum(), x.mean()
n.backward()
total.backward()
"""
MANY = """
y, z = (x * 2).sum(), (x * 3).sum()
y.backward()
z.backward()
"""
NONE = """
optimizer = torch.optim.SGD([x], lr=0.1)
(x * x).sum().backward()
optimizer.zero_grad()
try:
    x.grad.zero_()
except AttributeError as error:
    told = str(error)
"""
ASCENT = """
def f(v):
    return (v[0] * v[1] ** 2).item()
(x[0] * x[1] ** 2).backward()
g, a = x.grad / x.grad.norm() * 0.01, torch.arange(1.0, 16) * 0.4
turned = [torch.stack([g[0] * c - g[1] * s, g[0] * s + g[1] * c]) for c, s in zip(a.cos(), a.sin())]
start = x.detach()
up, down, others = f(start + g), f(start - g), [f(start + t) for t in turned]
"""
TYPE = "kind = type(x) is torch.Tensor and type((x * 2).detach()) is torch.Tensor"
EVAL = """
layer = torch.nn.Dropout(0.999)
with torch.no_grad():
    off = layer(x.repeat(100))
kept = layer.eval()(x * 2)
kept.sum().backward()
"""
# claim: what must be so in the numbers; a pair where a short program shows it
FACTS = {
    "backward on the leaf itself gives 1: the product is not visited": first_pass_walks_nothing,
    "then 1 + 2 = 3": second_pass_adds,
    "the gradient of the result is the vector that came in": result_gets_the_seed,
    "there is no loss, backward(v) computes vJ": seed_is_a_vector,
    "gradients of computed tensors are not cleared: they are never stored": only_leaves_store,
    "what a leaf is": leaves_have_no_operation,
    "steepest ascent":
        (ASCENT, lambda ex: ex.space["up"] > max(ex.space["others"]) > ex.space["down"]),
    "what is not cleared is added to": cleared_and_not,
    "detach makes a constant; 3x² is the full derivative":
        lambda d: ([0, 1, 4, 9], [0, 3, 12, 27]) in without_the_cut(d),
    "of two roots each cuts the other's input": lambda d: (None, [2]) in without_the_cut(d),
    "zero_ after zero_grad fails":
        (NONE, lambda ex: "'NoneType' object has no attribute 'zero_'" in ex.space["told"]),
    "a sum of losses and their mean":
        (MEAN, lambda ex: [added for _, added, _ in arrivals(ex.document, "x")] == [
            [1, 1], [0.5, 0.5]]),
    "the gradient has its tensor's shape, a Jacobian is a row":
        gradients_have_the_shape_of_their_tensor,
    "retain_graph, and what needs none": sums_were_walked_twice,
    "no loss of 116.0000": lambda d: round(values_of(d, "loss")[2][0], 4) == 116.04,
    "the first gradient of the loop is not None":
        lambda d: arrivals(d, "w")[1] == ([0], [20], [20]),
    "the class is torch.Tensor": (TYPE, lambda ex: ex.space["kind"]),
    "nodes are operations, edges carry gradients": operations_carry_messages,
    "detach and NumPy share memory":
        ("x.detach().numpy()[:] = 5\n(x * x).sum().backward()",
         lambda ex: arrivals(ex.document, "x")[0][1] == [10, 10]),
    "change a leaf under no_grad":
        ("with torch.no_grad():\n    x -= 0.5\n(x * x).sum().backward()",
         lambda ex: arrivals(ex.document, "x")[0][1] == [1, 1]
         and leaf_entries(ex.document)[0][0].get("version", 0) >= 1),
    "a bias is not left out": lambda d: bias_is_one_of_the_parameters(d) and bias_gets_the_sum(d),
    "features by neurons, and nn.Linear": weights_are_features_by_neurons,
    "regression has no classes": lambda d: targets_are_numbers(d) and loss_is_a_mean(d),
    "sum of a scalar is harmless": a_sum_of_one_number_changes_nothing,
    "one sweep for one output":
        (MANY, lambda ex: [len(call["seeds"]) for call in ex.document["passes"]] == [1, 1]),
    "no_grad is not eval":
        (EVAL, lambda ex: [n["op"] for n in ex.document["nodes"] if n["kind"] == "op"] == [
            "mul", "sum"] and (ex.space["off"] == 0).sum() > 100),
    "the error of differences is a valley": differences_are_a_valley,
    "formulas swell where nothing is shared": shared_formulas_are_shorter,
}  # fmt: skip


@pytest.mark.parametrize("claim", CLAIMS)
def test_numbers(tmp_path, documents, claim):
    fact = FACTS[claim]
    if isinstance(fact, tuple):
        text, fact = fact
        assert fact(explained(tmp_path, f"x = torch.ones(2, requires_grad=True)\n{text}\n"))
    else:
        assert fact(documents(CLAIMS[claim][0]))


MORE = [
    (S2, training_goes_down),
    (LINEAR, gradients_have_the_shape_of_their_tensor),
    ("s3_network", layers_keep_the_transpose),
    ("s3_scalar", one_pass_gave_all_derivatives),
]


@pytest.mark.parametrize(("program", "fact"), MORE)
def test_more_numbers(documents, program, fact):
    assert fact(documents(program))


ERRORS = {
    "y = x * x; y.sum().backward(); y.sum().backward()": "backward through the graph a second time",
    "x.gard": "no attribute 'gard'",
    "x.grad.zero_()": "'NoneType' object has no attribute 'zero_'",
    "x.numpy()": "Can't call numpy() on Tensor that requires grad",
    "x -= 0.1": "a leaf Variable that requires grad is being used in an in-place operation",
    "(x * 2).backward()": "grad can be implicitly created only for scalar outputs",
    "y = x.exp(); y.detach().zero_(); y.sum().backward()": "modified by an inplace operation",
}


@pytest.mark.parametrize("line", ERRORS)
def test_the_document_tells_the_error(tmp_path, line):
    path = tmp_path / "program.py"
    text = f"import torch\nx = torch.ones(2, requires_grad=True)\n{line}\n"
    path.write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "tidu", "explain", "--json", "found.json", path.name]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode == 1
    document = json.loads((tmp_path / "found.json").read_text("utf-8"))
    assert ERRORS[line] in document["error"]["message"]
