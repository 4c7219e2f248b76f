"""What is written for ARM, compiled for it on another processor: prints how many texts there were.

The programs run here as well; the one word in them that only ARM has is that with which a thread
waits, and of that there is this processor's own by then.
"""

import sys
from pathlib import Path

import llvmlite.binding as llvm
import numpy as np

import tidu as torch
from tidu.compiler.machine import native, pool

sys.path.insert(0, str(Path(__file__).parent))
from texts import programs

LINUX, MACOS = "aarch64-unknown-linux-gnu", "arm64-apple-macosx13.0.0"
PROCESSORS = (LINUX, "generic"), (LINUX, "neoverse-v1"), (MACOS, "apple-m1")
BEGINNINGS = {LINUX: b"\x7fELF", MACOS: b"\xcf\xfa\xed\xfe"}


def more():
    """Programs besides those whose texts are stored: (function, arguments)."""
    f, rows = torch.nn.functional, torch.randn(3, 70, dtype=torch.float64)
    image, kernel = torch.randn(1, 8, 20, 20), torch.randn(8, 8, 3, 3)
    return [
        (lambda x, y: x**y + (x / y).floor() % y, (rows, rows + 2)),
        (lambda x: (x.half() * 2).float().to(torch.int32) << 3, (rows,)),
        (lambda x: x.bfloat16() * x.sigmoid().bfloat16(), (rows,)),
        (lambda x: x.to(torch.int64) // 3 + x.to(torch.int64).abs() % 5, (rows,)),
        (f.conv2d, (image, kernel)),
        (lambda q: f.scaled_dot_product_attention(q, q, q), (torch.randn(1, 2, 33, 16),)),
        (lambda x: x.sort(0).values.cumsum(0), (torch.randn(300, 3),)),
        (lambda x: x.exp().log1p().lgamma(), (rows.float(),)),
    ]


def main():
    pool.address()
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    try:
        targets = {triple: llvm.Target.from_triple(triple) for triple in BEGINNINGS}
    except RuntimeError:  # LLVM was built without
        return print(0)
    seen, compiled, how = [], native._compile, {"codemodel": "jitdefault", "jit": True}

    def for_arm(text):
        for triple, cpu in PROCESSORS:
            machine = targets[triple].create_target_machine(cpu=cpu, opt=1, **how)
            code = machine.emit_object(llvm.parse_assembly(text))
            assert code.startswith(BEGINNINGS[triple])
        seen.append(text)

    def both(text, plain=False, binary=True):
        for_arm(text)
        return compiled(text, plain, binary)

    native._compile, native.HOST.triple, native.HOST.vector_bytes = both, LINUX, 16
    for_arm(pool._source())
    for function, arguments in [*programs().values(), *more()]:
        torch.compile(function)(*arguments)
    torch.randn(300_000).tanh().sum()  # loops behind eager operations
    print(len(seen))


if __name__ == "__main__":
    np.seterr(all="ignore")
    main()
