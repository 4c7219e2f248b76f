"""In-place writes, views, hooks and higher orders, as users see them."""

import gc
import threading
import weakref

from .observe import fails

# --- in place --------------------------------------------------------------------------------


def leaf_in_place(torch):
    w = torch.ones(2, requires_grad=True)

    def augmented():
        nonlocal w
        w -= 0.1

    seen = [
        fails(augmented),
        fails(lambda: w.add_(1)),
        fails(lambda: w[0].zero_()),
        fails(lambda: w.view(2, 1).mul_(2)),
        fails(lambda: w.__setitem__(0, 1.0)),
        fails(lambda: w.zero_()),
    ]
    with torch.no_grad():
        w -= 0.5
    return [*seen, w, w.requires_grad, w.is_leaf, w._version]


def leaves_that_are_views(torch):
    """`requires_grad_` on a view of a tensor that needs no gradient makes it a leaf."""

    def leaf():
        return torch.arange(6.0).reshape(2, 3).requires_grad_()

    y, seen = leaf(), []
    for write in (
        lambda y: y.__setitem__(0, 1.0), lambda y: y[0].zero_(), lambda y: y[0][1:].mul_(2),
        lambda y: y.t().add_(1), lambda y: y.view(6).__setitem__(0, 3.0), lambda y: y.add_(1),
        lambda y: y.__setitem__(y > 1, 0.0), lambda y: y[0].copy_(y[1]),
    ):  # fmt: skip
        seen.append(fails(lambda: write(y)))  # noqa: B023
    with torch.no_grad():
        y[0] = 1
    (y * y).sum().backward()
    base = torch.zeros(4)
    part, a = base[:2].requires_grad_(), torch.ones(2, requires_grad=True)
    base[2:] = a
    return [*seen, y, y.grad, part.requires_grad, base]


def writes_through_views_of_turned_memory(torch):
    """Memory whose axes lie in an order that is neither rows first nor columns first."""
    seen = []
    for view in (
        lambda z: z.unfold(0, 1, 1), lambda z: z.unfold(1, 2, 2), lambda z: z.expand(1, 3, 2, 2),
        lambda z: z.as_strided((2, 3), (6, 1)), lambda z: z.diagonal(), lambda z: z[1:],
    ):  # fmt: skip
        x = (torch.arange(12.0).reshape(2, 3, 2) / 8).requires_grad_()
        z = x.movedim(0, -1) * 1.5
        view(z).square_()
        (g,) = torch.autograd.grad(z.sum(), x)
        seen += [z.detach(), g, z.stride()]
    return seen


def views_after_a_write_to_their_base(torch):
    """They are derived from the new base, by their strides."""
    seen = []
    for view in (
        lambda c: c[0], lambda c: c.t(), lambda c: c.view(6), lambda c: c.expand(2, 2, 3),
        lambda c: c[0][1:], lambda c: c.diagonal(), lambda c: c.unsqueeze(1),
    ):  # fmt: skip
        a = torch.arange(6.0).reshape(2, 3).requires_grad_()
        c = a * 1
        v = view(c)
        before = v.grad_fn.name()
        c.mul_(2)
        v.sum().backward()
        seen.append([before, v.grad_fn.name(), v.grad_fn.next_functions[0][0].name(), a.grad])
    return seen


def saved_value_changed(torch):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    seen = []
    y = x * 1
    loss = (y * y).sum()
    y += 1
    seen.append(fails(loss.backward))
    y = x.exp()
    loss = y.sum()
    y.mul_(2)
    seen.append(fails(loss.backward))
    y = x.sigmoid()
    loss = (y * 3).sum()
    y.zero_()
    seen.append(fails(loss.backward))
    c = torch.ones(2)
    loss = (x * c).sum()
    c.add_(1).mul_(2)
    seen.append(fails(loss.backward))
    y = x + 1
    loss = (y + 2).sum()
    y.mul_(5)
    loss.backward()
    return [*seen, x.grad]


def changed_through_views(torch):
    x = torch.rand(2, 3, requires_grad=True)
    y = x * 2
    loss = (y * y).sum()
    y[0].zero_()
    seen = [fails(loss.backward)]
    y = x * 2
    row = y[1]
    loss = (row * row).sum()
    y.add_(1)
    return [*seen, fails(loss.backward)]


