import torch
import einops

x = torch.arange(24.0).reshape(2, 3, 4).requires_grad_()
y = einops.rearrange(x, "a b c -> c (a b)")
print(type(y), y.shape)
einops.reduce(x, "a b c -> a", "mean").sum().backward()
print(x.grad[0, 0, 0])
from einops.layers.torch import Rearrange, Reduce, EinMix

print(torch.nn.Sequential(Rearrange("b c h -> b (c h)"), torch.nn.Linear(12, 2))(x).shape)
print(
    einops.einsum(x, x, "a b c, a b d -> a c d").shape,
    einops.repeat(x, "a b c -> a b c d", d=2).shape,
    einops.pack([x, x], "* b c")[0].shape,
)
