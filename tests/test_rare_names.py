"""Names of torch that few programs use: small questions, older switches, storages, streams."""

import copy
import functools
import math
import warnings

import numpy as np
import pytest

import tidu as torch
from tidu import nn


def test_questions():
    x = torch.ones(2)
    assert torch.get_device(x) == -1 and torch.is_signed(x) and not torch.is_neg(x)
    assert torch.is_same_size(x, x + 1) and not torch.is_same_size(x, x[:1])
    assert not torch.is_distributed(x) and not torch.is_vulkan_available()
    with torch.inference_mode():
        assert torch.is_inference(torch.ones(1))
    assert torch.has_lapack and not torch.has_mkl
    assert torch.get_device_module().is_available()
    with pytest.raises(TypeError, match="must be Tensor, not int"):
        torch.is_signed(3)


def test_numbers_that_might_be_symbols():
    assert (torch.sym_int(3.7), torch.sym_int(-3.7)) == (3, -3)
    assert torch.sym_max(1, 2.0) == 2.0 and type(torch.sym_max(3, 2.0)) is float
    assert torch.sym_min(1, 2) == 1 and torch.sym_sum([1, 2, 3]) == 6 and torch.sym_sqrt(4) == 2.0
    assert torch.sym_not(True) is False and torch.sym_ite(True, 1, 2) == 1
    torch.sym_constrain_range(3, min=1, max=4)
    with pytest.raises(RuntimeError, match=r"Invalid value range for 5 between \[1, 4\]"):
        torch.sym_constrain_range(5, min=1, max=4)
    assert not isinstance(3, torch.SymInt)


def test_older_switches_of_autocast():
    with pytest.warns(DeprecationWarning, match=r"torch.get_autocast_dtype\('cpu'\) instead"):
        assert torch.get_autocast_cpu_dtype() is torch.bfloat16
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert torch.get_autocast_gpu_dtype() is torch.float16
        assert torch.is_autocast_xla_enabled() is False
        torch.set_autocast_cpu_dtype(torch.float16)
        try:
            assert torch.get_autocast_dtype("cpu") is torch.float16
        finally:
            torch.set_autocast_cpu_dtype(torch.bfloat16)
    assert torch.autocast_increment_nesting() == 1 and torch.autocast_decrement_nesting() == 0


def test_storages():
    made = torch.FloatStorage([1, 2, 3])
    assert made.tolist() == [1.0, 2.0, 3.0] and isinstance(made, torch.FloatStorage)
    assert not isinstance(made, torch.LongStorage) and len(torch.LongStorage(4)) == 4
    assert isinstance(torch.zeros(2, dtype=torch.int64).storage(), torch.LongStorage)


def test_a_file_as_memory(tmp_path):
    path = str(tmp_path / "numbers")
    x = torch.from_file(path, shared=True, size=4, dtype=torch.int32)
    x.copy_(torch.arange(4))
    assert np.fromfile(path, np.int32).tolist() == [0, 1, 2, 3]
    y = torch.from_file(path, size=2, dtype=torch.int32)
    y[0] = 9
    assert np.fromfile(path, np.int32).tolist() == [0, 1, 2, 3]
    with pytest.raises(RuntimeError, match="unable to open file"):
        torch.from_file(str(tmp_path / "none"), size=2)
    with pytest.raises(RuntimeError, match="unable to mmap"):
        torch.from_file(path, size=9)


def test_streams_events_and_futures():
    stream = torch.Stream()
    assert stream.query() and repr(stream) == (
        "torch.Stream device_type=cpu, device_index=-1, stream_id=0"
    )
    with pytest.raises(RuntimeError, match="not linked with support for cuda"):
        torch.Stream(device="cuda")
    with pytest.raises(RuntimeError, match="cpu backend doesn't support events"):
        torch.Event().record()
    assert torch.wait(torch.fork(lambda a: a + 1, 2)) == 3
    assert isinstance(torch.jit.fork(int), torch.Future)


