"""Every transform in common use against numbers made elsewhere: NumPy, SciPy, Pillow, colorsys, and
the documented formulas and draws."""

import colorsys
import math

import numpy as np
import pytest

import tidu as torch

pytest.importorskip("PIL")
from PIL import Image
from scipy import ndimage

from tidu.vision import transforms as T
from tidu.vision.transforms import functional as F
from tidu.vision.transforms import v2

Mode = T.InterpolationMode
X = np.random.default_rng(5).random((3, 22, 31)).astype(np.float32)
BYTES = np.random.default_rng(6).integers(0, 256, (3, 22, 31), dtype=np.uint8)
H, W = 22, 31


def x():
    return torch.from_numpy(X.copy())


def column(numbers):
    return np.reshape(numbers, (3, 1, 1))


def grey(a):
    return np.tensordot(np.array([0.2989, 0.587, 0.114], a.dtype), a, 1)


def blend(a, b, share):
    return np.clip(share * a + (1 - share) * b, 0, 1)


def hue_of(a, turn):
    flat = a.reshape(3, -1).T.astype(float)
    turned = []
    for pixel in flat:
        h, s, v = colorsys.rgb_to_hsv(*pixel)
        turned.append(colorsys.hsv_to_rgb((h + turn) % 1.0, s, v))
    return np.array(turned).T.reshape(a.shape)


def sharper(a, share):
    kernel = np.array([[1, 1, 1], [1, 5, 1], [1, 1, 1]]) / 13
    smooth = a.copy()
    for c, channel in enumerate(a):
        smooth[c, 1:-1, 1:-1] = ndimage.convolve(channel, kernel)[1:-1, 1:-1]
    return blend(a, smooth, share)


def blurred(a, lengths, sigmas):
    out = a.astype(float)
    for axis, length, sigma in zip((2, 1), lengths, sigmas, strict=True):
        place = np.arange(length) - (length - 1) / 2
        bell = np.exp(-0.5 * (place / sigma) ** 2)
        out = ndimage.convolve1d(out, bell / bell.sum(), axis, mode="mirror")
    return out


def contrasted(a):
    low, high = a.min((1, 2), keepdims=True), a.max((1, 2), keepdims=True)
    return (a - low) / (high - low)


COLOURS = {
    "brightness": (lambda t: F.adjust_brightness(t, 1.6), np.clip(X * 1.6, 0, 1)),
    "contrast": (lambda t: F.adjust_contrast(t, 0.4), blend(X, grey(X).mean(), 0.4)),
    "more contrast": (lambda t: F.adjust_contrast(t, 1.4), blend(X, grey(X).mean(), 1.4)),
    "saturation": (lambda t: F.adjust_saturation(t, 1.8), blend(X, grey(X), 1.8)),
    "hue": (lambda t: F.adjust_hue(t, 0.23), hue_of(X, 0.23)),
    "hue back": (lambda t: F.adjust_hue(t, -0.4), hue_of(X, -0.4)),
    "gamma": (lambda t: F.adjust_gamma(t, 2.2, 0.9), np.clip(0.9 * X**2.2, 0, 1)),
    "sharpness": (lambda t: F.adjust_sharpness(t, 1.7), sharper(X, 1.7)),
    "softness": (lambda t: F.adjust_sharpness(t, 0.3), sharper(X, 0.3)),
    "invert": (F.invert, 1 - X),
    "solarize": (lambda t: F.solarize(t, 0.6), np.where(X >= 0.6, 1 - X, X)),
    "autocontrast": (F.autocontrast, contrasted(X)),
    "grey": (lambda t: F.rgb_to_grayscale(t, 3), np.stack([grey(X)] * 3)),
    "blur": (lambda t: F.gaussian_blur(t, [5, 3], [1.2, 0.7]), blurred(X, (5, 3), (1.2, 0.7))),
    "default blur": (lambda t: F.gaussian_blur(t, 5), blurred(X, (5, 5), (1.1, 1.1))),
    "normalize": (lambda t: F.normalize(t, [0.1, 0.2, 0.3], [0.5, 2.0, 1.5]),
                  (X - column([0.1, 0.2, 0.3])) / column([0.5, 2.0, 1.5])),
}  # fmt: skip


