"""Records of operators, bits, conjugates, transforms, factorizations, histograms, copies of views."""

import numpy as np
from making import ALL, FLOATS, INTEGERS, REAL, binary, drawer, i, record, refuse, unary
from scipy import special

x = drawer("other")
DOUBLE = dict(dtypes=("float32", "float64"), tolerance=1e-7)
BITS = dict(differentiable=False, dtypes=(*INTEGERS, "bool"))
VIEW = dict(out=False, dtypes=ALL)


def square(n=3, *lead):
    """A well-conditioned matrix with distinct singular values."""
    return x(*lead, n, n) * 0.4 + np.diag(np.arange(1.0, n + 1))


def positive(n=3, *lead):
    a = square(n, *lead)
    return a @ a.swapaxes(-1, -2) + np.eye(n)


def attribute(name):
    return lambda library: lambda a: getattr(a, name)


def swapped(name):
    """The reflected operator of a method's name: other op tensor."""
    return lambda library: lambda a, b: getattr(a, name)(b)


def each(library, function):
    """Gauge-free parts of a factorization."""
    return lambda *args, **kwargs: function(library, *args, **kwargs)


def whole_of(function):
    return lambda library: each(library, function)


OPERATORS = [
    record("Tensor.__getitem__", (x(3, 4), 1), (x(3, 4), (slice(None), slice(0, 3, 2))), (x(3, 4), i(2, 0)),
           (x(3, 4), (i(0, 1), i(2, 2))), (x(2, 3), (Ellipsis, None)), **VIEW,
           refusals=(refuse(IndexError, "index 5 is out of bounds for dimension 0 with size 3", np.ones(3), 5),)),
    *[record(f"Tensor.{name}", (x(2, 3), 2.0), (x(3, low=0.5), 1.5), call=swapped(name), out=False, dtypes=dtypes, batch=True)
      for name, dtypes in (("__radd__", REAL), ("__rmul__", REAL), ("__rsub__", REAL))],
    *[record(f"Tensor.{name}", (x(2, 3, low=0.5), 2.0), (x(3, low=0.5), 1.5), call=swapped(name), out=False, dtypes=FLOATS, differentiable=name != "__rmod__")
      for name in ("__rdiv__", "__rpow__", "__rmod__")],
    record("Tensor.__rmatmul__", (x(3, 2), x(2, 3)), (x(3), x(2, 3)), call=swapped("__rmatmul__"), out=False, dtypes=FLOATS),
    *[record(f"Tensor.{name}", (i(3, 5, 6), i(1, 2, 7)), call=swapped(name), out=False, differentiable=False, dtypes=())
      for name in ("__rand__", "__ror__", "__rxor__")],
    record("true_divide", (x(2, 3), x(3, low=0.5)), dtypes=REAL), record("rsub", (x(2, 3), x(3)), (x(3), 2.0), out=False, dtypes=REAL),
    record("clamp_min", (x(2, 3), 0.5), (x(2, 3), x(3)), inplace=True, dtypes=REAL),
    record("clamp_max", (x(2, 3), 0.5), (x(2, 3), x(3)), inplace=True, dtypes=REAL),
    record("allclose", (np.ones(3), np.ones(3) + 1e-9), (x(3), x(3)), out=False, batch=False, differentiable=False, dtypes=FLOATS,
           call=whole_of(lambda t, a, b: t.tensor(t.allclose(a, b)))),
    record("equal", (np.ones(3), np.ones(3)), (x(3), x(3)), (x(3), x(2)), out=False, batch=False, differentiable=False, dtypes=ALL,
           call=whole_of(lambda t, a, b: t.tensor(t.equal(a, b)))),
    unary("isneginf", np.isneginf, differentiable=False, inplace=False, dtypes=REAL),
    unary("isposinf", np.isposinf, differentiable=False, inplace=False, dtypes=REAL),
    unary("isreal", np.isreal, differentiable=False, inplace=False, out=False, dtypes=ALL),
    unary("sinc", np.sinc, 0.1, 0.9, dtypes=FLOATS),
    *[record("polygamma", (n, x(2, 3, low=0.5)), suffix=f".polygamma_n_{n}", **DOUBLE) for n in range(5)],
    record("special.polygamma", (0, x(2, 3, low=0.5)), suffix=".special_polygamma_n_0", **DOUBLE),
    unary("special.modified_bessel_i0", special.i0, inplace=False, ours=True, **DOUBLE),
    unary("special.modified_bessel_i1", special.i1, 0.2, 2.0, inplace=False, ours=True, **DOUBLE),
    binary("nextafter", np.nextafter, numbers=False, differentiable=False, dtypes=("float32", "float64", "bfloat16")),
    *[record(f"bitwise_{name}", (i(6, 5, 12), i(3, 5, 10)), (i(6, 5, 12), 3), inplace=True, reference=reference, **BITS)
      for name, reference in (("and", np.bitwise_and), ("or", np.bitwise_or), ("xor", np.bitwise_xor))],
    record("bitwise_not", (i(6, -5, 12),), inplace=True, reference=np.invert, **BITS),
    record("bitwise_left_shift", (i(6, 5, 1), i(1, 0, 3)), inplace=True, reference=np.left_shift, **BITS),
    record("bitwise_right_shift", (i(6, -5, 12), i(1, 0, 2)), inplace=True, reference=np.right_shift, **BITS),
    record("gcd", (i(6, -5, 12), i(9, 10, 8)), inplace=True, reference=np.gcd, **BITS),
    record("lcm", (i(6, -5, 12), i(9, 10, 8)), inplace=True, reference=np.lcm, **BITS),
]  # fmt: skip

