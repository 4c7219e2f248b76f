"""grad, vjp, jvp, jacrev, jacfwd, hessian: each runs the function on one new transform level."""

import functools
import math

import numpy as np

from .. import ops
from ..base import tree
from ..base.errors import hinted
from ..core.handle import LEAF, TensorBase, element_type, shape_of, wrap
from ..transforms.forward import ForwardLevel
from ..transforms.reverse import run_pass
from ..transforms.reverse_level import ReverseLevel
from .batching import check_randomness, over_units, vmap

__all__ = ["grad", "grad_and_value", "hessian", "jacfwd", "jacrev", "jvp", "vjp"]


def _tracked(level, tree_of_tensors, function):
    """(the leaves of the tree as leaves of the level, the tree of them, its spec)."""
    values, spec = tree.flatten(tree_of_tensors)
    _require_floats([_require(v, function) for v in values])
    handles = [level.lift(v, LEAF) for v in values]
    return handles, tree.unflatten(spec, handles), spec


def _require(value, function):
    if not isinstance(value, TensorBase):
        raise ValueError(f"Thing passed to transform API must be Tensor, got {type(value)}")
    return value


def _require_floats(values):
    for value in values:
        if element_type(value).kind not in "fcV":
            raise RuntimeError("only Tensors of floating point dtype can require gradients")


def _lower_tree(level, outputs):
    return tree.map(lambda o: level.lower(o) if isinstance(o, TensorBase) else o, outputs)


def _pull(level, roots, cotangents, leaves):
    """Cotangents of `leaves`, as tensors of the level below, zeros where nothing arrived."""
    seeds = []
    for root, g in zip(roots, cotangents, strict=True):
        node = root._node if _is_ours(level, root) else None
        if node is not None:
            seeds.append((root if node is LEAF else node, g))
    with level.outside():
        job = run_pass(seeds, retain=True, lift=level.lift)
    found = []
    for leaf in leaves:
        entry = job.leaves.get(id(leaf))
        below = level.lower(leaf)
        found.append(ops.zeros_like(below) if entry is None else _as_tensor(entry[1]))
    return found


def _is_ours(level, handle):
    value = handle._value
    return value.dtype is None and getattr(value, "level", None) is level


def _as_tensor(g):
    return g if isinstance(g, TensorBase) else wrap(g)


def _split_arguments(args, argnums, function):
    if argnums == 0 and args and argnums.__class__ is int:
        return (0,), args[0]
    numbers = argnums if isinstance(argnums, tuple) else (argnums,)
    if not all(isinstance(n, int) for n in numbers):
        raise RuntimeError(f"argnums must be int or Tuple[int, ...], got: {type(argnums)}")
    for n in numbers:
        if not -len(args) <= n < len(args):
            raise RuntimeError(f"Got argnum={n}, but only {len(args)} positional inputs")
    numbers = tuple([n % len(args) for n in numbers])
    if len(set(numbers)) < len(numbers):
        raise RuntimeError(f"argnums elements must be unique, got {argnums}")
    chosen = tuple([args[n] for n in numbers])
    return numbers, chosen if isinstance(argnums, tuple) else chosen[0]


def _with(args, numbers, argnums, replacement):
    parts = list(args)
    for n, part in zip(
        numbers, replacement if isinstance(argnums, tuple) else (replacement,), strict=True
    ):
        parts[n] = part
    return parts


def grad_and_value(func, argnums=0, has_aux=False):
    """x -> (gradient of the scalar func at x, func(x)); with has_aux (gradient, (value, aux)).

    >>> import tidu as torch
    >>> torch.func.grad_and_value(lambda x: x ** 2)(torch.tensor(3.))
    (tensor(6.), tensor(9.))
    """

    @functools.wraps(func)
    def wrapper(*args, **kwargs):
        with ReverseLevel() as level:
            numbers, chosen = _split_arguments(args, argnums, "grad")
            leaves, lifted, spec = _tracked(level, chosen, "grad")
            out = func(*_with(args, numbers, argnums, lifted), **kwargs)
            aux = None
            if has_aux:
                out, aux = _with_aux(out, "grad_and_value(f)(*args)")
            _check_scalar(out)
            one = wrap(element_type(out).type(1))
            gradients = _pull(level, [out], [one], leaves)
            value = level.lower(out)
            if has_aux:
                aux = _lower_tree(level, aux)
        result = tree.unflatten(spec, gradients)
        return (result, (value, aux)) if has_aux else (result, value)

    return wrapper


