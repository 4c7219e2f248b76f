"""torch._dynamo.backends.common: graphs of both directions, which are not made here."""

from ...base.refusals import refused_functions

(aot_autograd,) = refused_functions(
    "_dynamo.backends.common", "aot_autograd",
    "a backend gets one graph of torch's functions, through which gradients flow: give "
    "torch.compile the compiler of the forward graph itself.",
)  # fmt: skip
