"""What a reader is warned of: NaN and where it began, kinks, parameters left out, failures."""

import numpy as np
import pytest
from helpers import explained

import tidu as torch
from tidu.explain.recording.recorder import Recorder
from tidu.explain.recording.records import Recording
from tidu.explain.recording.values import Snapshot


def kinds(document):
    return {f["kind"]: f for f in document["findings"]}


def test_origin_of_nan_forward(tmp_path):
    document = explained(
        tmp_path,
        """
        x = torch.tensor([1.0, -1.0], requires_grad=True)
        y = x * 2
        z = torch.log(y)
        w = z + 1
        w.sum().backward()
        """,
    ).document
    found = kinds(document)["nan"]
    assert found["level"] == "error" and document["nodes"][found["nodes"][0]]["op"] == "log"
    assert "line 4" in found["en"] and "第 4 行" in found["zh"]


def test_origin_of_nan_backward(tmp_path):
    document = explained(
        tmp_path,
        """
        x = torch.tensor([0.0, 4.0], requires_grad=True)
        y = x.sqrt() * 0
        y.sum().backward()
        """,
    ).document
    found = kinds(document)["nan"]
    assert document["nodes"][found["nodes"][0]]["op"] == "sqrt" and "backward call 1" in found["en"]


@pytest.mark.parametrize(
    ("line", "allowed", "chosen"),
    [
        ("y = x.abs()", "[-1, 1]", "0"),
        ("y = torch.relu(x)", "[0, 1]", "0"),
        ("y = x.clamp(min=0)", "[0, 1]", "1"),
        ("y = torch.maximum(x, x * 2)", "[0, 1]", "1/2"),
        ("y = x.sqrt()", "{+inf}", "inf"),
        ("y = torch.amax(torch.stack([x, x]))", "weights that sum to 1", "equal shares"),
    ],
)
def test_kinks(tmp_path, line, allowed, chosen):
    text = f"x = torch.tensor(0.0, requires_grad=True)\n{line}\ny.sum().backward()\n"
    document = explained(tmp_path, text).document
    (kink,) = [k for n in document["nodes"] for k in n.get("kinks", ())]
    assert (kink["allowed"], kink["chosen"]) == (allowed, chosen) and "kink" in kinds(document)


def test_no_kink_away_from_it(tmp_path):
    text = "x = torch.tensor(1.0, requires_grad=True)\ny = x.abs() + x.relu()\ny.backward()\n"
    document = explained(tmp_path, text).document
    assert "kink" not in kinds(document)


def test_unused_parameters(tmp_path):
    document = explained(
        tmp_path,
        """
        class Net(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.used, self.unused = torch.nn.Linear(2, 1), torch.nn.Linear(2, 1)
            def forward(self, x):
                return self.used(x)
        net = Net()
        never_called = torch.nn.Linear(3, 3)
        net(torch.ones(1, 2)).sum().backward()
        """,
    ).document
    told = [f["en"] for f in document["findings"] if f["kind"] == "unused"]
    assert len(told) == 2 and all("net.unused." in text for text in told)


def test_vanishing(tmp_path):
    document = explained(
        tmp_path,
        """
        torch.manual_seed(0)
        nn = torch.nn
        layers = nn.Sequential(*[nn.Sequential(nn.Linear(4, 4), nn.Sigmoid()) for _ in range(14)])
        layers(torch.ones(1, 4)).sum().backward()
        """,
    ).document
    told = [f["en"] for f in document["findings"] if f["kind"] == "vanishing"]
    assert any("layers.0.0.weight vanishes" in text for text in told)


@pytest.mark.parametrize(
    ("text", "why", "words"),
    [
        ("y = x * x\ny.backward()\ny.backward()\n", "freed", "retain_graph"),
        ("y = x.exp()\ny += 1\ny.backward()\n", "changed", "in place"),
    ],
)
def test_a_pass_that_stops_is_told(tmp_path, text, why, words):
    recording = Recording()
    space = {"torch": torch, "x": torch.tensor(2.0, requires_grad=True)}
    with pytest.raises(RuntimeError), Recorder(recording):
        exec(text, space)
    document = torch.explain.Explanation(recording).document
    assert document["passes"][-1]["error"]["why"] == why
    assert document["error"]["type"] == "RuntimeError"
    assert words in kinds(document)["stopped"]["en"]


