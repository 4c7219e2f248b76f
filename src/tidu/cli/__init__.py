"""The command line: `tidu run`, `tidu check` and the others; `main.py` finds them."""
