"""Saving is all or nothing: killed at any instant, or with any write failing, files stay whole."""

import errno
import io
import os
import subprocess
import sys

import numpy as np
import pytest

from tidu import ops
from tidu.serialization import load, save

pytestmark = pytest.mark.slow

KILLING = """
import os, random, signal, sys, time
import numpy as np
from tidu import ops
from tidu.serialization import load, save

path, kills, delays = sys.argv[1], int(sys.argv[2]), random.Random(5)
save({"i": 0, "x": ops.from_array(np.full(3000, 0, np.int64))}, path)
last, between = 0, 0
for _ in range(kills):
    ready, told = os.pipe()
    child = os.fork()
    if not child:
        i = last
        while True:
            i += 1
            save({"i": i, "x": ops.from_array(np.full(3000, i, np.int64))}, path)
            if told is not None:
                os.write(told, b"x")
                told = None
    os.read(ready, 1)
    os.close(ready), os.close(told)
    time.sleep(delays.random() * 0.004)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    value = load(path)
    assert (value["x"] == value["i"]).all() and value["x"].numel() == 3000
    assert value["i"] > last, "what was saved before is gone"
    last = value["i"]
print(kills, sorted(os.listdir(os.path.dirname(path))), flush=True)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and kill -9")
def test_killed_at_200_instants(tmp_path):
    run = subprocess.run([sys.executable, "-c", KILLING, str(tmp_path / "x.pt"), "200"],
                         capture_output=True, text=True)  # fmt: skip
    assert run.returncode == 0, run.stderr
    kills, _, names = run.stdout.partition(" ")
    assert kills == "200"
    if hasattr(os, "O_TMPFILE"):  # between the link and the replacement a second name may be left
        assert eval(names)[:1] == ["x.pt"] and len(eval(names)) < 20


class FailingFile(io.FileIO):
    """A file whose n-th write takes half of the bytes and then fails."""

    def __init__(self, number, fails_at, error):
        super().__init__(number, "wb")
        self.left, self.error = fails_at, error

    def write(self, data):
        FailingFile.writes += 1
        self.left -= 1
        if self.left == 0:
            super().write(bytes(data)[: len(data) // 2])
            raise OSError(self.error, os.strerror(self.error))
        return super().write(data)


def failing_open(fails_at, error, real=os.fdopen):
    def fdopen(number, mode="r", *rest, **words):
        if mode != "wb":
            return real(number, mode, *rest, **words)
        return io.BufferedWriter(FailingFile(number, fails_at, error), buffer_size=64)

    return fdopen


CONTENT = {
    "weights": [ops.from_array(np.arange(50.0)), ops.from_array(np.ones((3, 4), np.float32))],
    "names": ["a" * 90, {"lr": 0.1}],
}


@pytest.mark.parametrize("nameless", [True, False])
@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO], ids=["ENOSPC", "EIO"])
def test_every_write_may_fail(error, nameless, tmp_path, monkeypatch):
    path = tmp_path / "x.pt"
    save({"old": 1}, path)
    before = path.read_bytes()
    if not nameless:
        monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    FailingFile.writes = 0
    with monkeypatch.context() as patch:
        patch.setattr(os, "fdopen", failing_open(-1, error))
        save(CONTENT, tmp_path / "count.pt")
    os.unlink(tmp_path / "count.pt")
    count = FailingFile.writes
    assert count > 10
    for n in range(1, count + 1):
        with monkeypatch.context() as patch:
            patch.setattr(os, "fdopen", failing_open(n, error))
            with pytest.raises(OSError) as caught:
                save(CONTENT, path)
        assert caught.value.errno == error
        assert path.read_bytes() == before and os.listdir(tmp_path) == ["x.pt"], n
    save(CONTENT, path)
    assert load(path)["weights"][0].tolist() == list(range(50))


@pytest.mark.parametrize("failing", ["fsync", "replace", "link"])
def test_every_step_after_the_writes_may_fail(failing, tmp_path, monkeypatch):
    path = tmp_path / "x.pt"
    save({"old": 1}, path)

    def fail(*arguments, **words):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr(os, failing, fail)
        if failing == "link":  # a file system without /proc: written under a name instead
            save({"new": 2}, path)
        else:
            with pytest.raises(OSError, match="Input/output error"):
                save({"new": 2}, path)
    assert load(path) == ({"new": 2} if failing == "link" else {"old": 1})
    assert os.listdir(tmp_path) == ["x.pt"]
