"""NumPy's floating-point warnings: never of tidu's lines, always of the program's."""

import math
import subprocess
import sys
import textwrap
import warnings

import numpy as np
import pytest

import tidu as torch
from tidu.base.process.start import silence_own_arithmetic


def infinite():
    x = torch.tensor([-1.0, 0.0, 1e38])
    results = [
        x.log(),
        1 / x,
        x * x * x,
        x / 0,
        torch.sqrt(x),
        x.pow(-0.5),
        torch.tensor(0.0).log(),
        torch.sinc(torch.tensor([math.inf])),
    ]
    return all(bool((~r.isfinite()).any()) for r in results)


@pytest.fixture(autouse=True)
def installed():
    """As after an import: pytest imported tidu in a block of its own, which it has left."""
    with warnings.catch_warnings():
        silence_own_arithmetic()
        yield


def test_errors_are_for_the_program_s_own_lines():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert infinite()
        with pytest.raises(RuntimeWarning):
            np.log(np.zeros(1))
        warnings.resetwarnings()
        warnings.simplefilter("error")
        assert infinite()
        with warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)
            assert infinite()
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        infinite()
        np.log(np.zeros(1))
    assert [str(w.message) for w in seen] == ["divide by zero encountered in log"]


def test_a_filter_for_modules_still_wins():
    with warnings.catch_warnings():
        warnings.filterwarnings("error", module=r"tidu\.")
        with pytest.raises(RuntimeWarning):
            infinite()


@pytest.mark.slow
def test_numpy_keeps_its_state():
    program = """
        import numpy as np
        before = np.geterr()
        import tidu as torch
        assert np.geterr() == before
        import warnings
        warnings.simplefilter("error")
        torch.tensor([0.0]).log()
        try:
            np.log(np.zeros(1))
        except RuntimeWarning as error:
            print(error)
    """
    for options in ([], ["-W", "error"]):
        run = subprocess.run([sys.executable, *options, "-c", textwrap.dedent(program)],
                             capture_output=True, text=True)  # fmt: skip
        assert run.stdout == "divide by zero encountered in log\n", run.stderr
