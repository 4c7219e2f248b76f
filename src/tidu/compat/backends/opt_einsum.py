"""torch.backends.opt_einsum: the order of products in einsum, chosen by NumPy's own search."""

enabled = False
strategy = None


def is_available():
    return False


def get_opt_einsum():
    return None
