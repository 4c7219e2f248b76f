"""What defines a result that an algorithm finds: A = Q·R with QᴴQ = I and R upper triangular.

Factors, inverses and solutions have no formula that computes them in a few steps; the equations
they satisfy say what they are, and can be checked with the numbers shown. Read `equations_of`.
"""

import numpy as np

from .rules import of, outs, rule_of, times

__all__ = ["OWN_SIGNS", "equations_of", "holding"]

OWN_SIGNS = {  # as in program/signs.py, where a primitive has none or its own tells too little
    "upper_triangle": {"tex": (r"\mathrm{triu}\left(#1\right)", 5, [0]),
                       "text": ("triu(#1)", 5, [0])},
    "lower_triangle": {"tex": (r"\mathrm{tril}\left(#1\right)", 5, [0]),
                       "text": ("tril(#1)", 5, [0])},
    "above_diagonal": {"tex": (r"\mathrm{triu}\left(#1, 1\right)", 5, [0]),
                       "text": ("triu(#1, 1)", 5, [0])},
    "below_diagonal": {"tex": (r"\mathrm{tril}\left(#1, -1\right)", 5, [0]),
                       "text": ("tril(#1, -1)", 5, [0])},
    "diagonal_matrix": {"tex": (r"\mathrm{diag}\left(#1\right)", 5, [0]),
                        "text": ("diag(#1)", 5, [0])},
    "its_diagonal": {"tex": (r"\mathrm{diagonal}\left(#1\right)", 5, [0]),
                     "text": ("diagonal(#1)", 5, [0])},
    "identity": {"tex": (r"\mathrm{I}_{#{size}}", 5, [0]), "text": ("eye(#{size})", 5, [0])},
    "multiple_of_identity": {"tex": (r"#1 \cdot \mathrm{I}_{#{size}}", 2, [2]),
                             "text": ("#1·eye(#{size})", 2, [2])},
    "scaled_columns": {"tex": (r"#1 \mathbin{@} \mathrm{diag}\left(#2\right)", 2, [2, 0]),
                       "text": ("#1 @ diag(#2)", 2, [2, 0])},
    "cat": {"tex": (r"\mathrm{cat}#{dim}\left(#*\right)", 5, [0]),
            "text": ("cat(#*#{dim})", 5, [0])},
    "lu_of_rows": {"tex": (r"\mathrm{lu}\left(#1\right)", 5, [0]), "text": ("lu(#1)", 5, [0])},
    "linalg_matrix_exp": {"tex": (r"\sum_{k=0}^{\infty} \frac{#1^{k}}{k!}", 2, [5]),
                          "text": ("Σ_k #1^k / k!", 2, [5])},
}  # fmt: skip


