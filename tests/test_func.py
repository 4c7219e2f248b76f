"""torch.func: recorded observations, and every nesting of transforms against differences.

A word such as "gvj" is a transform of a transform of a transform. Each word is compared with
numeric differences of the word without its first letter, so the longer ones rest on the shorter.
"""

import importlib
import itertools
import json
import sys
import warnings
from pathlib import Path

import pytest

import tidu as torch

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
observe = importlib.import_module("programs.observe")
programs = importlib.import_module("programs.functions")
words = importlib.import_module("programs.words")
RECORDED = HERE / "data" / "func.json"
PROGRAMS = {k: v for k, v in observe.collect(programs).items() if not k.startswith("words_")}
LETTERS = "gfrjpv"


@pytest.mark.parametrize("name", PROGRAMS)
def test_observes_what_was_recorded(name):
    recorded = json.loads(RECORDED.read_text(encoding="utf-8"))
    assert observe.difference(observe.plain(PROGRAMS[name](torch)), recorded[name]) is None


@pytest.mark.parametrize("length", [1, *(pytest.param(n, marks=pytest.mark.slow) for n in (2, 3))])
@pytest.mark.parametrize("name", programs._functions(torch))
def test_every_word_of_transforms(name, length):
    f = programs._functions(torch)[name]
    x = programs._point(torch)
    for word in itertools.product(LETTERS, repeat=length):
        word = "".join(word)
        got = programs._word(torch, word, f)(x)
        want = by_differences(word[0], programs._word(torch, word[1:], f), x)
        scale = max(1.0, float(want.abs().max()))
        assert got.shape == want.shape, word
        assert float((got - want).abs().max()) < 2e-6 * scale, word


def by_differences(letter, f, x):
    """What the transform `letter` of f is at x, from values of f alone."""
    if letter == "v":
        return torch.stack([f(x), f(2 * x)])
    jacobian = words.differences(torch, f, x, 1e-4)
    if letter in "fr":
        return jacobian
    if letter == "j":
        return jacobian.sum(-1)
    return jacobian.reshape(-1, x.numel()).sum(0)


def record():
    reference = importlib.import_module("torch")
    warnings.simplefilter("ignore")
    results = {name: observe.plain(program(reference)) for name, program in PROGRAMS.items()}
    lines = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in results.items()]
    RECORDED.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    record()


def test_vjp_of_a_program_that_writes_into_a_tensor_of_its_own():
    def program(x):
        y = torch.zeros(3)
        y[1:] = x * x
        return y

    x = torch.tensor([2.0, 3.0])
    expected = [[0, 0], [4, 0], [0, 6]]
    assert torch.func.jacrev(program)(x).tolist() == expected
    assert torch.func.jacfwd(program)(x).tolist() == expected


def test_writes_without_history_inside_a_transform():
    def added(x):
        y = x * x
        with torch.no_grad():
            y.add_(1)
        return (y * y).sum()

    def through_detach(x):
        y = x * 1
        y.detach().add_(1)
        z = y.view(-1)
        z.detach()[:1].mul_(3)
        return y

    x = torch.ones(2)
    assert torch.func.grad(added)(x).tolist() == [8, 8]
    assert torch.func.vmap(torch.func.grad(added))(torch.ones(3, 2)).tolist() == [[8, 8]] * 3
    assert torch.func.grad(lambda x: through_detach(x).square().sum())(x).tolist() == [12, 4]
    out, tangent = torch.func.jvp(through_detach, (x,), (x,))
    assert (out.tolist(), tangent.tolist()) == ([6, 2], [1, 1])
    assert torch.func.vmap(through_detach)(torch.ones(2, 2)).tolist() == [[6, 2], [6, 2]]


vmap = torch.func.vmap


class Doubled(torch.autograd.Function):
    """Without a rule for vmap."""

    @staticmethod
    def forward(x):
        return x * 2

    @staticmethod
    def setup_context(ctx, inputs, output):
        pass

    @staticmethod
    def backward(ctx, g):
        return g * 2


class OldStyle(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, g):
        return g * 2


def test_functions_that_transforms_refuse():
    x = torch.ones(3)
    with pytest.raises(RuntimeError, match="does not have vmap support"):
        vmap(Doubled.apply)(x)
    total = lambda function: lambda x: function.apply(x).sum()
    gradient, jacobian = torch.func.grad(total(OldStyle)), torch.func.jacrev(OldStyle.apply)
    for call in (vmap(OldStyle.apply), gradient, jacobian):
        with pytest.raises(RuntimeError, match="must override the setup_context staticmethod"):
            call(x)
    assert torch.func.grad(total(Doubled))(x).tolist() == [2, 2, 2]
    with torch.autograd.forward_ad.dual_level():
        assert OldStyle.apply(x).tolist() == [2, 2, 2]


def test_a_tensor_that_escaped_from_vmap_is_refused():
    kept = []
    vmap(lambda x: (kept.append(x), x)[1])(torch.ones(3))
    uses = (
        lambda t: t + 1, lambda t: t.sum(), lambda t: t.view(1), lambda t: t.add_(1),
        lambda t: torch.stack([t, t]), lambda t: t.detach(),
    )  # fmt: skip
    for use in uses:
        with pytest.raises(RuntimeError, match="may have escaped from inside a function being vm"):
            use(kept[0])
    with pytest.raises(RuntimeError, match="calling"):
        kept[0].item()
    assert kept[0].shape == () and "BatchedTensor" in repr(kept[0])


def test_wrong_uses_of_derivatives_beyond_are_named():
    f, x, one = torch.func, torch.tensor([1.0, 2.0]), torch.tensor(1.0)
    wrong = {
        "turn round": lambda: f.odeint(lambda t, y: -y, x, torch.tensor([0.0, 1.0, 0.5])),
        "argnums says 3": lambda: f.sparse_jacobian(lambda x: x, argnums=3)(x),
        "takes the arguments themselves": lambda: f.jacobian_sparsity(lambda x: x * x),
        "matvec is not linear": lambda: f.custom_linear_solve(lambda x: x * x + 1, x),
        "must be of floating-point": lambda: f.custom_root(lambda x: x - 1)(torch.tensor(1)),
        "1 names are given for 2": lambda: f.symbolic(lambda x, y: x * y, 2.0, 3.0, names=["a"]),
        "must be a tensor or a number": lambda: f.symbolic(lambda x: x, "a"),
        "should be a tuple: .output, aux.": lambda: f.vjp(torch.sin, one, has_aux=True),
    }
    for words, call in wrong.items():
        with pytest.raises((ValueError, TypeError, RuntimeError), match=words):
            call()
