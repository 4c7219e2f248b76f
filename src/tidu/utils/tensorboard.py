"""torch.utils.tensorboard: SummaryWriter, from tensorboardX where that is installed."""

import warnings

from ..base.lazy import lazy_module

__all__ = ["SummaryWriter"]

_writer = lazy_module(
    "tensorboardX",
    "SummaryWriter writes event files with the package tensorboardX: pip install tensorboardX",
)


class SummaryWriter:
    """Writes scalars, histograms, images and text for TensorBoard.

    Everything is written by tensorboardX's writer, which gets tensors as arrays;
    ModuleNotFoundError where it is missing. The graph of a model is not written.
    """

    def __init__(self, log_dir=None, comment="", purge_step=None, max_queue=10, flush_secs=120,
                 filename_suffix="", **options):  # fmt: skip
        self._writer = _writer.SummaryWriter(
            logdir=log_dir, comment=comment, purge_step=purge_step, max_queue=max_queue,
            flush_secs=flush_secs, filename_suffix=filename_suffix, **options,
        )  # fmt: skip
        self.log_dir = self._writer.logdir

    def __getattr__(self, name):
        if name == "_writer":
            raise AttributeError(name)
        return getattr(self._writer, name)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def get_logdir(self):
        """The folder of the event files."""
        return self.log_dir

    def add_graph(self, model, input_to_model=None, verbose=False, use_strict_trace=True):
        """Says, once for each place, that graphs are not written, and goes on."""
        warnings.warn(
            "SummaryWriter.add_graph writes nothing here: `tidu explain` shows the graph of a "
            "program.",
            stacklevel=2,
        )
