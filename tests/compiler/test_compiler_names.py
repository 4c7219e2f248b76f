"""What stands around torch.compile: options, switches, artifacts, counters, stances."""

import subprocess
import sys
from inspect import signature
from types import SimpleNamespace

import pytest

import tidu as torch


def double(x):
    return x * 2


@pytest.mark.parametrize("options, said", [
    ({"nope": 1}, r"Unexpected optimization option nope, known options are \['add_pre"),
    ({"max_autotun": 1}, "did you mean max_autotune"),
    ({"max_autotune": "yes"}, "Unexpected type of attr max_autotune, got str should be bool"),
    ({"triton.cudagraphs": 3}, "Unexpected type of attr triton.cudagraphs, got int should be bool"),
])  # fmt: skip
def test_wrong_options(options, said):
    with pytest.raises(RuntimeError, match=said):
        torch.compile(double, options=options)


def test_right_options():
    for options in ({"max_autotune": True}, {"max-autotune": True}, {"triton.cudagraphs": False},
                    {"guard_filter_fn": torch.compiler.keep_tensor_guards_unsafe}, {}):  # fmt: skip
        assert torch.compile(double, options=options)(torch.ones(1)).item() == 2.0
    with pytest.raises(AttributeError, match="'int' object has no attribute 'items'"):
        torch.compile(double, options=3)


def test_modes():
    for mode in torch._inductor.list_mode_options():
        assert torch.compile(double, mode=mode)(torch.ones(1)).item() == 2.0
    with pytest.raises(RuntimeError, match="Unrecognized mode=fast, should be one of: default, l"):
        torch.compile(double, mode="fast")
    with pytest.raises(RuntimeError, match="Either mode or options can be specified, but both"):
        torch.compile(double, mode="default", options={})
    assert torch._inductor.list_mode_options("reduce-overhead") == {"triton.cudagraphs": True}
    assert "epilogue_fusion" in torch._inductor.list_options()


def test_switches_are_kept_and_put_back():
    config = torch._dynamo.config
    with config.patch(suppress_errors=True, verbose=True):
        assert config.suppress_errors and config.verbose
        with config.patch("verbose", False):
            assert not config.verbose
        with config.patch({"recompile_limit": 3}):
            assert config.cache_size_limit == torch.compiler.config.recompile_limit == 3
    assert not config.suppress_errors and config.recompile_limit == 8

    @config.patch(verbose=True)
    def inside():
        return config.verbose

    assert inside() and not config.verbose
    saved = config.save_config()
    config.cache_size_limit = 5
    assert config.codegen_config() == "torch._dynamo.config.recompile_limit = 5"
    config.load_config(saved)
    assert config.recompile_limit == 8 and config.get_config_copy()["verbose"] is False
    with torch._inductor.config.patch({"triton.cudagraphs": True}):
        assert torch._inductor.config.triton.cudagraphs is True
    assert torch._inductor.config.triton.cudagraphs is False


@pytest.mark.parametrize("area", ["_dynamo", "_inductor", "compiler"])
def test_switches_that_are_none(area):
    config = getattr(torch, area).config
    for use in (lambda: config.nope, lambda: setattr(config, "nope", 1),
                lambda: config.patch(nope=1).__enter__()):  # fmt: skip
        with pytest.raises(AttributeError, match=f"torch.{area}.config.nope does not exist"):
            use()
    with pytest.raises(AssertionError, match="first argument must be a dict"):
        config.patch("verbose")


def test_a_recompilation_can_be_an_error():
    f = torch.compile(lambda x, k: x * k)
    f(torch.ones(1), True)
    forbidden = torch._dynamo.config.patch(error_on_recompile=True)
    with forbidden, pytest.raises(torch._dynamo.exc.RecompileError, match="Recompiling function"):
        f(torch.ones(1), False)
    assert f(torch.ones(1), False).item() == 0.0


def test_the_front_end_has_what_programs_ask_of_it():
    def f(x):
        return x + 1 if torch._dynamo.is_compiling() else x

    assert f(torch.ones(1)).item() == 1 and torch.compile(f)(torch.ones(1)).item() == 2
    assert torch._dynamo.set_stance is torch.compiler.set_stance


def test_how_often_a_backend_is_asked_is_limited():
    counter = torch._dynamo.testing.CompileCounter()
    f = torch.compile(lambda x, k: x * len(k), backend=counter)
    with (torch._dynamo.config.patch(recompile_limit=2),
          pytest.warns(UserWarning, match="recompile_limit")):  # fmt: skip
        found = [f(torch.ones(1), "a" * n).item() for n in range(1, 6)]
    assert found == [1.0, 2.0, 3.0, 4.0, 5.0] and counter.frame_count == 2


