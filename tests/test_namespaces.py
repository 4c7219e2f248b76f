"""The namespaces that hold nothing on a CPU: what they answer, keep and refuse."""

import importlib

import pytest

import tidu as torch


def test_no_gpu_is_available():
    assert not torch.cuda.is_available() and torch.cuda.device_count() == 0
    assert not torch.backends.mps.is_available() and not torch.xpu.is_available()
    assert not torch.accelerator.is_available() and torch.accelerator.current_accelerator() is None
    assert torch.cuda.max_memory_allocated() == torch.cuda.memory_allocated() == 0
    torch.cuda.manual_seed(0), torch.cuda.manual_seed_all(0), torch.cuda.empty_cache()
    with pytest.raises(AssertionError, match="Torch not compiled with CUDA enabled"):
        torch.cuda.synchronize()
    with pytest.raises(TypeError, match="not available"):
        torch.cuda.FloatTensor(2)
    assert not isinstance(torch.ones(1), torch.cuda.FloatTensor)
    with torch.cuda.device(-1):
        pass


def test_switches_are_kept():
    cudnn = importlib.import_module("tidu.backends.cudnn")
    assert torch.backends.cudnn is cudnn and cudnn.enabled
    cudnn.deterministic, cudnn.benchmark = True, False
    with cudnn.flags(deterministic=False):
        assert not cudnn.deterministic
    assert cudnn.deterministic
    cudnn.deterministic = False
    torch.backends.cuda.matmul.allow_tf32 = True
    torch.use_deterministic_algorithms(True, warn_only=True)
    assert torch.are_deterministic_algorithms_enabled()
    assert torch.get_deterministic_debug_mode() == 1
    torch.use_deterministic_algorithms(False)
    torch.set_float32_matmul_precision("high")
    assert torch.get_float32_matmul_precision() == "high"
    torch.set_float32_matmul_precision("highest")


def test_autocast_changes_types_inside_only():
    with pytest.warns(UserWarning, match="CUDA is not available"):
        off = torch.autocast("cuda")
    with off:
        assert not torch.is_autocast_enabled()
    with torch.autocast("cpu"):
        assert torch.is_autocast_enabled("cpu")
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype is torch.bfloat16
        assert torch.nn.Linear(2, 2)(torch.ones(1, 2)).dtype is torch.bfloat16
    assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype is torch.float32
    assert not torch.is_autocast_enabled("cpu")


def test_scaler_leaves_out_steps_with_infinite_gradients():
    w = torch.nn.Parameter(torch.ones(2))
    optimizer = torch.optim.SGD([w], lr=0.5)
    scaler = torch.amp.GradScaler("cpu", init_scale=4.0)
    scaler.scale(w.sum()).backward()
    scaler.step(optimizer)
    scaler.update()
    assert w.tolist() == [0.5, 0.5]
    optimizer.zero_grad()
    scaler.scale((w * float("inf")).sum()).backward()
    scaler.step(optimizer)
    scaler.update()
    assert w.tolist() == [0.5, 0.5] and scaler.get_scale() == 2.0
    with pytest.warns(UserWarning, match="Disabling"):
        disabled = torch.amp.GradScaler()
    assert disabled.scale(w) is w


def test_compile_checks_and_jit_gives_the_function():
    def f(x):
        return x * 2

    assert torch.compile(mode="max-autotune")(f)(torch.ones(1)).item() == 2
    assert torch.jit.script(f) is f and torch.jit.trace(f, torch.ones(1)) is f
    with pytest.raises(RuntimeError, match="Unrecognized mode=fast"):
        torch.compile(f, mode="fast")
    with pytest.raises(RuntimeError, match="Either mode or options"):
        torch.compile(f, mode="default", options={})
    with pytest.raises(AssertionError, match="A callable function is expected"):
        torch.compile(3)
    with pytest.raises(RuntimeError, match="Invalid backend"):
        torch.compile(f, backend="none")
    with pytest.raises(NotImplementedError, match="state_dict"):
        torch.jit.load("file")
    assert not torch.compiler.is_compiling()


