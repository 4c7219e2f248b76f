"""`why` names the variable, the line and the cut; `trace_nan` the operation; errors both lines."""

import inspect
import weakref

import numpy as np
import pytest

import tidu as torch
from tidu.diagnosis import NonFiniteError

x = torch.zeros(1)  # hidden by the variables of the functions below


def line_with(function, text):
    lines, first = inspect.getsourcelines(function)
    return next(first + i for i, line in enumerate(lines) if text in line)


def leaf():
    return torch.tensor([1.0, 2.0], requires_grad=True)


# --- why: each cut, named with its line ----------------------------------------------------------


def cut_by_detach():
    x = leaf()
    y = x.detach() * 2  # the cut
    y.sum()
    return torch.why(x), torch.why(y)


def cut_by_data():
    x = leaf()
    y = x.data * 2  # the cut
    return torch.why(x), torch.why(y)


def cut_by_no_grad():
    x = leaf()
    with torch.no_grad():
        y = x * 2  # the cut
    return torch.why(x), torch.why(y)


def cut_by_item():
    x = leaf()
    y = torch.tensor(x[0].item() * 2)  # the cut
    return torch.why(x), torch.why(y)


def cut_by_numpy():
    x = leaf()
    y = torch.from_numpy(np.sin(x.detach().numpy()))  # the cut
    return torch.why(x), torch.why(y)


def cut_by_integers():
    x = leaf()
    y = (x * 3).long()  # the cut
    return torch.why(y)


def cut_two_steps_before():
    x = leaf()
    h = torch.tensor(x.tolist())  # the cut
    y = h * 2
    loss = y.sum()
    return torch.why(loss)


CUTS = {cut_by_detach: "detach", cut_by_data: ".data", cut_by_no_grad: "no_grad",
        cut_by_item: ".item()", cut_by_numpy: "numpy", cut_by_integers: ".long()",
        cut_two_steps_before: "torch.tensor(...)"}  # fmt: skip


@pytest.mark.parametrize("function", CUTS, ids=lambda f: f.__name__)
def test_the_cut_and_its_line(function):
    found = function()
    line = line_with(function, "# the cut")
    for text in (found,) if isinstance(found, str) else found:
        assert f"line {line}" in text
    assert CUTS[function].strip(".()") in str(found)


def test_a_leaf_before_and_after_backward():
    x = leaf()
    unused = leaf()
    loss = (x * x).sum()
    assert "backward() has not been called yet on loss" in torch.why(x)
    assert "unused is never used" in torch.why(unused)
    loss.backward()
    assert "is not None" in torch.why(x)
    x.grad = None
    assert "cleared after backward()" in torch.why(x)


def test_not_a_leaf():
    x = leaf()
    y = x.exp()
    assert "y is not a leaf: ExpBackward0" in torch.why(y)
    assert "y.retain_grad() before" in torch.why(y)
    y.retain_grad()
    assert "retain_grad() was called: backward() has not" in torch.why(y)
    y.sum().backward()
    assert "is not None" in torch.why(y)
    z = leaf().exp()
    z.sum().backward()
    z.retain_grad()
    assert "retain_grad() came after backward()" in torch.why(z)


def test_a_leaf_that_was_replaced():
    w = leaf()
    (w * w).sum().backward()
    w = w - 0.1 * w.grad
    text = torch.why(w)
    assert "w is not a leaf: SubBackward0" in text and "inside torch.no_grad(): w -= " in text


def test_integers_and_plain_inputs():
    n = torch.tensor([1, 2])
    plain = torch.ones(2)
    assert "its type is int64" in torch.why(n) and "n.float()" in torch.why(n)
    text = torch.why(plain)
    assert "plain.requires_grad_()" in text and "plain = torch.ones(2)" in text


def test_a_parameter_of_a_module():
    model = torch.nn.Linear(2, 1)
    loss = model(torch.ones(2)).sum()
    assert "model.weight.grad is None" in torch.why(model.weight)
    assert "loss.backward()" in torch.why(model.weight) and loss.requires_grad


def test_the_reason_of_a_failed_backward():
    x = leaf()
    y = x.detach().sum()
    with pytest.raises(RuntimeError) as caught:
        y.backward()
    assert "The cut is .detach()" in torch.why(caught.value)
    z = (x * x).sum()
    z.backward()
    with pytest.raises(RuntimeError) as caught:
        z.backward()
    assert "retain_graph=True" in torch.why(caught.value)
    with pytest.raises(RuntimeError) as caught:
        (x * x).backward()
    assert "sum()" in torch.why(caught.value)
    assert "no exception" in torch.why()


def test_why_explains_tensors():
    with pytest.raises(TypeError, match="explains tensors"):
        torch.why(3)


# --- values changed in place ----------------------------------------------------------------------


def saved_output():
    x = leaf()
    y = x.exp()  # saved
    y += 1  # changed
    y.sum().backward()


