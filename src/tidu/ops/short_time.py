"""torch.stft and istft: Fourier transforms of overlapping pieces of a signal."""

import math

from ..base.errors import hinted
from ..base.frames import warn_once
from ..core.handle import concrete, shape_of
from ..primitives.base import reshape
from . import fourier
from .complex_parts import view_as_real
from .convert import ANY, named, ndim_of, require_tensor, shown_beyond, type_of
from .convolution import fold
from .creation import ones
from .flags import strict
from .padding import pad
from .shapes import transpose, unfold, unsqueeze


def _piece(name, n_fft, hop_length, win_length, window, like):
    """(hop, the window widened to n_fft)."""
    hop = n_fft // 4 if hop_length is None else hop_length
    length = n_fft if win_length is None else win_length
    if hop <= 0:
        raise RuntimeError(f"{name}: expected hop_length > 0, but got hop_length={hop}")
    if not 0 < length <= n_fft:
        raise RuntimeError(f"{name}: expected 0 < win_length <= n_fft, but got win_length={length}")
    if window is None:
        dtype = type_of(like)
        window = ones(length, dtype=dtype.to_real() if dtype.is_complex else dtype)
    elif tuple(shape_of(window)) != (length,):
        raise RuntimeError(
            f"{name}: expected a 1D window tensor of size equal to win_length={length}, but got "
            f"window with size {list(shape_of(window))}"
        )
    if length < n_fft:
        left = (n_fft - length) // 2
        window = pad(window, (left, n_fft - length - left))
    return hop, window


_NO_WINDOW = "A window was not provided. A rectangular window will be applied,"
_FOR_STFT = (
    "which is known to cause spectral leakage. Other windows such as torch.hann_window or "
    "torch.hamming_window are recommended to reduce spectral leakage."
)
_FOR_ISTFT = "Please provide the same window used by stft to make the inversion lossless."
_OF_ONES = (
    "To suppress this warning and use a rectangular window, explicitly set "
    "`window=torch.ones(n_fft, device=<device>)`."
)


