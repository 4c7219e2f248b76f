"""Calls at kinks, ties, NaN, infinities, empty shapes and in 16 bits, and what came of each.

`outcome(library, name)` gives numbers for JSON. `tests/data/edges.json` holds PyTorch's, which
`test_edges.py` asks of this library and `tests/reference/test_edges_reference.py` of PyTorch.
"""

import functools
import itertools
import warnings

INF, NAN = float("inf"), float("nan")
KINKS = [-6.0, -3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0, 6.0, 20.0, NAN, INF, -INF]
FINITE = [v for v in KINKS if abs(v) < INF]
CASES = {}


def case(name, call, *inputs, dtype="float32", grad=True):
    """`call(library, *tensors)`, the tensors made of `inputs` (None stays None)."""
    assert name not in CASES, name
    CASES[name] = call, inputs, dtype, grad


def nn(function, *args, **kwargs):
    return lambda t, *x: getattr(t.nn.functional, function)(*x, *args, **kwargs)


def plain(function, *args, **kwargs):
    return lambda t, *x: getattr(t, function)(*x, *args, **kwargs)


ACTIVATIONS = ("elu", "selu", "celu", "hardswish", "hardsigmoid", "relu", "relu6", "hardtanh", "softplus",
               "logsigmoid", "hardshrink", "softshrink", "mish", "silu", "tanhshrink", "leaky_relu")  # fmt: skip
for function in ACTIVATIONS:
    case(function, nn(function), KINKS)
    case(f"{function} float16", nn(function), FINITE, dtype="float16")
    case(f"{function} int64", nn(function), [1, -2, 3], dtype="int64", grad=False)
case("elu constants", nn("elu", 2.5), KINKS)
case("celu constants", nn("celu", -2.0), KINKS)
case("celu of 0", nn("celu", 0.0), [1.0])
case("hardtanh bounds", nn("hardtanh", -0.5, 3.0), KINKS)
case("hardtanh crossed", nn("hardtanh", 2.0, 1.0), [1.0])
case("hardtanh bool", nn("hardtanh"), [True], dtype="bool", grad=False)
case("threshold", nn("threshold", 0.5, 5.0), KINKS)
case("threshold int64", nn("threshold", 1.5, 2.7), [1, 2], dtype="int64", grad=False)
case("sign", plain("sign"), KINKS)
case("abs", plain("abs"), KINKS)
case("heaviside", plain("heaviside"), [NAN, 0.0, -1.0], [5.0, 5.0, 5.0], grad=False)

BOUNDS = (
    (3, 2),
    (0, NAN),
    (NAN, 1),
    (None, NAN),
    (NAN, None),
    (1, 1),
    (-1, 1),
    (0, None),
    (None, 0),
)
for low, high in BOUNDS:
    case(f"clamp {low} {high}", plain("clamp", low, high), KINKS)
    case(
        f"clamp tensors {low} {high}",
        plain("clamp"),
        KINKS,
        *[b if b is None else [float(b)] for b in (low, high)],
    )
case("clamp int64", plain("clamp", 3, 2), [1, 5], dtype="int64", grad=False)
case("clamp int64 nan", plain("clamp", 0, NAN), [1, 5], dtype="int64", grad=False)

for x, y in itertools.product([-0.0, 0.0, 1.0, -2.0, NAN], [-1.0, 0.0, -0.0, 2.0, NAN]):
    case(f"copysign {x} {y}", plain("copysign"), x, y)
case("copysign number", plain("copysign", -2.0), KINKS)
for x, y in itertools.product([0.0, 1.0, NAN], [0.0, -1.0, 2.0, NAN, INF]):
    case(f"xlogy {x} {y}", plain("xlogy"), x, y)
    case(f"xlogy times 0 {x} {y}", lambda t, x, y: t.xlogy(x, y) * 0, x, y)
for function, (x, y) in itertools.product(
    ("remainder", "fmod"),
    ((1.0, 0.1), (3.0, 0.3), (-1.0, 0.1), (7.0, -2.0), (1.0, INF), (-1.0, INF), (6e8, 0.1)),
):
    case(f"{function} {x} {y}", plain(function), x, y, dtype="float64")

for function in ("max", "min", "median", "nanmedian", "amax", "amin"):
    for values in ([1.0, NAN], [NAN, 1.0, NAN], [2.0, 2.0, 1.0], [NAN, NAN]):
        case(f"{function} {values}", plain(function), values)
