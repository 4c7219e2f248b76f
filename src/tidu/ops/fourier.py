"""torch.fft: discrete Fourier transforms along one or several axes."""

import math

import numpy as np

from ..base.dtypes import DEFAULT, of_python
from ..base.errors import hinted
from ..base.size import normalize_axis
from ..core.handle import element_type, shape_of, wrap
from ..core.node import name_of
from ..core.retries import worded
from ..primitives import fourier as f
from .complex_parts import conj
from .convert import Later, convert, finish, named, ndim_of, require_tensor, scalar_name, type_of
from .joining import cat, narrow
from .turning import roll


def _complex(x):
    dtype = type_of(x)
    return x if dtype.is_complex else convert(x, _floating(x).to_complex())


def _floating(x):
    dtype = type_of(x)
    if dtype.category == 2 and dtype.itemsize < 4:
        hint = "PyTorch transforms 16-bit numbers on GPUs only: write x.float()."
        raise RuntimeError(hinted(f"Unsupported dtype {scalar_name(dtype)}", hint))
    return DEFAULT.dtype if dtype.category < 2 else dtype


def _scale(name, n, norm, inverse):
    if norm not in (None, "backward", "forward", "ortho"):
        raise RuntimeError(f'Invalid normalization mode: "{norm}"')
    if norm == "ortho":
        return 1 / math.sqrt(n)
    return 1 / n if inverse == (norm in (None, "backward")) else 1.0


def _mode(norm, inverse):
    """How PyTorch's nodes have the scale: 0 for none, 1 and 2 for the root of n and for n."""
    return 1 if norm == "ortho" else 2 if inverse == (norm in (None, "backward")) else 0


def _sized(name, x, n, axis):
    """Cut or filled with zeros to length n along the axis."""
    have = shape_of(x)[axis]
    n = have if n is None else n
    if n < 1:
        raise RuntimeError(f"Invalid number of data points ({n}) specified")
    if n <= have:
        return x if n == have else narrow(x, axis, 0, n)
    shape = list(shape_of(x))
    shape[axis] = n - have
    filled = cat([x, wrap(np.zeros(shape, element_type(x)))], axis)
    return named(filled, "ConstantPadNdBackward0", x, pad=_padding(x, n, axis))


def _padding(x, n, axis):
    """Zeros to length n along the axis as `pad` has them, the last axis first."""
    return (0, 0) * (ndim_of(x) - axis - 1) + (0, n - shape_of(x)[axis])


def _as_shown(result, input, n, axis, norm, inverse):
    """The result of a complex transform, which PyTorch has as another one where the input is real:
    that of half the frequencies, completed."""
    dtype, have = type_of(input), shape_of(input)[axis]
    mode = _mode(norm, inverse)
    if dtype.is_complex or dtype.category < 2:
        return named(result, "FftC2CBackward0", dim=(axis,), forward=not inverse,
                     normalization=mode)  # fmt: skip
    step = input
    if n is not None and n > have:
        step = "ConstantPadNd", input, {"pad": _padding(input, n, axis)}
    elif n is not None and n < have:
        sizes = {"self_sym_sizes": tuple(shape_of(input))}
        step = "Slice", input, {"dim": axis, "start": 0, "end": n, "step": 1, **sizes}
    told = {"dim": (axis,), "normalization": mode, "onesided": False,
            "self": input if step is input else Later(_sized, "", input, n, axis)}  # fmt: skip
    if inverse:
        return named(result, "ConjBackward0", ("FftR2C", step, told))
    return named(result, "FftR2CBackward0", step, **told)


def _axis(name, x, dim):
    return normalize_axis(dim, ndim_of(require_tensor(name, x)))


def _one(name, inverse):
    def transform(input, n=None, dim=-1, norm=None, *, out=None):
        axis = _axis(name, input, dim)
        x = _sized(name, _complex(input), n, axis)
        scale = _scale(name, shape_of(x)[axis], norm, inverse)
        result = f.complex_transform(x, axis=axis, inverse=inverse, scale=scale)
        if result._node is not None:
            _as_shown(result, input, n, axis, norm, inverse)
        return finish(result, out)

    transform.__name__ = transform.__qualname__ = name
    transform.__doc__ = f"torch.fft.{name}: the {'inverse ' * inverse}transform along one axis."
    return worded(transform)


