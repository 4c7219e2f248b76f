"""torchvision.ops: overlap of boxes, pooling of regions, pyramids, DropBlock, deformed kernels.

Expected numbers are counted by hand or follow from what an operation is; those that Python can tell
of torchvision 0.28 itself are compared in tests/reference.
"""

import subprocess
import sys

import numpy as np
import pytest

import tidu as torch
from tidu.vision import ops

A = torch.tensor([[0.0, 0.0, 4.0, 4.0], [2.0, 2.0, 6.0, 4.0]])
B = torch.tensor([[0.0, 0.0, 2.0, 2.0], [2.0, 2.0, 6.0, 6.0], [10.0, 10.0, 11.0, 11.0]])


def test_overlaps_by_hand():
    iou = ops.box_iou(A, B)
    np.testing.assert_allclose(iou, [[4 / 16, 4 / 28, 0], [0, 8 / 16, 0]])
    np.testing.assert_allclose(ops.box_iou(A.expand(2, 2, 4), B)[1], iou)
    shape = ops.box_convert(A, "xyxy", "cxcywh"), ops.box_convert(B, "xyxy", "cxcywh")
    np.testing.assert_allclose(ops.box_iou(*shape, fmt="cxcywh"), iou)
    assert ops.box_area(A).tolist() == [16.0, 8.0]
    assert ops.box_area(torch.tensor([[0, 0, 100, 100]], dtype=torch.int8)).tolist() == [10000]
    np.testing.assert_allclose(
        ops.generalized_box_iou(A, B), [[0.25, 4 / 28 - 8 / 36, -(121 - 17) / 121],
                                        [-12 / 24, 0.5, -(81 - 9) / 81]], rtol=1e-6,
    )  # fmt: skip
    distance = ops.distance_box_iou(A, B)
    np.testing.assert_allclose(distance[0, 1], 4 / 28 - 8 / 72, rtol=1e-6)
    np.testing.assert_allclose(ops.complete_box_iou(A[:1], B), distance[:1], rtol=1e-6)  # squares


@pytest.mark.parametrize("loss", [
    ops.generalized_box_iou_loss, ops.distance_box_iou_loss, ops.complete_box_iou_loss,
])  # fmt: skip
def test_losses_of_boxes_follow_the_overlaps(loss):
    pairs = {
        ops.generalized_box_iou_loss: ops.generalized_box_iou,
        ops.distance_box_iou_loss: ops.distance_box_iou,
        ops.complete_box_iou_loss: ops.complete_box_iou,
    }
    wanted = 1 - pairs[loss](A, B[:2]).diagonal()
    np.testing.assert_allclose(loss(A, B[:2]), wanted, rtol=1e-5)
    np.testing.assert_allclose(loss(A, B[:2], reduction="mean"), wanted.mean(), rtol=1e-5)
    if loss is not ops.complete_box_iou_loss:  # a weight in it counts as a number
        x = (A + 0.1).double().requires_grad_()
        wanted = B[:2].double()
        assert torch.autograd.gradcheck(lambda x: loss(x, wanted, reduction="sum"), (x,))
    with pytest.raises(ValueError, match="Invalid Value for arg 'reduction': 'no "):
        loss(A, B[:2], reduction="no")


def test_nms_of_many_boxes_goes_class_by_class():
    torch.manual_seed(0)
    corners = torch.rand(1200, 2) * 50
    boxes = torch.cat([corners, corners + torch.rand(1200, 2) * 20 + 1], 1)
    scores, groups = torch.rand(1200), torch.randint(0, 3, (1200,))
    kept = ops.batched_nms(boxes, scores, groups, 0.5)
    by_hand = [torch.where(groups == g)[0] for g in range(3)]
    by_hand = torch.cat([g[ops.nms(boxes[g], scores[g], 0.5)] for g in by_hand])
    assert sorted(kept.tolist()) == sorted(by_hand.tolist())
    assert scores[kept].tolist() == sorted(scores[kept].tolist(), reverse=True)


def ramp(height=8, width=9):
    """An image whose value is 10 times the row and the column: read exactly between pixels."""
    y, x = torch.arange(float(height)), torch.arange(float(width))
    return (10 * y[:, None] + x)[None, None]


