"""The graph as users reach it: hooks on saved values, edges, nodes, the order of hooks."""

import importlib

from .observe import fails


def _graph(torch):
    return importlib.import_module(f"{torch.__name__}.autograd.graph")


def hooks_on_saved_values(torch):
    log = []

    def pack(t):
        log.append([round(v, 3) for v in t.tolist()])
        return t.detach().clone()

    def unpack(t):
        log.append("unpack")
        return t

    x = torch.tensor([1.0, 2.0], requires_grad=True)
    with _graph(torch).saved_tensors_hooks(pack, unpack):
        y = (x**3).exp().sum()
    (g,) = torch.autograd.grad(y, x, create_graph=True)
    (h,) = torch.autograd.grad(g.sum(), x)
    return [sorted(log[:2]), g, h]


def hooks_on_saved_values_refused(torch):
    graph = _graph(torch)
    x = torch.ones(2, requires_grad=True)

    def run(pack, unpack):
        with graph.saved_tensors_hooks(pack, unpack):
            y = (x * 2).exp().sum()
        y.backward()

    def disabled():
        with graph.disable_saved_tensors_hooks("not here"):
            run(lambda t: t, lambda t: t)

    def inside():
        with graph.saved_tensors_hooks(lambda t: t, lambda t: t):
            torch.func.grad(lambda a: (a * a).sum())(x)

    return [
        fails(lambda: run(lambda t: t.mul_(2), lambda t: t)),
        fails(lambda: run(lambda t: t, lambda t: 3)),
        fails(disabled),
        fails(inside),
        fails(lambda: run(lambda t: t, lambda t: t)),
    ]


def innermost_hooks_act(torch):
    hooks = _graph(torch).saved_tensors_hooks
    x, log = torch.ones(2, requires_grad=True), []
    with hooks(lambda t: log.append("outer") or t, lambda t: t):
        with hooks(lambda t: log.append("inner") or t, lambda t: t):
            y = x.exp()
        z = y.sin()
    z.sum().backward()
    return [log, x.grad]