def test_a_break_under_fullgraph_is_unsupported():
    def f(x):
        torch._dynamo.graph_break()
        return x * 2

    with pytest.raises(torch._dynamo.exc.Unsupported, match="cannot be compiled as one graph"):
        torch.compile(f, fullgraph=True)(torch.ones(1))
    assert torch.compile(f)(torch.ones(1)).item() == 2.0
    assert f(torch.ones(1)).item() == 2.0


@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
def test_eager_backends_find_breaks(backend):
    kept = {"calls": 0}

    def prints(x):
        print("here")
        return x * 2

    def asks(x):
        return x if x.sum() > 0 else -x

    def counts(x):
        kept["calls"] += 1
        return x * 2

    for f in (prints, asks):
        with pytest.raises(torch._dynamo.exc.Unsupported, match="cannot be compiled as one graph"):
            torch.compile(f, backend=backend, fullgraph=True)(torch.ones(1))
        assert torch.compile(f, backend=backend)(torch.ones(1)).item() > 0
    f = torch.compile(counts, backend=backend, fullgraph=True)
    assert [f(torch.ones(1)).item() for _ in range(3)] == [2.0] * 3 and kept["calls"] == 3
    assert torch.compile(double, backend=backend, fullgraph=True)(torch.ones(1)).item() == 2.0


def test_counters():
    counters = torch._dynamo.utils.counters
    counters.clear()
    torch.compile(lambda x: (x + 1).sin(), backend="eager")(torch.ones(1))
    torch.compile(lambda x: (x + 1).sin(), backend=lambda gm, inputs: gm)(torch.ones(1))
    assert counters["stats"] == {"unique_graphs": 1, "calls_captured": 2}
    kept = torch._dynamo.testing.EagerAndRecordGraphs()
    counter = torch._dynamo.testing.CompileCounterWithBackend("inductor")
    for backend in (kept, counter):
        assert torch.compile(double, backend=backend)(torch.ones(1)).item() == 2.0
    assert (counter.frame_count, counter.op_count, len(counter.graphs)) == (1, 1, 1)
    assert len(kept.graphs) == 1 and counters["stats"]["unique_graphs"] >= 3


def test_explain_counts_the_graphs_of_a_backend():
    def f(x):
        x = x + 1
        torch._dynamo.graph_break()
        return (x * 2).sin() / 3

    told = torch._dynamo.explain(f)(torch.ones(2))
    assert (told.graph_count, told.graph_break_count, told.op_count) == (2, 1, 3)
    assert [[f.__name__ for f in graph] for graph in told.ops_per_graph] == [
        ["add"], ["mul", "truediv"],
    ]  # fmt: skip
    assert all(isinstance(graph, torch.fx.GraphModule) for graph in told.graphs)
    assert "graph_break" in str(told)


def test_what_is_compiled_already_runs():
    counter = torch._dynamo.testing.CompileCounter()
    f = torch.compile(double, backend=counter)
    f(torch.ones(1))
    only = torch._dynamo.run(f)
    assert only(torch.ones(1)).item() == 2.0 and only(torch.ones(2, 2)).sum().item() == 8.0
    assert counter.frame_count == 1


def test_the_old_names():
    counter = torch._dynamo.testing.CompileCounter()
    assert torch._dynamo.optimize(counter)(double)(torch.ones(1)).item() == 2.0
    assert counter.frame_count == 1
    assert torch._dynamo.optimize("eager", disable=True)(double) is double
    assert torch._dynamo.utils.same(torch.ones(2), torch.ones(2))
    assert not torch._dynamo.utils.same(torch.ones(2), torch.ones(2) + 0.1)
    assert not torch._dynamo.utils.same(torch.ones(2), torch.ones(2).double())
    with pytest.raises(NotImplementedError, match="one graph of torch's functions"):
        torch._dynamo.backends.common.aot_autograd(fw_compiler=None)


def test_logs():
    torch._logging.set_logs(dynamo=10, graph_code=True, modules={"a": 10})
    with pytest.raises(TypeError, match="unexpected keyword argument 'nope'"):
        torch._logging.set_logs(nope=True)
    with pytest.raises(ValueError, match="Unrecognized log level for log dynamo: x, valid level"):
        torch._logging.set_logs(dynamo="x")


def test_substitutes_have_the_same_parameters():
    with pytest.raises(TypeError, match="substitute_in_graph expects a function but got <class"):
        torch.compiler.substitute_in_graph(3)
    with pytest.raises(TypeError, match="Signature mismatch between"):
        torch.compiler.substitute_in_graph(double)(lambda y: y)
    other = lambda y: y
    assert torch.compiler.substitute_in_graph(double, skip_signature_check=True)(other) is other


