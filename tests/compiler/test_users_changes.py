"""Programs of users of torch.compile in which something is replaced, dropped or repeats memory."""

import pytest
from outcomes import outcome, same

import tidu as torch
from tidu import nn
from tidu.nn import functional as F

pytestmark = pytest.mark.filterwarnings("ignore")


def test_gradients_accumulated_and_dropped():
    """A step that adds to gradients that are there, and drops them at the end."""

    def train(wrap):
        torch.manual_seed(0)
        model = nn.Linear(4, 3)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

        def step(x, y, i):
            loss = F.cross_entropy(model(x), y) / 2
            loss.backward()
            if i % 2:
                optimizer.step()
                optimizer.zero_grad()
            return loss

        run = wrap(step)
        for i in range(8):
            x, y = torch.randn(5, 4), torch.arange(5) % 3
            loss = run(x, y, i).detach()
            yield loss, [p.grad if p.grad is None else p.grad.clone() for p in model.parameters()]

    same(list(train(torch.compile)), list(train(lambda f: f)))


def test_module_is_mirrored():
    """What is read, set and deleted of a compiled module is the module's."""
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    compiled = torch.compile(model)
    model.eval()
    assert not compiled.training
    compiled.training = True
    assert model.training
    compiled.extra = nn.Linear(2, 2)
    assert model.extra is compiled.extra
    assert "extra" in dir(compiled)
    del compiled.extra
    assert not hasattr(model, "extra")


def test_forward_replaced():
    model = nn.Linear(2, 2)
    compiled, x = torch.compile(model), torch.ones(3, 2)
    same(model(x), compiled(x))
    model.forward = lambda x: x + 1
    for _ in range(2):
        same(x + 1, compiled(x))
    del model.forward
    same(model(x), compiled(x))


@pytest.mark.parametrize("broken", [False, True])
def test_defaults_and_code_replaced(broken):
    """Also where the function runs in stretches."""
    kept = []

    def f(x, w=2.0, *, b=1.0):
        if broken:
            kept.append(len(kept))
        return x * w + b

    def g(x, w=2.0, *, b=1.0):
        kept.append(broken)
        return x - w - b

    compiled, x = torch.compile(f), torch.arange(3.0)
    for _ in range(3):
        same(f(x), compiled(x))
    f.__defaults__ = (3.0,)
    for _ in range(3):
        same(f(x), compiled(x))
    f.__kwdefaults__["b"] = 4.0
    for _ in range(3):
        same(f(x), compiled(x))
    f.__code__ = g.__code__
    for _ in range(3):
        same(f(x), compiled(x))


def test_writes_to_repeated_memory():
    """Into a tensor that shows elements twice: refused as in eager, or seen everywhere."""
    whole = torch.compile(lambda x: x.add_(1))
    part = torch.compile(lambda x: x[:, 0].add_(1))
    lying = torch.arange(4.0).as_strided((2, 3), (1, 1))
    for _ in range(3):
        given = torch.arange(3.0)[:, None].expand(3, 4)
        assert "single memory location" in outcome(whole, given)[1]
        same(part(given), torch.tensor([1.0, 2.0, 3.0]))
        same(given, torch.tensor([1.0, 2.0, 3.0])[:, None].expand(3, 4))
        expected = outcome(lambda x: x.add_(1), lying.clone().as_strided((2, 3), (1, 1)))
        assert outcome(whole, lying.clone().as_strided((2, 3), (1, 1)))[0] == expected[0]
