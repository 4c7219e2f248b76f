"""What must hold for long and from several threads: no growth, no garbage, no state left behind."""

import gc
import itertools
import sys
import threading
import tracemalloc

import pytest

import tidu as torch
from tidu import overrides
from tidu.autograd import forward_ad
from tidu.autograd.graph import register_multi_grad_hook, saved_tensors_hooks
from tidu.core.modes import LOCAL, STATE
from tidu.core.versions import _WRITES
from tidu.frontend import calls
from tidu.utils.checkpoint import checkpoint, checkpoint_sequential

pytestmark = pytest.mark.slow


def state():
    """What a thread has switched, and what all share."""
    names = ("grad", "inference", "levels", "packing", "no_packing", "job", "batches", "wanted")
    return (
        {name: getattr(LOCAL, name) for name in names}, STATE.special, STATE.listeners,
        torch.is_grad_enabled(), torch.is_anomaly_enabled(), calls._State.interceptors,
        overrides._STATE.modes, torch.ones.__code__, torch.Tensor.add.__code__,
    )  # fmt: skip


def growth(step, count):
    """Bytes that `count` more steps leave, after a few to warm up; no cycles may be left.

    The least of three stretches: what leaks grows in each, a table that outgrows its place does
    so once.
    """
    for _ in range(20):
        step()
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        for _ in range(count // 10):
            step()
        sizes = [tracemalloc.get_traced_memory()[0]]
        for _ in range(3):
            for _ in range(count // 3):
                step()
            sizes.append(tracemalloc.get_traced_memory()[0])
        assert gc.collect() == 0
    finally:
        tracemalloc.stop()
        gc.enable()
    return 3 * min(after - before for before, after in itertools.pairwise(sizes))


@pytest.mark.slow
def test_ten_thousand_training_steps_leave_nothing():
    model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    x, y = torch.randn(16, 4), torch.randn(16, 1)

    def step():
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(model(x), y).backward()
        optimizer.step()

    step()
    before = len(_WRITES)
    assert growth(step, 10_000) < 20_000
    assert len(_WRITES) < before + 100


@pytest.mark.slow
def test_ten_thousand_backward_passes_with_hooks_leave_nothing():
    x = torch.ones(3, requires_grad=True)
    seen = []
    x.register_hook(lambda g: g * 1)
    x.register_post_accumulate_grad_hook(lambda t: seen.append(1))
    register_multi_grad_hook((x,), lambda gs: None)

    def step():
        y = x * 2
        y.register_hook(lambda g: g + 0)
        y.grad_fn.register_hook(lambda ins, outs: None)
        y.retain_grad()
        (y * y).sum().backward()
        x.grad = None
        seen.clear()

    assert growth(step, 10_000) < 20_000


@pytest.mark.parametrize(
    "kind", ["grad", "hessian", "vmap", "checkpoint", "packed", "dual", "write"]
)
def test_transforms_leave_nothing(kind):
    x, w = torch.ones(3), torch.ones(3, requires_grad=True)

    def written(a):
        a = a * 1
        a[0] = 2
        return a.sum()

    def packed():
        with saved_tensors_hooks(lambda t: t.detach(), lambda t: t):
            (w * w).exp().sum().backward()

    def dual():
        with forward_ad.dual_level():
            return forward_ad.unpack_dual(forward_ad.make_dual(w, x).exp()).tangent

    steps = {
        "grad": lambda: torch.func.grad(lambda a: (a**3).sum())(x),
        "hessian": lambda: torch.func.hessian(lambda a: (a.sin() * a).sum())(x),
        "vmap": lambda: torch.func.vmap(written)(torch.ones(2, 3)),
        "checkpoint": lambda: checkpoint(torch.exp, w, use_reentrant=False).sum().backward(),
        "packed": packed, "dual": dual, "write": lambda: written(w).backward(),
    }  # fmt: skip
    assert growth(steps[kind], 300) < 20_000


def highest(step):
    """The most memory that one step holds at once, in bytes."""
    step()
    gc.collect()
    tracemalloc.start()
    try:
        step()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kind", ["reentrant", "saved tensors", "sequential", "nested"])
def test_checkpoints_save_memory(kind):
    """24 layers: all activations are kept without, those of one segment and its borders with."""
    layers = [torch.nn.Sequential(torch.nn.Linear(32, 32), torch.nn.Tanh()) for _ in range(24)]
    whole, parts = torch.nn.Sequential(*layers), [torch.nn.Sequential(*layers[k : k + 4])
                                                  for k in range(0, 24, 4)]  # fmt: skip
    x = torch.randn(4096, 32, requires_grad=True)

    def through(part, x):
        if kind == "nested":
            half = part[:2], part[2:]
            return checkpoint(
                lambda x: checkpoint(half[1], half[0](x), use_reentrant=False), x,
                use_reentrant=False,
            )  # fmt: skip
        return checkpoint(part, x, use_reentrant=kind == "reentrant")

    def segmented():
        if kind == "sequential":
            return checkpoint_sequential(whole, 6, x, use_reentrant=False)
        y = x
        for part in parts:
            y = through(part, y)
        return y

    def step(forward):
        x.grad = None
        whole.zero_grad()
        forward().square().mean().backward()
        return [x.grad, *[p.grad for p in whole.parameters()]]

    plain, saving = highest(lambda: step(lambda: whole(x))), highest(lambda: step(segmented))
    activation = x.numel() * 4
    assert plain > 24 * activation
    assert saving < 0.6 * plain, (saving / activation, plain / activation)
    for a, b in zip(step(lambda: whole(x)), step(segmented), strict=True):
        assert torch.equal(a, b)


def test_eight_threads_give_what_one_gives():
    weights = [torch.full((4, 4), 0.1 * (k + 1), requires_grad=True) for k in range(8)]
    shared = torch.ones(4, 4, requires_grad=True)

    def run(k, results):
        x = torch.arange(16.0).reshape(4, 4) / 16
        for _ in range(20):
            loss = ((x @ weights[k]).tanh() * shared).sum()
            loss.backward()
        results[k] = torch.func.grad(lambda a: (a @ x).sin().sum())(weights[k].detach())

    def all_of_them(start):
        for w in [*weights, shared]:
            w.grad = None
        results = [None] * 8
        start(results)
        return [w.grad for w in weights], shared.grad, results

    def threaded(results):
        threads = [threading.Thread(daemon=True, target=run, args=(k, results)) for k in range(8)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()

    serial = all_of_them(lambda results: [run(k, results) for k in range(8)])
    parallel = all_of_them(threaded)
    for a, b in zip(serial[0] + serial[2], parallel[0] + parallel[2], strict=True):
        assert torch.equal(a, b)
    # The order of additions to the shared gradient is the threads' own.
    assert torch.allclose(serial[1], parallel[1])
    assert STATE.special == 0


@pytest.mark.parametrize("shape", [(), (3,), (200_000,)], ids=str)
@pytest.mark.parametrize("hooked", [False, True])
def test_no_gradient_is_lost_where_threads_meet_at_a_leaf(shape, hooked):
    w = torch.zeros(shape, requires_grad=True)
    if hooked:
        w.register_hook(lambda g: g * 2)

    def run():
        for _ in range(25):
            (w * 1).sum().backward()

    threads = [threading.Thread(daemon=True, target=run) for _ in range(8)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for t in threads:
            t.start()
        for t in threads:
            t.join()
    finally:
        sys.setswitchinterval(interval)
    assert bool((w.grad == (400 if hooked else 200)).all())


def test_one_graph_backward_in_eight_threads():
    w = torch.ones(50, dtype=torch.float64, requires_grad=True)
    y = (w.sin() * w).sum()
    threads = [
        threading.Thread(daemon=True, target=lambda: y.backward(retain_graph=True))
        for _ in range(8)
    ]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    (alone,) = torch.autograd.grad(y, w)
    assert torch.allclose(w.grad, 8 * alone, rtol=1e-14)


class Broken(Exception):
    """Raised on purpose."""


def broken(*args, **kwargs):
    raise Broken


class BrokenFunction(torch.autograd.Function):
    """Fails in its backward."""

    @staticmethod
    def forward(ctx, x):
        return x * 1

    @staticmethod
    def backward(ctx, g):
        raise Broken


def in_hook(x):
    y = x * 2
    y.register_hook(broken)
    y.sum().backward()


def in_leaf_hook(x):
    x.register_hook(broken)
    (x * 2).sum().backward()


def in_late_hook(x):
    x.register_post_accumulate_grad_hook(broken)
    (x * 2).sum().backward()


def in_node_hook(x):
    y = x * 2
    y.grad_fn.register_prehook(broken)
    y.sum().backward()


def in_pack(x):
    with saved_tensors_hooks(broken, broken):
        (x * x).sum()


def in_unpack(x):
    with saved_tensors_hooks(lambda t: t, broken):
        y = (x * x).sum()
    y.backward()


def in_checkpoint(x):
    calls = []

    def function(x):
        calls.append(1)
        return x.exp() if len(calls) == 1 else broken()

    checkpoint(function, x, use_reentrant=False).sum().backward()


def in_dual_level(x):
    with forward_ad.dual_level():
        broken()


def in_anomaly(x):
    with torch.autograd.set_detect_anomaly(True):
        in_hook(x)


class Refuses(overrides.TorchFunctionMode):
    """A mode that fails at the first call."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        raise Broken


def in_mode(x):
    with Refuses():
        torch.relu(x)


def in_profile(x):
    with torch.profiler.profile():
        BrokenFunction.apply(x).sum().backward()


PLACES = {
    "hook": in_hook, "leaf hook": in_leaf_hook, "late hook": in_late_hook,
    "node hook": in_node_hook, "pack": in_pack, "unpack": in_unpack,
    "checkpoint": in_checkpoint, "dual level": in_dual_level, "anomaly": in_anomaly,
    "mode": in_mode, "profile": in_profile,
    "Function": lambda x: BrokenFunction.apply(x).sum().backward(),
    "create_graph": lambda x: BrokenFunction.apply(x).sum().backward(create_graph=True),
    "no_grad": torch.no_grad()(broken), "inference": torch.inference_mode()(broken),
    "grad": lambda x: torch.func.grad(broken)(x), "vjp": lambda x: torch.func.vjp(broken, x),
    "jvp": lambda x: torch.func.jvp(broken, (x,), (x,)),
    "vmap": lambda x: torch.func.vmap(broken)(x),
    "nested": lambda x: torch.func.vmap(torch.func.grad(torch.func.jacfwd(broken)))(x),
}  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
def test_an_error_leaves_the_state_as_it_was(place):
    before = state()
    with pytest.raises(Broken):
        PLACES[place](torch.ones(3, requires_grad=True))
    assert state() == before
    x = torch.ones(2, requires_grad=True)
    (x * 3).sum().backward()
    assert x.grad.tolist() == [3, 3]


def test_levels_of_threads_are_their_own():
    found = []

    def other():
        found.append(torch.is_grad_enabled())
        with forward_ad.dual_level():
            one = forward_ad.make_dual(torch.ones(1), torch.ones(1))
            found.append(forward_ad.unpack_dual(one * 2).tangent.item())

    with torch.no_grad(), forward_ad.dual_level():
        thread = threading.Thread(daemon=True, target=other)
        thread.start()
        thread.join()
    assert found == [True, 2.0]
