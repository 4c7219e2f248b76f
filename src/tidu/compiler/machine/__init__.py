"""Machine code: LLVM text, what compiles it, where it is kept and on which threads it runs."""
