"""Operators that are left out say so when they are called, and name what works."""

import itertools

import pytest

import tidu
from tidu.ops.left_out import ABSENT_FUNCTIONS, ABSENT_LAYERS, ABSENT_METHODS


@pytest.mark.parametrize("name", sorted(ABSENT_FUNCTIONS))
def test_function(name):
    with pytest.raises(NotImplementedError, match=rf"^torch\.{name} is left out: ") as caught:
        getattr(tidu, name)(tidu.ones(2))
    assert ABSENT_FUNCTIONS[name][1] in str(caught.value)


@pytest.mark.parametrize("name", sorted(ABSENT_METHODS))
def test_method(name):
    with pytest.raises(NotImplementedError, match=rf"^Tensor\.{name} is left out: ") as caught:
        getattr(tidu.ones(2), name)()
    assert ABSENT_METHODS[name][1] in str(caught.value)


@pytest.mark.parametrize("name", sorted(ABSENT_LAYERS))
def test_layer(name):
    with pytest.raises(NotImplementedError, match=rf"^torch.nn.functional\.{name} is left out: "):
        getattr(tidu.nn.functional, name)(tidu.ones(2))


def test_what_is_named_instead_exists():
    tables = ABSENT_FUNCTIONS, ABSENT_METHODS, ABSENT_LAYERS
    for _, instead in itertools.chain.from_iterable(table.values() for table in tables):
        for word in instead.replace("(", " ").split():
            if word.startswith("torch."):
                target = tidu
                for part in word.removeprefix("torch.").rstrip(",;.)").split("."):
                    target = getattr(target, part)


def test_unknown_names_are_still_unknown():
    assert not hasattr(tidu, "no_such_operator")
    assert not hasattr(tidu.ones(1), "no_such_method")
