"""First steps of optimizers that are recorded: after each call all is as eagerly, also where the
call fails, or where the function looks at what an optimizer has before its first step."""

import copy
import warnings

import numpy as np
import pytest

import tidu as torch

functional = torch.nn.functional


def ones(*shape):
    return torch.ones(*shape, dtype=torch.float64)


class Trainer:
    """A model, an optimizer, and a step."""

    def __init__(self, make=torch.optim.Adam, **options):
        torch.manual_seed(0)
        self.model = torch.nn.Sequential(
            torch.nn.Linear(4, 6), torch.nn.Tanh(), torch.nn.Linear(6, 3)
        ).double()
        self.updates = make(self.model.parameters(), **{"lr": 0.01, **options})
        self.prepare()

    def prepare(self):
        pass

    def loss(self, x):
        return self.model(x).square().mean()

    def step(self, x):
        self.updates.zero_grad()
        loss = self.loss(x)
        loss.backward()
        self.updates.step()
        return loss

    def optimizers(self):
        return [self.updates]

    def told(self):
        """All that can be seen of it."""
        found = []
        for updates in self.optimizers():
            for group in updates.param_groups:
                for p in group["params"]:
                    state = updates.state.get(p)
                    keys = None if state is None else list(state)
                    values = [np.array(v.detach()) for v in (state or {}).values()]
                    gradient = None if p.grad is None else p.grad.numpy().copy()
                    found += [p.detach().numpy().copy(), gradient, keys, *values]
            found.append(len(updates.state))
        return found


class AtTheEnd(Trainer):
    def step(self, x):
        loss = self.loss(x)
        loss.backward()
        self.updates.step()
        self.updates.zero_grad()
        return loss


class ToZero(Trainer):
    def step(self, x):
        self.updates.zero_grad(set_to_none=False)
        loss = self.loss(x)
        loss.backward()
        self.updates.step()
        return loss


class Accumulating(Trainer):
    def step(self, x):
        loss = self.loss(x)
        loss.backward()
        self.updates.step()
        return loss


class Twice(Trainer):
    """Of two passes, the second adds to the gradients of the first."""

    def step(self, x):
        self.updates.zero_grad()
        self.loss(x).backward()
        loss = self.loss(x * 2)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 0.1)
        self.updates.step()
        return loss


class AsksForGradients(Trainer):
    def step(self, x):
        first = self.model[0].weight.grad is None
        self.updates.zero_grad()
        loss = self.loss(x) * (3 if first else 1)
        loss.backward()
        self.updates.step()
        return loss


class AsksByName(Trainer):
    fields = ("grad",)

    def step(self, x):
        first = getattr(self.model[0].weight, self.fields[0]) is None
        self.updates.zero_grad()
        loss = self.loss(x) * (3 if first else 1)
        loss.backward()
        self.updates.step()
        return loss


class AsksForStates(Trainer):
    def step(self, x):
        self.updates.zero_grad()
        loss = self.loss(x) * (3 if not self.updates.state else 1)
        loss.backward()
        self.updates.step()
        return loss


class SavesStates(Trainer):
    def prepare(self):
        self.saved = None

    def step(self, x):
        count = len(self.updates.state_dict()["state"])
        self.updates.zero_grad()
        loss = self.loss(x) * (1 + count)
        loss.backward()
        self.updates.step()
        return loss


class Copies(Trainer):
    def step(self, x):
        count = len(vars(copy.copy(self.updates))["state"])
        self.updates.zero_grad()
        loss = self.loss(x) * (1 + count)
        loss.backward()
        self.updates.step()
        return loss


class HookAsks(Trainer):
    def prepare(self):
        self.scale = torch.ones(())

        def look(updates, args, kwargs):
            with torch.no_grad():
                self.scale.fill_(float(len(updates.state)))

        self.updates.register_step_pre_hook(look)


class UnusedHead(Trainer):
    def prepare(self):
        self.head = torch.nn.Linear(6, 2).double()
        self.updates.add_param_group({"params": list(self.head.parameters())})


class Frozen(Trainer):
    def prepare(self):
        self.model[0].weight.requires_grad_(False)


class Groups(Trainer):
    def __init__(self, make=torch.optim.AdamW):
        torch.manual_seed(0)
        self.model = torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.Linear(6, 3)).double()
        self.updates = make([
            {"params": self.model[0].parameters(), "lr": 0.1, "weight_decay": 0.0},
            {"params": self.model[1].parameters()},
        ])  # fmt: skip


class Several(Trainer):
    """As in adversarial training: each step has its optimizer, and the function both."""

    def prepare(self):
        self.judge = torch.nn.Linear(3, 1).double()
        self.other = torch.optim.RMSprop(self.judge.parameters(), lr=0.01)

    def optimizers(self):
        return [self.updates, self.other]

    def step(self, x):
        made = self.model(x)
        self.other.zero_grad()
        judged = self.judge(made.detach()).square().mean()
        judged.backward()
        self.other.step()
        self.updates.zero_grad()
        loss = -self.judge(made).mean()
        loss.backward()
        self.updates.step()
        return judged + loss