def hooks_reach_functions(torch):
    class Square(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            out = x * x
            ctx.save_for_backward(x, out)
            return out

        @staticmethod
        def backward(ctx, g):
            x, out = ctx.saved_tensors
            return g * 2 * x * out

    x = torch.tensor([1.0, 3.0], requires_grad=True)
    packed = []
    pack = lambda t: packed.append(1) or ("kept", t.detach().clone())
    with _graph(torch).saved_tensors_hooks(pack, lambda c: c[1]):
        y = Square.apply(x * 2).sum()
    return [len(packed) >= 2, torch.autograd.grad(y, x)[0]]


def saved_on_cpu(torch):
    x = torch.ones(2, requires_grad=True)
    with _graph(torch).save_on_cpu():
        y = (x * x).sum()
    y.backward()
    return x.grad


def writes_to_saved_values_allowed(torch):
    x = torch.ones(2, requires_grad=True)
    allow = _graph(torch).allow_mutation_on_saved_tensors
    with allow():
        y = x.clone()
        out = (y**2).sum()
        y.sin_()
        out.backward()
        z = x.clone()
        late = (z**2).sum()
    return [x.grad, fails(late.backward)]


def nodes_called_by_themselves(torch):
    x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = torch.tensor([2.0, 0.5, 1.0], requires_grad=True)
    heard = []
    z = x * y
    z.register_hook(heard.append)
    z.grad_fn.register_hook(lambda *gradients: heard.append(gradients))
    g = torch.tensor([1.0, 10.0, 100.0])
    to_x, to_y = z.grad_fn(g)
    (second,) = torch.autograd.grad(to_y.sum(), x)
    total = z.sum()
    below = total.grad_fn.next_functions[0][0]
    end = z.grad_fn.next_functions[0][0](g)
    part, _ = (x * 2).split([1, 2])
    freed = x.exp()
    freed.sum().backward()
    with torch.no_grad():
        untracked = z.grad_fn(g)[0]
    return [
        to_x, to_y, to_x.requires_grad, second, below is z.grad_fn, end, x.grad, heard,
        total.grad_fn(torch.tensor(2.0)), (torch.tensor([3.0]) * x).grad_fn(g), untracked,
        part.grad_fn(torch.ones(1), torch.full((2,), 5.0)), part.grad_fn(torch.ones(1), None),
        z.grad_fn(None), fails(z.grad_fn), fails(lambda: z.grad_fn(1)),
        fails(lambda: z.grad_fn(g, g)), fails(lambda: z.grad_fn(torch.ones(2))),
        fails(lambda: freed.grad_fn(g)),
    ]  # fmt: skip


def names_of_saved_values(torch):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = x.exp()
    z = x * y
    p = x**2
    freed = x.exp()
    freed.sum().backward()
    return [
        y.grad_fn._saved_result.tolist(),
        z.grad_fn._saved_self is x,
        z.grad_fn._saved_other.grad_fn.name(),
        p.grad_fn._saved_exponent,
        (x * 2).grad_fn._saved_self is None,
        "_saved_result" in dir(y.grad_fn),
        fails(lambda: freed.grad_fn._saved_result),
        fails(lambda: y.grad_fn._saved_nothing),
        [[name for name in dir(fn) if name.startswith("_saved_")]
         for fn in (x.sum(0).grad_fn, x.softmax(0).grad_fn, z.grad_fn)],
        x.sum(0).grad_fn._saved_self_sym_sizes, x.softmax(0).grad_fn._saved_dim,
    ]  # fmt: skip


def hooks_on_one_saved_value(torch):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = x.exp()
    raw = y.grad_fn._raw_saved_result
    raw.register_hooks(lambda t: t.detach() * 1, lambda t: t * 10)
    y.sum().backward()
    return [x.grad, fails(lambda: (x * 2).grad_fn._raw_saved_self.register_hooks(abs, abs))]


def edges_as_roots_and_inputs(torch):
    graph = _graph(torch)
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = x * x
    loss = (y * 3).sum()
    edge, leaf = graph.get_gradient_edge(y), graph.get_gradient_edge(x)
    found = torch.autograd.grad(loss, [edge, leaf], retain_graph=True)
    torch.autograd.backward(graph.get_gradient_edge(loss), retain_graph=True)
    torch.autograd.backward((edge,), (torch.ones(2),), retain_graph=True)
    parts = torch.unbind(x * 1)
    second = graph.get_gradient_edge(parts[1])
    (through,) = torch.autograd.grad((parts[0] * parts[1]).sum(), second)
    return [
        list(found), x.grad, edge.output_nr, leaf.node.name(), type(edge).__name__,
        second.output_nr, through, parts[0].grad_fn is parts[1].grad_fn,
        fails(lambda: graph.get_gradient_edge(torch.ones(1))),
        fails(lambda: torch.autograd.backward((edge,))),
    ]  # fmt: skip


def order_of_all_hooks(torch):
    x = torch.ones(2, requires_grad=True)
    y = x * 2
    log = []
    end = y.grad_fn.next_functions[0][0]
    y.register_hook(lambda g: log.append("tensor y"))
    y.grad_fn.register_prehook(lambda gs: log.append("pre y"))
    y.grad_fn.register_hook(lambda ins, outs: log.append("post y"))
    x.register_hook(lambda g: log.append("tensor x"))
    x.register_post_accumulate_grad_hook(lambda t: log.append("accumulated"))
    end.register_prehook(lambda gs: log.append("pre end"))
    end.register_hook(lambda ins, outs: log.append(["post end", len(ins), len(outs)]))
    y.retain_grad()
    (y * 3).sum().backward()
    return [log, x.grad, y.grad]


def leaves_early(torch):
    """A leaf's hooks run as soon as its gradient is complete."""
    a = torch.ones(2, requires_grad=True)
    b = torch.ones(2, requires_grad=True)
    log = []
    a.register_post_accumulate_grad_hook(lambda t: log.append(["a", b.grad is None]))
    b.register_post_accumulate_grad_hook(lambda t: log.append(["b", a.grad is None]))
    h = (a * 2).exp()
    (h * b).sum().backward()
    return log


def hooks_change_gradients(torch):
    x = torch.ones(2, requires_grad=True)
    y = x * 2
    y.grad_fn.register_prehook(lambda gs: (gs[0] * 10,))
    y.grad_fn.register_hook(lambda ins, outs: (ins[0] + 1, ins[1]))
    x.register_hook(lambda g: g * 100)
    y.grad_fn.next_functions[0][0].register_prehook(lambda gs: (gs[0] + 5,))
    y.sum().backward()
    return x.grad


def several_gradients_awaited(torch):
    register = _graph(torch).register_multi_grad_hook
    a, b, c = [torch.ones(2, requires_grad=True) for _ in range(3)]
    log = []
    both = register((a, b, c), lambda gs: log.append([None if g is None else 1 for g in gs]))
    first = register((a, b), lambda g: log.append("first"), mode="any")
    (a * b).sum().backward()
    (a * b * c).sum().backward()
    first.remove()
    both.remove()
    (a * b * c).sum().backward()
    return [log, fails(lambda: register((a,), print, mode="some"))]


def nodes_of_compositions(torch):
    x = torch.rand(3, 3, requires_grad=True)
    y = torch.rand(3, 3, requires_grad=True)
    mask = torch.eye(3) > 0
    outs = [
        torch.stack([x, y]), torch.cat([x, y]), torch.addmm(x, y, y), x.masked_fill(mask, 0.0),
        torch.logsumexp(x, 1), x.var(), x.std(0), torch.lerp(x, y, 0.5), torch.addcmul(x, y, y),
        x[0].dot(y[0]), torch.where(mask, x, y), x.gather(1, torch.zeros(3, 1).long()), 1 - x,
        x**2, x * 2, x.tril(), x.roll(1), x.repeat(2, 1), x.cumprod(0), torch.nan_to_num(x),
        torch.mv(x, y[0]), x.logit(0.1), x.masked_select(mask), x.trace(),
    ]  # fmt: skip
    seen = []
    for out in outs:
        ends = [n and n.name().rpartition("::")[2] for n, _ in out.grad_fn.next_functions]
        seen.append([out.grad_fn.name(), ends])
    return seen
