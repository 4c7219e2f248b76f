"""Graphs as something to run: segments of generated code, their memory, both directions."""
