"""What is refused, and in which words: arguments of transforms, hooks, contexts, user functions."""

import warnings

from .observe import fails


def arguments_of_transforms(torch):
    func, x = torch.func, torch.tensor([1.0, 2.0])
    z, two = torch.tensor([1 + 1j]), lambda x, y: (x * y).sum()
    square = lambda x: x**2
    return [
        fails(lambda: func.grad(two, argnums=(0, 0))(x, x)),
        fails(lambda: func.grad(two, argnums=(0, 2))(x, x)),
        fails(lambda: func.grad(lambda z: (z * z).sum())(z)),
        fails(lambda: func.jacrev(square)(z)), fails(lambda: func.jacfwd(square)(z)),
        fails(lambda: func.jacfwd(lambda x: torch.complex(x, x))(x)),
        fails(lambda: func.hessian(lambda z: z.abs().sum())(z)),
        fails(lambda: func.jacfwd(square, randomness="any")(x)),
        fails(lambda: func.jvp(square, (), ())), fails(lambda: func.vjp(lambda x: 3, x)),
        fails(lambda: func.hessian(lambda x: x.long().sum())(x)),
        fails(lambda: func.functional_call(torch.nn.Linear(1, 1), 3, x)),
        fails(lambda: func.functional_call(torch.nn.Linear(1, 1), [{"bias": x}, {"bias": x}], x)),
        fails(lambda: func.vmap(lambda a: a.data_ptr())(x)),
    ]  # fmt: skip


def batched_gradients(torch):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    grad = torch.autograd.grad
    ask = lambda g: grad(x * x, x, g, is_grads_batched=True)
    return [
        ask(torch.eye(2)), fails(lambda: ask(torch.ones(2))),
        fails(lambda: grad([], x)),
        grad((x * x).sum(), {"x": x}),
    ]  # fmt: skip


def what_hooks_return(torch):
    seen = []
    for hook in (lambda g: g.double(), lambda g: torch.ones(3), lambda g: 3):
        x = torch.ones(2, requires_grad=True)
        y = x * torch.ones(2)
        y.register_hook(hook)
        seen.append(fails(y.sum().backward))
    for result in ((), (1, 2, 3)):
        x, w = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
        y = x * w
        y.grad_fn.register_hook(lambda ins, outs, result=result: (ins[0],) * len(result))
        seen.append(fails(y.sum().backward))
        y = x * w
        y.grad_fn.register_prehook(lambda outs, result=result: (outs[0],) * len(result))
        seen.append(fails(y.sum().backward))
    return seen


def hooks_in_forbidden_places(torch):
    graph = torch.autograd.graph
    hooks = lambda: graph.saved_tensors_hooks(lambda t: t, lambda t: t)
    seen = []
    with graph.disable_saved_tensors_hooks("not here"):
        seen.append(fails(lambda: hooks().__enter__()))
        seen.append(fails(lambda: graph.allow_mutation_on_saved_tensors().__enter__()))
    with hooks():
        seen.append(fails(lambda: graph.disable_saved_tensors_hooks("not here").__enter__()))
    with graph.allow_mutation_on_saved_tensors():  # the refusals left nothing behind
        x = torch.ones(2, requires_grad=True)
        y = x.clone()
        out = (y**2).sum()
        y.sin_()
        out.backward()
    return [*seen, x.grad]


def marks_that_are_wrong(torch):
    class Changed(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.mark_dirty(x)
            x.mul_(2)
            return x * 1

        @staticmethod
        def backward(ctx, g):
            return g

    class Old(torch.autograd.Function):
        def forward(self, x):
            return x

    x = torch.ones(2, requires_grad=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [fails(lambda: Changed.apply(x.clone())), fails(lambda: Old()(x))]


def errors_in_anomaly_mode(torch):
    class Broken(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, g):
            raise RuntimeError("mine")

    x = torch.ones(2, requires_grad=True)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        with torch.autograd.detect_anomaly():
            error = fails(Broken.apply(x).sum().backward)
    return [error, [str(w.message).split("\n")[0][:60] for w in told]]


def tensors_of_inference_mode(torch):
    x = torch.ones(4)
    with torch.inference_mode():
        t = x * 2
    views = [t.view(2, 2), t[1:], t.unbind()[0], t.reshape(2, 2).t()]
    return [
        [v.is_inference() for v in views], fails(lambda: t._version), (t + 1).is_inference(),
        fails(lambda: torch.nn.Parameter(t)),
        t.clone().is_inference(),
    ]  # fmt: skip


def tensors_like_a_batch(torch):
    def filled(make):
        def one(a):
            out = make(a)
            out[0] = a[1]
            return out + a

        return torch.func.vmap(one)(torch.arange(6.0).view(2, 3))

    makers = [
        torch.zeros_like, torch.ones_like, lambda a: torch.full_like(a, 3.0),
        lambda a: a.new_zeros(3), lambda a: a.new_ones(3), lambda a: a.new_full((3,), 2.0),
        lambda a: torch.empty_like(a).fill_(1),
    ]  # fmt: skip
    nested = torch.func.vmap(torch.func.vmap(lambda a, b: torch.zeros_like(a * b).add_(a)),
                             in_dims=(0, 0))(torch.ones(2, 3), torch.ones(2, 3))  # fmt: skip
    gradient = torch.func.vmap(torch.func.grad(lambda a: torch.zeros_like(a).add_(a * a).sum()))
    return [*[filled(make) for make in makers], nested, gradient(torch.arange(4.0).view(2, 2))]


def functions_given_nothing_of_the_transform(torch):
    func, outside = torch.func, torch.tensor([3.0])

    class Older(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * x

    class Newer(torch.autograd.Function):
        @staticmethod
        def forward(x):
            return x * x

        @staticmethod
        def setup_context(ctx, inputs, output):
            pass

    x, one = torch.ones(2, 1), torch.ones(1)

    def under_each(call):
        return [
            fails(lambda: func.vmap(call)(x)), fails(lambda: func.vjp(call, one)),
            fails(lambda: func.grad(lambda a: call(a).sum())(one)),
            fails(lambda: func.jvp(call, (one,), (one,))), fails(lambda: func.jacfwd(call)(one)),
        ]  # fmt: skip

    return [under_each(lambda a, kind=kind: kind.apply(outside) + a) for kind in (Older, Newer)]


def saved_values_of_another_type(torch):
    seen, checkpoint = [], torch.utils.checkpoint.checkpoint
    for kind in (torch.float64, torch.bfloat16):
        x = torch.tensor([1.0, 2.0], requires_grad=True)
        unpack = lambda t, kind=kind: t.to(kind)
        with torch.autograd.graph.saved_tensors_hooks(lambda t: t, unpack):
            y = (x * x).sum()
        y.backward()
        seen.append(x.grad)
    runs = []

    def other(x):
        runs.append(1)
        return x.double() * x if len(runs) % 2 == 0 else x * x

    x = torch.tensor([1.0, 2.0], requires_grad=True)
    loss = checkpoint(other, x, use_reentrant=False, determinism_check="none").sum()
    loss.backward()
    return [*seen, x.grad, fails(lambda: setattr(x, "grad", torch.ones(3).double()))[:46]]
