"""How results lie in memory: the lines of `orders.txt`, an expression and PyTorch's strides.

Small letters are tensors that lie in order, their capitals the same numbers, every stack of
matrices column by column. Run as a program, this writes the strides anew, from PyTorch.
"""

import warnings
from pathlib import Path

FILE = Path(__file__).with_name("orders.txt")
LINES = dict(line.split(" -> ") for line in FILE.read_text().splitlines() if " -> " in line)


def turned(x):
    """The same numbers, matrices column by column."""
    return x.transpose(-1, -2).contiguous().transpose(-1, -2)


def tensors(torch):
    """s: symmetric and positive, l: its Cholesky factor, t: tall, w: wide, b: right sides,
    v: a vector of each; c: a cube, p, q: the cube in other orders, i: images, k: kernels."""
    numbers = torch.arange(40.0, dtype=torch.float64).reshape(2, 5, 4).sin()
    s = numbers.transpose(-1, -2) @ numbers + torch.eye(4, dtype=torch.float64)
    made = {"s": s, "l": torch.linalg.cholesky(s).contiguous(), "b": numbers[:, :4, :3].cos()}
    made |= {"t": numbers[:, :, :3].contiguous(), "w": numbers[:, :3].contiguous()}
    made |= {name.upper(): turned(x) for name, x in made.items()}
    made["v"], made["r"] = numbers[:, 0].contiguous(), made["b"].transpose(-1, -2).contiguous()
    made["c"] = torch.arange(24.0).reshape(2, 3, 4)
    made["p"] = made["c"].permute(2, 0, 1).contiguous().permute(1, 2, 0)
    made["q"] = turned(made["c"])
    made["i"] = torch.arange(96.0).reshape(2, 3, 4, 4)
    made["I"] = made["i"].contiguous(memory_format=torch.channels_last)
    made["k"] = torch.ones(2, 3, 2, 2)
    return made


def strides(torch, expression, function=eval):
    """Those of all tensors that an expression gives, as text."""
    names = {"torch": torch, "F": torch.nn.functional, "la": torch.linalg, **tensors(torch)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = function(expression, names)
    parts = [found] if isinstance(found, torch.Tensor) else list(found)
    return " ".join(str(part.stride()).replace(" ", "") for part in parts)


if __name__ == "__main__":
    import torch

    text = FILE.read_text().splitlines()
    FILE.write_text("".join([
        f"{e} -> {strides(torch, e)}\n" if (e := line.partition(" -> ")[0].strip()) and e[0] != "#"
        else line + "\n" for line in text
    ]))  # fmt: skip