def test_checks_agree_and_notice_a_wrong_rule(tmp_path):
    document = explained(
        tmp_path,
        """
        torch.manual_seed(0)
        x = torch.randn(3, 4, requires_grad=True)
        w = torch.randn(40, 4, requires_grad=True)
        loss = torch.tanh(x @ w.T).pow(2).mean()
        loss.backward()
        """,
    ).document
    checks = {tuple(document["nodes"][a["leaf"]]["value"]["shape"]): a["check"]
              for a in document["passes"][0]["arrivals"]}  # fmt: skip
    assert checks[3, 4]["how"] == "elements" and checks[3, 4]["ok"]
    assert checks[40, 4]["how"] == "direction" and checks[40, 4]["ok"]
    wrong = explained(tmp_path, "x = torch.tensor(2.0, requires_grad=True)\n(x * x).backward()\n")
    arrival = wrong.recording.passes[0].arrivals[0]
    arrival.gradient = arrival.after = Snapshot(np.float32(5.0))  # as a wrong rule would send
    wrong = wrong.document
    assert wrong["passes"][0]["arrivals"][0]["check"]["ok"] is False


def test_a_gradient_of_common_size_beside_vanishing_ones_does_not_explode(tmp_path):
    text = """
        a, b, c = [torch.ones(1, requires_grad=True) for _ in range(3)]
        (a * 0.9 + b * 1e-9 + c * 1e-9).sum().backward()
    """
    kinds = [f["kind"] for f in explained(tmp_path, text).document["findings"]]
    assert "exploding" not in kinds and "vanishing" in kinds
    kinds = [
        f["kind"] for f in explained(tmp_path, text.replace("0.9", "1e6")).document["findings"]
    ]
    assert "exploding" in kinds


CUT = """
    x = torch.tensor(2.0, requires_grad=True)
    y = torch.tensor(3.0, requires_grad=True)
    {line}
    z.backward()
"""


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("u = (x * x).detach()\n    z = u * x", "x got 4; the full derivative"),
        ("z = x * x + 0.5 * (y**2).detach() + 1", "y got nothing; without the cut: 3"),
        ("with torch.no_grad():\n        v = x * 3 + 1\n    z = v * x", "the cut, would be 13"),
        ("z = x * (x.detach() * y).exp()", "the full derivative, without the cut, would be 2824"),
    ],
)  # fmt: skip
def test_the_full_derivative_beside_the_cut_one(tmp_path, line, told):
    document = explained(tmp_path, CUT.format(line=line)).document
    assert any(told in f["en"] for f in document["findings"] if f["kind"] == "cut")
    assert all("without" in cut for cut in document["cuts"])


def test_a_cut_that_changes_nothing_has_no_other_derivative(tmp_path):
    document = explained(tmp_path, CUT.format(line="z = x * torch.sign(y.detach())")).document
    assert document["cuts"] and not any("without" in cut for cut in document["cuts"])


@pytest.mark.parametrize(
    ("given", "kind"), [("[1.0, float('inf')]", "inf"), ("[float('nan'), 2.0]", "nan")]
)
@pytest.mark.parametrize("tracked", [True, False])
def test_what_is_not_finite_from_the_start(tmp_path, given, kind, tracked):
    text = f"""
        x = torch.tensor({given}, requires_grad={tracked})
        w = torch.ones(2, requires_grad=True)
        y = x * w
        z = y * y
        z.sum().backward()
    """
    document = explained(tmp_path, text).document
    first, *_ = [f for f in document["findings"] if f["kind"] == "nan"]
    x, y = [document["nodes"][k] for k in first["nodes"]]
    assert first["level"] == "error" and x["names"] == ["x"] and y["names"] == ["y"]
    assert x["kind"] == ("leaf" if tracked else "constant") and "finite" not in first["en"]
    assert f"{kind} is there from the start: x" in first["en"] and "一开始就有:x" in first["zh"]


def test_what_is_sent_on_tells_which_operand_was_infinite(tmp_path):
    text = """
        x = torch.tensor(float("inf"), requires_grad=True)
        (x * x).backward()
    """
    last = [f for f in explained(tmp_path, text).document["findings"] if f["kind"] == "nan"][-1]
    assert "got a finite gradient and sent on inf" in last["en"]
    assert "is made of x, which holds inf" in last["en"] and "其中含有 inf" in last["zh"]


@pytest.mark.parametrize(
    "line",
    [
        "s.masked_fill(mask, -float('inf'))",
        "s + torch.zeros(3, 3).masked_fill(mask, -float('inf'))",
    ],
)
def test_an_infinite_mask_is_no_error(tmp_path, line):
    text = f"""
        s = torch.randn(3, 3, requires_grad=True)
        mask = torch.ones(3, 3).triu(1).bool()
        (torch.softmax({line}, 1) ** 2).sum().backward()
    """
    document = explained(tmp_path, text).document
    found = [f for f in document["findings"] if f["kind"] == "nan"]
    assert [f["level"] for f in found] == ["note"] and "no harm" in found[0]["en"]