def _with_aux(out, call):
    if not (isinstance(out, tuple) and len(out) == 2):
        raise RuntimeError(
            hinted(
                f"{call}: output of function f should be a tuple: (output, aux) if has_aux is True",
                "return the result and what else is to be given out as one pair, or leave has_aux.",
            )
        )
    return out


def _check_scalar(out):
    if not isinstance(out, TensorBase):
        raise RuntimeError(
            f"grad_and_value(f)(*args): Expected f(*args) to return a Tensor, got {type(out)}"
        )
    if tuple(shape_of(out)) != ():
        raise RuntimeError(
            "grad_and_value(f)(*args): Expected f(*args) to return a scalar Tensor, got tensor "
            f"with {len(shape_of(out))} dims. Maybe you wanted to use the vjp or jacrev APIs "
            "instead?"
        )
    if element_type(out).kind == "c":
        raise RuntimeError(
            "grad can be implicitly created only for real scalar outputs but got "
            f"torch.{element_type(out).name}"
        )


def _check_real(api, what, tensors):
    """A Jacobian of complex numbers would need two matrices where the function is not analytic."""
    for i, x in enumerate(tensors):
        if isinstance(x, TensorBase) and element_type(x).kind == "c":
            raise RuntimeError(
                hinted(
                    f"{api}: Expected all {what}s to be real but received complex tensor at "
                    f"flattened input idx: {i}",
                    "write the function of torch.view_as_real(z), or use vjp and jvp.",
                )
            )


def grad(func, argnums=0, has_aux=False):
    """x -> the gradient of the scalar func at x, in the structure of x.

    >>> import tidu as torch
    >>> torch.func.grad(torch.func.grad(lambda x: x ** 3))(torch.tensor(2.))
    tensor(12.)
    """
    both = grad_and_value(func, argnums, has_aux)

    @functools.wraps(func)
    def wrapper(*args, **kwargs):
        gradient, rest = both(*args, **kwargs)
        return (gradient, rest[1]) if has_aux else gradient

    return wrapper


def vjp(func, *primals, has_aux=False):
    """(func(*primals), pull): pull(cotangents) gives the cotangents of the primals.

    >>> import tidu as torch
    >>> out, pull = torch.func.vjp(torch.sin, torch.tensor(0.))
    >>> pull(torch.tensor(2.))
    (tensor(2.),)
    """
    level = ReverseLevel()
    with level:
        leaves, lifted, _ = _tracked(level, primals, "vjp")
        out = func(*lifted)
        aux = None
        if has_aux:
            out, aux = _with_aux(out, "vjp(f, *primals)")
        roots, spec = tree.flatten(out)
        for root in roots:
            _check_output(root)
        # A tensor from outside that was written in here is given back when the level ends.
        roots = [r if r._node is LEAF else wrap(r._value, r._node) for r in roots]
        below = tree.unflatten(spec, [level.lower(root) for root in roots])
        aux = _lower_tree(level, aux)

    def pull(cotangents, retain_graph=True, create_graph=None):
        given, got = tree.flatten(cotangents)
        if got != spec:
            raise RuntimeError(
                "Expected pytree structure of cotangents to be the same as pytree structure of "
                f"outputs to the function. cotangents: {treespec_text(got)}, primal output: "
                f"{treespec_text(spec)}"
            )
        for i, (root, g) in enumerate(zip(roots, given, strict=True)):
            if tuple(shape_of(root)) != tuple(shape_of(g)):
                raise RuntimeError(
                    f"Mismatch in shape: grad_output[{i}] has a shape of "
                    f"torch.Size({list(shape_of(g))}) and output[{i}] has a shape of "
                    f"torch.Size({list(shape_of(root))})."
                )
        gradients = _pull(level, roots, given, leaves)
        result = tree.unflatten(tree.flatten(primals)[1], gradients)
        return result

    return (below, pull, aux) if has_aux else (below, pull)


def _check_output(root):
    if not isinstance(root, TensorBase):
        raise RuntimeError(
            "vjp(f, *primals): expected f(*primals) to return only tensors, got unsupported type "
            f"{type(root)}"
        )
    if element_type(root).kind not in "fcV":
        raise RuntimeError(
            "vjp(f, ...): All outputs of f must be floating-point or complex Tensors, got Tensor "
            f"with dtype torch.{element_type(root).name}"
        )


