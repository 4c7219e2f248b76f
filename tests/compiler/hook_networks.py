"""Programs with hooks of modules and optimizers, and what stands on them: as hook_programs.py.

Each is run with the backward pass inside the compiled function and outside of it.
"""

import sys

WHOLE, CUT = {}, {}


def whole(program):
    WHOLE[program.__name__] = program
    return program


def cut(inside=None, outside=None):
    """The words that the warning names; None where the function is compiled whole."""

    def note(program):
        CUT[program.__name__] = program, {True: inside, False: outside}
        return program

    return note


def network(torch):
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2))


def wrapped(torch, inner, call):
    """A module whose forward is `call(inner, x)`."""

    class Wrapped(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = inner

        def forward(self, x):
            return call(self.inner, x)

    return Wrapped()


def trained(torch, model, compile, inside, see=lambda i: None, count=4):
    """Losses and gradients of some calls, and what `see(i)` tells after each."""

    def step(x):
        loss = model(x).pow(2).sum()
        if inside:
            loss.backward()
            return loss.detach()
        return loss

    step, found = compile(step), []
    for i in range(count):
        model.zero_grad()
        torch.manual_seed(i)
        loss = step(torch.randn(5, 3))
        if not inside:
            loss.backward()
        grads = [p.grad.clone() for p in model.parameters() if p.grad is not None]
        found.append((loss.detach(), grads, see(i)))
    return found


@whole
def forward_hooks(torch, compile, inside):
    model = network(torch)
    model[0].register_forward_pre_hook(lambda m, a, k: ((a[0] * 2,), k), with_kwargs=True)
    model[0].register_forward_hook(lambda m, a, k, out: out + a[0].mean(), with_kwargs=True)
    model[2].register_forward_pre_hook(lambda m, a: (a[0] * 2,))
    model[2].register_forward_hook(lambda m, a, out: out * 2, always_call=True)
    return trained(torch, model, compile, inside)


@whole
def backward_hooks(torch, compile, inside):
    model = network(torch)
    model[2].register_full_backward_hook(lambda m, ins, outs: (ins[0] * 2,))
    model[0].register_full_backward_pre_hook(lambda m, outs: (outs[0] * 3,))
    return trained(torch, model, compile, inside)


@whole
def stored_features(torch, compile, inside):
    model, kept, all_kept = network(torch), {"it": torch.zeros(())}, []
    model[0].register_forward_hook(lambda m, a, out: kept.update(it=out.detach()))
    model[1].register_forward_hook(lambda m, a, out: all_kept.append(out.detach()))
    see = lambda i: (kept["it"].clone(), [t.clone() for t in all_kept])
    return trained(torch, model, compile, inside, see)


@whole
def module_hooks_come_and_go(torch, compile, inside):
    model, attached = network(torch), []

    def see(i):
        if i == 2:
            attached.append(model[0].register_forward_hook(lambda m, a, out: out * 2))
        if i == 4:
            attached.pop().remove()

    return trained(torch, model, compile, inside, see, 7)


@whole
def global_hooks_come_and_go(torch, compile, inside):
    model, attached, every = network(torch), [], torch.nn.modules.module

    def double(module, given, out):
        return out * 2 if isinstance(module, torch.nn.Linear) else None

    def see(i):
        if i == 2:
            attached.append(every.register_module_forward_hook(double))
        if i == 4:
            attached.append(every.register_module_full_backward_hook(
                lambda m, ins, outs: tuple(g if g is None else g * 2 for g in ins)))  # fmt: skip
        if i in (6, 7):
            attached.pop().remove()

    return trained(torch, model, compile, inside, see, 9)


@whole
def parameter_hooks(torch, compile, inside):
    model, order = network(torch), []
    for k, p in enumerate(model.parameters()):
        p.register_hook(lambda g: g.clamp(-0.1, 0.1))
        p.register_post_accumulate_grad_hook(lambda p, k=k: order.append(k))
    # Which of a layer's two parameters comes first is not PyTorch's: one node is two there.
    return trained(torch, model, compile, inside, lambda i: [sorted(order[-4:]), len(order)])


@whole
def parametrized(torch, compile, inside):
    class Symmetric(torch.nn.Module):
        def forward(self, w):
            return w.triu() + w.triu(1).mT

    utils = torch.nn.utils
    torch.manual_seed(0)
    first, second, third = [torch.nn.Linear(3, 3) for _ in range(3)]
    utils.parametrize.register_parametrization(first, "weight", Symmetric())
    utils.parametrizations.spectral_norm(second)
    utils.parametrizations.orthogonal(third)
    layers = [first, second, third, utils.parametrizations.weight_norm(torch.nn.Linear(3, 3))]
    model = torch.nn.Sequential(*layers)

    def call(inner, x):
        with utils.parametrize.cached():
            return inner(inner(x))

    see = lambda i: second.parametrizations.weight[0]._u.clone()
    return trained(torch, wrapped(torch, model, call), compile, inside, see)


@whole
def older_norms(torch, compile, inside):
    torch.manual_seed(0)
    first = torch.nn.utils.weight_norm(torch.nn.Linear(3, 4))
    second = torch.nn.utils.spectral_norm(torch.nn.Linear(4, 2))
    model = torch.nn.Sequential(first, second)
    return trained(torch, model, compile, inside, lambda i: second.weight_u.clone())


@whole
def saved_tensor_hooks(torch, compile, inside):
    graph = torch.autograd.graph

    def call(inner, x):
        with graph.saved_tensors_hooks(lambda t: t * 2, lambda t: t / 2), graph.save_on_cpu():
            x = inner(x)
        with graph.saved_tensors_hooks(lambda t: t * 2, lambda t: t / 2):
            return x.sin()

    return trained(torch, wrapped(torch, network(torch), call), compile, inside)


@whole
def saved_tensor_hooks_around(torch, compile, inside):
    seen = []

    def noted(t):
        seen.append(1)
        return t

    def around(function):
        compiled = compile(function)

        def call(x):
            with torch.autograd.graph.saved_tensors_hooks(noted, noted):
                return compiled(x)

        return call

    found = trained(torch, network(torch), around, inside)
    return found, len(seen) > 0


@whole
def recomputed(torch, compile, inside):
    model = network(torch)
    model[0].weight.register_hook(lambda g: g * 2)

    def call(inner, x):
        return torch.utils.checkpoint.checkpoint(inner, x, use_reentrant=False)

    return trained(torch, wrapped(torch, model, call), compile, inside)


@whole
def function_of_ones_own(torch, compile, inside):
    state = {"scale": 2.0}

    class Scaled(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, by):
            ctx.save_for_backward(x)
            ctx.by = by
            return x.exp() * by

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * x.exp() * ctx.by * state["scale"], None

    def see(i):
        state["scale"] += 1

    model = wrapped(torch, network(torch), lambda inner, x: Scaled.apply(inner(x), 3.0))
    return trained(torch, model, compile, inside, see)


@cut("def count(", "def count(")
def forward_hook_that_counts(torch, compile, inside):
    model, seen = network(torch), [0]

    def count(m, a, out): seen[0] += 1  # fmt: skip

    model[0].register_forward_hook(count)
    return trained(torch, model, compile, inside, lambda i: seen[0])


@cut(None, "seen.append(k)")
def backward_hooks_that_count(torch, compile, inside):
    model, seen = network(torch), []
    for k in range(3):
        model[k].register_full_backward_hook(lambda m, ins, outs, k=k: seen.append(k))
    return trained(torch, model, compile, inside, lambda i: list(seen))


@cut(None, "seen.append(1)")
def function_that_counts(torch, compile, inside):
    seen = []

    class Counted(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            seen.append(1)
            return g * 3

    model = wrapped(torch, network(torch), lambda inner, x: Counted.apply(inner(x)))
    return trained(torch, model, compile, inside, lambda i: len(seen))


@cut(None, "def unpack(")
def saved_tensor_hooks_that_count(torch, compile, inside):
    packed, unpacked = [], []

    def pack(t):
        packed.append(1)
        return t

    def unpack(t): unpacked.append(1); return t  # fmt: skip  # noqa: E702

    def call(inner, x):
        with torch.autograd.graph.saved_tensors_hooks(pack, unpack):
            return inner(x)

    model = wrapped(torch, network(torch), call)
    # How many values a node saves is not everywhere PyTorch's number.
    return trained(torch, model, compile, inside, lambda i: len(packed) == len(unpacked))


@cut(None, 'seen.append("f")')
def recomputed_with_a_hook_that_counts(torch, compile, inside):
    model, seen = network(torch), []
    model[0].register_forward_hook(lambda m, a, out: seen.append("f"))

    def call(inner, x):
        return torch.utils.checkpoint.checkpoint(inner, x, use_reentrant=False)

    model = wrapped(torch, model, call)
    return trained(torch, model, compile, inside, lambda i: "".join(seen))


# --- optimizers, whose backward pass is inside ----------------------------------------------------


def optimized(torch, compile, change=lambda i, optimizer, model: None, clip=None, count=8):
    model = network(torch)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

    def step(x):
        optimizer.zero_grad()
        loss = model(x).pow(2).sum()
        loss.backward()
        norm = None if clip is None else clip(model.parameters())
        optimizer.step()
        return loss.detach(), norm

    step, found = compile(step), []
    for i in range(count):
        told = change(i, optimizer, model)
        torch.manual_seed(i)
        loss = step(torch.randn(5, 3))
        found.append((loss, told, [p.detach().clone() for p in model.parameters()]))
    return found


@whole
def clipped(torch, compile, inside):
    utils = torch.nn.utils
    clips = [
        lambda ps: utils.clip_grad_norm_(ps, 0.1),
        lambda ps: utils.clip_grad_norm_(ps, 0.1, float("inf")),
        lambda ps: utils.clip_grad_value_(ps, 0.1),
    ]
    return [optimized(torch, compile, clip=clip, count=4) for clip in clips]


@whole
def clipped_with_a_question(torch, compile, inside):
    def clip(ps):
        return torch.nn.utils.clip_grad_norm_(ps, 0.1, error_if_nonfinite=True)

    return optimized(torch, compile, clip=clip, count=4)


@whole
def step_hooks_come_and_go(torch, compile, inside):
    attached, seen = [], []

    def clamp(optimizer, args, kwargs):
        with torch.no_grad():
            for p in optimizer.param_groups[0]["params"]:
                p.grad.clamp_(-0.1, 0.1)

    def change(i, optimizer, model):
        if i == 3:
            attached.append(optimizer.register_step_pre_hook(clamp))
        if i == 5:
            attached.append(optimizer.register_step_post_hook(lambda *a: seen.append("post")))
        if i in (7, 9):
            attached.pop().remove()
        return list(seen)

    return optimized(torch, compile, change, count=11)


@whole
def global_step_hooks_come_and_go(torch, compile, inside):
    attached, seen = [], []

    def change(i, optimizer, model):
        if i == 4:
            every = sys.modules[torch.optim.Optimizer.__module__]
            register = every.register_optimizer_step_post_hook
            attached.append(register(lambda *a: seen.append("post")))
        if i == 6:
            attached.pop().remove()
        return list(seen)

    return optimized(torch, compile, change)