COMPLEX = x(2, 3) + 1j * x(2, 3)
PARTS = [
    record("real", (x(2, 3),), (COMPLEX,), **VIEW), record("imag", (COMPLEX,), out=False, dtypes=()),
    record("conj", (x(2, 3),), (COMPLEX,), **VIEW), record("conj_physical", (x(2, 3),), (COMPLEX,), inplace=True, dtypes=ALL),
    record("resolve_conj", (COMPLEX,), (x(3),), out=False, dtypes=ALL), record("resolve_neg", (COMPLEX,), (x(3),), out=False, dtypes=ALL),
    record("view_as_real", (COMPLEX,), out=False, dtypes=()), record("view_as_complex", (x(2, 3, 2),), out=False, dtypes=("float32", "float64")),
    record("nn.functional.silu", (COMPLEX,), suffix=".complex", out=False, ours=True, dtypes=()),
]  # fmt: skip

VIEWS = [
    record("Tensor.T", (x(2, 3),), (x(3, 2),), call=attribute("T"), **VIEW),
    *[record(f"Tensor.{name}", (x(2, 3),), call=attribute(name), **VIEW) for name in ("H", "mT", "mH")],
    record("Tensor.expand_as", (x(2, 1), x(2, 3)), **VIEW, fixed=(1,)), record("Tensor.reshape_as", (x(2, 3), x(3, 2)), **VIEW, fixed=(1,)),
    record("Tensor.view_as", (x(2, 3), x(3, 2)), **VIEW, fixed=(1,)), record("Tensor.sum_to_size", (x(2, 3), 1, 3), (x(2, 3), (2, 1)), **VIEW),
    record("split_with_sizes", (x(5, 2), [2, 3]), (x(2, 5), [1, 4], 1), **VIEW),
    record("atleast_1d", (x(),), (x(2, 3),), **VIEW), record("atleast_3d", (x(),), (x(2, 3),), (x(2),), **VIEW),
    record("linalg.diagonal", (x(2, 3, 3),), (x(3, 3), {"offset": 1}), **VIEW),
    *[record(name, sample, dtypes=ALL) for name, sample in (
        ("alias_copy", (x(2, 3),)), ("diagonal_copy", (x(3, 3),)), ("expand_copy", (x(2, 1), (2, 3))),
        ("permute_copy", (x(2, 3), (1, 0))), ("squeeze_copy", (x(2, 1),)), ("t_copy", (x(2, 3),)), ("unsqueeze_copy", (x(2), 0)))],
    record("as_strided_copy", (x(6), (2, 2), (1, 2)), batch=False, dtypes=ALL),
    record("split_with_sizes_copy", (x(5, 2), [2, 3]), **VIEW), record("unbind_copy", (x(3, 2),), **VIEW),
    record("as_strided_scatter", (x(6), x(2, 2), (2, 2), (1, 2)), batch=False, ours=True, dtypes=("float32", "float64")),
    record("constant_pad_nd", (x(2, 3), (1, 2), 0.5), (x(3), (-1, 1)), out=False, dtypes=FLOATS),
    record("msort", (x(4, 2, apart=True),), dtypes=FLOATS), record("nanmean", (x(2, 3),), (x(2, 3), 1), dtypes=FLOATS),
    record("unique_consecutive", (i(1, 1, 2, 2, 1).astype(float),), (i(1, 1, 2), {"return_inverse": True, "return_counts": True}),
           out=False, batch=False, differentiable=False, dtypes=REAL),
    record("nonzero_static", (np.array([0.0, 1.0, 2.0]), {"size": 3}), differentiable=False, dtypes=ALL),
    record("trapz", (x(4),), (x(2, 4), x(4)), out=False, **DOUBLE),
    record("linalg.vander", (x(3),), (x(2, 3), {"N": 4}), out=False, **DOUBLE),
    record("linalg.vecdot", (x(2, 3), x(2, 3)), (x(2, 3), x(3), {"dim": -1}), **DOUBLE),
    record("histogram", (x(10), 4), (x(10), 3, {"range": (-1.0, 1.0), "density": True}), (x(10), np.array([-2.0, -0.5, 1.0])),
           out=False, differentiable=False, fixed=(1,), **DOUBLE),
    record("histogramdd", (x(10, 2), [3, 2]), (x(10, 2), [np.array([-2.0, 0.0, 2.0]), np.array([-2.0, 0.5, 1.0])]),
           out=False, batch=False, differentiable=False, **DOUBLE),
]  # fmt: skip

