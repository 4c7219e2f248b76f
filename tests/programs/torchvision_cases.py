"""Calls of torchvision, run once on PyTorch's own and once on tidu's: what each gives is written
to a file as plain arrays and text. Arguments: that file, and a folder to make data sets in."""

import gzip
import pathlib
import pickle
import random
import re
import sys

import numpy as np
import torch

if "tidu" not in sys.modules:
    # torchvision's C library is made for another build: its operators need only be declared.
    library = torch.library.Library("torchvision", "DEF")
    for name in ("roi_align", "_roi_align_backward", "ps_roi_align", "_ps_roi_align_backward",
                 "roi_pool", "_roi_pool_backward", "ps_roi_pool", "_ps_roi_pool_backward", "nms",
                 "qnms", "qroi_align", "deform_conv2d", "_deform_conv2d_backward"):  # fmt: skip
        library.define(f"{name}(Tensor x) -> Tensor")

import torchvision
from PIL import Image
from torchvision import datasets, utils
from torchvision.transforms import functional as F1
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F2

T1 = torchvision.transforms
Mode = T1.InterpolationMode
BYTES = np.random.default_rng(1).integers(0, 256, (23, 30, 3), dtype=np.uint8)
PLANES = BYTES.transpose(2, 0, 1).copy()
RESULTS = {}


def inputs():
    return {
        "picture": Image.fromarray(BYTES),
        "grey picture": Image.fromarray(BYTES[..., 0].copy()),
        "bytes": torch.from_numpy(PLANES.copy()),
        "floats": torch.from_numpy(PLANES.astype(np.float32) / 255),
        "batch": torch.from_numpy(np.stack([PLANES, 255 - PLANES])),
    }


def plain(value):
    if isinstance(value, torch.Tensor):
        return ("tensor", type(value).__name__, str(value.dtype), np.array(value.detach().numpy()))
    if isinstance(value, Image.Image):
        return "picture", value.mode, np.array(value)
    if isinstance(value, (tuple, list)):
        return type(value).__name__, [plain(v) for v in value]
    return value if isinstance(value, (int, float, str)) else repr(value)


def note(name, call):
    torch.manual_seed(7)
    random.seed(7)
    np.random.seed(7)
    try:
        RESULTS[name] = plain(call())
    except Exception as error:
        sentence = str(error).split("\n")[0].split(". ")[0].rstrip(".")
        RESULTS[name] = ("error", type(error).__name__, sentence)