@pytest.mark.parametrize("name", COLOURS)
def test_colours(name):
    change, wanted = COLOURS[name]
    np.testing.assert_allclose(change(x()).numpy(), wanted, rtol=1e-5, atol=2e-6)


def test_classes_that_apply_them():
    pairs = [
        (T.Grayscale(), grey(X)[None]), (T.Grayscale(3), np.stack([grey(X)] * 3)),
        (T.RandomAdjustSharpness(1.7, 1.0), sharper(X, 1.7)),
        (T.RandomAutocontrast(1.0), contrasted(X)), (T.RandomInvert(1.0), 1 - X),
        (T.RandomSolarize(0.6, 1.0), np.where(X >= 0.6, 1 - X, X)),
        (T.RandomGrayscale(1.0), np.stack([grey(X)] * 3)), (T.RandomInvert(0.0), X),
        (T.Lambda(lambda t: t * 2), X * 2), (T.RandomChoice([T.Lambda(torch.neg)]), -X),
        (T.RandomOrder([T.Lambda(lambda t: t + 1), T.Lambda(lambda t: t - 2)]), X - 1),
        (T.RandomVerticalFlip(1.0), X[:, ::-1]), (T.RandomHorizontalFlip(1.0), X[:, :, ::-1]),
        (T.ConvertImageDtype(torch.float64), X.astype(float)),
    ]  # fmt: skip
    for transform, wanted in pairs:
        np.testing.assert_allclose(transform(x()).numpy(), wanted, rtol=1e-5, atol=2e-6)
        newer = getattr(v2, type(transform).__name__)
        if len(transform.__dict__) == len(newer.__dict__):
            np.testing.assert_allclose(newer(x()).numpy(), wanted, rtol=1e-5, atol=2e-6)


