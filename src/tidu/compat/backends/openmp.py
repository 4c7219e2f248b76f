"""torch.backends.openmp: OpenMP threads, which tidu does without."""

__all__ = ["is_available"]


def is_available():
    return False
