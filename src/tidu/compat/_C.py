"""torch._C: the few names of PyTorch's C++ part that programs ask for."""

from .base.devices import device as any_device
from .base.errors import LinAlgError as _LinAlgError
from .base.lazy import late, lazy_module
from .base.size import Size
from .core.modes import LOCAL, set_grad
from .frontend.tensor import Tensor
from .ops.target import target
from .random import Generator, default_generator

__all__ = ["_LinAlgError", "Generator", "Size", "default_generator"]

_TensorMeta = type(Tensor)
_ROOT = __name__.partition(".")[0]


class _Bound:
    """PyTorch's functions under the names they have where Python code calls them:
    torch._C._nn.gelu is torch.nn.functional.gelu, torch._C._linalg.linalg_inv torch.linalg.inv."""

    def __init__(self, area, prefix="", **renamed):
        self._home, self._prefix = lazy_module(f"{_ROOT}.{area}"), prefix
        self._renamed = renamed

    def __getattr__(self, name):
        if name.startswith("__") or not name.startswith(self._prefix):
            raise AttributeError(name)
        return getattr(self._home, self._renamed.get(name, name.removeprefix(self._prefix)))


_nn = _Bound("nn.functional", log_sigmoid="logsigmoid")


def _parse_to(*args, memory_format=None, **kwargs):
    """(device, dtype, non_blocking, memory_format) of a call `to(...)`."""
    device, dtype, _ = target(args, kwargs, "tensor")
    place = None if device is None else any_device(device)
    return place, dtype, bool(kwargs.get("non_blocking")), memory_format


vars(_nn)["_parse_to"] = _parse_to
_linalg = _Bound("linalg", "linalg_")
_special = _Bound("special", "special_")
_fft = _Bound("fft", "fft_")

# What it comes from has functions ask the classes of their arguments, from then on.
__getattr__ = late(
    __name__,
    {
        "DisableTorchFunctionSubclass": "..overrides:DisableTorchFunctionSubclass",
        "Graph": "..frontend.machinery:Graph",
        "_AutoDispatchBelowAutograd": "..library.operators:below_autograd",
        "_disabled_torch_function_impl": "..overrides:_disabled_torch_function_impl",
    },
)


def _set_grad_enabled(mode):
    """What graphs call where a program enters or leaves `no_grad`."""
    set_grad(bool(mode))


def _get_tracing_state():
    """What torch.jit.trace is recording: nothing, ever."""


def _log_api_usage_once(event):
    """Nothing is counted."""


def _are_functorch_transforms_active():
    """Whether a transform of torch.func is at work."""
    return bool(LOCAL.levels)
