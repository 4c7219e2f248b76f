"""compile(): the modes in which a call is made, and what was made in others."""

import gc
import weakref

import pytest
from outcomes import outcome, same

import tidu as torch
from tidu.compiler.calls.optimized import counts

pytestmark = pytest.mark.filterwarnings("ignore:.*cannot be compiled as one graph")
X = torch.arange(4.0)


def made_in_inference_mode():
    with torch.inference_mode():
        return torch.ones(4) * 2


@pytest.mark.parametrize("first", ["plain", "inference"])
@pytest.mark.parametrize("view", [False, True])
def test_tensors_of_inference_mode_among_the_arguments(first, view):
    """Outside that mode they cannot be saved for backward, nor written."""

    def results(wrap):
        w = torch.ones(4, requires_grad=True)
        product, written = wrap(lambda x: x * w), wrap(lambda x: x.add_(1) * 2)
        there, plain = made_in_inference_mode(), torch.arange(4.0)
        parts = [there.view(2, 2), plain.view(2, 2)] if view else []
        for x in [plain] * 3 + [there, plain, there] if first == "plain" else [there, plain] * 3:
            yield outcome(product, x), outcome(written, x)
        del parts
        with torch.inference_mode():
            for x in [there, plain] * 3:
                found = outcome(product, x), outcome(written, x)
                yield [(*f, f[1].is_inference()) for f in found]

    same(list(results(lambda f: f)), list(results(torch.compile)))


def test_inference_mode_is_compiled():
    """Whether its own tensors are given or others."""
    layer = torch.nn.Linear(4, 4)
    compiled = torch.compile(layer, fullgraph=True)
    with torch.inference_mode():
        made = counts()["captured"]
        for x in (X, X * 2, X + 1, X):
            found = compiled(x)
            assert found.is_inference()
            same(found, layer(x))
        assert counts()["captured"] == made + 1


def test_what_a_weak_reference_names_is_not_kept_alive():
    class Thing:
        scale = 2.0

    def results(wrap):
        thing = Thing()
        reference = weakref.ref(thing)

        def function(x):
            found = reference()
            return x if found is None else x * found.scale

        compiled = wrap(function)
        yield [compiled(X) for _ in range(3)]
        thing.scale = 3.0
        yield [compiled(X) for _ in range(3)]
        del thing
        gc.collect()
        yield [compiled(X) for _ in range(3)], reference() is None

    same(list(results(lambda f: f)), list(results(torch.compile)))


@pytest.mark.parametrize("given", [False, True])
def test_attributes_of_a_class_of_tensors(given):
    def results(wrap):
        class Scaled(torch.nn.Parameter):
            scale = 2.0

        p = Scaled(X.clone())
        compiled = wrap(lambda t: t * t.scale) if given else wrap(lambda x: x * p * p.scale)
        for scale in (2.0, 3.0, 4.0):
            Scaled.scale = scale
            yield [compiled(p if given else X) for _ in range(3)]
        p.scale = 5.0
        yield [compiled(p if given else X) for _ in range(3)]
        del p.scale
        yield [compiled(p if given else X) for _ in range(3)]

    same(list(results(lambda f: f)), list(results(torch.compile)))
