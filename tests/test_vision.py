"""torchvision as tidu serves it: transforms, data sets from local files, image grids."""

import gzip
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest

import tidu as torch

pytest.importorskip("PIL")
from PIL import Image

from tidu.vision import datasets, io, ops, transforms, tv_tensors, utils
from tidu.vision.transforms import functional as F
from tidu.vision.transforms import v2

RANDOM = np.random.default_rng(0)
BYTES = RANDOM.integers(0, 256, (24, 30, 3), dtype=np.uint8)


def picture():
    return Image.fromarray(BYTES)


def tensor():
    return torch.from_numpy(BYTES.transpose(2, 0, 1).copy())


def test_to_tensor_and_back():
    x = transforms.ToTensor()(picture())
    assert x.shape == (3, 24, 30) and x.dtype is torch.float32 and x.is_contiguous()
    np.testing.assert_array_equal(x.numpy(), BYTES.transpose(2, 0, 1).astype(np.float32) / 255)
    assert np.array_equal(np.array(transforms.ToPILImage()(x)), BYTES)
    assert transforms.ToTensor()(np.ones((4, 5))).dtype is torch.float64
    assert transforms.PILToTensor()(picture().convert("L")).shape == (1, 24, 30)
    assert F.to_tensor(picture().convert("1")).unique().tolist() == [0.0, 1.0]
    with pytest.raises(TypeError, match="pic should be PIL Image or ndarray"):
        transforms.ToTensor()([1])
    with pytest.raises(ValueError, match="2/3 dimensional"):
        transforms.ToTensor()(np.ones(3))


def test_normalize():
    x = torch.rand(3, 4, 4)
    y = transforms.Normalize([0.1, 0.2, 0.3], [0.5, 0.6, 0.7])(x)
    wanted = (x.numpy() - np.array([0.1, 0.2, 0.3], "f").reshape(3, 1, 1)) / np.array(
        [0.5, 0.6, 0.7], "f"
    ).reshape(3, 1, 1)
    np.testing.assert_allclose(y.numpy(), wanted, rtol=1e-6)
    with pytest.raises(TypeError, match="should be a float tensor"):
        F.normalize(tensor(), [0.5], [0.5])
    with pytest.raises(ValueError, match="std evaluated to zero"):
        F.normalize(x, [0.5], [0.0])


def test_convert_image_dtype_scales():
    u = torch.tensor([[[0, 128, 255]]], dtype=torch.uint8)
    assert F.convert_image_dtype(u).tolist() == [[[0, np.float32(128 / 255), 1]]]
    assert F.convert_image_dtype(F.convert_image_dtype(u), torch.uint8).tolist() == u.tolist()
    assert F.convert_image_dtype(u, torch.int16).tolist() == [[[0, 128 * 128, 255 * 128]]]
    with pytest.raises(RuntimeError, match="cannot be performed safely"):
        F.convert_image_dtype(torch.rand(1, 2, 2), torch.int64)


GEOMETRY = {
    "crop": lambda x: F.crop(x, -2, 5, 20, 30),
    "center_crop": lambda x: F.center_crop(x, [10, 40]),
    "hflip": F.hflip,
    "vflip": F.vflip,
    "pad": lambda x: F.pad(x, (1, 2, 3, 4), fill=7),
    "reflect": lambda x: F.pad(x, (1, 2, 3, 4), padding_mode="reflect"),
    "symmetric": lambda x: F.pad(x, (1, 2), padding_mode="symmetric"),
    "edge": lambda x: F.pad(x, 3, padding_mode="edge"),
    "invert": F.invert,
    "posterize": lambda x: F.posterize(x, 3),
    "solarize": lambda x: F.solarize(x, 99),
    "equalize": F.equalize,
    "turned": lambda x: F.rotate(x, 180),
    "quarter": lambda x: F.rotate(x, 90, expand=True),
}


@pytest.mark.parametrize("name", GEOMETRY)
def test_pictures_and_tensors_agree_exactly(name):
    change = GEOMETRY[name]
    np.testing.assert_array_equal(
        F.pil_to_tensor(change(picture())).numpy(), change(tensor()).numpy()
    )


