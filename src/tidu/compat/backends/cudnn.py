"""torch.backends.cudnn: NVIDIA's library, which is not used; its switches can be set."""

from .flags import setting

enabled = True
benchmark = False
benchmark_limit = None
deterministic = False
allow_tf32 = True
fp32_precision = "none"

flags = setting(globals())


def is_available():
    """False: convolutions run on the CPU."""
    return False


def is_acceptable(tensor):
    return False


def version():
    return None


def set_flags(_enabled=None, _benchmark=None, _benchmark_limit=None, _deterministic=None,
              _allow_tf32=None):  # fmt: skip
    """Set several switches; returns what they were."""
    own = globals()
    given = {"enabled": _enabled, "benchmark": _benchmark, "benchmark_limit": _benchmark_limit,
             "deterministic": _deterministic, "allow_tf32": _allow_tf32}  # fmt: skip
    was = tuple([own[name] for name in given])
    own.update({name: value for name, value in given.items() if value is not None})
    return was
