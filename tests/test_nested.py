"""Nested tensors: gradients against the rows one by one, and what is refused."""

import copy
import pickle
import subprocess
import sys

import pytest

import tidu as torch

F, nested = torch.nn.functional, torch.nested
LAYOUTS = [torch.strided, torch.jagged]
KINDS = pytest.mark.parametrize("layout", LAYOUTS, ids=str)


def constituents():
    torch.manual_seed(1)
    return [torch.randn(n, 4, dtype=torch.float64, requires_grad=True) for n in (3, 1, 5)]


def both(function):
    """A test case of both layouts: f(nested tensor), f(row) of what it does to each row."""
    return function if isinstance(function, tuple) else (function, function)


WEIGHT = torch.linspace(-1, 1, 8, dtype=torch.float64).reshape(2, 4)
ONES, ZEROS = torch.ones(4, dtype=torch.float64), torch.zeros(4, dtype=torch.float64)
FUNCTIONS = {
    "elements": lambda x: (x.sin() * x + 2) / (x.abs() + 1) - F.gelu(x),
    "linear": lambda x: F.linear(x, WEIGHT).relu(),
    "layer_norm": lambda x: F.layer_norm(x, (4,), ONES, ZEROS),
    "softmax": lambda x: x.softmax(-1),
    "sum": lambda x: x.sum(-1, keepdim=True),
    "turned": lambda x: F.linear(x.transpose(-1, -2).transpose(-1, -2), WEIGHT),
    "chunks": lambda x: x.chunk(2, -1)[0] * x.chunk(2, -1)[1],
    "selected": lambda x: x[..., 1],
    "unsqueezed": lambda x: x.unsqueeze(-1) * 2,
    "joined": lambda x: torch.cat([x, x * x], -1),
    "attention": lambda x: F.scaled_dot_product_attention(x, x * 2, x.cos()),
    "along rows": (lambda x: F.softmax(x, 1), lambda x: F.softmax(x, 0)),
    "dropped": lambda x: F.dropout(x, 0.0) + F.dropout(x, 0.5, training=False),
    "filled": lambda x: x.masked_fill(x > 0.3, 0.0),
}
JAGGED_ONLY = {
    "means": (lambda x: x.mean(1), lambda x: x.mean(0)),
    "largest": (lambda x: x.amax(1), lambda x: x.amax(0)),
    "inner means": lambda x: x.mean(-1),
    "rms_norm": lambda x: F.rms_norm(x, (4,)),
    "product": lambda x: x @ WEIGHT.T,
    "heads": (lambda x: x.unflatten(-1, (2, 2)).transpose(1, 2), lambda x: (
        x.unflatten(-1, (2, 2)).transpose(0, 1))),
    "view": (lambda x: x.view(3, -1, 2, 2).flatten(2), lambda x: x),
}  # fmt: skip
CASES = [(name, layout) for name in FUNCTIONS for layout in LAYOUTS]
CASES += [(name, torch.jagged) for name in JAGGED_ONLY]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "layout"), CASES, ids=str)
def test_derivatives_are_those_of_the_rows(name, layout):
    of_nested, of_row = both({**FUNCTIONS, **JAGGED_ONLY}[name])
    parts = constituents()

    def whole(*parts):
        made = of_nested(nested.as_nested_tensor(list(parts), layout=layout))
        return tuple(made.unbind())

    expected = tuple(of_row(part) for part in parts)
    found = whole(*parts)
    for mine, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, theirs)
    assert torch.autograd.gradcheck(whole, parts)
    assert torch.autograd.gradgradcheck(whole, parts)


@KINDS
def test_padding_sends_no_gradient(layout):
    parts = constituents()
    x = nested.as_nested_tensor(parts, layout=layout)
    padded = x.to_padded_tensor(7.0)
    assert padded.shape == (3, 5, 4) and (padded[1, 1:] == 7).all()
    assert torch.autograd.gradcheck(
        lambda *p: nested.as_nested_tensor(list(p), layout=layout).to_padded_tensor(7.0), parts
    )
    assert x.to_padded_tensor(0.0, (3, 6, 4)).shape == (3, 6, 4)


@KINDS
def test_leaves(layout):
    data = [part.detach() for part in constituents()]
    x = nested.nested_tensor(data, layout=layout, requires_grad=True)
    data[0].zero_()
    assert x.is_leaf and x.unbind()[0].any()  # the data was copied
    loss = (x * x).to_padded_tensor(0.0).sum()
    (found,) = torch.autograd.grad(loss, x, retain_graph=True)
    loss.backward()
    assert found.is_nested and found.layout is layout
    for g, h, part in zip(x.grad.unbind(), found.unbind(), x.unbind(), strict=True):
        torch.testing.assert_close(g, part.detach() * 2)
        torch.testing.assert_close(h, g)
    (x * 3).backward(torch.ones_like(x))
    torch.testing.assert_close(x.grad.values(), found.values() + 3)
    optimizer = torch.optim.SGD([x.values()], lr=0.5)
    optimizer.step()
    for other in (copy.deepcopy(x), pickle.loads(pickle.dumps(x)), x.detach().clone()):
        assert other.layout is layout and torch.equal(other.values(), x.values())


