"""Small programs about autograd: each takes the module `torch` and returns what it observed.

`tests/test_autograd.py` compares what tidu observes with recorded values, the tests under
`tests/reference` with PyTorch itself.
"""
