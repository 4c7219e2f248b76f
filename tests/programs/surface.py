"""The rest of torch.autograd: Function, functional, gradcheck, anomaly detection, graph."""

from .observe import fails


def _scaled(torch):
    class Scaled(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, k):
            ctx.save_for_backward(x)
            ctx.k = k
            return x * x * k

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * 2 * x * ctx.k, None

    return Scaled


def function_of_one(torch):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = _scaled(torch).apply(x, 3.0)
    seen = [y, y.requires_grad, y.grad_fn.name(), type(y.grad_fn).__name__, repr(y)]
    y.sum().backward()
    seen.append(x.grad)
    return [*seen, fails(y.sum().backward)]


def function_twice(torch):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = _scaled(torch).apply(x, 3.0)
    (g,) = torch.autograd.grad((y * y).sum(), x, create_graph=True)
    (h,) = torch.autograd.grad(g.sum(), x, create_graph=True)
    return [g, h, torch.autograd.grad(h.sum(), x)]


def function_saving_its_output(torch):
    class Exp(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            out = x.exp()
            ctx.save_for_backward(out)
            return out

        @staticmethod
        def backward(ctx, g):
            (out,) = ctx.saved_tensors
            return g * out

    x = torch.tensor([0.5, 1.0], requires_grad=True)
    (g,) = torch.autograd.grad(Exp.apply(x).sum(), x, create_graph=True)
    (h,) = torch.autograd.grad(g.sum(), x, create_graph=True)
    y = Exp.apply(x)
    y.mul_(2)
    return [g, h, torch.autograd.grad(h.sum(), x), fails(y.sum().backward)]


def function_with_setup(torch):
    class Product(torch.autograd.Function):
        @staticmethod
        def forward(x, y, power=1):
            return x * y, x + y

        @staticmethod
        def setup_context(ctx, inputs, output):
            x, y, power = inputs
            ctx.save_for_backward(x, y)
            ctx.power = power

        @staticmethod
        def backward(ctx, g, h):
            x, y = ctx.saved_tensors
            return g * y + h, g * x + h, None

    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = torch.tensor([3.0, 4.0], requires_grad=True)
    p, s = Product.apply(x, y, 2)
    p.sum().backward(retain_graph=True)
    seen = [x.grad, y.grad.clone(), p.grad_fn.name(), s.requires_grad]
    (p * s).sum().backward()
    seen += [x.grad, y.grad]
    f = lambda x, y: (Product.apply(x, y, 1)[0] ** 2).sum()
    a, b = x.detach(), y.detach()
    seen += [torch.func.grad(f)(a, b), torch.func.grad(f, argnums=1)(a, b)]
    seen.append(torch.func.grad(lambda x: torch.func.grad(f)(x, b).sum())(a))
    return seen


def function_needs(torch):
    seen = []

    class Watch(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, y, z):
            seen.append(list(ctx.needs_input_grad))
            seen.append(torch.is_grad_enabled())
            return x + y

        @staticmethod
        def backward(ctx, g):
            seen.append(list(ctx.needs_input_grad))
            seen.append(torch.is_grad_enabled())
            return g, None, None

    x = torch.ones(2, requires_grad=True)
    Watch.apply(x, torch.ones(2), 3).sum().backward()
    with torch.no_grad():
        seen.append(Watch.apply(x, torch.ones(2), 3).requires_grad)
    return seen


def function_dirty(torch):
    class AddOne(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            x.add_(1)
            ctx.mark_dirty(x)
            return x

        @staticmethod
        def backward(ctx, g):
            return g * 10

    x = torch.ones(2, requires_grad=True)
    y = x * 2
    z = AddOne.apply(y)
    same = z is y
    z.sum().backward()
    return [same, z, x.grad, fails(lambda: AddOne.apply(x))]


def function_not_differentiable(torch):
    class Sorted(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            values, index = x.sort()
            rounded = values.round()
            ctx.mark_non_differentiable(rounded)
            ctx.save_for_backward(index)
            return values, index, rounded

        @staticmethod
        def backward(ctx, g, gi, gr):
            (index,) = ctx.saved_tensors
            return torch.zeros_like(g).index_add(0, index, g) + gr

    x = torch.tensor([3.0, 1.0, 2.0], requires_grad=True)
    v, i, r = Sorted.apply(x)
    (v * torch.tensor([1.0, 2.0, 3.0])).sum().backward()
    return [v, i, i.requires_grad, r.requires_grad, x.grad]


def function_unmaterialized(torch):
    seen = []

    class Pair(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.set_materialize_grads(False)
            return x * 1, x * 2

        @staticmethod
        def backward(ctx, a, b):
            seen.append([a is None, b is None])
            return a

    x = torch.ones(2, requires_grad=True)
    Pair.apply(x)[0].sum().backward()
    return [seen, x.grad]


def function_wrong(torch):
    class Wrong(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, y):
            return x + y

        @staticmethod
        def backward(ctx, g):
            return g

    class Shape(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return torch.ones(3)

    class Missing(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

    class Wide(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.expand(3, 2)

        @staticmethod
        def backward(ctx, g):
            return g

    x = torch.ones(2, requires_grad=True)
    Wide.apply(x).sum().backward()
    return [
        fails(lambda: Wrong.apply(x, x).sum().backward()),
        fails(lambda: Shape.apply(x).sum().backward()),
        fails(lambda: Missing.apply(x).sum().backward()),
        x.grad,
    ]


def function_once(torch):
    class Once(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return 2 * x * g

    x = torch.tensor([1.0, 2.0], requires_grad=True)
    (g,) = torch.autograd.grad((Once.apply(x) ** 2).sum(), x, create_graph=True)
    return [g, fails(g.sum().backward)]


def function_returning_its_input(torch):
    class Same(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x

        @staticmethod
        def backward(ctx, g):
            return -g

    class Reverse(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.view_as(x)

        @staticmethod
        def backward(ctx, g):
            return g.neg() * 0.5

    x = torch.ones(2, requires_grad=True)
    y = Same.apply(x)
    seen = [y is x, y.is_leaf]
    y.sum().backward()
    seen.append(x.grad.clone())
    Reverse.apply(x).sum().backward()
    return [*seen, x.grad]


def function_without_saving_walks_twice(torch):
    class Plain(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 3

        @staticmethod
        def backward(ctx, g):
            return g * 3

    x = torch.ones(2, requires_grad=True)
    y = Plain.apply(x).sum()
    y.backward()
    y.backward()
    return x.grad


def function_under_forward_mode(torch):
    class Cube(torch.autograd.Function):
        @staticmethod
        def forward(x):
            return x**3

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(inputs[0])
            ctx.save_for_forward(inputs[0])

        @staticmethod
        def backward(ctx, g):
            return 3 * ctx.saved_tensors[0] ** 2 * g

        @staticmethod
        def jvp(ctx, t):
            return 3 * ctx.saved_tensors[0] ** 2 * t

        @staticmethod
        def vmap(info, in_dims, x):
            return Cube.apply(x), in_dims[0]

    x = torch.tensor([1.0, 2.0])
    return [
        torch.func.jvp(Cube.apply, (x,), (torch.ones(2),)),
        torch.func.vmap(Cube.apply)(x),
        torch.func.vmap(torch.func.grad(lambda a: Cube.apply(a)))(x),
        torch.func.jacrev(Cube.apply)(x),
    ]


def functional(torch):
    F = torch.autograd.functional
    x, y = torch.tensor([1.0, 2.0]), torch.tensor([3.0])
    two = lambda a, b: (a * b, (a**2).sum())
    scalar = lambda a, b: (a**3).sum() * b.sum()
    return [
        F.jacobian(lambda a: a.exp(), x),
        F.jacobian(two, (x, y)),
        F.jacobian(lambda a: a.exp(), x, vectorize=True, strategy="forward-mode"),
        F.hessian(lambda a: (a**3).sum(), x),
        F.hessian(scalar, (x, y)),
        F.vjp(two, (x, y), (torch.ones(2), torch.tensor(2.0))),
        F.jvp(two, (x, y), (torch.ones(2), torch.ones(1))),
        F.hvp(scalar, (x, y), (torch.ones(2), torch.ones(1))),
        F.vhp(scalar, (x, y), (torch.ones(2), torch.ones(1))),
        F.jacobian(lambda a: torch.ones(2), x),
        fails(lambda: F.jacobian(lambda a: torch.ones(2), x, strict=True)),
        fails(lambda: F.hessian(lambda a: a, x)),
        fails(lambda: F.vjp(lambda a: a * 2, x)),
        fails(lambda: F.jacobian(lambda a: a, 3)),
        F.jacobian(lambda a: a**2, x, create_graph=True).requires_grad,
    ]


def gradchecks(torch):
    x = torch.tensor([0.3, 0.7], dtype=torch.float64, requires_grad=True)
    check, check2 = torch.autograd.gradcheck, torch.autograd.gradgradcheck

    class Wrong(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * 3

    return [
        check(lambda a: (a.sin() * a).sum(), (x,)),
        check(lambda a, b: (a * b, a + b), (x, x.detach().clone().requires_grad_())),
        check2(lambda a: a**3, (x,)),
        check(Wrong.apply, (x,), raise_exception=False),
        fails(lambda: check(Wrong.apply, (x,)))[:50],
        fails(lambda: check(torch.sin, (x.detach(),))),
    ]


def anomalies(torch):
    x = torch.tensor([0.0, 1.0], requires_grad=True)
    seen = [torch.is_anomaly_enabled()]
    with torch.autograd.detect_anomaly():
        seen.append(torch.is_anomaly_enabled())
        y = (x.sqrt() * torch.tensor([0.0, 1.0])).sum()
        seen.append(fails(y.backward))
    with torch.autograd.set_detect_anomaly(False):
        seen.append(torch.is_anomaly_enabled())
    torch.autograd.set_detect_anomaly(True)
    seen.append(torch.is_anomaly_enabled())
    torch.autograd.set_detect_anomaly(False)
    return [*seen, torch.is_anomaly_enabled()]


def variables(torch):
    V = torch.autograd.Variable
    x = torch.ones(2)
    v = V(x, requires_grad=True)
    (v * 2).sum().backward()
    v.data[0] = 5.0
    return [isinstance(x, V), v.requires_grad, v.grad, x, V(x).requires_grad, V(torch.arange(2)),
            type(v).__name__]  # fmt: skip


def edges_and_hooks(torch):
    graph = torch.autograd.graph
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    w = torch.tensor([3.0, 4.0], requires_grad=True)
    y = x * w
    seen = []
    handle = graph.register_multi_grad_hook(
        (x, w), lambda gs: seen.append([g.tolist() for g in gs])
    )
    y.sum().backward()
    handle.remove()
    edge = graph.get_gradient_edge(y)
    return [seen, edge.node.name(), edge.output_nr, isinstance(y.grad_fn, graph.Node)]


def forward_mode_by_hand(torch):
    fw = torch.autograd.forward_ad
    x = torch.tensor([1.0, 2.0])
    with fw.dual_level():
        dual = fw.make_dual(x, torch.ones(2))
        out = fw.unpack_dual((dual**3).sum())
        none = fw.unpack_dual(x).tangent
    return [out.primal, out.tangent, none, fails(lambda: fw.make_dual(x, x))]


def modules_as_functions(torch):
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1))
    x = torch.ones(2, 3)
    params = {k: v.detach() for k, v in net.named_parameters()}
    call = torch.func.functional_call
    double = {k: v * 2 for k, v in params.items()}
    grads = torch.func.grad(lambda p: call(net, p, (x,)).sum())(params)
    nets = [torch.nn.Linear(2, 1) for _ in range(3)]
    stacked, buffers = torch.func.stack_module_state(nets)
    base = torch.nn.Linear(2, 1)
    out = torch.func.vmap(lambda p, b, x: call(base, (p, b), (x,)), in_dims=(0, 0, None))(
        stacked, buffers, torch.ones(2)
    )
    return [call(net, params, (x,)), call(net, double, x), net(x), grads, stacked, out]


def other_memory(torch):
    a, b = torch.zeros(3), torch.arange(4.0)
    a.set_(b)
    a[0] = 9
    seen = [a, b, a.data_ptr() == b.data_ptr()]
    seen.append(torch.zeros(3).set_(b.untyped_storage(), 1, (2,), (1,)))
    seen += [torch.empty(0).set_(b, 0, (2, 2)), torch.zeros(3).set_()]
    w = torch.ones(2, requires_grad=True)
    seen.append(fails(lambda: w.set_(b)))
    with torch.no_grad():
        w.set_(b)
    (w * w).sum().backward()
    whole = torch.zeros(4)
    part = whole[1:]
    part.set_(b)
    part[0] = 7
    ints = torch.zeros(3, dtype=torch.int64)
    return [*seen, w.grad, whole, b, fails(lambda: torch.zeros(3).set_(ints))]
