"""Programs with hooks of tensors, leaves and nodes, for any library with torch's names.

Each `program(torch, compile)` compiles a function, calls it some times and gives what it saw.
WHOLE are compiled as one graph, CUT run in part eagerly, after a warning that names a line with
the words given here.
"""

WHOLE, CUT = {}, {}


def whole(program):
    WHOLE[program.__name__] = program
    return program


def cut(words):
    def note(program):
        CUT[program.__name__] = program, words
        return program

    return note


def values(torch, seed, *shape, grad=False):
    torch.manual_seed(seed)
    found = torch.randn(*shape or (4,))
    return found.requires_grad_() if grad else found


def repeat(torch, step, see, count=4, before=lambda i: None):
    """What each of some calls gives, and what `see()` tells after it."""
    found = []
    for i in range(count):
        before(i)
        found.append((step(values(torch, i)), see()))
    return found


def halve(p):
    p.grad.mul_(0.5)


def copied(*tensors):
    return lambda: [t.grad.clone() for t in tensors]


# --- gradients inside the function ---------------------------------------------------------------


@whole
def hook_of_a_result(torch, compile):
    w = values(torch, 9, grad=True)

    def step(x):
        h = w * x
        h.register_hook(lambda g: g + 1)
        h.register_hook(lambda g: g * 2)
        h.grad_fn.register_prehook(lambda g: (g[0] + 3,))
        h.retain_grad()
        h.sin().sum().backward()
        return h.grad.clone()

    return repeat(torch, compile(step), copied(w))


@whole
def hook_after_a_node(torch, compile):
    w = values(torch, 9, grad=True)

    def step(x):
        h = (w * x).sin()
        h.grad_fn.register_hook(lambda ins, outs: (ins[0] * 2,))
        h.sum().backward()
        return h.detach()

    return repeat(torch, compile(step), copied(w))


@whole
def hook_of_a_leaf(torch, compile):
    w, seen = values(torch, 9, grad=True), []
    w.register_hook(lambda g: g.clamp(-0.1, 0.1))
    w.register_hook(lambda g: seen.append("first") or g * 2)
    w.register_post_accumulate_grad_hook(lambda p: seen.append("then"))

    def step(x):
        (w * x).sin().sum().backward()
        seen.append("done")
        return x * 2

    return repeat(torch, compile(step), lambda: (w.grad.clone(), list(seen)))


@whole
def hook_that_comes_and_goes(torch, compile):
    w, attached = values(torch, 9, grad=True), []

    def step(x):
        (w * x).sin().sum().backward()
        return x * 2

    def before(i):
        if i == 3:
            attached.append(w.register_hook(lambda g: g * 5))
        if i == 6:
            attached.append(w.register_post_accumulate_grad_hook(halve))
        if i in (9, 12):
            attached.pop().remove()

    return repeat(torch, compile(step), copied(w), 15, before)


@whole
def hooks_of_an_argument(torch, compile):
    def step(w):
        (w * w).sin().sum().backward()
        return w.detach() * 2

    step, seen = compile(step), []
    leaves = [values(torch, i, grad=True) for i in range(8)]
    leaves[5].register_hook(lambda g: g * 7)
    leaves[6].register_post_accumulate_grad_hook(halve)
    for w in leaves * 3:
        seen += [step(w), w.grad.clone()]
    return seen


@whole
def hook_of_an_accumulator(torch, compile):
    w, seen, attached = values(torch, 9, grad=True), [], []
    end = w.expand_as(w).grad_fn.next_functions[0][0]

    def step(x):
        (w * x).sin().sum().backward()
        return x * 2

    def before(i):
        if i == 3:
            attached.append(end.register_hook(lambda ins, outs: seen.append("end")))
            attached.append(end.register_prehook(lambda g: (g[0] * 2,)))
        if i in (6, 7):
            attached.pop().remove()

    return repeat(torch, compile(step), lambda: (w.grad.clone(), list(seen)), 10, before)


@whole
def hook_in_a_list_that_was_empty(torch, compile):
    w = values(torch, 9, grad=True)
    w.register_hook(lambda g: g).remove()

    def step(x):
        (w * x).sin().sum().backward()
        return x * 2

    def before(i):
        if i == 3:
            w.register_hook(lambda g: g * 3)

    return repeat(torch, compile(step), copied(w), 6, before)


@whole
def hook_where_no_gradient_is_left(torch, compile):
    w, kept = values(torch, 9, grad=True), torch.zeros(4)

    def step(x):
        (w * x).sin().sum().backward()
        kept.copy_(w.grad)
        w.grad = None
        return x * 2

    def before(i):
        if i == 3:
            w.register_hook(lambda g: g * 3)

    return repeat(torch, compile(step), kept.clone, 6, before)


