"""What a call of a compiled function does: which version serves, and when another is made."""
