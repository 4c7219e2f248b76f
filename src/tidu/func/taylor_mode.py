"""Taylor mode for users: `jet` pushes a curve through a function, `taylor` gives f, f', f'', ...

All derivatives to order n along one direction come from one forward pass of O(n²) operations for
each of the program's; nested `grad` doubles the program n times. Read `jet`.
"""

import math

from .. import ops
from ..base import tree
from ..base.errors import hinted
from ..core.handle import TensorBase
from ..transforms.taylor import TaylorLevel

__all__ = ["jet", "taylor"]


def jet(func, primals, series):
    """(func(*primals), its derivatives along the curve): higher-order forward mode in one pass.

    The curve is x(t) with x(0) = primals and derivatives `series` at t = 0; the result are the
    derivatives of func(x(t)) at t = 0.

    Args:
        func: a function of tensors that returns a tensor or a tree of tensors.
        primals: a tuple of tensors, where the curve starts.
        series: for each primal the sequence of its first, second, ... derivatives, each of the
            primal's shape; all sequences are of one length, the order n.

    Returns:
        (out, derivatives): a list of n trees like `out`; the k-th holds the derivative of order
        k + 1.

    Raises:
        ValueError: where primals and series do not fit together.

    Source: Griewank & Walther, Evaluating Derivatives (2008), chapter 13; the interface is that of
    Bettencourt, Johnson & Duvenaud, Taylor-Mode Automatic Differentiation (2019).

    >>> import tidu as torch
    >>> x, one, zero = torch.tensor([2.0, 1.0, 0.0]).unbind()
    >>> torch.func.jet(lambda x: x**3, (x,), ([one, zero, zero],))
    (tensor(8.), [tensor(12.), tensor(12.), tensor(6.)])
    """
    order = _order(primals, series)
    with TaylorLevel() as level:
        handles = [
            level.lift(p, [_divided(c, k) for k, c in enumerate(s, 1)])
            for p, s in zip(primals, series, strict=True)
        ]
        outs, spec = tree.flatten(func(*handles))
        pairs = [level.split(_required(o)) for o in outs]
    below = tree.unflatten(spec, [p for p, _ in pairs])
    return below, [
        tree.unflatten(spec, [_derivative(p, c, k) for p, c in pairs]) for k in range(1, order + 1)
    ]


def _order(primals, series):
    for name, given in (("primals", primals), ("series", series)):
        if not isinstance(given, (tuple, list)):
            raise ValueError(hinted(
                f"jet: {name} must be a tuple, got {type(given).__name__}",
                "series has one sequence of derivatives for each primal: jet(f, (x,), ([v],))",
            ))  # fmt: skip
    if len(primals) != len(series) or not primals:
        raise ValueError(hinted(
            f"jet: got {len(primals)} primals and {len(series)} series",
            "series has one sequence of derivatives for each primal: jet(f, (x,), ([v],))",
        ))  # fmt: skip
    lengths = {len(s) for s in series}
    if len(lengths) > 1:
        raise ValueError(f"jet: all series must have the same length, got {sorted(lengths)}")
    for p, s in zip(primals, series, strict=True):
        if not (_required(p).is_floating_point() or p.is_complex()):
            raise ValueError(hinted(f"jet: a primal is {p.dtype}, which has no derivatives",
                                    "convert it, as with x.float()."))  # fmt: skip
        for c in s:
            if tuple(_required(c).shape) != tuple(p.shape):
                raise ValueError(
                    f"jet: a derivative of shape {list(c.shape)} is given for a primal of shape "
                    f"{list(p.shape)}"
                )
    return lengths.pop()


def _required(value):
    if not isinstance(value, TensorBase):
        raise ValueError(f"jet: Expected tensors, got unsupported type {type(value)}")
    return value


def _divided(c, k):
    return c if k == 1 else c / float(math.factorial(k))


def _derivative(primal, coefficients, k):
    if coefficients is None or coefficients[k - 1] is None:
        return ops.zeros_like(primal)
    return coefficients[k - 1] if k == 1 else coefficients[k - 1] * float(math.factorial(k))


def taylor(func, x, order, direction=None):
    """[f(x), f'(x), ..., f^(order)(x)]: derivatives of t -> func(x + t·direction) at t = 0.

    Without a direction x moves by one in every element, so that a function which acts on each
    element alone gives the derivatives of each.

    >>> import tidu as torch
    >>> torch.func.taylor(lambda x: x**4, torch.tensor(1.0), 3)
    [tensor(1.), tensor(4.), tensor(12.), tensor(24.)]
    """
    if not isinstance(x, TensorBase):
        raise TypeError(hinted(f"taylor: x must be a tensor, got {type(x).__name__}",
                               "write torch.tensor(2.0) for a number."))  # fmt: skip
    if not isinstance(order, int) or order < 0:
        raise ValueError(f"taylor: order must be a whole number from 0 on, got {order!r}")
    if direction is None:
        direction = ops.ones_like(x)
    rest = [ops.zeros_like(x)] * (order - 1)
    out, found = jet(func, (x,), ([direction, *rest][:order],))
    return [out, *found]
