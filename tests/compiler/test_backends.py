"""Functions given to torch.compile as `backend`: their graphs, what they give back, what fails."""

import functools
import json
import operator
import subprocess
import sys

import backend_programs
import pytest
from backend_programs import PROGRAMS, RECORDED, graphs_of

import tidu as torch
from tidu.compilation import backends

PYTORCHS = json.loads(RECORDED.read_text("utf-8"))


@pytest.fixture(scope="module")
def told():
    """Graphs of a process of their own, as PyTorch's are: where a program has defined a class with
    `__torch_function__`, as other tests do, calls are seen in another order."""
    done = subprocess.run(
        [sys.executable, backend_programs.__file__, "tell"],
        capture_output=True, text=True, check=True, timeout=300,
    )  # fmt: skip
    return json.loads(done.stdout)


@pytest.mark.slow
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_graphs_are_pytorchs(program, told):
    assert told[program.__name__] == PYTORCHS[program.__name__]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_results_are_those_without_a_backend(program):
    _, results, plain = graphs_of(torch, program)
    torch.testing.assert_close(results, plain)


_GLOBALS = """
import tidu as torch

class Box:
    scale = None

def show(gm, inputs):
    print(*[node.name for node in gm.graph.find_nodes(op="placeholder")])
    return gm.forward

net, box = torch.nn.Linear(2, 1), Box()
box.scale = torch.ones(1)
torch.compile(lambda x: torch.relu(net(x)) * box.scale, backend=show)(torch.ones(3, 2))
"""


def test_globals_have_their_own_names(tmp_path):
    """Modules of the library lead to everything that is loaded, `__main__` too."""
    (tmp_path / "script.py").write_text(_GLOBALS, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, tmp_path / "script.py"], capture_output=True, text=True, check=True
    )
    names = "g_net_parameters_weight_ g_net_parameters_bias_ l_x_ g_box_scale"
    assert done.stdout.split() == names.split()


def plain(gm, example_inputs):
    return gm.forward


def counting(log):
    def backend(gm, example_inputs):
        log.append(len(gm.graph.nodes))
        return gm

    return backend


def test_gradients_go_through_what_a_backend_returns():
    net = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Tanh(), torch.nn.Linear(3, 1))
    x = torch.randn(5, 4, requires_grad=True)
    grads = []
    for f in (torch.compile(net, backend=plain), net):
        x.grad = None
        net.zero_grad()
        f(x).square().mean().backward()
        grads.append([x.grad, *[p.grad.clone() for p in net.parameters()]])
    torch.testing.assert_close(*grads)


def test_second_derivatives():
    v = torch.tensor([2.0], requires_grad=True)
    (first,) = torch.autograd.grad(torch.compile(lambda x: x**3, backend=plain)(v), v,
                                   create_graph=True)  # fmt: skip
    (second,) = torch.autograd.grad(first, v)
    assert (first.item(), second.item()) == (12.0, 12.0)


def test_a_training_loop_is_that_without_a_backend():
    torch.manual_seed(0)
    x, t = torch.randn(8, 4), torch.randn(8, 1)
    losses = []
    for wrap in (lambda m: torch.compile(m, backend=plain), lambda m: m):
        torch.manual_seed(1)
        net = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.BatchNorm1d(8),
                                  torch.nn.ReLU(), torch.nn.Linear(8, 1))  # fmt: skip
        model, optimizer = wrap(net), torch.optim.Adam(net.parameters(), 0.1)
        for _ in range(4):
            optimizer.zero_grad()
            loss = torch.nn.functional.mse_loss(model(x), t)
            loss.backward()
            optimizer.step()
        losses.append([loss.detach(), *net.state_dict().values()])
    torch.testing.assert_close(*losses)


def test_a_backend_may_change_the_graph():
    def multiply(gm, example_inputs):
        for node in gm.graph.nodes:
            if node.op == "call_function" and node.target is operator.add:
                node.target = operator.mul
        gm.graph.lint()
        gm.recompile()
        return gm

    f = torch.compile(lambda a, b: a + b, backend=multiply)
    assert f(torch.tensor(2.0), torch.tensor(3.0)).item() == 6.0


