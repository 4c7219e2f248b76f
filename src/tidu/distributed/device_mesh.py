"""torch.distributed.device_mesh: grids of devices, which are refused."""

from ..base.refusals import refused_classes, refused_functions

__all__ = ["DeviceMesh", "init_device_mesh"]

_HINT = "there is one device, the CPU: leave the mesh out."
(DeviceMesh,) = refused_classes("distributed.device_mesh", "DeviceMesh", _HINT)
(init_device_mesh,) = refused_functions("distributed.device_mesh", "init_device_mesh", _HINT)