@pytest.mark.parametrize("ratio", [-1, 1, 2, 3])
@pytest.mark.parametrize("aligned", [True, False])
def test_roi_align_of_a_ramp_is_its_value_at_the_cells_middles(ratio, aligned):
    box = torch.tensor([[1.5, 1.0, 6.5, 5.0]])
    found = ops.roi_align(ramp(), [box], (2, 5), sampling_ratio=ratio, aligned=aligned)
    shift = 0.5 if aligned else 0.0
    y = 1.0 + 2 * (np.arange(2) + 0.5) - shift
    x = 1.5 + (np.arange(5) + 0.5) - shift
    np.testing.assert_allclose(found[0, 0], 10 * y[:, None] + x, rtol=1e-5)


def test_roi_align_at_edges_and_of_several_images():
    both = torch.cat([ramp(), -ramp()])
    rois = torch.tensor([[1.0, 2.0, 2.0, 4.0, 4.0], [0.0, 2.0, 2.0, 4.0, 4.0]])
    found = ops.roi_align(both, rois, 2, sampling_ratio=2)
    np.testing.assert_allclose(found[0], -found[1])
    outside = ops.roi_align(torch.ones(1, 1, 4, 4), [torch.tensor([[-9.0, -9.0, -5.0, -5.0]])], 2)
    assert outside.abs().sum() == 0
    x = torch.rand(1, 2, 5, 6, dtype=torch.float64, requires_grad=True)
    box = torch.tensor([[0.0, 0.3, 0.2, 4.1, 3.9]], dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: ops.roi_align(x, box, 2, 1.0, 2, True), (x,))
    assert ops.roi_align(x, box[:0], 2).shape == (0, 2, 2, 2)
    layer = ops.RoIAlign(2, spatial_scale=0.5, sampling_ratio=2)
    assert repr(layer) == (
        "RoIAlign(output_size=2, spatial_scale=0.5, sampling_ratio=2, aligned=False)"
    )
    with pytest.raises(AssertionError, match=r"is not correct as Tensor\[K, 5\]"):
        ops.roi_align(ramp(), A, 2)


def test_roi_pool_takes_the_largest_of_whole_pixels():
    found = ops.roi_pool(ramp(), torch.tensor([[0.0, 1.0, 1.0, 4.0, 4.0]]), 2)
    assert found[0, 0].tolist() == [[22.0, 24.0], [42.0, 44.0]]


def test_boxes_are_read_from_the_map_of_their_size():
    pool = ops.MultiScaleRoIAlign(["a", "b"], 2, 2)
    maps = {"a": torch.ones(1, 1, 64, 64), "skip": None, "b": torch.full((1, 1, 32, 32), 2.0)}
    boxes = torch.tensor([[0.0, 0.0, 16.0, 16.0], [0.0, 0.0, 250.0, 250.0]])
    found = pool({k: v for k, v in maps.items() if v is not None}, [boxes], [(256, 256)])
    assert found[0].unique().tolist() == [1.0] and found[1].unique().tolist() == [2.0]
    assert pool.scales == [0.25, 0.125]


def test_feature_pyramids():
    torch.manual_seed(0)
    net = ops.FeaturePyramidNetwork(
        [2, 3], 4, extra_blocks=ops.feature_pyramid_network.LastLevelMaxPool()
    )
    maps = {"a": torch.randn(1, 2, 8, 8), "b": torch.randn(1, 3, 4, 4)}
    found = net(maps)
    assert [(k, tuple(v.shape[2:])) for k, v in found.items()] == [
        ("a", (8, 8)), ("b", (4, 4)), ("pool", (2, 2)),
    ]  # fmt: skip
    inner = [block(m) for block, m in zip(net.inner_blocks, maps.values(), strict=True)]
    wide = inner[1].repeat_interleave(2, 2).repeat_interleave(2, 3)
    torch.testing.assert_close(found["a"], net.layer_blocks[0](inner[0] + wide))
    old = {k.replace("blocks.0.0.", "blocks.0.").replace("blocks.1.0.", "blocks.1."): v
           for k, v in net.state_dict().items()}  # fmt: skip
    net.load_state_dict(old)


