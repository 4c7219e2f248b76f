"""torch.library: operations of the user's own, with gradients, batches and compiled functions.

Expected texts and numbers are what PyTorch 2.13 gives for the same calls.
"""

import copy
import pickle
from typing import List, Optional, Sequence, Tuple  # noqa: UP035  as programs annotate

import numpy as np
import pytest

import tidu as torch
from tidu import Tensor

SCHEMA = ("foo(Tensor x, int n=2, *, float alpha=1.0, str s='a', bool b=True, int[] k=[1,2], "
          "Tensor? y=None) -> Tensor")  # fmt: skip
SHOWN = ('ns1::foo(Tensor x, int n=2, *, float alpha=1., str s="a", bool b=True, int[] k=[1, 2], '
         "Tensor? y=None) -> Tensor")  # fmt: skip


@pytest.fixture
def library():
    made = torch.library.Library("ns1", "DEF")
    yield made
    made._destroy()


@pytest.fixture
def foo(library):
    library.define(SCHEMA)
    library.impl("foo", lambda x, n=2, *, alpha=1.0, **rest: x * n * alpha, "CPU")
    return torch.ops.ns1.foo


def test_a_schema_is_read_and_shown_as_in_pytorch(foo):
    assert str(foo.default._schema) == SHOWN
    assert repr(foo) == "<OpOverloadPacket(op='ns1.foo')>" and foo.overloads() == ["default"]
    assert repr(foo.default) == "<OpOverload(op='ns1.foo', overload='default')>"
    assert str(foo.default) == "ns1.foo.default" and foo.default.name() == "ns1::foo"
    assert torch.ops.ns1.foo is foo and "foo" in dir(torch.ops.ns1)
    assert foo(torch.ones(2), 3, alpha=2).tolist() == [6.0, 6.0]


@pytest.mark.parametrize(("args", "kwargs", "sentence"), [
    ((), {}, "ns1::foo() is missing value for argument 'x'. Declaration: " + SHOWN),
    ((1.0, 2, 3), {}, "ns1::foo() takes 2 positional argument(s) but 3 was/were given.  "),
    (("a",), {}, "ns1::foo() Expected a value of type 'Tensor' for argument 'x' but instead found"),
    ((torch.ones(1), 2.5), {}, "ns1::foo() Expected a value of type 'int' for argument 'n' but "),
    ((torch.ones(1),), {"beta": 2}, "Unknown keyword argument 'beta' for operator 'ns1::foo'. "),
    ((torch.ones(1), 2), dict.fromkeys("abcdef"),
     "ns1::foo() expected at most 7 argument(s) but received 8 argument(s). Declaration: " + SHOWN),
    ((), {"beta": 2}, "ns1::foo() is missing value for argument 'x'. Declaration: " + SHOWN),
    ((torch.ones(1),), {"x": 2.0}, "Argument 'x' specified both as positional and keyword"),
])  # fmt: skip
def test_arguments_are_checked_in_pytorchs_words(foo, args, kwargs, sentence):
    with pytest.raises(RuntimeError) as caught:
        foo(*args, **kwargs)
    assert str(caught.value).startswith(sentence)


def test_the_first_overload_that_fits_is_called(library):
    library.define("bar.Tensor(Tensor x, Tensor y) -> Tensor")
    library.define("bar.Scalar(Tensor x, Scalar y) -> Tensor")
    library.impl("bar.Tensor", lambda x, y: x + y, "CompositeImplicitAutograd")
    library.impl("bar.Scalar", lambda x, y: x - y, "CompositeImplicitAutograd")
    bar, x = torch.ops.ns1.bar, torch.ones(1, requires_grad=True)
    assert (bar(x, x).item(), bar(x, 2).item()) == (2.0, -1.0)
    assert bar.Scalar(x, 2).item() == -1.0 and bar.overloads() == ["Tensor", "Scalar"]
    assert type(bar(x, x).grad_fn).__name__ == "AddBackward0"
    with pytest.raises(RuntimeError, match="Overloaded torch operator invoked from Python failed"):
        bar(x, "a")
    with pytest.raises(AttributeError, match=r"of 'ns1\.bar' has no overload name 'nope'"):
        _ = bar.nope


