"""torch._dynamo.backends.registry: the names that `torch.compile(f, backend=name)` knows."""

from ...compilation.backends import list_backends, lookup_backend, register_backend

__all__ = ["list_backends", "lookup_backend", "register_backend"]
