"""How a v2 transform takes several values at once: images are changed alike, the rest stays."""

import copy
import warnings

import numpy as np

from .... import ops
from ....base import dtypes, tree
from ....base.errors import hinted
from ....frontend.tensor import Tensor
from ....nn.modules import Module
from ...pictures import is_picture
from ...tv_tensors import BoundingBoxes, Image, Mask, TVTensor, Video, wrap
from .. import base
from .. import functional as F
from ..conversion import InterpolationMode
from .boxes import moved
from .texts import Shown, chain

__all__ = [
    "Compose", "Identity", "Lambda", "Several", "ToDtype", "ToImage", "ToPILImage", "ToPureTensor",
    "ToTensor", "is_image",
]  # fmt: skip


def is_image(value):
    return is_picture(value) or isinstance(value, (Image, Video))


def _plain(value):
    return isinstance(value, Tensor) and not isinstance(value, TVTensor)


def places_of_images(leaves):
    """Where the images are; without any marked as such, the first tensor is the image."""
    found = [i for i, leaf in enumerate(leaves) if is_image(leaf)]
    if not found:
        found = [i for i, leaf in enumerate(leaves) if _plain(leaf)][:1]
    return found


def _canvas(value):
    """What has the size that a transform's random numbers hang on."""
    if isinstance(value, BoundingBoxes):
        return ops.zeros((1, *value.canvas_size))
    return value


# What must be in a call of these transforms.
_NEEDED = {
    **dict.fromkeys(
        "ElasticTransform RandomAffine RandomCrop RandomPerspective RandomResizedCrop "
        "RandomShortestSize RandomZoomOut ScaleJitter".split(),
        "image, video, mask, bounding box of keypoint",
    ),
    **dict.fromkeys(
        "RandomChannelPermutation RandomErasing RandomGrayscale RandomPhotometricDistort".split(),
        "image or video",
    ),
}


class Several(Shown):
    """Mixed into a transform: its call takes any nest of values; chance is asked once for all."""

    moves = False  # whether pixels change places, so that masks are changed too

    def forward(self, *inputs):
        nest = inputs if len(inputs) > 1 else inputs[0]
        leaves, spec = tree.flatten(nest)
        places = places_of_images(leaves)
        masks = [i for i, leaf in enumerate(leaves) if self.moves and isinstance(leaf, Mask)]
        boxes = [
            i for i, leaf in enumerate(leaves) if self.moves and isinstance(leaf, BoundingBoxes)
        ]
        if not places and not masks and not boxes:
            self._refuse_nothing()
            return nest
        if self.p is not None and not base.happens(self.p):
            return nest
        drawn = self.draw(_canvas(leaves[(places or masks or boxes)[0]]))
        for i in places:
            leaves[i] = self._changed(self, leaves[i], drawn)
        for i in masks:
            leaves[i] = self._changed(self._for_masks(), leaves[i], drawn)
        for i in boxes:
            leaves[i] = moved(self, leaves[i], drawn)
        return tree.unflatten(spec, leaves)

    def _refuse_nothing(self):
        """Where what is drawn hangs on a size or on channels, something must have them."""
        asked = next(
            (_NEEDED[c.__name__] for c in type(self).__mro__ if c.__name__ in _NEEDED), None
        )
        if asked is not None:
            raise TypeError(hinted(
                f"No {asked} was found in the sample", "pass a PIL Image or a tensor (C, H, W).",
            ))  # fmt: skip

    @staticmethod
    def _changed(transform, value, drawn):
        if not isinstance(value, TVTensor):
            return transform.change(value, drawn)
        result = transform.change(value.as_subclass(Tensor), drawn)
        return wrap(result, like=value) if isinstance(result, Tensor) else result

    def _for_masks(self):
        """The same transform, which takes the nearest pixel instead of mixing classes."""
        if not hasattr(self, "interpolation"):
            return self
        nearest = copy.copy(self)
        nearest.interpolation = InterpolationMode.NEAREST
        return nearest


