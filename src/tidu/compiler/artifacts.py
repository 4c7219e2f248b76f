"""What a process has compiled, as bytes for another one: torch.compiler.save_cache_artifacts."""

import struct
from collections import defaultdict
from dataclasses import dataclass, field

from .machine import cache

__all__ = ["CacheInfo", "load_cache_artifacts", "save_cache_artifacts"]

_MAGIC = b"tidu-artifacts-1\n"
_HEAD = struct.Struct("<HQ")  # the lengths of a name and of what has it


@dataclass
class CacheInfo:
    """What was saved or loaded: `artifacts`, {kind: names}."""

    artifacts: dict = field(default_factory=lambda: defaultdict(list))

    def empty(self):
        return not self.artifacts


def save_cache_artifacts():
    """(bytes, CacheInfo) of all that this process took from the cache of compiled code or put
    there; None if that is nothing.

    >>> import tidu as torch
    >>> saved = torch.compiler.save_cache_artifacts()
    >>> saved is None or isinstance(saved[0], bytes)
    True
    """
    parts, info = [_MAGIC], CacheInfo()
    for key in sorted(cache.USED):
        data = cache.read(key)
        if data is not None:
            name = key.encode()
            parts += [_HEAD.pack(len(name), len(data)), name, data]
            info.artifacts["code"].append(key)
    return None if info.empty() else (b"".join(parts), info)


def load_cache_artifacts(serialized_artifacts):
    """Put into the cache what `save_cache_artifacts` gave, perhaps in another process. None if it
    is something else.

    It is machine code, and runs as such: load only what you trust. Code that was made for another
    processor, or by another version, is never used.
    """
    data, info = bytes(serialized_artifacts), CacheInfo()
    if not data.startswith(_MAGIC):
        return None
    found, at = [], len(_MAGIC)
    while at < len(data):
        if at + _HEAD.size > len(data):
            return None
        short, long = _HEAD.unpack_from(data, at)
        at += _HEAD.size + short + long
        if at > len(data):
            return None
        found.append((data[at - short - long : at - long], data[at - long : at]))
    if not all(name.isalnum() for name, _ in found):  # a name is a file's
        return None
    for name, code in found:
        cache.write(name.decode(), code)
        info.artifacts["code"].append(name.decode())
    return info
