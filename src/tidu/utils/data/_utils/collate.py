"""torch.utils.data._utils.collate, under the name by which programs know it."""

from ..collate import default_collate, default_convert

__all__ = ["default_collate", "default_convert"]
