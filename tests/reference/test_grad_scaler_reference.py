"""GradScaler on the CPU: results, state and the errors of calls in a wrong order."""

import pickle

import pytest

import tidu
import tidu.nn
import tidu.optim

torch = pytest.importorskip("torch")


class Session:
    """A scaler, a parameter and an optimizer of one library, and what they said."""

    def __init__(self, library, **options):
        self.library, self.said = library, []
        self.scaler = library.amp.GradScaler("cpu", **{"init_scale": 8.0, **options})
        self.p = library.nn.Parameter(library.ones(2))
        self.optimizer = library.optim.SGD([self.p], lr=0.1)

    def backward(self, *grad):
        self.p.grad = None
        self.scaler.scale((self.p * 2).sum()).backward()
        if grad:
            self.p.grad = self.library.tensor(grad)

    def __call__(self, run):
        try:
            result = run(self)
        except Exception as error:
            result = f"{type(error).__name__}: {str(error).split(chr(10) + 'Hint')[0]}"
        grad = None if self.p.grad is None else self.p.grad.tolist()
        state = self.scaler.state_dict()
        self.said.append((str(result), grad, self.p.tolist(), state, self.scaler.get_scale()))


def steps(*names):
    return [WORDS[name] for name in names]


WORDS = {
    "backward": lambda s: s.backward(),
    "infinite": lambda s: s.backward(float("inf"), 1.0),
    "nan": lambda s: s.backward(float("nan"), 1.0),
    "unscale": lambda s: s.scaler.unscale_(s.optimizer),
    "step": lambda s: s.scaler.step(s.optimizer),
    "closure": lambda s: s.scaler.step(s.optimizer, closure=lambda: 1),
    "update": lambda s: s.scaler.update(),
    "to 4": lambda s: s.scaler.update(new_scale=4.0),
    "to a tensor": lambda s: s.scaler.update(s.library.tensor(2.0)),
    "to two": lambda s: s.scaler.update(s.library.ones(2)),
    "load": lambda s: s.scaler.load_state_dict(
        {"scale": 3.0, "growth_factor": 4.0, "backoff_factor": 0.25, "growth_interval": 1,
         "_growth_tracker": 0}
    ),
    "load nothing": lambda s: s.scaler.load_state_dict({}),
    "several": lambda s: s.scaler.scale([s.library.ones(1), (s.library.ones(1),)]),
    "a number": lambda s: s.scaler.scale(3),
    "pickled": lambda s: pickle.loads(pickle.dumps(s.scaler)).state_dict(),
    "questions": lambda s: (
        s.scaler.is_enabled(), s.scaler.get_growth_factor(), s.scaler.get_backoff_factor(),
        s.scaler.get_growth_interval(), s.scaler._get_growth_tracker(),
    ),
}  # fmt: skip

SESSIONS = [
    ("step", "update", "unscale", "backward", "step", "update"),
    ("backward", "unscale", "unscale", "step", "step", "unscale", "update", "step"),
    ("infinite", "step", "update", "backward", "step", "update", "questions"),
    ("nan", "unscale", "step", "update"),
    ("backward", "step", "to 4", "to two", "to a tensor", "update", "questions"),
    ("load", "backward", "step", "update", "load nothing", "backward", "step", "update"),
    ("several", "a number", "closure", "pickled", "backward", "pickled", "step", "pickled"),
    ("backward", "step", "update") * 5,
]


@pytest.mark.parametrize("words", SESSIONS, ids=" ".join)
@pytest.mark.parametrize("options", [{}, {"growth_interval": 2}, {"enabled": False}], ids=str)
def test_session(words, options):
    found = []
    for library in (tidu, torch):
        session = Session(library, **options)
        for run in steps(*[w for w in words if w != "questions" or session.scaler.is_enabled()]):
            session(run)
        found.append(session.said)
    assert str(found[0]) == str(found[1])


@pytest.mark.parametrize("options", [{"growth_factor": 0.5}, {"backoff_factor": 1.5}], ids=str)
def test_options(options):
    said = []
    for library in (tidu, torch):
        with pytest.raises(AssertionError) as caught:
            library.amp.GradScaler("cpu", **options)
        said.append(str(caught.value))
    assert said[0] == said[1]


def test_halves():
    for library in (tidu, torch):
        session = Session(library)
        session.p = library.nn.Parameter(library.ones(2).half())
        session.optimizer = library.optim.SGD([session.p], lr=0.1)
        session.backward()
        with pytest.raises(ValueError, match="Attempting to unscale FP16 gradients"):
            session.scaler.unscale_(session.optimizer)
