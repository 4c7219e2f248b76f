"""torch._logging: reports of PyTorch's compiler; `tidu compile --show` tells them here."""

__all__ = ["set_logs"]


def set_logs(**options):
    """Accepted; nothing is reported. `tidu compile --show graph script.py` shows what was made."""
