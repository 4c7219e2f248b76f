"""What programs give, compared: nested results, and errors by their first line."""

import numpy as np

import tidu as torch


def same(a, b, path=""):
    if isinstance(a, (tuple, list)):
        assert type(a) is type(b) and len(a) == len(b), (path, a, b)
        for i, (x, y) in enumerate(zip(a, b)):
            same(x, y, path + f"[{i}]")
    elif isinstance(a, dict):
        assert list(a) == list(b)
        [same(a[k], b[k], path + f"[{k}]") for k in a]
    elif isinstance(a, torch.Tensor):
        assert a.dtype == b.dtype and a.shape == b.shape and a.requires_grad == b.requires_grad, (
            path,
            a.dtype,
            b.dtype,
            a.requires_grad,
            b.requires_grad,
        )
        x, y = a.detach().float().numpy(), b.detach().float().numpy()
        np.testing.assert_allclose(
            x,
            y,
            rtol=2e-2 if a.dtype == torch.bfloat16 else 1e-5,
            atol=1e-2 if a.dtype == torch.bfloat16 else 1e-6,
            err_msg=path,
        )
    else:
        assert type(a) is type(b) and (a == b or a != a and b != b), (path, a, b)


def outcome(f, *a):
    try:
        return ("ok", f(*a))
    except Exception as e:
        return (type(e).__name__, str(e).split("\n")[0])
