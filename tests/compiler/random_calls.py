"""Random calls of one compiled function: what guards must tell apart.

The arguments come from a pool (types, sizes, strides, views of each other, the same one twice,
numbers), and between the calls what the function reaches is changed: variables, attributes,
entries, modes. Results, writes and gradients must be those of the function itself.
"""

import numpy as np

import tidu as torch


class Box:
    def __init__(self, random):
        self.scale, self.word, self.items = 1.5, "add", [1, 2.5]
        self.weight = torch.tensor(random.standard_normal(3), requires_grad=True)
        self.state, self.table = torch.zeros(3, dtype=torch.float64), {"k": torch.ones(3)}


BODIES = (
    lambda box, x, y, k: x + y * k, lambda box, x, y, k: x * box.scale + y,
    lambda box, x, y, k: (x * box.weight.to(x.dtype)).sum() + y.sum(),
    lambda box, x, y, k: (x + 1 if box.word == "add" else x - 1) * y,
    lambda box, x, y, k: (x * box.items[0], y * box.items[-1], k), lambda box, x, y, k: x,
    lambda box, x, y, k: (y, x, x + 0), lambda box, x, y, k: x * y if x is y else x - y,
    lambda box, x, y, k: x.sin() if x.requires_grad else y.cos(),
    lambda box, x, y, k: x.reshape(-1)[:2] + (k or 0),
    lambda box, x, y, k: x.mT if x.ndim > 1 else x,
    lambda box, x, y, k: x * (2 if torch.is_grad_enabled() else 3) + y,
    lambda box, x, y, k: x + torch.ones(x.shape) * len(box.items),
    lambda box, x, y, k: x[..., 0] * k,
    lambda box, x, y, k: x * box.table["k"].sum() + len(box.table), lambda box, x, y, k: y[:1] * 2,
    lambda box, x, y, k: x * x.shape[0] + y.ndim, lambda box, x, y, k: (x if k else y) * 1.0,
    lambda box, x, y, k: x.to(y.dtype) + y if y.is_floating_point() else x.double(),
    lambda box, x, y, k: x if x.is_contiguous() else x * 2, lambda box, x, y, k: x + x.stride()[-1],
)  # fmt: skip


def stores(box, x, y):
    box.state = box.state * 0.5 + 1
    return box.state + 0


def adds(box, x, y):
    box.state.add_(0.25)
    return box.state.sum()


def writes(box, x, y):
    if not x.requires_grad:
        x.mul_(0.5)
        return x + y
    return x * 3


def writes_part(box, x, y):
    if y.requires_grad or not y.is_floating_point():
        return y * 2
    y[..., :1].add_(1)
    return y * x


def steps(box, x, y):
    loss = (box.weight**2).sum() + x.detach().double().mean()
    loss.backward()
    with torch.no_grad():
        box.weight.sub_(0.1 * box.weight.grad)
    return loss.detach()


EFFECTS = (None, None, stores, adds, writes, writes_part, steps)


class Calls:
    """``Calls(seed).results(compiled)``: what each of the calls gives, and all tensors after it."""

    kind, unit, signs = "calls", 1.2e-7, False
    bodies_of, effects_of = BODIES, EFFECTS

    def __init__(self, seed):
        self.seed = seed
        random = np.random.RandomState(seed)
        self.bodies = [self.one_of(random, self.bodies_of) for _ in range(random.randint(1, 3))]
        self.effect = self.one_of(random, self.effects_of)
        self.changes = random.randint(5, size=14) * (random.random_sample(14) < 0.5)
        self.few = random.randint(2, 9)  # the pool is small, so that calls come again
        self.dynamic = (None, None, None, True)[random.randint(4)]

    @staticmethod
    def one_of(random, table):
        return table[random.randint(len(table))]

    def pool(self, random, nudge):
        def of(*shape):
            return torch.tensor(random.standard_normal(shape) * (1 + nudge))

        base = of(3, 3)
        found = [of(3), of(3).requires_grad_(), of(3).float(), of(2, 3), base, base[0], base.mT,
                 of(3), base[1:, :2].mT, of(1, 3).requires_grad_(), torch.arange(3), of(3, 3).mT,
                 of(2, 3).float(), base.T[0], torch.tensor([True, False, True])]  # fmt: skip
        order = random.permutation(len(found))
        return [found[i] for i in order[: self.few]], found

    def results(self, compiled, nudge=0.0):
        random = np.random.RandomState(self.seed + 1)
        box = Box(random)
        pool, everything = self.pool(random, nudge)
        numbers = [1, 2, 0.5, 1.5, True, 0][: random.randint(1, 7)]
        offset = torch.ones(3, dtype=torch.float64)

        def function(x, y, k):
            outs = [body(box, x, y, k) for body in self.bodies]
            if self.effect is not None:
                outs.append(self.effect(box, x, y))
            return outs, offset * 2

        def change(kind):
            nonlocal offset
            if kind == 1:
                box.scale, box.items = box.scale + 1, [*box.items, 3]
            elif kind == 2:
                offset = offset + 1
            elif kind == 3:
                box.word, box.table["new"] = "less", 1
            elif kind == 4:
                box.state, box.weight.grad = torch.ones(3, dtype=torch.float64), None

        run = torch.compile(function, dynamic=self.dynamic) if compiled else function
        found = []
        for kind in self.changes:
            change(kind)
            self.between(random, box, everything)
            x, y = [pool[random.randint(len(pool))] for _ in range(2)]
            k, quiet = numbers[random.randint(len(numbers))], random.randint(5) == 0
            with torch.set_grad_enabled(not quiet):
                found += self.one(run, (x, y, k), (*everything, box.state, box.weight))
        return found

    def between(self, random, box, everything):
        """What a user does with arguments and settings between two calls: nothing."""

    @staticmethod
    def one(run, given, everything):
        try:
            outs, other = run(*given)
        except (RuntimeError, IndexError, TypeError, ValueError) as error:
            return [np.array(type(error).__name__)]
        flat = [t for o in outs for t in (o if isinstance(o, tuple) else (o,))]
        tensors = [t for t in flat if isinstance(t, torch.Tensor)]
        same = [[t is e for e in everything] for t in tensors]
        found = [np.array([t.requires_grad for t in tensors]), np.array(same)]
        wanted = [t for t in tensors if t.requires_grad]
        leaves = [e for e in everything if e.requires_grad and e.is_leaf]
        if wanted and torch.is_grad_enabled():
            total = sum((t.double() * (i + 1)).sum() for i, t in enumerate(wanted))
            grads = torch.autograd.grad(total, leaves, allow_unused=True)
            found += [np.zeros(1) if g is None or not g.numpy().any() else g.numpy() for g in grads]
        found += [np.asarray(k) for k in flat if not isinstance(k, torch.Tensor)]
        return [*found, *[t.detach().numpy().copy() for t in (*tensors, other, *everything)]]


