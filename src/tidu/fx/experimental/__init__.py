"""torch.fx.experimental: conv-bn fusion on graphs; `make_fx` refuses."""

from . import optimization, proxy_tensor, symbolic_shapes
