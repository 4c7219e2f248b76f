"""Every optimizer with every option, alone and in pairs, for ten steps: numbers, state, refusals.

Half-way through, the state also goes through a file into the other library, which goes on.
"""

import inspect
import io
import itertools

import numpy as np
import pytest

import tidu
import tidu.nn
import tidu.optim

torch = pytest.importorskip("torch")

OWN = {
    "SGD": [{}, {"momentum": 0.9}, {"momentum": 0.9, "dampening": 0.1, "weight_decay": 0.01},
            {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1}],
    "Adam": [{}, {"weight_decay": 0.1, "amsgrad": True}, {"betas": (0.5, 0.8), "eps": 1e-3},
             {"decoupled_weight_decay": True, "weight_decay": 0.1}],
    "AdamW": [{}, {"amsgrad": True, "weight_decay": 0.0}, {"betas": (0.5, 0.8), "eps": 1e-3}],
    "RMSprop": [{}, {"momentum": 0.9, "weight_decay": 0.1},
                {"centered": True, "momentum": 0.5, "alpha": 0.8, "eps": 1e-3}],
    "Adagrad": [{}, {"lr_decay": 0.1, "weight_decay": 0.1, "initial_accumulator_value": 0.2}],
    "Adadelta": [{}, {"rho": 0.5, "eps": 1e-3}, {"weight_decay": 0.1}],
    "Adamax": [{}, {"weight_decay": 0.1, "betas": (0.5, 0.8), "eps": 1e-3}],
    "NAdam": [{}, {"weight_decay": 0.1, "decoupled_weight_decay": True, "momentum_decay": 0.1}],
    "RAdam": [{}, {"weight_decay": 0.1, "decoupled_weight_decay": True, "betas": (0.5, 0.8)}],
    "ASGD": [{}, {"weight_decay": 0.1, "t0": 3, "lambd": 0.1, "alpha": 0.5}],
    "Rprop": [{}, {"etas": (0.3, 1.5), "step_sizes": (1e-3, 0.1)}],
    "Adafactor": [{}, {"lr": 0.1, "weight_decay": 0.1, "d": 2.0, "beta2_decay": -0.5}],
    "LBFGS": [{}, {"line_search_fn": "strong_wolfe"}, {"history_size": 2, "max_iter": 3}],
}  # fmt: skip
SWITCHES = {
    "foreach": (True, False), "fused": (True,), "capturable": (True,), "maximize": (True,),
    "differentiable": (True,), "lr": (0.05, "tensor"),
}  # fmt: skip
CASES = [(name, own) for name, choices in OWN.items() for own in choices]


def combinations(name):
    """No switch, each alone, and each pair of different ones, as far as the optimizer has them."""
    known = inspect.signature(getattr(torch.optim, name).__init__).parameters
    single = [(key, value) for key, values in SWITCHES.items() if key in known for value in values]
    pairs = [p for p in itertools.combinations(single, 2) if p[0][0] != p[1][0]]
    return [{}, *({key: value} for key, value in single), *map(dict, pairs)]


def closure_for(optimizer, parameters):
    def closure():
        optimizer.zero_grad()
        loss = sum(((p - 1) ** 2).sum() * (i + 1) for i, p in enumerate(parameters))
        loss.backward()
        return loss

    return closure


class Training:
    """Parameters and an optimizer of one library, with gradients that are the same in both."""

    def __init__(self, library, name, options, dtype):
        self.library, self.name, self.dtype = library, name, dtype
        self.random = np.random.default_rng(0)
        self.parameters = [
            library.nn.Parameter(library.from_numpy(np.array(self.draw(shape))))
            for shape in ((3, 4), (5,), ())
        ]
        options = dict(options)
        if options.get("lr") == "tensor":
            options["lr"] = library.tensor(0.05)
        self.optimizer = getattr(library.optim, name)(self.parameters, **options)

    def draw(self, shape):
        return np.array(self.random.standard_normal(shape), self.dtype)

    def run(self, steps):
        for step in steps:
            for p in self.parameters:
                p.grad = self.library.from_numpy(self.draw(tuple(p.shape)))
            if self.name == "LBFGS":
                self.optimizer.step(closure_for(self.optimizer, self.parameters))
                continue
            if step == 6:
                self.parameters[1].grad = None
            self.optimizer.step()
        return self


