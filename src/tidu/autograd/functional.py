"""autograd.functional: jacobian, hessian and products with them, of functions of tensors."""

from .. import ops
from ..base.errors import hinted
from ..core.handle import TensorBase
from ..func import derivatives
from .engine import grad
from .modes import enable_grad

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]


def _as_tuple(value, what, function):
    """(tuple of tensors, whether it was one)."""
    several = isinstance(value, tuple)
    parts = value if several else (value,)
    for i, part in enumerate(parts):
        if not isinstance(part, TensorBase):
            place = f"Value at index {i}" if several else what
            raise TypeError(
                f"The {what} given to {function} must be either a Tensor or a tuple of Tensors but "
                f"the given {place} has type {type(part)}."
            )
    return several, tuple(parts)


def _fresh(inputs, create_graph):
    """Tensors to differentiate by; with create_graph they stay linked to the user's."""
    if create_graph:
        return tuple(
            [ops.view_as(x, x) if x.requires_grad else x.clone().requires_grad_() for x in inputs]
        )
    return tuple([x.detach().requires_grad_() for x in inputs])


def _directions(v, likes, what):
    if v is None:
        if len(likes) != 1 or likes[0].numel() != 1:
            raise RuntimeError(
                f"The vector v can only be None if the {what} a single Tensor with a single "
                "element."
            )
        return (ops.ones_like(likes[0]),)
    _, v = _as_tuple(v, "v", what)
    if len(v) != len(likes):
        raise RuntimeError(
            f"v is a tuple of invalid length: should be {len(likes)} but got {len(v)}."
        )
    for i, (d, x) in enumerate(zip(v, likes, strict=True)):
        if d.shape != x.shape:
            what = f"Entry {i} in v" if len(likes) > 1 else "v"
            raise RuntimeError(f"{what} has invalid size: should be {x.shape} but got {d.shape}.")
    return v


def _plain(values, create_graph):
    return values if create_graph else tuple([v.detach() for v in values])


def _or_zeros(gradients, inputs, strict, output="The output"):
    """Gradients with zeros for None; in strict mode these are refused."""
    if strict and any(g is None for g in gradients):
        i = next(i for i, g in enumerate(gradients) if g is None)
        raise RuntimeError(
            f"{output} of the user-provided function is independent of input {i}. This is not "
            "allowed in strict mode."
        )
    return tuple(
        [ops.zeros_like(x) if g is None else g for g, x in zip(gradients, inputs, strict=True)]
    )


def _tracked_outputs(func, inputs, function, strict):
    """(whether there are several, the outputs); in strict mode each depends on the inputs."""
    many, outputs = _as_tuple(func(*inputs), "outputs of the user-provided function", function)
    for i, output in enumerate(outputs):
        if strict and not output.requires_grad:
            raise RuntimeError(
                f"Output {i} of the user-provided function does not require gradients. The outputs "
                "must be computed in a differentiable manner from the input when running in strict "
                "mode."
            )
    return many, outputs


def _moving(results, strict, what="jacobian"):
    """In strict mode with create_graph, results that can be differentiated again."""
    for i, result in enumerate(results):
        if strict and not result.requires_grad:
            raise RuntimeError(
                f"The {what} of the user-provided function is independent of input {i}. This is "
                "not allowed in strict mode when create_graph=True."
            )
    return results


def _one(several, values):
    return values if several else values[0]


def _gradients(outputs, inputs, seeds, create_graph):
    pairs = [(o, s) for o, s in zip(outputs, seeds, strict=True) if o.requires_grad]
    if not pairs:
        return (None,) * len(inputs)
    roots, given = zip(*pairs, strict=True)
    return grad(
        roots, inputs, given, retain_graph=True, create_graph=create_graph, allow_unused=True
    )


def vjp(func, inputs, v=None, create_graph=False, strict=False):
    """(func(inputs), v^T J).

    >>> import tidu as torch
    >>> torch.autograd.functional.vjp(torch.exp, torch.zeros(2), torch.tensor([1., 3.]))[1]
    tensor([1., 3.])
    """
    with enable_grad():
        several, inputs = _as_tuple(inputs, "inputs", "vjp")
        inputs = _fresh(inputs, create_graph)
        many, outputs = _tracked_outputs(func, inputs, "vjp", strict)
        v = _directions(v, outputs, "user-provided function returns")
        gradients = _or_zeros(_gradients(outputs, inputs, v, create_graph), inputs, strict)
        _moving(gradients, strict and create_graph)
    return _one(many, _plain(outputs, create_graph)), _one(several, _plain(gradients, create_graph))


