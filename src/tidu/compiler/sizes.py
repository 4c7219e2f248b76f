"""Calls of other sizes, where `dynamic=True` or `mark_dynamic` says that sizes vary.

The first sizes are compiled; calls that differ from it in sizes alone run eagerly, so that nothing
is recorded or compiled again.
"""

__all__ = ["is_dynamic", "known_at_another_size"]


def is_dynamic(optimized, tensors):
    """Whether sizes vary: all of them, or those of a tensor marked by `mark_dynamic`."""
    return bool(optimized.dynamic) or any("_dynamo_dynamic_indices" in t.__dict__ for t in tensors)


def known_at_another_size(key, versions):
    """Whether a call that differs from this one in the sizes of its tensors alone was compiled."""
    alike = _loosened(key)
    return any(kept and k != key and _loosened(k) == alike for k, kept in versions.items())


def _loosened(key):
    """A key without the sizes of the tensors."""
    spec, parts, *modes = key
    return spec, tuple([(len(p[0]), *p[1:]) if len(p) > 2 else p for p in parts]), *modes
