"""torch.utils.deterministic: whether new memory is filled; nothing depends on what it holds."""

__all__ = ["fill_uninitialized_memory"]

fill_uninitialized_memory = True
