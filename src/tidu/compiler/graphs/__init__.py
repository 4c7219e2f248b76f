"""Graphs: passes that simplify them, and the order of steps in which they run."""