for p in (0, 1, 2, INF, -INF, 3.0, 0.5):
    for values in ([0.0, 0.0], [1.0, NAN], [0.0, 2.0], [2.0, -2.0]):
        case(f"norm {p} {values}", plain("norm", p), values)
case("var of one", plain("var"), [1.0])
case("std of equals", plain("std"), [2.0, 2.0])
for dtype in ("float16", "bfloat16"):
    rows = [[300.0, -300.0, 100.0, 5.0], [7.0, 7.0, 7.0, 7.0]]
    for function in ("var", "std"):
        case(f"{function} {dtype}", plain(function, 1), rows, dtype=dtype)
    case(
        f"batch_norm {dtype}",
        nn("batch_norm", None, None, training=True),
        rows[:1] * 2 + [[0.0] * 4],
        dtype=dtype,
    )
    case(
        f"batch_norm statistics {dtype}",
        nn("batch_norm"),
        rows,
        [100.0] * 4,
        [30.0] * 4,
        dtype=dtype,
        grad=False,
    )
    case(f"rms_norm {dtype}", nn("rms_norm", (4,)), rows, dtype=dtype, grad=False)
    case(f"rms_norm small {dtype}", nn("rms_norm", (2,)), [[1e-4, 2e-4]], dtype=dtype, grad=False)
    case(f"group_norm {dtype}", nn("group_norm", 1), rows, dtype=dtype)
    case(f"instance_norm {dtype}", nn("instance_norm"), [rows], dtype=dtype)

for stride in (1, 2, 4):
    case(f"max_pool1d nan {stride}", nn("max_pool1d", 4, stride), [[[NAN, 1.0, NAN, 2.0, 3.0]]])
case(
    "max_pool2d nan",
    nn("max_pool2d", 2, 1),
    [[[[NAN, 1.0, NAN], [2.0, 3.0, 1.0], [1.0, NAN, 0.0]]]],
)


def margins(function, *labels):
    return lambda t, x, **kwargs: getattr(t.nn.functional, function)(x, t.tensor(*labels), **kwargs)


case(
    "multi_margin margin 0",
    functools.partial(margins("multi_margin_loss", [0]), margin=0.0),
    [[0.0, 0.0]],
)
for values in ([0.0, 1.0], [1.0, 0.0], [1.0, NAN], [NAN, 1.0]):
    case(f"multi_margin {values}", margins("multi_margin_loss", [0]), [values])
    case(f"multilabel_margin {values}", margins("multilabel_margin_loss", [[0, -1]]), [values])

WIDE = [3e9, -3e9, 1e20, NAN, INF, -INF, 300.7, -300.7, 70000.0, 5e4, -5e9]
for to, of in itertools.product(
    ("int8", "int16", "int32", "int64"), ("float16", "bfloat16", "float32", "float64")
):
    case(f"{of} to {to}", lambda t, x, to=to: x.to(getattr(t, to)), WIDE, dtype=of, grad=False)

for alpha in (1.5, True, 2):
    case(f"add int64 {alpha}", plain("add", alpha=alpha), [1], [2], dtype="int64", grad=False)
    case(f"sub int64 {alpha}", plain("sub", alpha=alpha), [1], [2], dtype="int64", grad=False)
    case(
        f"add_ int64 {alpha}",
        lambda t, x, y, a=alpha: x.add_(y, alpha=a),
        [1],
        [2],
        dtype="int64",
        grad=False,
    )
case("add int64 number", plain("add", 2.5, alpha=1.5), [1], dtype="int64", grad=False)
case("add complex alpha", plain("add", 1, alpha=1j), [1.0], grad=False)
case("mul_ alpha", lambda t, x: x.mul_(2.0, alpha=3), [1.0], grad=False)


def refused(call, kind):
    """Whether a call raises the kind of error: for messages that cannot be the same."""

    def run(t, *x):
        try:
            call(t, *x)
        except kind:
            return t.ones(1)
        return t.zeros(1)

    return run


case("div_ alpha", refused(lambda t, x: x.div_(2.0, alpha=3), TypeError), [1.0], grad=False)
case(
    "true_divide_ mode",
    refused(lambda t, x: x.true_divide_(2.0, rounding_mode="floor"), TypeError),
    [1.0],
    grad=False,
)

TABLE = [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]


