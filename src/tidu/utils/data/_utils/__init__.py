"""torch.utils.data._utils: where programs look for the functions behind DataLoader."""

from .. import fetch, worker
from . import collate

__all__ = ["collate", "fetch", "worker"]
