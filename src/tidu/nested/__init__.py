"""torch.nested: tensors of rows of different lengths."""

from ..base.lazy import at_home, late

# Loaded when first used: from then on torch's functions ask the classes of their arguments.
__getattr__ = late(
    __name__,
    at_home({
        ".making": (
            "as_nested_tensor masked_select narrow nested_tensor nested_tensor_from_jagged "
            "to_padded_tensor"
        ),
    }),
)  # fmt: skip
