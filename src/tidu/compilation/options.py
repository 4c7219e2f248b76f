"""What `mode` and `options` of torch.compile may be. They are PyTorch's; the code that is made here
does not depend on them."""

from ..base.errors import hinted
from ..base.suggestions import suggest
from ..base.switches import names_of, type_of

__all__ = ["check_mode", "check_options", "list_mode_options", "list_options"]

_MODES = {
    "default": {},
    "lite": {
        "fallback_by_default": True, "selective_decompose": True, "reorder_for_peak_memory": False,
        "reorder_for_compute_comm_overlap": False,
        "triton.reorder_for_reducing_graph_partitions": False, "use_pre_grad_passes": False,
        "use_joint_graph_passes": False, "use_post_grad_passes": False, "use_dce": False,
        "allow_buffer_reuse": False,
    },
    "reduce-overhead": {"triton.cudagraphs": True},
    "max-autotune-no-cudagraphs": {"max_autotune": True, "coordinate_descent_tuning": True},
    "max-autotune": {"max_autotune": True, "triton.cudagraphs": True,
                     "coordinate_descent_tuning": True},
}  # fmt: skip


def list_options():
    """The names that `options` may have."""
    return names_of("_inductor")


def list_mode_options(mode=None, dynamic=None):
    """{mode: the options it stands for}, or those of one mode."""
    return {name: dict(given) for name, given in _MODES.items()} if mode is None else _MODES[mode]


def check_mode(mode):
    """RuntimeError unless `mode` is one of PyTorch's or None."""
    if mode is not None and mode not in _MODES:
        raise RuntimeError(f"Unrecognized mode={mode}, should be one of: {', '.join(_MODES)}")


def check_options(options):
    """RuntimeError unless `options` has only names that PyTorch's have, and values of their types.

    "guard_filter_fn" is one as well: everything is watched here, whatever it answers.
    """
    if not hasattr(options, "items"):
        raise AttributeError(hinted(
            f"'{type(options).__name__}' object has no attribute 'items'",
            "options is a dictionary: options={'max_autotune': True}.",
        ))  # fmt: skip
    known = list_options()
    for key, value in options.items():
        if key == "guard_filter_fn":
            continue
        name = key.replace("-", "_")
        if name not in known:
            near = suggest(name, known)
            raise RuntimeError(hinted(
                f"Unexpected optimization option {key}, known options are {known}",
                f"did you mean {near}?" if near else "torch._inductor.list_options() has all.",
            ))  # fmt: skip
        kind = type_of("_inductor", name)
        if kind is not None and not isinstance(value, kind):
            raise RuntimeError(
                f"Unexpected type of attr {key}, got {type(value).__name__} should be "
                f"{kind.__name__}"
            )
