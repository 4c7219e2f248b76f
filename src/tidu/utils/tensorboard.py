"""torch.utils.tensorboard: SummaryWriter, from tensorboardX where that is installed."""

from ..lazy import lazy_module

__all__ = ["SummaryWriter"]

_writer = lazy_module(
    "tensorboardX",
    "SummaryWriter writes event files with the package tensorboardX: pip install tensorboardX",
)


class SummaryWriter:
    """Writes scalars, histograms, images and text for TensorBoard.

    Made from tensorboardX, which gets tensors as arrays; ModuleNotFoundError where it is missing.
    """

    def __new__(cls, log_dir=None, comment="", purge_step=None, max_queue=10, flush_secs=120,
                filename_suffix="", **options):  # fmt: skip
        return _writer.SummaryWriter(
            logdir=log_dir, comment=comment, purge_step=purge_step, max_queue=max_queue,
            flush_secs=flush_secs, filename_suffix=filename_suffix, **options,
        )  # fmt: skip
