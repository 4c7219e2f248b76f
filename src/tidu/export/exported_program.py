"""torch.export: a module as a program for inputs like an example. Read `export`."""

import inspect

from ..base.errors import hinted
from ..core.handle import TensorBase
from ..fx import GraphModule
from ..fx.code import CodeGen
from ..fx.node import Node
from ..nn import Module, Parameter
from ..utils import _pytree as pytree
from .dynamic_shapes import Dim, ValueRanges, open_axes
from .graph_signature import (
    ConstantArgument,
    ExportGraphSignature,
    InputKind,
    InputSpec,
    OutputKind,
    OutputSpec,
    TensorArgument,
)
from .tracing import ExportTracer

__all__ = ["ExportedProgram", "draft_export", "export"]


def export(
    mod, args, kwargs=None, *, dynamic_shapes=None, strict=False,
    preserve_module_call_signature=(), prefer_deferred_runtime_asserts_over_guards=False,
):  # fmt: skip
    """A module as an `ExportedProgram`: what it computes for inputs like an example.

    The module runs once, and the calls are recorded. What it does by shapes and by arguments that
    are no tensors is done as for the example; the program checks at each call that its inputs have
    the same. The graph is of calls of torch's functions and methods, not of ATen operations as in
    PyTorch, and layers of torch.nn are calls of modules; parameters stay attributes of the module.

    Args:
        mod: the module.
        args, kwargs: example inputs: a tuple and a dictionary.
        dynamic_shapes: axes that may have other lengths: {"x": {0: Dim("batch")}}, or a tuple in
            the order of the inputs. Lengths then are computed in the graph, and where the program
            asks for one, the answer is asserted.
        strict, preserve_module_call_signature, prefer_deferred_runtime_asserts_over_guards: taken
            as PyTorch takes them; there is one way of tracing here.

    Raises:
        ValueError: `mod` is no module, or dynamic_shapes do not fit.
        TypeError: args is no tuple.
        RuntimeError: the value of a tensor decides what the program does.

    >>> import tidu as torch
    >>> model = torch.nn.Sequential(torch.nn.Linear(3, 1), torch.nn.Flatten(0))
    >>> batch = torch.export.Dim("batch", max=64)
    >>> program = torch.export.export(model, (torch.ones(4, 3),), dynamic_shapes=({0: batch},))
    >>> program.module()(torch.ones(2, 3)).shape
    torch.Size([2])
    >>> program.range_constraints
    {'batch': VR[0, 64]}
    """
    if not isinstance(mod, Module):
        raise ValueError(hinted(
            f"Expected `mod` to be an instance of `torch.nn.Module`, got {type(mod)}.",
            "a function can be the forward of a small module.",
        ))  # fmt: skip
    if not isinstance(args, tuple):
        raise TypeError(hinted(
            "Expecting `args` to be a tuple of example positional inputs, got "
            f"{type(args)}", "write (x,) for one input.",
        ))  # fmt: skip
    kwargs = dict(kwargs or {})
    names = _parameter_names(mod, args, kwargs)
    axes = open_axes(names, args, kwargs, dynamic_shapes)
    leaves, in_spec = pytree.tree_flatten((args, kwargs))
    inputs = _input_names(names, args, kwargs)
    before = set(vars(mod))
    tracer = ExportTracer(mod, args, kwargs, inputs, any(axes))
    try:
        graph, out_spec = tracer.export(mod)
        checks = Checks(inputs, leaves, axes, in_spec)
        graph.set_codegen(_CheckedCodeGen(checks, out_spec))
        module = _ExportedModule(mod, graph)
    finally:
        for name in set(vars(mod)) - before:
            delattr(mod, name)
    return ExportedProgram(mod, module, graph, checks, (args, kwargs))


def draft_export(mod, args, kwargs=None, *, dynamic_shapes=None, strict=False, **options):
    """As `export`: it says what cannot be exported by its error."""
    return export(mod, args, kwargs, dynamic_shapes=dynamic_shapes, strict=strict)


