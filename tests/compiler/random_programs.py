"""Random programs: 5 to 40 operations on tensors of any types, with views, writes in place,
broadcasting, reductions, draws, transforms and gradients; a seed is a program.

`random_runs.py` runs them.
"""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
import random_operations as some
import random_wider as wider
from random_calls import Calls, Changes
from random_networks import Network
from random_training import Training

import tidu as torch

KINDS = ("plain", "types", "coarse", "branches", "inside", "networks", "types", "inside", "plain",
         "calls", "coarse", "branches", "inside", "networks", "types", "training", "wide", "wide",
         "unusual", "wide", "changes", "unusual", "wide", "changes")  # fmt: skip
COARSE = (torch.float16, torch.bfloat16, torch.float32)
WHOLE = (torch.int64, torch.int32, torch.uint8, torch.int16, torch.int8)


class Program:
    """``Program(seed).results(compiled)``: what calls give, as arrays, and what they have written
    into their inputs. `kind`: "branches" asks for values, "inside" differentiates inside.
    """

    tables = some
    signs = False  # whether zeros' signs are compared

    def __init__(self, seed, kind):
        self.seed, self.kind = seed, kind
        random = np.random.RandomState(seed)
        rows, columns = random.randint(1, 6), random.randint(2, 7)
        self.rows, self.columns = rows, columns
        self.lead = [random.randint(1, 4)] * (random.randint(3) == 0)
        self.length = 5 + int(36 * random.random_sample() ** 2.5)
        self.coarse = COARSE[random.randint(3)] if kind == "coarse" else torch.float64
        self.unit = {torch.float16: 1e-3, torch.bfloat16: 8e-3, torch.float32: 1.2e-7}.get(
            self.coarse, 2.2e-16)  # fmt: skip
        # What compiled branches and loops give lies in order, whichever way is taken.
        self.ordered = False
        self.dynamic, self.grows = (None, None, True)[random.randint(3)], random.randint(3) == 0
        self.mixed = kind in ("types", "coarse", "branches")
        if self.mixed:
            self.unit = max(self.unit, 1.2e-7)

    def inputs(self, nudge, more=0):
        """Floating tensors first: those with a gradient, then one without, which is written to;
        of so many `more` rows."""
        rows, columns = self.rows + more, self.columns
        shapes = [(rows, columns), (1, columns), (rows, 1), (columns,), ()]
        shapes += [(n, rows, columns) for n in self.lead]
        random = np.random.RandomState(self.seed + 1)
        off = np.random.RandomState(self.seed + 3)
        given = []
        for i, shape in enumerate([*shapes, shapes[0]]):
            array = random.standard_normal(shape)
            array = self.values(array * (1 + nudge * off.standard_normal(shape)), i)
            dtype = self.coarse if i % 2 == 0 else torch.float64
            given.append(torch.tensor(array, dtype=dtype))
        leaves = given[:-1]
        for t in leaves:
            t.requires_grad_()
        shape = shapes[0]
        given.append(torch.tensor(random.randint(0, 9, shape), dtype=WHOLE[random.randint(5)]))
        given.append(torch.tensor(random.randint(0, 9, shape[1:]), dtype=WHOLE[random.randint(5)]))
        given.append(torch.tensor(random.random_sample(shape) > 0.5))
        given.append(torch.tensor(random.randn(*shape) + 1j * random.randn(*shape)))
        return given, leaves

    def values(self, array, place):
        """What the floating input of a place is made of, of an array of normal numbers."""
        return array

    def results(self, compiled, nudge=0.0):
        found, together = [], []
        run = self
        if compiled:
            whole = self.kind != "branches"
            run = torch.compile(lambda *given: self(*given), fullgraph=whole, dynamic=self.dynamic)
        torch.manual_seed(self.seed % 1000)
        for call in range(1 + (self.kind != "plain") + self.grows):
            given, leaves = self.inputs(nudge, call == 2)
            if call and self.kind == "branches":
                given[0] = given[0].detach().neg().requires_grad_()
                leaves[0] = given[0]
            outs = run(*given)
            if self.kind != "inside":
                total = weighed(outs)
                if total.requires_grad:
                    outs = [*outs, *_zeroed(total, leaves)]
            found += [plain(t) for t in (*outs, *given)]
            together.append([*outs, *given])
        found += [shared(tensors, not self.ordered) for tensors in together]
        return [*found, torch.rand(2).numpy()]

    def __call__(self, *given):
        random = np.random.RandomState(self.seed + 2)
        values = [t for t in given if self.mixed or t.dtype is torch.float64]
        for _ in range(self.length):
            x = values[random.randint(len(values))]
            out = self.step(x, values, random, random.randint(1 << 20))
            if isinstance(out, torch.Tensor) and 0 < out.numel() < 300 and out.ndim < 4:
                values.append(out)
                if out.dtype is torch.float32:  # of integers, which any program may come to
                    self.unit = max(self.unit, 1.2e-7)
        outs = [values[-1], values[-2], weighed(values)]
        if self.kind == "inside" and outs[-1].requires_grad:
            leaves = [t for t in given if t.requires_grad]
            outs += _zeroed(outs[-1], leaves)
        return [*outs, *[t.clone() if i % 2 else t[...] for i, t in enumerate(outs)]]

    def step(self, x, values, random, pick):
        tables = self.tables

        def one(table):
            return table[pick % len(table)]

        def other(wanted):
            fits = [v for v in values if wanted(v) and _fits(v.shape, x.shape)]
            return fits[random.randint(len(fits))] if fits else x

        kind = random.randint(24)
        if x.dtype is torch.bool:
            return one(tables.TRUTH_PAIRS)(x, other(lambda v: v.dtype is torch.bool)) if (
                kind < 9) else one(tables.TRUTHS)(x)  # fmt: skip
        if x.is_complex():
            return one(tables.COMPLEX_PAIRS)(x, other(torch.is_complex)) if (
                kind < 7) else one(tables.COMPLEX)(x)  # fmt: skip
        if not x.is_floating_point():
            return one(tables.WHOLE_PAIRS)(x, other(_whole)) if kind < 9 else one(tables.WHOLE)(x)
        if kind < 7 or not x.ndim:
            return one(tables.FLOATS)(x) if x.ndim else one(tables.FLOATS)(x.reshape(1))
        if kind < 11:
            return one(tables.PAIRS)(x, other(torch.is_floating_point))
        if kind < 14:
            return one(tables.VIEWS)(x)
        if kind < 16:
            return one(tables.SUMS)(x)
        if kind < 19:
            return self.write(x, values, random, pick)
        if kind < 21 and x.dtype not in COARSE[:2]:
            self.ordered |= one(tables.TRANSFORMS) in tables.BODIES
            return one(tables.TRANSFORMS)(x)
        if kind == 21:
            whole = [v for v in values if _whole(v)]
            return one(tables.INDEXED)(x, whole[random.randint(len(whole))]) if whole else -x
        if kind == 22 and self.kind == "branches":
            return one(tables.ASKING)(x, values[0])
        return (
            one(tables.CASTS)(x, self.coarse) if self.mixed and pick % 3 else one(tables.DRAWS)(x)
        )

    def write(self, x, values, random, pick):
        """A tensor changed in place, whole or through a view of it; or an input without a
        gradient is."""
        tables, z = self.tables, x * 1.5
        part = tables.PARTS[pick % len(tables.PARTS)](z)
        if part.numel():
            y = values[random.randint(len(values))]
            y = y if y.is_floating_point() else x
            if pick % 5 == 0:
                y = y.detach()
            tables.WRITES[random.randint(len(tables.WRITES) - 1)](part, y.to(x.dtype))
        if pick % 31 == 0:
            target = next(
                (v for v in values if v.is_floating_point() and not v.requires_grad), None
            )
            if target is not None:
                target.mul_(0.5).add_(x.detach().mean().to(target.dtype))
        return z.tanh() if pick % 2 else z


