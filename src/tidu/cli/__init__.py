"""The command line: `tidu run`, `tidu check`."""
