"""detect_anomaly: where in the forward pass the operation was whose backward went wrong."""

import sys
import traceback
import warnings

from ..core import modes
from ..core.handle import TensorBase
from ..core.node import Node, hooks_of, name_of

__all__ = [
    "detect_anomaly",
    "is_anomaly_check_nan_enabled",
    "is_anomaly_enabled",
    "set_anomaly_enabled",
    "set_detect_anomaly",
]


class _Watcher:
    """Notes where each node was made, and looks at what each backward step gives."""

    check_nan = True

    def applied(self, prim, args, params, result):
        for part in result if isinstance(result, tuple) else (result,):
            node = part._node if isinstance(part, TensorBase) else None
            if node.__class__ is Node:
                self.made(node)

    def made(self, node):
        """A node was made by the line that runs now."""
        hooks = hooks_of(node)
        if hooks.metadata is None:
            hooks.metadata = {}
        if "traceback_" not in hooks.metadata:
            hooks.metadata["traceback_"] = traceback.format_stack(sys._getframe(3), 12)

    def failed(self, node):
        """The backward of a node raised."""
        _report(node)

    def pass_begins(self, job, seeds):
        pass

    def pass_ends(self, job):
        pass

    def visited(self, job, node, g, out):
        if not self.check_nan:
            return
        for i, part in enumerate(out):
            value = part._value if isinstance(part, TensorBase) else part
            if getattr(value, "dtype", None) is not None and bool((value != value).any()):
                _report(node)
                raise RuntimeError(
                    f"Function '{name_of(node)}' returned nan values in its {i}th output."
                )


def _report(node):
    lines = node.hooks.metadata.get("traceback_") if node.hooks and node.hooks.metadata else None
    where = (
        "Traceback of forward call that caused the error:\n" + "".join(lines) if lines
        else "No forward pass information available. Enable detect anomaly during forward pass for "
        "more information."
    )  # fmt: skip
    warnings.warn(f"Error detected in {name_of(node)}. {where}", UserWarning, stacklevel=2)


_STATE = {"watcher": None}


def _switch(mode, check_nan):
    if _STATE["watcher"] is not None:
        modes.unlisten(_STATE["watcher"])
        _STATE["watcher"] = None
    if mode:
        watcher = _Watcher()
        watcher.check_nan = check_nan
        _STATE["watcher"] = watcher
        modes.listen(watcher)


class set_detect_anomaly:
    """Switch anomaly detection on or off; acts at once, and as a context."""

    def __init__(self, mode, check_nan=True):
        self.was = is_anomaly_enabled(), is_anomaly_check_nan_enabled()
        _switch(mode, check_nan)

    def __enter__(self):
        return None

    def __exit__(self, *exc):
        _switch(*self.was)


class detect_anomaly:
    """Inside, backward names the operation that gave NaN and shows the line that called it.

    >>> import tidu as torch
    >>> with torch.autograd.set_detect_anomaly(False):
    ...     torch.is_anomaly_enabled()
    False
    """

    def __init__(self, check_nan=True):
        self.check_nan = check_nan
        warnings.warn(
            "Anomaly Detection has been enabled. This mode will increase the runtime and should "
            "only be enabled for debugging.", UserWarning, stacklevel=2,
        )  # fmt: skip

    def __enter__(self):
        self.was = is_anomaly_enabled(), is_anomaly_check_nan_enabled()
        _switch(True, self.check_nan)

    def __exit__(self, *exc):
        _switch(*self.was)


def set_anomaly_enabled(enabled, check_nan=True):
    """Switch it for good; `set_detect_anomaly` says what was before."""
    _switch(enabled, check_nan)


def is_anomaly_enabled():
    """Whether backward looks for anomalies."""
    return modes.setting(_STATE, "watcher") is not None


def is_anomaly_check_nan_enabled():
    return _STATE["watcher"] is None or _STATE["watcher"].check_nan
