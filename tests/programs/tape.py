"""The tape as users see it: leaves, backward and its arguments, accumulation, freeing."""

import copy
import threading

from .observe import fails


def leaf_or_not(torch):
    a = torch.ones(2, requires_grad=True)
    b = a * 2
    c = torch.ones(2)
    d = c * 2
    e = b.detach()
    f = a.clone()
    return [
        [t.is_leaf for t in (a, b, c, d, e, f)],
        [t.requires_grad for t in (a, b, c, d, e, f)],
        [t.grad_fn is None for t in (a, b, c, d, e, f)],
    ]


def requires_grad_in_place(torch):
    x = torch.arange(3.0)
    same = x.requires_grad_() is x
    y = x * 2
    return [
        same,
        x.requires_grad,
        x.is_leaf,
        fails(lambda: y.requires_grad_(False)),
        y.requires_grad_(True).is_leaf,
        x.requires_grad_(False).requires_grad,
        fails(lambda: torch.arange(3).requires_grad_()),
        fails(lambda: setattr(y, "requires_grad", False)),
        fails(lambda: torch.tensor([1, 2], requires_grad=True)),
        fails(lambda: torch.tensor([True]).requires_grad_()),
        torch.tensor([1j], requires_grad=True).requires_grad,
    ]


def no_backward_without_grad(torch):
    x = torch.ones(())
    y = torch.ones(3, requires_grad=True) * 2
    return [
        fails(x.backward),
        fails(y.backward),
        fails(lambda: y.backward(torch.ones(2))),
        fails(lambda: y.backward(3)),
        fails(lambda: torch.autograd.backward([y, y], [torch.ones(3)])),
        fails(lambda: torch.autograd.grad(y.sum(), x)),
        fails(lambda: y.sum().backward(inputs=[])),
        fails(lambda: y.sum().backward(inputs=[x])),
    ]


def one_element_is_scalar(torch):
    x = torch.ones(1, 1, requires_grad=True)
    (x * 3).backward()
    return x.grad


def gradient_argument(torch):
    x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    (x * x).backward(torch.tensor([1.0, 0.0, -1.0]))
    return x.grad


def gradient_of_several_roots(torch):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y, z = x * 2, x * x
    torch.autograd.backward([y, z.sum()], [torch.tensor([1.0, 10.0]), None])
    return x.grad


def same_root_twice(torch):
    x = torch.tensor(3.0, requires_grad=True)
    y = x * x
    torch.autograd.backward([y, y])
    return x.grad


def accumulation(torch):
    x = torch.ones(2, requires_grad=True)
    seen = []
    for k in range(3):
        (x * (k + 1)).sum().backward()
        seen.append(x.grad.clone())
    first = x.grad
    (x * 2).sum().backward()
    seen.append(x.grad is first)
    x.grad.zero_()
    (x * 2).sum().backward()
    seen.append(x.grad)
    x.grad = None
    seen.append(x.grad)
    return seen


def diamond(torch):
    x = torch.tensor(2.0, requires_grad=True)
    a = x * 3
    b = a * a
    c = a + b
    (b * c).backward()
    return x.grad


def used_twice_in_one_operation(torch):
    x = torch.tensor([2.0, 3.0], requires_grad=True)
    (x * x + x / x + x**x).sum().backward()
    return x.grad


def freed_graph(torch):
    x = torch.tensor(2.0, requires_grad=True)
    y = x * x
    y.backward()
    again = fails(y.backward)
    z = x * x
    z.backward(retain_graph=True)
    z.backward()
    return [again, x.grad, fails(z.backward)]


def nothing_saved_walks_twice(torch):
    x = torch.ones(2, requires_grad=True)
    y = (x + 1).sum()
    y.backward()
    y.backward()
    z = -(x - 3).reshape(2, 1).sum()
    z.backward()
    z.backward()
    return x.grad


def shared_part_is_freed(torch):
    x = torch.tensor(2.0, requires_grad=True)
    shared = x.exp()
    a, b = shared * 2, shared * 3
    a.backward()
    return [x.grad, fails(b.backward)]


def freed_by_grad(torch):
    x = torch.tensor(2.0, requires_grad=True)
    y = x**3
    first = torch.autograd.grad(y, x)[0]
    return [first, x.grad, fails(lambda: torch.autograd.grad(y, x))]


def backward_inputs(torch):
    x = torch.tensor(2.0, requires_grad=True)
    w = torch.tensor(3.0, requires_grad=True)
    h = x * w
    y = h * h
    y.backward(inputs=[w], retain_graph=True)
    seen = [x.grad, w.grad]
    h.retain_grad()
    y.backward(inputs=[h, x])
    return [*seen, h.grad, x.grad, w.grad]


def backward_inputs_single(torch):
    x = torch.tensor(2.0, requires_grad=True)
    w = torch.tensor(3.0, requires_grad=True)
    (x * w).backward(inputs=x)
    return [x.grad, w.grad]