def jvp(func, inputs, v=None, create_graph=False, strict=False):
    """(func(inputs), J v), by differentiating the vector-Jacobian product by its vector."""
    with enable_grad():
        _, inputs = _as_tuple(inputs, "inputs", "jvp")
        inputs = _fresh(inputs, create_graph)
        v = _directions(v, inputs, "input to the user-provided function is")
        many, outputs = _tracked_outputs(func, inputs, "jvp", strict)
        seeds = tuple([ops.zeros_like(o).requires_grad_() for o in outputs])
        gradients = _or_zeros(_gradients(outputs, inputs, seeds, True), inputs, strict)
        moved = _or_zeros(_gradients(gradients, seeds, v, create_graph), seeds, False)
        _moving(moved, strict and create_graph)
    return _one(many, _plain(outputs, create_graph)), _one(many, _plain(moved, create_graph))


def _scalar_gradient(func, inputs, what, strict):
    many, outputs = _tracked_outputs(func, inputs, what, strict)
    if many:
        raise RuntimeError(f"The function given to {what} should return a single Tensor")
    if outputs[0].numel() != 1:
        raise RuntimeError(
            f"The Tensor returned by the function given to {what} should contain a single element"
        )
    first = _or_zeros(
        _gradients(outputs, inputs, (ops.ones_like(outputs[0]),), True), inputs, strict
    )
    for i, g in enumerate(first):
        if strict and not g.requires_grad:
            raise RuntimeError(
                "While computing the hessian, found that the jacobian of the user-provided "
                f"function with respect to input {i} is independent of the input. This is not "
                "allowed in strict mode. You should ensure that your function is twice "
                "differentiable and that the jacobian depends on the inputs (this would be "
                "violated by a linear function for example)."
            )
    return outputs[0], first


def vhp(func, inputs, v=None, create_graph=False, strict=False):
    """(func(inputs), v^T H) for a function with one number as its output."""
    return _hessian_product(func, inputs, v, create_graph, strict, "vhp")


def _hessian_product(func, inputs, v, create_graph, strict, name):
    with enable_grad():
        several, inputs = _as_tuple(inputs, "inputs", name)
        inputs = _fresh(inputs, create_graph)
        v = _directions(v, inputs, "input to the user-provided function is")
        output, first = _scalar_gradient(func, inputs, name, strict)
        second = _or_zeros(_gradients(first, inputs, v, create_graph), inputs, False)
        _moving(second, strict and create_graph, "hessian")
    return _plain((output,), create_graph)[0], _one(several, _plain(second, create_graph))


def hvp(func, inputs, v=None, create_graph=False, strict=False):
    """(func(inputs), H v); the Hessian is symmetric, so this is vhp.

    >>> import tidu as torch
    >>> torch.autograd.functional.hvp(lambda x: (x ** 3).sum(), torch.ones(2), torch.ones(2))[1]
    tensor([6., 6.])
    """
    return _hessian_product(func, inputs, v, create_graph, strict, "hvp")