def saved_input():
    x = leaf()
    w = torch.ones(2)
    y = x * w  # saved
    w.add_(1)  # changed
    y.sum().backward()


def written_part():
    x = leaf()
    h = x.sigmoid()  # saved
    h[0] = 3.0  # changed
    h.sum().backward()


class Holder:
    state = None


def saved_attribute():
    holder = Holder()
    x = leaf()
    holder.state = x.exp()  # saved
    holder.state *= 2  # changed
    holder.state.sum().backward()


def saves(x):
    return x.exp()  # saved


def changes(y):
    y[0] = 2.0  # changed


def left_functions():
    y = saves(leaf())
    changes(y)
    y.sum().backward()


class Layer(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = torch.nn.Linear(2, 2), torch.nn.Linear(2, 1)

    def forward(self, x):
        h = self.first(x)
        return self.second(h)  # saved


def weights_of_a_step():
    """The two losses of adversarial training: the first step changes what the second needs."""
    layer = Layer()
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
    out = layer(torch.ones(1, 2)).sum()
    out.backward(retain_graph=True)
    optimizer.step()  # changed
    out.backward()


def of_several_writes():
    x = leaf()
    y = x.exp()
    y.add_(1)  # before it is saved
    z = y * y  # saved
    for k in range(3):
        y.add_(k)  # changed
    z.sum().backward()


def through_a_view():
    x = leaf()
    y = x.tanh()  # saved
    part = y.detach()[1:]
    part.zero_()  # changed
    y.sum().backward()


def by_numpy_out():
    x = leaf()
    y = x.sqrt()  # saved
    with torch.no_grad():
        torch.add(y, 1, out=y)  # changed
    y.sum().backward()


def on_several_lines():
    x = leaf()
    y = torch.sigmoid(
        x * 1,
    )
    y.mul_(
        2,
    )
    y.sum().backward()


CHANGES = [saved_output, saved_input, written_part, saved_attribute, left_functions,
           weights_of_a_step, of_several_writes, through_a_view, by_numpy_out]  # fmt: skip


@pytest.mark.parametrize("function", CHANGES, ids=lambda f: f.__name__)
def test_both_lines_of_a_changed_value(function):
    with pytest.raises(RuntimeError, match="modified by an inplace operation") as caught:
        function()
    text = str(caught.value)
    parts = {"left_functions": (saves, changes), "weights_of_a_step": (Layer.forward, function)}
    saver, changer = parts.get(function.__name__, (function, function))
    assert f"line {line_with(saver, '# saved')}: " in text.partition("It was saved at")[2]
    assert f"line {line_with(changer, '# changed')}: " in text.partition("and changed at")[2]


def rarely_wrong(turn):
    x = leaf()
    y = x.exp()  # saved
    if turn == 600:
        y += 1  # changed
    y.sum().backward()


def test_both_lines_in_a_program_that_ran_well_for_long():
    with pytest.raises(RuntimeError, match="modified by an inplace operation") as caught:
        for turn in range(1000):
            rarely_wrong(turn)
    saved, changed = str(caught.value).partition("It was saved at")[2].split("and changed at")
    assert f"line {line_with(rarely_wrong, '# saved')}: " in saved
    assert f"line {line_with(rarely_wrong, '# changed')}: " in changed


def test_both_lines_after_many_compiled_steps():
    layer, x = torch.nn.Linear(2, 2), torch.ones(2)
    optimizer = torch.optim.SGD(layer.parameters(), 0.1)

    @torch.compile
    def step():
        optimizer.zero_grad()
        layer(x).sum().backward()
        optimizer.step()

    for _ in range(300):
        step()
    out = layer(x.clone().requires_grad_()).sum()
    step()  # changed
    with pytest.raises(RuntimeError, match="modified by an inplace operation") as caught:
        out.backward()
    here = test_both_lines_after_many_compiled_steps
    assert "out = layer(" in str(caught.value).partition("It was saved at")[2]
    assert f"line {line_with(here, '# changed')}: " in str(caught.value)


def test_statements_on_several_lines():
    with pytest.raises(RuntimeError) as caught:
        on_several_lines()
    first = line_with(on_several_lines, "y = torch.sigmoid(")
    assert f"line {first}" in str(caught.value).partition("It was saved at")[2]


def test_nodes_keep_no_frames_and_no_variables_alive():
    class Big:
        pass

    def make():
        held = Big()
        return weakref.ref(held), leaf().exp()

    reference, kept = make()
    assert reference() is None and kept.grad_fn is not None


class Touchy:
    """Fails whatever it is asked for."""

    def __getattr__(self, name):
        raise KeyError(name)


def test_strange_objects_in_the_program_do_not_hide_the_error():
    def run(strange):
        x = leaf()
        y = x.exp()
        y += 1
        assert "is never used" in torch.why(leaf()) or strange
        y.sum().backward()

    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        run(Touchy())


# --- NaN and infinity -----------------------------------------------------------------------------


def test_the_masked_branch_of_where():
    x = torch.tensor([1.0, 0.0, 2.0], requires_grad=True)
    with pytest.raises(NonFiniteError) as caught, torch.trace_nan():
        safe = x > 0
        y = torch.log(x)
        z = torch.where(safe, y, x)
        z.sum().backward()
    text = str(caught.value)
    assert "nan in LogBackward0 at element [1]" in text and "y = torch.log(x)" in text
    assert "That element was masked: where on" in text and "z = torch.where(safe, y, x)" in text
    assert "log(where(x > 0, x, 1))" in text and "operands 0.0" in text
    assert caught.value.element == (1,)


FORWARD = {
    "log": (lambda x: torch.log(x - 1), "log(0.0) gave -inf", "log1p"),
    "div": (lambda x: x / (x - x), "div(1.0, 0.0) gave inf", "divisor is 0"),
    "exp": (lambda x: torch.exp(x * 1000), "exp(1000.0) gave inf", "overflows"),
    "sqrt": (lambda x: torch.sqrt(-x).sum(), "sqrt(-1.0) gave nan", "negative"),
    "chain": (lambda x: ((x / 0 - 1) * 0 + x).mean(), "div(1.0, 0", "divisor"),
}


@pytest.mark.parametrize("kind", FORWARD)
def test_the_first_in_the_forward_pass(kind):
    function, words, advice = FORWARD[kind]
    with pytest.raises(NonFiniteError) as caught, torch.trace_nan():
        function(torch.tensor([1.0, 2.0]))
    assert words in str(caught.value) and advice in str(caught.value)
    assert "test_diagnosis.py" in str(caught.value.line)


def test_the_loss_and_given_data():
    x = torch.tensor([1.0, float("nan")], requires_grad=True)
    with pytest.raises(NonFiniteError, match=r"The loss is not finite: the data given"):
        with torch.trace_nan():
            (x * 2).sum().backward()
    y = torch.tensor([4.0, 0.0], requires_grad=True)
    with pytest.raises(NonFiniteError, match="inf in SqrtBackward0"), torch.trace_nan():
        y.sqrt().sum().backward()


def test_what_is_masked_well_is_no_error():
    x = torch.tensor([1.0, 0.0], requires_grad=True)
    with torch.trace_nan() as found:
        torch.where(x > 0, torch.log(torch.where(x > 0, x, 1.0)), x).sum().backward()
        torch.where(x > 0, torch.log(x.detach()), x).sum().backward()
    assert len(found.origins) == 1 and x.grad.isfinite().all()


def test_writes_in_place_are_followed():
    scores = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    with torch.trace_nan():  # the mask of attention
        scores.masked_fill_(torch.tensor([[False, True], [False, False]]), float("-inf"))
        torch.softmax(scores, 1).sum()
    with pytest.raises(NonFiniteError, match=r"in place gave inf .* x.div_"), torch.trace_nan():
        x = torch.ones(2)
        x.div_(torch.zeros(2))
        x + 1


def test_a_long_loop_keeps_nothing():
    with torch.trace_nan() as found:
        for _ in range(50):
            x = torch.tensor([1.0, 0.0], requires_grad=True)
            torch.where(x > 0, torch.log(x.detach()), x).sum().backward()
        assert len(found.tainted) < 5 and len(found.memory) == 0


def test_an_error_of_the_program_passes_through():
    with pytest.raises(KeyError), torch.trace_nan():
        torch.tensor(1.0) / 0
        raise KeyError


def test_hooks_that_return_something_else():
    x = torch.ones(3, requires_grad=True)
    x.register_hook(lambda g: torch.ones(5))
    with pytest.raises(RuntimeError, match="hook '<lambda>' has changed the size of value"):
        x.sum().backward()
    x = torch.ones(3, requires_grad=True)
    y = x * 2
    y.register_hook(lambda g: 5)
    with pytest.raises(TypeError, match="expected Variable, but hook returned 'int'"):
        y.sum().backward()


def test_why_names_the_line_that_failed():
    x = torch.ones(2, requires_grad=True)
    y = torch.tensor(x.tolist()).sum()
    try:
        y.backward()  # this line
    except RuntimeError:
        text = torch.why()
    assert "# this line" in text


def test_comparisons_and_indices_are_cuts_and_literals_are_not():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    hits = (x > 1).float().sum()
    told = torch.why(hits)
    assert "hits = (x > 1).float().sum()" in told and "x has a history" in told
    places = x.sort()[1]
    ranks = places.double()
    assert "places = x.sort()[1]" in torch.why(ranks)
    plain = torch.tensor([1.0])
    tripled = plain * 3
    assert "The cut" not in torch.why(tripled)