fft, ifft = _one("fft", False), _one("ifft", True)


@worded
def rfft(input, n=None, dim=-1, norm=None, *, out=None):
    """The non-negative frequencies of a real input: n // 2 + 1 of them."""
    if type_of(require_tensor("rfft", input)).is_complex:
        raise RuntimeError(f"rfft expects a real input tensor, but got {_name(input)}")
    axis = _axis("rfft", input, dim)
    x = _sized("rfft", convert(input, _floating(input)), n, axis)
    scale = _scale("rfft", shape_of(x)[axis], norm, False)
    result = f.real_to_half(x, axis=axis, scale=scale)
    return finish(named(result, "FftR2CBackward0", self=x, dim=(axis,),
                        normalization=_mode(norm, False), onesided=True), out)  # fmt: skip


def _name(x):
    return (
        type_of(x)
        .name.capitalize()
        .replace("Complex64", "ComplexFloat")
        .replace("Complex128", "ComplexDouble")
    )


@worded
def irfft(input, n=None, dim=-1, norm=None, *, out=None):
    """The real signal of length n (default 2·(m - 1)) with these non-negative frequencies."""
    axis = _axis("irfft", input, dim)
    n = 2 * (shape_of(input)[axis] - 1) if n is None else n
    if n < 1:
        raise RuntimeError(f"Invalid number of data points ({n}) specified")
    x = _sized("irfft", _complex(input), n // 2 + 1, axis)
    result = f.half_to_real(x, axis=axis, n=n, scale=_scale("irfft", n, norm, True))
    return finish(named(result, "FftC2RBackward0", dim=(axis,),
                        normalization=_mode(norm, True)), out)  # fmt: skip


@worded
def hfft(input, n=None, dim=-1, norm=None, *, out=None):
    """The real transform of a signal given by its non-negative half."""
    result = irfft(conj(input), n, dim, _other(norm))
    if n is None and not type_of(input).is_complex:
        named(result, "FftC2RBackward0", ("Conj", ("ToCopy", input)))
    return finish(result, out)


@worded
def ihfft(input, n=None, dim=-1, norm=None, *, out=None):
    """The inverse of hfft."""
    return finish(conj(rfft(input, n, dim, _other(norm))), out)


def _other(norm):
    return {None: "forward", "backward": "forward", "forward": "backward"}.get(norm, norm)


# --- several axes -------------------------------------------------------------------------------


def _axes_of(input, s, dim, default):
    rank = ndim_of(input)
    if s is not None and len(s) > rank:
        raise RuntimeError(
            f"Got shape with {len(s)} values but input tensor only has {rank} dimensions."
        )
    if dim is None:
        dim = (
            default
            if s is None and default is not None
            else range(rank - len(s), rank)
            if s is not None
            else range(rank)
        )
    axes = [normalize_axis(a, rank) for a in ((dim,) if isinstance(dim, int) else dim)]
    if len(set(axes)) != len(axes):
        raise RuntimeError("FFT dims must be unique")
    sizes = [None] * len(axes) if s is None else [None if n == -1 else n for n in s]
    return list(zip(axes, sizes, strict=True))


def _several(name, one, default, last=None, first=None):
    def transform(input, s=None, dim=default, norm=None, *, out=None):
        pairs = _axes_of(require_tensor(name, input), s, dim, default)
        axes, x = [axis for axis, _ in pairs], input
        if first is not None:
            x = first(x, pairs[-1][1], pairs[-1][0], norm)
            pairs = pairs[:-1]
        final = None
        if last is not None:
            final, pairs = pairs[-1], pairs[:-1]
        for axis, n in pairs:
            x = one(x, n, axis, norm)
        if final is not None:
            x = last(x, final[1], final[0], norm)
        if s is None and x._node is not None and len(pairs) + (first is not None) > 1:
            real = not type_of(input).is_complex  # one step in PyTorch, whatever the axes
            kind = "FftR2CBackward0" if first is not None else name_of(x._node)
            told = {"dim": tuple(axes), "normalization": _mode(norm, name[0] == "i")}
            if kind == "FftC2CBackward0":
                told["forward"] = name[0] != "i"
            if first is not None:
                told |= {"self": input, "onesided": True}
            named(x, kind, ("ToCopy", input) if real and first is None else input, **told)
        return finish(x, out)

    transform.__name__ = transform.__qualname__ = name
    transform.__doc__ = f"torch.fft.{name}: over several axes, one after another."
    return worded(transform)


fftn, fft2 = _several("fftn", fft, None), _several("fft2", fft, (-2, -1))
ifftn, ifft2 = _several("ifftn", ifft, None), _several("ifft2", ifft, (-2, -1))
rfftn, rfft2 = (
    _several("rfftn", fft, None, first=rfft),
    _several("rfft2", fft, (-2, -1), first=rfft),
)
irfftn = _several("irfftn", ifft, None, last=irfft)
irfft2 = _several("irfft2", ifft, (-2, -1), last=irfft)


def _hermitian(name, doc, inner, outer, default):
    inverse = name.startswith("i")  # its real signal is transformed first

    def transform(input, s=None, dim=default, norm=None, *, out=None):
        pairs = _axes_of(require_tensor(name, input), s, dim, default)
        final, rest = pairs[-1], pairs[:-1]
        x = input
        if inverse:
            x = outer(x, final[1], final[0], norm)
        for axis, n in rest:
            x = inner(x, n, axis, norm)
        if not inverse:
            x = outer(x, final[1], final[0], norm)
        return finish(x, out)

    transform.__name__ = transform.__qualname__ = name
    transform.__doc__ = doc
    return worded(transform)


_HFFT = "torch.fft.{}: the real transform of a signal that is Hermitian along the last axis."
_IHFFT = "torch.fft.{}: the inverse of the Hermitian transform, over several axes."
hfftn = _hermitian("hfftn", _HFFT.format("hfftn"), fft, hfft, None)
hfft2 = _hermitian("hfft2", _HFFT.format("hfft2"), fft, hfft, (-2, -1))
ihfftn = _hermitian("ihfftn", _IHFFT.format("ihfftn"), ifft, ihfft, None)
ihfft2 = _hermitian("ihfft2", _IHFFT.format("ihfft2"), ifft, ihfft, (-2, -1))


# --- frequencies and shifts ---------------------------------------------------------------------


def fftfreq(n, d=1.0, *, dtype=None, device=None, requires_grad=False, **layout):
    """The frequency of each entry of fft's result, in cycles per unit of spacing d."""
    return _frequencies(np.fft.fftfreq(n, d), dtype, requires_grad)


def rfftfreq(n, d=1.0, *, dtype=None, device=None, requires_grad=False, **layout):
    """The frequency of each entry of rfft's result."""
    return _frequencies(np.fft.rfftfreq(n, d), dtype, requires_grad)


def _frequencies(values, dtype, requires_grad):
    dtype = of_python(dtype or DEFAULT.dtype)
    if dtype.category < 2:
        raise RuntimeError("fftfreq requires a floating point or complex dtype")
    return wrap(values.astype(dtype.numpy)).requires_grad_(requires_grad)


def _shifted(input, dim, amount):
    axes = range(ndim_of(input)) if dim is None else (dim,) if isinstance(dim, int) else dim
    return roll(input, [amount(shape_of(input)[a]) for a in axes], tuple(axes))


@worded
def fftshift(input, dim=None):
    """Frequency zero moved to the middle."""
    return _shifted(input, dim, lambda n: n // 2)


@worded
def ifftshift(input, dim=None):
    """The inverse of fftshift."""
    return _shifted(input, dim, lambda n: (n + 1) // 2)
