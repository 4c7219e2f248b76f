"""transforms.v2: bounding boxes and masks that move with their image, and the AutoAugment family.

torchvision itself is not at hand: expected values are computed by hand, or follow from what the
transform does to the image (a box drawn into the image must be where the box says).
"""

import numpy as np
import pytest

import tidu as torch
from tidu.vision import transforms as v1
from tidu.vision import tv_tensors
from tidu.vision.transforms import v2
from tidu.vision.transforms.v2 import functional as F


def boxes(*rows, form="XYXY", size=(20, 30), dtype=torch.float32):
    return tv_tensors.BoundingBoxes(torch.tensor(rows, dtype=dtype), format=form, canvas_size=size)


def image_with(box, size=(20, 30)):
    """A black image whose pixels inside the box are white."""
    x1, y1, x2, y2 = box
    picture = torch.zeros(1, *size)
    picture[:, y1:y2, x1:x2] = 1.0
    return tv_tensors.Image(picture)


def box_of(image):
    """Where an image is white."""
    rows, columns = np.nonzero(np.asarray(image)[0] > 0.5)
    return [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]


BOX = (4, 6, 10, 14)


@pytest.mark.parametrize(("transform", "expected", "size"), [
    (v2.RandomHorizontalFlip(1.0), [20, 6, 26, 14], (20, 30)),
    (v2.RandomVerticalFlip(1.0), [4, 6, 10, 14], (20, 30)),
    (v2.Resize((40, 15)), [2, 12, 5, 28], (40, 15)),
    (v2.Resize(40), [8, 12, 20, 28], (40, 60)),
    (v2.CenterCrop((10, 20)), [0, 1, 5, 9], (10, 20)),
    (v2.CenterCrop((26, 30)), [4, 9, 10, 17], (26, 30)),
    (v2.Pad(2), [6, 8, 12, 16], (24, 34)),
    (v2.Pad([1, 2, 3, 4]), [5, 8, 11, 16], (26, 34)),
    (v2.RandomRotation((90, 90), expand=True), [6, 20, 14, 26], (30, 20)),
    (v2.RandomRotation((180, 180)), [20, 6, 26, 14], (20, 30)),
    (v2.RandomAffine(0, translate=None, scale=(2.0, 2.0)), [0, 2, 5, 18], (20, 30)),
], ids=repr)  # fmt: skip
def test_boxes_by_hand(transform, expected, size):
    image, box = transform(image_with(BOX), boxes(BOX))
    assert box.canvas_size == size == tuple(image.shape[-2:])
    assert box.format is tv_tensors.BoundingBoxFormat.XYXY
    np.testing.assert_allclose(box.tolist()[0], expected, atol=1e-4)


@pytest.mark.parametrize("form", ["XYXY", "XYWH", "CXCYWH"])
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("transform", [
    v2.RandomHorizontalFlip(0.5), v2.RandomCrop((12, 22)), v2.RandomCrop(16, padding=3),
    v2.RandomCrop((26, 20), pad_if_needed=True), v2.Resize((31, 17)),
    v2.RandomAffine(0, translate=(0.2, 0.2)), v2.RandomRotation(30),
    v2.RandomPerspective(0.3, p=1.0), v2.RandomResizedCrop((18, 24), scale=(0.6, 1.0)),
], ids=repr)  # fmt: skip
def test_boxes_stay_on_what_they_mark(transform, seed, form):
    torch.manual_seed(seed)
    box = F.convert_bounding_box_format(boxes((9, 6, 19, 14)), new_format=form)
    mask = tv_tensors.Mask(image_with((9, 6, 19, 14))[0].to(torch.uint8))
    image, moved, mask = transform(image_with((9, 6, 19, 14)), box, mask)
    assert moved.format.value == form and moved.canvas_size == tuple(image.shape[-2:])
    corners = F.convert_bounding_box_format(moved, new_format="XYXY").tolist()[0]
    turned = isinstance(transform, (v2.RandomRotation, v2.RandomPerspective))
    np.testing.assert_allclose(corners, box_of(image), atol=1.6 if turned else 1.01)
    assert mask.shape == image.shape[-2:] and set(mask.unique().tolist()) <= {0, 1}
    np.testing.assert_allclose(box_of(mask[None]), box_of(image), atol=1.01)