class OneOfSeveral(Several):
    def step(self, x):
        self.updates.zero_grad()
        loss = self.judge(self.model(x)).mean()
        loss.backward()
        self.updates.step()
        return loss


class Scheduled(Trainer):
    def prepare(self):
        self.schedule = torch.optim.lr_scheduler.StepLR(self.updates, 2, 0.5)

    def step(self, x):
        self.updates.zero_grad()
        loss = self.loss(x)
        loss.backward()
        self.updates.step()
        self.schedule.step()
        return loss


class ScheduledFirst(Scheduled):
    def step(self, x):
        self.schedule.step()
        return Trainer.step(self, x)


class Closure(Trainer):
    def step(self, x):
        def again():
            self.updates.zero_grad()
            loss = self.loss(x)
            loss.backward()
            return loss

        return self.updates.step(again)


class Skips(Trainer):
    """The first call takes no step."""

    def prepare(self):
        self.count = 0

    def step(self, x):
        self.updates.zero_grad()
        loss = self.loss(x)
        if self.count:
            loss.backward()
            self.updates.step()
        return loss


class Penalty(Trainer):
    """A gradient of a gradient."""

    def step(self, x):
        self.updates.zero_grad()
        x = x.clone().requires_grad_()
        (slope,) = torch.autograd.grad(self.loss(x), x, create_graph=True)
        loss = slope.square().sum()
        loss.backward()
        self.updates.step()
        return loss


class OwnStart(Trainer):
    class Shifted(torch.optim.Adam):
        def start(self, group, parameter, state):
            super().start(group, parameter, state)
            state["exp_avg"] += 1

    def __init__(self):
        super().__init__(self.Shifted)


class Given(Trainer):
    """A parameter is an argument, too."""

    def step(self, x, weight=None):
        self.updates.zero_grad()
        loss = self.loss(x) + (0 if weight is None else weight.sum())
        loss.backward()
        self.updates.step()
        return loss


class Sparse(Trainer):
    def prepare(self):
        self.table = torch.nn.Embedding(5, 4, sparse=True).double()
        self.rows = torch.optim.SparseAdam(self.table.parameters())

    def optimizers(self):
        return [self.updates]

    def step(self, x):
        self.updates.zero_grad()
        self.rows.zero_grad()
        loss = self.loss(x + self.table(torch.tensor([1, 3])).sum())
        loss.backward()
        self.updates.step()
        self.rows.step()
        return loss


MAKERS = {
    "Adam": lambda: Trainer(), "AdamW": lambda: Trainer(torch.optim.AdamW),
    "AMSGrad": lambda: Trainer(amsgrad=True), "SGD": lambda: Trainer(torch.optim.SGD),
    "decay": lambda: Trainer(torch.optim.SGD, weight_decay=0.1),
    "momentum": lambda: Trainer(torch.optim.SGD, momentum=0.9),
    "dampening": lambda: Trainer(torch.optim.SGD, momentum=0.9, dampening=0.5),
    "Nesterov": lambda: Trainer(torch.optim.SGD, momentum=0.9, nesterov=True),
    "NAdam": lambda: Trainer(torch.optim.NAdam), "RAdam": lambda: Trainer(torch.optim.RAdam),
    "RMSprop": lambda: Trainer(torch.optim.RMSprop, momentum=0.1, centered=True),
    "Adagrad": lambda: Trainer(torch.optim.Adagrad),
    "Adamax": lambda: Trainer(torch.optim.Adamax),
    "Adadelta": lambda: Trainer(torch.optim.Adadelta),
    "ASGD": lambda: Trainer(torch.optim.ASGD), "Rprop": lambda: Trainer(torch.optim.Rprop),
    "tensor rate": lambda: Trainer(lr=torch.tensor(0.02)),
    "float32": lambda: _single(Trainer(torch.optim.SGD)),
    **{kind.__name__: kind for kind in (
        AtTheEnd, ToZero, Accumulating, Twice, AsksForGradients, AsksByName, AsksForStates,
        SavesStates, Copies, HookAsks, UnusedHead, Frozen, Groups, Several, OneOfSeveral, Scheduled,
        ScheduledFirst, Closure, Skips, Penalty, OwnStart, Given, Sparse)},
}  # fmt: skip


def _single(trainer):
    trainer.model.float()
    return trainer


def _same(mine, eager):
    assert len(mine) == len(eager)
    for a, b in zip(mine, eager, strict=True):
        if isinstance(b, np.ndarray) and isinstance(a, np.ndarray):
            assert a.dtype == b.dtype
            rtol, atol = (1e-5, 1e-7) if a.dtype == np.float32 else (1e-9, 1e-12)
            np.testing.assert_allclose(a, b, rtol=rtol, atol=atol)
        else:
            assert type(a) is type(b) and (a is None or a == b)


