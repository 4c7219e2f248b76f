"""torch.jit.annotations: the words of `typing`, which programs for TorchScript import from here."""

from typing import Any, Dict, List, Optional, Tuple, Union  # noqa: UP035  the names asked for

from ..futures import Future

__all__ = ["Any", "BroadcastingList1", "BroadcastingList2", "BroadcastingList3", "Dict", "Future",
           "List", "Optional", "Tuple", "Union"]  # fmt: skip


class _Broadcasting:
    """BroadcastingList2[int]: an int, or a list of two."""

    def __getitem__(self, kind):
        return kind


BroadcastingList1 = BroadcastingList2 = BroadcastingList3 = _Broadcasting()