def _parameter_names(mod, args, kwargs):
    """Names for the positional arguments."""
    bound = inspect.signature(mod.forward).bind(*args, **kwargs)
    names = []
    for name, parameter in bound.signature.parameters.items():
        if parameter.kind is parameter.VAR_POSITIONAL:
            names += [f"{name}_{i}" for i in range(len(args) - len(names))]
        elif parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            names.append(name)
    return names[: len(args)]


def _input_names(names, args, kwargs):
    """A name for each element of the arguments: "x", "state_0"."""
    found = []
    for name, value in [*zip(names, args, strict=True), *kwargs.items()]:
        for path, _ in pytree.tree_flatten_with_path(value)[0]:
            inner = "".join([f"_{_key(part)}" for part in path])
            found.append(f"{name}{inner}")
    return found


def _key(part):
    return next(value for value in part)  # of SequenceKey, MappingKey, GetAttrKey


class Checks:
    """What an exported program asks of its inputs."""

    def __init__(self, names, leaves, axes, spec):
        self.names, self.axes, self.spec = names, axes, spec
        self.shapes = [tuple(v.shape) if isinstance(v, TensorBase) else None for v in leaves]
        self.values = [None if isinstance(v, TensorBase) else v for v in leaves]

    def __call__(self, args, kwargs):
        """The elements of the arguments of a call.

        Raises:
            ValueError: other arguments, or nested otherwise.
            AssertionError: another shape, or another value of what is no tensor.
        """
        expected = self.spec.children()[1].context or []
        if set(kwargs) != set(expected):
            raise ValueError(
                f"Ran into a kwarg keyword mismatch: Got the following keywords {list(kwargs)} but "
                f"expected {list(expected)}"
            )
        leaves, spec = pytree.tree_flatten((args, {name: kwargs[name] for name in expected}))
        if spec != self.spec:
            raise ValueError(hinted(
                f"Trying to flatten user inputs with exported input tree spec: \n{self.spec}\nbut "
                f"actually got inputs with tree spec of: \n{spec}.",
                "the arguments must be nested as those of the example.",
            ))  # fmt: skip
        lengths: dict = {}
        for row in zip(self.names, leaves, self.shapes, self.values, self.axes, strict=True):
            self._check(*row, lengths)
        return leaves

    def _check(self, name, given, shape, value, axes, lengths):
        if shape is None:
            if given is not value and given != value:
                raise AssertionError(hinted(
                    f"Guard failed: {name} == {value!r}",
                    "what is no tensor is as in the example; export again for another value.",
                ))  # fmt: skip
            return
        if not isinstance(given, TensorBase) or given.dim() != len(shape):
            raise AssertionError(f"Guard failed: {name} is a tensor with {len(shape)} axes")
        for axis, length in enumerate(shape):
            found, dim = given.shape[axis], axes.get(axis)
            place = f"Guard failed: {name}.size()[{axis}]"
            if dim is None and found != length:
                raise AssertionError(hinted(
                    f"{place} == {length}",
                    f"it is {found}; dynamic_shapes of torch.export.export leaves an axis open.",
                ))  # fmt: skip
            if isinstance(dim, Dim):
                if not dim.min <= found <= dim.max:
                    bound = f">= {dim.min}" if found < dim.min else f"<= {dim.max}"
                    raise AssertionError(f"{place} {bound}")
                first = lengths.setdefault(dim.__name__, found)
                if first != found:
                    raise AssertionError(f"{place} == {first}, as {dim} is elsewhere")


class _CheckedCodeGen(CodeGen):
    """Checks the arguments of a call, and gives nested results."""

    def __init__(self, checks, out_spec):
        super().__init__()
        self.checks, self.out_spec = checks, out_spec

    def gen_fn_def(self, free_vars, maybe_return_annotation, **options):
        first = f"def forward(self, *args, **kwargs){maybe_return_annotation}:"
        given = f"    {', '.join(free_vars)}, = self._guards_fn(args, kwargs)"
        return f"{first}\n{given}" if free_vars else f"{first}\n    self._guards_fn(args, kwargs)"

    def generate_output(self, output_args, **options):
        return f"return pytree.tree_unflatten({output_args!r}, self._out_spec)"

    def process_inputs(self, *args):
        return self.checks(args, {})

    def process_outputs(self, outputs):
        return pytree.tree_unflatten(list(outputs), self.out_spec)