class Part:
    """A tree with its shape and whether its elements are complex."""

    __slots__ = ("complex", "shape", "tree")

    def __init__(self, tree, shape, is_complex):
        self.tree, self.shape, self.complex = tree, tuple(shape), is_complex

    def made(self, op, shape, rule, *others, **params):
        """An operation on this and others."""
        params = {**params, "shape": list(shape), "rule": rule}
        whole = self.complex or any(other.complex for other in others)
        return Part([op, params, self.tree, *[other.tree for other in others]], shape, whole)

    def __matmul__(self, other):
        lead = np.broadcast_shapes(self.shape[:-2], other.shape[:-2])
        shape = (*lead, self.shape[-2], other.shape[-1])
        return self.made("mm", shape, rule_of("mm", {}, [self.shape, other.shape], shape), other)

    def __add__(self, other):
        return self._with("add", other)

    def __mul__(self, other):
        return self._with("mul", other)

    def _with(self, op, other):
        shape = np.broadcast_shapes(self.shape, other.shape)
        return Part([op, None, self.tree, other.tree], shape, self.complex or other.complex)

    @property
    def adjoint(self):
        """The conjugate transpose; of real matrices the transpose."""
        *lead, i, j = outs(self.shape)
        shape = (*self.shape[:-2], self.shape[-1], self.shape[-2])
        inner = of(0, *lead, j, i)
        if self.complex:
            return self.made("adjoint", shape, ["conj", None, inner])
        rank = len(shape)
        axes = [*range(rank - 2), rank - 1, rank - 2]
        return self.made("permute", shape, inner, axes=axes)

    def scaled(self, numbers):
        """Each column times a number: self @ diag(numbers)."""
        *lead, i, j = outs(self.shape)
        rule = times(of(0, *lead, i, j), of(1, *lead, j))
        return self.made("scaled_columns", self.shape, rule, numbers)

    def kept(self, op, first, second):
        """The elements of a triangle."""
        condition = ["ordered", first, second]
        return self.made(op, self.shape, ["when", [condition], of(0, *outs(self.shape))])

    @property
    def upper(self):
        *_, i, j = outs(self.shape)
        return self.kept("upper_triangle", i, j)

    @property
    def lower(self):
        *_, i, j = outs(self.shape)
        return self.kept("lower_triangle", j, i)

    @property
    def above(self):
        *_, i, j = outs(self.shape)
        return self.kept("above_diagonal", ["+", i, 1], j)

    @property
    def below(self):
        *_, i, j = outs(self.shape)
        return self.kept("below_diagonal", ["+", j, 1], i)

    @property
    def on_diagonal(self):
        """The diagonal as a matrix; of complex ones its real part, which is all that is read."""
        *lead, i, _ = outs(self.shape)
        row = self.made("its_diagonal", self.shape[:-1], of(0, *lead, i, i))
        if self.complex:
            row = Part(["real", None, row.tree], row.shape, False)
        *lead, i, j = outs(self.shape)
        return row.made("diagonal_matrix", self.shape, ["when", [["same", i, j]], of(0, *lead, i)])


def identity(n):
    rule = ["when", [["same", "o0", "o1"]], 1]
    return Part(["identity", {"size": n, "shape": [n, n], "rule": rule}], (n, n), False)


def determinant(a):
    said = {"shape": list(a.shape[:-2])}
    rule = rule_of("linalg_det", {}, [a.shape], a.shape[:-2])
    return Part(["linalg_det", {**said, **({"rule": rule} if rule else {})}, a.tree],
                a.shape[:-2], a.complex)  # fmt: skip


def equations_of(record, shapes, holds=()):
    """[(left, right), ...] as trees: what a result is defined by; empty where a formula says it.

    `shapes` are those of the names in formulas; `holds` are the answers of `holding`.
    """
    make = EQUATIONS.get(record.op)
    if make is None or any(shapes.get(name) is None for name in ("x0", *shapes)):
        return []
    kind = record.inputs[0].value.dtype.kind == "c"
    names = {name: Part(name, shape, kind) for name, shape in shapes.items()}
    return [(left.tree, getattr(right, "tree", right))
            for left, right in make(names, record.params, *holds)]  # fmt: skip


def holding(record):
    """What an equation depends on beside the shapes: whether a matrix is Hermitian, and the like.

    Formulas of many nodes are written once, so it is a part of what tells them apart.
    """
    ask, shot = QUESTIONS.get(record.op), getattr(record.inputs[0], "value", None)
    if ask is None or shot is None or shot.array is None:
        return ()
    with np.errstate(all="ignore"):
        return (ask(record, shot.array),)


def _is_hermitian(record, x):
    """To rounding: x @ x.mH is."""
    off = np.abs(x - x.conj().swapaxes(-1, -2)).max(initial=0)
    return off <= 16 * np.finfo(x.dtype).eps * np.abs(x).max(initial=0)


def _is_whole(record, x):
    """Whether a pseudo-inverse left out no part of the matrix."""
    if record.value is None or record.value.array is None:
        return False
    found = x @ record.value.array @ x
    return np.allclose(found, x, rtol=1e-3, atol=1e-4 * np.abs(x).max(initial=0))


QUESTIONS = {"linalg_cholesky_ex": _is_hermitian, "linalg_eigh": _is_hermitian,
             "linalg_pinv": _is_whole}  # fmt: skip


# --- the equations -------------------------------------------------------------------------------


