"""What PyTorch answered to the samples of the records: one vector for each, in one file.

Written by `tools/record_operators.py`, which needs PyTorch.
"""

from pathlib import Path

import numpy as np

FILE = Path(__file__).parents[1] / "data" / "operators.npz"


def load():
    """id of a record -> its vector (`calls.numbers_of`)."""
    with np.load(FILE) as file:
        parts = np.split(file["values"], file["ends"][:-1])
        return dict(zip(file["names"].tolist(), parts, strict=True))


def store(vectors):
    """Written so that a diff of the file means a change of a value: sorted by name."""
    names = sorted(vectors)
    values = [np.asarray(vectors[name], np.float64) for name in names]
    ends = np.cumsum([len(v) for v in values])
    np.savez_compressed(FILE, names=np.array(names), ends=ends, values=np.concatenate(values))


def close(record, got, expected):
    """Vectors of both libraries; eager rounding of float32 results is allowed for."""
    assert got.shape == expected.shape, "run python tools/record_operators.py"
    np.testing.assert_allclose(got, expected, rtol=max(1e-6, record.tolerance), atol=1e-7)
