"""The machine: handles, primitives, the tape and the one crossing point. It knows no operation."""