def _as_read(a, hermitian, upper=False):
    """What is read of a matrix that is taken to be Hermitian: one triangle."""
    if hermitian:
        return a
    half = a.above if upper else a.below
    return half + half.adjoint + a.on_diagonal


def _orthonormal(q):
    """QᴴQ = I."""
    return q.adjoint @ q, identity(q.shape[-1])


def _inverse(names, params):
    a, x = names["x0"], names["out"]
    return [(a @ x, identity(a.shape[-1]))]


def _solution(names, params):
    return [(names["x0"] @ names["out"], names["x1"])]


def _triangular_solution(names, params):
    a, x = names["x0"], names["out"]
    if params["unit"]:
        half = (a.above if params["upper"] else a.below) + identity(a.shape[-1])
    else:
        half = a.upper if params["upper"] else a.lower
    return [(half @ x, names["x1"])]


def _cholesky(names, params, hermitian=True):
    a, factor = names["x0"], names["out"]
    product = factor @ factor.adjoint
    return [(product, _as_read(a, hermitian)), (factor.lower, factor)]


def _eigen_hermitian(names, params, hermitian=True):
    a, vectors = names["x0"], names["out1"]
    values = Part("out0", names["out0"].shape, False)
    a = _as_read(a, hermitian, params["upper"])
    return [(a @ vectors, vectors.scaled(values)), _orthonormal(vectors)]


def _eigen(names, params):
    a = names["x0"]
    values, vectors = [Part(f"out{k}", names[f"out{k}"].shape, True) for k in (0, 1)]
    rank = len(vectors.shape)
    said = {"axes": [rank - 2], "keepdims": False}
    shape = (*vectors.shape[:-2], vectors.shape[-1])
    rule = rule_of("linalg_vector_norm", said, [vectors.shape], shape)
    length = vectors.made("linalg_vector_norm", shape, rule, **said)
    return [(a @ vectors, vectors.scaled(values)), (length, 1)]


def _singular(names, params):
    u, vh = names["out0"], names["out2"]
    s = Part("out1", names["out1"].shape, False)
    product = u.scaled(s) @ vh
    return [(product, names["x0"]), _orthonormal(u), (vh @ vh.adjoint, identity(vh.shape[-2]))]


def _orthogonal(names, params):
    if params.get("mode") == "r":
        r, a = names["out"], names["x0"]
        return [(r.adjoint @ r, a.adjoint @ a), (r.upper, r)]
    q, r = names["out0"], names["out1"]
    return [(q @ r, names["x0"]), _orthonormal(q), (r.upper, r)]


def _factors_of_rows(names, params):
    """Both factors in one matrix: L below the diagonal, with ones on it, and U."""
    both = names["out"]
    return [((both.below + identity(both.shape[-1])) @ both.upper, names["x0"])]


def _pseudo_inverse(names, params, whole=False):
    a, x = names["x0"], names["out"]
    if params["symmetric"]:
        a = _as_read(a, False)
    left, right = a @ x, x @ a
    said = [(x @ a @ x, x), (left.adjoint, left), (right.adjoint, right)]
    return [(a @ x @ a, a), *said] if whole else said


def _adjugate(names, params):
    a, x = names["x0"], names["out"]
    *lead, i, j = outs(a.shape)
    rule = ["when", [["same", i, j]], of(0, *lead)]
    said = {"size": a.shape[-1]}
    return [(a @ x, determinant(a).made("multiple_of_identity", a.shape, rule, **said))]


def _sign_and_logarithm(names, params):
    size = Part(["exp", None, "out1"], names["out1"].shape, False)
    return [(names["out0"] * size, determinant(names["x0"]))]


EQUATIONS = {
    "linalg_inv_ex": _inverse, "linalg_solve_ex": _solution,
    "linalg_solve_triangular": _triangular_solution, "linalg_cholesky_ex": _cholesky,
    "linalg_eigh": _eigen_hermitian, "linalg_eig": _eigen, "linalg_svd": _singular,
    "linalg_qr": _orthogonal, "lu_of_rows": _factors_of_rows,
    "linalg_pinv": _pseudo_inverse, "adjugate": _adjugate,
    "linalg_slogdet": _sign_and_logarithm,
}  # fmt: skip
