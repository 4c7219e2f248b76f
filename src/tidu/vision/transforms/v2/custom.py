"""transforms.v2.Transform: the base of transforms that users write."""

from ....base import tree
from ....core.handle import TensorBase
from ....nn.modules import Module
from ...pictures import is_picture
from ...tv_tensors import TVTensor
from .base import is_image

__all__ = ["Transform"]


class Transform(Module):
    """A transform of one's own: `make_params` draws what all values of a call share, `transform`
    changes one value.

    Pictures, images, boxes and masks in a call are changed; plain tensors only if nothing is marked
    as an image, and then the first of them. All else is given back as it is.

    >>> import tidu as torch
    >>> class Times(Transform):
    ...     def make_params(self, flat_inputs):
    ...         return {"factor": len(flat_inputs) + 1}
    ...     def transform(self, inpt, params):
    ...         return inpt * params["factor"]
    >>> Times()({"image": torch.ones(1, 1, 1), "label": 3})
    {'image': tensor([[[2.]]]), 'label': 3}
    """

    _transformed_types: tuple = ()  # kinds of values that are changed; here by what is said above

    def check_inputs(self, flat_inputs):
        """Raise where the values of a call do not belong together."""

    def make_params(self, flat_inputs):
        """What all values of one call share, as a dictionary."""
        return {}

    def transform(self, inpt, params):
        """One value, changed."""
        raise NotImplementedError

    def _call_kernel(self, functional, inpt, *args, **kwargs):
        """A function of transforms.v2.functional on one value."""
        return functional(inpt, *args, **kwargs)

    def forward(self, *inputs):
        """The values of any nest of containers, changed with one draw."""
        leaves, spec = tree.flatten(inputs if len(inputs) > 1 else inputs[0])
        self.check_inputs(leaves)
        chosen = self._chosen(leaves)
        params = self.make_params([leaves[i] for i in chosen])
        for place in chosen:
            leaves[place] = self.transform(leaves[place], params)
        return tree.unflatten(spec, leaves)

    def _chosen(self, leaves):
        marked = any(map(is_image, leaves))
        found, plain_seen = [], False
        for place, leaf in enumerate(leaves):
            if not self._takes(leaf):
                continue
            if _is_plain(leaf):
                if marked or plain_seen:
                    continue
                plain_seen = True
            found.append(place)
        return found

    def _takes(self, leaf):
        if self._transformed_types:
            return isinstance(leaf, self._transformed_types)
        return isinstance(leaf, TensorBase) or is_picture(leaf)

    def extra_repr(self):
        """The settings: attributes that are numbers, texts or containers of them."""
        shown = (bool, int, float, str, tuple, list)
        return ", ".join(
            f"{name}={value}" for name, value in self.__dict__.items()
            if not name.startswith("_") and name != "training" and isinstance(value, shown)
        )  # fmt: skip


def _is_plain(leaf):
    return isinstance(leaf, TensorBase) and not isinstance(leaf, TVTensor)
