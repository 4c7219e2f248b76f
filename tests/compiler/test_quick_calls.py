"""Programs that call operations as in eager between their generated code, results that are views,
and models whose way back is a program of its own take the short way of calls, too."""

import threading

import pytest

import tidu as torch
from tidu.compiler.calls import objects
from tidu.compiler.machine import native

F = torch.nn.functional
pytestmark = pytest.mark.skipif(
    not native.available() or objects.layout() is None, reason="needs llvmlite and CPython"
)

FUNCTIONS = {
    "dropout": lambda x: F.dropout(x, 0.5) * 2,
    "sort": lambda x: x.sort(1),
    "svdvals": lambda x: torch.linalg.svdvals(x * 2).sum(),
    "a view of what is given": lambda x: x[:, 1:],
    "views of what is made": lambda x: ((x * 2)[:, 1:], (x + 1).t(), x + 1),
    "all in one memory": lambda x: [y := x * 2, y, y[0]],
    "convolution and pooling": lambda x: F.max_pool2d(
        F.conv2d(x.reshape(2, 1, 8, 8), torch.ones(3, 1, 3, 3)), 2
    ),
}


def _flat(result):
    return [result] if isinstance(result, torch.Tensor) else list(result)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name, general):
    function, x = FUNCTIONS[name], torch.randn(16, 8)
    compiled = torch.compile(function)
    for _ in range(4):
        compiled(x)
    before = len(general)
    for k in range(3):
        given = x + k
        torch.manual_seed(k)
        found = compiled(given)
        torch.manual_seed(k)
        wanted = function(given)
        for a, b in zip(_flat(found), _flat(wanted), strict=True):
            assert torch.allclose(a, b) and a.stride() == b.stride()
        if name == "a view of what is given":
            assert found.data_ptr() == given.data_ptr() + 4 and found._base is given
        if name == "all in one memory":
            assert found[0] is found[1]
            found[0][0, 0] = 7.0
            assert found[2][0] == 7.0
    assert len(general) == before


def test_random_streams_go_on_as_in_eager(general):
    function, x = (lambda x: F.dropout(x.sort(0).values, 0.3) + torch.rand(8)), torch.randn(16, 8)
    compiled = torch.compile(function)
    for _ in range(4):
        compiled(x)
    before, found = len(general), []
    for call in (compiled, function):
        torch.manual_seed(3)
        found.append([call(x), call(x), torch.rand(4)])
    assert len(general) == before
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


