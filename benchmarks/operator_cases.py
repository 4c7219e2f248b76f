"""The operations timed by `operators.py`: the sixty that programs use most, and some outliers.

Each is a function of (torch, x, y): the module that stands for torch, and two inputs of one size
with elements between 0 and 1.
"""

import math

__all__ = ["CASES", "USED"]


def matrix(x):
    """The elements as a matrix of about ten times as many rows as columns, a view."""
    columns = max(1, math.isqrt(x.numel() // 10))
    rows = x.numel() // columns
    return x[: rows * columns].view(rows, columns)


def square(x, largest=1024):
    side = min(largest, math.isqrt(x.numel()))
    return x[: side * side].view(side, side)


def every_third(torch, x):
    return torch.arange(0, x.numel(), 3)


def image(x):
    """A batch of square pictures of up to 64 pixels a side with up to 8 channels, a view."""
    side = min(64, max(1, math.isqrt(x.numel())))
    channels = min(8, max(1, x.numel() // side**2))
    count = max(1, x.numel() // (channels * side * side))
    return x[: count * channels * side * side].view(count, channels, side, side)


def filters(x):
    """As many 3x3 filters as the pictures have channels, of numbers from the input's front."""
    channels = image(x).shape[1]
    need = channels * channels * 9
    return x[:need].view(channels, channels, 3, 3) if x.numel() >= need else x[:1].view(1, 1, 1, 1)


def classes(torch, x):
    """A class for each row of `matrix(x)`."""
    rows, columns = matrix(x).shape
    return torch.arange(rows) % columns


def layer(torch, x, y):
    """A linear layer: rows of x, weights from y."""
    width = min(1024, max(1, math.isqrt(x.numel())))
    return torch.nn.functional.linear(
        x[: x.numel() // width * width].view(-1, width), y[: width * width].view(width, width)
    )


def embedded(torch, x, y):
    table = matrix(x)
    return torch.nn.functional.embedding(torch.arange(0, table.shape[0], 2), table)


def scattered(torch, x, y):
    places = every_third(torch, x)
    return x.scatter(0, places, y[: places.numel()])


USED = {
    "linear": layer,
    "to": lambda torch, x, y: x.to(torch.float64),
    "view": lambda torch, x, y: x.view(1, -1),
    "item": lambda torch, x, y: x.sum().detach() * x[0].item(),
    "mean": lambda torch, x, y: x.mean(),
    "cat": lambda torch, x, y: torch.cat([x, y]),
    "sum": lambda torch, x, y: x.sum(),
    "zeros": lambda torch, x, y: torch.zeros(x.numel()),
    "relu": lambda torch, x, y: torch.relu(x),
    "reshape": lambda torch, x, y: x.reshape(1, -1),
    "randn": lambda torch, x, y: torch.randn(x.numel()),
    "conv2d": lambda torch, x, y: torch.nn.functional.conv2d(image(x), filters(y)),
    "unsqueeze": lambda torch, x, y: x.unsqueeze(0),
    "transpose": lambda torch, x, y: matrix(x).transpose(0, 1).contiguous(),
    "float": lambda torch, x, y: (x > 0.5).float(),
    "squeeze": lambda torch, x, y: x.view(1, -1).squeeze(0),
    "ones": lambda torch, x, y: torch.ones(x.numel()),
    "arange": lambda torch, x, y: torch.arange(x.numel()),
    "split": lambda torch, x, y: x.split(x.numel() // 2)[0],
    "dropout": lambda torch, x, y: torch.nn.functional.dropout(x, 0.25),
    "embedding": embedded,
    "sqrt": lambda torch, x, y: x.sqrt(),
    "log": lambda torch, x, y: x.log(),
    "flatten": lambda torch, x, y: matrix(x).flatten(),
    "softmax": lambda torch, x, y: matrix(x).softmax(1),
    "stack": lambda torch, x, y: torch.stack([x, y]),
    "exp": lambda torch, x, y: x.exp(),
    "cross_entropy": lambda torch, x, y: torch.nn.functional.cross_entropy(
        matrix(x), classes(torch, x)
    ),
    "argmax": lambda torch, x, y: x.argmax(),
    "permute": lambda torch, x, y: image(x).permute(0, 2, 3, 1).contiguous(),
    "linspace": lambda torch, x, y: torch.linspace(0, 1, x.numel()),
    "norm": lambda torch, x, y: x.norm(),
    "zeros_like": lambda torch, x, y: torch.zeros_like(x),
    "add": lambda torch, x, y: x + y,
    "std": lambda torch, x, y: x.std(),
    "long": lambda torch, x, y: (x * 10).long(),
    "tanh": lambda torch, x, y: x.tanh(),
    "fill": lambda torch, x, y: x.detach().clone().fill_(2.0),
    "clone": lambda torch, x, y: x.clone(),
    "abs": lambda torch, x, y: x.abs(),
    "sin": lambda torch, x, y: x.sin(),
    "pow": lambda torch, x, y: x**2.5,
    "cos": lambda torch, x, y: x.cos(),
    "matmul": lambda torch, x, y: square(x) @ square(y),
    "sigmoid": lambda torch, x, y: x.sigmoid(),
    "t": lambda torch, x, y: matrix(x).t(),
    "gelu": lambda torch, x, y: torch.nn.functional.gelu(x),
    "scatter": scattered,
    "contiguous": lambda torch, x, y: matrix(x).contiguous(),
    "chunk": lambda torch, x, y: x.chunk(2)[0],
    "expand": lambda torch, x, y: x.expand(2, -1) * 2,
    "normal": lambda torch, x, y: torch.empty(x.numel()).normal_(),
    "repeat": lambda torch, x, y: x.repeat(2),
    "log_softmax": lambda torch, x, y: matrix(x).log_softmax(1),
    "triu": lambda torch, x, y: square(x).triu(),
    "var": lambda torch, x, y: x.var(),
    "uniform": lambda torch, x, y: torch.empty(x.numel()).uniform_(),
    "clamp": lambda torch, x, y: x.clamp(0.2, 0.8),
    "prod": lambda torch, x, y: (x - x.detach() + 1).prod(),  # any rounding would grow
    "mul": lambda torch, x, y: x * y,
}
OTHERS = {
    "sub": lambda torch, x, y: x - y,
    "div": lambda torch, x, y: x / y,
    "mul by a number": lambda torch, x, y: x * 2.5,
    "square": lambda torch, x, y: x**2,
    "cube": lambda torch, x, y: x**3,
    "erf": lambda torch, x, y: x.erf(),
    "maximum": lambda torch, x, y: torch.maximum(x, y),
    "where": lambda torch, x, y: torch.where(x > y, x, y),
    "sum of rows": lambda torch, x, y: matrix(x).sum(1),
    "max of rows": lambda torch, x, y: matrix(x).max(1).values,
    "cumsum": lambda torch, x, y: x.cumsum(0),
    "layer_norm": lambda torch, x, y: torch.nn.functional.layer_norm(
        matrix(x), matrix(x).shape[1:]
    ),
    "dot": lambda torch, x, y: torch.dot(x, y),
    "bias": lambda torch, x, y: matrix(x) + matrix(y)[0],
    "slice": lambda torch, x, y: x[1:-1],
    "index": lambda torch, x, y: x[every_third(torch, x)],
    "gather": lambda torch, x, y: x.gather(0, every_third(torch, x)),
    "compare": lambda torch, x, y: x < y,
    "sort": lambda torch, x, y: x.sort().values,
}
CASES = {**USED, **OTHERS}
