"""torch.nn.utils.parametrizations: orthogonal, of spectral norm 1, by length and direction."""

import enum

import numpy as np

from ... import ops
from ...autograd import no_grad
from ...base.dtypes import finfo
from ...base.lazy import lazy_module
from ...linalg import matrix_exp, qr, solve
from ..functional import normalize
from ..modules import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d, Module
from .parametrize import register_parametrization
from .weight_norm import length_except

_scipy = lazy_module("scipy.linalg")

__all__ = ["orthogonal", "spectral_norm", "weight_norm"]


class _WeightNorm(Module):
    def __init__(self, dim=0):
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g, weight_v):
        return weight_v * (weight_g / length_except(weight_v, self.dim))

    def right_inverse(self, weight):
        return length_except(weight, self.dim), weight


def weight_norm(module, name="weight", dim=0):
    """Train the length and the direction of a weight apart (Salimans & Kingma 2016).

    >>> import tidu as torch
    >>> list(weight_norm(torch.nn.Linear(3, 2)).parametrizations.weight.state_dict())
    ['original0', 'original1']
    """
    register_parametrization(module, name, _WeightNorm(dim), unsafe=True)

    def renamed(state_dict, prefix, *rest):
        # Files of the older weight_norm have other names.
        for old, new in (("_g", "original0"), ("_v", "original1")):
            key = f"{prefix}{name}{old}"
            if key in state_dict:
                state_dict[f"{prefix}parametrizations.{name}.{new}"] = state_dict.pop(key)

    module._register_load_state_dict_pre_hook(renamed)
    return module


class _SpectralNorm(Module):
    def __init__(self, weight, n_power_iterations=1, dim=0, eps=1e-12):
        super().__init__()
        ndim = weight.ndim
        if dim >= ndim or dim < -ndim:
            raise IndexError(
                "Dimension out of range (expected to be in range of "
                f"[-{ndim}, {ndim - 1}] but got {dim})"
            )
        if n_power_iterations <= 0:
            raise ValueError(
                "Expected n_power_iterations to be positive, but got "
                f"n_power_iterations={n_power_iterations}"
            )
        self.dim = dim if dim >= 0 else dim + ndim
        self.eps = eps
        if ndim > 1:
            self.n_power_iterations = n_power_iterations
            matrix = self._matrix(weight)
            height, width = matrix.size()
            u, v = matrix.new_empty(height).normal_(0, 1), matrix.new_empty(width).normal_(0, 1)
            self.register_buffer("_u", normalize(u, dim=0, eps=eps))
            self.register_buffer("_v", normalize(v, dim=0, eps=eps))
            self._iterate(matrix, 15)

    def _matrix(self, weight):
        if self.dim != 0:
            rest = [d for d in range(weight.dim()) if d != self.dim]
            weight = weight.permute(self.dim, *rest)
        return weight.flatten(1)

    def _iterate(self, matrix, times):
        with no_grad():
            for _ in range(times):
                self._u.copy_(normalize(ops.mv(matrix, self._v), dim=0, eps=self.eps))
                self._v.copy_(normalize(ops.mv(matrix.H, self._u), dim=0, eps=self.eps))

    def forward(self, weight):
        if weight.ndim == 1:
            return normalize(weight, dim=0, eps=self.eps)
        matrix = self._matrix(weight)
        if self.training:
            self._iterate(matrix, self.n_power_iterations)
        u, v = self._u.clone(), self._v.clone()
        return weight / ops.vdot(u, ops.mv(matrix, v))

    def right_inverse(self, value):
        # Any tensor is its own original, up to its norm.
        return value


def spectral_norm(module, name="weight", n_power_iterations=1, eps=1e-12, dim=None):
    """Keep the largest singular value of a weight at 1 (Miyato et al. 2018).

    >>> import tidu as torch
    >>> layer = spectral_norm(torch.nn.Linear(20, 40))
    >>> bool(torch.linalg.matrix_norm(layer.weight, 2) < 1.2)
    True
    """
    weight = getattr(module, name, None)
    if weight is None:
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    if dim is None:
        transposed = (ConvTranspose1d, ConvTranspose2d, ConvTranspose3d)
        dim = 1 if isinstance(module, transposed) else 0
    return register_parametrization(
        module, name, _SpectralNorm(weight, n_power_iterations, dim, eps)
    )


class _OrthMaps(enum.Enum):
    matrix_exp = enum.auto()
    cayley = enum.auto()
    householder = enum.auto()


def _is_orthogonal(q):
    n, k = q.size(-2), q.size(-1)
    identity = ops.eye(k, dtype=q.dtype)
    eps = 10.0 * n * finfo(q.dtype).eps
    return bool(ops.allclose(q.mH @ q, identity, atol=eps))


def _orthogonal_of(a):
    """The orthogonal factor, with the signs that make the triangular one positive."""
    q, r = qr(a)
    return q * r.diagonal(dim1=-2, dim2=-1).sgn().unsqueeze(-2)


def _product(lower, tau):
    """The product of the reflections I - τ v vᴴ, v the columns of I + lower: its first columns."""
    v = lower + ops.eye(*lower.shape[-2:], dtype=lower.dtype)
    q = ops.eye(*lower.shape[-2:], dtype=lower.dtype).expand(lower.shape)
    for i in reversed(range(lower.size(-1))):
        column = v[..., i : i + 1]
        q = q - tau[..., i, None, None] * column * (column.mH @ q)
    return q


