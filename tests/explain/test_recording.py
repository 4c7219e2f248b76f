"""What is written down is what happened: bits, sums, names, places, accumulation, cuts."""

import json

import numpy as np
import pytest
from helpers import explained, node_named, same_bits, sums_of_messages

import tidu as torch
from tidu.explain.recording.values import Snapshot, as_json, from_json

PROGRAMS = {
    "scalar": """
        x = torch.tensor(3.0, requires_grad=True)
        y = torch.tensor(2.0, requires_grad=True)
        z = x**2 + y**3 + x * y
        z.backward()
    """,
    "mlp": """
        torch.manual_seed(0)
        model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2))
        data = torch.randn(5, 3)
        loss = torch.nn.functional.cross_entropy(model(data), torch.tensor([0, 1, 0, 1, 1]))
        loss.backward()
    """,
    "cnn": """
        torch.manual_seed(0)
        conv = torch.nn.Conv2d(1, 2, 3)
        norm = torch.nn.BatchNorm2d(2)
        out = torch.nn.functional.max_pool2d(torch.relu(norm(conv(torch.randn(2, 1, 6, 6)))), 2)
        out.mean().backward()
    """,
    "fan out": """
        x = torch.arange(4.0).requires_grad_()
        y = (x * x).sum() + x.prod() + (x[1:] - x[:-1]).abs().sum() + x.max()
        y.backward()
    """,
    "several outputs": """
        x = torch.tensor([3.0, 1.0, 2.0], requires_grad=True)
        a, b, c = x.unbind()
        top, place = x.max(0)
        (a * b + c * top).backward()
    """,
    "in place": """
        x = torch.ones(3, requires_grad=True)
        y = x * 2
        y[0] = 5.0
        y *= 3
        y.sum().backward()
    """,
    "twice differentiated": """
        x = torch.tensor(2.0, requires_grad=True)
        g, = torch.autograd.grad(x**3, x, create_graph=True)
        h, = torch.autograd.grad(g, x)
    """,
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_messages_sum_to_the_gradient(tmp_path, name):
    assert sums_of_messages(explained(tmp_path, PROGRAMS[name]).document) > 2


@pytest.mark.parametrize("name", PROGRAMS)
def test_document_survives_json(tmp_path, name):
    explanation = explained(tmp_path, PROGRAMS[name])
    assert json.loads(explanation.json()) == explanation.document


def test_numbers_equal_the_tensors(tmp_path):
    ex = explained(tmp_path, PROGRAMS["mlp"])
    space, document = ex.space, ex.document
    for name, parameter in space["model"].named_parameters():
        node = node_named(document, f"model.{name}")
        assert same_bits(node["value"], parameter.detach().numpy())
        arrival = next(a for a in document["passes"][0]["arrivals"] if a["leaf"] == node["id"])
        assert same_bits(arrival["after"], parameter.grad.numpy())
    assert same_bits(node_named(document, "loss")["value"], space["loss"].detach().numpy())
    assert same_bits(node_named(document, "data")["value"], space["data"].numpy())


def test_recording_changes_no_result(tmp_path):
    for name in PROGRAMS:
        ex = explained(tmp_path, PROGRAMS[name])
        plain = {"torch": torch, "__name__": "program"}
        exec(compile((tmp_path / "program.py").read_text(), "plain", "exec"), plain)
        for key, value in plain.items():
            if isinstance(value, torch.Tensor) and value.is_floating_point():
                assert torch.equal(value, ex.space[key]), (name, key)
                if value.is_leaf and value.grad is not None:
                    assert torch.equal(value.grad, ex.space[key].grad)


TYPES = "float16 bfloat16 float32 float64 complex64 int64 bool".split()


@pytest.mark.parametrize("dtype", TYPES)
def test_every_type_comes_back_bit_for_bit(dtype):
    values = torch.tensor([0.1, -2.5, 1e-4, 3.0, -0.0]).to(getattr(torch, dtype))
    array = values._array()
    entry = json.loads(json.dumps(as_json(Snapshot(values))))
    assert from_json(entry).tobytes() == array.tobytes()
    if dtype.startswith("float"):
        special = torch.tensor([float("nan"), float("inf"), -float("inf")], dtype=values.dtype)
        entry = json.loads(json.dumps(as_json(Snapshot(special)), allow_nan=False))
        assert np.array_equal(from_json(entry), special.numpy(), equal_nan=True)


def test_names_lines_and_expressions(tmp_path):
    document = explained(tmp_path, PROGRAMS["scalar"]).document
    shown = {n["op"]: document["places"][n["place"]] for n in document["nodes"] if "place" in n}
    assert shown["mul"]["text"] == "x * y" and shown["mul"]["line"] == 4
    assert shown["leaf"]["text"].startswith(("x = ", "y = "))
    texts = [document["places"][n["place"]]["text"] for n in document["nodes"] if n["kind"] == "op"]
    assert texts == ["x**2", "y**3", "x**2 + y**3", "x * y", "x**2 + y**3 + x * y"]
    assert node_named(document, "z")["op"] == "add"


def test_of_the_operations_in_a_call_the_last_has_the_name(tmp_path):
    document = explained(tmp_path, PROGRAMS["mlp"]).document
    named = [n["op"] for n in document["nodes"] if "loss" in n["names"]]
    assert named == ["nll_loss"]


def test_modules_and_loops(tmp_path):
    document = explained(
        tmp_path,
        """
        net = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 2))
        for i in range(3):
            out = net(torch.ones(1, 2))
            for j in range(2):
                out = out * 2
        """,
    ).document
    linear = [n for n in document["nodes"] if n["op"] == "addmm"]
    assert [n["module"] for n in linear] == ["net.0", "net.1"] * 3
    assert [n["loops"] for n in linear[::2]] == [[[3, 0]], [[3, 1]], [[3, 2]]]
    products = [n["loops"] for n in document["nodes"] if n["op"] == "mul"]
    assert products == [[[3, i], [5, j]] for i in range(3) for j in range(2)]


def test_accumulation_call_by_call(tmp_path):
    document = explained(
        tmp_path,
        """
        x = torch.tensor([1.0, 2.0], requires_grad=True)
        y = torch.dot(x, x)
        y.backward(retain_graph=True)
        y.backward()
        x.grad.zero_()
        x.sum().backward()
        x.grad = None
        x.sum().backward()
        """,
    ).document
    log = [call["arrivals"][0] for call in document["passes"]]
    seen = [(a["before"] and a["before"]["data"], a["after"]["data"]) for a in log]
    assert seen == [(None, [2, 4]), ([2, 4], [4, 8]), ([0, 0], [1, 1]), (None, [1, 1])]
    assert all(a["stored"] for a in log)


def test_grad_returns_and_stores_nothing(tmp_path):
    ex = explained(tmp_path, PROGRAMS["twice differentiated"])
    first, second = ex.document["passes"]
    assert first["call"] == second["call"] == "grad" and first["create_graph"]
    assert first["arrivals"][0]["gradient"]["data"] == [12] and not first["arrivals"][0]["stored"]
    assert second["arrivals"][0]["gradient"]["data"] == [12]
    assert ex.space["x"].grad is None and ex.space["x"]._extra is None
    made = [n for n in ex.document["nodes"] if n.get("made_in")]
    assert made and all(n["made_in"][0] == 0 for n in made)


def test_cuts(tmp_path):
    document = explained(
        tmp_path,
        """
        x = torch.tensor(3.0, requires_grad=True)
        y = x * x
        u = y.detach()
        with torch.no_grad():
            v = y * 2
        z = u * x + v * x + x.data * x + (x * x).detach() * x
        z.backward()
        """,
    ).document
    cuts = {(c["how"], document["nodes"][c["from"]]["op"]) for c in document["cuts"]}
    assert {("detach", "mul"), ("no_grad", "mul")} <= cuts
    assert len([c for c in document["cuts"] if c["how"] == "detach"]) >= 2
    assert [f for f in document["findings"] if f["kind"] == "cut" and "u (" in f["en"]]


def test_saved_bytes_and_freeing(tmp_path):
    document = explained(tmp_path, PROGRAMS["scalar"]).document
    product = next(n for n in document["nodes"] if n["op"] == "mul")
    assert [(what, size) for what, _, size in product["saved"]] == [("x", 4), ("y", 4)]
    freed = {document["nodes"][s["node"]]["op"] for s in document["passes"][0]["steps"]
             if s.get("freed")}  # fmt: skip
    assert freed == {"pow", "mul"}


def test_hooks_of_the_user_run_as_ever(tmp_path):
    ex = explained(
        tmp_path,
        """
        seen = []
        x = torch.tensor(2.0, requires_grad=True)
        x.register_post_accumulate_grad_hook(lambda t: seen.append(t.grad.item()))
        x.register_hook(lambda g: g * 10)
        (x * 3).backward()
        """,
    )
    assert ex.space["seen"] == [30.0]
    arrival = ex.document["passes"][0]["arrivals"][0]
    assert arrival["gradient"]["data"] == [3] and arrival["after"]["data"] == [30]


def test_limit_is_kept_and_told(tmp_path):
    document = explained(tmp_path, "x = torch.ones(1, requires_grad=True)\ny = x\n"
                         "for i in range(50):\n    y = y * 2\n", limit=20).document  # fmt: skip
    assert len(document["nodes"]) <= 21 and document["left_out"] == 31
    assert document["findings"][-1]["kind"] == "limit"


def test_custom_functions_and_checkpoints_are_seen(tmp_path):
    document = explained(
        tmp_path,
        """
        class Square(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                ctx.save_for_backward(x)
                return x * x
            @staticmethod
            def backward(ctx, g):
                return g * 2 * ctx.saved_tensors[0]
        x = torch.tensor(3.0, requires_grad=True)
        y = Square.apply(x) + 1
        y.backward()
        """,
    ).document
    made = [n["torch"] for n in document["nodes"] if n["kind"] == "op"]
    assert made == ["SquareBackward", "AddBackward0"]
    assert document["passes"][0]["arrivals"][0]["after"]["data"] == [6]


def test_a_long_loop_is_bounded_and_another_network_is_seen(tmp_path):
    document = explained(
        tmp_path,
        """
        def train(net):
            for i in range(60):
                loss = torch.nn.MSELoss()(net(torch.randn(4, 2)), torch.zeros(4, 1))
                loss.backward()
        train(torch.nn.Linear(2, 1))
        train(torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Linear(3, 1)))
        """,
        limit=500,
    ).document
    pauses = document["pauses"]
    assert [p["modules"] for p in pauses] == [["Linear"], ["Sequential"]]
    assert all(3 <= p["calls"] < 60 for p in pauses)
    assert len(document["passes"]) == sum(p["calls"] for p in pauses)
    assert all(call["steps"] and call["arrivals"] for call in document["passes"])
    told = [f["en"] for f in document["findings"] if f["kind"] == "limit"]
    assert len(told) == 2 and f"first {pauses[1]['calls']} are shown" in told[1]


def test_a_short_loop_is_written_down_whole(tmp_path):
    document = explained(
        tmp_path,
        """
        w = torch.tensor(1.0, requires_grad=True)
        for i in range(150):
            w.grad = None
            (w * w).backward()
        """,
    ).document
    assert len(document["passes"]) == 150 and not document["pauses"]


def test_turns_of_loops_around_calls(tmp_path):
    document = explained(
        tmp_path,
        """
        def inner(x, n):
            for i in range(n):
                x = x * 2
            return x.exp()
        def outer():
            x = torch.ones(1, requires_grad=True)
            for k in range(2):
                for j in range(3):
                    y = inner(x, 2)
        outer()
        """,
    ).document
    turns = [[t for _, t in n["loops"]] for n in document["nodes"] if n["op"] == "mul"]
    assert turns == [[k, j, i] for k in range(2) for j in range(3) for i in range(2)]
    turns = [[t for _, t in n["loops"]] for n in document["nodes"] if n["op"] == "exp"]
    assert turns == [[k, j] for k in range(2) for j in range(3)]


def test_turns_around_a_module_that_calls_others(tmp_path):
    document = explained(
        tmp_path,
        """
        class Block(torch.nn.Module):
            def forward(self, x):
                return x * 2
        net = torch.nn.Sequential(*[Block() for _ in range(3)])
        x, n = torch.ones(1, requires_grad=True), 0
        for i in range(2):
            net(x)
        while n < 2:
            n += 1
            y = x * 3
        """,
    ).document
    turns = [[t for _, t in n["loops"]] for n in document["nodes"] if n["op"] == "mul"]
    assert turns == [[0]] * 3 + [[1]] * 3 + [[0], [1]]


def test_turns_of_a_loop_over_equal_values(tmp_path):
    document = explained(
        tmp_path,
        """
        net = torch.nn.Sequential(torch.nn.Linear(1, 1), torch.nn.Linear(1, 1))
        x = torch.ones(1, 1)
        for value in [2, 2, 2]:
            y = net(x)
        for k in range(2):
            y = torch.nn.functional.silu(torch.nn.functional.mish(net(x)))
        """,
    ).document
    turns = [n["loops"][0] for n in document["nodes"] if n["op"] == "addmm"]
    assert turns == [[4, 0], [4, 0], [4, 1], [4, 1], [4, 2], [4, 2],
                     [6, 0], [6, 0], [6, 1], [6, 1]]  # fmt: skip


def test_operations_of_a_backward_pass_stand_where_it_was_called(tmp_path):
    document = explained(
        tmp_path,
        """
        x = torch.tensor(3.0, requires_grad=True)
        g, = torch.autograd.grad(x**3, x, create_graph=True)
        h, = torch.autograd.grad(g, x)
        """,
    ).document
    made = [n for n in document["nodes"] if "made_in" in n]
    assert made and all(document["places"][n["place"]]["line"] == 3 for n in made)


def test_a_number_written_into_a_tensor_is_not_cut_off(tmp_path):
    document = explained(
        tmp_path,
        """
        x = torch.ones(3, requires_grad=True)
        y = x * 2
        y[0] = 5
        y.sum().backward()
        """,
    ).document
    assert document["cuts"] == []
    assert [finding["kind"] for finding in document["findings"]] == ["in_place"]


def test_names_of_tensors_in_containers_and_objects(tmp_path):
    document = explained(
        tmp_path,
        """
        class Line:
            def __init__(self):
                self.w = torch.tensor(2.0, requires_grad=True)
            def at(self, x):
                return self.w * x
        line = Line()
        params = {"bias": torch.tensor(1.0, requires_grad=True)}
        ws = [torch.tensor(3.0, requires_grad=True)]
        (line.at(2.0) * ws[0] + params["bias"]).backward()
        """,
    ).document
    leaves = [n["names"] for n in document["nodes"] if n["kind"] == "leaf"]
    assert sorted(leaves) == [["line.w", "self.w"], ["params['bias']"], ["ws[0]"]]