@whole
def hook_for_one_call(torch, compile):
    w = values(torch, 9, grad=True)

    def step(x):
        handle = w.register_hook(lambda g: g.clamp(-0.1, 0.1))
        (w * x).sin().sum().backward()
        handle.remove()
        return x * 2

    return repeat(torch, compile(step), copied(w))


@whole
def hook_with_a_state(torch, compile):
    w, mean, scale = values(torch, 9, grad=True), torch.zeros(4), {"by": 2.0}

    def smooth(g):
        mean.mul_(0.9).add_(g, alpha=0.1)
        return mean * scale["by"]

    w.register_hook(smooth)

    def step(x):
        (w * x).sin().sum().backward()
        return x * 2

    def before(i):
        scale["by"] += 1

    return repeat(torch, compile(step), lambda: (w.grad.clone(), mean.clone()), 5, before)


@whole
def hook_that_draws(torch, compile):
    w = values(torch, 9, grad=True)
    w.register_hook(lambda g: g * torch.rand_like(g))

    def step(x):
        (w * x).sin().sum().backward()
        return x * 2

    return repeat(torch, compile(step), lambda: (w.grad.clone(), torch.rand(2)))


@whole
def optimizer_in_the_backward_pass(torch, compile):
    ws = [values(torch, 9, grad=True), values(torch, 8, grad=True)]
    optimizers = {id(w): torch.optim.SGD([w], lr=0.1, momentum=0.9) for w in ws}

    def step_at_once(p):
        optimizers[id(p)].step()
        optimizers[id(p)].zero_grad()

    for w in ws:
        w.register_post_accumulate_grad_hook(step_at_once)

    def step(x):
        loss = ((ws[0] * x).sin() * ws[1]).sum()
        loss.backward()
        return loss.detach()

    see = lambda: [(w.detach().clone(), w.grad is None) for w in ws]
    return repeat(torch, compile(step), see, 6)


@whole
def hook_and_autograd_grad(torch, compile):
    w = values(torch, 9, grad=True)
    w.register_hook(lambda g: g * 2)

    def step(x):
        h = w * x
        h.register_hook(lambda g: g * g)
        (first,) = torch.autograd.grad(h.sin().sum(), w, create_graph=True)
        first.sum().backward()
        return first.detach()

    return repeat(torch, compile(step), copied(w))


@whole
def type_of_a_gradient(torch, compile):
    w = values(torch, 9, grad=True)
    w.grad_dtype = torch.float64

    def step(x):
        (w * x).sin().sum().backward()
        return x * 2

    return repeat(torch, compile(step), lambda: (w.grad.clone(), str(w.grad.dtype)))


@whole
def hook_that_fails(torch, compile):
    w, seen = values(torch, 9, grad=True), []
    w.register_hook(lambda g: g[:2])

    def step(x):
        (w * x).sin().sum().backward()

    step = compile(step)
    for _ in range(3):
        try:
            step(values(torch, 1))
        except RuntimeError as error:
            seen.append(str(error).split("\n")[0])
    return seen


@whole
def several_gradients_at_once(torch, compile):
    ws, seen = [values(torch, i, grad=True) for i in (8, 9)], []
    torch.autograd.graph.register_multi_grad_hook(ws, lambda gs: seen.append(len(gs)))

    def step(x):
        (ws[0] * x * ws[1]).sin().sum().backward()
        return x * 2

    return repeat(torch, compile(step), lambda: list(seen))


# --- gradients outside ---------------------------------------------------------------------------


def left(torch, compile, step, w, count=4, before=lambda i: None):
    """The gradients that calls leave when the caller goes back."""
    step, seen = compile(step), []
    for i in range(count):
        before(i)
        step(values(torch, i)).sum().backward()
        seen.append(w.grad.clone())
    return seen


@whole
def hooks_for_the_caller(torch, compile):
    w, scale = values(torch, 9, grad=True), {"by": 2.0}

    def step(x):
        h = w * x
        h.register_hook(lambda g: g * scale["by"])
        h.mul_(3)
        h.register_hook(lambda g: g * 5)
        out = h.sin()
        out.grad_fn.register_prehook(lambda g: (g[0] * 2,))
        return out

    def before(i):
        scale["by"] += 1

    return left(torch, compile, step, w, 4, before)


@whole
def hook_with_an_attribute(torch, compile):
    class State:
        scale = 1.0

    w, state = values(torch, 9, grad=True), State()

    def step(x):
        h = w * x
        h.register_hook(lambda g: g * state.scale)
        return h.sin()

    def before(i):
        state.scale = float(i)

    return left(torch, compile, step, w, 4, before)


@whole
def leaf_hooks_for_the_caller(torch, compile):
    w, seen, attached = values(torch, 9, grad=True), [], []

    def before(i):
        if attached:
            attached.pop().remove()
        attached.append(w.register_hook(lambda g: seen.append(i) or g * 2))

    return left(torch, compile, lambda x: (w * x).sin(), w, 20, before), seen


