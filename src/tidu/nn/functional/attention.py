"""Attention: `scaled_dot_product_attention` and what MultiheadAttention computes."""

import math

from ... import ops
from ...base.dtypes import bool as bool_
from ...base.errors import hinted
from ...core.retries import asked
from ...ops.convert import RESULT, Later, named, shown_beyond
from ...ops.network import attention as fused_attention
from .dropout import dropout

__all__ = ["multi_head_attention_forward", "scaled_dot_product_attention"]


@asked
def scaled_dot_product_attention(
    query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None, enable_gqa=False
):
    """softmax(Q Kᵀ · scale + mask) V, with shapes (..., L, E), (..., S, E), (..., S, Ev).

    A boolean mask keeps where it is True; ``is_causal`` lets place i see places up to i.

    >>> import tidu as torch
    >>> q = torch.ones(1, 2, 4)
    >>> torch.nn.functional.scaled_dot_product_attention(q, q, q).shape
    torch.Size([1, 2, 4])
    """
    if is_causal and attn_mask is not None:
        raise RuntimeError(
            hinted(
                "_scaled_dot_product_attention: Explicit attn_mask should not be set when "
                "is_causal=True",
                "add the causal part to your mask, or leave one of them out.",
            )
        )
    if min(query.dim(), key.dim(), value.dim()) < 2:
        raise RuntimeError(
            hinted(
                "Expected query, key, and value to all be  at least 2 dimensional, but got "
                f"query.dim: {query.dim()} key.dim: {key.dim()} and value.dim: {value.dim()} "
                "instead.",
                "their shapes are (..., length, features).",
            )
        )
    if enable_gqa:
        key = key.repeat_interleave(query.size(-3) // key.size(-3), -3)
        value = value.repeat_interleave(query.size(-3) // value.size(-3), -3)
    factor, mask = 1.0 / math.sqrt(query.size(-1)) if scale is None else scale, attn_mask
    if attn_mask is None and dropout_p == 0.0:
        result = fused_attention(query, key, value, factor, is_causal)
        if result is not None:
            return result
    scores = ops.matmul(query * factor, key.transpose(-2, -1))
    if is_causal:
        attn_mask = ops.ones(query.size(-2), key.size(-2), dtype=bool_).tril()
    scores = _masked(scores, attn_mask)
    weights = ops.softmax(scores, -1)
    if attn_mask is not None and attn_mask.dtype == bool_ and not is_causal:
        # A row that may see nothing gives zeros, not NaN; a causal one sees the first place.
        weights = weights.masked_fill(~attn_mask.any(-1, keepdim=True), 0.0)
    if dropout_p > 0.0:
        weights = dropout(weights, dropout_p)
    result = ops.matmul(weights, value)
    if dropout_p > 0.0 or query.dim() != 4 or result._node is None:
        return result
    return _as_one_step(result, query, key, value, mask, is_causal, scale)


def _as_one_step(result, query, key, value, mask, causal, scale):
    """PyTorch computes it by one fused kernel."""
    return named(result, "ScaledDotProductFlashAttentionForCpuBackward0", query, key, value,
                 query=query, key=key, value=value, attn_mask=mask, is_causal=causal,
                 dropout_p=0.0, scale=scale, output=RESULT,
                 logsumexp=Later(_logsumexp, query, key, mask, scale))  # fmt: skip


def _logsumexp(query, key, mask, scale):
    factor = 1.0 / math.sqrt(query.size(-1)) if scale is None else scale
    scores = _masked(ops.matmul(query * factor, key.transpose(-2, -1)), mask)
    return ops.logsumexp(scores, -1)


def _masked(scores, mask):
    if mask is None:
        return scores
    if mask.dtype == bool_:
        return scores.masked_fill(~mask, -math.inf)
    return scores + mask


def _as_float_mask(mask, dtype, name):
    """A boolean mask (True: hidden) as numbers to add."""
    if mask is None:
        return None
    if mask.dtype == bool_:
        return ops.zeros(mask.shape, dtype=dtype).masked_fill_(mask, -math.inf)
    if not mask.is_floating_point():
        raise AssertionError(f"only bool and floating types of {name} are supported")
    return mask


def _projected(query, key, value, weights, bias):
    """Q, K and V from one packed weight, or from three."""
    if not isinstance(weights, tuple):
        size = query.size(-1)
        if query is key and key is value:
            return _unpacked(ops.linear(query, weights, bias), size)
        if key is value:
            first, rest = weights.split([size, 2 * size])
            biases = (None, None) if bias is None else bias.split([size, 2 * size])
            own, joint = ops.linear(query, first, biases[0]), ops.linear(key, rest, biases[1])
            return own, *_unpacked(joint, size)
        weights = weights.split(size)
    biases = (None, None, None) if bias is None else bias.split(bias.size(0) // 3)
    return [
        ops.linear(x, w, b) for x, w, b in zip((query, key, value), weights, biases, strict=True)
    ]


def _unpacked(packed, size):
    """The parts of a joint projection, with the steps by which PyTorch comes to them."""
    parts, copied = packed.split(size, -1), ("Transpose", ("Unsqueeze", ("View", packed)))
    for part in parts:
        named(part, _PART, ("Clone", ("SqueezeBackward1", copied)))
    return parts


_PART = "SelectBackward0"


def _check_shapes(query, key, value, key_padding_mask, attn_mask, num_heads):
    if query.dim() not in (2, 3):
        raise AssertionError(
            f"query should be unbatched 2D or batched 3D tensor but received {query.dim()}-D query "
            "tensor"
        )
    if key.dim() != query.dim() or value.dim() != query.dim():
        batched = "batched" if query.dim() == 3 else "unbatched"
        raise AssertionError(
            f"For {batched} ({query.dim()}-D) `query`, expected `key` and `value` to be "
            f"{query.dim()}-D but found {key.dim()}-D and {value.dim()}-D tensors respectively"
        )
    if key_padding_mask is not None and key_padding_mask.dim() != query.dim() - 1:
        batched = "batched" if query.dim() == 3 else "unbatched"
        raise AssertionError(
            f"For {batched} ({query.dim()}-D) `query`, expected `key_padding_mask` to be `None` or "
            f"{query.dim() - 1}-D but found {key_padding_mask.dim()}-D tensor instead"
        )
    return query.dim() == 3


def _check_lengths(key, value, key_padding_mask, separate):
    """That keys, values and the mask of padding speak of the same places."""
    if separate and key.shape[:2] != value.shape[:2]:
        raise AssertionError(
            f"key's sequence and batch dims {key.shape[:2]} do not match value's {value.shape[:2]}"
        )
    if not separate and key.shape != value.shape:
        raise AssertionError(f"key shape {key.shape} does not match value shape {value.shape}")
    if key_padding_mask is not None:
        for axis, wanted in ((0, key.size(1)), (1, key.size(0))):
            if key_padding_mask.size(axis) != wanted:
                raise AssertionError(
                    f"Expected key_padded_mask.shape[{axis}] to be {wanted}, but got "
                    f"{key_padding_mask.size(axis)}"
                )


def _heads(x, batch, num_heads, head):
    """(length, batch, embed) to (batch · heads, length, head)."""
    rows = named(x.reshape(x.size(0), batch * num_heads, head), "ViewBackward0", x)
    return shown_beyond(rows, [x], _PART, 0).transpose(0, 1)


def _with_row(x, row):
    return ops.cat([x, row])


def _widened(mask):
    """One more column of zeros, for a key that was added."""
    if mask is None:
        return None
    return ops.cat([mask, ops.zeros([*mask.shape[:-1], 1], dtype=mask.dtype)], -1)


@asked
def multi_head_attention_forward(
    query, key, value, embed_dim_to_check, num_heads, in_proj_weight, in_proj_bias, bias_k, bias_v,
    add_zero_attn, dropout_p, out_proj_weight, out_proj_bias, training=True, key_padding_mask=None,
    need_weights=True, attn_mask=None, use_separate_proj_weight=False, q_proj_weight=None,
    k_proj_weight=None, v_proj_weight=None, static_k=None, static_v=None,
    average_attn_weights=True, is_causal=False,
):  # fmt: skip
    """What `torch.nn.MultiheadAttention` computes: (output, weights or None).

    ``query`` is (L, N, E), ``key`` and ``value`` (S, N, ·); without a batch, (L, E) and (S, ·).
    """
    batched = _check_shapes(query, key, value, key_padding_mask, attn_mask, num_heads)
    if is_causal and attn_mask is None:
        raise RuntimeError(
            hinted(
                "Need attn_mask if specifying the is_causal hint. You may use the Transformer "
                "module method `generate_square_subsequent_mask` to create this mask.",
                "pass Transformer.generate_square_subsequent_mask(length) as attn_mask.",
            )
        )
    if not batched:
        same = query is key and key is value
        query = query.unsqueeze(1)
        key, value = (query, query) if same else (key.unsqueeze(1), value.unsqueeze(1))
        key_padding_mask = None if key_padding_mask is None else key_padding_mask.unsqueeze(0)
    length, batch, embed = query.shape
    if embed != embed_dim_to_check:
        raise AssertionError(
            f"was expecting embedding dimension of {embed_dim_to_check}, but got {embed}"
        )
    _check_lengths(key, value, key_padding_mask, use_separate_proj_weight)
    attn_mask = _checked_mask(attn_mask, query, key, batch * num_heads)
    key_padding_mask = _as_float_mask(key_padding_mask, query.dtype, "key_padding_mask")
    weights = in_proj_weight
    if use_separate_proj_weight:
        weights = (q_proj_weight, k_proj_weight, v_proj_weight)
    q, k, v = _projected(query, key, value, weights, in_proj_bias)
    if bias_k is not None and bias_v is not None:
        k, v = _with_row(k, bias_k.repeat(1, batch, 1)), _with_row(v, bias_v.repeat(1, batch, 1))
        attn_mask, key_padding_mask = _widened(attn_mask), _widened(key_padding_mask)
    head = embed // num_heads
    q = _heads(q, batch, num_heads, head)
    k = _heads(k, batch, num_heads, head) if static_k is None else static_k
    v = _heads(v, batch, num_heads, head) if static_v is None else static_v
    if add_zero_attn:
        k, v = (ops.cat([x, ops.zeros_like(x[:, :1], requires_grad=False)], 1) for x in (k, v))
        attn_mask, key_padding_mask = _widened(attn_mask), _widened(key_padding_mask)
    causal = is_causal and key_padding_mask is None and not need_weights
    mask = None if causal else _joined_masks(attn_mask, key_padding_mask, batch, num_heads)
    drop, seen = dropout_p if training else 0.0, None
    if need_weights:
        output, seen = _attend(q, k, v, mask, drop)
        rows = output.transpose(0, 1).reshape(length * batch, embed)
        seen = seen.view(batch, num_heads, length, -1)
        seen = seen.mean(1) if average_attn_weights else seen
    else:
        rows = _attend_unseen(q, k, v, mask, drop, causal, (batch, num_heads))
    output = ops.linear(rows, out_proj_weight, out_proj_bias)
    output = output.view(length, batch, output.size(1))
    if not batched:
        return output.squeeze(1), None if seen is None else seen.squeeze(0)
    return output, seen


def _checked_mask(mask, query, key, heads):
    mask = _as_float_mask(mask, query.dtype, "attn_mask")
    if mask is None:
        return None
    if mask.dim() == 2:
        wanted = (query.size(0), key.size(0))
    elif mask.dim() == 3:
        wanted = (heads, query.size(0), key.size(0))
    else:
        raise RuntimeError(f"attn_mask's dimension {mask.dim()} is not supported")
    if tuple(mask.shape) != wanted:
        raise RuntimeError(
            f"The shape of the {mask.dim()}D attn_mask is {mask.shape}, but should be {wanted}."
        )
    return mask.unsqueeze(0) if mask.dim() == 2 else mask


def _joined_masks(attn_mask, padding, batch, num_heads):
    """The two masks as one to be added to scores (batch · heads, L, S)."""
    if padding is None:
        return attn_mask
    size = padding.size(1)
    spread = padding.view(batch, 1, 1, size).expand(-1, num_heads, -1, -1)
    spread = spread.reshape(batch * num_heads, 1, size)
    return spread if attn_mask is None else attn_mask + spread


def _attend(q, k, v, mask, drop):
    """(output, weights), of heads (batch · heads, length, head)."""
    q, k = q * math.sqrt(1.0 / q.size(2)), k.transpose(-2, -1)
    scores = ops.bmm(q, k) if mask is None else ops.baddbmm(mask, q, k)
    weights = ops.softmax(scores, -1)
    if drop > 0.0:
        weights = dropout(weights, drop)
    return ops.bmm(weights, v), weights


def _attend_unseen(q, k, v, mask, drop, causal, cases):
    """The output (length · batch, heads · head) alone, which is one step in PyTorch."""
    whole, output = [x.view(*cases, *x.shape[1:]) for x in (q, k, v)], None
    if causal:
        output = scaled_dot_product_attention(*whole, None, drop, True)
    elif mask is None and drop == 0.0:
        output = fused_attention(*whole, 1.0 / math.sqrt(q.size(2)), False)
    if output is None:
        output = _attend(q, k, v, mask, drop)[0].view(*cases, *q.shape[1:])
        if drop == 0.0:
            output = _as_one_step(output, *whole, mask, False, None)
    output = output.permute(2, 0, 1, 3)
    rows = output.reshape(output.size(0) * output.size(1), -1)
    # From PyTorch's kernel they lie so.
    return rows if drop > 0.0 else named(rows, "ViewBackward0", output)