def test_regions_stances_and_files():
    assert torch.compiler.nested_compile_region(double) is double
    with pytest.raises(RuntimeError, match="experimental feature for testing only"):
        torch.compiler.nested_compile_region(
            double, options=torch.compiler.NestedCompileRegionOptions()
        )
    counter = torch._dynamo.testing.CompileCounter()
    f = torch.compile(double, backend=counter)
    with torch.compiler.set_stance(force_backend="eager"):
        assert f(torch.ones(1)).item() == 2.0 and counter.frame_count == 0
    with pytest.raises(NotImplementedError, match="force_backend"):
        torch.compiler.set_stance(force_backend=counter)
    with pytest.raises(NotImplementedError, match="load_compiled_function"):
        torch.compiler.load_compiled_function(None)


def test_guard_filters():
    tensor = SimpleNamespace(guard_type="TENSOR_MATCH", value=torch.ones(1), is_global=True)
    weight = SimpleNamespace(guard_type="TENSOR_MATCH", value=torch.nn.Parameter(torch.ones(1)),
                             is_global=False)  # fmt: skip
    same = SimpleNamespace(guard_type="ID_MATCH", value=None, is_global=False)
    entries = [tensor, weight, same]
    k = torch.compiler
    assert k.keep_tensor_guards_unsafe(entries) == [True, False, False]
    assert k.keep_tensor_guards_unsafe(entries, keep_parameters=True) == [True, True, False]
    assert k.skip_guard_on_globals_unsafe(entries) == [False, True, True]
    assert k.skip_all_guards_unsafe(entries) == [False, False, False]
    assert k.keep_portable_guards_unsafe(entries) == [True, True, False]


_SAVES = """
import sys, tidu as torch
f = torch.compile(lambda x: (x * 2 + 1).exp().sum())
f(torch.ones(300))
data, info = torch.compiler.save_cache_artifacts()
assert info.artifacts["code"] and not info.empty()
open(sys.argv[1], "wb").write(data)
"""
_LOADS = """
import sys, tidu as torch
from tidu.compiler.machine import cache
data = open(sys.argv[1], "rb").read()
info = torch.compiler.load_cache_artifacts(data)
names = info.artifacts["code"]
assert names and all(cache.read(name) is not None for name in names)
again, _ = torch.compiler.save_cache_artifacts()
assert again == data
for wrong in (b"", b"other", data[:-1], data[:30]):
    assert torch.compiler.load_cache_artifacts(wrong) is None
"""


def test_artifacts_go_to_another_cache(tmp_path, monkeypatch):
    for text, folder in ((_SAVES, "one"), (_LOADS, "two")):
        monkeypatch.setenv("TIDU_CACHE_DIR", str(tmp_path / folder))
        done = subprocess.run([sys.executable, "-c", text, str(tmp_path / "saved")], check=False,
                              capture_output=True, text=True)  # fmt: skip
        assert done.returncode == 0, done.stderr


PYTORCHS = {
    "allow_in_graph": "fn", "assume_constant_result": "fn", "cudagraph_mark_step_begin": "",
    "disable": "fn recursive reason", "get_default_backend": "", "is_compiling": "",
    "is_dynamo_compiling": "", "is_exporting": "", "keep_portable_guards_unsafe": "guard_entries",
    "keep_tensor_guards_unsafe": "guard_entries keep_parameters", "list_backends": "exclude_tags",
    "load_cache_artifacts": "serialized_artifacts",
    "load_compiled_function": "file f_globals external_data",
    "nested_compile_region": "fn options max_reuse_entries reuse_hash_fn", "reset": "",
    "save_cache_artifacts": "", "set_default_backend": "backend",
    "set_enable_guard_collectives": "enabled",
    "set_stance": "stance skip_guard_eval_unsafe force_backend",
    "skip_all_guards_unsafe": "guard_entries",
    "skip_guard_on_all_nn_modules_unsafe": "guard_entries",
    "skip_guard_on_globals_unsafe": "guard_entries",
    "skip_guard_on_inbuilt_nn_modules_unsafe": "guard_entries",
    "substitute_in_graph": "original_fn can_constant_fold_through skip_signature_check",
    "wrap_numpy": "fn",
}  # fmt: skip


@pytest.mark.parametrize("name", PYTORCHS)
def test_parameters_are_pytorchs(name):
    assert list(signature(getattr(torch.compiler, name)).parameters) == PYTORCHS[name].split()
