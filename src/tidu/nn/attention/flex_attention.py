"""torch.nn.attention.flex_attention: attention whose scores a function of the user's changes."""

import math
from typing import NamedTuple

from ... import ops
from ...base.dtypes import bool as bool_
from ...base.errors import hinted
from ...func import vmap

__all__ = ["AuxOutput", "AuxRequest", "BlockMask", "and_masks", "create_block_mask", "create_mask",
           "flex_attention", "noop_mask", "or_masks"]  # fmt: skip


_DEFAULT_SPARSE_BLOCK_SIZE = 128


class AuxRequest(NamedTuple):
    """What `flex_attention` gives beside its result, with ``return_aux``."""

    lse: bool = False
    max_scores: bool = False


class AuxOutput(NamedTuple):
    """What was asked for by an AuxRequest, None for the rest."""

    lse: object = None
    max_scores: object = None


class BlockMask:
    """Which queries may see which keys: the mask `create_block_mask` worked out."""

    def __init__(self, mask, mask_mod):
        self.mask, self.mask_mod = mask, mask_mod

    @property
    def shape(self):
        return self.mask.shape

    def to_dense(self):
        """The mask (B, H, queries, keys)."""
        return self.mask

    def sparsity(self):
        """Percent of the pairs that are left out."""
        return 100.0 * (1.0 - self.mask.float().mean().item())


def _indices(*sizes):
    return [ops.arange(size) for size in sizes]


def _over_all(function, batches, heads, queries, keys, *leading):
    """function(..., b, h, q, k) at every place (batch, head, query, key), by vmap."""
    first = (0,) if leading else ()
    none = (None,) if leading else ()
    at = vmap(function, in_dims=(*first, None, None, None, 0))
    at = vmap(at, in_dims=(*first, None, None, 0, None))
    at = vmap(at, in_dims=(*first, None, 0, None, None))
    at = vmap(at, in_dims=(*(first or none), 0, None, None, None))
    return at(*leading, *_indices(batches, heads, queries, keys))


def create_mask(mod_fn, B, H, Q_LEN, KV_LEN, device=None):
    """The boolean mask (B, H, Q_LEN, KV_LEN) of mod_fn(b, h, q_index, kv_index)."""
    return _over_all(mod_fn, B or 1, H or 1, Q_LEN, KV_LEN).to(bool_)


def create_block_mask(mask_mod, B, H, Q_LEN, KV_LEN, device=None, BLOCK_SIZE=128, _compile=False,
                      separate_full_blocks=True, compute_dq_write_order=False,
                      dq_kv_order=True):  # fmt: skip
    """The mask of mask_mod(b, h, q_index, kv_index), for `flex_attention`; True is seen."""
    return BlockMask(create_mask(mask_mod, B, H, Q_LEN, KV_LEN), mask_mod)


def noop_mask(batch, head, token_q, token_kv):
    """Lets every query see every key."""
    return ops.ones((), dtype=bool_)


def and_masks(*mask_mods):
    """A mask that holds where all hold."""

    def mask(b, h, q, k):
        result = mask_mods[0](b, h, q, k)
        for mod in mask_mods[1:]:
            result = result & mod(b, h, q, k)
        return result

    return mask


def or_masks(*mask_mods):
    """A mask that holds where one holds."""

    def mask(b, h, q, k):
        result = mask_mods[0](b, h, q, k)
        for mod in mask_mods[1:]:
            result = result | mod(b, h, q, k)
        return result

    return mask


def flex_attention(query, key, value, score_mod=None, block_mask=None, scale=None,
                   enable_gqa=False, return_lse=False, kernel_options=None, *,
                   return_aux=None):  # fmt: skip
    """Attention (B, H, L, E) x (B, H, S, E) whose scores are score_mod(score, b, h, q, k).

    `block_mask` comes from `create_block_mask`. With `return_lse`, also the logarithm of the sum of
    the exponentials of each query's scores; with `return_aux`, an AuxOutput of what it asks for.
    """
    if query.dim() != 4 or key.dim() != 4 or value.dim() != 4:
        raise ValueError(hinted(
            "Expected query, key, and value to be 4D tensors.", "shapes are (B, H, L, E).",
        ))  # fmt: skip
    if enable_gqa:
        key = key.repeat_interleave(query.size(1) // key.size(1), 1)
        value = value.repeat_interleave(query.size(1) // value.size(1), 1)
    factor = 1.0 / math.sqrt(query.size(-1)) if scale is None else scale
    scores = ops.matmul(query, key.transpose(-2, -1)) * factor
    if score_mod is not None:
        scores = _over_all(score_mod, *scores.shape, scores)
    if block_mask is not None:
        mask = block_mask.mask[:, :, : query.size(2), : key.size(2)]
        scores = scores.masked_fill(~mask, -math.inf)
    lse = ops.logsumexp(scores, -1)
    seen = lse.isneginf().unsqueeze(-1)
    weights = ops.softmax(scores, -1).masked_fill(seen, 0.0)
    result = ops.matmul(weights, value)
    if return_aux is not None:
        largest = scores.amax(-1) if return_aux.max_scores else None
        return result, AuxOutput(lse if return_aux.lse else None, largest)
    return (result, lse) if return_lse else result
