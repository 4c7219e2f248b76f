"""How tidu words its errors: PyTorch's sentence first, then a hint of our own on a new line."""

__all__ = ["DETACHED_VIEW", "NON_LEAF_GRAD", "TRANSFORMED", "GraphFreed", "LinAlgError",
           "ValueAsked", "hinted", "suggest"]  # fmt: skip


def hinted(message, hint):
    """The text of an error: PyTorch's first sentence, then what the user can do about it."""
    return f"{message}\nHint: {hint}"


def suggest(name, candidates):
    """The candidate most like `name`, or None; for "did you mean" hints."""
    best, best_score = None, 0.0
    for candidate in candidates:
        score = _likeness(name, candidate)
        if score > best_score:
            best, best_score = candidate, score
    return best if best_score >= 0.7 else None


def _likeness(a, b):
    """2·matches / total length, letters matched in order in a short window."""
    if not a or not b:
        return 0.0
    used = [False] * len(b)
    matches = 0
    for i, letter in enumerate(a):
        for j in range(max(0, i - 2), min(len(b), i + 3)):
            if not used[j] and b[j] == letter:
                used[j] = True
                matches += 1
                break
    prefix = sum(1 for x, y in zip(a, b, strict=False) if x == y)
    return (1.8 * matches + 0.2 * prefix) / (len(a) + len(b))


class LinAlgError(RuntimeError):
    """A matrix function that this matrix does not have; torch.linalg.LinAlgError."""

    __module__ = "torch._C"


LinAlgError.__name__ = LinAlgError.__qualname__ = "_LinAlgError"


class GraphFreed(RuntimeError):
    """What a node saved was given up in an earlier pass."""


class ValueAsked(RuntimeError):
    """A value was asked for while there are only stand-ins."""


for _kind in (GraphFreed, ValueAsked):  # the user meets them as what they are in PyTorch
    _kind.__name__ = _kind.__qualname__ = "RuntimeError"
    _kind.__module__ = "builtins"


# --- messages of Tensor -------------------------------------------------------------------------

TRANSFORMED = (
    "You are attempting to call Tensor.requires_grad_() (or perhaps using "
    "torch.autograd.functional.* APIs) inside of a function being transformed by a functorch "
    "transform. This is unsupported, please attempt to use the functorch transforms (e.g. grad, "
    "vjp, jacrev, jacfwd, hessian) or call requires_grad_() outside of a function being "
    "transformed instead."
)
NON_LEAF_GRAD = (
    "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its .grad "
    "attribute won't be populated during autograd.backward(). If you indeed want the .grad field "
    "to be populated for a non-leaf Tensor, use .retain_grad() on the non-leaf Tensor. If you "
    "access the non-leaf Tensor by mistake, make sure you access the leaf Tensor instead. See "
    "github.com/pytorch/pytorch/pull/30531 for more informations."
)
DETACHED_VIEW = hinted(
    "Can't detach views in-place. Use detach() instead.",
    "y = y.detach() gives a tensor without history that shares the memory.",
)
