"""Data loading: order, batches, workers. Recorded orders are PyTorch 2.13's."""

import time

import numpy as np
import pytest

import tidu as torch
from tidu.utils.data import (
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    TensorDataset,
    get_worker_info,
    random_split,
)

RECORDED = [
    [[6, 7, 1, 4], [2, 0, 9, 8], [3, 5]],
    [[2, 4, 7, 0], [8, 9, 5, 3], [6, 1]],
]


def test_shuffled_order_is_pytorchs():
    torch.manual_seed(0)
    loader = DataLoader(TensorDataset(torch.arange(10)), batch_size=4, shuffle=True)
    found = [[batch[0].tolist() for batch in loader] for _ in range(2)]
    assert found == RECORDED


def test_rows_at_once_are_rows_stacked():
    x, y = torch.randn(9, 3), torch.arange(9)
    quick = DataLoader(TensorDataset(x, y), batch_size=4)

    class Slow(TensorDataset):
        pass

    slow = DataLoader(Slow(x, y), batch_size=4)
    for a, b in zip(quick, slow, strict=True):
        for u, v in zip(a, b, strict=True):
            np.testing.assert_array_equal(u.numpy(), v.numpy())
            assert u.dtype == v.dtype


def test_split_by_shares():
    parts = random_split(range(11), [0.5, 0.5], torch.Generator().manual_seed(0))
    assert [len(part) for part in parts] == [6, 5]
    assert sorted(parts[0].indices + parts[1].indices) == list(range(11))


class Squares(Dataset):
    def __len__(self):
        return 20

    def __getitem__(self, i):
        if i == 13 and get_worker_info() is not None and get_worker_info().dataset.fails:
            raise KeyError("thirteen")
        return torch.tensor(i * i)

    fails = False


@pytest.mark.filterwarnings("ignore:This DataLoader will create")
@pytest.mark.parametrize("workers", [1, 3])
def test_workers_keep_the_order(workers):
    loader = DataLoader(Squares(), batch_size=3, num_workers=workers)
    found = [i for batch in loader for i in batch.tolist()]
    assert found == [i * i for i in range(20)]


def test_workers_stay():
    loader = DataLoader(Squares(), batch_size=5, num_workers=2, persistent_workers=True)
    first = [process.pid for process in iter(loader).workers]
    epochs = [[batch.sum().item() for batch in loader] for _ in range(2)]
    assert epochs[0] == epochs[1]
    assert [process.pid for process in loader._iterator.workers] == first
    loader._iterator.close()


def test_leaving_an_epoch_early():
    loader = DataLoader(Squares(), batch_size=2, num_workers=2, persistent_workers=True)
    for batch in loader:
        assert batch.tolist() == [0, 1]
        break
    assert [i for batch in loader for i in batch.tolist()] == [i * i for i in range(20)]
    loader._iterator.close()


def test_error_of_a_worker():
    data = Squares()
    data.fails = True
    with pytest.raises(KeyError) as caught:
        list(DataLoader(data, batch_size=3, num_workers=2))
    assert "Caught KeyError in DataLoader worker process" in str(caught.value)
    assert "__getitem__" in str(caught.value)


def test_batch_that_cannot_travel():
    class Local(Dataset):
        def __len__(self):
            return 2

        def __getitem__(self, i):
            return i

    loader = DataLoader(Local(), num_workers=1, collate_fn=lambda batch: lambda: batch)
    with pytest.raises(Exception, match="worker process 0"):
        list(loader)


class Slow(Dataset):
    def __len__(self):
        return 1

    def __getitem__(self, i):
        time.sleep(5)


def test_timeout():
    with pytest.raises(RuntimeError, match=r"DataLoader timed out after 0\.2 seconds"):
        list(DataLoader(Slow(), num_workers=1, timeout=0.2))


class Count(IterableDataset):
    def __init__(self, end):
        self.end = end

    def __iter__(self):
        info = get_worker_info()
        start, step = (0, 1) if info is None else (info.id, info.num_workers)
        return iter(range(start, self.end, step))


@pytest.mark.parametrize("workers", [0, 2])
def test_streams(workers):
    loader = DataLoader(Count(7), batch_size=2, num_workers=workers)
    assert sorted(i for batch in loader for i in batch.tolist()) == list(range(7))


def test_worker_seeds_and_setup():
    class Noise(Squares):
        def __getitem__(self, i):
            return torch.rand(()).item(), np.random.rand()

    def run():
        torch.manual_seed(1)
        return [b[0].tolist() + b[1].tolist() for b in DataLoader(Noise(), 5, num_workers=2)]

    once = run()
    assert once == run()
    assert len({tuple(row) for row in once}) == len(once)


def test_sampler_with_replacement():
    sampler = RandomSampler(range(3), replacement=True, num_samples=40)
    assert len(list(sampler)) == 40 and set(sampler) <= {0, 1, 2}
