"""torch.hub: models from the network. Files can be fetched; repositories are not run."""

import os
import re
from urllib.parse import urlparse

from .base.lazy import lazy_module
from .serialization import load as load_file

__all__ = [
    "download_url_to_file",
    "get_dir",
    "help",
    "list",
    "load",
    "load_state_dict_from_url",
    "set_dir",
]

_request = lazy_module("urllib.request")
_CHOSEN = []
HASH_REGEX = re.compile(r"-([a-f0-9]*)\.")  # the hash in a file's name


def _get_torch_home():
    """Where PyTorch keeps what it fetches: $TORCH_HOME, by default ~/.cache/torch."""
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    return os.path.expanduser(os.environ.get("TORCH_HOME", os.path.join(cache, "torch")))


def get_dir():
    """Where fetched files are kept: $TORCH_HOME/hub, by default ~/.cache/torch/hub."""
    if _CHOSEN:
        return _CHOSEN[-1]
    return os.path.join(_get_torch_home(), "hub")


def set_dir(d):
    """Keep fetched files in directory `d`."""
    _CHOSEN.append(os.path.expanduser(d))


def _refuse(*args, **kwargs):
    raise NotImplementedError(
        "torch.hub runs code from other people's repositories, written for PyTorch's own modules. "
        "Clone the repository, run it with `tidu run`, and load weights with "
        "torch.hub.load_state_dict_from_url."
    )


load = list = help = _refuse


def download_url_to_file(url, dst, hash_prefix=None, progress=True):
    """Fetch `url` into the file `dst`."""
    part = f"{dst}.part"
    with _request.urlopen(url) as source, open(part, "wb") as target:
        while block := source.read(1 << 20):
            target.write(block)
    os.replace(part, dst)


def load_state_dict_from_url(
    url,
    model_dir=None,
    map_location=None,
    progress=True,
    check_hash=False,
    file_name=None,
    weights_only=True,
):
    """The state dict at `url`, fetched once and kept in `model_dir`."""
    folder = model_dir or os.path.join(get_dir(), "checkpoints")
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, file_name or os.path.basename(urlparse(url).path))
    if not os.path.exists(path):
        download_url_to_file(url, path)
    return load_file(path, map_location=map_location, weights_only=weights_only)