def test_exchanging_tensors():
    a, b = torch.ones(2, requires_grad=True), torch.zeros(3)
    a.note = "a"
    torch.utils.swap_tensors(a, b)
    assert a.tolist() == [0, 0, 0] and not a.requires_grad and not hasattr(a, "note")
    assert b.requires_grad and b.note == "a"
    (b * 2).sum().backward()
    assert b.grad.tolist() == [2, 2]
    with pytest.raises(RuntimeError, match="is a view or has a history"):
        torch.utils.swap_tensors(b * 2, a)
    shared = copy.copy(a)
    shared[0] = 5
    assert a[0] == 5 and shared is not a


def test_tensors_as_weak_keys():
    x, y = torch.ones(2), torch.ones(2)
    notes = torch.utils.weak.WeakTensorKeyDictionary({x: 1, y: 2})
    assert notes[x] == 1 and len(notes) == 2 and x in notes
    del y
    assert len(notes) == 1
    reference = torch.utils.weak.TensorWeakRef(x)
    assert reference() is x


@pytest.mark.parametrize("n", [1, 2, 3])
def test_gradients_of_convolutions(n):
    torch.manual_seed(0)
    convolve = getattr(nn.functional, f"conv{n}d")
    x = torch.randn(2, 4, *[6] * n, requires_grad=True)
    w = torch.randn(6, 2, *[3] * n, requires_grad=True)
    out = convolve(x, w, None, 2, 1, 1, 2)
    g = torch.randn_like(out)
    out.backward(g)
    of_input = getattr(nn.grad, f"conv{n}d_input")(x.shape, w, g, 2, 1, 1, 2)
    of_weight = getattr(nn.grad, f"conv{n}d_weight")(x, w.shape, g, 2, 1, 1, 2)
    assert torch.allclose(of_input, x.grad, atol=1e-5)
    assert torch.allclose(of_weight, w.grad, atol=1e-4)


