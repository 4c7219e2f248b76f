"""torch._dynamo.exc: errors of PyTorch's compiler front end, for `except` clauses."""

__all__ = ["TorchDynamoException", "TorchRuntimeError", "Unsupported", "UserError"]


class TorchDynamoException(RuntimeError):
    """What PyTorch's compiler front end raises; nothing does here."""


class Unsupported(TorchDynamoException):
    """A statement that cannot be compiled."""


class TorchRuntimeError(TorchDynamoException):
    """An operation that failed while it was recorded."""


class UserError(Unsupported):
    """A mistake of the program."""
