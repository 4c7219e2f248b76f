"""A program as data: variables, equations, and their text."""
