"""Tests here compare tidu with PyTorch itself; without it each file counts as skipped."""

import importlib.util

import pytest

MISSING = importlib.util.find_spec("torch") is None


class WithoutReference(pytest.Module):
    """A test file which is never imported, because its first lines import torch."""

    def collect(self):
        pytest.skip("PyTorch is not installed", allow_module_level=True)


def pytest_pycollect_makemodule(module_path, parent):
    if MISSING:
        return WithoutReference.from_parent(parent, path=module_path)
    return None
