"""Write tests/data/operators.npz: what PyTorch answers to the samples of the operator records.

Needs PyTorch. `--check` only says whether the file is what would be written.
"""

import argparse
import importlib
import sys
import warnings
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "operators"))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only compare")
    check = parser.parse_args().check
    torch, calls, records, recorded = map(
        importlib.import_module, ("torch", "calls", "records", "recorded")
    )
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    vectors, failed = {}, False
    for record in records.RECORDS:
        try:
            vectors[record.id] = calls.numbers_of(torch, record)
        except Exception as error:
            print(f"{record.id}: {type(error).__name__}: {error}", file=sys.stderr)
            failed = True
    if failed:
        return 1
    if not check:
        recorded.store(vectors)
        return 0
    kept = recorded.load()
    same = kept.keys() == vectors.keys() and all(
        kept[n].shape == v.shape and np.allclose(kept[n], v, 1e-6, 1e-7, equal_nan=True)
        for n, v in vectors.items()
    )
    return 0 if same else "tests/data/operators.npz is out of date"


if __name__ == "__main__":
    sys.exit(main())
