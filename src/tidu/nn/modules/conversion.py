"""Changing what a module's numbers are made of: `to`, `double`, `cpu`, `to_empty` and their kin."""

from ... import ops
from ...autograd import no_grad
from ...base.devices import device as Device
from ...base.dtypes import bfloat16, float16, float32, float64
from ...base.errors import hinted
from ...ops.target import target
from ..parameter import Parameter, is_lazy

__all__ = ["ConversionMethods"]


class ConversionMethods:
    """The part of Module that replaces all its tensors by others."""

    def _apply(self, fn, recurse=True):
        """Replace every parameter, gradient and buffer by ``fn`` of it."""
        if recurse:
            for module in self.children():
                module._apply(fn)
        for name, parameter in self._parameters.items():
            if parameter is not None:
                self._replace(name, parameter, fn)
        for name, buffer in self._buffers.items():
            if buffer is not None:
                self._buffers[name] = self._converted(buffer, fn)
        return self

    def _replace(self, name, parameter, fn):
        with no_grad():
            value = self._converted(parameter, fn)
        if value is not parameter and value.is_meta is not parameter.is_meta:
            self._parameters[name] = Parameter(value, parameter.requires_grad)
            return
        if value is not parameter:
            parameter.data = value
        grad = parameter.grad
        if grad is not None:
            with no_grad():
                moved = fn(grad)
            if moved is not grad:
                # The old gradient has the old type, and would be refused beside the new number.
                parameter.grad = None
                parameter.grad = moved.requires_grad_(grad.requires_grad)

    @staticmethod
    def _converted(tensor, fn):
        """``fn(tensor)``; one without a shape stays as it is, with another type."""
        value = fn(tensor)
        if is_lazy(tensor) and value is not tensor:
            tensor.data = value
            return tensor
        return value

    def to(self, *args, **kwargs):
        """Convert floating-point tensors to a dtype, in place; returns the module itself.

        ``to(dtype)``, ``to(device, dtype)``, ``to(tensor)``, ``to(memory_format=...)``. tidu
        computes on the CPU: other devices are refused by the tensors themselves.

        >>> import tidu as torch
        >>> torch.nn.Linear(2, 3).to(torch.float64).weight.dtype
        torch.float64
        """
        device, dtype = _parse_to(args, kwargs)
        if dtype is not None and not (dtype.is_floating_point or dtype.is_complex):
            raise TypeError(
                hinted(
                    "nn.Module.to only accepts floating point or complex dtypes, but got desired "
                    f"dtype={dtype}",
                    "weights need fractions; convert the input tensor instead.",
                )
            )

        layout = kwargs.get("memory_format")

        def convert(tensor):
            out = converted(tensor)
            if layout is None or tensor.dim() not in (4, 5):
                return out
            return out.contiguous(memory_format=layout)

        def converted(tensor):
            wanted = dtype if tensor.is_floating_point() or tensor.is_complex() else None
            if device is None and wanted is None:
                return tensor
            if device is None:
                return tensor.to(wanted)
            if tensor.is_meta and device.type != "meta":
                raise NotImplementedError(hinted(
                    "Cannot copy out of meta tensor; no data! Please use "
                    "torch.nn.Module.to_empty() instead of torch.nn.Module.to() when moving module "
                    "from meta to a different device.",
                    "to_empty gives memory for numbers, which load_state_dict can fill.",
                ))  # fmt: skip
            return tensor.to(device) if wanted is None else tensor.to(device, wanted)

        return self._apply(convert)

    def type(self, dst_type):
        """Convert all parameters and buffers to this type."""
        return self._apply(lambda tensor: tensor.type(dst_type))

    def _to_float(self, dtype):
        return self._apply(lambda t: t.to(dtype) if t.is_floating_point() else t)

    def float(self):
        """Floating-point tensors become float32."""
        return self._to_float(float32)

    def double(self):
        """Floating-point tensors become float64."""
        return self._to_float(float64)

    def half(self):
        """Floating-point tensors become float16."""
        return self._to_float(float16)

    def bfloat16(self):
        """Floating-point tensors become bfloat16."""
        return self._to_float(bfloat16)

    def cpu(self):
        """Nothing to do: everything is on the CPU."""
        return self._apply(lambda tensor: tensor.cpu())

    def cuda(self, device=None):
        """Refused by the tensors: tidu computes on the CPU."""
        return self._apply(lambda tensor: tensor.cuda(device))

    def to_empty(self, *, device, recurse=True):
        """Give all tensors fresh memory whose contents are undefined."""
        return self._apply(lambda tensor: ops.empty_like(tensor, device=device), recurse=recurse)

    def share_memory(self):
        """Put all tensors into memory shared between processes."""
        return self._apply(lambda tensor: tensor.share_memory_())


def _parse_to(args, kwargs):
    """(device or None, dtype or None) of a call ``to(...)``."""
    named = {name: value for name, value in kwargs.items() if name != "memory_format"}
    device, dtype, _ = target(args, named, "tensor")
    return (None if device is None else Device(device)), dtype
