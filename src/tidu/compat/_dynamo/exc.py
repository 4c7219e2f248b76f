"""torch._dynamo.exc: errors of PyTorch's compiler front end, for `except` clauses."""

from ..compiler.calls.errors import (
    BackendCompilerFailed,
    InvalidBackend,
    RecompileError,
    TorchDynamoException,
    Unsupported,
)

__all__ = ["BackendCompilerFailed", "FailOnRecompileLimitHit", "InternalTorchDynamoError",
           "InvalidBackend", "RecompileError", "RecompileLimitExceeded", "TorchDynamoException",
           "TorchRuntimeError", "Unsupported", "UserError"]  # fmt: skip


class TorchRuntimeError(TorchDynamoException):
    """An operation that failed while it was recorded; here it fails with its own error."""


class InternalTorchDynamoError(TorchDynamoException):
    """A mistake of PyTorch's compiler."""


class UserError(Unsupported):
    """A mistake of the program."""


class RecompileLimitExceeded(Unsupported):
    """A function that is compiled too often."""


class FailOnRecompileLimitHit(Exception):
    """The same, where `fail_on_recompile_limit_hit` is set."""