def changed_matrix(torch):
    x = torch.ones(2, 2, requires_grad=True)
    w = torch.ones(2, 2, requires_grad=True)
    loss = (x @ w).sum()
    with torch.no_grad():
        w.sub_(1)
    return fails(loss.backward)


def in_place_chain(torch):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = x * 2
    y.mul_(3)
    y += x
    y.pow_(2)
    y.sum().backward()
    return [y, x.grad, y.grad_fn.name()]


def in_place_by_tracked_value(torch):
    a = torch.zeros(3)
    x = torch.ones(3, requires_grad=True)
    a.add_(x * 2)
    seen = [a.requires_grad, a.is_leaf]
    a.sum().backward()
    return [*seen, x.grad]


def in_place_on_views(torch):
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    y = x * 1
    y[0].mul_(10)
    y[:, 1].add_(x[:, 0])
    y.view(4)[2:].pow_(2)
    (y * y).sum().backward()
    return [y, x.grad]


def views_see_later_writes(torch):
    x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = x * 1
    tail, whole = y[1:], y.view(3, 1)
    y.mul_(x)
    tail.mul_(2)
    (whole.sum() + tail.sum()).backward()
    return [tail, whole, x.grad, y.grad_fn.name()]


def views_of_views(torch):
    x = torch.arange(8.0, requires_grad=True)
    y = x * 1
    a = y.view(2, 2, 2)
    b = a[1]
    c = b.t()
    c[0].mul_(x[:2])
    y.sum().backward()
    return [y, c, x.grad, b._is_view(), c._base is y]


def assignment(torch):
    x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = torch.zeros(3, 3)
    y[0] = x
    y[1, 1:] = x[:2] ** 2
    y[:, 0] = 7.0
    y[y > 8] = 0.0
    w = torch.arange(9.0).reshape(3, 3)
    (y * w).sum().backward()
    return [y, x.grad]


def assigned_value_is_used_elsewhere(torch):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    h = x.exp()
    y = torch.zeros(2, 2)
    k = h * h
    y[0] = h
    h2 = y * 3
    y[1] = h
    (y.sum() + k.sum() + h2.sum()).backward()
    return [y, x.grad, h]


def assignment_by_mask_and_index(torch):
    x = torch.tensor([1.0, -2.0, 3.0], requires_grad=True)
    y = x * 1
    y[y < 0] = 0.0
    y[torch.tensor([0, 2])] = y[torch.tensor([2, 0])] * 2
    y.sum().backward()
    return [y, x.grad]


def view_made_without_grad(torch):
    x = torch.ones(2, requires_grad=True)
    y = x * 1
    with torch.no_grad():
        v = y[0:1]
    return fails(lambda: v.mul_(x[0]))


def copy_and_fill(torch):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = x * 3
    y.copy_(x * 5)
    z = x * 3
    z.fill_(1)
    u = x * 3
    u[0].fill_(4.0)
    (y.sum() + z.sum() + u.sum()).backward()
    return [x.grad, z.requires_grad, u]


def versions(torch):
    x = torch.zeros(3)
    seen = [x._version]
    x.add_(1)
    x[0] = 2
    x.view(3)[1:].mul_(2)
    x.detach().add_(1)
    seen.append(x._version)
    x.data.add_(1)
    seen.append(x._version)
    return seen


# --- hooks -----------------------------------------------------------------------------------


def leaf_hooks(torch):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    order = []
    first = x.register_hook(lambda g: order.append("first") or g * 10)
    x.register_hook(lambda g: order.append(("second", g.tolist())))
    x.register_post_accumulate_grad_hook(lambda t: order.append(("after", t.grad.tolist())))
    (x * x).sum().backward()
    first.remove()
    (x * x).sum().backward()
    return [order, x.grad]


def inner_hooks(torch):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    seen = []
    y = x * 2
    y.register_hook(lambda g: seen.append(g.clone()))
    y.register_hook(lambda g: g * 100)
    y.retain_grad()
    y.register_hook(lambda g: seen.append(g.clone()) or g + 1)
    (y * y).sum().backward()
    return [seen, y.grad, x.grad]


