"""torch.profiler: what is counted, how ranges nest, schedules, traces and the table."""

import gzip
import json
import threading

import pytest

import tidu as torch
from tidu.core.modes import STATE

profiler = torch.profiler


def work():
    x = torch.ones(3, 4, requires_grad=True)
    with profiler.record_function("outer"):
        y = x @ torch.ones(4, 5)
        with profiler.record_function("inner"):
            z = torch.relu(y).sum()
    z.backward()


def counts(p, **options):
    return {e.key: e.count for e in p.key_averages(**options)}


def test_operations_ranges_and_nodes_are_counted():
    with profiler.profile() as p:
        work()
        work()
    found = counts(p)
    assert found["aten::matmul"] == found["outer"] == found["inner"] == found["ReluBackward0"] == 2
    assert found["aten::mm"] == 4  # two in the products, two in their backward
    assert found["autograd::engine::evaluate_function: MmBackward0"] == 2


def test_ranges_contain_what_ran_in_them():
    with profiler.profile() as p:
        work()
    events = p.events()
    by_name = {e.name: e for e in events}
    outer, inner = by_name["outer"], by_name["inner"]
    assert [e.name for e in outer.cpu_children] == ["aten::ones", "aten::matmul", "inner"]
    assert by_name["aten::mm"].cpu_parent.name in ("aten::matmul", "MmBackward0")
    assert inner.cpu_parent is outer and by_name["aten::sum"].cpu_parent is inner
    assert by_name["ReluBackward0"].cpu_parent.name.startswith("autograd::engine")
    whole = outer.self_cpu_time_total + sum(e.cpu_time_total for e in outer.cpu_children)
    assert whole == pytest.approx(outer.cpu_time_total)
    roots = [e for e in events if e.cpu_parent is None]
    assert events.self_cpu_time_total == pytest.approx(sum(e.cpu_time_total for e in roots))
    assert all(e.self_cpu_time_total >= -1e-6 for e in events)


def test_what_rules_compute_is_counted_and_the_numbers_stay():
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(5, 7), torch.nn.GELU(), torch.nn.Linear(7, 3))
    x, y = torch.randn(4, 5), torch.tensor([0, 1, 2, 0])

    def gradients():
        model.zero_grad()
        (torch.nn.functional.cross_entropy(model(x), y) + (model(x) ** 2 / 3).std()).backward()
        return [p.grad for p in model.parameters()]

    plain = gradients()
    with profiler.profile() as p:
        heard = gradients()
    assert all(torch.equal(a, b) for a, b in zip(plain, heard, strict=True))
    node = next(e for e in p.events() if e.name == "GeluBackward0")
    assert "aten::mul" in {e.name for e in node.cpu_children}
    products = [e for e in p.events() if e.name == "aten::mm"]
    assert len(products) == 6  # for each use of a layer: the weight's, and the second one's input
    assert {e.cpu_parent.name for e in products} == {"AddmmBackward0"}


def test_gradients_that_are_one_step_are_told_as_one():
    states, _ = torch.nn.LSTM(3, 5)(torch.randn(2, 4, 3, requires_grad=True))
    total = states.sum()
    with profiler.profile() as p:
        total.backward()
    (node,) = [e for e in p.events() if e.name == "MkldnnRnnLayerBackward0"]
    assert [e.name for e in node.cpu_children] == ["aten::lstm_backward"]


def test_functions_and_methods_have_their_own_events():
    with profiler.profile() as p:
        a = torch.randn(3, 3)
        torch.stack([a, torch.rand(3, 3)]).exp_()
        torch.nn.functional.softmax(a, 1).std()
        a.item if False else a[0, 0].item()
    found = counts(p)
    for name in ("randn", "rand", "stack", "exp_", "softmax", "std", "item"):
        assert found[f"aten::{name}"] == 1, name
    assert "aten::exp" not in found
    assert torch.randn.__class__.__name__ == "function"  # all is as it was


def test_optimizers_are_ranges():
    w = torch.ones(2, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=0.1)
    with profiler.profile() as p:
        w.sum().backward()
        optimizer.step()
        optimizer.zero_grad()
    found = counts(p)
    assert found["Optimizer.step#SGD.step"] == found["Optimizer.zero_grad#SGD.zero_grad"] == 1


def test_rules_that_are_recorded_run_inside_their_node():
    x = torch.tensor(2.0, requires_grad=True)
    with profiler.profile() as p:
        torch.autograd.grad(x.sin() * x, x, create_graph=True)
    rules = [e for e in p.events() if e.cpu_parent is not None and e.name == "aten::cos"]
    assert [e.cpu_parent.name for e in rules] == ["SinBackward0"]


def test_operations_under_transforms_are_those_on_memory():
    with profiler.profile() as p:
        torch.func.vmap(torch.func.grad(lambda x: (x * x).sum()))(torch.ones(4, 3))
    assert counts(p)["aten::sum"] == 1


def test_grouping_by_shapes():
    with profiler.profile(record_shapes=True) as p:
        torch.ones(2, 3) * 2
        torch.ones(2, 3) * 3
        torch.ones(4) * 2
    groups = [(e.key, e.input_shapes, e.count) for e in p.key_averages(group_by_input_shape=True)
              if e.key == "aten::mul"]  # fmt: skip
    assert groups == [("aten::mul", [[2, 3], []], 2), ("aten::mul", [[4], []], 1)]
    assert len(p.key_averages()) == 2
    assert "Input Shapes" in p.key_averages(group_by_input_shape=True).table()


