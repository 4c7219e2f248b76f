"""Modules imported at their first use."""

import subprocess
import sys
import textwrap

import pytest

from tidu.base.lazy import lazy_module


def test_imports_at_first_use():
    code = (
        "import sys; from tidu.base.lazy import lazy_module; colors = lazy_module('colorsys')\n"
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


def test_an_unknown_name_is_told_as_torch_tells_it():
    program = """
        import tidu as torch, tidu.nn.functional as F, tidu.optim.lr_scheduler as S
        import tidu.vision as vision
        places = {"torch": torch, "torch.nn": torch.nn, "torch.nn.functional": F,
                  "torch.optim.lr_scheduler": S, "torch.linalg": torch.linalg,
                  "torch.amp": torch.amp, "torch.utils.data": torch.utils.data,
                  "torch.backends": torch.backends,
                  "torch.nn.init": torch.nn.init, "torch.multiprocessing": torch.multiprocessing,
                  "torchvision": vision}
        for name, module in places.items():
            try:
                module.no_such_name
            except AttributeError as error:
                assert str(error) == f"module '{name}' has no attribute 'no_such_name'", error
            assert not hasattr(module, "no_such_name")
        for ask in (lambda: F.gellu, lambda: torch.optim.Adamm):
            try:
                ask()
            except AttributeError as error:
                print(type(error).__name__, str(error).splitlines()[1])
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True,
                          text=True)  # fmt: skip
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "AttributeError Hint: did you mean torch.nn.functional.gelu?",
        "AttributeError Hint: did you mean torch.optim.Adam?",
    ]


def test_what_a_program_has_set_stays():
    """Names of one module are kept together; what a program put in their place is not replaced."""
    program = (
        "import tidu as torch\n"
        "torch.save = mine = lambda *a: 'mine'\n"
        "torch.autograd.set_detect_anomaly = mine\n"
        "torch.load, torch.autograd.detect_anomaly\n"
        "assert torch.save is mine and torch.autograd.set_detect_anomaly is mine\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
