"""MultiheadAttention (Vaswani et al. 2017)."""

from ... import ops
from ...base.constants import strided
from ...base.errors import hinted
from ...base.lazy import lazy_module
from ...core.modes import grad_enabled
from .. import functional as F
from .. import init
from ..parameter import Parameter
from .linear import NonDynamicallyQuantizableLinear
from .module import Module

__all__ = ["MultiheadAttention"]

nested = lazy_module(f"{__name__.partition('.')[0]}.nested.making")


class MultiheadAttention(Module):
    """Attention in several heads; returns (output, weights or None).

    Query (L, N, E), key (S, N, kdim), value (S, N, vdim), or with the batch first.

    >>> import tidu as torch
    >>> attention = torch.nn.MultiheadAttention(8, 2, batch_first=True)
    >>> x = torch.randn(3, 5, 8)
    >>> output, weights = attention(x, x, x)
    >>> output.shape, weights.shape
    (torch.Size([3, 5, 8]), torch.Size([3, 5, 5]))
    """

    def __init__(
        self, embed_dim, num_heads, dropout=0.0, bias=True, add_bias_kv=False,
        add_zero_attn=False, kdim=None, vdim=None, batch_first=False, device=None, dtype=None,
    ):  # fmt: skip
        if embed_dim <= 0 or num_heads <= 0:
            raise ValueError(
                "embed_dim and num_heads must be greater than 0, got "
                f"embed_dim={embed_dim} and num_heads={num_heads} instead"
            )
        super().__init__()
        self.embed_dim = embed_dim
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self._qkv_same_embed_dim = self.kdim == embed_dim and self.vdim == embed_dim
        self.num_heads = num_heads
        self.dropout = dropout
        self.batch_first = batch_first
        self.head_dim = embed_dim // num_heads
        if self.head_dim * num_heads != embed_dim:
            raise AssertionError("embed_dim must be divisible by num_heads")
        self._make_projections(embed_dim, bias, add_bias_kv, dtype)
        self.add_zero_attn = add_zero_attn
        self._reset_parameters()

    def _make_projections(self, embed_dim, bias, add_bias_kv, dtype):
        def empty(*shape):
            return Parameter(ops.empty(*shape, dtype=dtype))

        separate = ("q_proj_weight", "k_proj_weight", "v_proj_weight")
        if self._qkv_same_embed_dim:
            self.in_proj_weight = empty(3 * embed_dim, embed_dim)
            for name in separate:
                self.register_parameter(name, None)
        else:
            for name, size in zip(separate, (embed_dim, self.kdim, self.vdim), strict=True):
                setattr(self, name, empty(embed_dim, size))
            self.register_parameter("in_proj_weight", None)
        if bias:
            self.in_proj_bias = empty(3 * embed_dim)
        else:
            self.register_parameter("in_proj_bias", None)
        self.out_proj = NonDynamicallyQuantizableLinear(
            embed_dim, embed_dim, bias=bias, dtype=dtype
        )
        if add_bias_kv:
            self.bias_k, self.bias_v = empty(1, 1, embed_dim), empty(1, 1, embed_dim)
        else:
            self.bias_k = self.bias_v = None

    def _reset_parameters(self):
        if self._qkv_same_embed_dim:
            init.xavier_uniform_(self.in_proj_weight)
        else:
            init.xavier_uniform_(self.q_proj_weight)
            init.xavier_uniform_(self.k_proj_weight)
            init.xavier_uniform_(self.v_proj_weight)
        if self.in_proj_bias is not None:
            init.constant_(self.in_proj_bias, 0.0)
            init.constant_(self.out_proj.bias, 0.0)
        if self.bias_k is not None:
            init.xavier_normal_(self.bias_k)
        if self.bias_v is not None:
            init.xavier_normal_(self.bias_v)

    def forward(
        self, query, key, value, key_padding_mask=None, need_weights=True, attn_mask=None,
        average_attn_weights=True, is_causal=False,
    ):  # fmt: skip
        if query.is_nested or key.is_nested or value.is_nested:
            given = query, key, value, key_padding_mask, attn_mask
            return self._of_rows(given, need_weights, average_attn_weights)
        turned = self.batch_first and query.dim() == 3
        if turned:
            query, key, value = _turned(query, key, value)
        output, weights = F.multi_head_attention_forward(
            query, key, value, self.embed_dim, self.num_heads, self.in_proj_weight,
            self.in_proj_bias, self.bias_k, self.bias_v, self.add_zero_attn, self.dropout,
            self.out_proj.weight, self.out_proj.bias, training=self.training,
            key_padding_mask=key_padding_mask, need_weights=need_weights, attn_mask=attn_mask,
            use_separate_proj_weight=not self._qkv_same_embed_dim,
            q_proj_weight=self.q_proj_weight, k_proj_weight=self.k_proj_weight,
            v_proj_weight=self.v_proj_weight, average_attn_weights=average_attn_weights,
            is_causal=is_causal,
        )  # fmt: skip
        return (output.transpose(0, 1) if turned else output), weights

    def _of_rows(self, given, need_weights, average):
        """Of a nested tensor of rows: a nested one, and the weights, 0 behind the rows.

        Without gradients, of one tensor and without masks, as PyTorch's.
        """
        why_not = why_not_nested(self, *given)
        if why_not:
            raise AssertionError(hinted(
                "MultiheadAttention does not support NestedTensor outside of its fast path. The "
                f"fast path was not hit because {why_not}",
                "project with torch.nn.Linear and call scaled_dot_product_attention, which takes "
                "nested tensors; or pad them and give a key_padding_mask.",
            ))  # fmt: skip
        rows, padded = given[0], given[0].to_padded_tensor(0.0)
        lengths = ops.tensor([len(part) for part in rows.unbind()])
        behind = ops.arange(padded.shape[1]) >= lengths.unsqueeze(1)
        output, weights = self.forward(
            padded, padded, padded, behind, need_weights, None, average, False
        )
        output = nested.nested_tensor_from_padded(output, lengths)
        if weights is None:
            return output, None
        behind = behind.unsqueeze(-1) if average else behind.unsqueeze(-1).unsqueeze(1)
        return output, weights.masked_fill(behind, 0.0)


