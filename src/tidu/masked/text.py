"""The text of a masked tensor, as PyTorch prints it."""

__all__ = ["text_of"]

WIDTH = 8


def text_of(data, mask):
    """`data` and `mask`: nested lists of the same form, or a number and a flag."""
    if not isinstance(data, list):
        return f"MaskedTensor({_number(data) if mask else '--'}, {mask})"
    width = max([WIDTH, *map(len, _shown(data, mask))])
    return f"MaskedTensor(\n{_block(data, mask, '  ', width)}\n)"


def _number(value):
    return f"{value:8.4f}" if isinstance(value, float) else str(value)


def _shown(data, mask):
    """The texts of all elements that are not masked out."""
    for value, flag in zip(data, mask, strict=True):
        if isinstance(value, list):
            yield from _shown(value, flag)
        elif flag:
            yield _number(value)


def _block(data, mask, indent, width):
    if not data or not isinstance(data[0], list):
        pairs = zip(data, mask, strict=True)
        row = [_number(v) if flag else "--".rjust(width) for v, flag in pairs]
        return f"{indent}[{', '.join(row)}]"
    blocks = [_block(d, m, indent + "  ", width) for d, m in zip(data, mask, strict=True)]
    inner = ",\n".join(blocks)
    return f"{indent}[\n{inner}\n{indent}]"