def transforms_of(T):
    yield from (
        ("Resize", (12,)), ("Resize", ((40, 17),)), ("Resize", (40,), {"max_size": 45}),
        ("CenterCrop", (10,)), ("CenterCrop", ((40, 12),)), ("Grayscale", ()), ("Grayscale", (3,)),
        ("Pad", (3,)), ("Pad", ((1, 2, 3, 4), 7)), ("Pad", ((2, 3), (1, 2, 3))),
        ("FiveCrop", (9,)), ("TenCrop", (9,)), ("TenCrop", (9, True)),
        ("RandomCrop", (12,)), ("RandomCrop", ((9, 14), 4)), ("RandomCrop", (40,)),
        ("RandomCrop", (40,), {"pad_if_needed": True, "padding_mode": "reflect"}),
        ("RandomResizedCrop", (16,)), ("RandomResizedCrop", ((8, 9), (0.1, 0.3))),
        ("RandomHorizontalFlip", ()), ("RandomVerticalFlip", (0.9,)), ("RandomGrayscale", (0.9,)),
        ("ColorJitter", (0.4, 0.3, 0.2, 0.1)), ("ColorJitter", (0.4,)),
        ("ColorJitter", ((0.5, 0.6), 0, (1, 3))), ("RandomRotation", (30,)),
        ("RandomRotation", ((10, 20),), {"expand": True, "fill": 5}),
        ("RandomRotation", (30, Mode.BILINEAR), {"center": (3, 4)}),
        ("RandomAffine", (20, (0.1, 0.2), (0.8, 1.2), 10)), ("RandomAffine", (0,)),
        ("RandomAffine", (20,), {"shear": (1, 2, 3, 4), "fill": 9, "interpolation": Mode.BILINEAR}),
        ("RandomPerspective", (0.5, 1.0)), ("RandomPerspective", (0.3, 1.0), {"fill": 3}),
        ("RandomErasing", (1.0,)), ("RandomErasing", (1.0,), {"value": "random"}),
        ("RandomErasing", (1.0,), {"value": (1, 2, 3)}), ("GaussianBlur", (5,)),
        ("GaussianBlur", ((3, 7), 1.5)), ("RandomInvert", (1.0,)), ("RandomPosterize", (3, 1.0)),
        ("RandomSolarize", (0.5, 1.0)), ("RandomAdjustSharpness", (2, 1.0)),
        ("RandomAutocontrast", (1.0,)), ("RandomEqualize", (1.0,)), ("AutoAugment", ()),
        ("AutoAugment", (T.AutoAugmentPolicy.CIFAR10,)), ("RandAugment", ()),
        ("RandAugment", (3, 20), {"fill": 4}), ("TrivialAugmentWide", ()), ("AugMix", ()),
        ("ElasticTransform", ()), ("ElasticTransform", (30.0, 3.0), {"fill": 2}),
        ("Normalize", ((0.5, 0.4, 0.3), (0.2, 0.3, 0.4))), ("ToTensor", ()), ("PILToTensor", ()),
        ("ToPILImage", ()), ("ConvertImageDtype", (torch.float32,)),
        ("ConvertImageDtype", (torch.uint8,)), ("ConvertImageDtype", (torch.int16,)),
    )  # fmt: skip
    for mode in Mode:
        for antialias in (True, False):
            yield "Resize", ((11, 44),), {"interpolation": mode, "antialias": antialias}
    for mode in ("edge", "reflect", "symmetric"):
        yield "Pad", ((2, 1, 4, 3),), {"padding_mode": mode}
    if T is v2:
        yield from (
            ("ToImage", ()), ("ToDtype", (torch.float32, True)), ("ToDtype", (torch.float64,)),
            ("ToDtype", (torch.int32, True)), ("RGB", ()), ("GaussianNoise", ()),
            ("RandomPhotometricDistort", ()), ("RandomChannelPermutation", ()), ("Identity", ()),
            ("ScaleJitter", ((20, 20),)), ("RandomShortestSize", ([10, 15], 22)),
            ("RandomResize", (10, 20)), ("RandomZoomOut", (), {"p": 1.0}), ("ToPureTensor", ()),
        )  # fmt: skip
    # Wrong arguments.
    yield from (
        ("RandomRotation", (-1,)), ("ColorJitter", (-1,)), ("ColorJitter", (0, 0, 0, 0.7)),
        ("GaussianBlur", (4,)), ("GaussianBlur", (3, -1)), ("RandomErasing", (2.0,)),
        ("Pad", ((1, 2, 3),)), ("Pad", ("a",)), ("Pad", (1, 0, "wrong")), ("Resize", ((1, 2, 3),)),
        ("Resize", ("a",)), ("RandomCrop", ((1, 2, 3),)), ("Grayscale", (2,)),
        ("RandomAffine", (10, (2, 3))), ("RandomAffine", (10, None, (-1, 2))),
        ("RandomPosterize", (9, 1.0)), ("RandomResizedCrop", (3, 4)), ("AutoAugment", ("x",)),
        ("Resize", (20,), {"max_size": 10}), ("ToPILImage", ("CMYK",)), ("AugMix", (11,)),
        ("Normalize", ((0.5,), (0.0,))), ("Normalize", ((0.5, 0.2), (1.0, 1.0))),
    )  # fmt: skip


