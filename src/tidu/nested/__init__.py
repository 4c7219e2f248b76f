"""torch.nested: tensors of rows of different lengths, which are refused."""

from .absent import as_nested_tensor, nested_tensor, nested_tensor_from_jagged, to_padded_tensor
