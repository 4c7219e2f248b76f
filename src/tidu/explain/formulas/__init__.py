"""Formulas as trees: of operations, of single elements, made short, typeset."""
