"""What is done with traced modules: trained, changed, fused, written to a folder; what tracing
leaves as it was."""

import importlib
import subprocess
import sys
import threading
import traceback

import pytest

import tidu as torch
from tidu import fx, nn
from tidu.fx.experimental.optimization import fuse, remove_dropout
from tidu.fx.proxy import GraphAppendingTracer, TraceError
from tidu.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

fx.wrap("halved")


def halved(x, times=1):
    return x / 2**times if len(x) else x


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)
        self.plain, self.after = nn.Conv2d(2, 2, 1, bias=False), nn.BatchNorm2d(2)
        self.head, self.last = nn.Linear(2, 3), nn.BatchNorm1d(3)

    def forward(self, x):
        x = torch.relu(self.norm(self.conv(x)))
        x = self.after(self.plain(x))
        return self.last(self.head(x.mean(dim=(2, 3))))


def trained():
    torch.manual_seed(0)
    model = Net()
    for _ in range(3):
        model(torch.randn(8, 1, 6, 6) * 2 + 1)
    return model.eval()


def test_fused_models_compute_the_same():
    model, x = trained(), torch.randn(4, 1, 6, 6)
    fused = fuse(model)
    kinds = {type(layer).__name__ for layer in fused.children()}
    assert kinds == {"Conv2d", "Linear"} and len(fused.graph.nodes) == len(
        fx.symbolic_trace(model).graph.nodes) - 3  # fmt: skip
    torch.testing.assert_close(fused(x), model(x))
    assert any(isinstance(layer, nn.BatchNorm2d) for layer in model.children())
    with pytest.raises(AssertionError, match="Fusion only for eval!"):
        fuse(model.train())


def test_fused_layers_learn_as_in_pytorch():
    conv, norm = nn.Conv2d(1, 2, 3, bias=False).eval(), nn.BatchNorm2d(2).eval()
    assert not fuse_conv_bn_eval(conv, norm).bias.requires_grad
    assert fuse_conv_bn_eval(nn.Conv2d(1, 2, 3).eval(), norm).bias.requires_grad
    linear = nn.Linear(2, 2, bias=False).eval()
    assert not fuse_linear_bn_eval(linear, nn.BatchNorm1d(2).eval()).bias.requires_grad


def test_dropout_is_removed():
    model = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.9), nn.ReLU())
    lean, x = remove_dropout(model), torch.randn(50, 2)
    assert torch.equal(lean(x), model.eval()(x)) and len(lean.graph.nodes) == 4


def test_modules_are_trained_saved_and_switched():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 1))
    module = fx.symbolic_trace(model)
    assert list(module.state_dict()) == list(model.state_dict())
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    x, y = torch.randn(16, 3), torch.randn(16, 1)
    first = None
    for _ in range(20):
        loss = (module(x) - y).square().mean()
        first = loss.item() if first is None else first
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < first
    module.eval()
    assert not module.training and torch.equal(module(x), model.eval()(x))
    module.load_state_dict(module.state_dict())


def test_wrapped_functions_are_one_node():
    module = fx.symbolic_trace(lambda x: halved(x, times=2) + 1)
    (node,) = module.graph.find_nodes(op="call_function", target=halved)
    assert node.kwargs == {"times": 2} and module(torch.ones(2)).tolist() == [1.25, 1.25]
    assert halved(torch.ones(1)).tolist() == [0.5]  # as before
    with pytest.raises(NotImplementedError, match="wrap must be called at the top level"):
        fx.wrap("halved")


def test_errors_show_the_line_of_the_code():
    module = fx.symbolic_trace(lambda x: torch.relu(x).no_such_method())
    try:
        module(torch.ones(1))
    except AttributeError:
        text = traceback.format_exc()
    assert "no_such_method = relu.no_such_method()" in text and "<eval_with_key>" in text


def test_unused_writes_stay():
    """PyTorch drops them, which changes what is computed after."""

    def f(x):
        x = x.clone()
        x.add_(1)
        torch.exp(x)
        torch.nn.functional.relu(x, inplace=True)
        return x

    module = fx.symbolic_trace(f)
    assert module.graph.eliminate_dead_code()
    module.recompile()
    assert module(torch.tensor([-3.0, 1.0])).tolist() == [0, 2]
    model = nn.Sequential(nn.BatchNorm1d(2))
    graph = fx.Graph()
    x = graph.placeholder("x")
    graph.call_module("0", (x,))
    graph.output(x)
    counting = fx.GraphModule(model, graph)
    assert not counting.graph.eliminate_dead_code()
    assert counting.eval().graph.eliminate_dead_code()


def test_proxies_outside_of_a_trace():
    graph = fx.Graph()
    tracer = GraphAppendingTracer(graph)
    x = fx.Proxy(graph.placeholder("x"), tracer)
    y = torch.nn.functional.softmax(torch.cat([x, torch.ones(1, 2)]), dim=1).sum() * 2
    graph.output(y.node)
    assert [n.name for n in graph.nodes] == ["x", "cat", "softmax", "sum_1", "mul", "output"]
    result = fx.GraphModule(nn.Module(), graph)(torch.zeros(1, 2))
    assert result.item() == pytest.approx(4.0)


def test_tracing_leaves_everything_as_it_was():
    before = nn.Module.__call__, nn.Module.__dict__.get("__getattribute__"), torch.relu.__code__
    with pytest.raises(TraceError, match="cannot be used as inputs to control flow"):
        fx.symbolic_trace(lambda x: torch.relu(x) if x else x)
    after = nn.Module.__call__, nn.Module.__dict__.get("__getattribute__"), torch.relu.__code__
    assert before == after
    assert not fx._symbolic_trace.is_fx_tracing()


def test_other_threads_compute_while_a_program_is_traced():
    layer, x, results = nn.Linear(2, 2), torch.ones(1, 2), []
    wanted = layer(x)

    def traced(x):
        worker = threading.Thread(
            target=lambda: results.append(
                torch.relu(x.new_ones(2))
                if (isinstance(x, torch.Tensor))
                else torch.equal(layer.forward(torch.ones(1, 2)), wanted)
            )
        )
        worker.start()
        worker.join()
        return x + 1

    assert len(fx.symbolic_trace(traced).graph.nodes) == 3 and results == [True]


def test_a_folder_holds_the_module(tmp_path, monkeypatch):
    class Mine(nn.Module):
        def forward(self, x):
            return x + 1

    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    model.weight = nn.Parameter(torch.ones(1))
    module = fx.symbolic_trace(model)
    module.to_folder(tmp_path / "written_module", "Written")
    monkeypatch.syspath_prepend(str(tmp_path))
    written = importlib.import_module("written_module").Written()
    x = torch.randn(4, 2)
    assert torch.equal(written(x), model(x))


def test_ordinary_calls_do_not_know_of_fx():
    program = (
        "import sys, tidu as torch\n"
        "code = torch.relu.__code__, torch.Tensor.__add__.__code__\n"
        "torch.fx.symbolic_trace(lambda x: torch.relu(x) + 1)(torch.ones(1))\n"
        "torch.export.export(torch.nn.ReLU(), (torch.ones(1),)).module()(torch.ones(1))\n"
        "assert code == (torch.relu.__code__, torch.Tensor.__add__.__code__)\n"
        "print('tidu.overrides' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "False\n", done.stderr
