"""Fused operators over axes. What derives the rules of all fused operators, in reading order:
`program/formula.py` reads a formula; `fused.py` has operators of elements, `derivation.py` the
formula's steps, those of its derivative and their text, `simpler.py` what makes steps fewer,
`orders.py` which conditions exclude one another. Here, `operators.py` has operators whose formulas
have sums over axes, `derivation.py` what a full step or a row sends to the steps before it,
`sums.py` the sums of products that are sent, `writer.py` their text, where rows lack the axes.
"""