@pytest.mark.parametrize(("layer", "shape"), [
    (ops.DropBlock2d, (3, 4, 16, 16)), (ops.DropBlock3d, (2, 3, 8, 8, 8)),
])  # fmt: skip
def test_whole_blocks_are_dropped(layer, shape):
    torch.manual_seed(0)
    drop = layer(0.3, 3)
    found = drop(torch.ones(shape))
    assert found.min() == 0 and found.sum() == pytest.approx(found.numel(), rel=1e-4)
    dropped = (found == 0).float()
    pool = torch.nn.functional.max_pool2d if len(shape) == 4 else torch.nn.functional.max_pool3d
    middles = -pool(-dropped, 3, stride=1)  # where all nine are dropped
    again = pool(torch.nn.functional.pad(middles, [1] * 2 * (len(shape) - 2)), 3, 1, 1)
    assert torch.equal(again, dropped)
    assert repr(drop) == f"{layer.__name__}(p=0.3, block_size=3, inplace=False)"
    assert drop.eval()(found) is found


def test_deformed_convolutions_without_a_shift_are_convolutions():
    torch.manual_seed(0)
    conv = torch.nn.Conv2d(4, 6, 3, stride=2, padding=1, dilation=2, groups=2)
    same = ops.DeformConv2d(4, 6, 3, stride=2, padding=1, dilation=2, groups=2)
    same.load_state_dict(conv.state_dict())
    x = torch.randn(2, 4, 9, 8)
    wanted = conv(x)
    offset = torch.zeros(2, 18, *wanted.shape[2:])
    torch.testing.assert_close(same(x, offset), wanted)
    halved = same(x, offset, torch.full((2, 9, *wanted.shape[2:]), 0.5))
    bias = conv.bias[:, None, None]
    torch.testing.assert_close(halved - bias, (wanted - bias) / 2)
    moved = torch.nn.functional.pad(x, (0, 0, 0, 1))[:, :, 1:]  # every tap one row further down
    down = torch.zeros(2, 9, 2, *wanted.shape[2:])
    down[:, :, 0] = 1.0
    inside = slice(1, -1)
    torch.testing.assert_close(
        same(x, down.flatten(1, 2))[..., inside, inside], conv(moved)[..., inside, inside]
    )
    x, w = torch.rand(1, 1, 4, 4, dtype=torch.float64), torch.rand(1, 1, 2, 2, dtype=torch.float64)
    o = torch.rand(1, 8, 3, 3, dtype=torch.float64) * 0.4 + 0.2
    leaves = [t.requires_grad_() for t in (x, o, w)]
    assert torch.autograd.gradcheck(ops.deform_conv2d, leaves)


def test_convolutions_of_volumes_and_mixed_sizes():
    block = ops.Conv3dNormActivation(2, 3, kernel_size=3)
    assert block(torch.zeros(1, 2, 4, 4, 4)).shape == (1, 3, 4, 4, 4)
    assert ops.Conv2dNormActivation(2, 3, kernel_size=(1, 5))[0].padding == (0, 2)
    with pytest.raises(NotImplementedError, match=r"torchvision.ops.ps_roi_align is not"):
        ops.ps_roi_align(1)


def test_modules_have_torchvisions_places():
    program = (
        "from torchvision.ops.misc import FrozenBatchNorm2d\n"
        "from torchvision.ops.boxes import box_area\n"
        "from torchvision.models.resnet import ResNet, Bottleneck\n"
        "from torch.distributed._composable.fsdp import FSDPModule\n"
        "from torch.jit.annotations import List, BroadcastingList2\n"
        "from torch.utils._foreach_utils import _group_tensors_by_device_and_dtype\n"
        "class Own(ResNet): pass\n"
        "print(box_area.__name__, isinstance(3, FSDPModule))\n"
    )
    done = subprocess.run([sys.executable, "-m", "tidu", "run", "-c", program],
                          capture_output=True, text=True)  # fmt: skip
    assert done.stdout == "box_area False\n", done.stderr