def test_what_is_not_there_says_so(library):
    library.define("empty(Tensor x) -> Tensor")
    with pytest.raises(NotImplementedError, match="Could not run 'ns1::empty' with arguments from"):
        torch.ops.ns1.empty(torch.ones(1))
    with pytest.raises(RuntimeError, match="with the same name and overload name multiple times"):
        library.define("empty(Tensor x) -> Tensor")
    with pytest.raises(RuntimeError, match="unknown type specifier"):
        library.define("wrong(Tensr x) -> Tensor")
    with pytest.raises(RuntimeError, match="expected arrow but found 'eof' here"):
        library.define("wrong(Tensor x)")
    with pytest.raises(RuntimeError, match="could not parse dispatch key: Nope"):
        library.impl("empty", abs, "Nope")
    with pytest.raises(RuntimeError, match="Only a single TORCH_LIBRARY can be used"):
        torch.library.Library("ns1", "DEF")
    with pytest.raises(ValueError, match="Unsupported kind: XX"):
        torch.library.Library("ns1", "XX")
    with pytest.raises(AttributeError, match="'_OpNamespace' 'ns1' object has no attribute 'no'"):
        _ = torch.ops.ns1.no


def test_a_kernel_may_come_before_its_operation(library):
    torch.library.Library("ns1", "IMPL", "CPU").impl("late", lambda x: x + 1)
    library.define("late(Tensor x) -> Tensor")
    assert torch.ops.ns1.late(torch.zeros(1)).item() == 1.0


def test_kernels_are_not_given_what_is_as_by_default(library):
    library.define("plain(Tensor x, int n=2, *, float a=1.0) -> Tensor")
    library.impl("plain", lambda *args, **kwargs: torch.tensor(float(len(args) + len(kwargs))))
    plain = torch.ops.ns1.plain
    x = torch.ones(1)
    assert [plain(x).item(), plain(x, 2, a=1.0).item(), plain(x, 3, a=2.0).item()] == [1, 1, 3]


def test_writes_are_counted(library):
    library.define("put(Tensor(a!) x, Tensor y) -> ()")
    library.impl("put", lambda x, y: np.copyto(x.numpy(), y.numpy()), "CPU")
    x, p = torch.zeros(2), torch.ones(2, requires_grad=True)
    y = (x * p).sum()
    assert torch.ops.ns1.put(x, torch.ones(2)) is None
    assert x.tolist() == [1.0, 1.0] and x._version == 1
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()


# --- custom_op ----------------------------------------------------------------------------------


@pytest.fixture
def sine():
    """numpy's sine: nothing of it can be recorded."""

    @torch.library.custom_op("ns2::sine", mutates_args=())
    def sine(x: Tensor, scale: float = 1.0) -> Tensor:
        return torch.from_numpy(np.sin(x.detach().numpy()) * scale).to(x.dtype)

    def setup(ctx, inputs, output):
        ctx.save_for_backward(inputs[0])
        ctx.scale = inputs[1]

    sine.register_autograd(
        lambda ctx, g: (g * ctx.saved_tensors[0].cos() * ctx.scale, None), setup_context=setup
    )
    sine.register_fake(lambda x, scale=1.0: torch.empty_like(x))
    return sine


X = torch.tensor([[0.1, 0.7, -1.3], [2.0, 0.0, 1.0]], dtype=torch.float64)


