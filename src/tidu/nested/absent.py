"""The names of torch.nested, which refuse."""

from ..refusals import refused_functions

as_nested_tensor, nested_tensor, nested_tensor_from_jagged, to_padded_tensor = refused_functions(
    "nested", "as_nested_tensor nested_tensor nested_tensor_from_jagged to_padded_tensor",
    "pad the rows to one length, torch.nn.utils.rnn.pad_sequence(rows, batch_first=True), and "
    "keep a mask or the lengths.",
)  # fmt: skip