def outcome(library, *case):
    """The training after ten steps, or the first sentence of what it raised."""
    try:
        return Training(library, *case).run(range(10))
    except Exception as error:
        return f"{type(error).__name__}: {str(error).split(chr(10) + 'Hint')[0]}"


def same(got, wanted, tolerance, where):
    """Compare values of states: tensors by type and number, lists by their items."""
    if where.endswith(" t") and where.startswith("LBFGS"):  # a number or a tensor of one
        np.testing.assert_allclose(float(got), float(wanted), err_msg=where, **tolerance)
    elif isinstance(wanted, torch.Tensor):
        assert str(got.dtype) == str(wanted.dtype) and got.shape == wanted.shape, where
        np.testing.assert_allclose(got.numpy(), wanted.numpy(), err_msg=where, **tolerance)
    elif isinstance(wanted, list):
        assert len(got) == len(wanted), where
        for mine, theirs in zip(got, wanted, strict=True):
            same(mine, theirs, tolerance, where)
    elif wanted is not None:
        assert type(got) is type(wanted), where
        np.testing.assert_allclose(got, wanted, err_msg=where, **tolerance)


def compare(ours, theirs, tolerance, where):
    assert repr(ours.optimizer) == repr(theirs.optimizer), where
    for p, q in zip(ours.parameters, theirs.parameters, strict=True):
        same(p.detach(), q.detach(), tolerance, where)
    mine, wanted = ours.optimizer.state_dict()["state"], theirs.optimizer.state_dict()["state"]
    assert list(mine) == list(wanted), where
    for key, state in wanted.items():
        assert list(mine[key]) == list(state), where
        for name, value in state.items():
            same(mine[key][name], value, tolerance, f"{where} {name}")


def tolerance_of(name, options, dtype):
    if dtype == "float32":
        return {"rtol": 2e-5, "atol": 1e-6}
    # A learning rate in a tensor is float32 and so is arithmetic with it, as with ASGD's state.
    loose = options.get("lr") == "tensor" or name in ("ASGD", "LBFGS")
    return {"rtol": 2e-6, "atol": 1e-7} if loose else {"rtol": 1e-9, "atol": 1e-12}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "own"), CASES, ids=str)
def test_ten_steps(name, own):
    for switches in combinations(name):
        options = {**switches, **own}
        # LBFGS divides by differences of gradients near zero: in float32 its ways part.
        both = len(switches) < 2 and name != "LBFGS"
        for dtype in ("float32", "float64") if both else ("float64",):
            ours, theirs = (outcome(x, name, options, dtype) for x in (tidu, torch))
            where = f"{name} {options} {dtype}"
            if isinstance(theirs, str):
                assert ours == theirs, where
            else:
                assert not isinstance(ours, str), f"{where}: {ours}"
                compare(ours, theirs, tolerance_of(name, options, dtype), where)


def through_a_file(state, source, target):
    file = io.BytesIO()
    source.save(state, file)
    file.seek(0)
    return target.load(file, weights_only=False)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "own"), CASES, ids=str)
@pytest.mark.parametrize("ours_first", [True, False], ids=["to torch", "from torch"])
def test_state_goes_over(name, own, ours_first):
    source, target = (tidu, torch) if ours_first else (torch, tidu)
    first = Training(source, name, own, "float64").run(range(5))
    second = Training(target, name, own, "float64").run(range(5))
    saved = {"p": [p.detach() for p in first.parameters], "o": first.optimizer.state_dict()}
    loaded = through_a_file(saved, source, target)
    for p, value in zip(second.parameters, loaded["p"], strict=True):
        p.data.copy_(value)
    second.optimizer.load_state_dict(loaded["o"])
    second.run(range(5, 10))
    whole = Training(target, name, own, "float64").run(range(10))
    tolerance = tolerance_of(name, own, "float64")
    for p, q in zip(second.parameters, whole.parameters, strict=True):
        np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), **tolerance)