def test_a_backend_may_return_any_function():
    def times_two(gm, example_inputs):
        return lambda *inputs: tuple([2 * out for out in gm(*inputs)])

    f = torch.compile(lambda x: x + 1, backend=times_two)
    assert f(torch.tensor(1.0)).item() == 4.0
    assert f(torch.tensor(4.0)).item() == 10.0


@pytest.mark.parametrize("again", [
    lambda gm, inputs: torch._dynamo.lookup_backend("inductor")(gm, inputs),
    lambda gm, inputs: torch.compile(gm),
    lambda gm, inputs: torch.compile(gm.forward, backend=plain),
    lambda gm, inputs: torch._dynamo.lookup_backend("eager")(gm, inputs),
])  # fmt: skip
def test_a_backend_may_compile_what_it_is_given(again):
    w = torch.ones(3, requires_grad=True)
    loss = torch.compile(lambda x: (x * w).sin().sum(), backend=again)(torch.arange(3.0))
    loss.backward()
    torch.testing.assert_close(w.grad, torch.arange(3.0) * torch.arange(3.0).cos())


def test_it_is_called_once_for_each_kind_of_call():
    log = []
    f = torch.compile(lambda x, k: x * k, backend=counting(log), dynamic=False)
    x = torch.ones(2)
    for k in (1, 2, 1, 2):
        f(x, k)
    assert len(log) == 2
    f(x.double(), 1)
    f(x.reshape(1, 2), 1)
    with torch.no_grad():
        f(x, 1)
    assert len(log) == 5