def test_rows_without_elements():
    x = nested.nested_tensor([torch.ones(0, 2), torch.ones(2, 2)], layout=torch.jagged)
    assert x.offsets().tolist() == [0, 0, 2] and x.sum(1).tolist() == [[0, 0], [2, 2]]
    assert F.linear(x, torch.ones(3, 2)).unbind()[0].shape == (0, 3)
    assert x.to_padded_tensor(5).tolist()[0] == [[5, 5], [5, 5]]


def test_holes():
    values = torch.arange(10.0).requires_grad_()
    x = nested.nested_tensor_from_jagged(values, torch.tensor([0, 4, 10]), torch.tensor([2, 5]))
    assert not x.is_contiguous() and [len(row) for row in x.unbind()] == [2, 5]
    assert (x * 2).unbind()[1].tolist() == [8, 10, 12, 14, 16] and x.sum() == 31
    assert x.contiguous().offsets().tolist() == [0, 2, 7]
    (x.contiguous().to_padded_tensor(0) ** 2).sum().backward()
    assert values.grad.tolist() == [0, 2, 0, 0, 8, 10, 12, 14, 16, 0]


def test_ragged_lengths():
    x = nested.nested_tensor([torch.ones(2, 3), torch.ones(1, 3)], layout=torch.jagged)
    length = x.size(1)
    assert x.shape == (2, length, 3) and (x * 2).shape == x.shape and length == x.size(1)
    y = nested.nested_tensor([torch.ones(2, 3), torch.ones(1, 3)], layout=torch.jagged)
    assert y.size(1) != length and y.shape != x.shape
    assert x.view(2, length, 1, 3).shape == (2, length, 1, 3)
    for count in (lambda: length - 1, lambda: length + 1, lambda: 6 // length, lambda: int(length)):
        with pytest.raises(AttributeError, match="length of a ragged axis"):
            count()
    for ask in (lambda: length > 2, lambda: 7 <= length, lambda: length < y.size(1)):
        with pytest.raises(ValueError, match="stands for the lengths of all rows"):
            ask()
    assert isinstance(length, torch.SymInt) and not isinstance(length, int)
    with pytest.raises(RuntimeError, match="must share their offsets"):
        _ = x + y


@pytest.mark.parametrize("offsets", [[0, 9], [0, 3, 2], [-1, 2], [1, 2, 7]])
def test_offsets_are_checked(offsets):
    with pytest.raises(RuntimeError, match="do not lie within the 6 values"):
        nested.nested_tensor_from_jagged(torch.ones(6), torch.tensor(offsets))


@KINDS
def test_what_is_not_there_says_so(layout):
    x = nested.nested_tensor([torch.ones(2, 3), torch.ones(1, 3)], layout=layout)
    for call in (x.sort, x.median, lambda: torch.fft.fft(x), lambda: torch.det(x),
                 lambda: F.conv1d(x, torch.ones(1, 1, 1)), lambda: x.cumsum(1)):  # fmt: skip
        with pytest.raises(NotImplementedError, match=r"Hint: work on x\.unbind\(\)"):
            call()
    attention = torch.nn.MultiheadAttention(3, 1, batch_first=True)
    with pytest.raises(AssertionError, match="does not support NestedTensor outside"):
        attention(x, x, x)


def test_functions_of_ordinary_tensors_are_as_before():
    """Once a nested tensor was made, functions ask their arguments; results stay the same."""
    nested.nested_tensor([torch.ones(2)])
    x = torch.ones(3, requires_grad=True)
    assert type(torch.sin(x)) is torch.Tensor and not x.is_nested
    F.linear(x, torch.ones(2, 3)).sum().backward()
    assert x.grad.tolist() == [2, 2, 2]


def test_a_classifier_of_sequences_learns():
    """Sequences of different lengths: attention over each, a mean of each, as models write it."""
    torch.manual_seed(0)
    data = [torch.randn(n, 4) for n in (3, 7, 2, 5, 4, 6)]
    labels = torch.tensor([int(row[:, 0].mean() > row[:, 1].mean()) for row in data])
    x = nested.nested_tensor(data, layout=torch.jagged)
    embed, project, out = torch.nn.Linear(4, 8), torch.nn.Linear(8, 24), torch.nn.Linear(8, 2)
    norm = torch.nn.LayerNorm(8)
    modules = torch.nn.ModuleList([embed, project, out, norm])
    optimizer = torch.optim.Adam(modules.parameters(), lr=0.02)
    losses = []
    for _ in range(40):
        hidden = torch.nn.functional.gelu(embed(x))
        heads = [
            part.unflatten(-1, (2, 4)).transpose(1, 2) for part in project(hidden).chunk(3, -1)
        ]
        mixed = F.scaled_dot_product_attention(*heads).transpose(1, 2).flatten(2)
        loss = F.cross_entropy(out(norm(hidden + mixed).mean(1)), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.2 * losses[0]


def test_another_process_reads_pickles(tmp_path):
    x = torch.nested.nested_tensor([torch.ones(2), torch.zeros(3)], layout=torch.jagged)
    y = torch.nested.nested_tensor([torch.ones(2, 1), torch.zeros(3, 2)])
    path = tmp_path / "nested"
    path.write_bytes(pickle.dumps((x, y)))
    program = (
        "import pickle, sys, tidu\n"
        "x, y = pickle.load(open(sys.argv[1], 'rb'))\n"
        "print(tidu.exp(x - 1)[0].tolist(), tidu.relu(y)[0].tolist())"
    )
    done = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True)
    assert done.stdout == "[1.0, 1.0] [[1.0], [1.0]]\n", done.stderr
