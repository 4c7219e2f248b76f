"""torch.nn.grad: the gradients of convolutions, from their inputs' shapes."""

from .. import ops
from ..func import vjp

__all__ = [
    "conv1d_input", "conv1d_weight", "conv2d_input", "conv2d_weight", "conv3d_input",
    "conv3d_weight",
]  # fmt: skip


def _gradients(name):
    """The two functions of a convolution, which is linear in its input and in its weight: where a
    derivative is taken does not matter."""
    convolve = getattr(ops, name)

    def of_input(input_size, weight, grad_output, stride=1, padding=0, dilation=1, groups=1):
        how = None, stride, padding, dilation, groups
        return _pulled(lambda x: convolve(x, weight, *how), input_size, grad_output)

    def of_weight(input, weight_size, grad_output, stride=1, padding=0, dilation=1, groups=1):
        how = None, stride, padding, dilation, groups
        return _pulled(lambda w: convolve(input, w, *how), weight_size, grad_output)

    for gradient, what in ((of_input, "input"), (of_weight, "weight")):
        gradient.__name__ = gradient.__qualname__ = f"{name}_{what}"
        gradient.__doc__ = f"The gradient with respect to the {what}, from that of the output."
    return of_input, of_weight


def _pulled(linear, size, grad_output):
    _, pull = vjp(linear, ops.zeros(tuple(size), dtype=grad_output.dtype))
    return pull(grad_output)[0]


conv1d_input, conv1d_weight = _gradients("conv1d")
conv2d_input, conv2d_weight = _gradients("conv2d")
conv3d_input, conv3d_weight = _gradients("conv3d")