NEARLY = {
    "resize": (lambda x: F.resize(x, [11, 17]), 1),
    "bicubic": (lambda x: F.resize(x, 12, transforms.InterpolationMode.BICUBIC), 2),
    "brightness": (lambda x: F.adjust_brightness(x, 1.3), 1),
    "contrast": (lambda x: F.adjust_contrast(x, 0.7), 1),
    "saturation": (lambda x: F.adjust_saturation(x, 1.7), 2),
    "sharpness": (lambda x: F.adjust_sharpness(x, 1.7), 1),
    "autocontrast": (F.autocontrast, 1),
    "gamma": (lambda x: F.adjust_gamma(x, 0.5), 1),
    "grey": (lambda x: F.rgb_to_grayscale(x, 3), 1),
}


@pytest.mark.parametrize("name", NEARLY)
def test_pictures_and_tensors_nearly_agree(name):
    change, most = NEARLY[name]
    a = F.pil_to_tensor(change(picture())).numpy().astype(int)
    b = change(tensor()).numpy().astype(int)
    assert a.shape == b.shape and abs(a - b).max() <= most


def test_hue_turns_colours():
    red = torch.tensor([1.0, 0.0, 0.0]).view(3, 1, 1)
    green = F.adjust_hue(red, 1 / 3)
    np.testing.assert_allclose(green.flatten().numpy(), [0, 1, 0], atol=1e-5)
    np.testing.assert_allclose(
        F.adjust_hue(tensor() / 255, 0.0).numpy(), tensor().numpy() / 255, atol=1e-5
    )


@pytest.mark.parametrize("angle", [0.0, 30.0, -45.0])
def test_affine_agrees_between_pictures_and_tensors(angle):
    options = dict(translate=(3, -2), scale=1.2, shear=(5.0, 3.0))
    a = F.pil_to_tensor(F.affine(picture(), angle, **options)).numpy()
    b = F.affine(tensor(), angle, **options).numpy()
    # Places on the border between two pixels may fall to either side.
    assert (a == b).mean() > 0.97


def test_perspective_agrees_between_pictures_and_tensors():
    start, end = [[0, 0], [29, 0], [29, 23], [0, 23]], [[2, 3], [27, 1], [25, 20], [1, 22]]
    nearest = transforms.InterpolationMode.NEAREST
    a = F.pil_to_tensor(F.perspective(picture(), start, end, nearest)).numpy()
    assert (a == F.perspective(tensor(), start, end, nearest).numpy()).mean() > 0.97


def test_chance_is_the_default_generators():
    """The draws, in the order in which torchvision makes them."""
    torch.manual_seed(3)
    i, j = (torch.randint(0, n, (1,)).item() for n in (24 - 8 + 1, 30 - 8 + 1))
    flip = torch.rand(1).item() < 0.5
    torch.manual_seed(3)
    both = transforms.Compose([transforms.RandomCrop(8), transforms.RandomHorizontalFlip()])
    wanted = tensor()[:, i : i + 8, j : j + 8]
    assert torch.equal(both(tensor()), wanted.flip(-1) if flip else wanted)
    torch.manual_seed(4)
    order, *amounts = transforms.ColorJitter.get_params((0.5, 1.5), None, (0.5, 1.5), None)
    assert sorted(order.tolist()) == [0, 1, 2, 3] and amounts[1] is None


CHANCE = [
    transforms.RandomResizedCrop(16),
    transforms.ColorJitter(0.4, 0.4, 0.4, 0.1),
    transforms.RandomRotation(30, expand=True),
    transforms.RandomAffine(10, (0.1, 0.1), (0.8, 1.2), 5),
    transforms.RandomPerspective(p=1.0),
    transforms.GaussianBlur(3),
    transforms.RandomGrayscale(1.0),
    transforms.RandomVerticalFlip(1.0),
    transforms.RandomApply([transforms.RandomInvert(1.0)], 1.0),
]


@pytest.mark.parametrize("transform", CHANCE, ids=lambda t: type(t).__name__)
def test_the_same_seed_gives_the_same_image(transform):
    for image in (picture(), tensor(), tensor() / 255):
        results = []
        for _ in range(2):
            torch.manual_seed(1)
            results.append(transform(image))
        first, second = (r if isinstance(r, torch.Tensor) else F.pil_to_tensor(r) for r in results)
        assert torch.equal(first, second)


def test_random_erasing():
    torch.manual_seed(0)
    x = torch.ones(3, 20, 20)
    y = transforms.RandomErasing(1.0)(x)
    share = (y == 0).float().mean().item()
    assert 0.01 < share < 0.4 and bool((x == 1).all())


def test_five_and_ten_crops():
    crops = transforms.FiveCrop(8)(tensor())
    assert len(crops) == 5 and torch.equal(crops[3], tensor()[:, -8:, -8:])
    assert len(transforms.TenCrop(8)(tensor())) == 10


