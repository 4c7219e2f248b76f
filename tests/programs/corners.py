"""Corners of the tape: types of what hooks give back, nodes called alone, writes to expanded memory."""

import importlib
import warnings

from .observe import fails


def _heard(call):
    """The result of a call and the first words of its warnings."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        result = call()
    return result, [str(w.message).partition(".")[0] for w in found if w.category is UserWarning]


def types_in_checkpoints(torch):
    """A function that computes in another type leaves gradients in the types of its inputs."""
    checkpoint = importlib.import_module(f"{torch.__name__}.utils.checkpoint").checkpoint
    w = torch.tensor([3.0, 4.0], dtype=torch.float64, requires_grad=True)
    wider, narrower = lambda z: (z.double() * w) ** 2, lambda z: (z.float() * w) ** 2
    seen = []
    for function, kind in ((wider, torch.float32), (narrower, torch.float64)):
        for reentrant in (False, True):
            for recorded in (False, True):
                x = torch.tensor([1.0, 2.0], dtype=kind, requires_grad=True)
                out = checkpoint(function, x * 2, use_reentrant=reentrant).sum()
                out.backward(create_graph=recorded)
                seen += [x.grad.dtype, x.grad]
    return seen


def types_that_hooks_give_back(torch):
    """What hooks unpack in another type leaves the gradient in the type of its leaf."""
    seen = []
    for pack, unpack in ((None, torch.float64), (torch.float16, torch.float16)):
        for recorded in (False, True):
            x = torch.tensor([1.0, 2.0], requires_grad=True)
            kept = lambda t, kind=pack: t if kind is None else t.to(kind)
            given = lambda t, kind=unpack: t.to(kind)
            with torch.autograd.graph.saved_tensors_hooks(kept, given):
                y = (x * x) * x
            y.sum().backward(create_graph=recorded)
            seen += [x.grad.dtype, x.grad]
    return seen


def hooks_on_several_refused(torch):
    register = torch.autograd.graph.register_multi_grad_hook
    plain, x = torch.ones(1), torch.ones(2, requires_grad=True)
    calls = []
    register([plain, x], calls.append, mode="any")
    (x * 2).sum().backward()
    return [
        fails(lambda: register([1], print)),
        fails(lambda: register([plain], print)),
        fails(lambda: register([x, plain], print)),
        fails(lambda: register([x], print, mode="some")),
        calls,
    ]


def nodes_of_functions(torch):
    class Scaled(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, y):
            ctx.save_for_backward(x)
            ctx.factor = 3
            return x * 3 + y

        @staticmethod
        def backward(ctx, g):
            seen.append((ctx.name(), [f.name() for f, _ in ctx.next_functions if f is not None]))
            return g * ctx.factor, None

    class Both(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2, x * 3

        @staticmethod
        def vjp(ctx, g, h):
            return g * 2 + h * 3

    seen = []
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    node = Scaled.apply(x, torch.ones(2)).grad_fn
    both = Both.apply(x)[0].grad_fn
    given, heard = [None], lambda: given.__setitem__(0, node.saved_variables)
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        heard()
    return [
        node.apply(torch.ones(2)), node.factor, node._forward_cls is Scaled, node.dirty_tensors,
        given[0], [w.category.__name__ for w in found], fails(lambda: node.apply()),
        fails(lambda: node.absent), both.apply(torch.ones(2), torch.ones(2)), seen,
    ]  # fmt: skip


def nodes_called_alone(torch):
    """A node gives its part of the chain rule; sums over what was broadcast are the pass's."""
    column, row = torch.ones(3, 1, requires_grad=True), torch.ones(1, 4, requires_grad=True)
    g = torch.ones(3, 4)
    nodes = [(column * row).grad_fn, (column + row).grad_fn, (column / row).grad_fn]
    return [[part.shape for part in node(g)] for node in nodes]


def expanded_memory(torch):
    """Filling by masks and indices writes to memory that is shown several times, with a warning."""
    expanded = lambda: torch.zeros(1, 3).expand(2, 3)
    some, one = torch.tensor([True, False, True]), torch.tensor([[True, False], [False, False]])

    def assigned(index):
        x = expanded()
        x[index] = 5.0
        return x

    base = torch.zeros(3)
    base.expand(2, 3).masked_fill_(some, 1.0)
    column = torch.zeros(2, 1)
    column.expand(2, 2).masked_fill_(one, 2.0)
    return [
        _heard(lambda: expanded().masked_fill_(some, 1.0)), base, base._version, column,
        _heard(lambda: expanded().index_fill_(0, torch.tensor([0]), 2.0)),
        _heard(lambda: expanded().index_fill_(1, torch.tensor([0]), value=torch.tensor(2.0))),
        _heard(lambda: expanded().index_put_((torch.tensor([0]),), torch.tensor(3.0))),
        _heard(lambda: assigned(torch.tensor([0]))),
        fails(lambda: expanded().add_(1)),
        fails(lambda: expanded().index_add_(0, torch.tensor([0]), torch.ones(1, 3))),
    ]  # fmt: skip


def sizes_of_ints(torch):
    x = torch.ones(3)
    return [
        fails(lambda: torch.Size(["a"])), fails(lambda: torch.Size([2, 1.5])),
        fails(lambda: torch.Size([None])), fails(lambda: torch.Size("ab")),
        torch.Size([torch.tensor(2), True]), torch.Size((2, 3))[1:], x.shape, torch.Size(),
        fails(lambda: x[:: 2**63]), fails(lambda: x[:: 2**63 - 1]), x[:: 2**62],
        fails(lambda: x[::1.5]), fails(lambda: x["a":]), x[2**62 :],
        fails(lambda: torch.clamp(x, 1, torch.ones(1))), torch.clamp(x, 2), x.clamp(2, None),
    ]  # fmt: skip


def half_by_default(torch):
    torch.set_default_dtype(torch.float16)
    try:
        x, ones = torch.tensor([1 + 2j, 3.0]), torch.ones(2)
        made = [x, x - 1j, x * 2, ones * 1j, torch.tensor([1, 2]) * 1j, torch.full((2,), 1j),
                torch.complex(ones, ones), x.to(torch.complex64)]  # fmt: skip
        return [[str(z.dtype), z.real.float(), z.imag.float()] for z in made]
    finally:
        torch.set_default_dtype(torch.float32)


def denormal_numbers(torch):
    x = torch.full((9,), 1e-310, dtype=torch.float64)
    was = (x * 1).sum() > 0
    acted = torch.set_flush_denormal(True)
    flushed = (x * 1).sum() > 0
    torch.set_flush_denormal(False)
    return [was, flushed is not acted, (x * 1).sum() > 0,
            fails(lambda: torch.set_flush_denormal(1))]  # fmt: skip


def promoted_operands_of_inference_mode(torch):
    with torch.inference_mode():
        x = torch.ones(2)
    y = torch.ones(2, dtype=torch.float64, requires_grad=True)
    return [
        fails(lambda: x * y),
        (x + y).sum(),
        repr(torch.autograd.grad_mode.set_grad_enabled(True)),
    ]
