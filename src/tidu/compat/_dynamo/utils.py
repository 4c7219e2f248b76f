"""torch._dynamo.utils: counts of what was compiled, and whether two results are the same."""

from collections import Counter, defaultdict

import numpy as np

from ..base import tree
from ..compiler.calls.optimized import WATCHERS
from ..core.handle import TensorBase

__all__ = ["counters", "same"]

counters: defaultdict = defaultdict(Counter)


def _count(name, captured, compiled):
    """One more version was made: a graph, of so many calls."""
    graph = getattr(compiled, "graph", None)
    calls = (len(captured.graph.equations) if graph is None
             else sum(node.op.startswith("call") for node in graph.nodes))  # fmt: skip
    counters["frames"].update(total=1, ok=1)
    counters["stats"].update(unique_graphs=1, calls_captured=calls)


WATCHERS.append(_count)


def same(ref, res, fp64_ref=None, cos_similarity=False, tol=1e-4, equal_nan=False,
         exact_dtype=True, **options):  # fmt: skip
    """Whether two results, with tensors in the same places, agree to `tol`.

    >>> import tidu as torch
    >>> torch._dynamo.utils.same([torch.ones(2)], [torch.ones(2) + 1e-6])
    True
    """
    (olds, form), (news, spec) = tree.flatten(ref), tree.flatten(res)
    if form != spec:
        return False
    return all(_alike(a, b, tol, equal_nan, exact_dtype) for a, b in zip(olds, news, strict=True))


def _alike(a, b, tol, equal_nan, exact_dtype):
    if not (isinstance(a, TensorBase) and isinstance(b, TensorBase)):
        return type(a) is type(b) and a == b
    if a.shape != b.shape or (exact_dtype and a.dtype is not b.dtype):
        return False
    first, second = (t.detach().double().numpy() for t in (a, b))
    return bool(np.allclose(first, second, rtol=tol, atol=tol, equal_nan=equal_nan))
