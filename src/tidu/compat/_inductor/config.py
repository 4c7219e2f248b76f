"""torch._inductor.config: switches of PyTorch's code generator, kept without an effect here."""

from ..base.switches import install

install(__name__)