def _run(make, compiled, calls=5):
    trainer, told = make(), []
    call = torch.compile(trainer.step) if compiled else trainer.step
    for k in range(calls):
        x = torch.arange(8.0).reshape(2, 4).to(trainer.model[0].weight.dtype) / (k + 1)
        given = (x, trainer.model[0].weight) if isinstance(trainer, Given) and k % 2 else (x,)
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            loss = call(*given)
        if isinstance(trainer, Skips):
            trainer.count += 1
        said = [str(w.message) for w in said if "lr_scheduler" in str(w.message)]
        told.append([np.array(loss.detach()), said, *trainer.told()])
    return told


@pytest.mark.slow
@pytest.mark.parametrize("name", MAKERS)
def test_after_each_call_all_is_as_eagerly(name):
    for mine, eager in zip(_run(MAKERS[name], True), _run(MAKERS[name], False), strict=True):
        _same(mine, eager)


def test_states_that_were_loaded_are_taken_up():
    saved = Trainer()
    for _ in range(3):
        saved.step(ones(2, 4))
    saved = copy.deepcopy(saved.updates.state_dict())
    found = []
    for compiled in (True, False):
        trainer = Trainer()
        trainer.updates.load_state_dict(copy.deepcopy(saved))
        call = torch.compile(trainer.step) if compiled else trainer.step
        call(ones(2, 4)), call(ones(2, 4))
        found.append(trainer.told())
    _same(*found)


class Classifier(Trainer):
    def loss(self, given):
        return functional.cross_entropy(self.model(given[0]), given[1])


@pytest.mark.parametrize("compiled", [False, True])
def test_an_error_in_the_first_call_leaves_all_as_it_was(compiled):
    trainer = Classifier()
    call = torch.compile(trainer.step) if compiled else trainer.step
    before = trainer.told()
    with pytest.raises(IndexError, match="Target 7 is out of bounds"):
        call((ones(2, 4), torch.tensor([0, 7])))
    _same(trainer.told(), before)
    assert not trainer.updates.state and trainer.updates.never_stepped()
    other = Classifier()
    for k in range(3):
        given = ones(2, 4) * k, torch.tensor([0, k])
        np.testing.assert_allclose(
            call(given).detach().numpy(), other.step(given).detach().numpy(), rtol=1e-10
        )
        _same(trainer.told(), other.told())


@pytest.mark.parametrize("compiled", [False, True])
def test_an_error_of_the_users_leaves_all_as_it_was(compiled):
    trainer = Trainer()
    call = torch.compile(trainer.step) if compiled else trainer.step
    before = trainer.told()
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        call(ones(2, 5))
    _same(trainer.told(), before)
    assert not trainer.updates.state and trainer.updates.never_stepped()


def test_no_memory_leaves_all_as_it_was(monkeypatch):
    trainer = Trainer()
    call, before = torch.compile(trainer.step), trainer.told()

    def refuse(*args):
        raise MemoryError

    with monkeypatch.context() as without:
        without.setattr("tidu.compiler.execution.compiled.Compiled.__call__", refuse)
        with pytest.raises((MemoryError, RuntimeError), match=r"(?i)memory"):
            call(ones(2, 4))
    _same(trainer.told(), before)
    other = Trainer()
    for _ in range(3):
        call(ones(2, 4)), other.step(ones(2, 4))
        _same(trainer.told(), other.told())


def test_states_in_a_plain_dictionary_fail_as_eagerly():
    trainer = Trainer()
    trainer.updates.state = {}
    before, step = trainer.told(), torch.compile(trainer.step)
    with pytest.raises(KeyError):
        step(ones(2, 4))
    assert trainer.updates.state == {}
    for old, new in zip(before, trainer.told(), strict=True):
        if isinstance(old, np.ndarray):
            assert np.array_equal(old, new)


def test_a_parameter_that_is_an_argument_has_one_version():
    trainer, other = Given(), Given()
    step = torch.compile(trainer.step)
    for _ in range(4):
        step(ones(2, 4), trainer.model[0].weight)
        other.step(ones(2, 4), other.model[0].weight)
        _same(trainer.told(), other.told())
    assert "1 version(s)" in step.explain()


def test_the_first_call_is_compiled_and_no_other_version_is_made():
    trainer = Trainer()
    step = torch.compile(trainer.step)
    torch.compiler.reset()
    for _ in range(4):
        step(ones(2, 4))
    assert "1 version(s)" in step.explain()
    whole = torch.compile(Trainer().step, fullgraph=True)
    whole(ones(2, 4)), whole(ones(2, 4))
    assert "1 version(s)" in whole.explain()


@pytest.mark.parametrize("nesterov", [False, True])
def test_a_momentum_begins_as_the_gradient_to_the_last_sign(nesterov):
    values = torch.tensor([0.0, -0.0, 1.0, -1.0, 1e-45, float("inf"), float("nan")])
    weight = torch.ones(7, requires_grad=True)
    updates = torch.optim.SGD([weight], 0.1, momentum=0.9, nesterov=nesterov)

    @torch.compile
    def step(g):
        updates.zero_grad()
        weight.backward(g)
        updates.step()

    step(values)
    buffer = updates.state[weight]["momentum_buffer"]
    assert buffer.numpy().tobytes() == values.numpy().tobytes()