class Scaled(torch.autograd.Function):
    """By a number of the box, in both directions."""

    @staticmethod
    def forward(ctx, x, box):
        ctx.box = box
        return x * box.scale

    @staticmethod
    def backward(ctx, g):
        return g * ctx.box.scale * 2, None


def remembers(box, x, y):
    box.items.append(float(x.shape[0]))
    box.table[f"{len(box.items)}"] = 2
    return x * len(box.table)


def hooks(box, x, y):
    z = box.weight * 2
    z.register_hook(lambda g: g * box.scale)
    return z.sin() + x.detach().double().mean()


def accumulates(box, x, y):
    (box.weight * x.detach().double().mean()).sum().backward()
    return box.weight.grad.sum()


def assigns(box, x, y):
    box.table["k"] = box.table["k"] * 0.5 + 1
    box.state[1:].copy_(box.state[:1].expand(2) + 1)
    return box.table["k"].sum() + box.state


MORE_BODIES = (
    *BODIES, lambda box, x, y, k: Scaled.apply(x * 1.0, box), lambda box, x, y, k: x.sum() * y.ndim,
    lambda box, x, y, k: box.made(x.double()) if x.shape[-1] == 3 else x + 1,
    lambda box, x, y, k: x.masked_fill(y.bool(), 2) if x.shape == y.shape else x.t(),
    lambda box, x, y, k: x * k if isinstance(k, float) else x + len(box.word),
    lambda box, x, y, k: torch.where(x > 0, x, box.scale), lambda box, x, y, k: x.new_zeros(2) + k,
    lambda box, x, y, k: x if x._base is None else x + 1, lambda box, x, y, k: x.sum().item() + k,
    lambda box, x, y, k: x * (x.grad is None) + y, lambda box, x, y, k: x.data * 2 + y.detach(),
    lambda box, x, y, k: (x, (y, {"a": x + k})[1]["a"]),
    lambda box, x, y, k: x.view(-1)[-1:] * y.dim(),
    lambda box, x, y, k: x * torch.get_default_dtype().itemsize, lambda box, x, y, k: [x, k][1] * y,
    lambda box, x, y, k: x.clone() if x.is_leaf else x.float(),
    lambda box, x, y, k: x.size(0) * k + y,
)  # fmt: skip
MORE_EFFECTS = (*EFFECTS[2:], remembers, hooks, accumulates, assigns)


class Changes(Calls):
    """Calls between which the user changes the arguments themselves and what the function calls."""

    kind, signs = "changes", True
    bodies_of, effects_of = MORE_BODIES, MORE_EFFECTS

    def results(self, compiled, nudge=0.0):
        try:
            return super().results(compiled, nudge)
        finally:
            torch.set_default_dtype(torch.float32)

    def between(self, random, box, everything):
        kind, t = random.randint(24), everything[random.randint(len(everything))]
        if not hasattr(box, "made"):
            torch.manual_seed(0)
            box.made = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.Dropout(0.3)).double()
        with torch.no_grad():
            if kind == 0 and t.is_floating_point():
                t.mul_(0.5)
            elif kind == 1:
                t[...] = 1
            elif kind == 2 and t.is_leaf and t.is_floating_point() and t._base is None:
                t.requires_grad_(not t.requires_grad)
            elif kind == 3 and t.is_leaf and t.is_floating_point():
                t.grad = torch.ones_like(t)
            elif kind == 4 and t._base is None:
                t.data = t.data * 2
            elif kind == 5:
                box.made.train(not box.made.training)
            elif kind == 6:
                box.made[0].weight.mul_(0.5)
            elif kind == 7:
                box.made[0] = torch.nn.Linear(3, 3, bias=False, dtype=torch.float64)
            elif kind == 8:
                torch.set_default_dtype(torch.float64)
            elif kind == 9:
                box.made[0].register_forward_hook(lambda module, given, out: out * 0.5)
            elif kind == 10:
                box.weight = torch.nn.Parameter(box.weight.detach() + 1)
            elif kind == 11 and t.ndim == 2 and t._base is None and not t.requires_grad:
                t.t_()
            elif kind == 12:
                box.table = {**box.table, "k": torch.full((2,), 2.0)}
