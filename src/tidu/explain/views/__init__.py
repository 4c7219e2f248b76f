"""A document shown: terminal, notebook, page, pictures, files."""