def test_text():
    both = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5,), (0.5,))])
    assert repr(both) == "Compose(\n    ToTensor()\n    Normalize(mean=(0.5,), std=(0.5,))\n)"
    assert repr(transforms.Resize(3)) == (
        "Resize(size=3, interpolation=bilinear, max_size=None, antialias=True)"
    )


def test_errors():
    with pytest.raises(ValueError, match=r"Required crop size \(40, 40\) is larger than input"):
        transforms.RandomCrop(40)(tensor())
    with pytest.raises(ValueError, match=r"brightness values should be between"):
        transforms.ColorJitter(brightness=(-1, 2))
    with pytest.raises(TypeError, match="img should be PIL Image"):
        F.hflip("image")


def test_v2_changes_image_and_mask_alike():
    image = tv_tensors.Image(tensor())
    mask = tv_tensors.Mask(tensor()[0])
    torch.manual_seed(0)
    both = v2.Compose([v2.RandomCrop(9), v2.RandomHorizontalFlip(1.0)])
    new, moved, rest = both(image, mask, {"label": torch.tensor(3)})
    assert isinstance(new, tv_tensors.Image) and isinstance(moved, tv_tensors.Mask)
    assert torch.equal(new.as_subclass(torch.Tensor)[0], moved.as_subclass(torch.Tensor))
    assert rest["label"].item() == 3
    scaled = v2.ToDtype(torch.float32, scale=True)(new)
    assert float(scaled.max()) <= 1 and type(new + 1) is torch.Tensor
    assert type(v2.ToImage()(picture())) is tv_tensors.Image
    only_first = v2.Compose([v2.Resize(4)])(tensor(), torch.tensor(5))
    assert only_first[0].shape == (3, 4, 5) and only_first[1].item() == 5


def write_idx(path, array, kind=8):
    head = bytes([0, 0, kind, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    opened = gzip.open if str(path).endswith(".gz") else open
    with opened(path, "wb") as file:
        file.write(head + array.tobytes())


@pytest.mark.parametrize("kind", ["MNIST", "FashionMNIST", "KMNIST"])
def test_mnist_from_files(tmp_path, kind):
    raw = tmp_path / kind / "raw"
    raw.mkdir(parents=True)
    images = RANDOM.integers(0, 256, (5, 28, 28), dtype=np.uint8)
    write_idx(raw / "train-images-idx3-ubyte.gz", images)
    write_idx(raw / "train-labels-idx1-ubyte", np.arange(5, dtype=np.uint8))
    data = getattr(datasets, kind)(str(tmp_path), transform=transforms.ToTensor(), download=True)
    assert (
        len(data) == 5 and data.data.dtype is torch.uint8 and data.targets.tolist() == [*range(5)]
    )
    x, label = data[3]
    assert label == 3 and np.array_equal(x.numpy()[0], images[3].astype("f") / 255)
    loader = torch.utils.data.DataLoader(data, batch_size=5)
    assert next(iter(loader))[0].shape == (5, 1, 28, 28)
    assert "Split: Train" in repr(data) and len(data.classes) == 10
    with pytest.raises(RuntimeError, match="Dataset not found"):
        getattr(datasets, kind)(str(tmp_path), train=False)
    with pytest.raises(RuntimeError, match=r"nothing is downloaded.*\n.*t10k-images-idx3-ubyte.gz"):
        getattr(datasets, kind)(str(tmp_path), train=False, download=True)


def test_damaged_idx(tmp_path):
    write_idx(tmp_path / "a", np.zeros((2, 2), np.uint8))
    data = (tmp_path / "a").read_bytes()
    (tmp_path / "a").write_bytes(data[:-1])
    with pytest.raises(ValueError, match="does not hold"):
        datasets.idx.read_idx(tmp_path / "a")
    (tmp_path / "a").write_bytes(b"<html>")
    with pytest.raises(ValueError, match="no idx file"):
        datasets.idx.read_idx(tmp_path / "a")


@pytest.mark.slow
def test_digits_in_the_place_of_mnist(tmp_path, monkeypatch):
    pytest.importorskip("sklearn")
    monkeypatch.setenv("TIDU_DATASETS", "digits")
    with pytest.warns(UserWarning, match="not MNIST's pictures but scikit-learn's 1797 digits"):
        train = datasets.MNIST(str(tmp_path), download=True)
    with pytest.warns(UserWarning, match="1797"):
        test = datasets.MNIST(str(tmp_path), train=False)
    assert (len(train), len(test)) == (1500, 297) and train[0][0].size == (28, 28)


class Evil:
    def __reduce__(self):
        return os.system, ("touch pwned",)


@pytest.mark.parametrize("protocol", [2, 4])
def test_cifar_from_files_and_never_code(tmp_path, protocol, monkeypatch):
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    names = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]
    data = RANDOM.integers(0, 256, (4, 3072), dtype=np.uint8)
    for name in names:
        batch = {b"data": data, b"labels": [0, 1, 2, 3], b"batch_label": b"x"}
        (folder / name).write_bytes(pickle.dumps(batch, protocol))
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": ["a", "b", "c", "d"]}, 2))
    train = datasets.CIFAR10(str(tmp_path), transform=transforms.ToTensor())
    assert len(train) == 20 and train.classes == ["a", "b", "c", "d"]
    x, label = train[1]
    assert label == 1 and np.array_equal(x.numpy().ravel(), data[1].astype("f") / 255)
    monkeypatch.chdir(tmp_path)
    (folder / "test_batch").write_bytes(pickle.dumps({b"data": Evil(), b"labels": []}, protocol))
    with pytest.raises(Exception, match="Unsupported global"):
        datasets.CIFAR10(str(tmp_path), train=False)
    assert not (tmp_path / "pwned").exists()


def test_folders_of_pictures(tmp_path):
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for i in range(2):
            picture().save(tmp_path / name / f"{i}.png")
    data = datasets.ImageFolder(tmp_path, transforms.ToTensor())
    assert data.class_to_idx == {"cat": 0, "dog": 1} and data.targets == [0, 0, 1, 1]
    assert torch.equal(data[3][0], F.to_tensor(picture())) and data[3][1] == 1
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="no valid file for the classes empty"):
        datasets.ImageFolder(tmp_path)
    assert torch.equal(io.read_image(tmp_path / "cat" / "0.png"), tensor())


