"""torch._dynamo.config: switches of PyTorch's compiler front end, kept; `suppress_errors`,
`error_on_recompile` and `recompile_limit` have an effect here."""

from ..base.switches import install

install(__name__)