def node_hooks(torch):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    w = torch.tensor([3.0, 4.0], requires_grad=True)
    order = []
    y = x * w
    y.grad_fn.register_prehook(lambda outs: order.append(("pre", outs[0].tolist())))
    y.grad_fn.register_prehook(lambda outs: (outs[0] * 2,))
    y.grad_fn.register_hook(lambda ins, outs: order.append(("post", [i.tolist() for i in ins])))
    y.grad_fn.register_hook(lambda ins, outs: (ins[0] + 1, ins[1]))
    y.register_hook(lambda g: order.append("tensor"))
    y.sum().backward()
    return [order, x.grad, w.grad]


def hook_errors(torch):
    x = torch.ones(2)
    y = torch.ones(2, requires_grad=True) * 2
    return [
        fails(lambda: x.register_hook(print)),
        fails(lambda: y.register_post_accumulate_grad_hook(print)),
        fails(lambda: x.register_post_accumulate_grad_hook(print)),
    ]


def hooks_in_grad(torch):
    x = torch.tensor(2.0, requires_grad=True)
    seen = []
    x.register_hook(lambda g: seen.append(g.item()) or g * 2)
    x.register_post_accumulate_grad_hook(lambda t: seen.append("never"))
    y = x * x
    y.register_hook(lambda g: g * 3)
    (g,) = torch.autograd.grad(y, x)
    return [g, seen]


def hook_with_graph(torch):
    x = torch.tensor(2.0, requires_grad=True)
    y = x**3
    y.register_hook(lambda g: g * x)
    (g,) = torch.autograd.grad(y, x, create_graph=True)
    (h,) = torch.autograd.grad(g, x)
    return [g, h]


def hook_handle_as_context(torch):
    x = torch.tensor(2.0, requires_grad=True)
    with x.register_hook(lambda g: g * 100):
        (x * 3).backward()
    (x * 3).backward()
    return x.grad


def optimizer_in_backward(torch):
    w = torch.tensor([1.0, 2.0], requires_grad=True)

    def update(t):
        with torch.no_grad():
            t.sub_(t.grad * 0.1)
        t.grad = None

    w.register_post_accumulate_grad_hook(update)
    (w * w).sum().backward()
    return [w, w.grad]


def hook_after_in_place(torch):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    seen = []
    y = x * 2
    y.register_hook(lambda g: seen.append(g.tolist()))
    y.mul_(3)
    y.register_hook(lambda g: seen.append(g.tolist()))
    y.sum().backward()
    return [seen, x.grad]


# --- autograd.grad ---------------------------------------------------------------------------


def grad_arguments(torch):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    w = torch.tensor([3.0, 4.0], requires_grad=True)
    u = torch.ones(2, requires_grad=True)
    grad = torch.autograd.grad
    y = x * w
    seen = [
        grad(y.sum(), (x, w), retain_graph=True),
        grad([y, x * x], [x], [torch.ones(2), torch.tensor([1.0, 2.0])], retain_graph=True),
        grad(y, x, torch.tensor([1.0, -1.0]), retain_graph=True)[0].requires_grad,
        grad(y.sum(), [x, u], retain_graph=True, allow_unused=True),
        grad(y.sum(), [x, u], retain_graph=True, materialize_grads=True),
        fails(lambda: grad(y.sum(), [x, u], retain_graph=True)),
        fails(lambda: grad(y, x, retain_graph=True)),
        fails(lambda: grad(y.sum(), x, allow_unused=False, materialize_grads=True)),
        grad(y, x, torch.eye(2), retain_graph=True, is_grads_batched=True),
        grad(y.sum(), y, retain_graph=True),
        grad((y * y).sum(), [y, x], retain_graph=True),
        x.grad,
        y.is_leaf,
    ]
    return [*seen, grad(x, x, torch.ones(2))]


def third_order(torch):
    x = torch.tensor(2.0, requires_grad=True)
    y = torch.sin(x) * x**3 + torch.exp(-x) / x
    seen = []
    for _ in range(3):
        (y,) = torch.autograd.grad(y, x, create_graph=True)
        seen.append(y)
    return [seen, y.requires_grad]


def second_order_of_a_network(torch):
    torch.manual_seed(0)
    x = torch.randn(4, 3, dtype=torch.float64)
    w = torch.randn(3, 2, dtype=torch.float64, requires_grad=True)
    b = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    loss = torch.tanh(x @ w + b).softmax(1).log().mean()
    gw, gb = torch.autograd.grad(loss, (w, b), create_graph=True)
    penalty = (gw**2).sum() + gb.norm()
    penalty.backward()
    return [gw, gb, w.grad, b.grad]


