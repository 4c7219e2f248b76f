"""Printed tensors against PyTorch itself, on thousands of random cases: no character differs."""

import ml_dtypes
import numpy as np
import pytest

from tidu.base import printing

torch = pytest.importorskip("torch")

DTYPES = {
    name: getattr(torch, name)
    for name in (
        "float32", "float64", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8",
        "uint16", "uint32", "uint64", "bool", "complex64", "complex128",
    )
}  # fmt: skip
SPECIAL = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, 1e-5, 1e9, 0.99995, 123456.0])


def numpy_dtype(name):
    return np.dtype(ml_dtypes.bfloat16) if name == "bfloat16" else np.dtype(name)


def to_torch(array, dtype):
    if array.dtype == ml_dtypes.bfloat16:
        return torch.from_numpy(array.astype(np.float32)).to(dtype)
    return torch.from_numpy(np.array(array)).to(dtype)


def random_values(random, shape, name):
    if name == "bool":
        return np.asarray(random.random(shape) < 0.5)
    if name[0] in "iu":
        top = min(10 ** int(random.integers(1, 19)), np.iinfo(name).max)
        low = 0 if name[0] == "u" else -top // int(random.integers(1, 5))
        return random.integers(low, top, shape).astype(name) if shape else np.asarray(top, name)
    values = random.standard_normal(shape)
    style = random.integers(8)
    if style == 0:
        values = np.round(values * 10 ** random.integers(1, 6))
    elif style == 1:
        values = values * 10.0 ** random.integers(-8, 9)
    elif style == 2:
        values = values * 10.0 ** random.integers(-5, 6, shape)
    elif style == 3:
        values = np.where(random.random(shape) < 0.3, random.choice(SPECIAL, shape), values)
    elif style == 4:
        values = random.choice(SPECIAL, shape)
    elif style == 5:
        values = random.choice(SPECIAL[:5], shape)
    elif style == 6:
        values = np.round(values)
    if name.startswith("complex"):
        with np.errstate(all="ignore"):
            values = values + 1j * random.permutation(np.ravel(values)).reshape(shape)
    with np.errstate(all="ignore"):
        return np.asarray(values).astype(numpy_dtype(name))


def random_shape(random):
    ndim = int(random.choice([0, 1, 1, 2, 2, 3, 4, 5]))
    top = (1, 40, 14, 8, 5, 4)[ndim]
    return tuple(int(n) for n in random.integers(0 if random.random() < 0.1 else 1, top, ndim))


def random_options(random):
    options = {}
    for name, choices in (
        ("precision", (0, 1, 2, 4, 7)), ("threshold", (0, 5, 20, 100)), ("edgeitems", (0, 1, 2, 3)),
        ("linewidth", (1, 20, 60, 80, 120)), ("sci_mode", (True, False)),
        ("profile", ("default", "short", "full")),
    ):  # fmt: skip
        if random.random() < 0.3:
            options[name] = random.choice(choices).item()
    return options


def compare(array, name, parameter, requires_grad, grad_fn):
    tensor = to_torch(array, DTYPES[name])
    is_float = tensor.is_floating_point() or tensor.is_complex()
    requires_grad, grad_fn = requires_grad and is_float, grad_fn and is_float
    if grad_fn:
        tensor = tensor.requires_grad_().view(tensor.shape)
    elif parameter and is_float:
        tensor = torch.nn.Parameter(tensor, requires_grad)
    elif requires_grad:
        tensor.requires_grad_()
    made = printing.tensor_text(
        array,
        default_dtype=str(torch.get_default_dtype()).removeprefix("torch."),
        requires_grad=requires_grad,
        grad_fn="ViewBackward0" if grad_fn else None,
        parameter=parameter and is_float and not grad_fn,
    )
    assert made == repr(tensor)


@pytest.fixture
def clean():
    yield
    torch.set_printoptions(profile="default")
    printing.set_printoptions(profile="default")
    torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("name", DTYPES)
def test_random(name, clean):
    random = np.random.default_rng(list(name.encode()))
    for case in range(250):
        if case == 100:
            torch.set_default_dtype(torch.float64)
        if case >= 120:
            options = random_options(random)
            for module in (torch, printing):
                module.set_printoptions(profile="default")
                module.set_printoptions(**options)
        array = random_values(random, random_shape(random), name)
        compare(array, name, *(random.random(3) < 0.3).tolist())


def test_summaries(clean):
    random = np.random.default_rng(1)
    for shape in ((1001,), (1000,), (5000,), (7, 200), (200, 7), (2, 3, 400), (30, 40, 2), (8,) * 4,
                  (1, 1, 1001), (6, 167), (7, 143)):  # fmt: skip
        for name in ("float32", "int64", "complex64", "bool"):
            compare(random_values(random, shape, name), name, False, False, False)


def test_sizes_of_empty_tensors():
    for shape in ((0,), (0, 3), (2, 0), (1, 0, 2)):
        for name in ("float32", "float64", "int64", "bool"):
            compare(np.empty(shape, name), name, False, shape == (0,), shape == (2, 0))
