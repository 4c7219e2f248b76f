"""Small programs of differentiation, wrong ones among them, for comparison with PyTorch.

Each takes the library's module; its result (or its error) is what is compared. Read `PROGRAMS`.
"""

import threading

PROGRAMS = []


def src(*programs):
    PROGRAMS.extend(programs)


A = lambda t: t.tolist() if hasattr(t, "tolist") else t
X = lambda m: m.tensor([1.0, 2.0, 3.0], requires_grad=True)
src(
    lambda m: A(m.vmap(lambda x: x + m.rand(1) * 0, randomness="different")(m.zeros(3, 1))),
    lambda m: m.vmap(lambda x: x + m.rand(1))(m.zeros(3, 1)),
    lambda m: m.vmap(lambda x: x + m.rand(1), randomness="nope")(m.zeros(3, 1)),
    lambda m: (
        m.manual_seed(0),
        A(m.vmap(lambda x: x + m.rand(2), randomness="different")(m.zeros(3, 2))),
    )[1],
    lambda m: (
        m.manual_seed(0),
        A(m.vmap(lambda x: x + m.randn(2), randomness="same")(m.zeros(3, 2))),
    )[1],
    lambda m: (
        m.manual_seed(0),
        A(m.vmap(lambda x: m.bernoulli(x), randomness="different")(m.full((3, 2), 0.5))),
    )[1],
    lambda m: m.vmap(lambda x: m.bernoulli(x), randomness="same")(m.full((3, 2), 0.5)),
    lambda m: m.vmap(lambda x: m.bernoulli(x))(m.full((3, 2), 0.5)),
    lambda m: (
        m.manual_seed(0),
        A(m.vmap(lambda x: m.nn.functional.dropout(x), randomness="different")(m.ones(3, 4))),
    )[1],
    lambda m: (
        m.manual_seed(0),
        A(m.vmap(lambda x: m.nn.functional.dropout(x), randomness="same")(m.ones(3, 4))),
    )[1],
    lambda m: (
        m.manual_seed(0),
        A(m.vmap(lambda x: x.clone().uniform_(), randomness="different")(m.ones(3, 2))),
    )[1],
    lambda m: (
        m.manual_seed(0),
        A(m.vmap(lambda x: m.randperm(4) + x, randomness="different")(m.zeros(3, 1))),
    )[1],
    lambda m: (
        m.manual_seed(0),
        A(m.vmap(lambda x: m.randint(0, 9, (2,)) + x, randomness="same")(m.zeros(3, 1))),
    )[1],
    lambda m: (
        m.manual_seed(0),
        A(m.vmap(lambda x: m.normal(x, 1.0), randomness="different")(m.zeros(3, 2))),
    )[1],
    lambda m: (
        m.manual_seed(0),
        A(
            m.vmap(
                lambda x: m.vmap(lambda y: y + m.rand(1), randomness="different")(x),
                randomness="different",
            )(m.zeros(2, 3, 1))
        ),
    )[1],
    lambda m: (lambda x: (m.vmap(lambda a: a.add_(1))(x), A(x))[1])(m.zeros(3, 2)),
    lambda m: (lambda x: (m.vmap(lambda a: a.mul_(2).sum())(x), A(x))[1])(m.ones(3, 2)),
    lambda m: (
        lambda x: (
            m.vmap(
                lambda a: a[0].fill_(5),
            )(x),
            A(x),
        )[1]
    )(m.ones(3, 2)),
    lambda m: (lambda x, y: (m.vmap(lambda a: y.add_(a))(x), A(y))[1])(m.ones(3, 2), m.zeros(2)),
    lambda m: (
        lambda x: (m.vmap(lambda a: a.copy_(m.arange(2.0)), in_dims=1, out_dims=1)(x), A(x))[1]
    )(m.ones(2, 3)),
    lambda m: A(m.func.hessian(lambda x: x.long().sum())(m.ones(2))),
    lambda m: A(m.func.grad(lambda x: x.long().sum())(m.ones(2))),
    lambda m: A(m.func.jacrev(lambda x: x.long())(m.ones(2))),
    lambda m: A(m.func.jacfwd(lambda x: x.long())(m.ones(2))),
    lambda m: A(m.func.hessian(lambda x: (x > 0).float().sum())(m.ones(2))),
    lambda m: A(m.func.grad(lambda x: x.sum())(m.ones(2).long())),
    lambda m: A(m.func.jacfwd(lambda x: x.sum())(m.ones(2).long())),
    lambda m: [A(t) for t in m.func.jvp(lambda x: x.long(), (m.ones(2),), (m.ones(2),))],
    lambda m: m.func.jvp(lambda x: x, (m.ones(2),), (m.ones(3),)),
    lambda m: m.func.jvp(lambda x: x, m.ones(2), m.ones(2)),
    lambda m: m.func.jvp(lambda x: 3, (m.ones(2),), (m.ones(2),)),
    lambda m: m.func.jvp(lambda x: x, (m.ones(2),), (1.0,)),
    lambda m: m.func.vjp(lambda x: 3, m.ones(2)),
    lambda m: m.func.vjp(lambda x: x, m.ones(2))[1](m.ones(3)),
    lambda m: m.func.vjp(lambda x: x, m.ones(2))[1]((m.ones(2),)),
    lambda m: m.func.grad(lambda x: x)(m.ones(2)),
    lambda m: m.func.grad(lambda x: 3.0)(m.ones(2)),
    lambda m: m.func.grad(lambda x: x.sum(), argnums=1)(m.ones(2)),
    lambda m: m.func.grad(lambda x: x.sum(), argnums="a")(m.ones(2)),
    lambda m: m.func.grad(lambda x: x.sum(), has_aux=True)(m.ones(2)),
    lambda m: m.func.grad(lambda x: x.sum())(3.0),
    lambda m: m.func.jacrev(lambda x: (x, x.sum()))(m.ones(2))[1].tolist(),
    lambda m: m.func.jacrev(lambda x: 3)(m.ones(2)),
    lambda m: m.func.jacfwd(lambda x: 3)(m.ones(2)),
    lambda m: m.func.jacrev(lambda x: x, chunk_size=0)(m.ones(2)),
    lambda m: A(m.func.jacrev(lambda x: x * x, chunk_size=1)(m.ones(3))),
    lambda m: A(m.func.jacfwd(lambda x: x * x, randomness="same")(m.ones(3))),
    lambda m: m.vmap(lambda x: x, in_dims=3)(m.ones(2)),
    lambda m: m.vmap(lambda x: x, in_dims="a")(m.ones(2)),
    lambda m: m.vmap(lambda x: x, in_dims=(0, 0))(m.ones(2)),
    lambda m: m.vmap(lambda x, y: x, in_dims=(0, 0))(m.ones(2), m.ones(3)),
    lambda m: m.vmap(lambda x: x, in_dims=None)(m.ones(2)),
    lambda m: m.vmap(lambda x: x, out_dims=5)(m.ones(2)),
    lambda m: m.vmap(lambda x: x, out_dims="a")(m.ones(2)),
    lambda m: m.vmap(lambda x: 3)(m.ones(2)),
    lambda m: m.vmap(lambda x: x.item())(m.ones(2)),
    lambda m: m.vmap(lambda x: 1 if x > 0 else 2)(m.ones(2)),
    lambda m: m.vmap(lambda: 1)(),
    lambda m: m.vmap(lambda x: x[x > 0])(m.ones(2, 2)),
    lambda m: m.vmap(lambda x: x.nonzero())(m.ones(2, 2)),
    lambda m: A(m.vmap(lambda x: x * 2, chunk_size=2)(m.arange(5.0))),
    lambda m: m.vmap(lambda x: x, chunk_size=-1)(m.ones(2)),
    lambda m: A(m.func.linearize(lambda x: x**2, m.ones(2))[1](m.ones(2))),
    lambda m: m.func.linearize(lambda x: x**2, m.ones(2))[1](m.ones(3)),
    lambda m: A(m.func.functionalize(lambda x: x.clone().add_(1))(m.ones(2))),
)
src(
    lambda m: m.autograd.backward([]),
    lambda m: m.autograd.backward(m.ones(2)),
    lambda m: (X(m) * 2).backward(),
    lambda m: (X(m) * 2).backward(m.ones(2)),
    lambda m: (X(m) * 2).backward(3),
    lambda m: (X(m) * 2).sum().backward(inputs=[]),
    lambda m: (lambda x, u: (x * 2).sum().backward(inputs=[u]))(X(m), m.ones(2)),
    lambda m: (lambda x: ((x * 2).sum().backward(inputs=x), A(x.grad))[1])(X(m)),
    lambda m: m.autograd.grad((X(m) * 2).sum(), m.ones(2, requires_grad=True)),
    lambda m: m.autograd.grad((X(m) * 2).sum(), m.ones(2, requires_grad=True), allow_unused=True),
    lambda m: [
        A(t)
        for t in m.autograd.grad(
            (X(m) * 2).sum(), m.ones(2, requires_grad=True), materialize_grads=True
        )
    ],
    lambda m: m.autograd.grad(
        (X(m) * 2).sum(), m.ones(2, requires_grad=True), allow_unused=False, materialize_grads=True
    ),
    lambda m: m.autograd.grad(m.ones(2), m.ones(2)),
    lambda m: m.autograd.grad((X(m) * 2).sum(), []),
    lambda m: (lambda x: A(m.autograd.grad(x * x, x, m.eye(3), is_grads_batched=True)[0]))(X(m)),
    lambda m: (lambda x: (lambda l: (l.backward(), l.backward()))((x * x).sum()))(X(m)),
    lambda m: (
        lambda x: (lambda l: (l.backward(retain_graph=True), l.backward(), A(x.grad))[-1])(
            (x * x).sum()
        )
    )(X(m)),
    lambda m: (X(m).long() * 2).sum().backward(),
    lambda m: m.ones(2, dtype=m.long, requires_grad=True),
    lambda m: m.ones(2).long().requires_grad_(),
    lambda m: (X(m) * 2).requires_grad_(False),
    lambda m: X(m).add_(1),
    lambda m: (lambda x: (x * 1)[:2].detach_())(X(m)),
    lambda m: m.autograd.functional.jacobian(lambda x: x**2, m.ones(2)).tolist(),
    lambda m: m.autograd.functional.jacobian(lambda x: m.ones(2), m.ones(2), strict=True),
    lambda m: m.autograd.functional.jacobian(lambda x: m.ones(2), m.ones(2)).tolist(),
    lambda m: m.autograd.functional.jacobian(
        lambda x: x, m.ones(2), vectorize=True, strategy="forward-mode"
    ).tolist(),
    lambda m: m.autograd.functional.jacobian(lambda x: x, m.ones(2), strategy="forward-mode"),
    lambda m: m.autograd.functional.jacobian(lambda x: x, m.ones(2), strategy="x"),
    lambda m: m.autograd.functional.hessian(lambda x: x, m.ones(2)),
    lambda m: m.autograd.functional.hessian(
        lambda x: (x**3).sum(), m.ones(2), vectorize=True, outer_jacobian_strategy="forward-mode"
    ).tolist(),
    lambda m: m.autograd.functional.hvp(lambda x: (x**3).sum(), m.ones(2)),
    lambda m: [
        A(t) for t in m.autograd.functional.hvp(lambda x: (x**3).sum(), m.ones(2), m.ones(2))
    ],
    lambda m: [
        A(t) for t in m.autograd.functional.vhp(lambda x: (x**3).sum(), m.ones(2), m.ones(2))
    ],
    lambda m: m.autograd.functional.vhp(lambda x: (x**3).sum(), m.ones(2), m.ones(3)),
    lambda m: m.autograd.functional.vjp(lambda x: x, m.ones(2)),
    lambda m: m.autograd.functional.jvp(lambda x: x, m.ones(2)),
    lambda m: m.autograd.functional.vjp(lambda x: 3, m.ones(2)),
    lambda m: m.autograd.functional.vjp(lambda x: x, 3),
)
GC = lambda m, f, *a, **k: m.autograd.gradcheck(f, a, **k)
D = lambda m: m.tensor([1.0, 2.0], dtype=m.float64, requires_grad=True)


