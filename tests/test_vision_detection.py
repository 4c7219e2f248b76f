"""transforms.v2 for detection, and layers and box functions of torchvision.ops.

torchvision itself is not at hand: what is expected follows from what the transform does to the
image (a box drawn into it must be where the box says), or is computed by hand.
"""

import numpy as np
import pytest

import tidu as torch
from tidu.vision import ops, tv_tensors
from tidu.vision.transforms import v2
from tidu.vision.transforms.v2 import functional as F


def sample(box=(8, 12, 20, 28), size=(40, 60), form="XYXY"):
    """An image that is white inside the box, its mask, and the box."""
    x1, y1, x2, y2 = box
    image = torch.zeros(3, *size)
    image[:, y1:y2, x1:x2] = 1.0
    boxes = tv_tensors.BoundingBoxes(torch.tensor([box], dtype=torch.float32), format="XYXY",
                                     canvas_size=size)  # fmt: skip
    boxes = F.convert_bounding_box_format(boxes, new_format=form)
    mask = tv_tensors.Mask((image[0] > 0).to(torch.uint8))
    return tv_tensors.Image(image), boxes, mask


def white(image):
    rows, columns = np.nonzero(np.asarray(image).reshape(-1, *image.shape[-2:])[0] > 0.5)
    return [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]


MOVING = [
    v2.ScaleJitter((40, 60), (0.5, 1.5)), v2.RandomShortestSize([20, 60, 80], max_size=100),
    v2.RandomResize(20, 80), v2.RandomZoomOut(p=1.0), v2.RandomZoomOut(side_range=(2, 2), p=1.0),
]  # fmt: skip


@pytest.mark.parametrize("form", ["XYXY", "XYWH", "CXCYWH"])
@pytest.mark.parametrize("transform", MOVING, ids=lambda t: type(t).__name__)
def test_boxes_and_masks_go_where_the_image_goes(transform, form):
    for seed in range(5):
        torch.manual_seed(seed)
        image, boxes, mask = transform(*sample(form=form))
        assert boxes.canvas_size == tuple(image.shape[-2:]) == tuple(mask.shape[-2:])
        corners = F.convert_bounding_box_format(boxes, new_format="XYXY").tolist()[0]
        np.testing.assert_allclose(white(image), corners, atol=1.01)
        np.testing.assert_allclose(white(mask), corners, atol=1.01)


def test_sizes_by_chance():
    image = tv_tensors.Image(torch.zeros(3, 40, 60))
    for seed in range(10):
        torch.manual_seed(seed)
        h, w = v2.RandomShortestSize([20, 60], max_size=80)(image).shape[-2:]
        assert (h, w) in ((20, 30), (53, 80))
        h, w = v2.RandomResize(10, 12)(image).shape[-2:]
        assert h in (10, 11) and abs(w - h * 1.5) < 1
        torch.manual_seed(seed)
        ratio = float(min(100 / 40, 50 / 60) * (0.1 + torch.rand(1) * 1.9))
        torch.manual_seed(seed)
        h, w = v2.ScaleJitter((50, 100))(image).shape[-2:]
        assert (h, w) == (int(40 * ratio), int(60 * ratio))


def test_zoom_out_fills_and_can_leave_alone():
    image, _, _ = sample()
    grown = v2.RandomZoomOut(fill=0.25, side_range=(3, 3), p=1.0)(image)
    assert tuple(grown.shape) == (3, 120, 180) and (grown == 0.25).sum() == 3 * (120 * 180 - 2400)
    assert v2.RandomZoomOut(p=0.0)(image) is image
    with pytest.raises(ValueError, match="Invalid side range provided"):
        v2.RandomZoomOut(side_range=(0.5, 2))


