"""Graphs as something to run: stretches of generated code, their memory, both directions."""
