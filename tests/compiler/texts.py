"""The graphs, steps and LLVM text of a few programs, as stored in `texts/`.

A refactor leaves them alone, or shows what it changes. To renew them (and read the difference):

    python tests/compiler/texts.py
"""

import os
import re
import sys
from pathlib import Path

FOLDER = Path(__file__).parent / "texts"
CPU = "x86-64-v3"


def programs():
    """{name: (function, arguments)}"""
    import tidu as torch

    torch.manual_seed(0)
    f = torch.nn.functional
    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Tanh())
    steps = {}
    for kind in (torch.optim.SGD, torch.optim.Adam):
        optimizer = kind(model.parameters(), lr=0.1)

        def step(x, optimizer=optimizer):
            optimizer.zero_grad()
            loss = (model(x) ** 2).mean()
            loss.backward()
            optimizer.step()
            return loss

        step(torch.ones(4, 3))
        steps[kind.__name__.lower()] = step, (torch.ones(4, 3),)
    state = torch.zeros(6)
    tracked = torch.ones(6, 7, requires_grad=True)
    return {
        "elementwise": (lambda x, y: (x * y).tanh() + y.exp(), (tracked, torch.ones(7))),
        "softmax": (lambda x: x.softmax(-1), (tracked,)),
        "layer_norm": (lambda x: f.layer_norm(x, (7,)), (tracked,)),
        "cross_entropy": (lambda x: f.cross_entropy(x, torch.arange(6)), (tracked,)),
        "views": (lambda x: x[1:, ::2].mT.reshape(-1).cumsum(0) * 2, (torch.ones(6, 7),)),
        "in_place": (lambda x: state.add_(x.sum(1)).sub(1).amax(), (torch.ones(6, 7),)),
        "product": (lambda x, y: (x @ y).relu(), (torch.ones(3, 4), torch.ones(4, 2))),
        "pooled": (lambda x: f.max_pool2d((x * 2).relu(), 2), (torch.ones(1, 6, 7),)),
        "linear": (lambda x, w: f.gelu(f.linear(x, w)), (torch.ones(2, 3, 4), torch.ones(5, 4))),
        "random": (lambda x: f.dropout(x, 0.25) + torch.rand(7), (torch.ones(6, 7),)),
        "scan": (lambda x: torch.scan(lambda c, r: (c * r, c + r), x[0], x)[1], (tracked,)),
        "branches": (lambda x: x.sin() if x.sum() > 1 else x.cos(), (torch.ones(5),)),
        **steps,
    }


def text_of(function, arguments):
    """What a program is compiled to, as one text."""
    import warnings

    import tidu
    from tidu.compiler.calls import optimized

    found = []
    optimized.WATCHERS.append(lambda name, captured, compiled: found.append(compiled))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tidu.compile(function)(*arguments)
    finally:
        optimized.WATCHERS.pop()
    parts = []
    for name, program in (("forward", found[0].forward), ("backward", found[0].reverse)):
        if program is not None:
            parts += [f"=== {name}: graphs", program.history, f"=== {name}: steps",
                      program.plan.text(), f"=== {name}: code", program.text]  # fmt: skip
    text = "\n".join(parts) + "\n"
    return re.sub(r" at 0x[0-9a-f]+>", ">", text)


def main(folder):
    folder.mkdir(exist_ok=True)
    for old in folder.glob("*.txt"):
        old.unlink()
    for name, (function, arguments) in programs().items():
        (folder / f"{name}.txt").write_text(text_of(function, arguments))


if __name__ == "__main__":
    if os.environ.get("TIDU_CPU") != CPU:
        os.environ["TIDU_CPU"] = CPU
        os.execv(sys.executable, [sys.executable, *sys.argv])
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