def test_iou_crop_keeps_the_overlap():
    torch.manual_seed(0)
    cut = 0
    for least in (0.0, 0.3, 0.7):
        crop = v2.RandomIoUCrop(sampler_options=[least])
        for _ in range(15):
            image, boxes, mask = crop(*sample(box=(8, 6, 48, 34)))
            height, width = image.shape[-2:]
            assert boxes.canvas_size == (height, width) == tuple(mask.shape)
            assert 0.5 <= width / height <= 2.0
            found = boxes.tolist()[0]
            np.testing.assert_allclose(white(image), found, atol=1e-4)
            x1, y1, x2, y2 = found
            inside = (x2 - x1) * (y2 - y1)
            assert inside / (height * width + 40 * 28 - inside) >= least - 1e-6
            cut += (height, width) != (40, 60)
    assert cut > 40


def test_iou_crop_empties_boxes_whose_centre_is_outside():
    torch.manual_seed(1)
    image, boxes, _ = sample()
    both = tv_tensors.BoundingBoxes(torch.tensor([[8.0, 12, 20, 28], [50, 30, 60, 40]]),
                                    format="XYXY", canvas_size=(40, 60))  # fmt: skip
    crop, seen = v2.RandomIoUCrop(max_scale=0.5, sampler_options=[0.1]), set()
    for _ in range(20):
        _, left = crop(image, both)
        seen.add(tuple((left.as_subclass(torch.Tensor) == 0).all(1).tolist()))
    assert (False, True) in seen and (True, True) not in seen
    whole = v2.RandomIoUCrop(sampler_options=[1.0])
    assert whole(image, boxes)[0] is image
    with pytest.raises(TypeError, match=r"RandomIoUCrop\(\) requires input sample"):
        whole(image)


def test_photometric_distort_draws_as_documented():
    image = tv_tensors.Image(torch.rand(3, 6, 7))
    for seed in range(8):
        torch.manual_seed(seed)
        found = v2.RandomPhotometricDistort()(image)
        torch.manual_seed(seed)
        factors = []
        for low, high in ((0.875, 1.125), (0.5, 1.5), (0.5, 1.5), (-0.05, 0.05)):
            chosen = bool(torch.rand(1) < 0.5)
            factors.append(torch.empty(1).uniform_(low, high).item() if chosen else None)
        before = bool(torch.rand(()) < 0.5)
        order = torch.randperm(3) if bool(torch.rand(1) < 0.5) else None
        expected = image.as_subclass(torch.Tensor)
        steps = [F.adjust_brightness, F.adjust_contrast, F.adjust_saturation, F.adjust_hue]
        for place in (0, 1, 2, 3) if before else (0, 2, 3, 1):
            if factors[place] is not None:
                expected = steps[place](expected, factors[place])
        expected = expected if order is None else expected[order]
        assert isinstance(found, tv_tensors.Image) and torch.equal(found, expected)
    still = v2.RandomPhotometricDistort(p=0.0)(image)
    assert torch.equal(still, image)


def test_channels_noise_and_jpeg():
    image = tv_tensors.Image(torch.rand(3, 8, 8))
    torch.manual_seed(3)
    order = torch.randperm(3)
    torch.manual_seed(3)
    assert torch.equal(v2.RandomChannelPermutation()(image), image[order])
    noisy = v2.GaussianNoise(0.0, 0.2)(tv_tensors.Image(torch.full((3, 64, 64), 0.5)))
    assert abs(noisy.std().item() - 0.2) < 0.01 and 0 <= noisy.min() and noisy.max() <= 1
    grains = v2.GaussianNoise(0.0, 0.1)(torch.full((3, 64, 64), 128, dtype=torch.uint8))
    assert grains.dtype is torch.uint8 and abs(grains.float().std().item() - 25.5) < 1
    smooth = (torch.arange(64).reshape(1, 8, 8) * 3).to(torch.uint8).expand(3, 8, 8).contiguous()
    again = v2.JPEG(95)(smooth)
    assert again.shape == smooth.shape and (again.int() - smooth.int()).abs().max() < 12
    assert v2.RGB()(torch.zeros(1, 4, 4)).shape == (3, 4, 4)
    with pytest.raises(ValueError, match="quality must be an integer from 1 to 100"):
        v2.JPEG(0)


