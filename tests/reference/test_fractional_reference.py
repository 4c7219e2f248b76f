"""Fractional max pooling beside PyTorch: the same draws, places and gradients."""

import numpy as np
import pytest
import torch

import tidu

CALLS = [
    ((2, 3, 9, 11), "nn.FractionalMaxPool2d(2, output_ratio=0.5)"),
    ((2, 3, 9, 11), "nn.FractionalMaxPool2d((3, 2), output_size=(4, 7))"),
    ((3, 9, 11), "nn.FractionalMaxPool2d(2, output_size=1)"),
    ((2, 3, 7, 9, 11), "nn.FractionalMaxPool3d((2, 3, 2), output_ratio=(0.5, 0.5, 0.6))"),
]


@pytest.mark.parametrize(("shape", "code"), CALLS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_pool(shape, code, dtype):
    found = []
    data = np.random.default_rng(0).standard_normal(shape).astype(dtype)
    for library in (tidu, torch):
        library.manual_seed(1)
        x = library.from_numpy(data.copy()).requires_grad_()
        layer = eval(code, {"nn": library.nn})
        layer.return_indices = True
        values, places = layer(x)
        (values**2).sum().backward()
        found.append([values.detach().numpy(), places.numpy(), x.grad.numpy()])
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)
