"""Quantized tensors: whole numbers of few bits that stand for (n - zero_point) * scale."""

from ..base.lazy import at_home, late

# Loaded when first used: from then on torch's functions ask the classes of their arguments.
__getattr__ = late(
    __name__,
    at_home({
        ".making": (
            "_empty_affine_quantized _make_per_channel_quantized_tensor "
            "_make_per_tensor_quantized_tensor dequantize empty_quantized int_repr "
            "q_per_channel_axis q_per_channel_scales q_per_channel_zero_points q_scale "
            "q_zero_point qscheme quantize_per_channel quantize_per_tensor "
            "quantize_per_tensor_dynamic"
        ),
        ".observed": "choose_qparams_optimized fused_moving_avg_obs_fake_quant",
    }),
)  # fmt: skip
