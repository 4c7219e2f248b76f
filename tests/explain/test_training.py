"""The training view: norms over steps, and layers whose gradients vanish, explode or never come."""

import pytest

import tidu as torch
from tidu.explain.explanation import Explanation
from tidu.explain.recording.recorder import Recorder
from tidu.explain.recording.records import Recording
from tidu.explain.recording.training import MOST, TrainingWatch, health_of


def watched(train):
    recording = Recording()
    with Recorder(recording, passes=1) as recorder, TrainingWatch(recorder):
        train(recorder)
    return Explanation(recording).document


def test_norms_and_updates():
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    data, norms, moved, losses = torch.randn(8, 3), [], [], []

    def train(recorder):
        recorder.names.note_module("model", model)
        for _ in range(5):
            loss = model(data).pow(2).mean()
            optimizer.zero_grad()
            loss.backward()
            weight = model[0].weight
            norms.append(weight.grad.double().norm().item())
            before = weight.detach().double().clone()
            optimizer.step()
            change = (weight.detach().double() - before).norm() / before.norm()
            moved.append(change.item())
            losses.append(loss.item())

    training = watched(train)["training"]
    layer = next(la for la in training["layers"] if la["name"] == "model.0.weight")
    assert layer["gradient"] == pytest.approx(norms, rel=1e-4)
    assert layer["update"] == pytest.approx(moved, rel=1e-4)
    assert training["loss"] == pytest.approx(losses, rel=1e-4)
    assert training["steps"] == [1, 2, 3, 4, 5] and training["health"] == []


def test_the_first_pass_is_recorded_in_full():
    x = torch.tensor(1.0, requires_grad=True)

    def train(recorder):
        for _ in range(10):
            (x * x).backward()

    document = watched(train)
    assert len(document["passes"]) == 1 and len(document["training"]["steps"]) == 10


def test_never_arrives():
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.unused = torch.nn.Linear(1, 1), torch.nn.Linear(1, 1)

        def forward(self, x):
            return self.used(x)

    net = Net()

    def train(recorder):
        recorder.names.note_module("net", net)
        for _ in range(3):
            net(torch.ones(1, 1)).sum().backward()

    training = watched(train)["training"]
    assert training["missing"] == ["net.unused.weight", "net.unused.bias"]
    assert [h["kind"] for h in training["health"]] == ["missing", "missing"]


def layer(name, values):
    return {"name": name, "gradient": values, "update": values, "shape": [1]}


@pytest.mark.parametrize(
    ("values", "kinds"),
    [
        ([1.0, 1.0, 1.0], []),
        ([1e-9, 1e-9, 1e-9], ["vanishing"]),
        ([0.0, 0.0, 0.0], ["vanishing"]),
        ([1.0, 100.0, 1e8], ["exploding"]),
        ([1.0, "nan", "nan"], ["exploding"]),
        ([1.0, None, 1.0], []),
    ],
)
def test_health(values, kinds):
    found = health_of([layer("a", [1.0, 1.0, 1.0]), layer("b", values)], [])
    assert [f["kind"] for f in found] == kinds and all("b" in f["en"] for f in found)


def test_long_runs_are_thinned():
    x = torch.tensor(1.0, requires_grad=True)

    def train(recorder):
        for _ in range(MOST + 500):
            (x * 2).backward()

    training = watched(train)["training"]
    assert len(training["steps"]) <= MOST and training["steps"][1] - training["steps"][0] == 2