def test_a_group_of_one():
    dist = torch.distributed
    assert not dist.is_available() and not dist.is_initialized()
    with pytest.raises(ValueError, match="has not been initialized"):
        dist.get_rank()
    with pytest.raises(RuntimeError, match="4 processes is not available"):
        dist.init_process_group("gloo", world_size=4, rank=0)
    dist.init_process_group("gloo", world_size=1, rank=0)
    x, parts = torch.ones(2), [torch.zeros(2)]
    dist.all_reduce(x)
    dist.all_gather(parts, x * 3)
    dist.barrier()
    assert x.tolist() == [1, 1] and parts[0].tolist() == [3, 3] and dist.get_backend() == "gloo"
    dist.destroy_process_group()


def test_assert_close():
    close = torch.testing.assert_close
    close(torch.ones(2), torch.ones(2))
    close({"a": [1.0, torch.ones(1)]}, {"a": [1.0, torch.ones(1)]})
    with pytest.raises(AssertionError, match=r"Mismatched elements: 1 / 2 \(50\.0%\)"):
        close(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 3.0]))
    with pytest.raises(AssertionError, match=r"index \(1,\)"):
        close(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 3.0]))
    with pytest.raises(AssertionError, match="dtype"):
        close(torch.ones(2), torch.ones(2, dtype=torch.float64))
    with pytest.raises(AssertionError, match="shape"):
        close(torch.ones(2), torch.ones(3))
    with pytest.raises(AssertionError, match="Scalars are not close"):
        close(1.0, 2.0)
    with pytest.raises(ValueError, match="'rtol' and 'atol'"):
        close(1.0, 1.0, rtol=1.0)
    close(torch.tensor([float("nan")]), torch.tensor([float("nan")]), equal_nan=True)


def test_make_tensor():
    for dtype in (
        torch.float32,
        torch.int64,
        torch.bool,
        torch.complex64,
        torch.uint8,
        torch.bfloat16,
    ):
        t = torch.testing.make_tensor(3, 4, dtype=dtype, device="cpu")
        assert t.shape == (3, 4) and t.dtype is dtype
    options = dict(dtype=torch.float64, device="cpu", low=2, high=3, noncontiguous=True)
    t = torch.testing.make_tensor((3, 4), **options)
    assert not t.is_contiguous() and bool((t >= 2).all()) and bool((t < 3).all())


def test_profile_counts_operations(tmp_path):
    x = torch.ones(3, requires_grad=True)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as p:
        with torch.profiler.record_function("mine"):
            (x * 2).sum().backward()
    counts = {e.key: e.count for e in p.key_averages()}
    assert counts["mine"] == 1 and counts["aten::mul"] == 2  # one of them in the backward pass
    assert counts["MulBackward0"] == 1
    assert "aten::mul" in p.key_averages().table(sort_by="cpu_time_total", row_limit=10)
    p.export_chrome_trace(str(tmp_path / "trace.json"))
    plan = torch.profiler.schedule(wait=1, warmup=1, active=2, repeat=1)
    assert [plan(i).value for i in range(5)] == [0, 1, 2, 3, 0]


def test_names_of_types():
    assert torch.typename(torch.ones(1)) == "torch.FloatTensor"
    assert torch.typename(3) == "int"
    assert torch.typename(torch.nn.Linear(1, 1)) == "torch.nn.modules.linear.Linear"


def test_processes():
    assert torch.multiprocessing.cpu_count() >= 1
    assert torch.multiprocessing.get_context("spawn").Process is not None


def test_refusals_say_what_to_do():
    with pytest.raises(NotImplementedError, match="state_dict"):
        torch.onnx.export(None, (), "x")
    with pytest.raises(NotImplementedError, match="load_state_dict_from_url"):
        torch.hub.load("a/b", "c")
    writer = importlib.import_module("tidu.utils.tensorboard").SummaryWriter
    if importlib.util.find_spec("tensorboardX") is None:
        with pytest.raises(ModuleNotFoundError) as caught:
            writer()
        assert "pip install tensorboardX" in "".join(caught.value.__notes__)
