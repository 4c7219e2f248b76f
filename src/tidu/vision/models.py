"""torchvision.models: not here. Trained networks are files of weights, and tidu has none."""

from ..errors import hinted

__all__: list[str] = []


def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)
    raise AttributeError(
        hinted(
            f"module 'torchvision.models' has no attribute '{name}'",
            "tidu serves torchvision's transforms, datasets and utils, and no networks: write the "
            "network with torch.nn, and load weights you have with load_state_dict.",
        )
    )