def jacobian(func, inputs, create_graph=False, strict=False, vectorize=False,
             strategy="reverse-mode"):  # fmt: skip
    """The Jacobian: for each output and input a tensor of shape (*output.shape, *input.shape).

    >>> import tidu as torch
    >>> torch.autograd.functional.jacobian(lambda x: x ** 2, torch.tensor([1., 2.]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    if strategy not in ("forward-mode", "reverse-mode"):
        raise AssertionError(
            'Expected strategy to be either "forward-mode" or "reverse-mode". Hint: If your '
            'function has more outputs than inputs, "forward-mode" tends to be more performant. '
            'Otherwise, prefer to use "reverse-mode".'
        )
    if strategy == "forward-mode":
        _refuse_together(create_graph, strict)
        _require_vectorized(vectorize)
        return _forward_jacobian(func, inputs)
    if strict and vectorize:
        raise RuntimeError(
            "torch.autograd.functional.jacobian: `strict=True` and `vectorized=True` are not "
            "supported together. Please either set `strict=False` or `vectorize=False`."
        )
    with enable_grad():
        several, inputs = _as_tuple(inputs, "inputs", "jacobian")
        inputs = _fresh(inputs, create_graph)
        many, outputs = _tracked_outputs(func, inputs, "jacobian", strict)
        rows = [
            _jacobian_of(o, inputs, create_graph, strict, f"Output {i}")
            for i, o in enumerate(outputs)
        ]
        if create_graph:
            for row in rows:
                _moving(row, strict)
    rows = [_one(several, _plain(row, create_graph)) for row in rows]
    return _one(many, tuple(rows))


def _jacobian_of(output, inputs, create_graph, strict, name):
    n = output.numel()
    flat = output.reshape(-1)
    if not output.requires_grad or n == 0:
        gradients = (None,) * len(inputs)
        if n:
            _or_zeros(gradients, inputs, strict, name)
        return tuple([ops.zeros((*output.shape, *x.shape), dtype=x.dtype) for x in inputs])
    if create_graph:
        rows = [grad(flat[i], inputs, retain_graph=True, create_graph=True, allow_unused=True)
                for i in range(n)]  # fmt: skip
        columns = [_or_zeros(row, inputs, strict, name) for row in rows]
        stacked = [ops.stack(list(column)) for column in zip(*columns, strict=True)]
    else:
        seeds = ops.eye(n, dtype=output.dtype)
        found = grad(
            flat, inputs, seeds, retain_graph=True, allow_unused=True, is_grads_batched=True
        )
        if any(g is None for g in found):
            _or_zeros(found, inputs, strict, name)
        stacked = [
            ops.zeros((n, *x.shape), dtype=x.dtype) if g is None else g
            for g, x in zip(found, inputs, strict=True)
        ]
    return tuple(
        [s.reshape((*output.shape, *x.shape)) for s, x in zip(stacked, inputs, strict=True)]
    )


def _require_vectorized(vectorize):
    if not vectorize:
        raise NotImplementedError(
            hinted(
                "Computing Jacobian using forward-AD or forward-over-reverse Hessian is"
                "only implemented for `vectorize=True`.",
                "add vectorize=True, or leave the strategy out.",
            )
        )


def _refuse_together(create_graph, strict):
    text = (
        'torch.autograd.functional.jacobian: `{0}=True` and `strategy="forward-mode"` are not '
        'supported together (yet). Please either set `{0}=False` or `strategy="reverse-mode"`.'
    )
    if strict:
        raise RuntimeError(text.format("strict"))
    if create_graph:
        raise NotImplementedError(text.format("create_graph"))


def _forward_jacobian(func, inputs):
    several, parts = _as_tuple(inputs, "inputs", "jacobian")
    numbers = tuple(range(len(parts)))
    plain = [p.detach() for p in parts]
    return derivatives.jacfwd(func, argnums=numbers if several else 0)(*plain)


def hessian(func, inputs, create_graph=False, strict=False, vectorize=False,
            outer_jacobian_strategy="reverse-mode"):  # fmt: skip
    """The matrix of second derivatives of a function with one number as its output.

    >>> import tidu as torch
    >>> torch.autograd.functional.hessian(lambda x: (x ** 3).sum(), torch.tensor([1., 2.]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    several, inputs = _as_tuple(inputs, "inputs", "hessian")
    if outer_jacobian_strategy not in ("forward-mode", "reverse-mode"):
        raise AssertionError('Expected strategy to be either "forward-mode" or "reverse-mode".')
    if outer_jacobian_strategy == "forward-mode":
        _refuse_together(create_graph, strict)
        _require_vectorized(vectorize)

    def gradient(*parts):
        _, first = _scalar_gradient(func, _tracked(parts), "hessian", strict)
        return first if several else first[0]

    return jacobian(gradient, inputs if several else inputs[0], create_graph, strict)


def _tracked(parts):
    return tuple([p if p.requires_grad else p.detach().requires_grad_() for p in parts])
