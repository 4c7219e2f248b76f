"""What four introductory articles on gradients do, statement by statement."""

from .observe import fails


def leaf_backward_gives_one(torch):
    leaf = torch.rand(2, 3, requires_grad=True)
    result = leaf * 2
    leaf.backward(torch.ones_like(leaf))
    first = leaf.grad.clone()
    result.retain_grad()
    result.backward(torch.ones_like(result))
    return [first, result.grad, leaf.grad]


def retain_on_leaf_changes_nothing(torch):
    x = torch.ones(2, requires_grad=True)
    x.retain_grad()
    x.sum().backward()
    return x.grad


def dot_product(torch):
    x = torch.arange(4.0)
    x.requires_grad_(True)
    seen = [x.grad]
    y = 2 * torch.dot(x, x)
    seen.append(repr(y))
    y.backward()
    return [*seen, repr(x.grad), repr(x.grad == 4 * x)]


def zero_and_sum(torch):
    x = torch.arange(4.0, requires_grad=True)
    (2 * torch.dot(x, x)).backward()
    x.grad.zero_()
    x.sum().backward()
    return repr(x.grad)


def without_zero(torch):
    x = torch.arange(4.0, requires_grad=True)
    (2 * torch.dot(x, x)).backward()
    x.sum().backward()
    return repr(x.grad)


def square_sum(torch):
    x = torch.arange(4.0, requires_grad=True)
    y = x * x
    y.sum().backward()
    return [repr(x.grad), repr(x)]


def detached_factor(torch):
    x = torch.arange(4.0, requires_grad=True)
    u = (x * x).detach()
    z = u * x
    z.sum().backward()
    return [repr(x.grad == u), repr(u)]


def detach_demo(torch):
    x = torch.tensor(2.0, requires_grad=True)
    y = 0.5 * x**2
    y = y.detach().requires_grad_()
    output3 = x**2 / 2
    output3.backward()
    seen = [x.grad, y.grad]
    output4 = y**2 / 2
    output4.backward()
    return [*seen, x.grad, y.grad]


def two_roots_on_one_part(torch):
    x = torch.tensor(2.0, requires_grad=True)
    y = torch.tensor(3.0, requires_grad=True)
    shared = x + y
    a, b = shared * 2, shared * 5
    a.backward()
    b.backward()
    return [x.grad, y.grad]


def retained_graph(torch):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = torch.dot(x, x)
    y.backward(retain_graph=True)
    y.backward()
    return [repr(x.grad), fails(y.backward)]


def misspelt_grad(torch):
    x = torch.ones(2, requires_grad=True)
    return [fails(lambda: x.gard), fails(lambda: x.grad.zero_())]


def descent(torch):
    w = torch.tensor(10.0, requires_grad=True, dtype=torch.float)
    lines = []
    for _ in range(100):
        loss = w**2 + 20
        if w.grad is not None:
            w.grad.zero_()
        loss.sum().backward()
        w.data -= 0.01 * w.grad.data
        lines.append(f"w = {w.item():.4f}, loss = {loss.item():.4f}")
    return [lines[0], lines[1], lines[-1]]


def regression(torch):
    x = torch.ones(2, 5)
    y = torch.zeros(2, 3)
    torch.manual_seed(0)
    w = torch.randn(5, 3, requires_grad=True)
    b = torch.randn(3, requires_grad=True)
    z = torch.matmul(x, w) + b
    loss = ((z - y) ** 2).mean()
    loss.backward()
    rows_equal = all(bool((row - b.grad).abs().max() < 1e-6) for row in w.grad)
    return [loss, b.grad, rows_equal, bool((b.grad - 2 / 3 * z[0]).abs().max() < 1e-6)]


def refused(torch):
    x = torch.ones(2, requires_grad=True)

    def update():
        w = torch.ones(2, requires_grad=True)
        w -= 0.1

    return [fails(x.numpy), fails(update), fails((x * 2).backward)]


def two_variables(torch):
    x = torch.tensor(3.0, requires_grad=True)
    y = torch.tensor(2.0, requires_grad=True)
    z = x**2 + y**3
    z.backward()
    return [f"dz/dx = {x.grad}", f"dz/dy = {y.grad}"]


def second_derivative(torch):
    x = torch.tensor(2.0, requires_grad=True)
    y = x**3
    (grad,) = torch.autograd.grad(y, x, create_graph=True)
    (hessian,) = torch.autograd.grad(grad, x)
    return [grad.item(), hessian.item()]


def formatted(torch):
    x = torch.tensor(3.14159)
    return [f"{x:.2f}", f"{x}", f"{torch.tensor(7):04d}", f"{torch.tensor([1, 2])}"]