class Compose(base.Compose):
    """Transforms one after the other, for one value or several."""

    def __call__(self, *inputs):
        several = len(inputs) > 1
        for transform in self.transforms:
            result = transform(*inputs)
            inputs = result if several else (result,)
        return inputs if several else inputs[0]

    forward, __repr__ = __call__, chain


class Identity(Module):
    """Nothing is changed."""

    def forward(self, *inputs):
        return inputs if len(inputs) > 1 else inputs[0]


class _EachLeaf(Module):
    """Changes each leaf by itself; of plain tensors only the one that is the image."""

    def forward(self, *inputs):
        nest = inputs if len(inputs) > 1 else inputs[0]
        leaves, spec = tree.flatten(nest)
        images = places_of_images(leaves)
        for i, leaf in enumerate(leaves):
            if i in images or not _plain(leaf):
                leaves[i] = self.leaf(leaf)
        return tree.unflatten(spec, leaves)


class Lambda(Module):
    """A function of each leaf that is of one of the types."""

    def __init__(self, lambd, *types):
        super().__init__()
        self.lambd = lambd
        self.types = types or (object,)

    def forward(self, *inputs):
        nest = inputs if len(inputs) > 1 else inputs[0]
        return tree.map(lambda x: self.lambd(x) if isinstance(x, self.types) else x, nest)


class ToImage(_EachLeaf):
    """Pictures, arrays (H, W, C) and tensors as `Image`, without scaling."""

    def leaf(self, value):
        if is_picture(value):
            return Image(F.pil_to_tensor(value))
        if isinstance(value, np.ndarray):
            array = value[:, :, None] if value.ndim == 2 else value
            return Image(ops.from_array(np.ascontiguousarray(array.transpose(2, 0, 1))))
        return Image(value) if _plain(value) else value


class ToPureTensor(_EachLeaf):
    """Every kind of tensor as a plain one."""

    def leaf(self, value):
        return value.as_subclass(Tensor) if isinstance(value, TVTensor) else value


class ToPILImage(Shown, _EachLeaf):
    """Tensors and arrays as pictures."""

    def __init__(self, mode=None):
        super().__init__()
        self.mode = mode

    def leaf(self, value):
        if isinstance(value, (Tensor, np.ndarray)) and not isinstance(value, Mask):
            return F.to_pil_image(value, self.mode)
        return value


class ToTensor(_EachLeaf):
    """Deprecated: `ToImage` and `ToDtype(torch.float32, scale=True)` in one."""

    def __init__(self):
        warnings.warn(
            "The transform `ToTensor()` is deprecated and will be removed in a future release. "
            "Instead, please use `v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, "
            "scale=True)])`.",
            UserWarning,
            stacklevel=2,
        )
        super().__init__()

    def leaf(self, value):
        return F.to_tensor(value) if is_picture(value) or isinstance(value, np.ndarray) else value


class ToDtype(Shown, Module):
    """Images in another type; `scale` maps the range of the old type to that of the new."""

    def __init__(self, dtype, scale=False):
        super().__init__()
        if not isinstance(dtype, (dict, dtypes.dtype)):
            raise ValueError(f"dtype must be a dict or a torch.dtype, got {type(dtype)} instead")
        self.dtype = dtype
        self.scale = scale

    def _wanted(self, value, image):
        if not isinstance(self.dtype, dict):
            return self.dtype if image else None
        kind = type(value)
        return self.dtype.get(kind, self.dtype.get("others"))

    def forward(self, *inputs):
        nest = inputs if len(inputs) > 1 else inputs[0]
        leaves, spec = tree.flatten(nest)
        images = places_of_images(leaves)
        for i, leaf in enumerate(leaves):
            wanted = self._wanted(leaf, i in images) if isinstance(leaf, Tensor) else None
            if wanted is None:
                continue
            plain = leaf.as_subclass(Tensor) if isinstance(leaf, TVTensor) else leaf
            scaled = self.scale and i in images
            new = F.convert_image_dtype(plain, wanted) if scaled else plain.to(wanted)
            leaves[i] = wrap(new, like=leaf)
        return tree.unflatten(spec, leaves)
