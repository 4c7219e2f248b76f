"""A training step's profile: the same calls under the same names, as often as in PyTorch."""

import torch as reference

import tidu

NAMES = (
    "linear addmm matmul mm bmm relu cross_entropy_loss log_softmax randn rand zeros ones cat "
    "stack softmax std where view gt exp_ max argmax clone nll_loss layer_norm dropout"
).split()
NODES = ("AddmmBackward0", "ReluBackward0", "LogSoftmaxBackward0", "NllLossBackward0",
         "NativeLayerNormBackward0")  # fmt: skip


def counts(torch):
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Linear(8, 16), torch.nn.ReLU(), torch.nn.LayerNorm(16), torch.nn.Linear(16, 4)
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    x, y = torch.randn(5, 8), torch.tensor([0, 1, 2, 3, 0])
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as p:
        with torch.profiler.record_function("forward"):
            loss = torch.nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        a = torch.randn(3, 3)
        torch.cat([a @ a, torch.matmul(a, a), torch.zeros(1, 3), torch.ones(1, 3)])
        torch.stack([a, torch.rand(3, 3)]).view(-1).clone().exp_()
        (a.softmax(1).std() + a.max()).argmax()
        torch.bmm(torch.rand(2, 3, 3), torch.rand(2, 3, 3))
        torch.where(a > 0, a, a)
        torch.nn.functional.dropout(a, 0.5)
    return {e.key: e.count for e in p.key_averages()}


def test_a_training_step():
    got, want = counts(tidu), counts(reference)
    for name in [f"aten::{name}" for name in NAMES]:
        assert name in got and name in want, name
    same = ["forward", "Optimizer.step#SGD.step", "Optimizer.zero_grad#SGD.zero_grad", *NODES,
            *[f"autograd::engine::evaluate_function: {node}" for node in NODES],
            *[f"aten::{n}" for n in "linear addmm matmul bmm relu randn rand stack exp_ std "
              "softmax argmax layer_norm dropout cross_entropy_loss mm".split()]]  # fmt: skip
    assert {name: got.get(name) for name in same} == {name: want.get(name) for name in same}
