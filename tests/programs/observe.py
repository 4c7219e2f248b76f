"""What a program observed, as plain data that can be recorded as JSON and compared."""

import math
import re


def collect(module):
    """{name: program} of a module: its public functions whose one parameter is `torch`."""
    return {
        name: value
        for name, value in vars(module).items()
        if callable(value)
        and not name.startswith("_")
        and getattr(value, "__module__", None) == module.__name__
        and value.__code__.co_varnames[: value.__code__.co_argcount] == ("torch",)
    }


def fails(action):
    """What an action raises: its kind and the first sentence of its message."""
    try:
        action()
    except Exception as error:
        message = str(error).splitlines()[0].split(" Hint: ")[0]
        # The operation which made a changed value is told in words that need not agree.
        message = re.sub(r"which is output \d of [\w:]+", "which is an output", message)
        return f"{type(error).__name__}: {message}"
    return "no error"


def plain(value):
    """`value` with tensors as {dtype, shape, values} and everything else as JSON knows it."""
    if hasattr(value, "detach") and hasattr(value, "dtype"):
        value = value.detach()
        return {"dtype": str(value.dtype), "shape": list(value.shape), "values": value.tolist()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (bool, int, float, str)) or value is None:
        return value
    return str(value)


def difference(got, want, path="result"):
    """The first place where two observations differ, or None; numbers to five digits."""
    if isinstance(want, dict) and isinstance(got, dict) and got.keys() == want.keys():
        pairs = [(f"{path}[{k!r}]", got[k], want[k]) for k in want]
    elif isinstance(want, list) and isinstance(got, list) and len(got) == len(want):
        pairs = [(f"{path}[{i}]", g, w) for i, (g, w) in enumerate(zip(got, want, strict=True))]
    else:
        return None if same(got, want) else f"{path}: {got!r} instead of {want!r}"
    found = (difference(g, w, place) for place, g, w in pairs)
    return next((text for text in found if text), None)


def same(got, want):
    numbers = isinstance(got, (int, float)) and isinstance(want, (int, float))
    if not numbers or isinstance(want, bool):
        return got == want and isinstance(got, bool) == isinstance(want, bool)
    if math.isnan(want):
        return math.isnan(got)
    return got == want or math.isclose(got, want, rel_tol=1e-5, abs_tol=1e-6)
