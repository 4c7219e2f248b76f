"""What torch.compile raises; `torch._dynamo.exc` has the classes for `except` clauses."""

from ...base.errors import hinted

__all__ = ["BackendCompilerFailed", "InvalidBackend", "RecompileError", "TorchDynamoException",
           "Unsupported"]  # fmt: skip

_HOME = f"{__name__.partition('.')[0]}._dynamo.exc"


class TorchDynamoException(RuntimeError):
    """What PyTorch's compiler front end raises."""

    __module__ = _HOME


class Unsupported(TorchDynamoException):
    """A statement that cannot be compiled, where `fullgraph=True` wants it to be."""

    __module__ = _HOME


class RecompileError(TorchDynamoException):
    """A function would be compiled again, while `error_on_recompile` forbids that."""

    __module__ = _HOME


class BackendCompilerFailed(TorchDynamoException):
    """A function that compiles graphs raised an error, `inner_exception`."""

    __module__ = _HOME

    def __init__(self, backend_fn, inner_exception):
        self.backend_name = getattr(backend_fn, "__name__", "?")
        self.inner_exception = inner_exception
        if not callable(backend_fn):
            self.backend_name = str(backend_fn)
        super().__init__(hinted(
            f"backend={self.backend_name!r} raised:\n"
            f"{type(inner_exception).__name__}: {inner_exception}",
            "a backend is called with a torch.fx.GraphModule and a list of example inputs, and "
            "returns a function of these inputs, such as the module itself.",
        ))  # fmt: skip


class InvalidBackend(TorchDynamoException):
    """No backend has the name."""

    __module__ = _HOME

    def __init__(self, name):
        super().__init__(
            f"Invalid backend: {name!r}, see `torch._dynamo.list_backends()` for available "
            "backends."
        )
