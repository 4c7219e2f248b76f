"""The words in which update formulas are written, in two readings: arrays and tensors.

`Arrays` writes into memory with scratch arrays that are kept; `Tensors` uses public operations, for
gradients that are themselves differentiated or traced. Both have the same methods, so each
optimizer's formula stands once. `run` cuts large arrays into blocks that stay in cache.
"""

import threading

import numpy as np

from ..core.blocks import SHARED, THREADS, share
from ..core.native import NATIVE
from ..frontend.tensor import Tensor

__all__ = ["TENSORS", "Workspace", "averaged", "decayed", "is_some", "joinable"]

BLOCK = 1 << 16  # elements: what a formula reads and writes of one block stays in the cache
NATIVE_SIZE = 4096  # elements from which a compiled loop gains
SMALL = 2048  # elements up to which parameters are joined


class Arrays:
    """Updates in place; a result that is not in place goes into one of three scratch arrays."""

    __slots__ = ("scratch", "spare")

    def __init__(self, shape, dtype):
        self.scratch = [np.empty(shape, dtype) for _ in range(3)]
        self.spare = np.empty(shape, dtype)  # used within one method only

    def negative(self, a, slot):
        return np.negative(a, self.scratch[slot])

    def plus(self, a, b, factor, slot):
        """a + factor · b"""
        out = np.multiply(b, factor, self.scratch[slot])
        return np.add(a, out, out)

    def copy(self, a, b):
        a[...] = b

    def add(self, a, b, factor):
        """a ← a + factor · b"""
        np.add(a, np.multiply(b, factor, self.spare), a)

    def shift(self, a, number):
        """a ← a + number"""
        return np.add(a, number, a)

    def scale(self, a, factor):
        """a ← factor · a"""
        return np.multiply(a, factor, a)

    def lerp(self, a, b, weight):
        """a ← a + weight · (b - a)"""
        part = np.subtract(b, a, self.spare)
        np.multiply(part, weight, part)
        np.add(a, part, a)

    def addcmul(self, a, b, c, factor):
        """a ← a + factor · b · c"""
        part = np.multiply(b, factor, self.spare)
        np.multiply(part, c, part)
        np.add(a, part, a)

    def addcdiv(self, a, b, c, factor):
        """a ← a + factor · b / c"""
        part = np.multiply(b, factor, self.spare)
        np.divide(part, c, part)
        np.add(a, part, a)

    def times(self, a, b, slot):
        return np.multiply(a, b, self.scratch[slot])

    def over(self, a, b, slot):
        return np.divide(a, b, self.scratch[slot])

    def sqrt(self, a, slot):
        return np.sqrt(a, self.scratch[slot])

    def absolute(self, a, slot):
        return np.abs(a, self.scratch[slot])

    def raise_to(self, a, b):
        """a ← max(a, b)"""
        np.maximum(a, b, out=a)


class Tensors:
    """The same words on tensors; slots mean nothing here."""

    def negative(self, a, slot):
        return -a

    def plus(self, a, b, factor, slot):
        # b is written to later; a factor that is a tensor has a gradient made of it.
        b = b.clone() if isinstance(factor, Tensor) and factor.requires_grad else b
        return a + b * factor

    def copy(self, a, b):
        a.copy_(b)

    def add(self, a, b, factor):
        a.add_(b * factor)

    def shift(self, a, number):
        return a.add_(number)

    def scale(self, a, factor):
        return a.mul_(factor)

    def lerp(self, a, b, weight):
        a.add_((b - a) * weight)

    def addcmul(self, a, b, c, factor):
        a.add_(b * factor * c)

    def addcdiv(self, a, b, c, factor):
        a.add_(b * factor / c)

    def times(self, a, b, slot):
        return a * b

    def over(self, a, b, slot):
        return a / b

    def sqrt(self, a, slot):
        return a.sqrt()

    def absolute(self, a, slot):
        return a.abs()

    def raise_to(self, a, b):
        a.copy_(a.maximum(b))


TENSORS = Tensors()


def joinable(arrays):
    """Whether a parameter is small enough that calls cost more than arithmetic (0.4 µs each)."""
    return arrays[0].size <= SMALL and all(array.flags.c_contiguous for array in arrays)


