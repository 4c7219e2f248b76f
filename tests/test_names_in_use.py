"""Every name of PyTorch that two or more of 1,714 public programs use is here.

`data/names_in_use.tsv` lists them with the number of programs; names that PyTorch 2.13 itself
lacks (they are other libraries', or old) are not in it. Names that cannot be served on a CPU
without PyTorch's own machinery exist and refuse: `REFUSED` says which, and each is called.
"""

import importlib
from pathlib import Path

import pytest

import tidu as torch
from tidu.cli.lookup import missing_part

LIST = Path(__file__).parent / "data" / "names_in_use.tsv"
NAMES = [line.split("\t")[1] for line in LIST.read_text("utf-8").splitlines()[1:]]
# torch.ops.mylib and torch.classes.my_classes are made by the programs that use them.


def full(name):
    return "torch." + name if name.startswith("Tensor.") else name


def test_the_list_is_whole():
    assert len(NAMES) > 700 and len(set(NAMES)) == len(NAMES)


def test_every_name_is_there():
    missing = [name for name in NAMES if missing_part(full(name))]
    made_by_programs = {"torch.ops.mylib"}
    assert not set(missing) - made_by_programs


FUNCTIONS = (
    "torch.distributed.rpc.init_rpc "
    "torch.distributed.rpc.shutdown torch.distributed.rpc.rpc_async "
    "torch.distributed.rpc.rpc_sync torch.distributed.rpc.remote "
    "torch.distributed.rpc.get_worker_info torch.distributed.autograd.backward "
    "torch.distributed.fsdp.fully_shard torch.distributed.tensor.parallel.parallelize_module "
    "torch.distributed._tensor.device_mesh.init_device_mesh "
    "torch.classes.load_library torch._inductor.aoti_compile_and_package "
    "torch._inductor.aoti_load_package "
    "torch.onnx.export torch.hub.load torch.jit.save"
).split()
CLASSES = (
    "torch.distributed.rpc.RRef "
    "torch.distributed.rpc.TensorPipeRpcBackendOptions torch.distributed.rpc.api.RRef "
    "torch.distributed.autograd.context torch.distributed.optim.DistributedOptimizer "
    "torch.distributed.nn.RemoteModule torch.distributed.fsdp.FullyShardedDataParallel "
    "torch.distributed.fsdp.FSDPModule torch.distributed.tensor.parallel.ColwiseParallel "
    "torch.distributed.tensor.parallel.RowwiseParallel"
).split()


def value(name):
    module, _, last = name.replace("torch", "tidu", 1).rpartition(".")
    return getattr(importlib.import_module(module), last)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_refused_functions_say_what_to_do(name):
    with pytest.raises(NotImplementedError) as caught:
        value(name)(1)
    message = str(caught.value)
    assert "torch." in message and len(message) > 60


@pytest.mark.parametrize("name", CLASSES)
def test_refused_classes_can_be_named_but_not_made(name):
    kind = value(name)
    assert not isinstance(torch.ones(1), kind)

    class Mine(kind):  # a program that defines a subclass reaches the part that works
        pass

    with pytest.raises(NotImplementedError, match="is not available in tidu") as caught:
        Mine()
    assert "Hint: " in str(caught.value)


def test_settings_of_absent_parts_are_kept():
    fsdp = importlib.import_module("tidu.distributed.fsdp")
    assert fsdp.ShardingStrategy.FULL_SHARD.value == 1
    assert fsdp.StateDictType.FULL_STATE_DICT.value == 1
    assert fsdp.MixedPrecision(param_dtype=torch.bfloat16).param_dtype is torch.bfloat16
    assert not fsdp.FullStateDictConfig().offload_to_cpu
    torch._dynamo.config.suppress_errors = True
    with torch._dynamo.config.patch(suppress_errors=False):
        assert not torch._dynamo.config.suppress_errors
    assert torch._dynamo.config.suppress_errors
    torch._dynamo.config.suppress_errors = False
    torch._dynamo.reset()
    torch._logging.set_logs(graph_breaks=True)
    with torch._inductor.utils.fresh_inductor_cache():
        pass
    assert torch._inductor.config.cpp.threads == -1
    assert str(torch.jagged) == "torch.jagged"


def test_operations_by_their_dispatcher_names():
    x, y = torch.ones(2), torch.full((2,), 2.0)
    assert torch.ops.aten.add(x, y).tolist() == [3, 3]
    assert torch.ops.aten.add.Tensor(x, y).tolist() == [3, 3]
    assert not torch.ops.aten.add.Tensor._schema.is_mutable
    assert torch.ops.aten.add_.Tensor._schema.is_mutable
    torch.ops.aten.add_.Tensor(x, y)
    assert x.tolist() == [3, 3]
    assert torch.ops.aten.relu.default(-x).tolist() == [0, 0]
    assert torch.ops.aten.add.Tensor == torch.ops.aten.add.Tensor != torch.ops.aten.add
    assert str(torch.ops.aten.add.Tensor) == "aten.add.Tensor"
    with pytest.raises(AttributeError, match="'_OpNamespace' 'aten' object has no attribute"):
        _ = torch.ops.aten.absent_here


def test_operations_of_ones_own():
    library = torch.library

    @library.custom_op("tests_own::cube", mutates_args=())
    def cube(x: torch.Tensor, factor: float = 1.0) -> torch.Tensor:
        return torch.from_numpy(x.detach().numpy() ** 3 * factor)

    x = torch.tensor([2.0], dtype=torch.float64, requires_grad=True)
    with pytest.raises(RuntimeError, match="no autograd formula was registered"):
        cube(x).backward()

    def setup(ctx, inputs, output):
        x, factor = inputs
        ctx.save_for_backward(x)
        ctx.factor = factor

    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return 3 * x**2 * ctx.factor * grad, None

    cube.register_autograd(backward, setup_context=setup)
    torch.ops.tests_own.cube(x, factor=2.0).backward()
    assert x.grad.tolist() == [24.0]
    assert torch.autograd.gradcheck(lambda t: cube(t, 0.5), (x,))
    with pytest.raises(ValueError, match="namespace::name"):
        library.custom_op("cube", mutates_args=())(lambda x: x)


def test_futures():
    futures = [torch.futures.Future() for _ in range(3)]
    doubled = futures[1].then(lambda f: f.wait() * 2)
    together = torch.futures.collect_all(futures)
    for i, future in enumerate(futures):
        assert not together.done()
        future.set_result(i)
    assert torch.futures.wait_all(futures) == [0, 1, 2] and doubled.wait() == 2
    assert [f.value() for f in together.wait()] == [0, 1, 2]
    with pytest.raises(RuntimeError, match="marked completed once"):
        futures[0].set_result(1)
    failed = torch.futures.Future()
    later = failed.then(lambda f: f.wait())
    failed.set_exception(ValueError("no"))
    with pytest.raises(ValueError, match="no"):
        later.wait()


def test_flattened_tensors():
    parts = [torch.ones(2, 2), torch.zeros(3)]
    flat = torch._utils._flatten_dense_tensors(parts)
    back = torch._utils._unflatten_dense_tensors(flat, parts)
    assert [b.shape for b in back] == [(2, 2), (3,)] and torch.equal(back[0], parts[0])


def test_storages():
    x = torch.arange(6.0).reshape(2, 3)
    view = x[1:].t()
    storage = view.storage()
    assert len(storage) == 6 and storage.tolist() == [0, 1, 2, 3, 4, 5]
    assert storage.data_ptr() == x.storage().data_ptr() and storage == x.storage()
    storage[0] = 7.0
    assert x[0, 0] == 7
    assert view.untyped_storage().nbytes() == 24