def treespec_text(spec):
    """A structure as messages show it: its containers, with a star for each leaf."""
    return repr(tree.unflatten(spec, [_Star] * spec.num_leaves))


class _StarText(type):
    def __repr__(cls):
        return "*"


class _Star(metaclass=_StarText):
    """Printed as a star."""


def jvp(func, primals, tangents, *, strict=False, has_aux=False):
    """(func(*primals), its directional derivative along the tangents).

    >>> import tidu as torch
    >>> torch.func.jvp(torch.sin, (torch.tensor(0.),), (torch.tensor(3.),))
    (tensor(0.), tensor(3.))
    """
    if not isinstance(primals, tuple):
        raise RuntimeError(
            "jvp(f, primals, tangents): Expected primals to be a tuple. E.g. it should be valid to "
            "call f(*primals)."
        )
    values, spec = tree.flatten(primals)
    if not values:
        raise RuntimeError(
            "jvp(f, primals, tangents): Expected primals to contain at least one Tensor."
        )
    directions, other = tree.flatten(tangents)
    if spec != other:
        raise RuntimeError(
            "jvp(f, primals, tangents): Expected primals and tangents to have the same python "
            f"structure. For example, if primals is a tuple of 3 tensors, tangents also must be. "
            f"Got primals with structure {spec} and tangents with structure {other}"
        )
    for value, direction in zip(values, directions, strict=True):
        _check_moving(value, direction)
        if tuple(shape_of(value)) != tuple(shape_of(direction)):
            raise RuntimeError(
                "Trying to set a forward gradient that has a different size than that of the "
                "original Tensor, this is not supported. Tensor is of size "
                f"{list(shape_of(value))} while the given forward gradient is of size "
                f"{list(shape_of(direction))}."
            )
    with ForwardLevel() as level:
        duals = [level.lift(v, t) for v, t in zip(values, directions, strict=True)]
        out = func(*tree.unflatten(spec, duals))
        aux = None
        if has_aux:
            out, aux = _with_aux(out, "jvp(f, primals, tangents)")
        results, out_spec = tree.flatten(out)
        pairs = [level.split(_require_result(r)) for r in results]
        aux = tree.map(lambda a: level.split(a)[0] if isinstance(a, TensorBase) else a, aux)
    if strict and any(t is None for _, t in pairs):
        raise RuntimeError(
            "jvp(f, primals, tangents, strict=True): The output of f is independent of the inputs. "
            "This is not allowed with strict=True."
        )
    below = [p for p, _ in pairs]
    moved = [ops.zeros_like(p) if t is None else t for p, t in pairs]
    answer = tree.unflatten(out_spec, below), tree.unflatten(out_spec, moved)
    return (*answer, aux) if has_aux else answer


def _check_moving(value, direction):
    """Refuse what can't be a primal or a tangent."""
    for given, kind in ((value, "primals"), (direction, "tangents")):
        if not isinstance(given, TensorBase):
            raise RuntimeError(
                f"jvp(f, primals, tangents): Expected {kind} to only contain Tensors, got "
                f"{type(given)}"
            )
    for given, kind in ((value, "primal"), (direction, "tangent")):
        if element_type(given).kind not in "fcV":
            raise ValueError(
                f"Expected {kind} to be floating point or complex, but got: "
                f"torch.{element_type(given).name}"
            )


def _require_result(result):
    if not isinstance(result, TensorBase):
        raise RuntimeError(
            "jvp(f, primals, tangents): expected f(*primals) to return only tensors, got "
            f"unsupported type {type(result)}"
        )
    return result


# --- Jacobians ----------------------------------------------------------------------------------


def _basis(tensors):
    """For each of several tensors, unit tangents for all, stacked along a leading axis."""
    sizes = [math.prod(shape_of(t)) for t in tensors]
    total, start, rows = sum(sizes), 0, []
    for t, n in zip(tensors, sizes, strict=True):
        block = np.zeros((total, n), element_type(t))
        # The diagonal of the block, written where it lies in memory.
        block.reshape(-1)[start * n : (start + n) * n : n + 1] = 1
        rows.append(wrap(block.reshape(total, *shape_of(t))))
        start += n
    return rows


