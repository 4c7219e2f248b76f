"""`trace_nan()`: where the first NaN or infinity came from, in the forward and backward pass.

What is infinite in the forward pass may be masked by `where` later, so it is followed: an error is
raised when it reaches a result, or the loss, or when it comes back as a NaN gradient.
"""

import weakref

import numpy as np

from ..core.handle import TensorBase, bottom, wrap
from ..core.modes import listen, unlisten
from ..core.node import Node, name_of
from ..errors import hinted
from ..whereabouts import place_of, user_frame

__all__ = ["NonFiniteError", "trace_nan"]


class NonFiniteError(FloatingPointError):
    """A value or gradient that is NaN or infinite; `line`, `operation` and `element` say where."""

    def __init__(self, message, place=None, operation="", element=()):
        super().__init__(message)
        self.line, self.operation, self.element = place, operation, element


class _Origin:
    """An operation whose operands were finite and whose result was not."""

    def __init__(self, prim, args, params, value, place):
        self.prim, self.place, self.absorbed = prim, place, None
        self.element = tuple([int(i) for i in np.argwhere(~np.isfinite(value))[0]])
        self.value = value[self.element]
        self.operands = [_at(a, self.element, value.shape) for a in args]
        self.params = params

    def __str__(self):
        values = ", ".join([str(v) for v in self.operands])
        at = f" at element {list(self.element)}" if self.element else ""
        return f"{self.prim.name}({values}) gave {self.value}{at} ({self.place})"


def _raw(a):
    value = bottom(a) if isinstance(a, TensorBase) else a
    return value if isinstance(value, (np.ndarray, np.generic)) else None


def _finite(value):
    return value.dtype.kind not in "fc" or bool(np.isfinite(value).all())


def _at(a, element, shape):
    """What an operand is at the place of an output's element, or its range where shapes differ."""
    value = _raw(a)
    if value is None:
        return a
    if value.size == 1:
        return value.reshape(())[()]
    try:
        return np.broadcast_to(value, shape)[element]
    except ValueError:
        return f"{'x'.join(map(str, value.shape))} in [{value.min():.4g}, {value.max():.4g}]"


_ADVICE = {
    "log": "the logarithm needs values above 0: add a small number, or use log1p or log_softmax",
    "div": "the divisor is 0: add a small number to it, or divide only where it is not 0",
    "reciprocal": "1/0: add a small number to what is divided by",
    "sqrt": "the root of 0 has an infinite slope, and of a negative number no value: add a small "
    "number under the root",
    "exp": "exp overflows above 88 in float32: subtract the largest value first, as logsumexp does",
    "pow": "a power of 0 or of a negative number: keep the base above 0",
    "where": "both branches are computed: make the branch that is not taken finite too",
}


