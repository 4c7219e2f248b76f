"""torch._dynamo.backends: names of backends, and what makes one of compilers of single graphs."""

from . import common, registry
