"""torch.utils.data._utils.collate, under the name by which programs know it."""

import re

from ..collate import (
    collate,
    collate_tensor_fn,
    default_collate,
    default_collate_fn_map,
    default_convert,
)

__all__ = ["collate", "collate_tensor_fn", "default_collate", "default_collate_fn_map",
           "default_convert", "np_str_obj_array_pattern"]  # fmt: skip

np_str_obj_array_pattern = re.compile(r"[SaUO]")  # of dtype.str: arrays that are no tensors
