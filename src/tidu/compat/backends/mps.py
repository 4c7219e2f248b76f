"""torch.backends.mps: Apple's GPUs, which are not used."""


def is_available():
    """False: tensors live on the CPU."""
    return False


def is_built():
    return False


def is_macos13_or_newer():
    return False


def is_macos_or_newer(major, minor):
    return False