def _reflections_of(q):
    """(a, τ) as LAPACK's geqrf gives them."""
    flat = q.reshape(-1, *q.shape[-2:]).detach().numpy()
    raw = [_scipy.qr(one, mode="raw")[0] for one in flat]
    a = ops.stack([ops.from_array(np.ascontiguousarray(pair[0])) for pair in raw])
    tau = ops.stack([ops.from_array(np.ascontiguousarray(pair[1])) for pair in raw])
    return a.reshape(q.shape), tau.reshape(*q.shape[:-2], -1)


class _Orthogonal(Module):
    def __init__(self, weight, orthogonal_map, *, use_trivialization=True):
        super().__init__()
        if weight.is_complex() and orthogonal_map == _OrthMaps.householder:
            raise ValueError(
                "The householder parametrization does not support complex tensors."
            )  # fmt: skip
        self.shape = weight.shape
        self.orthogonal_map = orthogonal_map
        if use_trivialization:
            self.register_buffer("base", None)

    def forward(self, x):
        n, k = x.size(-2), x.size(-1)
        wide = n < k
        if wide:
            x, n, k = x.mT, k, n
        if self.orthogonal_map == _OrthMaps.householder:
            q = self._reflected(x)
        else:
            q = self._mapped(x, n, k)
        if hasattr(self, "base"):
            q = self.base @ q
        return q.mT if wide else q

    def _reflected(self, x):
        lower = x.tril(-1)
        q = _product(lower, 2.0 / (1.0 + (lower * lower).sum(-2)))
        return q * x.diagonal(dim1=-2, dim2=-1).int().to(x.dtype).unsqueeze(-2)

    def _mapped(self, x, n, k):
        """From the skew-symmetric matrix of the lower triangle, by exponential or Cayley map."""
        lower = x.tril()
        if n != k:
            lower = ops.cat([lower, lower.new_zeros(n, n - k).expand(*x.shape[:-2], -1, -1)], -1)
        a = lower - lower.mH
        if self.orthogonal_map == _OrthMaps.matrix_exp:
            q = matrix_exp(a)
        else:
            identity = ops.eye(n, dtype=a.dtype)
            q = solve(identity - 0.5 * a, identity + 0.5 * a)
        return q[..., :k] if n != k else q

    def right_inverse(self, q):
        if q.shape != self.shape:
            raise ValueError(
                f"Expected a matrix or batch of matrices of shape {self.shape}. "
                f"Got a tensor of shape {q.shape}."
            )
        start = q
        n, k = q.size(-2), q.size(-1)
        wide = n < k
        if wide:
            q, n, k = q.mT, k, n
        if not hasattr(self, "base"):
            return self._originals(q, wide)
        if _is_orthogonal(q):
            first = q
            if n != k:
                first = ops.cat([q, self._completion(q, n, k)], -1)
        else:
            full = q
            if n != k:
                full = ops.cat([q, q.new_empty(*q.shape[:-2], n, n - k).normal_()], -1)
            first = _orthogonal_of(full)
        self.base = first.detach()
        # The reflections of -I give the identity; the other maps do not see the diagonal.
        original = ops.zeros_like(start)
        original.diagonal(dim1=-2, dim2=-1).fill_(-1.0)
        return original

    def _completion(self, q, n, k):
        """Further columns, at right angles to those of `q`."""
        rest = q.new_empty(*q.shape[:-2], n, n - k).normal_()
        return qr(rest - q @ (q.mH @ rest))[0]

    def _originals(self, q, wide):
        if self.orthogonal_map != _OrthMaps.householder:
            raise NotImplementedError(
                "It is not possible to assign to the matrix exponential or the Cayley "
                "parametrizations when use_trivialization=False."
            )
        a, tau = _reflections_of(q)
        diagonal = a.diagonal(dim1=-2, dim2=-1)
        diagonal.copy_(ops.where(tau == 0.0, -diagonal.sign(), diagonal.sign()))
        return a.mT if wide else a


def orthogonal(module, name="weight", orthogonal_map=None, *, use_trivialization=True):
    """Keep a matrix orthogonal (its columns, or rows, orthonormal) while it is trained.

    Maps: matrix_exp (square), householder (otherwise), cayley.

    >>> import tidu as torch
    >>> layer = orthogonal(torch.nn.Linear(4, 4))
    >>> torch.allclose(layer.weight @ layer.weight.T, torch.eye(4), atol=1e-5)
    True
    """
    weight = getattr(module, name, None)
    if weight is None:
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    if weight.ndim < 2:
        raise ValueError(
            "Expected a matrix or batch of matrices. Got a tensor of "
            f"{weight.ndim} dimensions."
        )  # fmt: skip
    if orthogonal_map is None:
        square = weight.size(-2) == weight.size(-1) or weight.is_complex()
        orthogonal_map = "matrix_exp" if square else "householder"
    if orthogonal_map not in _OrthMaps.__members__:
        raise ValueError(
            'orthogonal_map has to be one of "matrix_exp", "cayley", "householder". '
            f"Got: {orthogonal_map}"
        )
    function = _Orthogonal(weight, _OrthMaps[orthogonal_map], use_trivialization=use_trivialization)
    return register_parametrization(module, name, function, unsafe=True)
