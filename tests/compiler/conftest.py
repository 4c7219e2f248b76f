"""The compiler's tests need the extra `fast`; without it they are not collected."""

import sys
from pathlib import Path

import pytest

from tidu.compiler.calls.optimized import Optimized
from tidu.compiler.execution import program
from tidu.compiler.machine import native

sys.path.insert(0, str(Path(__file__).parent))

collect_ignore_glob = [] if native.available() else ["test_*.py"]


@pytest.fixture
def general(monkeypatch):
    """Counts the calls that took the general way."""
    calls, was = [], Optimized._call

    def counted(self, args, kwargs):
        calls.append(self)
        return was(self, args, kwargs)

    monkeypatch.setattr(Optimized, "_call", counted)
    return calls


@pytest.fixture
def made(monkeypatch):
    """The programs that are made."""
    found, init = [], program.Program.__init__

    def kept(self, *args, **kwargs):
        init(self, *args, **kwargs)
        found.append(self)

    monkeypatch.setattr(program.Program, "__init__", kept)
    return found