def why_not_nested(attention, query, key, value, key_padding_mask, attn_mask):
    """Why PyTorch's attention would not take nested tensors here; "" where it does."""
    weights = [attention.in_proj_weight, attention.in_proj_bias, attention.out_proj.weight,
               attention.out_proj.bias]  # fmt: skip
    recorded = [t for t in (query, *weights) if t is not None and t.requires_grad]
    kind = query.dtype
    reasons = (
        (query.dim() != 3,
         f"input not batched; expected query.dim() of 3 but got {query.dim()}"),
        (query is not key or key is not value,
         "non-self attention was used (query, key, and value are not the same Tensor)"),
        (attention.in_proj_weight is None, "in_proj_weight was None"),
        (attention.in_proj_weight is not None and kind != attention.in_proj_weight.dtype,
         (f"dtypes of query ({kind}) and self.in_proj_weight "
          f"({getattr(attention.in_proj_weight, 'dtype', None)}) don't match")),
        (attention.training, "training is enabled"),
        (attention.num_heads % 2, "self.num_heads is not even"),
        (not attention.batch_first, "batch_first was not True"),
        (attention.bias_k is not None, "self.bias_k was not None"),
        (attention.add_zero_attn, "add_zero_attn was enabled"),
        (key_padding_mask is not None or attn_mask is not None,
         ("supplying both src_key_padding_mask and src_mask at the same time is not supported with "
          "NestedTensor input")),
        (query.layout is not strided, "some Tensor argument has_torch_function"),
        (recorded and grad_enabled(),
         ("grad is enabled and at least one of query or the input/output projection weights or "
          "biases requires_grad")),
    )  # fmt: skip
    return next((reason for found, reason in reasons if found), "")


def _turned(query, key, value):
    """Batch and length exchanged; what was one tensor stays one, and is projected at once."""
    if query is key and key is value:
        query = key = value = query.transpose(0, 1)
        return query, key, value
    if key is value:
        key = key.transpose(0, 1)
        return query.transpose(0, 1), key, key
    return query.transpose(0, 1), key.transpose(0, 1), value.transpose(0, 1)