def sized(x):
    return x.view(x.shape[0] * 2) * x.shape[0] + x[: x.shape[0] // 2].sum()


@pytest.mark.parametrize("dynamic, asked", [(None, 2), (True, 1), (False, 5)])
def test_one_graph_serves_several_sizes(dynamic, asked):
    graphs = []

    def backend(gm, example_inputs):
        graphs.append((gm, example_inputs))
        return gm

    f = torch.compile(sized, backend=backend, dynamic=dynamic)
    for n in (4, 6, 8, 5, 10, 4, 8):
        x = torch.randn(n, 2, requires_grad=True)
        y = x.detach().clone().requires_grad_()
        out, expected = f(x), sized(y)
        out.sum().backward()
        expected.sum().backward()
        torch.testing.assert_close((out, x.grad), (expected, y.grad))
    assert len(graphs) == asked
    if dynamic is not False:
        gm, inputs = graphs[-1]
        assert [p.name for p in gm.graph.find_nodes(op="placeholder")] == ["s77", "l_x_"]
        assert isinstance(inputs[0], int) and "mul = s77 * 2" in gm.code


def test_sizes_that_tell_too_little_get_graphs_of_their_own():
    log, table = [], {3: 10, 4: 20, 5: 25, 6: 70}

    def f(x):
        return x * table[len(x)]

    g = torch.compile(f, backend=counting(log))
    for n in (3, 4, 5, 6, 3):
        assert g(torch.ones(n)).tolist() == [table[n]] * n
    assert len(log) == 4


def test_branches_by_size_are_not_mixed():
    def f(x):
        return x * 2 if x.shape[0] < 6 else x + 7

    log = []
    g = torch.compile(f, backend=counting(log))
    for n in (3, 4, 5, 7, 8, 9, 5):
        assert g(torch.ones(n)).tolist() == f(torch.ones(n)).tolist()
    assert len(log) <= 4


def test_marked_sizes_vary_from_the_first_call():
    log = []
    f = torch.compile(lambda x, w: torch.relu(x @ w), backend=counting(log))
    for n in (3, 5, 6):
        x = torch.ones(n, 2)
        torch._dynamo.mark_dynamic(x, 0)
        assert f(x, torch.ones(2, 2)).shape == (n, 2)
    assert len(log) == 1


def test_what_is_read_is_watched():
    log, scale = [], {"by": 2.0}
    f = torch.compile(lambda x: x * scale["by"], backend=counting(log))
    assert f(torch.tensor(3.0)).item() == 6.0
    scale["by"] = 5.0
    assert f(torch.tensor(3.0)).item() == 15.0 and len(log) == 2


def test_parts_around_what_cannot_be_recorded(capsys):
    log = []

    def f(x):
        y = x + 1
        print("here")
        z = y * 2
        if z.sum() > 0:
            z = z - 1
        return z

    g = torch.compile(f, backend=counting(log))
    with pytest.warns(UserWarning, match="cannot be compiled as one graph"):
        assert g(torch.ones(2)).tolist() == [3.0, 3.0]
    assert g(-5 * torch.ones(2)).tolist() == [-8.0, -8.0]
    assert capsys.readouterr().out == "here\nhere\n" and len(log) == 3


def test_what_is_written_and_stored_is_kept():
    log, last = [], {"seen": torch.zeros(2, 2)}

    def f(x, y):
        x.add_(y)
        view = x.view(-1)
        x[0] = 7
        last["seen"] = x * 2
        return x, view, y

    g = torch.compile(f, backend=counting(log))
    for _ in range(3):
        x, y = torch.ones(2, 2), torch.ones(2, 2)
        out, view, same = g(x, y)
        assert out is x and same is y and x.tolist() == [[7.0, 7.0], [2.0, 2.0]]
        view[3] = 100
        assert x[1, 1].item() == 100 and last["seen"].tolist() == [[14.0, 14.0], [4.0, 4.0]]
    assert len(log) == 1


def test_what_it_makes_itself_may_be_written():
    def f(x):
        table = torch.zeros(3)
        table[1] = 5.0
        table.add_(1)
        return x + table

    f = torch.compile(f, backend=plain, fullgraph=True)
    for _ in range(2):
        assert f(torch.ones(3)).tolist() == [2.0, 7.0, 2.0]


def test_methods_that_are_called_by_other_means():
    def f(x):
        y = x * 1
        torch.Tensor.add_(y, 5)
        torch.Tensor.mul_.__call__(y, 2)
        y = functools.reduce(operator.sub, [10, y, x])
        return (
            sum([y, x]),
            list(map(operator.neg, [y])),
            y.__rsub__(1),
            operator.setitem(y, 0, 9),
            y,
        )

    x = torch.arange(3.0)
    torch.testing.assert_close(torch.compile(f, backend=plain)(x), f(x))


def test_operands_stay_in_their_order():
    k = torch.tensor([4, 9])
    for f in (lambda k: k >> 1, lambda k: 100 // k, lambda k: k << 2, lambda k: 3 - k,
              lambda k: 2 * (k + 1), lambda k: k % 3, lambda k: 7 & k, lambda k: k**2):  # fmt: skip
        assert torch.compile(f, backend=plain)(k).tolist() == f(k).tolist()


def test_random_numbers_are_drawn_anew():
    f = torch.compile(lambda x: x + torch.rand(4), backend=plain)
    torch.manual_seed(3)
    drawn = [f(torch.zeros(4)) for _ in range(3)]
    torch.manual_seed(3)
    torch.testing.assert_close(drawn, [torch.rand(4) for _ in range(3)])


def test_functions_with_a_backward_of_their_own_keep_it():
    class Odd(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * 30

    x = torch.ones(1, requires_grad=True)
    for _ in range(2):
        x.grad = None
        (torch.compile(lambda x: Odd.apply(x) + 1, backend=plain)(x)).backward()
        assert x.grad.item() == 30.0


def test_hooks_inside_are_called():
    def f(x):
        h = x * 2
        h.register_hook(lambda g: g * 10)
        return h.sum()

    x = torch.ones(2, requires_grad=True)
    with pytest.warns(UserWarning, match="it calls register_hook"):
        torch.compile(f, backend=plain)(x).backward()
    assert x.grad.tolist() == [20.0, 20.0]


AUTOCAST = """
import warnings
import tidu as torch

plain = lambda gm, example_inputs: gm.forward

def f(x):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        return x @ x

x = torch.ones(2, 2)
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    assert torch.compile(f, backend=plain)(x).dtype is torch.bfloat16
assert any("it enters autocast" in str(w.message) for w in said)
warnings.simplefilter("error")
g = torch.compile(lambda x: x @ x, backend=plain)
assert g(x).dtype is torch.float32
with torch.autocast("cpu", dtype=torch.bfloat16):
    assert g(x).dtype is torch.bfloat16
assert g(x).dtype is torch.float32
"""


def test_autocast_inside_and_outside():
    """In a process of its own: where a program has defined a class with `__torch_function__`, what
    is under autocast runs eagerly."""
    subprocess.run([sys.executable, "-c", AUTOCAST], check=True, timeout=300)


def test_what_graphs_know_of_values():
    known = []

    def look(gm, example_inputs):
        known.extend([(n.name, tuple(n.meta["example_value"].shape)) for n in gm.graph.nodes
                      if "example_value" in n.meta])  # fmt: skip
        known.append(gm.print_readable(print_output=False))
        return gm

    torch.compile(lambda x: x.sum(dim=1) * 2, backend=look)(torch.ones(2, 3))
    assert known[:3] == [("l_x_", (2, 3)), ("sum_1", (2,)), ("mul", (2,))]
    assert 'sum_1: "f32[2]" = l_x_.sum(dim = 1)' in known[3]
    assert "test_backends.py:" in known[3] and "code: torch.compile(lambda x:" in known[3]


# --- what fails -----------------------------------------------------------------------------------


def raising(gm, example_inputs):
    raise ValueError("oops")


@pytest.mark.parametrize("backend, said", [
    (raising, "backend='raising' raised:\nValueError: oops"),
    (lambda gm, inputs: None,
     "backend='<lambda>' raised:\nAssertionError: compiler_fn did not return callable"),
    (3, "backend='3' raised:\nTypeError: 'int' object is not callable"),
])  # fmt: skip
def test_a_backend_that_fails(backend, said):
    f = torch.compile(lambda x: x + 1, backend=backend)
    for _ in range(2):
        with pytest.raises(torch._dynamo.exc.BackendCompilerFailed) as error:
            f(torch.ones(1))
        assert str(error.value).startswith(said)
    assert isinstance(error.value, RuntimeError)


def test_failures_can_be_passed_over():
    f = torch.compile(lambda x: x + 1, backend=raising)
    with (torch._dynamo.config.patch(suppress_errors=True),
          pytest.warns(UserWarning, match="ValueError: oops")):  # fmt: skip
        assert f(torch.ones(1)).item() == 2.0


def test_the_function_itself_fails_as_without_a_backend():
    f = torch.compile(lambda x, y: x @ y, backend=plain)
    with pytest.raises(RuntimeError, match="mat1 and mat2 shapes cannot be multiplied"):
        f(torch.ones(2, 3), torch.ones(2, 3))


def test_mode_and_options_are_handed_on():
    given = []

    def backend(gm, example_inputs, **words):
        given.append(words)
        return gm

    x = torch.ones(1)
    torch.compile(lambda x: x + 1, backend=backend, options={"a": 1})(x)
    torch.compile(lambda x: x + 1, backend=backend, mode="reduce-overhead")(x)
    torch.compile(lambda x: x + 1, backend=backend, mode="default")(x)
    assert given == [{"options": {"a": 1}}, {"mode": "reduce-overhead"}, {}]


# --- names ----------------------------------------------------------------------------------------


def test_backends_have_names(monkeypatch):
    monkeypatch.setattr(backends, "_NAMED", {**backends._NAMED})
    monkeypatch.setattr(backends, "_TAGS", {**backends._TAGS})
    made = torch._dynamo.register_backend(plain, name="test_backends_have_names")
    assert made is plain and torch._dynamo.lookup_backend("test_backends_have_names") is plain
    assert "test_backends_have_names" in torch.compiler.list_backends()
    f = torch.compile(lambda x: x + 1, backend="test_backends_have_names")
    assert f(torch.ones(1)).item() == 2.0
    with pytest.raises(AssertionError, match="duplicate name: test_backends_have_names"):
        torch._dynamo.register_backend(plain, name="test_backends_have_names")
    with pytest.raises(AssertionError, match="compiler_fn must be callable, got <class 'int'>"):
        torch._dynamo.register_backend(3)
    with pytest.raises(torch._dynamo.exc.InvalidBackend, match="Invalid backend: 'nope'"):
        torch._dynamo.lookup_backend("nope")


def test_the_default_backend():
    log = []
    torch.compiler.set_default_backend(counting(log))
    try:
        assert torch.compile(lambda x: x + 1)(torch.ones(1)).item() == 2.0 and log == [3]
    finally:
        torch.compiler.set_default_backend(None)
    assert torch.compiler.get_default_backend() == "inductor"
    with pytest.raises(TypeError, match="backend must be a string or callable"):
        torch.compiler.set_default_backend(3)
