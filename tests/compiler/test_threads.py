"""torch.set_num_threads reaches the threads of generated code."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

import tidu as torch
from tidu.compiler.machine import native

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not native.available(), reason="needs llvmlite")]

PROGRAM = """
import os, sys, time
import tidu as torch
torch.set_num_threads(int(sys.argv[1]))
x = torch.ones(600, 600)
def spent():
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(40):
        x @ x
    return (time.process_time() - cpu) / (time.perf_counter() - wall)
x @ x
print(len(os.listdir("/proc/self/task")), torch.get_num_threads())
torch.set_num_threads(1)
y = torch.ones(1 << 20)
for _ in range(20):
    y.tanh()
print(spent())
torch.set_num_threads(2)
print(bool(((x @ x) == 600).all()))
"""


@pytest.mark.slow
@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="counts threads through /proc")
def test_one_thread_computes_alone():
    run = subprocess.run([sys.executable, "-c", PROGRAM, "1"], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    (_, count), (share,), (right,) = [line.split() for line in run.stdout.splitlines()]
    assert count == "1" and float(share) < 1.2 and right == "True"


def test_back_and_forth():
    before = torch.get_num_threads()
    x = torch.ones(300, 300)
    try:
        for count in (1, 2, 1, 3, before):
            torch.set_num_threads(count)
            assert torch.get_num_threads() == count
            assert bool(((x @ x) == 300).all()) and np.allclose(torch.ones(1 << 18).exp(), np.e)
    finally:
        torch.set_num_threads(before)
    assert threading.active_count() < 50
    with pytest.raises(RuntimeError, match="expects a positive integer"):
        torch.set_num_threads(0)