def test_formats():
    given = boxes((1, 2, 5, 10))
    assert F.convert_bounding_box_format(given, new_format="xywh").tolist() == [[1, 2, 4, 8]]
    middle = F.convert_bounding_box_format(given, new_format="CXCYWH")
    assert middle.tolist() == [[3, 6, 4, 8]]
    assert F.convert_bounding_box_format(middle, new_format="XYXY").tolist() == given.tolist()
    plain = torch.tensor([[1, 2, 4, 8]])
    back = F.convert_bounding_box_format(plain, "XYWH", "XYXY")
    assert back.tolist() == [[1, 2, 5, 10]] and back.dtype == torch.int64
    with pytest.raises(ValueError, match="`old_format` has to be passed"):
        F.convert_bounding_box_format(plain, new_format="XYXY")
    assert v2.ConvertBoundingBoxFormat("XYWH")(given).tolist() == [[1, 2, 4, 8]]
    assert isinstance(given + 1, torch.Tensor) and not hasattr(given + 1, "canvas_size")
    assert given.to(torch.int64).canvas_size == given.clone().canvas_size == (20, 30)
    assert repr(boxes((1, 2, 5, 10), dtype=torch.int64)) == (
        "BoundingBoxes([[ 1,  2,  5, 10]], format=BoundingBoxFormat.XYXY, canvas_size=(20, 30))"
    )


def test_clamp_and_sanitize():
    given = boxes((-3, 5, 10, 40), (5, 5, 5.5, 9), (2, 2, 8, 8))
    cut = v2.ClampBoundingBoxes()(given)
    assert cut.tolist() == [[0, 5, 10, 20], [5, 5, 5.5, 9], [2, 2, 8, 8]]
    sample = {
        "image": image_with(BOX),
        "boxes": cut,
        "labels": torch.tensor([7, 8, 9]),
        "masks": tv_tensors.Mask(torch.ones(3, 20, 30)),
        "id": torch.tensor([1, 2, 3]),
    }
    clean = v2.SanitizeBoundingBoxes()(sample)
    assert clean["boxes"].tolist() == [[0, 5, 10, 20], [2, 2, 8, 8]]
    assert clean["labels"].tolist() == [7, 9] and clean["masks"].shape[0] == 2
    assert clean["id"].tolist() == [1, 2, 3] and clean["boxes"].canvas_size == (20, 30)
    assert v2.SanitizeBoundingBoxes(min_size=7, labels_getter=None)(cut).tolist() == [
        [0, 5, 10, 20]
    ]


def test_a_detection_pipeline():
    torch.manual_seed(0)
    pipeline = v2.Compose([
        v2.RandomHorizontalFlip(1.0), v2.Resize((40, 60)), v2.ToDtype(torch.float32, scale=True),
        v2.ClampBoundingBoxes(), v2.SanitizeBoundingBoxes(),
    ])  # fmt: skip
    image = tv_tensors.Image(torch.randint(0, 256, (3, 20, 30), dtype=torch.uint8))
    target = {"boxes": boxes((4, 6, 10, 14), (0, 0, 1, 30)), "labels": torch.tensor([1, 2])}
    out, found = pipeline(image, target)
    assert out.shape == (3, 40, 60) and out.dtype == torch.float32
    assert found["boxes"].tolist() == [[40, 12, 52, 28], [58, 0, 60, 40]]
    assert found["labels"].tolist() == [1, 2]


# -- AutoAugment and its kin ---------------------------------------------------------------------

IMAGE = (
    torch.arange(3 * 16 * 16, dtype=torch.int64).remainder(251).reshape(3, 16, 16).to(torch.uint8)
)
FAMILY = ["AutoAugment()", "AutoAugment(T.AutoAugmentPolicy.CIFAR10)", "RandAugment()",
          "AutoAugment(T.AutoAugmentPolicy.SVHN)", "TrivialAugmentWide()", "AugMix()",
          "RandAugment(num_ops=3, magnitude=20, fill=7)"]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("text", FAMILY)
@pytest.mark.parametrize("space", [v1, v2], ids=["v1", "v2"])
@pytest.mark.parametrize("picture", [False, True], ids=["tensor", "picture"])
def test_family(text, space, picture):
    transform = eval(text, {**{n: getattr(space, n) for n in space.__all__}, "T": space})
    image = v1.ToPILImage()(IMAGE) if picture else IMAGE
    different = 0
    for seed in range(12):
        torch.manual_seed(seed)
        first = transform(image)
        torch.manual_seed(seed)
        again = transform(image)
        assert type(first) is type(image)
        a, b = np.asarray(first), np.asarray(again)
        assert a.shape == np.asarray(image).shape and a.dtype == np.uint8
        assert (a == b).all()
        different += (a != np.asarray(image)).any()
    assert different > 3