def test_fake_data_is_the_same_each_time():
    data = datasets.FakeData(4, (3, 8, 8), transform=transforms.ToTensor())
    assert torch.equal(data[2][0], data[2][0]) and len(data) == 4
    with pytest.raises(IndexError):
        data[4]


def test_grid(tmp_path):
    x = torch.arange(5 * 4.0).view(5, 1, 2, 2)
    grid = utils.make_grid(x, nrow=3, padding=1, pad_value=-1)
    assert grid.shape == (3, 7, 10) and grid[0, 1, 1].item() == 0 and grid[0, 4, 4].item() == 16
    assert grid[0, 0, 0].item() == -1 and grid[0, 4, 7].item() == -1
    assert utils.make_grid(x, normalize=True).max().item() == 1.0
    utils.save_image(x / 20, tmp_path / "grid.png", nrow=3)
    with Image.open(tmp_path / "grid.png") as saved:
        assert saved.size == (14, 10)


def test_boxes():
    boxes = torch.tensor([[0.0, 0, 2, 2], [1, 1, 3, 3], [0, 0, 2, 2.1]])
    assert ops.box_iou(boxes[:1], boxes[1:2]).item() == pytest.approx(1 / 7)
    assert ops.nms(boxes, torch.tensor([0.9, 0.8, 0.7]), 0.5).tolist() == [0, 1]
    there = ops.box_convert(boxes, "xyxy", "cxcywh")
    assert torch.allclose(ops.box_convert(there, "cxcywh", "xyxy"), boxes)


@pytest.mark.slow
def test_networks_are_not_served(tmp_path):
    script = tmp_path / "program.py"
    script.write_text("from torchvision.models import resnet18\nresnet18()\n")
    done = subprocess.run(
        [sys.executable, "-m", "tidu", "run", str(script)], capture_output=True, text=True
    )
    assert done.returncode == 1 and "no networks" in done.stderr


@pytest.mark.slow
def test_modules_are_the_same_under_both_names(tmp_path):
    script = tmp_path / "program.py"
    script.write_text(
        "import sys, torchvision, torchvision.transforms.v2.functional as F, torch\n"
        "from torchvision import datasets, transforms, utils\n"
        "assert sys.modules['torchvision'] is sys.modules['tidu.vision']\n"
        "assert torchvision.transforms is transforms and 'PIL.Image' not in sys.modules\n"
        "print(torchvision.__version__)\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "tidu", "run", str(script)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
