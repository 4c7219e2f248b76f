"""Loops over arrays that lie in two orders: square blocks are turned in registers.

A loop runs along the axis on which most of its operands lie side by side; of the others each lane
would have to be gathered or scattered by itself. Where they all lie side by side along one other
axis, `strip` goes through blocks of both: what is read there is turned before the block is
computed, and what is written there behind it.
"""

from ..machine.code import BYTES, Value
from .pointwise import over
from .reductions import loop

__all__ = ["across", "shuffle", "strip", "turned"]


def shuffle(m, a, b, places):
    """The lanes of a and, counted on, of b at these places."""
    numbers = ", ".join([f"i32 {i}" for i in places])
    count = len(places)
    return m.put(a.kind, count, f"shufflevector {a}, {b}, <{count} x i32> <{numbers}>")


def turned(m, lines):
    """A square block, one vector a line, with rows and columns exchanged."""
    n = len(lines)
    low = [i // 2 + i % 2 * n for i in range(n)]
    high = [i + n // 2 for i in low]
    stages, half = n.bit_length() - 1, n // 2
    for _ in range(stages):
        pairs = [(lines[i], lines[i + half]) for i in range(half)]
        lines = [shuffle(m, a, b, places) for a, b in pairs for places in (low, high)]
    return lines


def across(writer):
    """The axis along which all operands lie that do not lie along the one that runs in lanes; None
    where there is none, or blocks are not worth it."""
    nest, d, lanes = writer.nest, writer.vector, writer.m.lanes
    if lanes < 4 or nest.varying or nest.reductions or nest.reduced or writer.sizes[d] < lanes:
        return None
    turns = [k for k, s in enumerate(writer.strides) if s[d] not in (0, 1)]
    places = nest.places()
    if not turns or any(BYTES[places[k].kind] < 4 for k in turns):
        return None
    for t, size in enumerate(writer.sizes):
        if t != d and size >= lanes and all(writer.strides[k][t] == 1 for k in turns):
            return t
    return None


def strip(writer, start, stop, index):
    """The elements of a block of the axis `writer.turn`, whose number stands in `index`, along the
    axis that runs in lanes."""
    m, t, d, lanes = writer.m, writer.turn, writer.vector, writer.m.lanes
    first, size = index[t] * lanes, writer.sizes[t]
    most = size - first
    whole = stop / lanes * lanes
    if size % lanes:  # the last block is not full
        whole = m.select(most < lanes, start, whole)

    def block(k):
        _block(writer, {**index, d: start + k * lanes}, first)

    loop(m, m.constant("i64", 0, 1), (whole - start) / lanes, block)
    if size % lanes == 0 and writer.sizes[d] % lanes == 0:
        return

    def row(r):
        index[t] = first + r
        over(m, whole, stop, lambda i, mask: writer.element({**index, d: i}, mask))

    rows = m.select(most < lanes, most, m.like(m.constant("i64", lanes, 1), most))
    loop(m, m.constant("i64", 0, 1), rows, row)


def _block(writer, index, first):
    """As many rows of the other axis as there are lanes; index[d] is the first of as many here."""
    m, t, d, lanes = writer.m, writer.turn, writer.vector, writer.m.lanes
    places, count = writer.nest.places(), len(writer.nest.reads)
    turns = [k for k, s in enumerate(writer.strides) if s[d] not in (0, 1)]
    tiles = {}
    for k in turns:
        type_ = Value(m, places[k].kind, lanes, "").type
        tiles[k] = m.slot(f"[{lanes} x {type_}]", 64)

    def lines(k):
        for j in range(lanes):
            here = writer.position(k, {**index, d: index[d] + j, t: first})
            yield m.at(writer.homes[k], here, places[k].kind)

    def line(k, j):
        return m.at(tiles[k], m.constant("i64", j * lanes, 1), places[k].kind)

    for k in turns:
        if k < count:
            rows = turned(m, [m.load(at, places[k].kind) for at in lines(k)])
            for j, value in enumerate(rows):
                m.store(value, line(k, j))

    def row(r):
        writer.tiles = {k: m.at(tile, r * lanes, places[k].kind) for k, tile in tiles.items()}
        writer.element({**index, t: first + r}, None)
        writer.tiles = {}

    loop(m, m.constant("i64", 0, 1), m.constant("i64", lanes, 1), row)
    for k in turns:
        if k >= count:
            columns = turned(m, [m.load(line(k, j), places[k].kind) for j in range(lanes)])
            for value, at in zip(columns, lines(k), strict=True):
                m.store(value, at)
