"""Colours for the columns of a sparse matrix: those of one colour are computed in one pass.

`columns_of` keeps columns apart that share a row; `star_of` colours a symmetric matrix so that
each element can be read from one of its two places (Gebremedhin, Manne & Pothen 2005).
"""

import numpy as np

from ..base.lazy import lazy_module

__all__ = ["columns_of", "read_symmetric", "star_of"]

sparse = lazy_module("scipy.sparse")

DENSE = 50_000_000  # pairs of columns that meet, from which on no colouring gains anything


def columns_of(pattern):
    """A colour for each column, so that no two columns of one colour share a row."""
    rows = np.diff(pattern.tocsr().indptr).astype(np.int64)
    if int((rows * rows).sum()) > DENSE:
        return np.arange(pattern.shape[1])
    counted = sparse.csr_array(pattern, dtype=np.int32)
    meets = sparse.csr_array(counted.T @ counted)
    return _greedy(meets.indptr, meets.indices, pattern.shape[1])


def _greedy(starts, neighbours, count):
    """The least colour none of the neighbours has, one vertex after another."""
    colours = np.full(count, -1, np.int64)
    for v in range(count):
        taken = colours[neighbours[starts[v] : starts[v + 1]]]
        colours[v] = _least_free(taken)
    return colours


def _least_free(taken):
    taken = taken[taken >= 0]
    if taken.size == 0:
        return 0
    free = np.ones(taken.size + 1, bool)
    free[taken[taken <= taken.size]] = False
    return int(free.argmax())


def star_of(pattern):
    """A colour for each row of a symmetric pattern: neighbours differ, and no path of four rows has
    only two colours.

    A row without a colour never has two neighbours of one colour. So a row is kept from: its
    neighbours' colours; all colours around a neighbour that has none yet; and, around a neighbour w
    that has one, the colour of any x beside w which has another neighbour of w's colour.
    """
    near = [[w for w in row if w != v] for v, row in enumerate(pattern.tolil().rows)]
    colours = [-1] * len(near)
    around = [set() for _ in near]  # the colours of the neighbours
    closed = [set() for _ in near]  # the colours of neighbours with another neighbour like this row
    groups = [{} for _ in near]  # colour -> neighbours of that colour
    for v, neighbours in enumerate(near):
        forbidden = set()
        for w in neighbours:
            if colours[w] < 0:
                forbidden |= around[w]
            else:
                forbidden.add(colours[w])
                forbidden |= closed[w]
        colour = 0
        while colour in forbidden:
            colour += 1
        colours[v] = colour
        for x in neighbours:
            around[x].add(colour)
            alike = groups[x].setdefault(colour, [])
            if alike and colours[x] >= 0:
                closed[alike[0]].add(colours[x])  # any other of the group has been told before
                closed[v].add(colours[x])
            alike.append(v)
    return np.asarray(colours, np.int64)


def read_symmetric(pattern, colours, products):
    """The matrix from its products with the sums of the columns of each colour.

    `products` is (colours, rows). An element is read at (i, j) where j alone has its colour among
    the row's columns, else at (j, i).
    """
    found = pattern.tocoo()
    rows, columns = found.coords
    seen = np.zeros((pattern.shape[0], int(colours.max(initial=-1)) + 1), np.int32)
    np.add.at(seen, (rows, colours[columns]), 1)
    alone = seen[rows, colours[columns]] == 1
    values = np.where(alone, products[colours[columns], rows], products[colours[rows], columns])
    return sparse.csr_array((values, (rows, columns)), shape=pattern.shape)
