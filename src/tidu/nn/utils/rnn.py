"""Sequences of different lengths: padding them, and packing them without padding."""

from collections import namedtuple
from itertools import pairwise

from ... import ops
from ...base.dtypes import float16, float32, float64, int32, int64
from ...base.errors import hinted
from ...base.lazy import Place
from ...frontend.tensor import Tensor

__all__ = [
    "PackedSequence", "invert_permutation", "pack_padded_sequence", "pack_sequence",
    "pad_packed_sequence", "pad_sequence", "unpack_sequence", "unpad_sequence",
]  # fmt: skip

_Fields = namedtuple(
    "PackedSequence", ["data", "batch_sizes", "sorted_indices", "unsorted_indices"]
)


class PackedSequence(_Fields):
    """The time steps of several sequences, all first ones, then all second ones, and so on.

    ``batch_sizes[t]`` sequences are longer than t. Made by `pack_padded_sequence`.
    """

    __slots__ = ()
    __module__ = Place("torch.nn.utils.rnn", __name__)

    def __new__(cls, data, batch_sizes=None, sorted_indices=None, unsorted_indices=None):
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        if batch_sizes is None:
            data, batch_sizes = data
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def to(self, *args, **kwargs):
        """The same with its data converted."""
        data = self.data.to(*args, **kwargs)
        return self if data is self.data else self._replace(data=data)

    def cpu(self):
        """The sequence itself: everything is on the CPU."""
        return self.to("cpu")

    def cuda(self, *args, **kwargs):
        """Refused by the data."""
        return self._replace(data=self.data.cuda(*args, **kwargs))

    def double(self):
        """The data as float64."""
        return self.to(float64)

    def float(self):
        """The data as float32."""
        return self.to(float32)

    def half(self):
        """The data as float16."""
        return self.to(float16)

    def long(self):
        """The data as int64."""
        return self.to(int64)

    def int(self):
        """The data as int32."""
        return self.to(int32)

    def pin_memory(self):
        """The sequence itself: there is no GPU to copy to."""
        return self

    @property
    def is_cuda(self):
        """False."""
        return False

    def is_pinned(self):
        """False."""
        return False


def invert_permutation(permutation):
    """The permutation that takes this one back."""
    if permutation is None:
        return None
    places = ops.arange(permutation.numel(), dtype=permutation.dtype)
    return ops.empty_like(permutation).scatter_(0, permutation, places)


def pack_padded_sequence(input, lengths, batch_first=False, enforce_sorted=True):
    """Pack (T, N, *) — or (N, T, *) — of sequences with these lengths.

    >>> import tidu as torch
    >>> padded = torch.tensor([[1, 2], [3, 0]])
    >>> pack = torch.nn.utils.rnn.pack_padded_sequence
    >>> pack(padded, [2, 1], batch_first=True).data
    tensor([1, 3, 2])
    """
    if not isinstance(lengths, Tensor):
        lengths = ops.tensor(list(lengths), dtype=int64)
    sorted_indices = None
    if not enforce_sorted:
        lengths, sorted_indices = ops.sort(lengths, descending=True)
        input = input.index_select(0 if batch_first else 1, sorted_indices)
    sizes = lengths.tolist()
    if batch_first:
        input = input.transpose(0, 1)
    _check_lengths(sizes, input)
    batch_sizes = [sum(length > t for length in sizes) for t in range(max(sizes, default=0))]
    parts = [input[t, :count] for t, count in enumerate(batch_sizes)]
    counts = ops.tensor(batch_sizes, dtype=int64)
    return PackedSequence(ops.cat(parts), counts, sorted_indices, None)