def test_gradients_of_first_and_second_order(sine):
    x = X.clone().requires_grad_()
    y = sine(x, 2.0)
    assert type(y.grad_fn).__name__ == "GeneratedBackwardFor_ns2_sine_defaultBackward"
    (g,) = torch.autograd.grad(y.sum(), x, create_graph=True)
    torch.testing.assert_close(g, 2 * X.cos())
    torch.testing.assert_close(torch.autograd.grad(g.sum(), x)[0], -2 * X.sin())
    assert torch.autograd.gradcheck(sine, (x, 0.5))
    torch.testing.assert_close(torch.func.grad(lambda x: sine(x).sum())(X), X.cos())


def test_vmap_runs_each_example_or_the_rule(sine):
    torch.testing.assert_close(torch.vmap(sine)(X), X.sin())
    torch.testing.assert_close(torch.vmap(sine, in_dims=1, out_dims=1)(X), X.sin())
    gradients = torch.vmap(torch.func.grad(lambda x: sine(x).sum()))(X)
    torch.testing.assert_close(gradients, X.cos())
    seen = []

    def rule(info, in_dims, x, scale=1.0):
        seen.append((info.batch_size, in_dims[0]))
        return sine(x, scale), in_dims[0]

    sine.register_vmap(rule)
    torch.testing.assert_close(torch.vmap(sine, in_dims=1, out_dims=1)(X), X.sin())
    torch.testing.assert_close(torch.vmap(torch.func.grad(lambda x: sine(x).sum()))(X), X.cos())
    assert seen[0] == (3, 1) and (2, 0) in seen


def test_compiled_functions_call_it(sine):
    @torch.compile
    def compiled(x):
        y = x * 2
        z = sine(y)
        return (z + 1).sum()

    with pytest.warns(UserWarning, match="That statement runs eagerly"):
        compiled(X)
    for step in range(3):
        x = (X + step).requires_grad_()
        loss = compiled(x)
        loss.backward()
        torch.testing.assert_close(loss, ((2 * (X + step)).sin() + 1).sum())
        torch.testing.assert_close(x.grad, 2 * (2 * (X + step)).cos())


def test_opcheck(sine):
    x = X.clone().requires_grad_()
    assert torch.library.opcheck(sine, (x, 2.0)) == dict.fromkeys(
        ["test_schema", "test_autograd_registration", "test_faketensor",
         "test_aot_dispatch_dynamic"], "SUCCESS",
    )  # fmt: skip
    sine.register_fake(lambda x, scale=1.0: x.new_empty(3))
    found = torch.library.opcheck(sine, (x,), raise_exception=False)
    assert "mismatch in shape" in str(found["test_faketensor"])
    with pytest.raises(Exception, match="test_faketensor failed with When comparing the output"):
        torch.library.opcheck(torch.ops.ns2.sine, (x,))


def test_opcheck_finds_hidden_writes_and_results_that_are_arguments(library):
    library.define("hidden(Tensor x) -> Tensor")
    library.impl("hidden", lambda x: x.add_(1) * 2, "CPU")
    with pytest.raises(Exception, match="Argument x is not defined as mutable but was mutated"):
        torch.library.opcheck(torch.ops.ns1.hidden, (torch.ones(2),), test_utils="test_schema")
    library.define("same(Tensor x) -> Tensor")
    library.impl("same", lambda x: x, "CPU")
    with pytest.raises(Exception, match="Argument x is not defined to alias output but was"):
        torch.library.opcheck(torch.ops.ns1.same, (torch.ones(2),), test_utils="test_schema")


def test_without_a_formula_the_backward_pass_says_so():
    @torch.library.custom_op("ns2::blind", mutates_args=())
    def blind(x: Tensor) -> Tensor:
        return x * 2

    y = blind(torch.ones(1, requires_grad=True))
    with pytest.raises(RuntimeError) as caught:
        y.sum().backward()
    assert str(caught.value).startswith(
        "Trying to backward through ns2.blind.default but no autograd formula was registered. "
        "Please use register_autograd to add one."
    )


