"""torch.export: programs for inputs like an example, and what they refuse."""

import copy
import dataclasses
import pickle

import pytest

import tidu as torch
from tidu import nn
from tidu.export import Dim, export


class Layers(nn.Module):
    """Parameters, a buffer, a constant, a default, an argument by name, nested results."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 2)
        self.register_buffer("shift", torch.ones(2))
        self.register_buffer("hidden", torch.zeros(1), persistent=False)
        self.constant = torch.full((2,), 3.0)

    def forward(self, x, y=None, *, k=2.0):
        out = torch.relu(self.linear(x)) + self.shift * self.constant + self.hidden
        return {"out": out, "pair": [x * k, torch.ones(2)]}


class Shapes(nn.Module):
    """Does things by the lengths of its input."""

    def forward(self, x):
        n, m = x.shape
        y = torch.relu(x).reshape(n * m)
        for row in x.split(1, dim=1):
            y = y + row.sum()
        if m > 2:
            y = y * 2
        return y / n, x.new_zeros(n), n + 1


def assert_same(found, wanted):
    leaves = torch.utils._pytree.tree_leaves
    for a, b in zip(leaves(found), leaves(wanted), strict=True):
        assert torch.equal(a, b) if isinstance(b, torch.Tensor) else a == b


def test_a_program_computes_what_the_module_computes():
    model, x, k = Layers(), torch.randn(4, 3), torch.rand(3)
    program = export(model, (x,), {"k": k})
    module = program.module()
    other = torch.randn(4, 3, requires_grad=True)
    result = module(other, k=k)
    assert_same(result, model(other, k=k))
    (gradient,) = torch.autograd.grad(result["out"].sum(), other)
    (wanted,) = torch.autograd.grad(model(other, k=k)["out"].sum(), other)
    assert torch.equal(gradient, wanted)
    assert module.linear.weight is model.linear.weight
    assert program.run_decompositions() is program
    program.validate()


def test_what_a_program_says_of_itself():
    model = Layers()
    program = export(model, (torch.ones(4, 3),), {"k": torch.ones(3)})
    signature = program.graph_signature
    assert signature.user_inputs == ("x", "k") and len(signature.user_outputs) == 3
    assert signature.parameters == ("linear.weight", "linear.bias")
    assert signature.buffers == ("shift", "hidden")
    assert signature.non_persistent_buffers == ("hidden",)
    assert set(program.state_dict) == {"linear.weight", "linear.bias", "shift"}
    assert {name for name, _ in program.named_parameters()} == {"linear.weight", "linear.bias"}
    assert [name for name, _ in program.named_buffers()] == ["shift"]
    assert {"constant", "hidden"} <= set(program.constants)
    assert not [name for name in vars(model) if "_tensor_constant" in name]
    assert program.range_constraints == {} and program.example_inputs[1].keys() == {"k"}
    text = str(program)
    assert "relu = torch.relu(linear)" in text and "x: USER_INPUT" in text
    assert all(node.op != "call_function" or callable(node.target) for node in program.graph.nodes)


def test_inputs_are_checked():
    module = export(Layers(), (torch.ones(4, 3),), {"k": 2.0}).module()
    with pytest.raises(AssertionError, match=r"Guard failed: x\.size\(\)\[0\] == 4"):
        module(torch.ones(5, 3), k=2.0)
    with pytest.raises(AssertionError, match=r"Guard failed: k == 2\.0"):
        module(torch.ones(4, 3), k=3.0)
    with pytest.raises(ValueError, match="kwarg keyword mismatch"):
        module(torch.ones(4, 3))
    with pytest.raises(ValueError, match="Trying to flatten user inputs"):
        module(torch.ones(4, 3), None, k=2.0)
    with pytest.raises(RuntimeError, match="Unable to call ExportedProgram directly"):
        export(Layers(), (torch.ones(4, 3),))(torch.ones(4, 3))


@pytest.mark.parametrize("shapes", [{"x": {0: Dim("n", min=2)}}, ({0: Dim.AUTO},), [{0: Dim("a")}]])
def test_open_axes(shapes):
    model = Shapes()
    module = export(model, (torch.randn(4, 3),), dynamic_shapes=shapes).module()
    for n in (4, 7, 2):
        x = torch.randn(n, 3)
        assert_same(module(x), model(x))


def test_lengths_that_decide_are_asserted():
    class Decides(nn.Module):
        def forward(self, x):
            return x + 1 if x.shape[0] > 3 else x - 1

    program = export(Decides(), (torch.ones(5),), dynamic_shapes=({0: Dim("n", min=2, max=9)},))
    assert repr(program.range_constraints) == "{'n': VR[2, 9]}"
    assert torch.equal(program.module()(torch.ones(4)), torch.full((4,), 2.0))
    with pytest.raises(AssertionError, match=r"Guard failed: x\.shape\[0\] > 3 == True"):
        program.module()(torch.ones(3))
    with pytest.raises(AssertionError, match=r"Guard failed: x\.size\(\)\[0\] <= 9"):
        program.module()(torch.ones(10))
    fixed = export(Decides(), (torch.ones(2),)).module()
    assert fixed(torch.ones(2)).tolist() == [0, 0]


@pytest.mark.parametrize("rows", [lambda x: list(x), lambda x: x.split(1), lambda x: [x] * len(x)])
def test_how_many_parts_there_are_is_asserted(rows):
    class Adds(nn.Module):
        def forward(self, x):
            return sum([row.sum() for row in rows(x)])

    module = export(Adds(), (torch.ones(3, 2),), dynamic_shapes=({0: Dim("n")},)).module()
    assert module(torch.ones(3, 2)) == Adds()(torch.ones(3, 2))
    with pytest.raises(AssertionError, match=r"Guard failed: len\(.*\) == 3"):
        module(torch.ones(4, 2))


def test_one_dim_is_one_length():
    class Sum(nn.Module):
        def forward(self, x, y):
            return x + y

    n = Dim("n")
    two = (torch.ones(3), torch.ones(3))
    module = export(Sum(), two, dynamic_shapes={"x": {0: n}, "y": {0: n}}).module()
    assert module(torch.ones(5), torch.ones(5)).tolist() == [2] * 5
    with pytest.raises(AssertionError, match=r"Guard failed: y\.size\(\)\[0\] == 5"):
        module(torch.ones(5), torch.ones(1))


def test_values_of_tensors_decide_nothing():
    class Decides(nn.Module):
        def forward(self, x):
            return x if x.sum() > 0 else -x

    class Asks(nn.Module):
        def forward(self, x):
            return x * x.max().item()

    class Counts(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("count", torch.zeros(()))

        def forward(self, x):
            self.count.add_(1)
            return x * self.count

    for kind in (Decides, Asks):
        with pytest.raises(RuntimeError, match="Could not guard on data-dependent expression"):
            export(kind(), (torch.ones(2),))
    model = Counts()
    module = export(model, (torch.ones(2),)).module()
    assert model.count == 0 and module(torch.ones(2)).tolist() == [1, 1]
    assert module(torch.ones(2)).tolist() == [2, 2] and model.count == 2


def test_wrong_arguments_of_export():
    one = (torch.ones(2, 3),)
    with pytest.raises(ValueError, match="Expected `mod` to be an instance of"):
        export(lambda x: x, one)
    with pytest.raises(TypeError, match="Expecting `args` to be a tuple"):
        export(nn.ReLU(), torch.ones(2))
    with pytest.raises(ValueError, match="top-level keys must be the arg names"):
        export(nn.ReLU(), one, dynamic_shapes={"z": {0: Dim("n")}})
    with pytest.raises(ValueError, match="does not allow"):
        export(nn.ReLU(), one, dynamic_shapes=({0: Dim("n", min=5)},))
    with pytest.raises(AssertionError, match="inconsistent min=3, max=2"):
        Dim("n", min=3, max=2)
    for function in (torch.export.save, torch.export.load):
        with pytest.raises(NotImplementedError, match="hold ATen operations"):
            function("model.pt2")


def test_programs_are_copied_pickled_and_compiled():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten()).eval()
    x = torch.randn(2, 1, 5, 5)
    module = export(model, (x,)).module()
    wanted = model(x)
    for twin in (copy.deepcopy(module), pickle.loads(pickle.dumps(module)), torch.compile(module)):
        torch.testing.assert_close(twin(x), wanted)
    with pytest.raises(AssertionError, match="Guard failed"):
        copy.deepcopy(module)(x[:1])


def test_nested_inputs_and_dataclasses():
    @dataclasses.dataclass
    class Point:
        x: torch.Tensor
        y: torch.Tensor

    torch.export.register_dataclass(Point)

    class Adds(nn.Module):
        def forward(self, parts, point):
            return Point(parts["a"] + parts["b"][0], point.x * point.y)

    ones = torch.ones(2)
    program = export(Adds(), ({"a": ones, "b": [ones]}, Point(ones, ones)))
    assert program.graph_signature.user_inputs == ("parts_a", "parts_b_0", "point_0", "point_1")
    result = program.module()({"a": ones, "b": [ones * 2]}, Point(ones * 3, ones))
    assert isinstance(result, Point) and result.x.tolist() == [3, 3] and result.y.tolist() == [3, 3]
    with pytest.raises(AssertionError, match="Only dataclasses can be registered"):
        torch.export.register_dataclass(int)


def test_explain():
    def cut(x):
        y = torch.relu(x) + 1
        print(end="")
        return (y * 2).sum()

    told = torch._dynamo.explain(cut)(torch.ones(3))
    assert (told.graph_count, told.graph_break_count, len(told.break_reasons)) == (2, 1, 1)
    assert told.op_count == sum(map(len, told.ops_per_graph)) == 3
    assert "it prints" in told.break_reasons[0].reason and "Graph Break Count: 1" in str(told)
    whole = torch._dynamo.explain(nn.Linear(2, 2))(torch.ones(1, 2))
    assert whole.graph_count == 1 and whole.graph_break_count == 0
