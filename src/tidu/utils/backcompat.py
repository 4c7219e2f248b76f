"""torch.utils.backcompat: switches for warnings of very old programs; the warnings are gone."""

__all__ = ["broadcast_warning", "keepdim_warning"]


class Warning:
    """A switch: `enabled` can be set and changes nothing."""

    def __init__(self):
        self.enabled = False


broadcast_warning, keepdim_warning = Warning(), Warning()
