"""Loading data against PyTorch: the same batches in the same shuffled order, the same errors."""

import random
from collections import namedtuple

import numpy as np
import pytest

import tidu
import tidu.utils.data

torch = pytest.importorskip("torch")

Pair = namedtuple("Pair", "a b")


def plain(library, value):
    """Tensors as their type and numbers, in containers of any kind."""
    if isinstance(value, library.Tensor):
        return "tensor", str(value.dtype), value.tolist()
    if isinstance(value, dict):
        return {key: plain(library, item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value).__name__, [plain(library, item) for item in value]
    return value


class Names:
    """What the cases below speak of, in one library."""

    def __init__(self, library):
        data = library.utils.data
        self.library, self.data = library, data

        class Mixed(data.Dataset):
            def __len__(self):
                return 11

            def __getitem__(self, i):
                pair = Pair(library.tensor([i]), np.ones(2) * i)
                return {"x": np.float32(i), "y": (i, float(i), "s", pair)}

        class Stream(data.IterableDataset):
            def __iter__(self):
                info = data.get_worker_info()
                return iter(range(7) if info is None else range(info.id, 7, info.num_workers))

        class Noise(data.Dataset):
            def __len__(self):
                return 6

            def __getitem__(self, i):
                info = data.get_worker_info()
                numbers = library.rand(1).item(), np.random.rand(), random.random()
                return (i, *numbers, -1 if info is None else info.id)

        class Faulty(data.Dataset):
            def __len__(self):
                return 6

            def __getitem__(self, i):
                if i == 3:
                    raise ValueError("three is bad")
                return i

        class Ragged(data.Dataset):
            def __len__(self):
                return 3

            def __getitem__(self, i):
                return library.ones(i + 1)

        rows = library.arange(10.0), library.arange(20).reshape(10, 2)
        self.names = {
            **vars(data), "lib": library, "np": np, "t": data.TensorDataset(*rows),
            "Mixed": Mixed, "Stream": Stream, "Noise": Noise, "Faulty": Faulty, "Ragged": Ragged,
        }  # fmt: skip

    def answer(self, code):
        self.library.manual_seed(3)
        try:
            found = [plain(self.library, item) for item in eval(code, self.names)]
        except Exception as error:
            return type(error).__name__, str(error).split("\n")[0]
        return found, self.library.rand(1).item()


CASES = [
    "DataLoader(t, batch_size=3, shuffle=True)",
    "DataLoader(t, batch_size=4, shuffle=True, drop_last=True)",
    "DataLoader(t, batch_size=3, shuffle=True, generator=lib.Generator().manual_seed(5))",
    "[part.indices for part in random_split(t, [0.7, 0.3])]",
    "[part.indices for part in random_split(t, [4, 6], lib.Generator().manual_seed(1))]",
    "DataLoader(random_split(t, [7, 3])[0], batch_size=2, shuffle=True)",
    "DataLoader(Mixed(), batch_size=4)",
    "DataLoader(Mixed(), batch_size=None)",
    "DataLoader(Mixed(), batch_size=4, num_workers=2, shuffle=True)",
    "DataLoader(Stream(), batch_size=2)",
    "DataLoader(Stream(), batch_size=2, drop_last=True)",
    "DataLoader(Stream(), batch_size=2, num_workers=2)",
    "DataLoader(Noise(), batch_size=2, num_workers=2)",
    (
        "[b for l in [DataLoader(Noise(), batch_size=2, num_workers=2, persistent_workers=True)] "
        "for _ in range(2) for b in l]"
    ),
    "DataLoader(Faulty(), num_workers=1)",
    "DataLoader(Faulty())",
    "DataLoader(Ragged(), batch_size=3)",
    "DataLoader(ConcatDataset([t, t]), batch_size=7, shuffle=True)",
    "DataLoader(StackDataset(a=range(3), b=range(3)), batch_size=2)",
    "[list(RandomSampler(range(5), num_samples=12))]",
    "[list(RandomSampler(range(50), replacement=True, num_samples=40))]",
    "[list(WeightedRandomSampler([0.1, 0.5, 0.4], 10))]",
    "[list(WeightedRandomSampler([0.1, 0.5, 0.4], 3, replacement=False))]",
    "[list(SubsetRandomSampler([3, 5, 7, 9]))]",
    "[list(DistributedSampler(range(10), num_replicas=3, rank=1))]",
    "[default_collate(['a', 'b']), default_collate([True, False]), default_collate([1.0, 2.0])]",
    "[default_collate([np.int32(1), np.int32(2)]), default_convert({'a': np.ones(2)})]",
    "default_collate([object()])",
    "default_collate([[1, 2], [1]])",
    "DataLoader(t, batch_size=0)",
    "DataLoader(t, shuffle=True, sampler=SequentialSampler(t))",
    "DataLoader(t, num_workers=-1)",
    "DataLoader(t, prefetch_factor=2)",
    "DataLoader(t, batch_size=None, drop_last=True)",
    "DataLoader(t, persistent_workers=True)",
    "DataLoader(Stream(), shuffle=True)",
    "random_split(t, [1, 2])",
    "RandomSampler(range(3), num_samples=0)",
]


@pytest.fixture(scope="module")
def both():
    return Names(tidu), Names(torch)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("code", CASES)
def test_same_batches(both, code):
    # NumPy's and Python's own streams are alike only inside workers, which seed them.
    ours, theirs = both
    assert ours.answer(code) == theirs.answer(code)