def _check_lengths(sizes, input):
    if len(sizes) != input.size(1):
        raise RuntimeError(
            f"Expected `len(lengths)` to be equal to batch_size, but got {len(sizes)} "
            f"(batch_size={input.size(1)})"
        )
    if any(length <= 0 for length in sizes):
        raise RuntimeError(
            "Length of all samples has to be greater than 0, but found an element in 'lengths' "
            "that is <= 0"
        )
    if any(a < b for a, b in pairwise(sizes)):
        raise RuntimeError(
            hinted(
                "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. "
                "You can pass `enforce_sorted=False` to pack_padded_sequence and/or pack_sequence "
                "to sidestep this requirement if you do not need ONNX exportability.",
                "enforce_sorted=False sorts for you, and puts the results back in order.",
            )
        )
    if sizes and sizes[0] > input.size(0):
        raise RuntimeError(
            f"Expected lengths to be at most {input.size(0)}, the padded length, but got {sizes[0]}"
        )


def pad_packed_sequence(sequence, batch_first=False, padding_value=0.0, total_length=None):
    """(padded tensor, lengths): the inverse of `pack_padded_sequence`."""
    sizes = sequence.batch_sizes.tolist()
    longest = len(sizes)
    if total_length is not None:
        if total_length < longest:
            raise ValueError(
                "Expected total_length to be at least the length of the longest sequence in input, "
                f"but got total_length={total_length} and max sequence length being {longest}"
            )
        longest = total_length
    data, batch = sequence.data, sizes[0]
    rows, start = [], 0
    for t in range(longest):
        count = sizes[t] if t < len(sizes) else 0
        row = data[start : start + count]
        if count < batch:
            shape = [batch - count, *data.shape[1:]]
            row = ops.cat([row, ops.full(shape, padding_value, dtype=data.dtype)])
        rows.append(row)
        start += count
    padded = ops.stack(rows, 0)
    padded = padded.transpose(0, 1) if batch_first else padded
    lengths = [sum(count > i for count in sizes) for i in range(batch)]
    lengths = ops.tensor(lengths, dtype=int64)
    back = sequence.unsorted_indices
    if back is not None:
        return padded.index_select(0 if batch_first else 1, back), lengths[back]
    return padded, lengths


def pad_sequence(sequences, batch_first=False, padding_value=0.0, padding_side="right"):
    """Stack tensors (L_i, *) of different lengths, the shorter ones padded.

    >>> import tidu as torch
    >>> ones = [torch.ones(1), torch.ones(2)]
    >>> torch.nn.utils.rnn.pad_sequence(ones, batch_first=True)
    tensor([[1., 0.],
            [1., 1.]])
    """
    if isinstance(sequences, Tensor):
        sequences = sequences.unbind(0)
    elif not hasattr(sequences, "__iter__"):
        raise RuntimeError(
            "pad_sequence: Expected iterable for input sequences, but got arg of type: "
            f"{type(sequences)}"
        )
    if padding_side not in ("left", "right"):
        raise RuntimeError(
            f"Expected padding_side to be one of left or right, but got {padding_side}."
        )
    sequences = tuple(sequences)
    if not sequences:
        raise RuntimeError("received an empty list of sequences")
    if len({sequence.shape[1:] for sequence in sequences}) > 1:
        for sequence in sequences[1:]:
            _ = sequences[0][:1].detach() + sequence[:1].detach()  # says what does not fit
    longest = max(sequence.size(0) for sequence in sequences)
    rows = []
    for sequence in sequences:
        missing = longest - sequence.size(0)
        if missing:
            shape = [missing, *sequence.shape[1:]]
            filling = ops.full(shape, padding_value, dtype=sequence.dtype)
            pair = [filling, sequence] if padding_side == "left" else [sequence, filling]
            sequence = ops.cat(pair)
        rows.append(sequence)
    return ops.stack(rows, 0 if batch_first else 1)


def unpad_sequence(padded_sequences, lengths, batch_first=False):
    """The list of sequences in a padded tensor."""
    if not batch_first:
        padded_sequences = padded_sequences.transpose(0, 1)
    return [row[:length] for row, length in zip(padded_sequences, lengths.tolist(), strict=True)]


def pack_sequence(sequences, enforce_sorted=True):
    """Pack a list of tensors (L_i, *)."""
    lengths = ops.tensor([sequence.size(0) for sequence in sequences], dtype=int64)
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences):
    """The list of sequences in a packed one."""
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