def of_transforms():
    for T in (T1, v2):
        for entry in transforms_of(T):
            name, args, options = (*entry, {})[:3]
            title = f"{T.__name__[11:]}.{name}{args}{options}"
            note(
                f"{title} repr", lambda T=T, n=name, a=args, o=options: repr(getattr(T, n)(*a, **o))
            )
            wanted = inputs() | {"array": BYTES, "none": None, "column": torch.ones(3)}
            for kind, value in wanted.items():
                note(
                    f"{title} {kind}",
                    lambda T=T, n=name, a=args, o=options, v=value: getattr(T, n)(*a, **o)(v),
                )


def of_chains():
    for T in (T1, v2):
        parts = [T.RandomCrop(15), T.RandomHorizontalFlip(1.0), T.ColorJitter(0.3)]
        chains = (T.Compose(parts), T.RandomApply(parts), T.RandomApply(parts, 0.9),
                  T.RandomChoice(parts), T.RandomChoice(parts, [0.1, 0.5, 0.4]),
                  T.RandomOrder(parts), T.Lambda(abs))  # fmt: skip
        for i, chain in enumerate(chains[:-1]):
            title = f"{T.__name__[11:]} chain {i} {type(chain).__name__}"
            note(f"{title} repr", lambda c=chain: repr(c))
            for kind, value in inputs().items():
                note(f"{title} {kind}", lambda c=chain, v=value: c(v))
        for wrong in ("Compose", "RandomApply", "RandomChoice", "RandomOrder", "Lambda"):
            note(f"{T.__name__[11:]} {wrong} of 3", lambda T=T, w=wrong: repr(getattr(T, w)(3)))


FUNCTIONS = (
    ("adjust_brightness", 1.4), ("adjust_brightness", -1), ("adjust_contrast", 0.6),
    ("adjust_contrast", -1), ("adjust_saturation", 1.7), ("adjust_saturation", -1),
    ("adjust_hue", 0.2), ("adjust_hue", 0.6), ("adjust_gamma", 2.0, 0.8), ("adjust_gamma", -1.0),
    ("adjust_sharpness", 1.8), ("adjust_sharpness", -1), ("autocontrast",), ("equalize",),
    ("invert",), ("posterize", 2), ("posterize", 10), ("solarize", 100), ("solarize", 0.4),
    ("hflip",), ("vflip",), ("crop", 2, 3, 8, 9), ("crop", -3, -4, 12, 40),
    ("center_crop", [10, 11]), ("pad", [1, 2]), ("pad", [-2, -1, -3, 0]), ("pad", [1, 2], 3),
    ("pad", [30], 0, "reflect"), ("resize", [9]), ("resize", [9, 13], Mode.BICUBIC),
    ("resized_crop", 1, 2, 9, 10, [7, 6]), ("rotate", 33), ("rotate", 33, Mode.BILINEAR, True),
    ("rotate", 90, Mode.NEAREST, True), ("rotate", 20.0, Mode.NEAREST, False, [2, 3], [1, 2, 3]),
    ("rotate", "a"), ("affine", 15, [2, 3], 1.2, [5, 6]), ("affine", 0, [1, 1], -1.0, [0, 0]),
    ("affine", 15, [1], 1.0, [0, 0]), ("affine", 15, [2, 3], 0.7, [5.0], Mode.BILINEAR, [7]),
    ("perspective", [[0, 0], [29, 0], [29, 22], [0, 22]], [[2, 1], [27, 3], [25, 20], [1, 19]]),
    ("gaussian_blur", [3, 5]), ("gaussian_blur", [5], [0.7]), ("gaussian_blur", [4]),
    ("erase", 1, 2, 5, 6, torch.ones(3, 1, 1)), ("rgb_to_grayscale",), ("rgb_to_grayscale", 3),
    ("to_grayscale", 3), ("get_dimensions",), ("get_image_size",), ("get_image_num_channels",),
    ("normalize", [0.5], [0.5]), ("normalize", [0.5], [0.0]), ("to_tensor",), ("pil_to_tensor",),
    ("to_pil_image",), ("to_pil_image", "L"), ("convert_image_dtype", torch.float64),
    ("convert_image_dtype", torch.int64), ("five_crop", [50]), ("ten_crop", [5]),
)  # fmt: skip


