"""Sample calls of each primitive: what reaches it while the operators' records run.

`calls_of()` runs every sample forward, backward, and both again, and the programs below for what no
record reaches; it keeps the first few calls of each primitive that differ in more than numbers.
"""

import functools
import warnings

import numpy as np
from calls import function_of
from records import RECORDS

import tidu
from tidu.core.handle import TensorBase
from tidu.core.modes import listen, unlisten
from tidu.primitives import base, network, recurrent, structural

MOST, SMALL = 3, 150  # calls kept of each primitive, elements of an argument
F, S = tidu.nn.functional, tidu.special


def _x(*shape, seed=0):
    values = np.random.RandomState(seed).uniform(-2, 2, shape)
    return tidu.from_numpy(values)


def _of_module(module, *shapes):
    module = module.double()
    names = [name for name, _ in module.named_parameters()]

    def program(x, *parameters):
        given = dict(zip(names, parameters, strict=True))
        out = tidu.func.functional_call(module, given, (x,))
        return out[0] if isinstance(out, tuple) else out

    return program, [_x(*shapes[0]), *[p.detach() for p in module.parameters()]]


_BITS = [tidu.tensor([6, -3, 12]), tidu.tensor([2, 1, 3])]
_CLASSES = tidu.tensor([1, 0, 2])
_FLOW = tidu.tensor([[0.3, 1.4, 2.6], [0.8, 2.2, 1.1]]).double()