class _ExportedModule(GraphModule):
    """An exported program that can be called."""

    def recompile(self):
        codegen = self.graph._codegen
        if isinstance(codegen, _CheckedCodeGen):
            object.__setattr__(self, "_guards_fn", codegen.checks)
            object.__setattr__(self, "_out_spec", codegen.out_spec)
        return super().recompile()


class ExportedProgram:
    """What `export` gives.

    Attributes:
        graph_module, graph: the program.
        graph_signature: what inputs and outputs are.
        state_dict: parameters and persistent buffers by name.
        constants: tensors that are neither.
        range_constraints: {name of a Dim: the lengths it may have}.
        example_inputs: (args, kwargs) of the example.
    """

    def __init__(self, root, module, graph, checks, example_inputs):
        self.graph_module, self.example_inputs = module, example_inputs
        self._checks, self.state_dict = checks, root.state_dict(keep_vars=True)
        held = {n.target for n in graph.nodes if n.op == "get_attr"}
        self.constants = {
            name: value for name, value in module.named_buffers()
            if name in held and name not in self.state_dict
        }  # fmt: skip
        self.range_constraints = {
            dim.__name__: ValueRanges(dim.min, dim.max)
            for axes in checks.axes for dim in axes.values() if isinstance(dim, Dim)
        }  # fmt: skip
        self.graph_signature = _signature(root, graph, checks)

    @property
    def graph(self):
        return self.graph_module.graph

    @property
    def call_spec(self):
        """(structure of the inputs, structure of the output)"""
        return self._checks.spec, self.graph._codegen.out_spec

    @property
    def tensor_constants(self):
        return self.constants

    def module(self, check_guards=True):
        """The program as a module: takes what the exported module takes, in the same shapes, and
        has the exported module's own parameters."""
        return self.graph_module

    def __call__(self, *args, **kwargs):
        raise RuntimeError(
            "Unable to call ExportedProgram directly. You should use `exported_program.module()` "
            "instead."
        )

    def parameters(self):
        """The parameters."""
        for _, value in self.named_parameters():
            yield value

    def named_parameters(self):
        """(name, parameter)"""
        for name, value in self.state_dict.items():
            if isinstance(value, Parameter):
                yield name, value

    def buffers(self):
        """The persistent buffers."""
        for _, value in self.named_buffers():
            yield value

    def named_buffers(self):
        """(name, buffer)"""
        for name, value in self.state_dict.items():
            if not isinstance(value, Parameter):
                yield name, value

    def run_decompositions(self, decomp_table=None, decompose_custom_triton_ops=False):
        """The program itself: calls of torch's functions have no simpler form here."""
        return self

    def validate(self):
        """Check the graph (`Graph.lint`)."""
        self.graph.lint()

    def __str__(self):
        code = self.graph_module.print_readable(print_output=False).replace("\n", "\n    ")
        return (
            f"ExportedProgram:\n    {code}\nGraph signature: {self.graph_signature}\n"
            f"Range constraints: {self.range_constraints}\n"
        )


def _signature(root, graph, checks):
    inputs = [
        InputSpec(InputKind.USER_INPUT, TensorArgument(name) if shape is not None
                  else ConstantArgument(name, value))
        for name, shape, value in zip(checks.names, checks.shapes, checks.values, strict=True)
    ]  # fmt: skip
    outputs = [
        OutputSpec(OutputKind.USER_OUTPUT, TensorArgument(part.name) if isinstance(part, Node)
                   else ConstantArgument("", part))
        for part in graph.output_node().args[0]
    ]  # fmt: skip
    buffers = dict(root.named_buffers())
    return ExportGraphSignature(
        inputs, outputs, tuple(dict(root.named_parameters())), tuple(buffers),
        tuple([name for name in buffers if name not in root.state_dict()]),
    )  # fmt: skip
