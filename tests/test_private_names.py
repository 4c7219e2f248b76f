"""Names with an underscore that packages written for PyTorch import."""

import importlib
import sys
import typing

import pytest

import tidu as torch

NAMES = """
__config__.show _dynamo.OptimizedModule _dynamo.assume_constant_result _dynamo.exc.Unsupported
_dynamo.eval_frame.is_dynamo_supported _dynamo.mark_static_address _jit_internal.boolean_dispatch
_jit_internal._copy_to_script_wrapper _subclasses.fake_tensor.is_fake _tensor_str.PRINT_OPTS
ao.quantization.FakeQuantizeBase ao.quantization.ObserverBase distributions.utils._sum_rightmost
fx.experimental.symbolic_shapes.guard_or_false hub.HASH_REGEX hub._get_torch_home jit.TracerWarning
jit._overload jit._overload_method nn.modules.module._IncompatibleKeys
nn.modules.transformer._get_activation_fn nn.parallel.scatter_gather.scatter
optim.optimizer.ParamsT serialization.MAP_LOCATION utils._python_dispatch.TorchDispatchMode
utils.data.dataloader._BaseDataLoaderIter utils.data.dataloader._MultiProcessingDataLoaderIter
distributions.transforms._InverseTransform jit._get_trace_graph _C._TensorMeta
""".split()


@pytest.mark.parametrize("name", NAMES)
def test_names_are_there(name):
    module, _, last = f"tidu.{name}".rpartition(".")
    assert hasattr(importlib.import_module(module), last)


def test_what_the_library_stands_on():
    assert "NumPy" in torch.__config__.show()
    assert torch.backends.cpu.get_cpu_capability() in ("AVX512", "AVX2", "DEFAULT")
    assert f"get_num_threads() : {torch.get_num_threads()}" in torch.__config__.parallel_info()


def test_conditions():
    torch._check(True)
    torch._check_index(True, lambda: "never made")
    torch._assert_async(torch.tensor(True))
    for check, error in (
        (torch._check, RuntimeError), (torch._check_index, IndexError),
        (torch._check_value, ValueError), (torch._check_type, TypeError),
        (torch._check_not_implemented, NotImplementedError),
    ):  # fmt: skip
        with pytest.raises(error, match="Expected cond to be True, but got False"):
            check(False)
        with pytest.raises(error, match="sizes differ"):
            check(False, lambda: "sizes differ")
    with pytest.raises(TypeError, match="cond must be a bool, but got <class 'int'>"):
        torch._check(1)
    with pytest.raises(RuntimeError, match="single nonzero value, but got zero"):
        torch._assert_async(torch.tensor(0.0))
    with pytest.raises(RuntimeError):
        torch._check_is_size(-1)


def test_parts_of_distributions():
    torch.manual_seed(0)
    drawn = torch.distributions.utils._standard_normal((3,), torch.float64, "cpu")
    torch.manual_seed(0)
    assert torch.equal(drawn, torch.randn(3, dtype=torch.float64))
    assert torch.distributions.utils._sum_rightmost(torch.ones(2, 3, 4), 2).tolist() == [12, 12]


def test_old_marks_leave_functions_as_they_are():
    assert torch.jit._overload(len) is len
    choose = importlib.import_module("tidu._jit_internal").boolean_dispatch
    chosen = choose("flag", 1, False, lambda x, flag=False: "yes", lambda x, flag=False: "no",
                    "here", "chosen")  # fmt: skip
    assert (chosen(1), chosen(1, True), chosen(1, flag=True)) == ("no", "yes", "yes")
    assert typing.get_origin(torch.jit.Future[torch.Tensor]) is torch.jit.Future


def test_random_integers_by_one_bound():
    torch.manual_seed(0)
    first = torch.randint_like(torch.ones(4), high=9)
    torch.manual_seed(0)
    assert torch.equal(first, torch.randint_like(torch.ones(4), 9))


def test_the_numbers_of_a_tensor_alone():
    text = importlib.import_module("tidu._tensor_str")._tensor_str(
        torch.eye(2, dtype=torch.int64), 0
    )
    assert text == "[[1, 0],\n [0, 1]]"


def test_sizes_of_storages_count_their_bytes():
    small, large = torch.zeros(0).untyped_storage(), torch.zeros(100).untyped_storage()
    assert sys.getsizeof(large) - sys.getsizeof(small) == 400


def test_loops_over_batches_are_of_one_class():
    loaders = importlib.import_module("tidu.utils.data.dataloader")
    batches = iter(torch.utils.data.DataLoader([1, 2]))
    assert isinstance(batches, loaders._BaseDataLoaderIter)
    assert not isinstance(batches, loaders._MultiProcessingDataLoaderIter)


def test_containers_by_kind():
    from tidu.utils._pytree import SUPPORTED_NODES, _get_node_type

    assert list in SUPPORTED_NODES and int not in SUPPORTED_NODES
    children, keys = SUPPORTED_NODES[dict].flatten_fn({"a": 1, "b": 2})
    assert SUPPORTED_NODES[dict].unflatten_fn(children, keys) == {"a": 1, "b": 2}
    assert _get_node_type([1]) is list and _get_node_type(3) is int


def test_names_of_the_dispatcher():
    x = torch.arange(6.0).reshape(2, 3)
    aten = torch.ops.aten
    assert aten._to_copy(x, dtype=torch.int64).dtype is torch.int64
    assert aten.index.Tensor(x, [None, torch.tensor([2])]).tolist() == [[2], [5]]
    assert aten.alias.default(x).data_ptr() == x.data_ptr() and aten._pin_memory(x) is not None


def test_what_flex_attention_gives_besides():
    flex = importlib.import_module("tidu.nn.attention.flex_attention")
    q = torch.randn(1, 1, 3, 4)
    out, besides = flex.flex_attention(q, q, q, return_aux=flex.AuxRequest(lse=True))
    both = flex.flex_attention(q, q, q, return_lse=True)
    assert torch.equal(out, both[0]) and torch.equal(besides.lse, both[1])
    assert besides.max_scores is None


def test_arguments_of_to_are_read():
    parse = importlib.import_module("tidu._C")._nn._parse_to
    assert parse("cpu", torch.float64)[:2] == (torch.device("cpu"), torch.float64)
    assert parse(torch.ones(1, dtype=torch.int8)) == (None, torch.int8, False, None)