def test_bytes():
    b = torch.from_numpy(BYTES.copy())
    assert np.array_equal(F.posterize(b, 3).numpy(), BYTES & 0b11100000)
    assert np.array_equal(T.RandomPosterize(3, 1.0)(b).numpy(), BYTES & 0b11100000)
    assert np.array_equal(F.invert(b).numpy(), 255 - BYTES)
    for c, channel in enumerate(BYTES):
        steps = np.bincount(channel.ravel(), minlength=256)
        step = (steps.sum() - steps[np.nonzero(steps)[0][-1]]) // 255
        table = np.clip((np.cumsum(steps) - steps + step // 2) // max(step, 1), 0, 255)
        wanted = table[channel] if step else channel
        assert np.array_equal(T.RandomEqualize(1.0)(b)[c].numpy(), wanted)


def test_whitening():
    generator = np.random.default_rng(0)
    matrix, mean = generator.random((8, 8)), generator.random(8)
    image = generator.random((2, 2, 2))
    whiten = T.LinearTransformation(torch.from_numpy(matrix), torch.from_numpy(mean))
    wanted = ((image.ravel() - mean) @ matrix).reshape(2, 2, 2)
    np.testing.assert_allclose(whiten(torch.from_numpy(image)).numpy(), wanted)


# --- geometry -----------------------------------------------------------------------------------

RESIZED = [(Mode.BILINEAR, Image.BILINEAR), (Mode.BICUBIC, Image.BICUBIC)]


@pytest.mark.parametrize(("ours", "theirs"), RESIZED)
@pytest.mark.parametrize("size", [(9, 40), (44, 11), (15, 15), (22, 31)])
def test_resizing_is_pillows(ours, theirs, size):
    """Pillow resizes numbers of 32 bits with the same filters."""
    planes = [Image.fromarray(c, "F").resize(size[::-1], theirs) for c in X]
    found = F.resize(x(), list(size), ours, antialias=True).numpy()
    np.testing.assert_allclose(found, np.stack(planes), atol=2e-6)


def test_sizes_and_nearest():
    assert F.resize(x(), 11).shape == (3, 11, int(11 * 31 / 22))
    assert F.resize(x(), 11, max_size=13).shape == (3, int(13 * 22 / 31), 13)
    rows, columns = [np.arange(n) * size // n for n, size in ((9, H), (40, W))]
    found = F.resize(x(), [9, 40], Mode.NEAREST).numpy()
    assert np.array_equal(found, X[:, rows][:, :, columns])
    rows, columns = [((np.arange(n) + 0.5) * size / n).astype(int) for n, size in ((9, H), (40, W))]
    found = F.resize(x(), [9, 40], Mode.NEAREST_EXACT).numpy()
    assert np.array_equal(found, X[:, rows][:, :, columns])


@pytest.mark.parametrize(
    ("mode", "numpys"),
    [
        ("reflect", "reflect"),
        ("edge", "edge"),
        ("symmetric", "symmetric"),
        ("constant", "constant"),
    ],
)
def test_padding(mode, numpys):
    wanted = np.pad(X, ((0, 0), (2, 4), (1, 3)), numpys)
    assert np.array_equal(T.Pad((1, 2, 3, 4), padding_mode=mode)(x()).numpy(), wanted)


def test_crops():
    top, left = round((H - 10) / 2), round((W - 12) / 2)
    assert np.array_equal(
        T.CenterCrop((10, 12))(x()).numpy(), X[:, top : top + 10, left : left + 12]
    )
    left = round((W - 20) / 2)
    wanted = np.pad(X, ((0, 0), (4, 4), (0, 0)))[:, :, left : left + 20]
    assert np.array_equal(T.CenterCrop((30, 20))(x()).numpy(), wanted)
    corners = [X[:, :8, :8], X[:, :8, -8:], X[:, -8:, :8], X[:, -8:, -8:]]
    for found, wanted in zip(T.FiveCrop(8)(x()), corners, strict=False):
        assert np.array_equal(found.numpy(), wanted)
    assert np.array_equal(T.TenCrop(8)(x())[5].numpy(), X[:, :, ::-1][:, :8, :8])


def warped(matrix, order=1):
    """X drawn through a 3x3 map of pixel places (x, y, 1) counted from the image's centre."""
    rows, columns = np.indices((H, W), dtype=float)
    middle = np.array([(W - 1) / 2, (H - 1) / 2])
    places = np.stack([columns - middle[0], rows - middle[1], np.ones((H, W))]).reshape(3, -1)
    across, down, scale = matrix @ places
    at = np.stack([down / scale + middle[1], across / scale + middle[0]])
    planes = [ndimage.map_coordinates(c, at, float, order, "grid-constant") for c in X]
    return np.stack(planes).reshape(3, H, W)


def turn(angle):
    c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


def close_inside(found, wanted):
    """Sampling places differ in their last digits, so an element at a border may fall outside."""
    assert (np.abs(found - wanted) > 1e-4).mean() < 0.01


@pytest.mark.parametrize("angle", [17.0, -63.5, 141.0])
def test_rotation_is_counter_clockwise(angle):
    found = F.rotate(x(), angle, Mode.BILINEAR).numpy()
    close_inside(found, warped(turn(angle)))
    even = x()[:, :, :30]
    assert np.array_equal(F.rotate(even, 90, expand=True).numpy(), np.rot90(even, 1, (1, 2)))


@pytest.mark.parametrize(("angle", "move", "scale", "shear"), [
    (0, (3, -2), 1.0, (0.0, 0.0)), (25, (0, 0), 1.3, (0.0, 0.0)), (0, (0, 0), 1.0, (12.0, 0.0)),
    (-40, (2, 5), 0.7, (10.0, -6.0)),
])  # fmt: skip
def test_affine_maps(angle, move, scale, shear):
    """Turn (clockwise on the screen), shear in x and y, scale, then move."""
    rotation, sx, sy = [math.radians(v) for v in (angle, *shear)]
    a = math.cos(rotation - sy) / math.cos(sy)
    b = -math.cos(rotation - sy) * math.tan(sx) / math.cos(sy) - math.sin(rotation)
    c = math.sin(rotation - sy) / math.cos(sy)
    d = -math.sin(rotation - sy) * math.tan(sx) / math.cos(sy) + math.cos(rotation)
    forward = np.array(
        [[scale * a, scale * b, move[0]], [scale * c, scale * d, move[1]], [0, 0, 1]]
    )
    found = F.affine(x(), angle, list(move), scale, list(shear), Mode.BILINEAR).numpy()
    close_inside(found, warped(np.linalg.inv(forward)))


def test_perspective():
    start = [[0, 0], [W - 1, 0], [W - 1, H - 1], [0, H - 1]]
    end = [[2, 3], [W - 4, 1], [W - 2, H - 5], [1, H - 3]]
    rows, right = [], []
    for (u, v), (s, t) in zip(end, start, strict=True):
        rows += [[u, v, 1, 0, 0, 0, -s * u, -s * v], [0, 0, 0, u, v, 1, -t * u, -t * v]]
        right += [s, t]
    back = np.append(np.linalg.solve(np.array(rows, float), right), 1.0).reshape(3, 3)
    columns, downs = np.meshgrid(np.arange(W) + 0.5, np.arange(H) + 0.5)
    s, t, w = back @ np.stack([columns.ravel(), downs.ravel(), np.ones(H * W)])
    at = np.stack([t / w - 0.5, s / w - 0.5])
    wanted = [
        ndimage.map_coordinates(c.astype(float), at, order=1, mode="grid-constant") for c in X
    ]
    found = F.perspective(x(), start, end).numpy()
    close_inside(found, np.stack(wanted).reshape(3, H, W))


# --- what is drawn, and in which order -----------------------------------------------------------


def between(low, high):
    return torch.empty(1).uniform_(low, high).item()


def test_random_resized_crop():
    crop = T.RandomResizedCrop(9, scale=(0.2, 0.9), ratio=(0.6, 1.6))
    for seed in range(10):
        torch.manual_seed(seed)
        area = H * W * between(0.2, 0.9)
        ratio = math.exp(between(math.log(0.6), math.log(1.6)))
        w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if not (0 < w <= W and 0 < h <= H):
            continue
        i, j = [int(torch.randint(0, n, (1,))) for n in (H - h + 1, W - w + 1)]
        torch.manual_seed(seed)
        assert T.RandomResizedCrop.get_params(x(), [0.2, 0.9], [0.6, 1.6]) == (i, j, h, w)
        torch.manual_seed(seed)
        assert torch.equal(crop(x()), F.resized_crop(x(), i, j, h, w, [9, 9]))


def test_colour_jitter():
    torch.manual_seed(8)
    order = torch.randperm(4).tolist()
    amounts = [between(0.6, 1.4), between(0.5, 1.5), between(0.7, 1.3), between(-0.1, 0.1)]
    functions = [F.adjust_brightness, F.adjust_contrast, F.adjust_saturation, F.adjust_hue]
    wanted = x()
    for k in order:
        wanted = functions[k](wanted, amounts[k])
    torch.manual_seed(8)
    assert torch.equal(T.ColorJitter(0.4, 0.5, 0.3, 0.1)(x()), wanted)


def test_rotation_affine_and_blur_draw():
    torch.manual_seed(2)
    angle = between(-30.0, 30.0)
    torch.manual_seed(2)
    assert torch.equal(T.RandomRotation(30)(x()), F.rotate(x(), angle))
    torch.manual_seed(3)
    angle, dx, dy = between(-9.0, 9.0), between(-0.2 * W, 0.2 * W), between(-0.1 * H, 0.1 * H)
    scale, shear = between(0.8, 1.2), between(-5.0, 5.0)
    wanted = F.affine(x(), angle, [round(dx), round(dy)], scale, [shear, 0.0])
    torch.manual_seed(3)
    assert torch.equal(T.RandomAffine(9, (0.2, 0.1), (0.8, 1.2), 5)(x()), wanted)
    torch.manual_seed(4)
    sigma = between(0.1, 2.0)
    torch.manual_seed(4)
    assert torch.equal(T.GaussianBlur(3)(x()), F.gaussian_blur(x(), 3, [sigma, sigma]))


def test_erasing_draws():
    for seed in range(6):
        torch.manual_seed(seed)
        torch.rand(1)
        area, ratio = H * W * between(0.02, 0.33), math.exp(between(math.log(0.3), math.log(3.3)))
        h, w = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if not (h < H and w < W):
            continue
        i, j = [int(torch.randint(0, n, (1,))) for n in (H - h + 1, W - w + 1)]
        wanted = x()
        wanted[:, i : i + h, j : j + w] = 0.5
        torch.manual_seed(seed)
        assert torch.equal(T.RandomErasing(1.0, value=0.5)(x()), wanted)