def test_lists_of_tensors_and_several_results():
    @torch.library.custom_op("ns2::mix", mutates_args=())
    def mix(xs: Sequence[Tensor], y: Tensor, *, w: float = 1.0) -> Tuple[Tensor, List[Tensor]]:  # noqa: UP006
        return sum(xs) * y * w, [x * y for x in xs]

    def setup(ctx, inputs, keyword_only_inputs, output):
        xs, y = inputs
        ctx.save_for_backward(y, *xs)
        ctx.w = keyword_only_inputs["w"]
        ctx.asked = ctx.needs_input_grad

    def backward(ctx, g, gs):
        y, *xs = ctx.saved_tensors
        assert ctx.asked == ([True, True], True)
        return [g * y * ctx.w + h * y for h in gs], g * sum(xs) * ctx.w + sum(
            h * x for h, x in zip(gs, xs, strict=True)
        )

    mix.register_autograd(backward, setup_context=setup)
    xs = [
        torch.tensor([1.0, 2.0], requires_grad=True),
        torch.tensor([3.0, 5.0], requires_grad=True),
    ]
    y = torch.tensor([2.0, 4.0], requires_grad=True)
    total, parts = mix(xs, y, w=0.5)
    (total.sum() + 3 * parts[1].sum()).backward()
    assert xs[0].grad.tolist() == [1.0, 2.0] and xs[1].grad.tolist() == [7.0, 14.0]
    assert y.grad.tolist() == [0.5 * 4 + 9, 0.5 * 7 + 15]


def test_results_may_not_be_arguments():
    same = torch.library.custom_op(
        "ns2::same", lambda x: x, mutates_args=(), schema="(Tensor x) -> Tensor"
    )
    with pytest.raises(RuntimeError, match="must not also be an input to this custom operator"):
        same(torch.ones(1))


def test_schemas_of_annotations():
    def several(x: Tensor, y: Optional[Tensor] = None, l: List[Tensor] = (),  # noqa: UP006, UP045
                d: torch.dtype | None = None, s: str = "a", b: bool = False,
                o: Optional[List[int]] = None, f: float = 1.5) -> Tuple[Tensor, int]: ...  # noqa: UP006, UP045  # fmt: skip

    several.__defaults__ = (None, None, *several.__defaults__[2:])
    assert torch.library.infer_schema(several, mutates_args={"x"}, op_name="q") == (
        'q(Tensor(a0!) x, Tensor? y=None, Tensor[] l=None, ScalarType? d=None, str s="a", '
        "bool b=False, SymInt[]? o=None, float f=1.5) -> (Tensor, SymInt)"
    )

    def writes(x: Tensor, y: List[Tensor]) -> None: ...  # noqa: UP006

    assert torch.library.infer_schema(writes, mutates_args="unknown") == (
        "(Tensor(a0!) x, Tensor(a1!)[] y) -> ()"
    )


def _nothing(x): ...
def _odd(x: Tensor, d: dict) -> Tensor: ...
def _right(x: Tensor) -> Tensor: ...
def _open(x: Tensor): ...
def _many(x: Tensor, *y: Tensor) -> Tensor: ...


@pytest.mark.parametrize(("function", "mutates", "sentence"), [
    (_nothing, (), "Parameter x must have a type annotation."),
    (_odd, (), "Parameter d has unsupported type <class 'dict'>."),
    (_open, (), "No return type annotation was provided. Please add one."),
    (_many, (), "We do not support positional-only args, varargs, or varkwargs."),
    (_odd, ("zz",), "Parameter d has unsupported type <class 'dict'>."),
    (_right, ("zz",), "{'zz'} in mutates_args were not found in the custom op's signature."),
])  # fmt: skip
def test_annotations_that_make_no_schema(function, mutates, sentence):
    with pytest.raises(ValueError) as caught:
        torch.library.infer_schema(function, mutates_args=mutates)
    assert str(caught.value).startswith(f"infer_schema(func): {sentence}")