@whole
def gradient_at_what_was_computed(torch, compile):
    w, v = values(torch, 9, grad=True), values(torch, 8, grad=True)

    def step(h):
        return torch.autograd.grad((h * v).sin().sum(), (v, h))

    step = compile(step)
    return repeat(torch, lambda x: step(w * x), lambda: None)


@whole
def leaf_or_not(torch, compile):
    w = values(torch, 9, grad=True)
    step = compile(lambda h: h * (2 if h.is_leaf else 3))
    return [step(t) for t in (w * 2, w, w.detach()) * 4]


# --- what is cut ---------------------------------------------------------------------------------


@cut("w.register_hook(lambda g: g * 2)")
def hook_that_stays(torch, compile):
    w = values(torch, 9, grad=True)

    def step(x):
        w.register_hook(lambda g: g * 2)
        (w * x).sin().sum().backward()
        return x * 2

    return repeat(torch, compile(step), copied(w))


@cut("handle.remove()")
def hook_that_is_removed(torch, compile):
    w = values(torch, 9, grad=True)
    handle = w.register_hook(lambda g: g * 2)

    def step(x):
        (w * x).sin().sum().backward()
        handle.remove()
        return x * 2

    def before(i):
        nonlocal handle
        handle = w.register_hook(lambda g: g * 2)

    return repeat(torch, compile(step), copied(w), 5, before)


@cut("h.register_hook(lambda g: seen.append(1))")
def hook_that_counts_for_the_caller(torch, compile):
    w, seen = values(torch, 9, grad=True), []

    def step(x):
        h = w * x
        h.register_hook(lambda g: seen.append(1))
        return h.sin()

    return left(torch, compile, step, w), seen


@cut("h.register_hook(smooth)")
def hook_that_writes_for_the_caller(torch, compile):
    w, mean = values(torch, 9, grad=True), torch.zeros(4)

    def smooth(g):
        mean.mul_(0.9).add_(g, alpha=0.1)
        return mean.clone()

    def step(x):
        h = w * x
        h.register_hook(smooth)
        return h.sin()

    return left(torch, compile, step, w), mean


@cut('h.register_hook(lambda g: print("seen", tuple(g.shape)))')
def hook_that_prints(torch, compile):
    w = values(torch, 9, grad=True)

    def step(x):
        h = w * x
        h.register_hook(lambda g: print("seen", tuple(g.shape)))
        return h.sin()

    return left(torch, compile, step, w)


@cut("if g.sum() > 0:")
def hook_that_asks(torch, compile):
    w = values(torch, 9, grad=True)

    def double(g):
        if g.sum() > 0:
            return g * 2
        return g * 3

    def step(x):
        h = w * x
        h.register_hook(double)
        return h.sin()

    return left(torch, compile, step, w)


@cut("a.sin().sum().backward()")
def back_beyond_what_is_given(torch, compile):
    w = values(torch, 9, grad=True)

    def step(h):
        a = h * 3
        a.sin().sum().backward()
        return a.detach() + 1

    step = compile(step)
    return repeat(torch, lambda x: step(w * x), copied(w))


@cut("return torch.autograd.grad((h * w).sin().sum(), w)[0]")
def two_ways_back(torch, compile):
    w = values(torch, 9, grad=True)

    def step(h):
        return torch.autograd.grad((h * w).sin().sum(), w)[0]

    step = compile(step)
    return repeat(torch, lambda x: step(w * x), lambda: None)


@cut("return torch.autograd.grad(h.sin().sum(), h)[0]")
def hook_of_what_is_given(torch, compile):
    w, seen = values(torch, 9, grad=True), []

    def step(h):
        return torch.autograd.grad(h.sin().sum(), h)[0]

    step = compile(step)
    for i in range(9):
        h = w * values(torch, i)
        if i > 5:
            h.register_hook(lambda g: g * 7)
        seen.append(step(h))
    return seen


@cut("h.retain_grad()")
def kept_gradient_of_a_result(torch, compile):
    w, seen = values(torch, 9, grad=True), []

    def step(x):
        h = w * x
        h.retain_grad()
        return h, h.sin().sum()

    step = compile(step)
    for i in range(4):
        h, loss = step(values(torch, i))
        loss.backward()
        seen += [h.grad, w.grad.clone()]
    return seen


@cut("h.register_hook(lambda g: g * 2)")
def hook_on_an_argument(torch, compile):
    w = values(torch, 9, grad=True)

    def step(h):
        h.register_hook(lambda g: g * 2)
        return h.sin().sum()

    step = compile(step)

    def both(x):
        step(w * x).backward()

    return repeat(torch, both, copied(w))
