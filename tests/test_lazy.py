"""Modules imported at their first use."""

import subprocess
import sys

import pytest

from tidu.lazy import lazy_module


def test_imports_at_first_use():
    code = (
        "import sys; from tidu.lazy import lazy_module; colors = lazy_module('colorsys')\n"
        "before = 'colorsys' in sys.modules; colors.rgb_to_hsv\n"
        "print(before, 'colorsys' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.split() == ["False", "True"]


def test_submodule_and_listing():
    path = lazy_module("os.path")
    assert path.join("a", "b") and "join" in dir(path)


def test_missing_attribute_is_the_modules_own_error():
    with pytest.raises(AttributeError, match="module 'colorsys' has no attribute 'absent'"):
        lazy_module("colorsys").absent  # noqa: B018


def test_missing_module_says_what_to_install():
    module = lazy_module("absent_package", hint="pip install absent")
    with pytest.raises(ModuleNotFoundError) as caught:
        module.name  # noqa: B018
    assert caught.value.__notes__ == ["pip install absent"]
