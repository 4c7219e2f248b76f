"""The loops that are generated: each file writes one kind as LLVM text."""
