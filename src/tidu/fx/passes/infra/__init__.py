"""torch.fx.passes.infra: what passes and lists of passes are made of."""

from . import pass_base, pass_manager