class trace_nan:
    """Inside, the first operation that makes a NaN or an infinity is found, forward and backward.

    Raises:
        NonFiniteError: in `backward`, where a gradient stops being finite (or the loss was not),
            and at the end of the block, where a result that nothing masked is not finite. It names
            the operation, the line, the operands; for a branch that `where` masked, that line too.

    >>> import tidu as torch
    >>> x = torch.tensor([1.0, 0.0], requires_grad=True)
    >>> with torch.trace_nan():
    ...     y = torch.where(x > 0, torch.log(x), x)  # -inf is masked: no error here
    ...     y.sum().backward()
    Traceback (most recent call last):
    ...
    tidu.diagnosis.nan.NonFiniteError: The gradient became nan in LogBackward0 ...
    """

    def __init__(self):
        self.origins, self.tainted, self.masks = [], {}, []
        self.places = weakref.WeakKeyDictionary()  # node -> (line, operands)

    def __enter__(self):
        listen(self)
        return self

    def __exit__(self, kind, error, trace):
        unlisten(self)
        left = [origin for _, origin, used in self.tainted.values() if not used]
        self.tainted, self.masks = {}, []
        if kind is None and left:
            first = min(left, key=self.origins.index)
            raise self._forward_error(first, "The result is")
        return False

    # --- forward ---

    def applied(self, prim, args, params, result):
        parts = result if isinstance(result, tuple) else (result,)
        fed = [self.tainted[id(a)] for a in args if id(a) in self.tainted]
        for entry in fed:
            entry[2] = True
        place = None
        for part in parts:
            value = _raw(part)
            if part._node.__class__ is Node or value is not None and not _finite(value):
                place = place or place_of(user_frame(2))
            if part._node.__class__ is Node:
                self.places[part._node] = place, [_raw(a) for a in args]
            if value is None or _finite(value):
                continue
            origin = fed[0][1] if fed else self._new(prim, args, params, value, place)
            if origin is not None:
                self.tainted[id(part)] = [part, origin, False]

    def _new(self, prim, args, params, value, place):
        """An origin: this operation, or data that was not finite when it was given."""
        bad = [v for v in [_raw(a) for a in args] if v is not None and not _finite(v)]
        if bad:
            origin = _Origin(_Data, (), {}, np.asarray(bad[0]), place)
        else:
            origin = _Origin(prim, args, params, np.asarray(value), place)
        self.origins.append(origin)
        return origin

    def _forward_error(self, origin, what):
        advice = _ADVICE.get(origin.prim.name, "look at its operands on that line")
        return NonFiniteError(
            hinted(f"{what} not finite: {origin}", advice),
            origin.place, origin.prim.name, origin.element,
        )  # fmt: skip

    # --- backward ---

    def pass_begins(self, job, seeds):
        self.masks = []
        for edge, g in seeds:
            value = _raw(g)
            if value is not None and not _finite(value):
                raise NonFiniteError("The gradient that backward was given is not finite.")
            for tensor, origin, _ in self.tainted.values():
                if tensor._node is edge:
                    raise self._forward_error(origin, "The loss is")

    def pass_ends(self, job):
        pass

    def visited(self, job, node, g, out):
        if node.prim.name == "where":
            self.masks.append(node)
        if any(p is not None and not _finite(p) for p in [_raw(p) for p in _parts(g)]):
            return
        for i, part in enumerate(out):
            value = _raw(part)
            if value is not None and not _finite(value):
                raise self._backward_error(node, i, np.asarray(value), g)

    def _backward_error(self, node, index, value, g):
        element = tuple([int(i) for i in np.argwhere(~np.isfinite(value))[0]])
        place, operands = self.places.get(node, (None, ()))
        shown = [str(_at(wrap(v), element, value.shape)) for v in operands if v is not None]
        incoming = _at(_parts(g)[0], element, value.shape)
        at = f" at element {list(element)}" if element else ""
        text = (
            f"The gradient became {value[element]} in {name_of(node)}{at} ({place}): the incoming "
            f"gradient there is {incoming}, its operands {', '.join(shown)}."
        )
        advice = _ADVICE.get(node.prim.name, "its derivative has no finite value at these operands")
        mask = self._mask_above(node) if _is_zero(incoming) else None
        if mask is not None:
            text += (
                f"\nThat element was masked: where on {self.places[mask][0]} takes the other "
                "branch there, and 0 times an infinite slope is NaN."
            )
            advice = (
                "put the where inside: give the operation a harmless operand where its result is "
                "not taken, log(where(x > 0, x, 1)) instead of where(x > 0, log(x), 0)"
            )
        return NonFiniteError(hinted(text, advice), place, name_of(node), element)

    def _mask_above(self, node):
        """The `where` visited last from which this node is reached."""
        for mask in reversed(self.masks):
            waiting, seen = [mask], set()
            while waiting:
                found = waiting.pop()
                if found is node:
                    return mask
                if found.__class__ is Node and found.seq not in seen and found.seq >= node.seq:
                    seen.add(found.seq)
                    waiting.extend(found.edges)
        return None


class _Data:
    """Stands for the primitive of a value that was not finite when it was given."""

    name = "the data given"


def _parts(g):
    return g if isinstance(g, tuple) else (g,)


def _is_zero(value):
    return not isinstance(value, str) and value is not None and bool(np.all(value == 0))
