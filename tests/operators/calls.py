"""How a sample is called in a library: arrays become tensors, results a flat list of tensors."""

import numpy as np


def tensors_of(library, value, leaves, dtype=None):
    """`value` with its arrays as tensors; float and complex ones are noted in `leaves`."""
    if isinstance(value, np.ndarray):
        tensor = (
            library.from_numpy(value)
            if value.strides and not value.flags.c_contiguous
            else (library.from_numpy(value.copy()))
        )
        if dtype is not None and value.dtype == np.float64:
            tensor = tensor.to(dtype)
        if value.dtype.kind in "fc":
            leaves.append(tensor)
        return tensor
    if isinstance(value, (list, tuple)):
        return type(value)([tensors_of(library, item, leaves, dtype) for item in value])
    return value


def prepared(library, sample, dtype=None):
    """(arguments, keyword arguments, the floating tensors among them)."""
    leaves = []
    args = tensors_of(library, tuple(sample.args), leaves, dtype)
    kwargs = {k: tensors_of(library, v, leaves, dtype) for k, v in sample.kwargs.items()}
    return args, kwargs, leaves


def flat(library, result):
    """The tensors in a result."""
    if isinstance(result, library.Tensor):
        return [result]
    if isinstance(result, (list, tuple)):
        return [t for part in result for t in flat(library, part)]
    return []


def replaced(value, old, new):
    """`value` with the tensors `old` exchanged for `new`."""
    for a, b in zip(old, new, strict=True):
        if value is a:
            return b
    if isinstance(value, (list, tuple)):
        return type(value)([replaced(item, old, new) for item in value])
    return value


def function_of(library, record, sample):
    """(f, leaves): f takes the leaves and returns the flat floating results."""
    args, kwargs, leaves = prepared(library, sample)
    kept = [args[k] for k in record.fixed if k < len(args)]
    leaves = [leaf for leaf in leaves if not any(leaf is k for k in kept)]
    call = record.function(library)

    def function(*now):
        out = call(
            *replaced(args, leaves, now), **{k: replaced(v, leaves, now) for k, v in kwargs.items()}
        )
        return tuple([t for t in flat(library, out) if t.is_floating_point() or t.is_complex()])

    return function, leaves


def numbers_of(library, record):
    """All results and gradients of a record's samples as one vector: shapes, then elements."""
    parts = []
    for sample in record.samples:
        args, kwargs, leaves = prepared(library, sample)
        leaves = [x for x in leaves if not any(x is args[k] for k in record.fixed if k < len(args))]
        track = record.differentiable and not record.ours
        for leaf in leaves if track else ():
            leaf.requires_grad_()
        outs = flat(library, record.function(library)(*args, **kwargs))
        tracked = [out for out in outs if out.requires_grad and out.numel()]
        if tracked:
            library.autograd.backward(tracked, [cotangent(library, out) for out in tracked])
        gradients = [leaf.grad for leaf in leaves] if track else []
        parts += [vector(library, t) for t in (*outs, *gradients) if t is not None]
    return np.concatenate(parts) if parts else np.zeros(0)


def cotangent(library, out):
    weights = np.cos(np.arange(out.numel())).reshape(tuple(out.shape))
    return library.from_numpy(weights).to(out.dtype)


def vector(library, tensor):
    """The shape and the elements of a tensor in float64, complex numbers as pairs."""
    tensor = tensor.detach().resolve_conj().resolve_neg()
    if tensor.dtype is library.bfloat16:
        tensor = tensor.float()
    array = np.asarray(tensor.numpy(force=True))
    if array.dtype.kind == "c":
        array = np.stack([array.real, array.imag], -1)
    shape = [float(array.ndim), *array.shape]
    return np.concatenate([shape, array.reshape(-1).astype(np.float64)])
