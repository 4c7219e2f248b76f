"""Fused operators over axes. What derives the rules of all fused operators, in reading order:

1. `program/formula.py` and `program/ir.py`: a formula, of which every rule follows, and steps.
2. `fused.py`: operators of elements, and when their rules are asked for.
3. `derivation.py`: the formula's steps, those of its derivative, their text as a function.
4. `simpler.py`, which asks `orders.py` for conditions: whether a step can be left out.
5. `over_axes/operators.py`: operators whose formulas have sums over axes.
6. `over_axes/derivation.py`: full steps and rows, and what each sends to the steps before it.
7. `over_axes/sums.py`: the sums of products that it sends; `writer.py`: their text, which lets
   rows do without the axes."""