def rows(index, of="int64", **kwargs):
    return lambda t, w: t.nn.functional.embedding(
        t.tensor(index, dtype=getattr(t, of)), w, **kwargs
    )


for padding in (None, 0, -1):
    case(f"embedding {padding}", rows([[0, 2], [2, 1]], padding_idx=padding), TABLE)
    case(f"embedding -1 {padding}", rows([-1], padding_idx=padding), TABLE)
    case(f"embedding 5 {padding}", rows([0, 5], padding_idx=padding), TABLE)
case("embedding int32", rows([1], "int32"), TABLE)
case("embedding uint8", rows([1], "uint8"), TABLE)
case("embedding 1-D", rows([1]), TABLE[0])
case("embedding none", rows([]), TABLE)
INDEX = [[0, 1], [2, 0]]
case(
    "embedding vmap",
    lambda t, w: t.vmap(lambda i: t.nn.functional.embedding(i, w, padding_idx=0))(t.tensor(INDEX)),
    TABLE,
    grad=False,
)
case(
    "embedding vmap gradient",
    lambda t, w: t.vmap(
        t.func.grad(lambda w, i: t.nn.functional.embedding(i, w, padding_idx=0).sum()), (None, 0)
    )(w, t.tensor(INDEX)),
    TABLE,
    grad=False,
)
for count in (3, 2, -1):
    case(
        f"one_hot vmap {count}",
        lambda t, i, n=count: t.vmap(lambda i: t.nn.functional.one_hot(i, n))(i),
        INDEX,
        dtype="int64",
        grad=False,
    )


def linear(bias, *shape):
    """A layer of (inputs, outputs) on zeros of a shape one of whose lengths may be 0."""

    def run(t, x):
        weight = t.zeros(shape[0], shape[-1])
        return (
            t.nn.functional.linear(t.zeros(shape[1:]), weight, t.ones(shape[0]) if bias else None)
            + x
        )

    return run


for bias in (False, True):
    case(f"linear 0 inputs {bias}", linear(bias, 3, 2, 4, 0), 1.0)
    case(f"linear 0 cases {bias}", linear(bias, 3, 2, 0, 5), 1.0)


def into(t, x, enabled):
    out = t.nn.Parameter(t.zeros(2))
    with t.set_grad_enabled(enabled):
        return t.add(x, 1, out=out)


def _into_recorded(t, x):
    return into(t, x, True)


case("out= parameter", lambda t, x: into(t, x, False).detach(), [1.0, 2.0], grad=False)
case("out= parameter recorded", refused(_into_recorded, RuntimeError), [1.0, 2.0], grad=False)


def outcome(library, name):
    """{'values', 'dtype', 'gradients'} or {'error', 'message'}."""
    call, inputs, dtype, grad = CASES[name]
    made = [i if i is None else library.tensor(i, dtype=getattr(library, dtype)) for i in inputs]
    for tensor in made if grad else ():
        if tensor is not None:
            tensor.requires_grad_()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            out = call(library, *made)
            if grad:
                out.backward(library.ones_like(out))
    except Exception as error:
        return {"error": type(error).__name__, "message": str(error).split("\n")[0]}
    gradients = [x.grad.tolist() if x is not None and x.grad is not None else None for x in made]
    return {"values": out.tolist(), "dtype": str(out.dtype), "gradients": gradients}


def numbers(nested):
    """The numbers in lists of lists, None among them."""
    if not isinstance(nested, list):
        return [nested]
    return [n for part in nested for n in numbers(part)]


def differences(found, wanted, dtype):
    """What differs, in words; nothing where both are the same to the precision of the type."""
    if "error" in wanted or "error" in found:
        return [] if found == wanted else [f"{found} != {wanted}"]
    tolerance = {"float16": 4e-3, "bfloat16": 3e-2, "float64": 1e-12}.get(dtype, 2e-6)
    said = [] if found["dtype"] == wanted["dtype"] else [f"{found['dtype']} != {wanted['dtype']}"]
    for part in ("values", "gradients"):
        a, b = numbers(found[part]), numbers(wanted[part])
        if len(a) != len(b) or not all(map(close(tolerance), a, b)):
            said.append(f"{part}: {found[part]} != {wanted[part]}")
    return said


def close(tolerance):
    def same(a, b):
        if a is None or b is None:
            return a is b
        return a == b or (a != a and b != b) or abs(a - b) <= tolerance * max(1.0, abs(b))

    return same
