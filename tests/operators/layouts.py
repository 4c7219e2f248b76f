"""How results lie in memory, where their inputs do not lie in order: `STRIDES` are PyTorch's.

x is a batch of two images of 3 channels and 4 by 4, channels last; m a transposed matrix, 3 by 2;
c a cube, 2 by 3 by 4. Run as a program, this prints them anew, from PyTorch.
"""

STRIDES = {
    "x.sort(1).values": (48, 1, 12, 3),
    "x.sort(-1).indices": (48, 1, 12, 3),
    "x.argsort(1)": (48, 1, 12, 3),
    "x.cumsum(1)": (48, 16, 4, 1),
    "x.softmax(1)": (48, 16, 4, 1),
    "x.mean((2, 3), keepdim=True)": (3, 1, 1, 1),
    "x.amax(1, keepdim=True)": (16, 16, 4, 1),
    "x + 1": (48, 1, 12, 3),
    "x * torch.ones(1, 3, 1, 1)": (48, 1, 12, 3),
    "x.exp()": (48, 1, 12, 3),
    "x.clamp(0, 1)": (48, 1, 12, 3),
    "F.conv2d(x, w)": (8, 1, 4, 2),
    "F.conv2d(y, w)": (8, 4, 2, 1),
    "F.conv2d(y, w.contiguous(memory_format=torch.channels_last))": (8, 1, 4, 2),
    "F.conv2d(x, torch.ones(2, 3, 1, 1), padding=1)": (72, 1, 12, 2),
    "F.conv2d(y, torch.ones(2, 3, 1, 1), padding=1)": (72, 36, 6, 1),
    "F.conv2d(x, torch.ones(3, 1, 3, 3), groups=3)": (12, 1, 6, 3),
    "F.conv_transpose2d(x, torch.ones(3, 2, 3, 3))": (72, 1, 12, 2),
    "F.max_pool2d(x, 2)": (12, 1, 6, 3),
    "F.avg_pool2d(x, 2)": (12, 1, 6, 3),
    "F.adaptive_avg_pool2d(x, 2)": (12, 1, 6, 3),
    "F.batch_norm(x, torch.zeros(3), torch.ones(3))": (48, 1, 12, 3),
    "F.batch_norm(x, None, None, training=True)": (48, 1, 12, 3),
    "F.group_norm(x, 3)": (48, 1, 12, 3),
    "F.layer_norm(x, (4,))": (48, 16, 4, 1),
    "F.interpolate(x, scale_factor=2)": (192, 1, 24, 3),
    "F.interpolate(x, scale_factor=2, mode='bilinear')": (192, 1, 24, 3),
    "F.interpolate(x, size=(2, 2), mode='area')": (12, 1, 6, 3),
    "F.pad(x, (1, 1, 1, 1))": (108, 1, 18, 3),
    "F.pad(x, (1, 1, 1, 1), mode='reflect')": (108, 1, 18, 3),
    "F.pixel_unshuffle(x, 2)": (48, 1, 24, 12),
    "torch.cat([x, x], 1)": (96, 1, 24, 6),
    "x[:, 1:]": (48, 1, 12, 3),
    "x[:, [0, 1]]": (32, 16, 4, 1),
    "y[:, [0, 1]]": (32, 16, 4, 1),
    "c[:, [0, 1]]": (8, 4, 1),
    "c[:, :, [0, 1]]": (6, 2, 1),
    "c[:, torch.tensor([[0, 1], [1, 0]])]": (16, 8, 4, 1),
    "c[[0, 1], :, [0, 1]]": (3, 1),
    "c[:, [0, 1], [1, 2]]": (2, 1),
    "torch.full_like(x, 2)": (48, 1, 12, 3),
    "torch.zeros_like(x)": (48, 1, 12, 3),
    "torch.nn.Conv2d(3, 2, 3).to(memory_format=torch.channels_last).weight": (27, 1, 9, 3),
    "m.sort(0).values": (1, 3),
    "m.argsort(0)": (1, 3),
    "m.cumsum(0)": (2, 1),
    "m + torch.ones(3, 1)": (1, 3),
    "torch.ones(4).expand(3, 4).double()": (4, 1),
    "torch.arange(4).expand(3, 4).half()": (4, 1),
    "torch.ones(4).expand(3, 4).long()": (4, 1),
    "torch.ones(4).expand(3, 4) * torch.ones(3, 1, dtype=torch.float64)": (4, 1),
    "torch.arange(4).expand(3, 4).sin()": (4, 1),
    "torch.ones(2, 1, 5).expand(2, 3, 5).to(torch.bfloat16)": (15, 5, 1),
    "torch.where(c > 5)[1]": (1,),
    "c.nonzero()": (1, 23),
    "torch.full_like(m, 1)": (1, 3),
    "torch.complex(m, m)": (1, 3),
    "torch.polar(m, m)": (1, 3),
    "m.logcumsumexp(0)": (2, 1),
    "m.double()": (1, 3),
    "m[:1].expand(3, 2) + 0": (2, 1),
}  # fmt: skip


def stride(torch, expression):
    """The strides of what an expression gives."""
    images = torch.arange(96.0).reshape(2, 3, 4, 4)
    names = {
        "torch": torch, "F": torch.nn.functional, "m": torch.arange(6.0).reshape(2, 3).t(),
        "x": images.contiguous(memory_format=torch.channels_last), "y": images,
        "w": torch.ones(2, 3, 3, 3), "c": torch.arange(24.0).reshape(2, 3, 4),
    }  # fmt: skip
    return eval(expression, names).stride()


if __name__ == "__main__":
    import torch

    for expression in STRIDES:
        print(f'    "{expression}": {stride(torch, expression)},')