def backward_create_graph(torch):
    x = torch.tensor(3.0, requires_grad=True)
    (x**3).backward(create_graph=True)
    first = x.grad
    x.grad = None
    first.backward()
    return [first, first.requires_grad, x.grad]


def gradient_through_seed(torch):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    v = torch.tensor([1.0, 1.0], requires_grad=True)
    (g,) = torch.autograd.grad(x**2, x, v, create_graph=True)
    (t,) = torch.autograd.grad(g, v, torch.tensor([1.0, 10.0]))
    return [g, t]


def kinks(torch):
    def at(f, *values):
        x = torch.tensor(values, requires_grad=True)
        f(x).sum().backward()
        return x.grad

    zero = torch.zeros(3)
    return [
        at(torch.abs, 0.0, -0.0, -1.0),
        at(torch.relu, 0.0, -0.0, 1.0),
        at(lambda x: x.clamp(min=0), 0.0, 1.0, -1.0),
        at(lambda x: x.clamp(-1, 1), -1.0, 1.0, 2.0),
        at(lambda x: torch.maximum(x, zero), 0.0, 1.0, -1.0),
        at(lambda x: torch.minimum(x, zero), 0.0, 1.0, -1.0),
        at(lambda x: x.max(), 2.0, 2.0, 1.0),
        at(lambda x: x.amax(), 2.0, 2.0, 1.0),
        at(lambda x: x.max(0)[0], 2.0, 2.0, 1.0),
        at(lambda x: x.min(), 2.0, 1.0, 1.0),
        at(lambda x: x.norm(), 0.0, 0.0),
        at(lambda x: x.norm(1), 0.0, 1.0),
        at(torch.sqrt, 0.0, 4.0),
        at(torch.sign, 0.0, 1.0),
        at(lambda x: x**0, 0.0, 1.0),
        at(lambda x: x**0.5, 0.0, 4.0),
        at(lambda x: x**2, 0.0, 4.0),
        at(lambda x: x.prod(), 0.0, 2.0, 3.0),
        at(lambda x: x.prod(), 0.0, 0.0, 3.0),
        at(lambda x: x.std(), 1.0, 1.0),
        at(torch.floor, 0.0, 1.5),
        at(lambda x: torch.where(x > 0, x, x * 2), 0.0, 1.0),
    ]


# --- depth, threads, memory ------------------------------------------------------------------


def many_threads(torch):
    w = torch.ones(3, requires_grad=True)
    x = torch.arange(3.0)

    def work():
        for _ in range(20):
            (w * x).sum().backward()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return w.grad


def gradients_share_no_memory(torch):
    x = torch.zeros(3, requires_grad=True)
    y = torch.zeros(3, requires_grad=True)
    seed = torch.ones(3)
    (x + y).backward(seed)
    x.grad.add_(1)
    seen = [x.grad.clone(), y.grad.clone(), seed.clone()]
    z = torch.zeros(3, requires_grad=True)
    z.backward(seed)
    z.grad.mul_(5)
    seen.append(seed.clone())
    a = torch.zeros(3, requires_grad=True)
    b = (a.view(3, 1) + 0).t()
    b.retain_grad()
    b.backward(torch.ones(1, 3))
    a.grad.mul_(7)
    seen += [b.grad.clone(), a.grad]
    c = torch.zeros(2, 3, requires_grad=True)
    c.sum().backward()
    c.grad[0, 0] = 9
    seen += [c.grad, c.grad.is_contiguous()]
    return seen


def graph_is_released(torch):
    gc.collect()
    gc.disable()
    try:
        x = torch.ones(3, requires_grad=True)
        h = (x * 2).exp()
        refs = [weakref.ref(h), weakref.ref(x)]
        loss = (h * h).sum()
        loss.backward()
        del h, loss
        seen = [refs[0]() is None]
        y = (x * 3).sin()
        node = weakref.ref(y)
        del y
        seen.append(node() is None)
        x.grad = None
        del x
        seen.append(refs[1]() is None)
        z = torch.ones(3, requires_grad=True)
        a = z * 1
        a[0].mul_(2)
        a.sum().backward()
        ref = weakref.ref(a)
        del a
        seen.append(ref() is None)
    finally:
        gc.enable()
    return seen
