"""Learning rates that are tensors or NumPy's numbers: what is computed from them has their type."""

import numpy as np
import pytest

import tidu

torch = pytest.importorskip("torch")

OPTIMIZERS = [
    ("SGD", dict(momentum=0.9, weight_decay=0.01, nesterov=True)),
    ("Adam", dict(weight_decay=0.1, amsgrad=True)),
    ("AdamW", dict(weight_decay=0.3)),
    ("RMSprop", dict(momentum=0.9, centered=True)),
    ("Adagrad", dict(lr_decay=0.1)),
    ("Adadelta", dict(weight_decay=0.1)),
    ("Adamax", {}),
    ("NAdam", dict(decoupled_weight_decay=True, weight_decay=0.1)),
    ("RAdam", dict(decoupled_weight_decay=True, weight_decay=0.1)),
    ("ASGD", dict(t0=2, weight_decay=0.1)),
    ("Rprop", {}),
    ("Adafactor", dict(weight_decay=0.1)),
    ("Muon", dict(weight_decay=0.1)),
]
RATES = {
    "float32 tensor": lambda t: t.tensor(0.1),
    "one element": lambda t: t.tensor([0.1]),
    "float64 tensor": lambda t: t.tensor(0.1, dtype=t.float64),
    "np.float32": lambda t: np.float32(0.1),
}


def trained(library, name, options, rate, dtype, compiled=False):
    random = np.random.RandomState(0)
    shape = (5, 7) if name == "Muon" else (35,)
    w = library.tensor(random.randn(*shape), dtype=getattr(library, dtype), requires_grad=True)
    updates = getattr(library.optim, name)([w], lr=RATES[rate](library), **options)

    def step(g):
        updates.zero_grad()
        (w * g).sum().backward()
        updates.step()

    run = library.compile(step) if compiled else step
    for _ in range(6):
        run(library.tensor(random.randn(*shape), dtype=getattr(library, dtype)))
    return w.detach().numpy()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize(("name", "options"), OPTIMIZERS, ids=[n for n, _ in OPTIMIZERS])
def test_parameters_are_pytorchs(name, options, rate, dtype):
    try:
        expected = trained(torch, name, options, rate, dtype)
    except (TypeError, RuntimeError, ValueError) as error:
        with pytest.raises(type(error)):
            trained(tidu, name, options, rate, dtype)
        return
    # Last digits differ, as PyTorch rounds a product and a sum once.
    close = dict(rtol=1e-12, atol=1e-14) if dtype == "float64" else dict(rtol=3e-5, atol=1e-6)
    if name == "Muon":  # it computes in bfloat16
        close = dict(rtol=1e-2, atol=2e-2)
    np.testing.assert_allclose(trained(tidu, name, options, rate, dtype), expected, **close)
    compiled = trained(tidu, name, options, rate, dtype, compiled=True)
    np.testing.assert_allclose(compiled, expected, **close)
