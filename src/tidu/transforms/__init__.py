"""The readings of a program: reverse, forward, batch, trace, and writes made functional."""
