"""What torch.compile raises about backends; `torch._dynamo.exc` has all of its errors."""

from ..base.errors import hinted

__all__ = ["BackendCompilerFailed", "InvalidBackend", "TorchDynamoException"]

_HOME = f"{__name__.partition('.')[0]}._dynamo.exc"


class TorchDynamoException(RuntimeError):
    """What PyTorch's compiler front end raises."""

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
