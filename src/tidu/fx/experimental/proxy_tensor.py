"""torch.fx.experimental.proxy_tensor: `make_fx` refuses."""

from ...base.refusals import refused_functions

__all__ = ["get_proxy_mode", "make_fx"]

(make_fx,) = refused_functions(
    "fx.experimental.proxy_tensor", "make_fx",
    "its graphs are of PyTorch's own ATen operations. torch.fx.symbolic_trace(f) gives a graph of "
    "the functions that f calls, tidu.graph(f, *inputs) one of elementary operations.",
)  # fmt: skip


def get_proxy_mode():
    """None: `make_fx` is never at work."""
    return None
