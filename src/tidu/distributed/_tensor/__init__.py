"""torch.distributed._tensor: the old name of torch.distributed.tensor."""

from ..device_mesh import DeviceMesh, init_device_mesh
from ..tensor import DTensor, Partial, Replicate, Shard, distribute_module, distribute_tensor
from . import device_mesh
