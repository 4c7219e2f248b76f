"""torch.nn.utils beside PyTorch: the same layers, trained for ten steps from the same weights."""

import numpy as np
import pytest
import torch

import tidu

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")
LAYERS = {
    "linear": "nn.Linear(6, 4)",
    "wide": "nn.Linear(4, 6)",
    "square": "nn.Linear(5, 5)",
    "conv": "nn.Conv2d(2, 3, 3)",
    "transposed": "nn.ConvTranspose1d(3, 4, 2)",
}
SIZES = {
    "linear": (7, 6),
    "wide": (7, 4),
    "square": (7, 5),
    "conv": (2, 2, 5, 5),
    "transposed": (2, 3, 6),
}
CHANGES = [
    ("nn.utils.weight_norm(m)", LAYERS),
    ("nn.utils.weight_norm(m, dim=None)", ["linear", "conv"]),
    ("nn.utils.weight_norm(m, dim=1)", ["conv"]),
    ("nn.utils.spectral_norm(m)", LAYERS),
    ("nn.utils.spectral_norm(m, n_power_iterations=3)", ["conv"]),
    ("nn.utils.parametrizations.weight_norm(m)", LAYERS),
    ("nn.utils.parametrizations.spectral_norm(m)", LAYERS),
    ("nn.utils.parametrizations.orthogonal(m)", ["square", "linear", "wide"]),
    ("nn.utils.parametrizations.orthogonal(m, orthogonal_map='cayley')", ["square"]),
    (
        (
            "nn.utils.parametrizations.orthogonal(m, orthogonal_map='householder', "
            "use_trivialization=False)"
        ),
        ["square", "linear", "wide"],
    ),
    ("nn.utils.prune.l1_unstructured(m, 'weight', 0.4)", LAYERS),
    ("nn.utils.prune.random_unstructured(m, 'weight', 5)", LAYERS),
    ("nn.utils.prune.ln_structured(m, 'weight', 2, n=2, dim=0)", LAYERS),
    ("nn.utils.prune.random_structured(m, 'weight', 0.5, dim=1)", LAYERS),
    (
        (
            "nn.utils.prune.l1_unstructured(nn.utils.prune.ln_structured(m, 'weight', 1, 1, 0), "
            "'weight', 3)"
        ),
        LAYERS,
    ),
    ("nn.utils.prune.identity(m, 'bias')", ["linear"]),
]
CASES = [(change, layer) for change, layers in CHANGES for layer in layers]


def trained(library, change, layer):
    library.manual_seed(3)
    m = eval(LAYERS[layer], {"nn": library.nn})
    __import__(f"{library.__name__}.nn.utils.prune")
    __import__(f"{library.__name__}.nn.utils.parametrizations")
    m = eval(change, {"nn": library.nn, "m": m})
    first = {name: value.detach().numpy().copy() for name, value in m.state_dict().items()}
    x = library.from_numpy(np.random.default_rng(0).standard_normal(SIZES[layer]).astype("f"))
    optimizer = library.optim.SGD(m.parameters(), lr=0.1, momentum=0.5)
    for _ in range(10):
        optimizer.zero_grad()
        loss = (m(x) ** 2).mean()
        loss.backward()
        optimizer.step()
    m.eval()
    return m, first, loss.item(), m(x).detach().numpy()


@pytest.mark.parametrize(("change", "layer"), CASES)
def test_ten_steps(change, layer):
    if "orthogonal(m)" in change and layer != "square":
        pytest.importorskip("scipy")
    ours, first, loss, answer = trained(tidu, change, layer)
    theirs, wanted, their_loss, their_answer = trained(torch, change, layer)
    assert list(first) == list(wanted) and repr(ours) == repr(theirs)
    for name, value in wanted.items():
        np.testing.assert_allclose(first[name], value, rtol=2e-5, atol=2e-6, err_msg=name)
    np.testing.assert_allclose(loss, their_loss, rtol=1e-4)
    np.testing.assert_allclose(answer, their_answer, rtol=1e-3, atol=1e-5)


ERRORS = [
    "P.register_parametrization(m, 'other', nn.Identity())",
    "P.remove_parametrizations(m, 'weight')",
    "P.register_parametrization(m, 'weight', nn.Linear(3, 4))",
    "nn.utils.remove_weight_norm(m)",
    "nn.utils.remove_spectral_norm(m)",
    "R.remove(m, 'weight')",
    "R.l1_unstructured(m, 'weight', 1.5)",
    "R.l1_unstructured(m, 'weight', 100)",
    "R.l1_unstructured(m, 'weight', 'a')",
    "nn.utils.weight_norm(nn.utils.weight_norm(m))",
    "nn.utils.spectral_norm(m, n_power_iterations=0)",
    "nn.utils.parametrizations.orthogonal(m, 'bias')",
    "nn.utils.parametrizations.orthogonal(m, orthogonal_map='none')",
    "R.ln_structured(m, 'bias', 1, 2, 0)",
    "R.global_unstructured([(m, 'weight')], R.LnStructured, amount=1, n=2)",
]


def error_of(library, code):
    __import__(f"{library.__name__}.nn.utils.prune")
    __import__(f"{library.__name__}.nn.utils.parametrizations")
    utils = library.nn.utils
    names = {"nn": library.nn, "P": utils.parametrize, "R": utils.prune}
    try:
        eval(code, {**names, "m": library.nn.Linear(3, 3)})
    except Exception as error:
        text = str(error).replace("tidu.", "torch.")
        return type(error).__name__, text.split("\nHint")[0]
    return None


@pytest.mark.parametrize("code", ERRORS)
def test_error(code):
    assert error_of(tidu, code) == error_of(torch, code) is not None


def test_global_pruning():
    found = []
    for library in (tidu, torch):
        library.manual_seed(0)
        prune = library.nn.utils.prune
        m = library.nn.Sequential(library.nn.Linear(4, 5), library.nn.Linear(5, 2))
        pairs = [(m[0], "weight"), (m[1], "weight")]
        prune.global_unstructured(pairs, pruning_method=prune.L1Unstructured, amount=0.5)
        prune.global_unstructured(pairs, pruning_method=prune.L1Unstructured, amount=3)
        assert prune.is_pruned(m)
        prune.remove(m[0], "weight")
        found.append([v.detach().numpy() for v in m.state_dict().values()])
    for a, b in zip(*found, strict=True):
        np.testing.assert_array_equal(a, b)


def test_fusion():
    for library in (tidu, torch):
        library.manual_seed(0)
        conv, bn = library.nn.Conv2d(2, 3, 3), library.nn.BatchNorm2d(3)
        x = library.rand(4, 2, 6, 6)
        bn(conv(x))
        conv.eval(), bn.eval()
        fused = library.nn.utils.fuse_conv_bn_eval(conv, bn)
        np.testing.assert_allclose(
            fused(x).detach().numpy(), bn(conv(x)).detach().numpy(), rtol=1e-4, atol=1e-6
        )