class Joined:
    """Small parameters updated as one: their state tensors become parts of one array each."""

    __slots__ = ("gradients", "homes", "parameters", "parts", "states")

    def __init__(self, entries):
        first = entries[0][1][0]
        ends = np.cumsum([arrays[0].size for _, arrays in entries]).tolist()
        spans = list(zip([0, *ends], ends, strict=False))
        self.parameters, self.gradients = [np.empty(ends[-1], first.dtype) for _ in range(2)]
        self.parts = [
            self.parameters[low:high].reshape(arrays[0].shape)
            for (low, high), (_, arrays) in zip(spans, entries, strict=True)
        ]
        self.states, self.homes = [], []
        for place in range(2, len(entries[0][1])):
            whole = np.concatenate([arrays[place].reshape(-1) for _, arrays in entries])
            self.states.append(whole)
            for (low, high), (tensors, arrays) in zip(spans, entries, strict=True):
                home = whole[low:high].reshape(arrays[place].shape)
                tensors[place]._value = home
                self.homes.append((tensors[place], home))

    def holds(self, entries):
        """Whether the state tensors still lie here (a loaded state does not)."""
        homes = iter(self.homes)
        for place in range(2, len(entries[0][1])):
            for tensors, _ in entries:
                tensor, home = next(homes)
                if tensors[place] is not tensor or tensor._value is not home:
                    return False
        return True


class Workspace:
    """The scratch memory of one optimizer, by shape, and the way through large arrays."""

    __slots__ = ("joined", "kernels")

    def __init__(self):
        self.kernels, self.joined = {}, {}

    def kernel(self, shape, dtype, thread=0):
        key = shape, dtype.num, thread
        found = self.kernels.get(key)
        if found is None:
            found = Arrays(shape, dtype)
            if not NATIVE.waiting:  # the next step is a compiled one
                self.kernels[key] = found
        return found

    def run(self, formula, numbers, arrays):
        """``formula(kernel, numbers, *arrays)``, in blocks where the arrays are large."""
        first = arrays[0]
        if first.size >= NATIVE_SIZE and NATIVE and NATIVE.update(formula, numbers, arrays):
            return
        if first.size > BLOCK and _flat(arrays):
            arrays = [array.reshape(-1, order="A") for array in arrays]
            if first.size >= SHARED and THREADS.count > 1:
                self._shared(formula, numbers, arrays)
            else:
                self._blocks(formula, numbers, arrays, 0, first.size, 0)
        else:
            formula(self.kernel(first.shape, first.dtype), numbers, *arrays)

    def run_joined(self, formula, numbers, entries):
        """The formula once for several small parameters: entries of (tensors, their arrays)."""
        if len(entries) == 1:
            return self.run(formula, numbers, entries[0][1])
        key = tuple([id(tensors[0]) for tensors, _ in entries])
        joined = self.joined.get(key)
        if joined is None or not joined.holds(entries):
            self.joined.clear()
            joined = self.joined[key] = Joined(entries)
        gradients = [arrays[1].reshape(-1) for _, arrays in entries]
        np.concatenate([arrays[0].reshape(-1) for _, arrays in entries], out=joined.parameters)
        np.concatenate(gradients, out=joined.gradients)
        kernel = self.kernel(joined.parameters.shape, joined.parameters.dtype)
        formula(kernel, numbers, joined.parameters, joined.gradients, *joined.states)
        for (_, arrays), part in zip(entries, joined.parts, strict=True):
            arrays[0][...] = part

    def _blocks(self, formula, numbers, arrays, start, end, thread):
        dtype, size = arrays[0].dtype, 0
        for low in range(start, end, BLOCK):
            high = min(low + BLOCK, end)
            if high - low != size:  # one that is not kept serves all blocks
                size = high - low
                kernel = self.kernel((size,), dtype, thread)
            formula(kernel, numbers, *[array[low:high] for array in arrays])

    def _shared(self, formula, numbers, arrays):
        size = arrays[0].size
        step = -(-size // THREADS.count)

        def piece(start):
            end = min(start + step, size)
            self._blocks(formula, numbers, arrays, start, end, threading.get_ident())

        share(piece, range(0, size, step))


def _flat(arrays):
    """Whether all arrays lie in memory densely and in the same order."""
    if all(array.flags.c_contiguous for array in arrays):
        return True
    return all(array.flags.f_contiguous for array in arrays)


def is_some(number):
    """Whether a factor counts: it is no zero. What a trace has in its place is none."""
    return isinstance(number, Tensor) or number != 0


def decayed(k, p, g, decay, maximize, keep=None):
    """What a step is made of: the gradient, turned round to climb, with the decay of the weights.

    Decoupled decay shrinks the weights themselves by the factor `keep`.
    """
    if maximize:
        g = k.negative(g, 0)
    if keep is not None:
        k.scale(p, keep)
    return k.plus(g, p, decay, 1) if is_some(decay) else g


def averaged(k, mean, square, g, share, beta2):
    """The running means of the gradient and of its square take in `g`."""
    k.lerp(mean, g, share)
    k.scale(square, beta2)
    k.addcmul(square, g, g, 1 - beta2)