def test_rearranging():
    x = torch.arange(24.0).reshape(2, 3, 4)
    for pattern, sizes, expected in (
        ("a b c -> c b a", {}, x.permute(2, 1, 0)), ("a b c -> (a b) c", {}, x.reshape(6, 4)),
        ("a b (c d) -> a d b c", {"c": 2}, x.reshape(2, 3, 2, 2).permute(0, 3, 1, 2)),
        ("... c -> c ...", {}, x.permute(2, 0, 1)), ("a ... -> (a ...)", {}, x.reshape(24)),
        ("a b c -> a 1 b c", {}, x[:, None]),
    ):  # fmt: skip
        assert torch.equal(torch.func.rearrange(x, pattern, **sizes), expected), pattern
    for pattern, said in (
        ("a b -> b a", "Number of dimensions in pattern"), ("a b c -> a b", "only on one side"),
        ("a a c -> a c", "duplicate dimension"), ("a b c", "single '->' separator"),
        ("a (b1 b2) c -> a b1 b2 c", "cannot infer"), ("a b (c d) -> a b c d", "cannot infer"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=said):
            torch.func.rearrange(x, pattern)
    with pytest.raises(ValueError, match="does not fit"):
        torch.func.rearrange(x, "a b (c d) -> a b c d", c=3)


def test_other_parameters_for_a_block():
    layer = nn.Linear(2, 1)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.5, momentum=0.9)
    layer(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    before = [p.detach().clone() for p in layer.parameters()]
    others = {n: torch.zeros_like(p).requires_grad_() for n, p in layer.named_parameters()}
    others["weight"].grad = torch.ones(1, 2)
    with torch.optim.swap_in_optimizer_params_and_state(optimizer, others, optimizer.state_dict()):
        optimizer.step()
    np.testing.assert_allclose(others["weight"].tolist(), [[-0.95, -0.95]], rtol=1e-6)
    assert all(torch.equal(a, b) for a, b in zip(before, layer.parameters(), strict=True))
    with pytest.raises(ValueError, match="expected 2 parameters"):
        with torch.optim.swap_in_optimizer_params_and_state(optimizer, {}, {}):
            pass


def test_marks_of_quantization_pass_on():
    q = torch.ao.quantization
    model = q.QuantWrapper(nn.Linear(2, 2))
    x = torch.ones(1, 2)
    assert torch.equal(model(x), model.module(x)) and repr(q.QuantStub()) == "QuantStub()"
    assert torch.quantization.QuantStub is q.QuantStub
    with pytest.raises(NotImplementedError, match="there are no quantized layers here"):
        q.quantize_dynamic(model, {nn.Linear}, dtype=torch.qint8)


def test_fake_quantization():
    x = torch.tensor([0.05, 0.15, 0.25, -0.05, 9.0, float("nan")], requires_grad=True)
    y = torch.fake_quantize_per_tensor_affine(x, 0.1, 3, 0, 255)
    np.testing.assert_allclose(y.tolist(), [0.0, 0.2, 0.2, 0.0, 9.0, -0.3], atol=1e-6)
    y.sum().backward()
    assert x.grad.tolist() == [1, 1, 1, 1, 1, 0]
    rows = torch.tensor([[0.24, 5.0], [0.24, 5.0]])
    per_row = torch.fake_quantize_per_channel_affine(
        rows, torch.tensor([0.1, 0.5]), torch.zeros(2, dtype=torch.int32), 0, -5, 5
    )
    np.testing.assert_allclose(per_row.tolist(), [[0.2, 0.5], [0.0, 2.5]], atol=1e-6)
    with pytest.raises(RuntimeError, match="zero_point` must be between"):
        torch.fake_quantize_per_tensor_affine(rows, 0.1, 9, 0, 5)
    with pytest.raises(NotImplementedError, match="not implemented for 'Long'"):
        torch.fake_quantize_per_tensor_affine(rows.long(), 0.1, 0, 0, 5)


def test_eight_bits():
    x = torch.tensor([0.1, 1.5, 300.0, -500.0, float("nan"), float("inf")])
    kept = x.to(torch.float8_e4m3fn)
    assert kept.element_size() == 1 and kept.float().tolist()[:4] == [0.1015625, 1.5, 288.0, -448.0]
    assert kept.float()[5] == 448.0 and bool(kept.isnan()[4])
    assert x.to(torch.float8_e5m2).float()[5] == float("inf")
    assert torch.cat([kept, kept]).shape == (12,) and kept[1:3].reshape(2, 1).T.shape == (1, 2)
    assert (kept == kept).tolist() == [True] * 4 + [False, True]
    for f in (lambda: kept + kept, lambda: kept * 2, lambda: kept.sum(), lambda: kept.exp()):
        with pytest.raises(NotImplementedError, match="not implemented for 'Float8_e4m3fn'"):
            f()
    with pytest.raises(RuntimeError, match="Promotion for Float8 Types is not supported"):
        kept + x


def test_complex_numbers_of_32_bits():
    x = torch.tensor([1 + 2j, 3 - 1j]).to(torch.complex32)
    assert x.element_size() == 4 and x.tolist() == [1 + 2j, 3 - 1j]
    assert str(x) == "tensor([1.+2.j, 3.-1.j], dtype=torch.complex32)"
    assert x.real.dtype is torch.float16 and x.imag.tolist() == [2.0, -1.0]
    x.real[0] = 5.0
    assert (x + x * x).to(torch.complex64).tolist() == [26 + 22j, 11 - 7j]
    assert torch.view_as_complex(torch.view_as_real(x)).conj()[1].item() == 3 + 1j
    for f in (x.sum, x.exp, lambda: x / x, lambda: x @ x):
        with pytest.raises(NotImplementedError, match="not implemented for 'ComplexHalf'"):
            f()
    with pytest.raises(TypeError, match="Got unsupported ScalarType ComplexHalf"):
        x.numpy()


@pytest.mark.parametrize(("call", "said"), [
    (lambda x: x.to(3, 4, 5), r"got \(int, int, int\)"), (lambda x: x.to([1]), r"got \(list\)"),
    (lambda x: x.to(dtype="x"), r"got \(dtype=str, \)"),
    (lambda x: x.to(torch.float32, torch.float64), r"got \(torch.dtype, torch.dtype\)"),
    (lambda x: nn.Linear(1, 1).to(3, 4, 5), r"got \(int, int, int\)"),
])  # fmt: skip
def test_to_refuses_what_it_does_not_know(call, said):
    with pytest.raises(TypeError, match=said):
        call(torch.ones(2))


def test_to_takes_its_flags_in_order():
    x = torch.ones(2)
    assert x.to(torch.float32, False, True) is not x and x.to(torch.float32, False, False) is x
    assert x.to("cpu", torch.float64, False, True).dtype is torch.float64
    assert x.to(torch.ones(1, dtype=torch.float16)).dtype is torch.float16


def test_capsules_share_memory():
    dlpack = torch.utils.dlpack
    x = torch.arange(3.0)
    y = dlpack.from_dlpack(dlpack.to_dlpack(x))
    assert y.tolist() == [0.0, 1.0, 2.0] and y.data_ptr() == x.data_ptr()
    assert dlpack.from_dlpack(np.arange(3)).tolist() == [0, 1, 2]


def test_selective_checkpoints_say_that_all_is_computed_again():
    parts = torch.utils.checkpoint
    x = torch.ones(3, requires_grad=True)
    contexts = functools.partial(
        parts.create_selective_checkpoint_contexts, [torch.ops.aten.mm.default]
    )
    with pytest.warns(UserWarning, match="its policy is not asked"):
        out = parts.checkpoint(torch.exp, x, use_reentrant=False, context_fn=contexts)
    out.sum().backward()
    torch.testing.assert_close(x.grad, out.detach())
    with pytest.raises(ValueError, match="to be an OpOverload"):
        parts.create_selective_checkpoint_contexts([torch.mm])


def test_wrapped_diagonals():
    tall = torch.zeros(7, 3).fill_diagonal_(4, wrap=True)
    assert tall.nonzero().tolist() == [[0, 0], [1, 1], [2, 2], [4, 0], [5, 1], [6, 2]]
    assert torch.zeros(7, 3).fill_diagonal_(4).sum() == 12
    assert torch.zeros(3, 7).fill_diagonal_(5, wrap=True).sum() == 15
    cube = torch.zeros(3, 3, 3).fill_diagonal_(torch.tensor(2.0))
    assert cube.nonzero().tolist() == [[0, 0, 0], [1, 1, 1], [2, 2, 2]]
    x = torch.ones(5, 2, requires_grad=True)
    y = (x * 2).fill_diagonal_(0, wrap=True)
    (y * y).sum().backward()
    assert x.grad.tolist() == [[0, 8], [8, 0], [8, 8], [0, 8], [8, 0]]
    with pytest.raises(RuntimeError, match="dimensions must larger than 1"):
        torch.zeros(3).fill_diagonal_(1)
    with pytest.raises(RuntimeError, match="must be of equal length"):
        torch.zeros(2, 3, 3).fill_diagonal_(1)
    with pytest.raises(RuntimeError, match="without overflow"):
        torch.zeros(5, 2, dtype=torch.uint8).fill_diagonal_(270, wrap=True)


def test_shapes_that_cannot_be_compared():
    with pytest.raises(RuntimeError, match=r"size of tensor a .4. must match the size of tensor b"):
        torch.allclose(torch.ones(3, 4, 4), torch.eye(5))


def test_asarray():
    x = torch.ones(2, requires_grad=True)
    with pytest.warns(UserWarning, match="unspecified requires_grad now defaults"):
        assert torch.asarray(x) is x
    kept = torch.asarray(x * 2, requires_grad=True)
    cut = torch.asarray(x * 2, requires_grad=False)
    assert kept.grad_fn is not None and cut.grad_fn is None and not cut.requires_grad
    leaf = torch.asarray([1.0, 2.0], requires_grad=True)
    assert leaf.is_leaf and leaf.requires_grad
    with pytest.raises(ValueError, match="can't alias arbitrary sequence"):
        torch.asarray([1, 2], copy=False)
    with pytest.raises(ValueError, match="can't alias tensor with dtype 'Float' into dtype"):
        torch.asarray(torch.ones(2), dtype=torch.float64, copy=False)


def test_numbers_made_of_bits():
    three = torch.tensor([1, 2, 3])
    assert torch.hash_tensor(three).item() == 0
    assert torch.hash_tensor(three.half()).item() == 4609434218613702656
    assert torch.tensor([-1, -2], dtype=torch.int8).hash_tensor().item() == 1
    rows = torch.hash_tensor(torch.arange(6.0).reshape(2, 3), 1)
    assert rows.dtype is torch.uint64
    assert rows.tolist() == [9218868437227405312, 4615063718147915776]
    assert torch.hash_tensor(torch.tensor([0.0, -0.0, math.nan])).item() == 18444492273895866368
    for wrong, words in (
        (lambda: torch.hash_tensor(torch.tensor([])), "Expected reduction dim"),
        (lambda: torch.hash_tensor(three, mode=1), "Unknown hash_tensor mode: 1"),
    ):
        with pytest.raises(RuntimeError, match=words):
            wrong()


def test_small_answers():
    generator = torch.Generator()
    assert generator.set_state(generator.get_state()) is generator
    with pytest.raises(RuntimeError, match="not linked with support for cuda devices"):
        torch.Event(device="cuda")
    with torch.accelerator.device_index(None):
        pass
    with pytest.raises(TypeError, match="No comparison pair was able"):
        torch.testing.assert_close(
            nn.Parameter(torch.ones(2)), torch.ones(2), allow_subclasses=False
        )
    with pytest.raises(AssertionError, match="not compiled with CUDA"):
        torch.testing.make_tensor(2, device="cuda", dtype=torch.bool)
    stand_in = torch.overrides.get_testing_overrides()[torch.add]
    assert stand_in(1, 2) == -1
    assert torch.Tensor.as_subclass in torch.overrides.get_ignored_functions()


def test_files_without_data(tmp_path):
    path = tmp_path / "shapes.pt"
    with torch.serialization.skip_data():
        torch.save({"w": torch.ones(2, 3)}, path)
    assert torch.load(path)["w"].tolist() == [[0, 0, 0], [0, 0, 0]]
    torch.save(torch.ones(1), path)
    assert torch.load(path).item() == 1


def test_hooks_after_accumulation_do_not_record():
    v = torch.zeros(3, requires_grad=True)
    v.register_post_accumulate_grad_hook(lambda p: p.add_(p.grad, alpha=-0.1))
    v.backward(torch.tensor([1.0, 2.0, 3.0]))
    assert torch.equal(v.detach(), torch.tensor([-0.1, -0.2, -0.3])) and v.is_leaf
    modes = []
    w = torch.ones(1, requires_grad=True)
    w.register_post_accumulate_grad_hook(lambda p: modes.append(torch.is_grad_enabled()))
    (w * w).sum().backward()
    (w * w).sum().backward(create_graph=True)
    assert modes == [False, True]
    for result, error in ((w.detach(), RuntimeError), (5, TypeError)):
        handle = w.register_post_accumulate_grad_hook(lambda p, result=result: result)
        said = "should return None" if error is RuntimeError else "expected Variable, but hook"
        with pytest.raises(error, match=said):
            (w * w).sum().backward()
        handle.remove()


def test_gradients_that_a_pass_does_not_ask_for_are_not_waited_for():
    a, b = torch.rand(2, 3, requires_grad=True), torch.rand(2, 3, requires_grad=True)
    c, d, seen = a * b, a * b, []
    told = lambda gradients: seen.append([g is not None for g in gradients])
    torch.autograd.graph.register_multi_grad_hook((a, b, c, d), told)
    c.sum().backward(retain_graph=True)
    c.sum().backward(inputs=(a,), retain_graph=True)
    assert seen == [[True, True, True, False], [True, False, True, False]]
