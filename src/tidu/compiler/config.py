"""torch.compiler.config: switches of PyTorch's compiler, kept; many are those of torch._dynamo."""

from ..base.switches import install

install(__name__)
