"""torch._subclasses: tensors without memory, which are PyTorch's own matter and refuse."""

from . import fake_tensor
from .fake_tensor import FakeTensor, FakeTensorMode