class Wide(Program):
    """Of all operations, and with modules that have a state."""

    tables, signs = wider, True

    def __init__(self, seed, kind=None):
        random = np.random.RandomState(seed + 7)
        kinds = "plain", "inside", "branches", "types", "coarse"
        super().__init__(seed, kind or kinds[random.randint(5)])
        self.trains, self.narrow = random.randint(4) > 0, random.randint(4) == 0
        if self.narrow:
            self.unit = max(self.unit, 1.2e-7)

    def results(self, compiled, nudge=0.0):
        torch.manual_seed(self.seed % 997)
        held = wider.Held().train(self.trains)
        self.held = held.float() if self.narrow else held.double()
        return super().results(compiled, nudge)

    def inputs(self, nudge, more=0):
        given, leaves = super().inputs(nudge, more)
        more = list(self.held.parameters())
        return [*given, *more, *self.held.buffers()], [*leaves, *more]

    def step(self, x, values, random, pick):
        if pick % 11 == 0 and x.is_floating_point() and x.numel():
            return self.tables.HELD[pick // 11 % len(self.tables.HELD)](self.held, x)
        return super().step(x, values, random, pick)


class Unusual(Wide):
    """With elements that are no finite numbers, zeros of both signs, and tensors without any."""

    def __init__(self, seed):
        super().__init__(seed)
        random = np.random.RandomState(seed + 8)
        self.given = random.choice(_UNUSUAL, 3)
        self.length = min(self.length, 12)
        if random.randint(4) == 0:
            self.rows = 0

    def values(self, array, place):
        random = np.random.RandomState(self.seed + 9 + place)
        if random.randint(2) or not array.ndim:
            return array
        return np.where(random.random_sample(array.shape) < 0.2, random.choice(self.given), array)


_UNUSUAL = (np.nan, np.inf, -np.inf, 0.0, -0.0, 1e300, -1e-300, 1.0, -1.0, 0.5)


def _whole(v):
    return not (v.is_floating_point() or v.is_complex() or v.dtype is torch.bool)


def _fits(a, b):
    return all(m == n or 1 in (m, n) for m, n in zip(a[::-1], b[::-1], strict=False))


def weighed(outs):
    """One number that depends on all of them."""
    total = torch.zeros((), dtype=torch.float64)
    for i, o in enumerate(outs):
        if o.is_complex():
            o = o.real + 0.5 * o.imag
        if o.is_floating_point():
            total = total + (o.double() * (1 + 0.1 * (i % 7))).sum().tanh()
    return total


def _zeroed(total, leaves):
    grads = torch.autograd.grad(total, leaves, allow_unused=True)
    return [torch.zeros_like(t) if g is None else g for g, t in zip(grads, leaves, strict=True)]


def plain(t):
    t = t.detach()
    return t.float().numpy() if t.dtype is torch.bfloat16 else t.numpy()


def shared(tensors, strides):
    """Which of them lie in one memory (that of a number is made when it is first written), and
    their `strides`."""
    arrays = [t.detach()._array() for t in tensors if t.ndim]
    together = [[np.may_share_memory(a, b) for b in arrays] for a in arrays]
    steps = [s for a in arrays for n, s in zip(a.shape, a.strides, strict=True) if n > 1]
    return np.array([*np.ravel(together), *(steps if strides else [])])


def case(seed, kind=None):
    kind = kind or KINDS[seed % len(KINDS)]
    other = {"training": Training, "calls": Calls, "networks": Network, "wide": Wide,
             "unusual": Unusual, "changes": Changes}.get(kind)  # fmt: skip
    return Program(seed, kind) if other is None else other(seed)