def test_operations_by_hand():
    changed = v1.autoaugment.changed
    nearest = v1.InterpolationMode.NEAREST
    row = torch.arange(8, dtype=torch.uint8).reshape(1, 1, 8).expand(1, 2, 8)
    assert changed(row, "TranslateX", 2.9, nearest, None)[0, 0].tolist() == [0, 0, 0, 1, 2, 3, 4, 5]
    assert changed(row, "Posterize", 7, nearest, None)[0, 0].tolist() == [0, 0, 2, 2, 4, 4, 6, 6]
    assert changed(row, "Invert", 0.0, nearest, None)[0, 0, 0] == 255
    assert changed(row, "Solarize", 4.0, nearest, None)[0, 0].tolist() == [
        0, 1, 2, 3, 251, 250, 249, 248
    ]  # fmt: skip
    dark = changed(row, "Brightness", -0.5, nearest, None)
    assert dark[0, 0].tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert changed(row, "Identity", 0.0, nearest, None) is row
    square = torch.arange(16, dtype=torch.uint8).reshape(1, 4, 4)
    half = changed(square, "Rotate", 180.0, nearest, None)
    assert half.flatten().tolist() == list(range(15, -1, -1))
    # A slope of 2 about the corner moves the middle of row y, at y + 1/2, by 2 y + 1.
    sheared = changed(square, "ShearX", 2.0, nearest, [99.0])
    assert sheared[0, :2].tolist() == [[1, 2, 3, 99], [7, 99, 99, 99]]
    with pytest.raises(ValueError, match="is not recognized"):
        changed(row, "Blur", 0.0, nearest, None)


def test_spaces():
    space = v1.autoaugment.for_policies(10, 331, 662)
    assert len(space) == 14 and space["Equalize"] == (None, False)
    assert space["Posterize"][0].tolist() == [8, 8, 7, 7, 6, 6, 5, 5, 4, 4]
    np.testing.assert_allclose(space["TranslateX"][0][-1].item(), 300.0, rtol=1e-6)
    np.testing.assert_allclose(space["TranslateY"][0][-1].item(), 150.0, rtol=1e-6)
    wide = v1.autoaugment.for_trivial(31)
    assert wide["Posterize"][0][-1] == 2 and wide["Rotate"][0][-1] == 135 and len(wide) == 14
    assert v1.autoaugment.for_random(31, 8, 8)["Solarize"][0][0] == 255
    assert len(v1.autoaugment.for_mixing(10, 8, 8, False)) == 9


def test_policies_are_the_paper_s():
    for name, policy in v1.policies.POLICIES.items():
        assert len(policy) == 25, name
        assert all(len(pair) == 2 for pair in policy)
    assert v1.policies.POLICIES["cifar10"][1] == (("Rotate", 0.7, 2), ("TranslateX", 0.3, 9))
    with pytest.raises(ValueError, match="The provided policy imagenet is not recognized"):
        v1.AutoAugment("imagenet")


def test_v2_takes_samples_and_refuses_boxes():
    torch.manual_seed(0)
    sample = {"image": tv_tensors.Image(IMAGE), "label": 3}
    out = v2.RandAugment()(sample)
    assert isinstance(out["image"], tv_tensors.Image) and out["label"] == 3
    with pytest.raises(TypeError, match="Inputs of type BoundingBoxes are not supported by"):
        v2.RandAugment()(tv_tensors.Image(IMAGE), boxes(BOX))


def test_mixup_and_cutmix():
    images = torch.stack([torch.full((3, 8, 8), float(i)) for i in range(4)])
    labels = torch.arange(4)
    torch.manual_seed(0)
    mixed, shares = v2.MixUp(num_classes=4)(images, labels)
    share = shares[0, 0].item()
    assert shares.shape == (4, 4) and 0 < share < 1
    np.testing.assert_allclose(mixed[1].numpy(), share * 1.0, rtol=1e-5)
    np.testing.assert_allclose(shares.sum(1).numpy(), 1.0, rtol=1e-6)
    np.testing.assert_allclose(shares[0, 3].item(), 1 - share, rtol=1e-5)
    cut, shares = v2.CutMix(num_classes=4)(images, labels)
    own = (cut[1] == 1).float().mean().item()
    np.testing.assert_allclose(shares[1, 1].item(), own, rtol=1e-5)
    assert set(cut[1].unique().tolist()) <= {0.0, 1.0}
    with pytest.raises(ValueError, match="num_classes must be passed"):
        v2.MixUp()(images, labels)
