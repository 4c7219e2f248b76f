"""Short programs as tutorials have them, and odder ones: what is told of each is PyTorch's."""

__all__ = ["PROGRAMS"]

PROGRAMS = {
    "chain": """
        x = torch.tensor(0.5, requires_grad=True)
        y = torch.exp(torch.sin(x**2)) / (1 + x)
        y.backward()
    """,
    "shared": """
        a = torch.tensor(2.0, requires_grad=True)
        b = torch.tensor(3.0, requires_grad=True)
        c = a * b
        d = c + a
        e = d * c
        f = e.log()
        f.backward()
    """,
    "vector": """
        x = torch.arange(4.0, requires_grad=True)
        y = 2 * torch.dot(x, x)
        y.backward()
    """,
    "twice": """
        x = torch.tensor([1.0, -2.0], requires_grad=True)
        y = (x ** 3).sum()
        g, = torch.autograd.grad(y, x, create_graph=True)
        z = (g ** 2).sum()
        z.backward()
    """,
    "retain": """
        x = torch.tensor(3.0, requires_grad=True)
        y = x * x
        y.retain_grad()
        z = y * 5
        z.backward(retain_graph=True)
        z.backward()
        g1 = y.grad
    """,
    "generator": """
        w = torch.tensor([1.0, 2.0], requires_grad=True)
        def batches(n):
            for i in range(n):
                yield torch.full((2,), float(i + 1))
        total = 0
        for batch in batches(3):
            total = total + (w * batch).sum()
        total.backward()
    """,
    "recursion": """
        x = torch.tensor(1.1, requires_grad=True)
        def power(v, n):
            if n == 0:
                return torch.ones_like(v)
            return v * power(v, n - 1)
        y = power(x, 5)
        y.backward()
    """,
    "class": """
        class Poly:
            def __init__(self):
                self.c = [torch.tensor(float(k), requires_grad=True) for k in (1, 2, 3)]
            def __call__(self, t):
                return sum(c * t ** k for k, c in enumerate(self.c))
        p = Poly()
        out = p(torch.tensor(2.0)) + p(torch.tensor(-1.0)) ** 2
        out.backward()
        c0, c1, c2 = p.c
    """,
    "hooks": """
        x = torch.tensor([1.0, 2.0], requires_grad=True)
        x.register_hook(lambda g: g * 2)
        y = x * 3
        y.register_hook(lambda g: g.clamp(max=0.5))
        (y * y).sum().backward()
    """,
    "custom": """
        class Clip(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x, lo):
                ctx.save_for_backward(x)
                ctx.lo = lo
                return x.clamp(min=lo)
            @staticmethod
            def backward(ctx, g):
                (x,) = ctx.saved_tensors
                return g * (x > ctx.lo), None
        x = torch.tensor([-1.0, 0.5, 2.0], requires_grad=True)
        y = (Clip.apply(x, 0.0) ** 2).sum()
        y.backward()
    """,
    "inplace": """
        x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
        y = x.clone()
        y[1:] *= 4
        y += x
        y.mul_(2).sum().backward()
    """,
    "thread": """
        import threading
        x = torch.tensor(2.0, requires_grad=True)
        out = []
        def work(k):
            (x * k).backward()
        ts = [threading.Thread(target=work, args=(k,)) for k in (1.0, 2.0)]
        for t in ts:
            t.start()
            t.join()
    """,
    "transforms": """
        from torch.func import grad, vmap
        def f(v):
            return (v ** 3).sum()
        x = torch.tensor([1.0, 2.0], requires_grad=True)
        g = grad(f)(x)
        h = vmap(lambda v: v * v)(x)
        (g.sum() + h.sum()).backward()
    """,
    "inference": """
        x = torch.tensor([1.0, 2.0], requires_grad=True)
        with torch.inference_mode():
            k = x * 2
        with torch.no_grad():
            m = x + 1
        y = (x * m).sum()
        y.backward()
    """,
    "lbfgs": """
        w = torch.tensor([1.0, -1.0], requires_grad=True)
        opt = torch.optim.LBFGS([w], lr=0.1, max_iter=3)
        def closure():
            opt.zero_grad()
            loss = ((w - 3) ** 2).sum()
            loss.backward()
            return loss
        for _ in range(2):
            opt.step(closure)
    """,
    "loader": """
        from torch.utils.data import DataLoader, TensorDataset
        torch.manual_seed(0)
        X = torch.arange(12.0).reshape(6, 2)
        Y = X.sum(1, keepdim=True)
        net = torch.nn.Linear(2, 1)
        opt = torch.optim.SGD(net.parameters(), lr=0.01)
        for xb, yb in DataLoader(TensorDataset(X, Y), batch_size=2):
            opt.zero_grad()
            loss = torch.nn.functional.mse_loss(net(xb), yb)
            loss.backward()
            opt.step()
        w = net.weight
        b = net.bias
    """,
    "bfloat16": """
        x = torch.tensor([1.5, -2.5], dtype=torch.bfloat16, requires_grad=True)
        (x * x + x).sum().backward()
    """,
    "complex": """
        z = torch.tensor([1 + 2j, -1j], requires_grad=True)
        w = (z * z * (2 - 1j)).abs().sum()
        w.backward()
    """,
    "nan": """
        x = torch.tensor([0.0, 1.0, -1.0], requires_grad=True)
        y = torch.sqrt(x)
        y.sum().backward()
    """,
    "zeros": """
        x = torch.tensor([-0.0, 0.0, float('inf')], requires_grad=True)
        y = x * torch.tensor([1.0, -0.0, 0.0])
        y.backward(torch.tensor([-0.0, 1.0, 1.0]))
    """,
    "chinese": """
        权重 = torch.tensor([1.0, 2.0], requires_grad=True)
        损失 = (权重 ** 2).sum()
        损失.backward()
    """,
    "broadcast": """
        x = torch.ones(3, 1, requires_grad=True)
        y = torch.arange(4.0, requires_grad=True)
        s = torch.tensor(2.0, requires_grad=True)
        ((x + y) * s).pow(2).mean().backward()
    """,
    "linear": """
        torch.manual_seed(0)
        x = torch.randn(2, 5)
        w = torch.randn(5, 3, requires_grad=True)
        b = torch.zeros(3, requires_grad=True)
        y = torch.zeros(2, 3)
        z = torch.matmul(x, w) + b
        loss = torch.nn.MSELoss()(z, y)
        loss.sum().backward()
    """,
    "descent": """
        w = torch.tensor(10.0, requires_grad=True, dtype=torch.float)
        for i in range(5):
            loss = w ** 2 + 20
            if w.grad is not None:
                w.grad.zero_()
            loss.sum().backward()
            w.data -= 0.01 * w.grad.data
    """,
    "while": """
        x = torch.tensor(1.0, requires_grad=True)
        y = x
        n = 0
        while y.item() < 100:
            y = y * 2 + x
            n += 1
        y.backward()
    """,
    "comprehension": """
        ws = [torch.tensor(float(i), requires_grad=True) for i in range(3)]
        s = sum([w * w for w in ws])
        s.backward()
        a, b, c = ws
    """,
    "lambda": """
        f = lambda v: v.sigmoid() * (1 - v.sigmoid())
        x = torch.tensor([0.3, -0.2], requires_grad=True)
        f(x).sum().backward()
    """,
    "linalg": """
        torch.manual_seed(0)
        a = torch.randn(3, 3, dtype=torch.float64, requires_grad=True)
        b = a @ a.T + torch.eye(3, dtype=torch.float64)
        l = torch.linalg.inv(b).sum() + torch.linalg.det(a) + torch.linalg.cholesky(b).sum()
        l.backward()
    """,
    "conv": """
        torch.manual_seed(0)
        c = torch.nn.Conv2d(2, 4, 3, padding=1, groups=2)
        x = torch.randn(1, 2, 4, 4, requires_grad=True)
        torch.nn.functional.max_pool2d(c(x).relu(), 2).pow(2).sum().backward()
        w = c.weight
        b = c.bias
    """,
    "attention": """
        torch.manual_seed(0)
        q = torch.randn(3, 4, requires_grad=True)
        k = torch.randn(3, 4, requires_grad=True)
        v = torch.randn(3, 4, requires_grad=True)
        a = torch.softmax(q @ k.T / 2, dim=-1)
        (a @ v).pow(2).sum().backward()
    """,
    "embedding": """
        torch.manual_seed(0)
        e = torch.nn.Embedding(5, 3)
        out = e(torch.tensor([1, 1, 3])).sum() * 2
        out.backward()
        w = e.weight
    """,
    "views": """
        x = torch.arange(6.0, requires_grad=True)
        a = x.view(2, 3)
        b = a.t()
        c = b[1:]
        d = x[::2]
        (c.sum() * d.prod() + a.diagonal().sum()).backward()
    """,
    "detach": """
        x = torch.arange(4.0, requires_grad=True)
        y = x * x
        u = y.detach()
        z = u * x
        z.sum().backward()
    """,
    "checkpoint": """
        from torch.utils.checkpoint import checkpoint
        x = torch.tensor([0.1, 0.2], requires_grad=True)
        y = checkpoint(lambda v: v.sin() * v, x, use_reentrant=False)
        y.sum().backward()
    """,
    "several outputs": """
        x = torch.tensor(2.0, requires_grad=True)
        y1 = x ** 2
        y2 = x ** 3
        torch.autograd.backward([y1, y2], [torch.tensor(1.0), torch.tensor(10.0)])
    """,
    "chosen inputs": """
        x = torch.tensor(2.0, requires_grad=True)
        y = torch.tensor(3.0, requires_grad=True)
        (x * y * y).backward(inputs=[x])
    """,
    "kinks": """
        x = torch.tensor([0.0, 1.0, -1.0], requires_grad=True)
        (x.abs() + x.relu() + x.clamp(min=0) + torch.maximum(x, torch.zeros(3))).sum().backward()
    """,
    "compiled": """
        x = torch.tensor([1.0, 2.0], requires_grad=True)
        @torch.compile
        def f(v):
            return (v * v + v.sin()).sum()
        f(x).backward()
    """,
    "jacobian": """
        x = torch.tensor([1.0, 2.0], requires_grad=True)
        J = torch.autograd.functional.jacobian(lambda v: v ** 2 * v.sum(), x)
        H = torch.autograd.functional.hessian(lambda v: (v ** 3).sum(), x)
        (x * x).sum().backward()
    """,
    "modules": """
        torch.manual_seed(1)
        class Net(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.blocks = torch.nn.ModuleList([torch.nn.Linear(3, 3) for _ in range(3)])
                self.scale = torch.nn.Parameter(torch.tensor(2.0))
            def forward(self, x):
                for block in self.blocks:
                    x = torch.tanh(block(x)) * self.scale
                return x
        net = Net()
        net(torch.ones(2, 3)).sum().backward()
        w = net.blocks[1].weight
        s = net.scale
    """,
    "adam": """
        torch.manual_seed(0)
        m = torch.nn.Sequential(torch.nn.Linear(10, 20), torch.nn.ReLU(), torch.nn.Linear(20, 1))
        opt = torch.optim.Adam(m.parameters(), lr=0.01)
        inp = torch.randn(8, 10)
        tgt = torch.randn(8, 1)
        for _ in range(3):
            opt.zero_grad()
            loss = torch.nn.MSELoss()(m(inp), tgt)
            loss.backward()
            opt.step()
        w0 = m[0].weight
        b2 = m[2].bias
    """,
    "lstm": """
        torch.manual_seed(0)
        r = torch.nn.LSTM(2, 3)
        o, (h, c) = r(torch.ones(4, 1, 2))
        o.sum().backward()
        w = r.weight_hh_l0
    """,
    "index": """
        x = torch.arange(9.0, dtype=torch.float64).reshape(3, 3)
        x.requires_grad_()
        y = x[torch.tensor([0, 2]), torch.tensor([1, 1])]
        y.prod().backward()
    """,
    "where": """
        x = torch.tensor([-1.0, 2.0, 0.0], requires_grad=True)
        y = torch.where(x > 0, x.log(), -x)
        y.sum().backward()
    """,
    "step by hand": """
        x = torch.tensor(1.0, requires_grad=True)
        for step in range(3):
            loss = (x - 2) ** 2
            loss.backward()
            with torch.no_grad():
                x -= 0.1 * x.grad
                x.grad = None
        (x * 3).backward()
    """,
}
