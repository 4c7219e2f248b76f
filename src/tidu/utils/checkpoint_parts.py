"""The small parts of torch.utils.checkpoint that programs take for checkpoints of their own."""

import contextlib
import enum
import warnings

from ..core.handle import TensorBase

__all__ = ["SAC_IGNORED_OPS", "CheckpointPolicy", "DefaultDeviceType", "GraphExecGroup",
           "SelectiveCheckpointContext", "check_backward_validity",
           "create_selective_checkpoint_contexts", "detach_variable", "get_device_states",
           "set_device_states"]  # fmt: skip

SAC_IGNORED_OPS: set = set()  # operators that a policy is not asked about


def detach_variable(inputs):
    """The tensors of a tuple without history, which want gradients if they did before."""
    if not isinstance(inputs, tuple):
        raise RuntimeError(
            "Only tuple of tensors is supported. Got Unsupported input type: "
            f"{type(inputs).__name__}"
        )
    return tuple(
        x.detach().requires_grad_(x.requires_grad) if isinstance(x, TensorBase) else x
        for x in inputs
    )


def check_backward_validity(inputs):
    """A warning if no tensor among them wants a gradient."""
    if not any(x.requires_grad for x in inputs if isinstance(x, TensorBase)):
        warnings.warn(
            "None of the inputs have requires_grad=True. Gradients will be None", stacklevel=2
        )


def get_device_states(*args):
    """Numbers of GPUs among the tensors' devices and the states of their generators: none."""
    return [], []


def set_device_states(devices, states, *, device_type=None):
    """Nothing to set: there are no GPUs."""


class DefaultDeviceType:
    """The kind of device whose generator a checkpoint keeps beside the CPU's."""

    _default_device_type = "cpu"

    @staticmethod
    def set_device_type(device="cuda"):
        """Only noted."""
        DefaultDeviceType._default_device_type = device

    @staticmethod
    def get_device_type():
        """What was set; "cpu" at first."""
        return DefaultDeviceType._default_device_type


class CheckpointPolicy(enum.Enum):
    """What selective checkpointing does with the result of an operation."""

    MUST_SAVE = 0
    PREFER_SAVE = 1
    MUST_RECOMPUTE = 2
    PREFER_RECOMPUTE = 3


class GraphExecGroup:
    """The passes of one graph, so that a checkpoint computes once for all of them."""

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        return False


class SelectiveCheckpointContext:
    """What a policy of selective checkpointing is told: whether this is the second run."""

    def __init__(self, *, is_recompute, op_output=None):
        self.is_recompute, self.op_output = is_recompute, op_output


def create_selective_checkpoint_contexts(policy_fn_or_list, allow_cache_entry_mutation=False):
    """Two contexts for `checkpoint(..., context_fn=...)`. The policy saves PyTorch time and
    changes no number; here all is computed again, which a warning says."""
    if isinstance(policy_fn_or_list, list):
        for op in policy_fn_or_list:
            if not getattr(op, "_overload", ""):
                raise ValueError(
                    f"Expected op in `op_list` to be an OpOverload but got: {op} of type "
                    f"{type(op)}."
                )
    elif not callable(policy_fn_or_list):
        raise TypeError("policy_fn_or_list must be either a function or a list of ops.")
    warnings.warn(
        "selective checkpointing computes all results again: its policy is not asked in tidu; to "
        "keep results, call what makes them outside of the checkpoint",
        stacklevel=2,
    )
    return contextlib.nullcontext(), contextlib.nullcontext()
