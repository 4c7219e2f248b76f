"""torch.device: tidu computes on the CPU; other devices can be named but hold nothing."""

from .errors import hinted, type_name
from .lazy import TORCH, lazy_module

__all__ = ["CPU", "ENTERED", "WithoutNumbers", "device", "require_cpu"]

_making = lazy_module(f"{__name__.partition('.')[0]}.meta.making")

_TYPES = (
    "cpu",
    "cuda",
    "mps",
    "xpu",
    "meta",
    "xla",
    "hpu",
    "mtia",
    "ipu",
    "vulkan",
    "privateuseone",
)


class device:
    """Where a tensor lives. Only ``cpu`` can hold tensors here.

    >>> import tidu as torch
    >>> torch.device("cpu"), torch.device("cuda:1").index
    (device(type='cpu'), 1)
    """

    __module__ = TORCH
    __slots__ = ("index", "type")

    def __init__(self, type, index=None):
        if isinstance(type, device):
            type, index = type.type, type.index
        if isinstance(type, int):
            type, index = "cuda", type
        if not isinstance(type, str):
            raise TypeError(
                "device() received an invalid combination of arguments - got "
                f"({type_name(type)}), but expected one of:"
            )
        if index is not None and not isinstance(index, int):
            kind = type_name(index)
            raise TypeError(f"device(): argument 'index' (position 2) must be int, not {kind}")
        name, colon, number = type.partition(":")
        if name not in _TYPES and not name.isalpha():
            raise RuntimeError(f"Invalid device string: '{type}'")
        if name not in _TYPES:
            raise RuntimeError(
                "Expected one of cpu, cuda, ipu, xpu, mkldnn, opengl, opencl, ideep, hip, ve, "
                "fpga, "
                "maia, xla, lazy, vulkan, mps, meta, hpu, mtia, privateuseone device type at "
                "start "
                f"of device string: {name}"
            )
        if colon:
            if index is not None:
                raise RuntimeError(
                    f"type (string) must not include an index because index was passed "
                    f"explicitly: {type}"
                )
            if not number.isdigit():
                raise RuntimeError(f"Invalid device string: '{type}'")
            index = int(number)
        self.type, self.index = name, index

    def __repr__(self):
        if self.index is None:
            return f"device(type='{self.type}')"
        return f"device(type='{self.type}', index={self.index})"

    def __str__(self):
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __eq__(self, other):
        return isinstance(other, device) and (self.type, self.index) == (other.type, other.index)

    def __hash__(self):
        return hash((self.type, self.index))

    def __reduce__(self):
        return _device, (str(self),)  # by a name that is found without torch, too

    def __enter__(self):
        if self.type == "meta":
            ENTERED.append(_making.OnMeta().__enter__())
        else:
            require_cpu(self)
        return self

    def __exit__(self, *exc):
        if self.type == "meta":
            ENTERED.pop().__exit__(*exc)
        return False


ENTERED: list = []  # the modes of the blocks `with torch.device("meta"):` that are running


class WithoutNumbers(RuntimeError):
    """The device "meta" was asked for, of a function that makes numbers."""


CPU = device("cpu")


def require_cpu(where):
    """Accept any way of naming the CPU; say clearly that nothing else is here."""
    if where is None or where is CPU:
        return CPU
    where = device(where)
    if where.type == "cpu":
        return CPU
    if where.type == "cuda":
        message = "Torch not compiled with CUDA enabled"
        raise AssertionError(hinted(message, _CPU_HINT))
    kind = WithoutNumbers if where.type == "meta" else RuntimeError
    message = f"Could not run on the '{where.type}' backend: it is not available."
    raise kind(hinted(message, _CPU_HINT))


_CPU_HINT = (
    "tidu computes on the CPU. Write device = 'cuda' if torch.cuda.is_available() else 'cpu', "
    "or pass device='cpu'."
)


def _device(text):
    return device(text)