# (function of float64 tensors, the tensors); chosen by the primitive that no record reaches.
PROGRAMS = [
    (lambda x, y: x.clamp(max=y) * x.clamp(min=y), [_x(5), _x(5, seed=1)]),
    (lambda x, y: tidu.complex(x, y).imag * tidu.polar(x.exp(), y).real, [_x(4), _x(4, seed=1)]),
    (lambda x: tidu.view_as_real(tidu.view_as_complex(x * 1) * 2j) * x, [_x(3, 2)]),
    (lambda x, y: x.clone().copy_(y) * x, [_x(4), _x(4, seed=1)]),
    (lambda x: x.norm(0) + x, [_x(4)]),
    (lambda x: structural.barrier(x) * x, [_x(4)]),
    (lambda x: (x * 1)[...].alias() * x if hasattr(x, "alias") else tidu.ops.alias(x) * x, [_x(4)]),
    (lambda x: tidu.nextafter(x, x + 1), [_x(4)]),
    (lambda x: (x * 1).bernoulli_(0.5) * x, [_x(4)]),
    (lambda x: (x // 2) * x, [_x(4)]),
    *[(lambda op=op: op(*_BITS), []) for op in (
        tidu.bitwise_xor, tidu.gcd, tidu.lcm, tidu.bitwise_left_shift, tidu.bitwise_right_shift)],
    (lambda: tidu.bitwise_not(_BITS[0]), []),
    (lambda x, w, b: F.linear(x, w, b) * F.linear(x, w), [_x(3, 4), _x(2, 4), _x(2)]),
    (lambda x, w: F.conv1d(x, w, padding=1, stride=2), [_x(2, 2, 5), _x(3, 2, 3)]),
    (lambda x, w: F.conv2d(x, w, groups=2, dilation=2), [_x(1, 2, 5, 5), _x(2, 1, 2, 2)]),
    (lambda x, w: F.conv_transpose2d(x, w, stride=2, padding=1), [_x(1, 2, 3, 3), _x(2, 2, 2, 3)]),
    *[(f, [_x(6) * 1.7]) for f in (
        F.elu, F.gelu, lambda x: F.gelu(x, approximate="tanh"), F.hardshrink, F.hardsigmoid,
        lambda x: F.hardswish(x * 2), F.hardtanh, F.leaky_relu, F.silu, F.softplus, F.softshrink,
        F.celu, F.selu, F.mish)],
    *[(lambda x, f=f: f(x, -1) * x, [_x(2, 3)]) for f in (F.softmax, F.log_softmax)],
    (lambda x, y: F.mse_loss(x, y), [_x(2, 3), _x(2, 3, seed=1)]),
    (lambda x: F.nll_loss(x, _CLASSES), [_x(3, 3)]),
    (lambda x, w: F.nll_loss(x, _CLASSES, w, reduction="none"), [_x(3, 3), _x(3).abs() + 0.5]),
    (lambda x, w, b: F.layer_norm(x, (3,), w, b), [_x(2, 3), _x(3), _x(3, seed=1)]),
    (lambda x, w, b: F.group_norm(x, 2, w, b), [_x(2, 4, 3), _x(4), _x(4, seed=1)]),
    (lambda x: F.rms_norm(x, (3,)), [_x(2, 3)]),
    (lambda x: F.max_pool2d(x, 2, stride=1), [_x(1, 2, 4, 4)]),
    (lambda x: F.max_pool1d(x, 3, padding=1), [_x(2, 2, 6)]),
    (lambda x: F.adaptive_max_pool2d(x, (2, 3)), [_x(1, 1, 4, 5)]),
    (lambda x: F.avg_pool2d(x, 2, padding=1), [_x(1, 2, 4, 4)]),
    (lambda x: F.adaptive_avg_pool2d(x, (2, 3)), [_x(1, 1, 4, 5)]),
    (lambda x: F.max_unpool1d(*F.max_pool1d(x, 2, return_indices=True), 2), [_x(1, 2, 6)]),
    (lambda x: F.lp_pool1d(x.exp(), 2, 2), [_x(1, 2, 6)]),
    (lambda x: F.unfold(x, 2), [_x(1, 2, 3, 3)]),
    (lambda x: F.fold(x, (3, 3), 2), [_x(1, 8, 4)]),
    (lambda x: F.interpolate(x, scale_factor=1.7, mode="linear"), [_x(1, 2, 5)]),
    (lambda x: F.interpolate(x, size=(5, 3), mode="bicubic"), [_x(1, 1, 4, 4)]),
    (lambda x: F.interpolate(x, scale_factor=2), [_x(1, 2, 3, 3)]),
    (lambda x: F.grid_sample(x, _FLOW[None, :, :2, None].expand(1, 2, 2, 2) - 1), [_x(1, 2, 4, 4)]),
    _of_module(tidu.nn.LSTM(2, 3, batch_first=True), (2, 3, 2)),
    _of_module(tidu.nn.GRU(2, 3), (3, 2, 2)),
    (lambda x: tidu.linalg.eig(x)[0].abs(), [_x(3, 3)]),
    (lambda x: tidu.geqrf(x)[0], [_x(3, 2)]),
    (lambda x: tidu.linalg.qr(x, "complete")[0], [_x(3, 2)]),
    (lambda x: tidu.linalg.qr(x, "r")[1], [_x(3, 2)]),
    (lambda x: tidu.linalg.ldl_factor(x + x.T)[0], [_x(3, 3)]),
    (lambda x: tidu.linalg.svd(x)[0] ** 2, [_x(3, 2)]),
]  # fmt: skip

# What an operator never reaches while somebody listens, because it is then composed of its parts,
# and what it reaches too late.
DIRECT = [
    (base.cast, [_x(4)], {"to": np.dtype(np.complex128), "origin": np.dtype(np.float64)}),
    (recurrent.lstm, [_x(3, 2, 8), _x(2, 2), _x(2, 2, seed=1), _x(8, 2), _x(8)], {}),
    (recurrent.gru, [_x(3, 2, 6), _x(2, 2), _x(6, 2), _x(6)], {}),
    *[
        (
            network.attention,
            [_x(1, 2, 3, 2), _x(1, 2, 4, 2), _x(1, 2, 4, 2)],
            {"scale": 0.7, "causal": causal},
        )
        for causal in (False, True)
    ],
]


class Harvest:
    """Listens to operations, and keeps those on plain memory."""

    def __init__(self):
        self.calls, self.kinds = {}, {}

    def applied(self, prim, args, params, result):
        values = [a._value if isinstance(a, TensorBase) else a for a in args]
        if any(getattr(v, "dtype", v) is None for v in values):
            return  # inside a transform: the same call arrives once more on memory
        self.note(prim, values, params)

    def note(self, prim, values, params):
        prim = getattr(prim, "base", prim)
        arrays = [np.asarray(v) for v in values if isinstance(v, (np.ndarray, np.generic))]
        if any(a.size > SMALL or a.size == 0 or a.dtype.itemsize < 4 and a.dtype.kind == "f"
               or a.dtype.kind == "V" for a in arrays):  # fmt: skip
            return
        kind = str([(v.shape, v.dtype) if hasattr(v, "dtype") else type(v) for v in values])
        kind += str([(k, str(v)[:80]) for k, v in sorted((params or {}).items())])
        known = self.kinds.setdefault(id(prim), set())
        if kind in known or len(known) >= MOST:
            return
        known.add(kind)
        copies = [v.copy() if isinstance(v, np.ndarray) else v for v in values]
        self.calls.setdefault(id(prim), []).append((copies, dict(params or {})))

    def pass_begins(self, *heard):
        """Nothing to keep."""

    pass_ends = visited = pass_begins


@functools.cache
def calls_of():
    """{id of a primitive: [(arguments, params)]}."""
    harvest = Harvest()
    for prim, tensors, params in DIRECT:
        harvest.note(prim, [t.numpy() for t in tensors], params)
    listen(harvest)
    try:
        with warnings.catch_warnings(action="ignore"):
            for record in RECORDS:
                for sample in record.samples[:4]:
                    run(record.differentiable, *function_of(tidu, record, sample))
            for program, tensors in PROGRAMS:
                run(bool(tensors), lambda *xs, f=program: (f(*xs),), tensors)
            for prim, tensors, params in DIRECT:
                run(True, lambda *xs, f=prim, p=params: _parts(f(*xs, **p)), tensors)
    finally:
        unlisten(harvest)
    return harvest.calls


def _parts(out):
    return out if isinstance(out, tuple) else (out,)


def run(differentiable, function, leaves):
    """A program forward, backward and along a tangent, as far as it goes."""
    with np.errstate(all="ignore"):
        outs = function(*leaves)
        if not (differentiable and leaves and outs):
            return
        ones = tuple([tidu.ones_like(leaf) for leaf in leaves])
        pulled = lambda *xs: tidu.func.vjp(function, *xs)[1](
            tuple([tidu.ones_like(o) for o in outs]))  # fmt: skip
        try:
            pulled(*leaves)
            tidu.func.jvp(pulled, tuple(leaves), ones)
        except (NotImplementedError, RuntimeError):
            return  # what is refused here is tested with the records
