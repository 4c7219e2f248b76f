"""SummaryWriter: what it writes, TensorBoard's own reader reads."""

import importlib.util

import numpy as np
import pytest

import tidu as torch

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("tensorboardX") is None
    or importlib.util.find_spec("tensorboard") is None,
    reason="tensorboardX and tensorboard are not installed",
)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_event_files_are_read_back(tmp_path):
    summary = importlib.import_module("tidu.utils.tensorboard")
    accumulator = importlib.import_module("tensorboard.backend.event_processing.event_accumulator")
    with summary.SummaryWriter(tmp_path) as writer:
        for step in range(3):
            writer.add_scalar("loss", torch.tensor(1.5) / (step + 1), step)
        writer.add_scalars("both", {"a": torch.tensor(1.0), "b": 2.0}, 0)
        writer.add_histogram("weights", torch.arange(10.0), 0)
        writer.add_image("picture", torch.rand(3, 4, 5), 0)
        writer.add_text("note", "hello", 0)
    events = accumulator.EventAccumulator(str(tmp_path), size_guidance={"scalars": 0})
    events.Reload()
    losses = [(event.step, event.value) for event in events.Scalars("loss")]
    assert [step for step, _ in losses] == [0, 1, 2]
    np.testing.assert_allclose([value for _, value in losses], [1.5, 0.75, 0.5])
    tags = events.Tags()
    assert tags["histograms"] == ["weights"] and tags["images"] == ["picture"]
    assert events.Histograms("weights")[0].histogram_value.num == 10
    assert (events.Images("picture")[0].height, events.Images("picture")[0].width) == (4, 5)