def test_the_table():
    with profiler.profile() as p:
        work()
    text = p.key_averages().table(sort_by="self_cpu_time_total", row_limit=3)
    lines = text.split("\n")
    titles = [part.strip() for part in lines[1].split("  ") if part.strip()]
    assert titles == ["Name", "Self CPU %", "Self CPU", "CPU total %", "CPU total",
                      "CPU time avg", "# of Calls"]  # fmt: skip
    assert set(lines[0]) == {"-", " "} and lines[0] == lines[2] == lines[6]
    assert lines[7].startswith("Self CPU time total: ") and lines[8:] == [""]
    rows = sorted(p.key_averages(), key=lambda e: -e.self_cpu_time_total)
    assert [line.split()[0] for line in lines[3:6]] == [e.key.split()[0] for e in rows[:3]]
    with pytest.raises(AttributeError):
        p.key_averages().table(sort_by="nothing")


def test_memory_columns():
    with profiler.profile(profile_memory=True) as p:
        (torch.ones(1024, 1024) + 1)[0]
    assert "4.00 MB" in p.key_averages().table() and "Self CPU Mem" in p.key_averages().table()


def test_schedules_and_what_is_saved():
    saved = []
    plan = profiler.schedule(wait=1, warmup=1, active=2, repeat=2)
    with profiler.profile(
        schedule=plan, on_trace_ready=lambda p: saved.append((p.step_num, counts(p)))
    ) as p:
        for _ in range(10):
            torch.ones(2).sum()
            p.step()
    # What PyTorch 2.13 saves at the same steps.
    each = {"ProfilerStep*": 2, "aten::ones": 2, "aten::sum": 2}
    assert saved == [(4, each), (8, each)]  # fmt: skip
    assert not STATE.listeners


def test_without_a_schedule_the_end_is_saved():
    saved = []
    with profiler.profile(on_trace_ready=lambda p: saved.append(counts(p))) as p:
        torch.ones(2).sum()
        p.step()
        torch.ones(2).sum()
    assert saved == [{"aten::ones": 2, "aten::sum": 2}]


def test_wrong_schedules_and_unfinished_profiles():
    with pytest.raises(AssertionError, match="Invalid profiler schedule arguments"):
        profiler.schedule(wait=-1, warmup=0, active=1)
    with pytest.raises(AssertionError, match="must be initialized"):
        profiler.profile().key_averages()


def test_traces(tmp_path):
    with profiler.profile(record_shapes=True) as p:
        work()
    p.export_chrome_trace(str(tmp_path / "trace.json"))
    rows = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    assert {"outer", "aten::mm", "ReluBackward0"} <= {row["name"] for row in rows}
    assert all(row["ph"] == "X" and row["dur"] >= 0 for row in rows)
    p.export_chrome_trace(str(tmp_path / "trace.json.gz"))
    assert json.loads(gzip.open(tmp_path / "trace.json.gz").read())["traceEvents"] == rows
    profiler.tensorboard_trace_handler(str(tmp_path / "new"), "w")(p)
    assert [f.name.startswith("w.") for f in (tmp_path / "new").iterdir()] == [True]


def test_an_error_inside_ends_the_profile_and_the_range():
    with pytest.raises(ZeroDivisionError):
        with profiler.profile() as p, profiler.record_function("broken"):
            torch.ones(2).sum()
            raise ZeroDivisionError
    assert counts(p) == {"broken": 1, "aten::ones": 1, "aten::sum": 1} and not STATE.listeners


def test_threads_keep_their_own_ranges():
    def run(name):
        with profiler.record_function(name):
            torch.ones(2).sum()

    with profiler.profile() as p:
        threads = [threading.Thread(daemon=True, target=run, args=(f"t{k}",)) for k in range(3)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
    parents = sorted(e.cpu_parent.name for e in p.events() if e.name == "aten::sum")
    assert parents == ["t0", "t1", "t2"]


def test_as_a_decorator_and_as_torch_autograd_has_it():
    @profiler.record_function("named")
    def function():
        """Its words."""
        return torch.ones(2).sum()

    with torch.autograd.profiler.profile() as p:
        function()
    assert function.__doc__ == "Its words." and "named" in p.key_averages().table()
    assert p.self_cpu_time_total > 0 and "named" in p.table()
    with torch.autograd.profiler.profile(enabled=False):
        assert not STATE.listeners


def test_leaves_that_a_pass_reaches_are_counted():
    layer, x = torch.nn.Linear(3, 2), torch.ones(4, 3, requires_grad=True)
    layer.bias.register_hook(lambda g: None)  # served during the pass, the others after it
    leaf = "torch::autograd::AccumulateGrad"
    with profiler.profile() as p:
        layer(x).sum().backward()
    assert counts(p)[leaf] == counts(p)[f"autograd::engine::evaluate_function: {leaf}"] == 3
    with profiler.profile() as p:
        torch.autograd.grad(layer(x).sum(), x)
    assert leaf not in counts(p)
    assert counts(p)[f"autograd::engine::evaluate_function: {leaf}"] == 1


def test_products_of_vectors_are_dots():
    x, row = torch.ones(3), torch.ones(1, 3)
    for call in (lambda: torch.dot(x, x), lambda: x @ x, lambda: torch.matmul(x, x)):
        with profiler.profile() as seen:
            call()
        names = {event.key for event in seen.key_averages()}
        assert "aten::dot" in names and "aten::mm" not in names
    with profiler.profile() as seen:
        row @ x[:, None]
    assert "aten::mm" in {event.key for event in seen.key_averages()}