def of_functions():
    for F in (F1, F2):
        for name, *args in FUNCTIONS:
            for kind, value in (inputs() | {"array": BYTES, "none": None}).items():
                note(
                    f"{F.__name__[11:]}.{name}{args} {kind}",
                    lambda F=F, n=name, a=args, v=value: getattr(F, n)(v, *a),
                )


def of_pictures(folder):
    batch = inputs()["batch"] / 255
    for options in ({}, {"nrow": 1}, {"padding": 0}, {"normalize": True, "pad_value": 0.5},
                    {"normalize": True, "scale_each": True}, {"normalize": True,
                     "value_range": (0.2, 0.6)}, {"normalize": True, "value_range": [0, 1]}):  # fmt: skip
        note(f"make_grid {options}", lambda o=options: utils.make_grid(batch, **o))
    for title, value in (("3", 3), ("list", [batch[0], batch[1]]), ("grey", batch[:, :1]),
                         ("one", batch[0]), ("flat", batch[0, 0]), ("array", BYTES)):  # fmt: skip
        note(f"make_grid of {title}", lambda v=value: utils.make_grid(v))
    utils.save_image(batch, folder / "grid.png", nrow=1)
    note("save_image", lambda: Image.open(folder / "grid.png"))


def idx(array):
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">i4").tobytes() + array.tobytes()


def of_datasets(folder):
    rng = np.random.default_rng(3)
    for name in ("MNIST", "FashionMNIST", "KMNIST"):
        raw = folder / name / "raw"
        raw.mkdir(parents=True)
        for part, count in (("train", 5), ("t10k", 3)):
            for what, shape in (("images-idx3", (count, 28, 28)), ("labels-idx1", (count,))):
                top = 256 if len(shape) == 3 else 10
                content = idx(rng.integers(0, top, shape, dtype=np.uint8))
                (raw / f"{part}-{what}-ubyte").write_bytes(content)
                (raw / f"{part}-{what}-ubyte.gz").write_bytes(gzip.compress(content))
    for name in ("b/2.png", "b/1.png", "a/x/3.png", "a/4.txt"):
        (folder / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(BYTES).save(folder / "tree" / name, format="PNG")
    (folder / "empty" / "c").mkdir(parents=True)

    def whole(make):
        data = make()
        labels = [str(getattr(data, n, "")) for n in ("classes", "class_to_idx", "targets")]
        text = [
            re.sub(" at 0x[0-9a-f]+", "", t.replace(str(folder), "")) for t in (repr(data), *labels)
        ]
        return [text, len(data), [data[i] for i in range(min(len(data), 4))]]

    for name in ("MNIST", "FashionMNIST", "KMNIST"):
        for train in (True, False):
            note(
                f"{name} {train}",
                lambda n=name, t=train: whole(lambda: getattr(datasets, n)(folder, train=t)),
            )
    tensor = T1.Compose([T1.ToTensor(), T1.Normalize([0.5], [0.5])])
    note("MNIST transformed", lambda: whole(lambda: datasets.MNIST(
        folder, transform=tensor, target_transform=lambda y: y + 1)))  # fmt: skip
    note("ImageFolder", lambda: whole(lambda: datasets.ImageFolder(str(folder / "tree"))))
    note("FakeData", lambda: whole(lambda: datasets.FakeData(4, (3, 8, 9), 5)))
    for name in ("MNIST", "CIFAR10", "CIFAR100", "ImageFolder"):
        note(f"{name} missing", lambda n=name: getattr(datasets, n)("/missing/folder"))
    note("FakeData past the end", lambda: datasets.FakeData(4)[5])


def main(target, folder):
    folder = pathlib.Path(folder)
    of_transforms()
    of_chains()
    of_functions()
    of_pictures(folder)
    of_datasets(folder)
    pathlib.Path(target).write_bytes(pickle.dumps(RESULTS))


main(*sys.argv[1:])
