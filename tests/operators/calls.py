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
