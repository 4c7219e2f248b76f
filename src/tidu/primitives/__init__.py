"""The closed set of operations. Each is one block: what it computes and all its rules."""