def test_elastic_transform():
    image = torch.rand(3, 48, 50)
    assert torch.allclose(v2.ElasticTransform(alpha=0.0)(image), image, atol=1e-5)
    field = torch.zeros(1, 48, 50, 2)
    field[..., 0] = 2 * 3 / 50  # three pixels to the right
    moved = F.elastic_transform(image, field, fill=0)
    assert torch.allclose(moved[:, :, :47], image[:, :, 3:], atol=1e-5)
    torch.manual_seed(0)
    bent = v2.ElasticTransform(alpha=40.0, sigma=3.0)(image)
    assert bent.shape == image.shape and not torch.allclose(bent, image, atol=1e-2)


def test_frames():
    video = tv_tensors.Video(torch.arange(10.0).reshape(10, 1, 1, 1).expand(10, 3, 2, 2))
    few = v2.UniformTemporalSubsample(4)(video)
    assert isinstance(few, tv_tensors.Video) and few[:, 0, 0, 0].tolist() == [0, 3, 6, 9]


BOXES = torch.tensor([[0.0, 0, 10, 10], [1, 1, 11, 11], [20, 20, 30, 30]])


def test_boxes_of_ops():
    giou = ops.generalized_box_iou(BOXES[:1], BOXES[1:])
    shared, union, around = 81.0, 119.0, 121.0
    np.testing.assert_allclose(giou.tolist(), [[shared / union - (around - union) / around,
                               -(900 - 200) / 900]], rtol=1e-6)  # fmt: skip
    scores = torch.tensor([0.9, 0.8, 0.7])
    assert ops.nms(BOXES, scores, 0.5).tolist() == [0, 2]
    groups = torch.tensor([0, 1, 0])
    assert ops.batched_nms(BOXES, scores, groups, 0.5).tolist() == [0, 1, 2]
    assert ops.remove_small_boxes(BOXES, 10.5).tolist() == []
    masks = torch.zeros(2, 5, 6)
    masks[0, 1:3, 2:5] = 1
    masks[1, 4, 0] = 1
    assert ops.masks_to_boxes(masks).tolist() == [[2, 1, 4, 2], [0, 4, 0, 4]]


def test_layers_of_ops():
    torch.manual_seed(0)
    x = torch.ones(200, 2)
    rows = ops.stochastic_depth(x, 0.25, "row")
    assert {round(v, 4) for v in rows[:, 0].tolist()} == {0.0, 1.3333}
    assert (rows[:, 0] == rows[:, 1]).all() and 120 < (rows[:, 0] > 0).sum() < 180
    assert ops.StochasticDepth(0.5, "batch").eval()(x) is x
    with pytest.raises(ValueError, match="mode has to be either"):
        ops.stochastic_depth(x, 0.5, "column")
    block = ops.Conv2dNormActivation(3, 8, 5, stride=2)
    assert [type(m).__name__ for m in block] == ["Conv2d", "BatchNorm2d", "ReLU"]
    assert block[0].bias is None and block(torch.rand(1, 3, 8, 8)).shape == (1, 8, 4, 4)
    assert ops.SqueezeExcitation(8, 2)(torch.rand(1, 8, 4, 4)).shape == (1, 8, 4, 4)
    assert list(ops.MLP(4, [5, 2]).state_dict()) == ["0.weight", "0.bias", "3.weight", "3.bias"]
    frozen, norm = ops.FrozenBatchNorm2d(3), torch.nn.BatchNorm2d(3).eval()
    with torch.no_grad():
        for name, value in norm.state_dict().items():
            if name != "num_batches_tracked":
                value.uniform_(0.5, 1.5)
                getattr(frozen, name).copy_(value)
    images = torch.rand(2, 3, 4, 4)
    assert torch.allclose(frozen(images), norm(images), atol=1e-6)
