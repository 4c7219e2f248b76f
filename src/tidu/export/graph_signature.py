"""torch.export.graph_signature: what the inputs and outputs of an exported program are."""

import enum
from dataclasses import dataclass, field

__all__ = [
    "ConstantArgument", "ExportBackwardSignature", "ExportGraphSignature", "InputKind",
    "InputSpec", "OutputKind", "OutputSpec", "TensorArgument",
]  # fmt: skip


@dataclass
class TensorArgument:
    """A tensor among the inputs or outputs."""

    name: str


@dataclass
class ConstantArgument:
    """A number, string or None among the inputs or outputs."""

    name: str
    value: object = None


class InputKind(enum.Enum):
    """What an input is. Parameters and buffers are the module's here, and no inputs."""

    USER_INPUT, PARAMETER, BUFFER, CONSTANT_TENSOR = range(1, 5)


class OutputKind(enum.Enum):
    """What an output is."""

    USER_OUTPUT, LOSS_OUTPUT, BUFFER_MUTATION, USER_INPUT_MUTATION = range(1, 5)


@dataclass
class InputSpec:
    """One input."""

    kind: InputKind
    arg: object
    target: str | None = None
    persistent: bool | None = None

    def __str__(self):
        return f"{self.arg.name}: {self.kind.name}"


@dataclass
class OutputSpec:
    """One output."""

    kind: OutputKind
    arg: object
    target: str | None = None

    def __str__(self):
        return f"{self.arg.name}: {self.kind.name}"


@dataclass
class ExportBackwardSignature:
    """Of programs with their gradients, which are not made here."""

    gradients_to_parameters: dict
    gradients_to_user_inputs: dict
    loss_output: str


@dataclass
class ExportGraphSignature:
    """Inputs and outputs in order; the names of parameters and buffers of the module."""

    input_specs: list
    output_specs: list
    parameters: tuple = ()
    buffers: tuple = ()
    non_persistent_buffers: tuple = ()
    inputs_to_parameters: dict = field(default_factory=dict)
    inputs_to_buffers: dict = field(default_factory=dict)

    @property
    def user_inputs(self):
        """Names of inputs; values of those that are no tensors."""
        return tuple([_shown(spec.arg) for spec in self.input_specs])

    @property
    def user_outputs(self):
        """Names of outputs; values of those that are no tensors."""
        return tuple([_shown(spec.arg) for spec in self.output_specs])

    def __str__(self):
        ins, outs = ("\n".join(map(str, x)) for x in (self.input_specs, self.output_specs))
        return f"\n# inputs\n{ins}\n\n# outputs\n{outs}\n"


def _shown(arg):
    return arg.value if isinstance(arg, ConstantArgument) else arg.name