def retained_gradients(torch):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = x * 2
    z = y * y
    y.retain_grad()
    y.retain_grad()
    x.retain_grad()
    z.sum().backward(retain_graph=True)
    first = y.grad.clone()
    z.sum().backward()
    return [
        first,
        y.grad,
        x.grad,
        x.retains_grad,
        y.retains_grad,
        z.retains_grad,
        fails(torch.ones(2).retain_grad),
    ]


def retain_after_forward(torch):
    x = torch.ones(2, requires_grad=True)
    y = x * 2
    z = y.sum()
    y.retain_grad()
    z.retain_grad()
    z.backward()
    return [y.grad, z.grad, x.grad]


def detached(torch):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = x.detach()
    u = (x * x).detach()
    (u * x).sum().backward()
    y[0] = 5.0
    return [y.requires_grad, y.is_leaf, x, x.grad]


def detach_in_place(torch):
    x = torch.ones(2, requires_grad=True)
    y = x * 2
    z = y.detach_()
    return [z is y, y.is_leaf, y.requires_grad, fails(y.sum().backward)]


def data_attribute(torch):
    w = torch.tensor([1.0, 2.0], requires_grad=True)
    loss = (w * w).sum()
    w.data -= 0.5
    loss.backward()
    seen = [w, w.grad, w.requires_grad, w.data.requires_grad]
    w.data = torch.tensor([7.0, 8.0, 9.0])
    return [*seen, w, w.requires_grad, w.is_leaf]


def detach_shares_versions(torch):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = x * 1
    loss = (y * y).sum()
    y.detach().zero_()
    return fails(loss.backward)


def grad_assignment(torch):
    x = torch.ones(2, requires_grad=True)
    x.grad = torch.tensor([5.0, 6.0])
    x.sum().backward()
    seen = [x.grad]
    del x.grad
    seen.append(x.grad)
    return [
        *seen,
        fails(lambda: setattr(x, "grad", 3.0)),
        fails(lambda: setattr(x, "grad", torch.ones(3))),
        fails(lambda: setattr(x, "grad", x)),
    ]


def modes(torch):
    x = torch.ones(2, requires_grad=True)
    seen = [torch.is_grad_enabled()]
    with torch.no_grad():
        y = x * 2
        seen += [torch.is_grad_enabled(), y.requires_grad, y.is_leaf]
        with torch.enable_grad():
            seen += [torch.is_grad_enabled(), (x * 2).requires_grad]
        seen.append(torch.is_grad_enabled())
    with torch.set_grad_enabled(False):
        seen.append((x * 2).requires_grad)
    torch.set_grad_enabled(False)
    seen.append((x * 2).requires_grad)
    torch.set_grad_enabled(True)
    seen.append((x * 2).requires_grad)
    with torch.inference_mode():
        y = x * 2
        seen += [y.requires_grad, torch.is_inference_mode_enabled()]
    seen.append(torch.is_grad_enabled())
    return seen


def modes_after_errors(torch):
    try:
        with torch.no_grad():
            raise ValueError
    except ValueError:
        pass
    return torch.is_grad_enabled()


def mode_decorators(torch):
    x = torch.ones(2, requires_grad=True)

    @torch.no_grad()
    def f():
        return (x * 2).requires_grad

    @torch.no_grad
    def g(k):
        "says something"
        return (x * k).requires_grad

    @torch.enable_grad()
    def h():
        return (x * 2).requires_grad

    @torch.set_grad_enabled(False)
    def s():
        return (x * 2).requires_grad

    @torch.inference_mode()
    def i():
        return (x * 2).requires_grad

    with torch.no_grad():
        inner = h()
    return [f(), g(3), g.__name__, g.__doc__, inner, s(), i(), torch.is_grad_enabled()]


def recursive_decorator(torch):
    @torch.no_grad()
    def depth(n):
        return torch.is_grad_enabled() if n == 0 else depth(n - 1)

    return [depth(3), torch.is_grad_enabled()]


def mode_on_generators(torch):
    @torch.no_grad()
    def numbers():
        got = yield torch.is_grad_enabled()
        yield got, torch.is_grad_enabled()
        return 5

    running = numbers()
    seen = [next(running), torch.is_grad_enabled(), running.send("sent"), torch.is_grad_enabled()]
    try:
        next(running)
    except StopIteration as stop:
        seen.append(stop.value)

    @torch.no_grad()
    def catching():
        try:
            yield 1
        except ValueError:
            yield ("caught", torch.is_grad_enabled())

    running = catching()
    next(running)
    seen.append(running.throw(ValueError()))
    return [*seen, torch.is_grad_enabled()]


