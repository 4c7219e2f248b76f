"""A wrong call shows one error: none of NumPy's, or of our own fast paths, is its context."""

import warnings

import tidu as torch
from tidu.nn import functional as F

CALLS = """
x + y | x * y | x / y | x**y | x < y | x == y | x + "a" | "a" + x | x + None | torch.maximum(x, y)
torch.atan2(x, y) | torch.exp(3) | torch.sin([1]) | x.pow("a") | x.clamp("a") | x @ y | x @ x
x @ 3 | torch.mm(x, x) | torch.mv(x, y) | torch.dot(y, x) | torch.bmm(x, x) | F.linear(x, y[None])
F.linear(x, 3) | F.mse_loss(x, 1) | F.linear(x, x, x) | F.linear("a", x, y)
x.add_(y) | x.mul_(y) | x.sub_(y) | x.copy_(y) | x.div_(y) | x.mul_("a") | x.view(5)
x.reshape(5) | x.transpose(0, 5) | x.permute(0) | x.squeeze(7) | x.unsqueeze(7) | x.expand(2, 2)
torch.transpose(3, 0, 1) | torch.squeeze("a") | x.select(0, 9) | x.narrow(0, 0, 9) | x.unbind(4)
x.split(0) | x.split([1, 1]) | x.chunk(0) | x[9] | x[0, 9] | x[:, 9] | x[1, 2, 3] | x[y] | x["a"]
x[i] | x.__setitem__(9, 1.0) | x.__setitem__(0, y) | x.__setitem__("a", 1) | x.__setitem__(0, "a")
x.sum(9) | x.sum("a") | torch.sum(3) | x.mean(9) | x.argmax(9) | x.sort(9) | x.topk(9)
x.cumsum(9) | x.std(9) | x.norm("a") | x.softmax(9) | torch.softmax(3, 0) | x.gather(0, i)
x.index_select(0, i) | x.scatter(0, i[None], 1.0) | torch.where(x > 0, y, x)
x.masked_fill(y > 0, 1.0) | x.tril("a") | torch.cat([x, y]) | torch.cat([]) | torch.stack([x, y])
torch.stack([]) | torch.cat(3) | torch.arange("a") | torch.linspace(0, 1, -1) | torch.zeros("a")
torch.zeros(-1) | torch.tensor("a") | F.embedding(i, x) | F.cross_entropy(x, i) | F.conv2d(x, x)
torch.promote_types(1, 2)
"""


def test_wrong_calls():
    x, y, i = torch.ones(3, 4), torch.ones(5), torch.arange(6)
    names = {"torch": torch, "F": F, "x": x, "y": y, "i": i}
    for call in CALLS.strip().replace("\n", " | ").split(" | "):
        try:
            eval(call, names)
        except Exception as error:
            told = error
        else:
            raise AssertionError(f"{call} is taken")
        assert told.__context__ is None or told.__suppress_context__, call
        assert type(told).__module__ == "builtins", call


def test_the_user_s_own_context_stays():
    try:
        try:
            {}["key"]
        except KeyError:
            torch.ones(3) + torch.ones(4)
    except RuntimeError as error:
        assert isinstance(error.__context__, KeyError) and not error.__suppress_context__


def test_warnings_name_the_program_s_line():
    calls = (F.softmax, F.log_softmax, F.softmin, torch.nn.Softmax())
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        for call in calls:
            call(torch.ones(2, 3))  # without dim
    here = test_warnings_name_the_program_s_line.__code__.co_firstlineno + 5
    assert [(w.filename, w.lineno) for w in told] == [(__file__, here)] * len(calls)
