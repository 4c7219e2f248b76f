"""torch._dynamo.exc: errors of PyTorch's compiler front end, for `except` clauses."""

from ..compilation.errors import BackendCompilerFailed, InvalidBackend, TorchDynamoException

__all__ = ["BackendCompilerFailed", "InvalidBackend", "TorchDynamoException", "TorchRuntimeError",
           "Unsupported", "UserError"]  # fmt: skip


class Unsupported(TorchDynamoException):
    """A statement that cannot be compiled."""


class TorchRuntimeError(TorchDynamoException):
    """An operation that failed while it was recorded."""


class UserError(Unsupported):
    """A mistake of the program."""
