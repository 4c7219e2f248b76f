"""`trace_nan()`: where the first NaN or infinity came from, in the forward and backward pass.

What is infinite in the forward pass may be masked by `where` later, so it is followed: an error is
raised when it reaches a result, or the loss, or when it comes back as a NaN gradient.
"""

import weakref

import numpy as np

from ..base.errors import hinted
from ..base.frames import user_frame
from ..base.whereabouts import place_of
from ..core import versions
from ..core.handle import TensorBase, bottom, wrap
from ..core.modes import listen, unlisten
from ..core.node import Node, name_of

__all__ = ["NonFiniteError", "trace_nan"]


class NonFiniteError(FloatingPointError):
    """A value or gradient that is NaN or infinite; `line`, `operation` and `element` say where."""

    def __init__(self, message, place=None, operation="", element=()):
        super().__init__(message)
        self.line, self.operation, self.element = place, operation, element


class _Origin:
    """An operation whose operands were finite and whose result was not."""

    def __init__(self, prim, args, params, value, place):
        self.prim, self.place = prim, place
        self.element = tuple([int(i) for i in np.argwhere(~np.isfinite(value))[0]])
        self.value = value[self.element]
        self.operands = [_at(a, self.element, value.shape) for a in args]
        self.params = params

    def __str__(self):
        values = ", ".join([str(v) for v in self.operands])
        at = f" at element {list(self.element)}" if self.element else ""
        if self.prim is _Data:
            return f"the data given holds {self.value}{at} ({self.place})"
        what = f"{self.prim.name}({values})" if self.operands else self.prim.name
        return f"{what} gave {self.value}{at} ({self.place})"


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
        self.origins, self.masks, self.unused, self.last = [], [], [], None
        self.tainted = {}  # by id of a tensor that is alive: [weak reference, origin, used]
        self.memory = {}  # by id of an array that was written with what is not finite
        self.places = weakref.WeakKeyDictionary()  # node -> (line, operands)

    def __enter__(self):
        listen(self)
        versions.WATCHERS.append(self._written)
        return self

    def __exit__(self, kind, error, trace):
        unlisten(self)
        versions.WATCHERS.remove(self._written)
        left = [origin for _, origin, used in self.tainted.values() if not used] + self.unused
        self.tainted, self.memory, self.masks, self.last = {}, {}, [], None
        if kind is None and left:
            first = min(left, key=self.origins.index)
            raise self._forward_error(first, "The result is")
        return False

    # --- forward ---

    def applied(self, prim, args, params, result):
        parts = result if isinstance(result, tuple) else (result,)
        fed = [origin for a in args if (origin := self._use(a)) is not None]
        place = self.last = None
        for part in parts:
            value = _raw(part)
            if part._node.__class__ is Node or value is not None and not _finite(value):
                place = place or place_of(user_frame(2))
            if part._node.__class__ is Node:
                self.places[part._node] = place, [_raw(a) for a in args]
            if value is not None and not _finite(value):
                origin = fed[0] if fed else self._new(prim, args, params, value, place)
                self._taint(part, origin)

    def _use(self, a):
        """The origin of what is not finite in an operand, which is used now."""
        entry = self.tainted.get(id(a))
        if entry is not None and entry[0]() is a:
            entry[2] = True
            return entry[1]
        value = _raw(a)
        written = None if value is None else self.memory.get(id(versions.owner(value)))
        return None if written is None else written[1]

    def _taint(self, part, origin):
        key, tainted, unused = id(part), self.tainted, self.unused

        def gone(_):
            entry = tainted.pop(key, None)
            if entry is not None and not entry[2]:
                unused.append(entry[1])

        self.last = tainted[key] = [weakref.ref(part, gone), origin, False]

    def _written(self, array, time):
        """An in-place operation moves its result into the memory of a tensor."""
        key, memory = id(array), self.memory
        memory.pop(key, None)
        if self.last is not None:
            self.last[2] = True
        if isinstance(array, np.ndarray) and not _finite(array):
            origin = self.last[1] if self.last is not None else None
            if origin is None:
                origin = _Origin(_Write, (), {}, array, place_of(user_frame(2)))
                self.origins.append(origin)
            memory[key] = weakref.ref(array, lambda _: memory.pop(key, None)), origin

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
            for reference, origin, _ in self.tainted.values():
                tensor = reference()
                if tensor is not None and tensor._node is edge:
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


class _Write:
    """Stands for an in-place operation that was computed straight into memory."""

    name = "the operation in place"


def _parts(g):
    return g if isinstance(g, tuple) else (g,)


def _is_zero(value):
    return not isinstance(value, str) and value is not None and bool(np.all(value == 0))