def modes_are_per_thread(torch):
    seen = []
    with torch.no_grad():
        worker = threading.Thread(target=lambda: seen.append(torch.is_grad_enabled()))
        worker.start()
        worker.join()
        seen.append(torch.is_grad_enabled())
    return seen


def names_and_next_functions(torch):
    x = torch.ones(2, requires_grad=True)
    y = (x * 2 + 1).exp().sum()
    names, node = [], y.grad_fn
    while node is not None and node.next_functions:
        names.append(node.name())
        node = node.next_functions[0][0]
    return [
        names,
        type(y.grad_fn).__name__,
        type(node).__name__,
        node.variable is x,
        [n for _, n in y.grad_fn.next_functions],
        y.grad_fn is y.grad_fn,
        y.grad_fn.next_functions[0][0].name(),
        [f is None for f, _ in (x * torch.ones(2)).grad_fn.next_functions],
    ]


def function_names(torch):
    x = torch.rand(3, 3, requires_grad=True)
    results = [
        x + 1, x - 1, 1 - x, x * 2, x / 2, 2 / x, x**2, 2**x, -x, x @ x, x.t(), x.T, x.sum(),
        x.sum(0), x.mean(), x.mean(1), x.max(), x.max(0)[0], x.exp(), x.log(), x.sin(), x.tanh(),
        x.sigmoid(), x.relu(), x.sqrt(), x.abs(), x.reshape(9), x.view(9), x[0], x[0:2],
        x[[0, 1]], x[x > 0.5], x.unsqueeze(0), x.squeeze(), x.permute(1, 0), x.transpose(0, 1),
        x.clone(), x.expand(2, 3, 3), torch.cat([x, x]), torch.stack([x, x]),
        torch.where(x > 0, x, x), x.norm(), x.var(), x.std(), x.prod(), x.softmax(0),
        x.log_softmax(0), x.gather(0, torch.zeros(1, 3, dtype=torch.int64)), x.diagonal(),
        x.cumsum(0), x.flatten(), x.repeat(2, 1), x.double(), torch.dot(x[0], x[1]),
        x.masked_fill(x > 0, 1), x.index_select(0, torch.tensor([0])), x.narrow(0, 0, 1), x.split(1)[0],
        x.unbind()[0], x.min(), x.amax(), x.logsumexp(0), x.triu(), x.tril(), x.flip(0),
        x.sort()[0], x.topk(1)[0], x.trace(), torch.mv(x, x[0]), torch.bmm(x[None], x[None]),
        torch.outer(x[0], x[1]), torch.maximum(x, x), x.square(), x.rsqrt(), x.reciprocal(), x.erf(),
        x.floor(), x.round(), x.sign(), torch.addmm(x, x, x), x.atan2(x),
    ]  # fmt: skip
    return [r.grad_fn.name() for r in results]


def printed_grad_fn(torch):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    return [repr(x), repr(x * 2), repr(x.detach()), repr((x * x).sum()), str(x.max(0).values)]


def deep_copies(torch):
    x = torch.ones(2, requires_grad=True)
    (x * 2).sum().backward()
    y = copy.deepcopy(x)
    y.grad.zero_()
    return [y.requires_grad, y.is_leaf, y.grad, x.grad, fails(lambda: copy.deepcopy(x * 2))]


def numpy_refused(torch):
    x = torch.ones(2, requires_grad=True)
    return [fails(x.numpy), fails((x * 2).numpy), float(x.detach().numpy().sum())]


def complex_gradients(torch):
    z = torch.tensor([1 + 2j, 3 - 1j], requires_grad=True)
    w = z * z
    loss = (w * w.conj()).real.sum()
    loss.backward()
    bad = torch.tensor(1j, requires_grad=True) * 2
    return [z.grad.real, z.grad.imag, fails(bad.backward)]


def mixed_dtypes(torch):
    a = torch.tensor([1.0, 2.0], dtype=torch.float32, requires_grad=True)
    b = torch.tensor([3.0, 4.0], dtype=torch.float64, requires_grad=True)
    (a * b).sum().backward()
    h = torch.tensor([1.0, 2.0], dtype=torch.bfloat16, requires_grad=True)
    (h * a).sum().backward()
    return [a.grad, b.grad, h.grad]


def empty_tensors(torch):
    x = torch.ones(0, 3, requires_grad=True)
    (x * 2).sum().backward()
    return x.grad


def broadcasts_are_summed(torch):
    x = torch.ones(2, 1, requires_grad=True)
    y = torch.ones(3, requires_grad=True)
    s = torch.ones((), requires_grad=True)
    (x * y * s + s).sum().backward()
    return [x.grad, y.grad, s.grad]


def integers_in_between(torch):
    x = torch.tensor([1.5, 2.5], requires_grad=True)
    return [(x > 2).requires_grad, x.argmax().requires_grad, x.long().requires_grad,
            x.max(0)[1].requires_grad, (x.long().double() * x).sum().requires_grad]  # fmt: skip
