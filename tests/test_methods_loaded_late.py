"""Methods that are loaded when they are first called are seen at every call, like all others."""

import subprocess
import sys

PROGRAM = """
import tidu as torch
from tidu.overrides import TorchFunctionMode

class Mode(TorchFunctionMode):
    def __torch_function__(self, function, types, args=(), kwargs=None):
        seen.append(function.__name__)
        return function(*args, **(kwargs or {}))

seen, x = [], torch.ones(3)
with Mode():
    for _ in range(3):
        x.cauchy_()
print(*seen)
eight = torch.zeros(3).to(torch.float8_e4m3fn)
for _ in range(3):
    try:
        eight.bernoulli_()
    except NotImplementedError as error:
        print(str(error).splitlines()[0])
    x.bernoulli_()
"""


def test_at_every_call():
    run = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    refusal = "\"bernoulli_scalar_cpu_\" not implemented for 'Float8_e4m3fn'"
    assert run.stdout.splitlines() == ["cauchy_ cauchy_ cauchy_", *[refusal] * 3], run.stderr