HERMITIAN = dict(forward=False, twice=False)
SPECTRA = [
    *[record(f"fft.{name}", (x(2, 3, 4),), (x(3, 4), {"norm": "ortho"}), **DOUBLE) for name in ("fftn", "ifftn", "ifft2", "irfftn", "hfftn")],
    *[record(f"fft.{name}", (x(2, 3, 4),), (x(3, 4), {"norm": "ortho"}), **DOUBLE, **HERMITIAN) for name in ("rfftn", "rfft2")],
    record("fft.ihfftn", (x(4),), (x(5), {"norm": "ortho"}), **DOUBLE, **HERMITIAN),
    record("fft.hfft", (x(4),), (x(2, 4), 5), **DOUBLE), record("fft.ihfft", (x(6),), **DOUBLE, **HERMITIAN),
    record("fft.ifftshift", (x(2, 3),), (x(5),), out=False, **DOUBLE),
    record("stft", (x(16), 8), (x(2, 16), 8, 4, 6), out=False, call=whole_of(
        lambda t, a, *n: t.view_as_real(t.stft(a, *n, window=t.ones(n[-1] if len(n) > 2 else n[0], dtype=a.dtype), return_complex=True))), **DOUBLE),
    record("istft", (x(5, 9) + 1j * x(5, 9), 8), out=False, dtypes=(), tolerance=1e-7, twice=False, forward=False, call=whole_of(
        lambda t, a, n: t.istft(a, n, window=t.ones(n, dtype=t.float64)))),
]  # fmt: skip

SYMMETRIC = dict(symmetric=True, out=False, **DOUBLE)
ONCE = dict(out=False, twice=False, **DOUBLE)
MATRICES = [
    record("cholesky", (positive(),), (positive(2, 2),), symmetric=True, **DOUBLE),
    record("linalg.cholesky_ex", (positive(),), **SYMMETRIC), record("linalg.inv_ex", (square(),), out=False, **DOUBLE),
    record("linalg.solve_ex", (square(), x(3, 2)), out=False, **DOUBLE), record("linalg.lu_factor_ex", (square(),), out=False, **DOUBLE),
    # Of the factor one triangle is read, but as PyTorch's, the gradient takes it for a whole matrix.
    record("cholesky_inverse", (np.linalg.cholesky(positive()),), out=False, **DOUBLE,
           call=whole_of(lambda t, factor: t.cholesky_inverse(t.tril(factor)))),
    record("cholesky_solve", (x(3, 2), np.linalg.cholesky(positive())), out=False, **DOUBLE,
           call=whole_of(lambda t, b, factor: t.cholesky_solve(b, t.tril(factor)))),
    record("linalg.eigh", (positive(),), (positive(2, 2),), **{**SYMMETRIC, "twice": False},
           call=whole_of(lambda t, a: (lambda values, vectors: (values, vectors * vectors))(*t.linalg.eigh(a)))),
    record("linalg.svd", (square(),), (x(3, 2),), **ONCE,
           call=whole_of(lambda t, a: (lambda u, s, v: (u * u, s, v * v))(*t.linalg.svd(a, full_matrices=False)))),
    record("svd", (square(),), (x(3, 2),), **ONCE, call=whole_of(lambda t, a: (lambda u, s, v: (u * u, s, v * v))(*t.svd(a)))),
    record("qr", (square(),), (x(4, 2),), **ONCE),
    record("linalg.eig", (square() + np.diag([0.0, 5, 10]),), **ONCE,
           call=whole_of(lambda t, a: (lambda values, vectors: (values.real, vectors.abs()))(*t.linalg.eig(a)))),
    record("linalg.eigvals", (square() + np.diag([0.0, 5, 10]),), **ONCE, call=whole_of(lambda t, a: t.linalg.eigvals(a).real)),
    record("linalg.lstsq", (x(4, 2), x(4, 3)), (x(2, 3), x(2, 1)), out=False, **DOUBLE),
    record("linalg.lstsq", (x(4, 2), x(4, 3), {"driver": "gels"}), suffix=".grad_oriented", out=False, **DOUBLE),
    record("linalg.matrix_rank", (x(3, 2),), (np.ones((2, 2)),), differentiable=False, **DOUBLE),
    record("linalg.matrix_rank", (positive(), {"hermitian": True}), suffix=".hermitian", differentiable=False, **DOUBLE),
    record("linalg.lu_solve", (x(3, 3) + np.diag([3.0, 4, 5]), i(1, 3, 3).astype(np.int32), x(3, 2)), fixed=(1,), **DOUBLE),
    record("lu_solve", (x(3, 2), x(3, 3) + np.diag([3.0, 4, 5]), i(1, 3, 3).astype(np.int32)), fixed=(2,), **DOUBLE),
    record("lu_unpack", (x(3, 3), i(1, 3, 3).astype(np.int32)), out=False, fixed=(1,), **DOUBLE),
    record("lu", (square(),), out=False, **DOUBLE),
    record("linalg.ldl_factor", (positive(),), out=False, batch=True, differentiable=False, **DOUBLE),
    record("linalg.ldl_factor_ex", (positive(),), out=False, differentiable=False, **DOUBLE),
    record("linalg.ldl_solve", (positive(), i(1, 2, 3).astype(np.int32), x(3, 2)), fixed=(0, 1), differentiable=False, **DOUBLE),
    record("geqrf", (x(4, 3),), out=False, differentiable=False, **DOUBLE),
    record("ormqr", (x(4, 3), x(3), x(4, 2)), (x(4, 3), x(3), x(2, 4), False, True), out=False, ours=False, **DOUBLE),
    record("triangular_solve", (x(3, 2), square()), (x(3, 2), square(), False, True), out=False, **DOUBLE),
    record("matrix_exp", (square() * 0.3,), (square(2, 2) * 0.3,), out=False, **DOUBLE),
    record("pinverse", (x(3, 2),), out=False, **DOUBLE),
    record("linalg.pinv", (positive(), {"hermitian": True}), suffix=".hermitian", symmetric=True, **DOUBLE),
]  # fmt: skip

