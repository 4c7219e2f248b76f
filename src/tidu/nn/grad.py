"""torch.nn.grad: the gradients of convolutions, from their inputs' shapes."""

from .. import ops
from ..func import vjp

__all__ = [
    "conv1d_input", "conv1d_weight", "conv2d_input", "conv2d_weight", "conv3d_input",
    "conv3d_weight",
]  # fmt: skip


def _of_input(name):
    convolve = getattr(ops, name)

    def gradient(input_size, weight, grad_output, stride=1, padding=0, dilation=1, groups=1):
        # A convolution is linear in its input: where the derivative is taken does not matter.
        place = ops.zeros(tuple(input_size), dtype=grad_output.dtype)
        _, pull = vjp(lambda x: convolve(x, weight, None, stride, padding, dilation, groups), place)
        return pull(grad_output)[0]

    return _called(gradient, f"{name}_input", "input")


def _of_weight(name):
    convolve = getattr(ops, name)

    def gradient(input, weight_size, grad_output, stride=1, padding=0, dilation=1, groups=1):
        place = ops.zeros(tuple(weight_size), dtype=grad_output.dtype)
        _, pull = vjp(lambda w: convolve(input, w, None, stride, padding, dilation, groups), place)
        return pull(grad_output)[0]

    return _called(gradient, f"{name}_weight", "weight")


def _called(gradient, name, what):
    gradient.__name__ = gradient.__qualname__ = name
    gradient.__doc__ = f"The gradient with respect to the {what}, from that of the output."
    return gradient


conv1d_input, conv1d_weight = _of_input("conv1d"), _of_weight("conv1d")
conv2d_input, conv2d_weight = _of_input("conv2d"), _of_weight("conv2d")
conv3d_input, conv3d_weight = _of_input("conv3d"), _of_weight("conv3d")