@strict
def stft(input, n_fft, hop_length=None, win_length=None, window=None, center=True,
         pad_mode="reflect", normalized=False, onesided=None, return_complex=None,
         align_to_window=None):  # fmt: skip
    """The spectrum of each windowed piece: (..., frequencies, pieces) of a signal (..., length).

    >>> import tidu as torch
    >>> torch.stft(torch.ones(16), 8, return_complex=True).shape
    torch.Size([5, 9])
    """
    x = require_tensor("stft", input)
    is_complex = type_of(x).is_complex or (window is not None and type_of(window).is_complex)
    if return_complex is None and not is_complex:
        raise RuntimeError(
            hinted(
                "stft requires the return_complex parameter be given for real inputs, and will "
                "further require that return_complex=True in a future PyTorch release.",
                "pass return_complex=True; torch.view_as_real gives the old form.",
            )
        )
    if window is None:
        warn_once(_NO_WINDOW + _FOR_STFT + _OF_ONES)
    if ndim_of(x) not in (1, 2):
        raise RuntimeError(f"stft: expected a 1D or 2D tensor, but got {ndim_of(x)}D")
    single = ndim_of(x) == 1
    signal = unsqueeze(x, 0) if single else x
    hop, weights = _piece("stft", n_fft, hop_length, win_length, window, x)
    if center:
        signal = _centred(signal, n_fft // 2, pad_mode, single)
    length = shape_of(signal)[1]
    if not 0 < n_fft <= length:
        raise RuntimeError(f"stft: expected 0 < n_fft < {length}, but got n_fft={n_fft}")
    pieces = named(unfold(signal, 1, n_fft, hop), "AsStridedBackward0") * weights
    onesided = not is_complex if onesided is None else onesided
    if onesided and is_complex:
        raise RuntimeError("Cannot have onesided output if window or input is complex")
    transform = fourier.rfft if onesided else fourier.fft
    out = transpose(transform(pieces, norm="ortho" if normalized else None), 1, 2)
    out = named(out, "TransposeBackward1")
    out = named(out.squeeze(0), "SqueezeBackward4") if single else out
    return out if return_complex or return_complex is None else view_as_real(out)


def _centred(signal, half, mode, single):
    """Rows of signals with as much before and after them, by PyTorch's steps."""
    three = named(unsqueeze(signal, 1), "ViewBackward0")
    padded = pad(three, (half, half), mode=mode)
    out = named(padded.squeeze(1), "ViewBackward0")
    if single:
        shown_beyond(three, [signal], ANY)
        named(out, "UnsqueezeBackward0", ("View", padded))
    return out


@strict
def istft(input, n_fft, hop_length=None, win_length=None, window=None, center=True,
          normalized=False, onesided=None, length=None, return_complex=False):  # fmt: skip
    """The signal with this spectrum, by overlapping its windowed pieces: the inverse of stft."""
    x = require_tensor("istft", input)
    if window is None:
        warn_once(_NO_WINDOW[:-1] + "." + _FOR_ISTFT + _OF_ONES)
    if not type_of(x).is_complex:
        raise RuntimeError(
            "istft requires a complex-valued input tensor matching the output from stft with "
            "return_complex=True."
        )
    if not math.prod(shape_of(x)):
        raise RuntimeError("istft: input tensor cannot be empty.")
    if ndim_of(x) not in (2, 3):
        raise RuntimeError(f"istft: expected a tensor with 2 or 3 dimensions, but got {ndim_of(x)}")
    single = ndim_of(x) == 2
    x = unsqueeze(x, 0) if single else x
    hop, weights = _piece("istft", n_fft, hop_length, win_length, window, x)
    onesided = shape_of(x)[1] != n_fft if onesided is None else onesided
    if shape_of(x)[1] != (n_fft // 2 + 1 if onesided else n_fft):
        expected = f"n_fft / 2 + 1 = {n_fft // 2 + 1}" if onesided else f"n_fft = {n_fft}"
        raise RuntimeError(
            "istft: expected the frequency dimension (3rd to the last) of the input tensor to "
            f"match {expected} when onesided={onesided}, but got {shape_of(x)[1]}"
        )
    spectrum, norm = transpose(x, 1, 2), "ortho" if normalized else None
    if return_complex:
        if onesided:
            raise RuntimeError("cannot have onesided output if return_complex")
        pieces = fourier.ifft(spectrum, norm=norm)
    else:
        pieces = fourier.irfft(spectrum[..., : n_fft // 2 + 1], n_fft, norm=norm)
    out = _overlapped(pieces * weights, hop)
    envelope = _overlapped((weights * weights).expand(1, shape_of(x)[2], n_fft), hop)
    start = n_fft // 2 if center else 0
    whole = n_fft + hop * (shape_of(x)[2] - 1)
    end = start + length if length is not None else whole - start if center else whole
    out, envelope = out[:, start:end], envelope[:, start:end]
    _check_envelope(envelope)
    out = out / envelope
    if length is not None and end > whole:
        out = pad(out, (0, end - whole))
    return out.squeeze(0) if single else out


def _check_envelope(envelope):
    value = envelope.detach()
    if value._value.dtype is None or not value.numel():
        return
    if abs(concrete(value)).min() < 1e-11:
        raise RuntimeError("window overlap add min: 1")


def _overlapped(pieces, hop):
    """Pieces (n, count, size) added up where they overlap: (n, length)."""
    n, count, size = shape_of(pieces)
    if type_of(pieces).is_complex:
        return _overlapped(pieces.real, hop) + 1j * _overlapped(pieces.imag, hop)
    length = size + hop * (count - 1)
    added = fold(transpose(pieces, 1, 2), (1, length), (1, size), stride=(1, hop))
    return reshape(added, shape=(n, length))
