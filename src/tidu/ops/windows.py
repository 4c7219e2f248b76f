"""torch.signal.windows and torch.hann_window ...: weights that fall off towards both ends."""

import math

import numpy as np

from ..base.devices import require_cpu
from ..base.dtypes import DEFAULT, float32, float64, of_python
from ..base.errors import require_memory
from ..base.lazy import lazy_module
from ..core.handle import wrap
from .convert import convert, invalid_combination

special = lazy_module("scipy.special")


def _checked(name, M, dtype, layout):
    """The number of points and the type, if PyTorch takes them."""
    if M < 0:
        raise ValueError(f"{name} requires non-negative window length, got M={M}")
    if layout is not None and str(layout) != "torch.strided":
        raise ValueError(f"{name} is implemented for strided tensors only, got: {layout}")
    dtype = DEFAULT.dtype if dtype is None else dtype
    if dtype not in (float32, float64):
        raise ValueError(f"{name} expects float32 or float64 dtypes, got: {dtype}")
    return dtype


def _window(name, doc, needed=(), **defaults):
    """A window of M points, symmetric or one period; the options `needed` have no default."""

    def decorate(compute):
        def window(M, *, sym=True, dtype=None, layout=None, device=None, requires_grad=False,
                   **given):  # fmt: skip
            require_cpu(device)
            for word in given:
                if word not in defaults and word not in needed:
                    raise TypeError(f"{name}() got an unexpected keyword argument '{word}'")
            missing = [word for word in needed if word not in given]
            if missing:
                raise TypeError(
                    f"{name}() missing 1 required keyword-only argument: '{missing[0]}'"
                )
            dtype = _checked(name, M, dtype, layout)
            options = {**defaults, **given}
            require_memory((M,), np.float64)
            if M < 2:
                compute(np.zeros(0), 1, sym, **options)  # for its refusals
                values = np.ones(M)
            else:
                values = compute(np.arange(M, dtype=np.float64), M, sym, **options)
            result = wrap(values.astype(dtype.numpy))
            return result.requires_grad_(True) if requires_grad else result

        window.__name__ = window.__qualname__ = name
        window.__doc__ = doc
        return window

    return decorate


def _last(M, sym):
    """The place of the last point of a full period."""
    return max(M - 1 if sym else M, 1)


def _cosines(index, last, coefficients):
    turn = 2 * math.pi / last * index
    return sum([(-1) ** k * a * np.cos(k * turn) for k, a in enumerate(coefficients)], 0 * turn)


@_window("general_cosine", "A sum of cosines with coefficients `a`.", ("a",))
def general_cosine(index, M, sym, a):
    if not hasattr(a, "__iter__"):
        raise TypeError("Coefficients must be a list/tuple")
    if not a:
        raise ValueError("Coefficients cannot be empty")
    return _cosines(index, _last(M, sym), a)


@_window("general_hamming", "alpha - (1 - alpha)·cos.", alpha=0.54)
def general_hamming(index, M, sym, alpha):
    return _cosines(index, _last(M, sym), (alpha, 1 - alpha))


@_window("hamming", "The window of Hamming: it does not reach 0.")
def hamming(index, M, sym):
    return _cosines(index, _last(M, sym), (0.54, 0.46))


@_window("hann", "The window of von Hann: a raised cosine.")
def hann(index, M, sym):
    return _cosines(index, _last(M, sym), (0.5, 0.5))


@_window("blackman", "The window of Blackman, of three terms.")
def blackman(index, M, sym):
    return _cosines(index, _last(M, sym), (0.42, 0.5, 0.08))


@_window("nuttall", "The minimum four-term window of Nuttall.")
def nuttall(index, M, sym):
    return _cosines(index, _last(M, sym), (0.3635819, 0.4891775, 0.1365995, 0.0106411))


@_window("bartlett", "A triangle with its ends at 0.")
def bartlett(index, M, sym):
    return 1 - np.abs(2 * index / _last(M, sym) - 1)


@_window("cosine", "Half a wave of the sine.")
def cosine(index, M, sym):
    return np.sin(math.pi * (index + 0.5) / (M if sym else M + 1))


@_window("exponential", "exp(-|i - center| / tau).", center=None, tau=1.0)
def exponential(index, M, sym, center, tau):
    if tau <= 0:
        raise ValueError(f"Tau must be positive, got: {tau} instead.")
    if sym and center is not None:
        raise ValueError("Center must be None for symmetric windows")
    center = _last(M, sym) / 2 if center is None else center
    return np.exp(-np.abs(index - center) / tau)


@_window("gaussian", "A normal density of deviation `std`.", std=1.0)
def gaussian(index, M, sym, std):
    if std <= 0:
        raise ValueError(f"Standard deviation must be positive, got: {std} instead.")
    return np.exp(-0.5 * ((index - _last(M, sym) / 2) / std) ** 2)


@_window("kaiser", "The window of Kaiser: a modified Bessel function.", beta=12.0)
def kaiser(index, M, sym, beta):
    if beta < 0:
        raise ValueError(f"beta must be non-negative, got: {beta} instead.")
    place = 2 * index / _last(M, sym) - 1
    return special.i0(beta * np.sqrt(np.maximum(1 - place * place, 0))) / special.i0(beta)


# --- torch.hann_window ...: periodic by default, any floating type ------------------------------


def _older(name, window, **names):
    """torch.<name>_window(length, periodic, ...) from the window of torch.signal."""
    order = tuple(names)

    def older(window_length, periodic=True, *args, dtype=None, layout=None, device=None,
              requires_grad=False, pin_memory=False, **given):  # fmt: skip
        if periodic.__class__ is not bool:
            raise invalid_combination(f"{name}_window", window_length, periodic)
        if window_length < 0:
            raise RuntimeError(
                f"{name}_window requires non-negative window_length, got window_length="
                f"{window_length}"
            )
        wanted = DEFAULT.dtype if dtype is None else of_python(dtype)
        if wanted.category != 2:
            raise RuntimeError(f"{name}_window expects floating point dtypes, got: {wanted}")
        options = {**names, **dict(zip(order, args, strict=False)), **given}
        wide = wanted if wanted in (float32, float64) else float32
        made = window(window_length, sym=not periodic, dtype=wide, device=device, **options)
        made = convert(made, wanted)
        return made.requires_grad_(True) if requires_grad else made

    older.__name__ = older.__qualname__ = f"{name}_window"
    older.__doc__ = f"torch.{name}_window: of the given length, one period unless told otherwise."
    return older


hann_window, blackman_window = _older("hann", hann), _older("blackman", blackman)
bartlett_window = _older("bartlett", bartlett)
kaiser_window = _older("kaiser", kaiser, beta=12.0)


@_window("hamming", "alpha - beta·cos.", alpha=0.54, beta=0.46)
def _two_terms(index, M, sym, alpha, beta):
    return _cosines(index, _last(M, sym), (alpha, beta))


hamming_window = _older("hamming", _two_terms, alpha=0.54, beta=0.46)
