"""Convolution, pooling, padding and resizing compared with PyTorch: values, gradients, errors."""

import numpy as np
import pytest

import tidu
from tidu import ops

torch = pytest.importorskip("torch")
F = torch.nn.functional
pytestmark = [
    pytest.mark.filterwarnings("ignore:Using padding='same'"),
    pytest.mark.filterwarnings("ignore:Default grid_sample"),
]


def arrays(*shapes, seed=0):
    random = np.random.default_rng(seed)
    return [random.standard_normal(shape) for shape in shapes]


def compare(name, values, *args, dtype=np.float64, tolerance=1e-9, theirs=None, **options):
    """The function `name` on both sides: results, and gradients for a random cotangent."""
    sides = []
    for module, make in ((theirs or F, torch.from_numpy), (ops, ops.from_array)):
        inputs = [
            make(v.astype(dtype)).requires_grad_() if v.dtype.kind == "f" else make(v.copy())
            for v in values
        ]
        out = getattr(module, name)(*inputs, *args, **options)
        outs = list(out) if isinstance(out, tuple) else [out]
        (cotangent,) = arrays(tuple(outs[0].shape), seed=1)
        tracked = [x for x in inputs if x.requires_grad]
        outs[0].backward(make(cotangent.astype(dtype)))
        sides.append([t.detach().numpy() for t in outs] + [x.grad.numpy() for x in tracked])
        last = out if not isinstance(out, tuple) else out[0]
        sides[-1].append(type(last.grad_fn).__name__)
    *left, left_name = sides[0]
    *right, right_name = sides[1]
    for a, b in zip(left, right, strict=True):
        assert a.shape == b.shape and a.dtype == b.dtype
        np.testing.assert_allclose(b, a, rtol=tolerance, atol=tolerance)
    return left_name, right_name


def same_name(names):
    assert names[0] == names[1]


CONVOLUTIONS = [
    dict(),
    dict(stride=2),
    dict(padding=1),
    dict(padding=2, stride=2),
    dict(dilation=2, padding=2),
    dict(dilation=2, stride=2, padding=1),
    dict(groups=2),
    dict(groups=2, stride=2, padding=1),
    dict(groups=4, padding=1),
    dict(groups=4, stride=2, dilation=2, padding=2),
    dict(padding=5),
]