def jacrev(func, argnums=0, *, has_aux=False, chunk_size=None, _preallocate_and_copy=False):
    """x -> the Jacobian of func at x, one reverse pass per output element (batched).

    The result has, for each output and each input, shape (*output.shape, *input.shape).

    >>> import tidu as torch
    >>> torch.func.jacrev(torch.sin)(torch.zeros(2))
    tensor([[1., 0.],
            [0., 1.]])
    """

    if chunk_size is not None and not chunk_size > 0:
        raise ValueError("jacrev: `chunk_size` should be greater than 0.")

    @functools.wraps(func)
    def wrapper(*args):
        numbers, chosen = _split_arguments(args, argnums, "jacrev")
        _check_real("jacrev", "input", tree.leaves(chosen))

        def of_chosen(part):
            return func(*_with(args, numbers, argnums, part))

        result = vjp(of_chosen, chosen, has_aux=has_aux)
        out, pull = result[:2]
        outputs, out_spec = tree.flatten(out)
        _check_real("jacrev", "output", outputs)
        sizes = [math.prod(shape_of(o)) for o in outputs]
        pulled = _pulled(pull, outputs, out_spec, chunk_size)
        inputs, in_spec = tree.flatten(pulled)
        blocks, start = [], 0
        for o, n in zip(outputs, sizes, strict=True):
            rows = [
                _shaped(x[start : start + n], (*shape_of(o), *tuple(shape_of(x))[1:]))
                for x in inputs
            ]
            blocks.append(tree.unflatten(in_spec, rows))
            start += n
        jacobian = tree.unflatten(out_spec, blocks)
        return (jacobian, result[2]) if has_aux else jacobian

    return wrapper


def _pulled(pull, outputs, out_spec, chunk_size):
    """The cotangents of the inputs for each unit cotangent of the outputs."""

    def one(*rows):
        return pull(tree.unflatten(out_spec, list(rows)))[0]

    if len(outputs) == 1 and chunk_size is None:
        (out,) = outputs
        if math.prod(shape_of(out)) == 1:  # of a single number: nothing to batch
            unit = wrap(np.ones(tuple(shape_of(out)), element_type(out)))
            return tree.map(lambda g: ops.unsqueeze(g, 0), one(unit))
        return over_units(one, out)
    return vmap(one, chunk_size=chunk_size)(*_basis(outputs))


def _shaped(tensor, shape):
    return tensor if tuple(shape_of(tensor)) == shape else ops.reshape(tensor, shape)


def jacfwd(func, argnums=0, has_aux=False, *, randomness="error"):
    """x -> the Jacobian of func at x, one forward pass per input element (batched)."""
    check_randomness(randomness)

    @functools.wraps(func)
    def wrapper(*args):
        numbers, chosen = _split_arguments(args, argnums, "jacfwd")
        inputs, in_spec = tree.flatten(chosen)
        _check_real("jacfwd", "input", inputs)
        sizes = [math.prod(shape_of(_require(x, "jacfwd"))) for x in inputs]

        def push(*tangents):
            def of_chosen(part):
                return func(*_with(args, numbers, argnums, part))

            moved = jvp(
                of_chosen, (chosen,), (tree.unflatten(in_spec, list(tangents)),), has_aux=has_aux
            )
            _check_real("jacfwd", "output", tree.leaves(moved[1]))
            return (moved[1], moved[2]) if has_aux else moved[1]

        if len(inputs) == 1:
            result = over_units(push, inputs[0], randomness)
        else:
            result = vmap(push, randomness=randomness)(*_basis(inputs))
        aux = None
        if has_aux:
            result, aux = result
            aux = tree.map(lambda a: a[0], aux)

        def split(columns):
            parts, start = [], 0
            for x, n in zip(inputs, sizes, strict=True):
                block = columns[start : start + n]
                block = ops.movedim(block, 0, -1)
                parts.append(block.reshape(*tuple(shape_of(block))[:-1], *shape_of(x)))
                start += n
            return tree.unflatten(in_spec, parts)

        jacobian = tree.map(split, result)
        return (jacobian, aux) if has_aux else jacobian

    return wrapper


def hessian(func, argnums=0):
    """x -> the matrix of second derivatives of the scalar func: forward over reverse."""
    return jacfwd(jacrev(func, argnums), argnums)