MASK = np.array([[True, False, True], [True, True, False]])
HIDDEN = {"mask": MASK}
MASKED = [
    *[record(f"masked.{name}", (x(2, 3, low=0.5), {"dim": 1, **HIDDEN}), out=False, **DOUBLE) for name in ("median",)],
    *[record(f"masked.{name}", (x(2, 3), {"dim": 1, **HIDDEN}), out=False, differentiable=False, **DOUBLE) for name in ("argmax", "argmin")],
    *[record(f"masked.{name}", (x(2, 3, low=0.5), 1, {**HIDDEN}), out=False, **DOUBLE) for name in (
        "cumsum", "cumprod", "softmax", "log_softmax", "softmin")],
    record("masked.normalize", (x(2, 3), 2.0, 1, {**HIDDEN}), out=False, **DOUBLE),
    record("masked.logaddexp", (x(2, 3), x(2, 3), {"input_mask": MASK, "other_mask": ~MASK}), out=False, **DOUBLE),
]  # fmt: skip

z = drawer("stretches")
STRETCHES = [
    record("segment_reduce", (z(6), "sum", {"lengths": i(2, 0, 4)}), (z(6), "mean", {"lengths": i(1, 3, 2)}),
           (z(4, 2, low=0.5), "prod", {"lengths": i(3, 0, 1)}), (z(6, apart=True), "max", {"offsets": i(0, 2, 6)}),
           (z(5, 2, apart=True), "min", {"lengths": i(2, 3)}), (z(6), "sum", {"lengths": i(2, 3), "unsafe": True, "initial": 1.5}),
           (z(2, 4), "mean", {"lengths": i(2, 2, 1, 3).reshape(2, 2), "axis": 1, "initial": 0.5}),
           out=False, ours=True, refusals=(
               refuse(RuntimeError, "Either lengths or offsets must be defined", np.ones(3), "sum"),
               refuse(RuntimeError, "lengths contains negative value!", np.ones(3), "sum", lengths=i(-1, 4)),
               refuse(RuntimeError, "to sum to data.size", np.ones(3), "sum", lengths=i(1, 1)))),
    record("slice", (z(5, 3), 0, 1, 4), (z(5, 3), 1, 0, 3, 2), (z(5),), call=lambda library: library.ops.aten.slice, **VIEW),
    record("conv_tbc", (z(5, 2, 3), z(3, 3, 4), z(4), 1), (z(4, 1, 2), z(2, 2, 3), z(3)), out=False, dtypes=("float32", "float64")),
]  # fmt: skip

OTHER = OPERATORS + PARTS + VIEWS + SPECTRA + MATRICES + MASKED + STRETCHES
