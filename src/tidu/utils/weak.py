"""torch.utils.weak: dictionaries that do not keep their keys alive and tell them by identity."""

import weakref
from collections.abc import MutableMapping

from ..frontend.tensor import Tensor

__all__ = ["TensorWeakRef", "WeakIdKeyDictionary", "WeakIdRef", "WeakTensorKeyDictionary"]


class WeakIdRef(weakref.ref):
    """A weak reference that equals another one to the same object."""

    __slots__ = ("_id",)

    def __init__(self, key, callback=None):
        self._id = id(key)
        super().__init__(key, callback)

    def __hash__(self):
        return self._id

    def __eq__(self, other):
        mine, theirs = self(), other()
        return mine is theirs if mine is not None and theirs is not None else self is other


class WeakIdKeyDictionary(MutableMapping):
    """A dictionary whose keys are told by identity, and which forgets those that are gone.

    >>> import tidu as torch
    >>> x = torch.zeros(2)
    >>> notes = WeakIdKeyDictionary({x: "of x"})
    >>> notes[x], len(notes)
    ('of x', 1)
    """

    def __init__(self, dict=None, ref_type=WeakIdRef):
        self.ref_type, self.data = ref_type, {}
        self._forget = lambda reference: self.data.pop(reference, None)
        self.update(dict or {})

    def __getitem__(self, key):
        return self.data[self.ref_type(key)]

    def __setitem__(self, key, value):
        self.data[self.ref_type(key, self._forget)] = value

    def __delitem__(self, key):
        del self.data[self.ref_type(key)]

    def __iter__(self):
        return iter([key for reference in list(self.data) if (key := reference()) is not None])

    def __len__(self):
        return len(self.data)

    def __contains__(self, key):
        return self.ref_type(key) in self.data


WeakTensorKeyDictionary = WeakIdKeyDictionary


class TensorWeakRef:
    """A weak reference to a tensor: calling it gives the tensor, or None when it is gone."""

    def __init__(self, tensor):
        if not isinstance(tensor, Tensor):
            raise AssertionError("TensorWeakRef expects a Tensor")
        self.ref = weakref.ref(tensor)

    def __call__(self):
        return self.ref()
