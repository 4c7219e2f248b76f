"""Checkpointed functions: gradients, random numbers, nesting, what is run again and when."""

import contextlib
import importlib
import warnings
from contextlib import contextmanager

from .observe import fails


def _checkpoint(torch):
    warnings.simplefilter("ignore")
    return importlib.import_module(f"{torch.__name__}.utils.checkpoint")


def gradients(torch):
    return [_gradients(torch, reentrant) for reentrant in (True, False)]


def _gradients(torch, reentrant):
    checkpoint = _checkpoint(torch).checkpoint
    x = torch.arange(4.0).requires_grad_()
    w = torch.full((4,), 0.5, requires_grad=True)
    calls = []

    def run(x):
        calls.append(1)
        return (x * w).sin().exp() * 2

    checkpoint(run, x, use_reentrant=reentrant).sum().backward()
    first, second = checkpoint(lambda x: (x * 2, x.exp()), x, use_reentrant=reentrant)
    (first.sum() + second.sum()).backward()
    out = checkpoint(run, x, use_reentrant=reentrant).sum()
    cut = checkpoint(lambda x: x.detach(), x, use_reentrant=reentrant)
    return [
        x.grad, w.grad, len(calls),
        fails(lambda: checkpoint(run, x, more=3, use_reentrant=reentrant)),
        fails(lambda: torch.autograd.grad(out, w)),
        fails(cut.sum().backward),
    ]  # fmt: skip


def random_numbers(torch):
    checkpoint, seen = _checkpoint(torch).checkpoint, []
    for reentrant in (True, False):
        torch.manual_seed(0)
        x = torch.ones(6, requires_grad=True)
        drop = lambda x: torch.nn.functional.dropout(x * x, 0.5)
        out = checkpoint(drop, x, use_reentrant=reentrant)
        out.sum().backward()
        seen.append([bool(((x.grad != 0) == (out != 0)).all()), torch.rand(1)])
    return seen


def nested(torch):
    checkpoint, seen = _checkpoint(torch).checkpoint, []
    for reentrant in (True, False):
        x, log = torch.ones(3, requires_grad=True), []

        def inner(x, log=log):
            log.append("i")
            return x.sin().exp()

        def outer(x, log=log, inner=inner, reentrant=reentrant):
            log.append("o")
            y = checkpoint(inner, x * 2, use_reentrant=reentrant)
            return checkpoint(inner, y, use_reentrant=reentrant).cos() * y

        checkpoint(outer, x, use_reentrant=reentrant).sum().backward()
        seen.append([x.grad, "".join(log)])
    return seen


def sequential(torch):
    seen = []
    for reentrant in (True, False):
        net = torch.nn.Sequential(*[torch.nn.Linear(4, 4) for _ in range(5)])
        for p in net.parameters():
            p.data.fill_(0.1)
        x = torch.ones(2, 4, requires_grad=True)
        out = _checkpoint(torch).checkpoint_sequential(net, 2, x, use_reentrant=reentrant)
        out.sum().backward()
        seen.append([x.grad, net[0].weight.grad, net[4].bias.grad])
    return seen


def other_values_the_second_time(torch):
    module = _checkpoint(torch)

    def changing(first, second):
        calls = []

        def run(x):
            calls.append(1)
            return first(x) if len(calls) == 1 else second(x)

        x = torch.ones(3, requires_grad=True) * 1
        return module.checkpoint(run, x, use_reentrant=False).sum()

    return [
        fails(changing(lambda x: x.sin().cos(), lambda x: x * 1).backward),
        fails(changing(lambda x: x.sin().cos(), lambda x: x[:2].sin().cos()).backward),
        fails(lambda: module.checkpoint(abs, torch.ones(1), use_reentrant=False,
                                        determinism_check="some")),
    ]  # fmt: skip


def stops_early(torch):
    module, seen = _checkpoint(torch), []
    for early in (True, False):
        ran = []

        def run(x, ran=ran):
            y = x.sin()
            ran.append(1)
            z = y.exp()
            ran.append(2)
            return z * 3

        x = torch.ones(2, requires_grad=True)
        with module.set_checkpoint_early_stop(early):
            out = module.checkpoint(run, x, use_reentrant=False)
            out.sum().backward()
        seen.append([ran, x.grad])
    return seen


def contexts_of_both_runs(torch):
    log = []

    @contextmanager
    def say(word):
        log.append(word)
        yield

    x = torch.ones(2, requires_grad=True)
    out = _checkpoint(torch).checkpoint(lambda x: x.exp().sin(), x, use_reentrant=False,
                                        context_fn=lambda: (say("one"), say("two")))  # fmt: skip
    out.sum().backward()
    return [log, x.grad]


def early_stop_where_the_forward_ran(torch):
    part, found = torch.utils.checkpoint, []
    for setting in (True, False, None):
        for early_stop in (True, False):
            runs, x = [], torch.ones(2, requires_grad=True)

            def function(x, runs=runs):
                y = x.exp() * 2
                runs.append("end")
                return y + 1

            whole = setting is None
            with contextlib.nullcontext() if whole else part.set_checkpoint_early_stop(setting):
                y = part.checkpoint(function, x, use_reentrant=False, early_stop=early_stop)
            y.sum().backward()
            found.append((len(runs), x.grad))
    return found