class _Recurrent(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm, self.head = torch.nn.LSTM(4, 8, batch_first=True), torch.nn.Linear(8, 2)

    def forward(self, x):
        return self.head(self.lstm(x)[0][:, -1])


MODELS = {
    "recurrent": (_Recurrent, (3, 5, 4)),
    "convolutional": (
        lambda: torch.nn.Sequential(
            torch.nn.Conv2d(1, 3, 3, bias=False), torch.nn.BatchNorm2d(3), torch.nn.ReLU(),
            torch.nn.MaxPool2d(2), torch.nn.Flatten(), torch.nn.Linear(27, 2),
        ),
        (4, 1, 8, 8),
    ),
}  # fmt: skip
HOW = ["whole step", "model", "module.compile()"]


def _trained(name, how, general=None):
    torch.manual_seed(0)
    make, shape = MODELS[name]
    model, x = make(), torch.randn(*shape)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    forward = torch.compile(model) if how == "model" else model
    if how == "module.compile()":
        model.compile()

    def step():
        optimizer.zero_grad()
        loss = (forward(x) ** 2).mean()
        loss.backward()
        optimizer.step()
        return loss

    run = torch.compile(step) if how == "whole step" else step
    losses = [run().item() for _ in range(4)]
    before = len(general or ())
    losses += [run().item() for _ in range(4)]
    assert len(general or ()) == before
    return losses, [p.detach() for p in model.parameters()]


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("name", MODELS)
def test_training(name, how, general):
    losses, parameters = _trained(name, how, general)
    wanted, same = _trained(name, None)
    assert losses == pytest.approx(wanted, rel=1e-4)
    for a, b in zip(parameters, same, strict=True):
        assert torch.allclose(a, b, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("how", ["training", "inference", "in a module"])
def test_channels_last(how, general):
    """Memory that is dense in another order takes the short way, and only where it is as it was."""
    last = torch.channels_last
    torch.manual_seed(0)

    def made():
        model = torch.nn.Sequential(
            torch.nn.Conv2d(3, 8, 3), torch.nn.BatchNorm2d(8), torch.nn.ReLU(),
            torch.nn.MaxPool2d(2), torch.nn.Conv2d(8, 4, 3),
        ).double()  # fmt: skip
        return model.to(memory_format=last)

    model, same = made(), made()
    same.load_state_dict(model.state_dict())

    def stepping(model):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
        forward = torch.compile(model) if how == "in a module" and model is not same else model

        def step(x):
            if how == "inference":
                with torch.no_grad():
                    return forward(x)
            optimizer.zero_grad()
            loss = (forward(x) ** 2).mean()
            loss.backward()
            optimizer.step()
            return loss.detach()

        return step

    step, eager = stepping(model), stepping(same)
    compiled = step if how == "in a module" else torch.compile(step)
    given = [torch.randn(2, 3, 10, 12, dtype=torch.double).to(memory_format=last) for _ in range(8)]
    for k, x in enumerate(given):
        before = len(general)
        found, wanted = compiled(x), eager(x)
        assert k < 4 or len(general) == before
        assert torch.allclose(found, wanted, rtol=1e-12, atol=1e-12)
        assert found.stride() == wanted.stride()
    before = len(general)
    for x in (given[0].contiguous(), given[0].transpose(2, 3).contiguous().transpose(2, 3)):
        assert torch.allclose(compiled(x), eager(x), rtol=1e-12, atol=1e-12)
    assert len(general) == before + 2
    for a, b in zip(model.parameters(), same.parameters(), strict=True):
        assert torch.allclose(a, b, rtol=1e-11, atol=1e-12) and a.stride() == b.stride()


def test_turned_tensors_that_are_written_or_given_back(general):
    """Small programs without calls: transposed state and arguments, and a view of what is given."""
    state = torch.zeros(5, 6, dtype=torch.double).t()

    @torch.compile
    def step(x):
        state.mul_(0.5).add_(x)
        return state.sum(0), x[1:], x.t() * 2

    kept = torch.zeros(6, 5, dtype=torch.double)
    for k in range(8):
        x, before = torch.randn(5, 6, dtype=torch.double).t(), len(general)
        total, view, twice = step(x)
        assert k < 3 or len(general) == before
        kept = kept * 0.5 + x
        assert torch.allclose(state, kept, rtol=1e-14) and torch.allclose(total, kept.sum(0))
        assert (
            view._base is x._base and view.stride() == x[1:].stride() and torch.equal(view, x[1:])
        )
        assert torch.equal(twice, x.t() * 2) and twice.stride() == (6, 1)
    gaps = torch.randn(5, 12, dtype=torch.double)[:, ::2].t()
    assert torch.allclose(step(gaps)[0], (kept * 0.5 + gaps).sum(0))


def test_an_error_of_a_called_operation(general):
    """It comes in eager's words, the function may catch it, and the streams stand as in eager."""
    kept = torch.zeros(1)

    def function(x):
        y = F.dropout(x, 0.5)
        kept.add_(1)
        return (
            torch.linalg.cholesky(x @ x.t() - (x[0, 0] > 50) * 1e6 * torch.eye(3)).sum() + y.sum()
        )

    compiled, x = torch.compile(function), torch.eye(3) * 2
    for _ in range(4):
        compiled(x)
    before, told = len(general), []
    for call in (compiled, function):
        torch.manual_seed(5)
        kept.zero_()
        with pytest.raises(torch.linalg.LinAlgError) as caught:
            call(x * 100)
        told.append((str(caught.value), kept.item(), torch.rand(3).tolist()))
    assert told[0] == told[1]
    assert torch.equal(compiled(x) > 0, torch.tensor(True)) and len(general) == before


def test_several_threads():
    compiled = torch.compile(lambda x: (x * 2).sort(1).values.sum(0))
    given = [torch.randn(64, 32) for _ in range(4)]
    wanted = [(x * 2).sort(1).values.sum(0) for x in given]
    for _ in range(4):
        compiled(given[0])
    wrong = []

    def run(i):
        for _ in range(50):
            if not torch.allclose(compiled(given[i]), wanted[i], atol=1e-4):
                wrong.append(i)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(4)]
    [t.start() for t in threads], [t.join() for t in threads]
    assert not wrong