@pytest.mark.parametrize("options", CONVOLUTIONS, ids=str)
@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("kernel", [1, 2, 3])
def test_convolution(dims, kernel, options):
    groups = options.get("groups", 1)
    space = (9, 8, 7)[:dims]
    values = arrays((2, 4, *space), (8, 4 // groups, *(kernel,) * dims), (8,))
    same_name(compare(f"conv{dims}d", values, **options))


@pytest.mark.parametrize("count", [1, 3, 40])
@pytest.mark.parametrize("size", [(5, 6), (17, 30), (40, 23)])
@pytest.mark.parametrize("stride", [1, 2])
def test_layouts(count, size, stride):
    """Sizes that take each way of unfolding."""
    values = arrays((count, 9, *size), (5, 9, 3, 4), (5,))
    compare("conv2d", values, stride=stride, padding=1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64])
def test_types(dtype):
    x, w = arrays((2, 3, 7, 7), (4, 3, 3, 3))
    if dtype is not np.complex64:
        compare("conv2d", [x, w], dtype=dtype, tolerance=1e-4)
        return
    x, w = (x + 1j * x[::-1]).astype(dtype), (w - 1j * w[::-1]).astype(dtype)
    out = ops.conv2d(ops.from_array(x), ops.from_array(w), padding=1)
    expected = F.conv2d(torch.from_numpy(x), torch.from_numpy(w), padding=1)
    np.testing.assert_allclose(out.numpy(), expected.numpy(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["float16", "bfloat16", "int64"])
def test_other_types(name):
    x, w = [np.round(3 * a) for a in arrays((2, 3, 7, 7), (4, 3, 3, 3))]
    out = ops.conv2d(tidu.tensor(x).to(getattr(tidu, name)), tidu.tensor(w).to(getattr(tidu, name)))
    kind = getattr(torch, name)
    expected = F.conv2d(torch.tensor(x).to(kind), torch.tensor(w).to(kind))
    assert str(out.dtype) == str(expected.dtype)
    np.testing.assert_array_equal(out.double().numpy(), expected.double().numpy())


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("kernel", [2, 3, 4])
@pytest.mark.parametrize("dilation", [1, 2])
def test_named_padding(padding, kernel, dilation):
    values = arrays((2, 3, 9, 11), (4, 3, kernel, 3), (4,))
    same_name(compare("conv2d", values, padding=padding, dilation=dilation))


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_unbatched(dims):
    values = arrays((3, *(6,) * dims), (4, 3, *(3,) * dims), (4,))
    same_name(compare(f"conv{dims}d", values))
    values = arrays((4, *(6,) * dims), (4, 3, *(3,) * dims), (3,))
    same_name(compare(f"conv_transpose{dims}d", values, stride=2))


TRANSPOSED = [
    dict(),
    dict(stride=2),
    dict(stride=2, padding=1, output_padding=1),
    dict(stride=3, output_padding=2),
    dict(dilation=2, output_padding=1),
    dict(dilation=2, stride=2, padding=1),
    dict(groups=2, stride=2),
    dict(groups=2, padding=1),
    dict(padding=2),
]


@pytest.mark.parametrize("options", TRANSPOSED, ids=str)
@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("kernel", [1, 3])
def test_transposed(dims, kernel, options):
    groups = options.get("groups", 1)
    values = arrays((2, 4, *(5, 6, 7)[:dims]), (4, 3, *(kernel,) * dims), (3 * groups,))
    same_name(compare(f"conv_transpose{dims}d", values, **options))


@pytest.mark.parametrize("function", ["conv2d", "conv_transpose2d"])
def test_second_order(function):
    sides = []
    for module, make, library in ((F, torch.from_numpy, torch), (ops, ops.from_array, tidu)):
        x, w, b = [make(a).requires_grad_() for a in arrays((2, 4, 6, 5), (4, 4 // 2, 3, 2), (4,))]
        out = getattr(module, function)(x, w, b, stride=2, padding=1, groups=2)
        grads = library.autograd.grad((out**3).sum(), (x, w, b), create_graph=True)
        sum((g**2).sum() for g in grads).backward()
        sides.append([t.grad.numpy() for t in (x, w, b)])
    for a, b in zip(*sides, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-9, atol=1e-8)


POOLS = [
    dict(kernel_size=2),
    dict(kernel_size=3, stride=2),
    dict(kernel_size=3, stride=1, padding=1),
    dict(kernel_size=3, stride=2, padding=1, ceil_mode=True),
    dict(kernel_size=2, stride=3, ceil_mode=True),
    dict(kernel_size=4, stride=3, padding=2),
]


@pytest.mark.parametrize("options", POOLS, ids=str)
@pytest.mark.parametrize("dims", [1, 2, 3])
def test_pools(dims, options):
    (x,) = arrays((2, 3, *(9, 8, 7)[:dims]))
    same_name(compare(f"max_pool{dims}d", [x], **options))
    same_name(compare(f"avg_pool{dims}d", [x], **options))
    compare(f"max_pool{dims}d", [np.round(x)], **options)
    compare(f"max_pool{dims}d", [np.round(x)], **options, return_indices=True)
    compare(f"avg_pool{dims}d", [x], **options, count_include_pad=False)
    if dims > 1:
        compare(f"avg_pool{dims}d", [x], **options, divisor_override=5)


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_dilated_max_pool(dims):
    (x,) = arrays((2, 3, *(9, 8, 7)[:dims]))
    for options in (
        dict(dilation=2),
        dict(dilation=2, padding=1, stride=1),
        dict(dilation=3, padding=1),
    ):
        compare(f"max_pool{dims}d", [x], 2, **options, return_indices=True)


def test_max_pool_of_nothing_but_minus_infinity():
    x = np.full((1, 1, 5, 5), -np.inf)
    compare("max_pool2d", [x], 3, stride=2, padding=1, return_indices=True)
    x = np.random.default_rng(0).standard_normal((2, 2, 6, 6)).astype(np.float32)
    x[0, 0, 1, 1] = np.nan
    compare("max_pool2d", [x], 2, tolerance=1e-6, return_indices=True)


@pytest.mark.parametrize("sizes", [(1, 1, 1), (3, 2, 4), (5, 4, 7), (11, 9, 8)])
@pytest.mark.parametrize("dims", [1, 2, 3])
def test_adaptive(dims, sizes):
    (x,) = arrays((2, 3, *(9, 8, 7)[:dims]))
    same_name(compare(f"adaptive_avg_pool{dims}d", [x], sizes[:dims]))
    names = compare(f"adaptive_max_pool{dims}d", [x], sizes[:dims])
    same_name(names)
    compare(f"adaptive_max_pool{dims}d", [x], sizes[:dims], return_indices=True)


def test_adaptive_keeps_a_length():
    (x,) = arrays((2, 3, 9, 8))
    compare("adaptive_avg_pool2d", [x], (None, 3))


@pytest.mark.parametrize("dims", [1, 2])
def test_lp_pool(dims):
    (x,) = arrays((2, 3, *(9, 8)[:dims]))
    compare(f"lp_pool{dims}d", [np.abs(x)], 3, 2)
    compare(f"lp_pool{dims}d", [x], 2, 3, stride=2, ceil_mode=True)


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_max_unpool(dims):
    (x,) = arrays((2, 3, *(8, 6, 4)[:dims]))
    pool = getattr(F, f"max_pool{dims}d")
    values, places = pool(torch.from_numpy(x), 2, return_indices=True)
    same_name(compare(f"max_unpool{dims}d", [values.numpy(), places.numpy()], 2))


@pytest.mark.parametrize("options", [
    dict(), dict(stride=2), dict(padding=1), dict(dilation=2, padding=1), dict(stride=(2, 1)),
], ids=str)  # fmt: skip
def test_unfold_and_fold(options):
    x, rows = arrays((2, 3, 7, 8), (3, 7, 8))
    same_name(compare("unfold", [x], (3, 2), **options))
    compare("unfold", [rows], (3, 2), **options)
    columns = F.unfold(torch.from_numpy(x), (3, 2), **options).numpy()
    same_name(compare("fold", [columns], (7, 8), (3, 2), **options))
    compare("fold", [columns[0]], (7, 8), (3, 2), **options)


@pytest.mark.parametrize(
    "widths", [(1, 2), (1, 2, 3, 0), (-1, 2, 0, -2), (1, 1, 1, 1, 2, 0)], ids=str
)
@pytest.mark.parametrize("value", [None, 2.5, float("inf")])
def test_constant_pad(widths, value):
    (x,) = arrays((2, 3, 5, 6))
    same_name(compare("pad", [x], widths, "constant", value))


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("batch", [True, False])
def test_repeating_pad(mode, dims, batch):
    (x,) = arrays((2, 3, 5, 6, 4)[0 if batch else 1 : dims + 2])
    for widths in ((1, 2, 2, 0, 1, 1), (0, 1, 2, 2, 0, 2), (2, -1, 1, 1, -1, 2)):
        names = compare("pad", [x], widths[: 2 * dims], mode)
        if mode != "circular":
            same_name(names)


def test_pixel_shuffle():
    (x,) = arrays((2, 3, 12, 4, 6))
    same_name(compare("pixel_shuffle", [x], 2))
    same_name(compare("pixel_unshuffle", [x], 2))


INTERPOLATIONS = [
    ("nearest", 1, {}), ("nearest", 2, {}), ("nearest", 3, {}), ("nearest-exact", 2, {}),
    ("linear", 1, {}), ("linear", 1, dict(align_corners=True)), ("bilinear", 2, {}),
    ("bilinear", 2, dict(align_corners=True)), ("bicubic", 2, {}),
    ("bicubic", 2, dict(align_corners=True)), ("trilinear", 3, {}),
    ("area", 1, {}), ("area", 2, {}),
]  # fmt: skip


@pytest.mark.parametrize("mode,dims,options", INTERPOLATIONS, ids=str)
@pytest.mark.parametrize("target", [
    dict(size=(7, 3, 9)), dict(size=(2, 12, 5)), dict(scale_factor=2.0), dict(scale_factor=0.6),
    dict(scale_factor=1.7, recompute_scale_factor=True),
], ids=str)  # fmt: skip
def test_interpolate(mode, dims, options, target):
    (x,) = arrays((2, 3, *(5, 6, 4)[:dims]))
    if "size" in target:
        target = dict(size=target["size"][:dims])
    same_name(compare("interpolate", [x], mode=mode, **target, **options))
    compare("interpolate", [x], mode=mode, **target, **options, dtype=np.float32, tolerance=2e-5)


@pytest.mark.parametrize("mode", ["bilinear", "nearest", "bicubic"])
@pytest.mark.parametrize("padding_mode", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("align_corners", [True, False])
def test_grid_sample(mode, padding_mode, align_corners):
    x, grid = arrays((2, 3, 5, 6), (2, 4, 7, 2))
    options = dict(mode=mode, padding_mode=padding_mode, align_corners=align_corners)
    same_name(compare("grid_sample", [x, grid], **options, tolerance=1e-8))
    if mode != "bicubic":
        compare("grid_sample", arrays((2, 3, 5, 6, 4), (2, 4, 7, 3, 3)), **options, tolerance=1e-8)


@pytest.mark.parametrize("align_corners", [True, False])
def test_affine_grid(align_corners):
    same_name(compare("affine_grid", arrays((2, 2, 3)), [2, 1, 4, 5], align_corners=align_corners))
    compare("affine_grid", arrays((2, 3, 4)), [2, 1, 4, 5, 3], align_corners=align_corners)


ERRORS = [
    "F.conv2d(z(1, 3, 5, 5), z(4, 2, 3, 3))",
    "F.conv2d(z(3, 5, 5), z(4, 2, 3, 3))",
    "F.conv2d(z(1, 3, 2, 2), z(4, 3, 3, 3))",
    "F.conv2d(z(1, 3, 2, 2), z(4, 3, 3, 3), padding=1, dilation=2)",
    "F.conv2d(z(1, 3, 5, 5), z(4, 3, 3, 3), groups=2)",
    "F.conv2d(z(1, 4, 5, 5), z(3, 2, 3, 3), groups=2)",
    "F.conv2d(z(1, 4, 5, 5), z(4, 3, 3, 3), groups=2)",
    "F.conv2d(z(1, 3, 5, 5), z(4, 3, 3, 3), groups=0)",
    "F.conv2d(z(5, 5), z(4, 3, 3, 3))",
    "F.conv2d(z(1, 1, 3, 5, 5), z(4, 3, 3, 3))",
    "F.conv1d(z(1, 3, 5, 5), z(4, 3, 3))",
    "F.conv1d(z(5), z(4, 3, 3))",
    "F.conv3d(z(1, 3, 5), z(4, 3, 3, 3, 3))",
    "F.conv2d(z(1, 3, 5, 5), z(4, 3, 3))",
    "F.conv2d(z(1, 3, 5, 5), z(4, 3, 3, 3).double())",
    "F.conv2d(z(1, 3, 5, 5), z(4, 3, 3, 3), z(4).double())",
    "F.conv2d(z(1, 3, 5, 5), z(4, 3, 3, 3), z(5))",
    "F.conv2d(z(1, 3, 5, 5), z(4, 3, 3, 3), z(4, 1))",
    "F.conv2d(z(1, 3, 5, 5), z(4, 3, 3, 3), stride=0)",
    "F.conv2d(z(1, 3, 5, 5), z(4, 3, 3, 3), padding=-1)",
    "F.conv2d(z(1, 3, 5, 5), z(4, 3, 3, 3), dilation=0)",
    "F.conv2d(z(1, 3, 5, 5), z(4, 3, 3, 3), stride=(1, 1, 1))",
    "F.conv2d(z(1, 3, 5, 5), z(4, 3, 3, 3), padding=(1, 1, 1))",
    "F.conv2d(z(1, 3, 5, 5), z(4, 3, 3, 3), dilation=(1, 1, 1))",
    'F.conv2d(z(1, 3, 5, 5), z(4, 3, 3, 3), padding="same", stride=2)',
    'F.conv2d(z(1, 3, 5, 5), z(4, 3, 3, 3), padding="foo")',
    "F.conv2d(z(1, 3, 5, 5).long(), z(4, 3, 3, 3))",
    "F.conv2d(z(1, 3, 5, 5).bool(), z(4, 3, 3, 3).bool())",
    "F.conv2d(z(1, 3, 5, 5), z(0, 3, 3, 3)).shape",
    "F.conv2d(z(1, 3, 0, 5), z(4, 3, 3, 3))",
    "F.conv2d(z(1, 3, 5, 5), z(4, 3, 0, 3))",
    "F.conv_transpose2d(z(1, 3, 5, 5), z(4, 3, 3, 3))",
    "F.conv_transpose2d(z(1, 4, 5, 5), z(4, 3, 3, 3), output_padding=1)",
    "F.conv_transpose2d(z(1, 4, 5, 5), z(4, 3, 3, 3), z(4))",
    "F.conv_transpose2d(z(1, 4, 5, 5), z(4, 3, 3, 3), groups=3)",
    "F.conv_transpose2d(z(5, 5), z(4, 3, 3, 3))",
    "F.conv_transpose2d(z(1, 4, 1, 1), z(4, 3, 1, 1), padding=1)",
    "F.conv_transpose2d(z(1, 4, 5, 5), z(4, 3, 3, 3), output_padding=-1)",
    "F.max_pool2d(z(1, 3, 5, 5), 3, padding=2)",
    "F.max_pool2d(z(1, 3, 2, 2), 3)",
    "F.max_pool2d(z(5, 5), 2)",
    "F.max_pool2d(z(1, 1, 1, 5, 5), 2)",
    "F.max_pool2d(z(1, 3, 5, 5), 0)",
    "F.max_pool2d(z(1, 3, 5, 5), 2, 0)",
    "F.max_pool2d(z(1, 3, 5, 5), 2, dilation=0)",
    "F.max_pool2d(z(1, 3, 5, 5), (2, 2, 2))",
    "F.max_pool2d(z(1, 3, 5, 5), 2, (2, 2, 2))",
    "F.max_pool2d(z(1, 3, 5, 5).bool(), 2).dtype",
    "F.max_pool2d(z(1, 3, 0, 5), 2).shape",
    "F.max_pool1d(z(1, 3, 5), 6)",
    "F.max_pool1d(z(1, 3, 5), 3, padding=2)",
    "F.max_pool1d(z(5), 2)",
    "F.max_pool1d(z(1, 1, 1, 5), 2)",
    "F.max_pool3d(z(3, 5, 5), 2).shape",
    "F.max_pool1d(z(1, 3, 5).long(), 2)",
    "F.avg_pool2d(z(1, 3, 5, 5), 3, padding=2)",
    "F.avg_pool2d(z(1, 3, 2, 2), 3)",
    "F.avg_pool2d(z(1, 3, 5, 5), 2, divisor_override=0)",
    "F.avg_pool2d(z(1, 3, 5, 5), (2, 2, 2))",
    "F.avg_pool2d(z(1, 3, 5, 5), 0)",
    "F.avg_pool2d(z(1, 3, 5, 5), 2, 0)",
    "F.avg_pool1d(z(5), 2)",
    "F.avg_pool1d(z(1, 3, 5), 6)",
    "F.avg_pool3d(z(3, 5, 5), 2)",
    "F.adaptive_avg_pool2d(z(5, 5), 2)",
    "F.adaptive_avg_pool2d(z(1, 3, 5, 5), (2, 2, 2))",
    "F.adaptive_avg_pool1d(z(5), 2)",
    "F.adaptive_avg_pool2d(z(1, 3, 5, 5).long(), 2)",
    "F.adaptive_avg_pool2d(z(1, 3, 5, 5), -1)",
    "F.adaptive_max_pool2d(z(5, 5), 2)",
    "F.adaptive_avg_pool2d(z(1, 3, 0, 5), 2)",
    "F.adaptive_max_pool2d(z(1, 3, 0, 5), 2)",
    "F.max_unpool2d(z(1, 1, 2, 2), z(1, 1, 2, 2), 2)",
    "F.max_unpool2d(z(1, 1, 2, 2), z(1, 1, 2, 2).long()+99, 2)",
    "F.max_unpool2d(z(1, 1, 2, 2), z(1, 1, 2, 3).long(), 2)",
    "F.unfold(z(1, 3, 2, 2), 3)",
    "F.unfold(z(1, 3, 5, 5), 2, stride=0)",
    "F.fold(z(1, 12, 8), (4, 4), 2)",
    "F.fold(z(1, 11, 9), (4, 4), 2)",
    "F.fold(z(9), (4, 4), 2)",
    "F.pad(z(2, 2), (1, 1, 1, 1, 1, 1))",
    "F.pad(z(2, 2), (1, ))",
    "F.pad(z(2, 2), (-3, 0))",
    'F.pad(z(1, 2, 2), (2, 1), "reflect")',
    'F.pad(z(1, 1, 2, 2), (2, 1, 0, 0), "reflect")',
    'F.pad(z(2), (1, 1), "reflect")',
    'F.pad(z(2, 2), (1, 1), "foo")',
    'F.pad(z(1, 2, 2), (3, 0), "circular")',
    'F.pad(z(2, 2), (1, 1), "reflect", 1.0)',
    'F.pad(z(1, 2, 0), (1, 1), "replicate")',
    "F.pixel_shuffle(z(1, 3, 2, 2), 2)",
    "F.pixel_shuffle(z(2, 2), 2)",
    "F.pixel_unshuffle(z(1, 3, 3, 2), 2)",
    "F.pixel_shuffle(z(1, 4, 2, 2), 0)",
    "F.interpolate(z(1, 1, 2, 2))",
    "F.interpolate(z(1, 1, 2, 2), size=3, scale_factor=2)",
    "F.interpolate(z(1, 1, 2, 2), size=(3, 3, 3))",
    'F.interpolate(z(1, 1, 2), size=3, mode="bilinear")',
    'F.interpolate(z(1, 1, 2, 2), size=3, mode="linear")',
    'F.interpolate(z(1, 1, 2, 2), size=3, mode="foo")',
    "F.interpolate(z(2, 2), size=3)",
    'F.interpolate(z(1, 1, 2, 2), size=3, mode="nearest", align_corners=True)',
    "F.interpolate(z(1, 1, 2, 2), size=0)",
    'F.interpolate(z(1, 1, 2, 2), size=3, mode="nearest", antialias=True)',
    "F.interpolate(z(1, 1, 2, 2).long(), size=3).dtype",
    'F.interpolate(z(1, 1, 2, 2).long(), size=3, mode="bilinear")',
    "F.interpolate(z(1, 1, 2, 2), scale_factor=(1, 2, 3))",
    "F.grid_sample(z(1, 1, 2, 2), z(2, 2, 2, 2))",
    "F.grid_sample(z(1, 1, 2, 2), z(1, 2, 2, 3))",
    'F.grid_sample(z(1, 1, 2, 2), z(1, 2, 2, 2), mode="foo")',
    "F.affine_grid(z(1, 2, 2), [1, 1, 3, 3])",
]


@pytest.mark.parametrize("text", ERRORS)
def test_errors(text):
    """The type and the first sentence of each error are PyTorch's."""
    caught = []
    for functions, zeros in ((F, torch.zeros), (ops, ops.zeros)):
        with pytest.raises((RuntimeError, ValueError, TypeError, IndexError)) as info:
            eval(text, {"F": functions, "z": zeros})
        caught.append(info.value)
    theirs, ours = caught
    assert type(ours) is type(theirs)
    assert str(ours).startswith(str(theirs).rstrip("."))