def test_kernels_by_device_autocast_and_functions_by_name(sine):
    torch.library.register_kernel("ns2::sine", "cpu", lambda x, scale=1.0: x * 0 + 5)
    assert sine(torch.zeros(1)).item() == 5.0
    with sine.set_kernel_enabled("cpu", False):
        assert sine(torch.zeros(1)).item() == 0.0
    sine.register_kernel("cuda")(lambda x: x)
    assert sine(torch.zeros(1)).item() == 5.0
    torch.library.register_autocast("ns2::sine", "cpu", torch.bfloat16)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert sine(torch.zeros(1)).dtype is torch.bfloat16
    assert sine(torch.zeros(1)).dtype is torch.float32


def test_define_and_impl_by_name():
    torch.library.define("ns3::f", "(Tensor x) -> Tensor")

    @torch.library.impl("ns3::f", "cpu")
    def f(x):
        return x.sin()

    @torch.library.register_fake("ns3::f")
    def fake(x):
        return torch.empty_like(x)

    x = torch.ones(1, requires_grad=True)
    # What a kernel of tensors does is recorded where there is no formula.
    assert type(torch.ops.ns3.f(x).grad_fn).__name__ == "SinBackward0"
    assert torch.library.get_kernel("ns3::f", "CPU") is f
    with pytest.raises(ValueError, match='Expected `qualname` to be of the form "namespace::name"'):
        torch.library.define("ns3f", "(Tensor x) -> Tensor")


def test_an_autograd_kernel_runs_around_the_others(library):
    library.define("cube(Tensor x) -> Tensor")
    library.impl("cube", lambda x: torch.from_numpy(x.detach().numpy() ** 3), "CPU")

    class Cube(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            with torch._C._AutoDispatchBelowAutograd():
                return torch.ops.ns1.cube(x)

        @staticmethod
        def backward(ctx, g):
            return g * 3 * ctx.saved_tensors[0] ** 2

    library.impl("cube", Cube.apply, "Autograd")
    x = torch.tensor([2.0], requires_grad=True)
    torch.ops.ns1.cube(x).backward()
    assert x.grad.item() == 12.0


def test_operations_are_copied_and_pickled_by_name(sine):
    assert pickle.loads(pickle.dumps(torch.ops.ns2.sine.default)) is torch.ops.ns2.sine.default
    assert copy.deepcopy(torch.ops.ns2.sine) is torch.ops.ns2.sine


def test_graphs_hold_them_as_one_call(sine):
    traced = torch.fx.symbolic_trace(lambda x: torch.ops.ns2.sine(x) + 1)
    assert "torch.ops.ns2.sine.default(x)" in traced.code or "torch.ops.ns2.sine(x)" in traced.code
    torch.testing.assert_close(traced(X), X.sin() + 1)


@pytest.mark.parametrize(
    "returns, given, message",
    [("Tensor", 3, "Unable to cast 3 to Tensor"),
     ("(Tensor, Tensor)", torch.ones(1), "Object of type 'Tensor' is not an"),
     ("(Tensor, Tensor)", (1, 2), "Unable to cast 1 to Tensor"),
     ("(Tensor, Tensor)", [torch.ones(1)] * 3, "to return 2 values but it returned 3"),
     ("Tensor[]", torch.ones(2), "Unable to cast Python instance of type"),
     ("()", 3, "to return None but it returned something else instead")],
)  # fmt: skip
def test_kernels_give_what_the_schema_says(library, returns, given, message):
    library.define(f"gives(Tensor x) -> {returns}")
    library.impl("gives", lambda x: given, "CPU")
    with pytest.raises((RuntimeError, TypeError), match=message):
        torch.ops.ns1.gives(torch.ones(1))


def test_numbers_that_kernels_give_have_the_type_of_the_schema(library):
    library.define("number(Tensor x) -> float")
    library.impl("number", lambda x: 2, "CPU")
    assert repr(torch.ops.ns1.number(torch.ones(1))) == "2.0"