def bad(m):
    class Bad(m.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**2

        @staticmethod
        def backward(ctx, g):
            return g * ctx.saved_tensors[0] * 3

    return Bad.apply


def undefd(m):
    class U(m.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2, x * 3

        @staticmethod
        def backward(ctx, g, h):
            return g * 2 + h * 3

    return U.apply


def undefbad(m):
    class U(m.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.set_materialize_grads(False)
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * 2

    return U.apply


def jvpbad(m):
    class U(m.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_forward(x)
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * 2

        @staticmethod
        def jvp(ctx, t):
            return t * 3

    return U.apply


src(
    lambda m: GC(m, lambda x: x**2, D(m)),
    lambda m: GC(m, bad(m), D(m)),
    lambda m: GC(m, bad(m), D(m), raise_exception=False),
    lambda m: GC(m, bad(m), D(m), fast_mode=True),
    lambda m: GC(m, lambda x: x**2, D(m), fast_mode=True),
    lambda m: GC(
        m,
        lambda x: x**2,
        D(m),
        check_forward_ad=True,
        check_batched_grad=True,
        check_batched_forward_grad=True,
    ),
    lambda m: GC(m, jvpbad(m), D(m), check_forward_ad=True),
    lambda m: GC(
        m, jvpbad(m), D(m), check_forward_ad=True, check_backward_ad=False, fast_mode=True
    ),
    lambda m: GC(m, undefd(m), D(m), check_undefined_grad=True),
    lambda m: GC(m, undefbad(m), D(m), check_undefined_grad=True),
    lambda m: GC(m, undefbad(m), D(m), check_undefined_grad=False),
    lambda m: GC(m, lambda x: x**2, m.ones(2)),
    lambda m: GC(m, lambda x: x**2, m.ones(2, requires_grad=True)),
    lambda m: GC(m, lambda x: 3, D(m)),
    lambda m: GC(m, lambda x: x.detach(), D(m)),
    lambda m: GC(m, lambda x: x.long(), D(m)),
    lambda m: GC(m, lambda x: x**2, D(m), check_batched_forward_grad=True),
    lambda m: GC(m, lambda x: x**2, D(m), check_backward_ad=False),
    lambda m: GC(m, lambda x: x**2, D(m), masked=True),
    lambda m: GC(m, lambda x: x**2, D(m), check_grad_dtypes=True, nondet_tol=1e-3),
    lambda m: GC(
        m, lambda x: x.expand(2, 2) * 1, m.ones(1, dtype=m.float64).expand(2).requires_grad_()
    ),
    lambda m: m.autograd.gradgradcheck(lambda x: x**3, (D(m),)),
    lambda m: m.autograd.gradgradcheck(
        lambda x: x**3, (D(m),), fast_mode=True, check_fwd_over_rev=True, check_rev_over_rev=True
    ),
    lambda m: m.autograd.gradgradcheck(
        lambda x: x**3, (D(m),), gen_non_contig_grad_outputs=True, check_batched_grad=True
    ),
    lambda m: m.autograd.gradgradcheck(bad(m), (D(m),)),
    lambda m: m.autograd.gradgradcheck(
        lambda x: x**3, (D(m),), grad_outputs=m.ones(2, dtype=m.float64, requires_grad=True)
    ),
    lambda m: GC(
        m, lambda x: x * x.conj(), m.tensor([1 + 2j], requires_grad=True, dtype=m.complex128)
    ),
)


def fwad(m, f):
    fw = m.autograd.forward_ad
    with fw.dual_level():
        return f(fw)


def thr(m):
    fw = m.autograd.forward_ad
    out = []

    def t():
        try:
            with fw.dual_level():
                d = fw.make_dual(m.ones(1), m.ones(1))
                out.append(A(fw.unpack_dual(d * 2).tangent))
        except Exception as e:
            out.append(str(e)[:60])

    with fw.dual_level():
        th = threading.Thread(target=t)
        th.start()
        th.join()
        d = fw.make_dual(m.ones(1), m.ones(1))
        out.append(A(fw.unpack_dual(d * 3).tangent))
    return out


src(
    thr,
    lambda m: m.autograd.forward_ad.make_dual(m.ones(1), m.ones(1)),
    lambda m: m.autograd.forward_ad.unpack_dual(m.ones(1)).tangent,
    lambda m: m.autograd.forward_ad.exit_dual_level(),
    lambda m: fwad(m, lambda fw: fw.make_dual(m.ones(1), m.ones(2))),
    lambda m: fwad(m, lambda fw: fw.make_dual(m.ones(1).long(), m.ones(1))),
    lambda m: fwad(m, lambda fw: fw.make_dual(m.ones(1), m.ones(1).long())),
    lambda m: fwad(m, lambda fw: fw.make_dual(m.ones(1), m.ones(1).double())),
    lambda m: fwad(m, lambda fw: fw.make_dual(3.0, m.ones(1))),
    lambda m: fwad(m, lambda fw: fw.enter_dual_level()),
    lambda m: fwad(
        m,
        lambda fw: (lambda d: A(fw.unpack_dual(d.view(1, 1).mul_(3)).tangent))(
            fw.make_dual(m.ones(1), m.ones(1))
        ),
    ),
    lambda m: fwad(
        m,
        lambda fw: (lambda d, x: (x.mul_(d), A(fw.unpack_dual(x).tangent))[1])(
            fw.make_dual(m.ones(1), m.ones(1)), m.full((1,), 4.0)
        ),
    ),
    lambda m: fwad(
        m,
        lambda fw: (
            lambda x: (
                x[0:1].copy_(fw.make_dual(m.ones(1), m.ones(1))),
                A(fw.unpack_dual(x).tangent),
            )[1]
        )(m.zeros(3)),
    ),
    lambda m: fwad(m, lambda fw: fw.make_dual(fw.make_dual(m.ones(1), m.ones(1)), m.ones(1))),
)
G = lambda m: m.autograd.graph


def sth(m, pack, unpack):
    x = X(m)
    with G(m).saved_tensors_hooks(pack, unpack):
        y = (x * x).sum()
    y.backward()
    return A(x.grad)


def mutsaved(m):
    x = X(m)
    with G(m).allow_mutation_on_saved_tensors():
        y = x.clone()
        z = (y * y).sum()
        y.add_(5)
        z.backward()
    return A(x.grad)


def mutout(m):
    with G(m).allow_mutation_on_saved_tensors():
        x = X(m)
        y = x.clone()
        z = (y.exp()).sum()
        y.zero_()
    z.backward()


def multi(m, mode="all"):
    a, b = X(m), X(m)
    out = []
    h = G(m).register_multi_grad_hook(
        (a, b),
        lambda *g: out.append([A(t) if t is not None else None for t in g]),
        mode=mode,
    )
    (a * b).sum().backward()
    (a * 2).sum().backward()
    h.remove()
    (a * b).sum().backward()
    return len(out), out[0]


src(
    lambda m: sth(
        m,
        lambda t: t.numpy() if not t.requires_grad else t.detach().numpy(),
        lambda n: m.from_numpy(n),
    ),
    lambda m: sth(m, lambda t: t, lambda n: 3),
    lambda m: sth(m, lambda: 1, lambda n: n),
    lambda m: sth(m, lambda t: t.detach().mul_(2), lambda n: n),
    lambda m: (
        (lambda x: (G(m).save_on_cpu().__enter__(), (x * x).sum().backward(), A(x.grad))[2])(X(m))
        if m is None
        else 0
    ),
    mutsaved,
    mutout,
    multi,
    lambda m: multi(m, "any"),
    lambda m: multi(m, "x"),
    lambda m: G(m).disable_saved_tensors_hooks("no hooks here").__enter__() if 0 else 1,
    lambda m: (
        lambda x: (
            lambda y: (y.grad_fn._saved_self.tolist(), y.grad_fn._saved_exponent, y.grad_fn.name())
        )(x**2)
    )(X(m)),
    lambda m: (lambda x: (x * x).grad_fn._saved_other.tolist())(X(m)),
    lambda m: (lambda x: (x.exp()).grad_fn._saved_result.tolist())(X(m)),
    lambda m: (lambda x: (x.sum(0)).grad_fn._saved_dim)(X(m)),
    lambda m: (lambda x: m.softmax(x, 0).grad_fn._saved_dim)(X(m)),
    lambda m: (lambda x: (lambda y: (y.sum().backward(), y.grad_fn._saved_result))(x.exp()))(X(m)),
    lambda m: (lambda x: (x * x).grad_fn._saved_nothing)(X(m)),
    lambda m: (lambda x: (x * x).grad_fn._raw_saved_other.register_hooks(lambda t: t, lambda t: t))(
        X(m)
    ),
    lambda m: (lambda f: (f.metadata.update(a=1), f.metadata)[1])((X(m) * 2).grad_fn),
    lambda m: [n[0].name() if n[0] else None for n in (X(m) * 2).grad_fn.next_functions],
    lambda m: [n[0].name() for n in m.stack([X(m), X(m)]).grad_fn.next_functions],
    lambda m: [
        n[0].name() for n in m.bmm(X(m).view(1, 1, 3), X(m).view(1, 3, 1)).grad_fn.next_functions
    ],
    lambda m: [n[0].name() for n in X(m).masked_fill(X(m) > 1, 0.0).grad_fn.next_functions],
    lambda m: [
        n[0].name()
        for n in m.nn.functional.cross_entropy(X(m)[None], m.tensor([1])).grad_fn.next_functions
    ],
    lambda m: [n[0].name() for n in X(m).var().grad_fn.next_functions],
    lambda m: [n[0].name() for n in m.nn.Linear(3, 2)(X(m)[None]).grad_fn.next_functions],
    lambda m: [n[0].name() for n in m.einsum("i,j->ij", X(m), X(m)).grad_fn.next_functions],
    lambda m: [n[0].name() for n in X(m).chunk(3)[0].grad_fn.next_functions],
    lambda m: [n[0].name() for n in m.nn.functional.layer_norm(X(m), (3,)).grad_fn.next_functions],
    lambda m: [n[0].name() for n in m.logsumexp(X(m), 0).grad_fn.next_functions],
    lambda m: [n[0].name() for n in X(m).norm().grad_fn.next_functions],
    lambda m: [n[0].name() for n in m.nn.functional.gelu(X(m)).grad_fn.next_functions],
    lambda m: (
        X(m).mean().grad_fn.name(),
        X(m).prod().grad_fn.name(),
        X(m)[0].grad_fn.name(),
        m.cat([X(m)]).grad_fn.name(),
        X(m).std().grad_fn.name(),
    ),
    lambda m: (
        lambda x: (G(m).get_gradient_edge(x).node.name(), G(m).get_gradient_edge(x * 2).output_nr)
    )(X(m)),
    lambda m: G(m).get_gradient_edge(m.ones(2)),
    lambda m: (lambda x: A(m.autograd.grad((x * x).sum(), G(m).get_gradient_edge(x))[0]))(X(m)),
    lambda m: (lambda t: (G(m).increment_version(t), t._version)[1])(m.ones(2)),
    lambda m: (lambda x: (lambda y: (y.register_hook(lambda g: g[:1]), y.sum().backward()))(x * 2))(
        X(m)
    ),
    lambda m: (lambda x: (lambda y: (y.register_hook(lambda g: 3), y.sum().backward()))(x * 2))(
        X(m)
    ),
    lambda m: m.ones(2).register_hook(lambda g: g),
    lambda m: (X(m) * 2).register_post_accumulate_grad_hook(lambda p: None),
)
