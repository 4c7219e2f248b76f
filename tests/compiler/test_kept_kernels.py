"""Kernels of eager operations whose code the cache has: they are not written again, and are the
same; what somebody has changed is written."""

import subprocess
import sys
import textwrap

import pytest

from tidu.compiler.loops import mathematics, pointwise, rows, updates
from tidu.compiler.machine import kernels, sources
from tidu.optim.adam import Adam

PROGRAM = """
    import sys
    import tidu as torch
    from tidu.compiler.machine import kernels
    from tidu.core.native import NATIVE

    written, whole = [], kernels.Body.whole
    kernels.Body.whole = lambda self: written.append(self) or whole(self)
    torch.manual_seed(0)

    def leaf(*shape):
        return torch.randn(*shape, requires_grad=True)

    def digest(*tensors):
        return [torch.nan_to_num(t.detach().double()).sum().item() for t in tensors]

    x, w = leaf(64, 40), leaf(40, 40)
    y = torch.nn.functional.gelu(x @ w).softmax(1)
    y = torch.nn.functional.layer_norm(y, (40,)).tanh()
    (y * y).sum(0).mean().backward()
    optimizer = torch.optim.AdamW([x, w], lr=LR)
    optimizer.step()
    image, kernel = leaf(4, 8, 24, 24), leaf(8, 8, 3, 3)
    seen = torch.nn.functional.max_pool2d(torch.conv2d(image, kernel, padding=1), 2)
    seen.square().sum().backward()
    q = leaf(2, 4, 48, 16)
    attended = torch.nn.functional.scaled_dot_product_attention(q, q, q, is_causal=True)
    attended.sum().backward()
    lstm = torch.nn.LSTM(16, 24)
    out, _ = lstm(torch.randn(12, 8, 16))
    out.square().sum().backward()
    ordered, places = torch.randn(3000, 4).sort(0)
    whole_numbers = torch.randint(0, 9, (70000,)).sort().values
    print(digest(x, w, x.grad, w.grad, image.grad, kernel.grad, q.grad, out, ordered, places,
                 whole_numbers, torch.linspace(0, 1, 100_001), torch.full((100_001,), 2.0),
                 *[p.grad for p in lstm.parameters()]))
    print(len(written), file=sys.stderr)
"""


def run(folder, rate="1e-3"):
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PROGRAM).replace("LR", rate)],
        env={**kernels.native.os.environ, "TIDU_CACHE_DIR": str(folder)},
        capture_output=True, text=True, timeout=300, check=True,
    )  # fmt: skip
    return done.stdout, int(done.stderr)


@pytest.mark.slow
def test_a_second_process_writes_none(tmp_path):
    first, written = run(tmp_path)
    assert written > 10
    again, written = run(tmp_path)
    assert again == first
    assert written == 0
    other, written = run(tmp_path, "2e-3")  # the numbers of a formula are no part of its code
    assert other != first
    assert written == 0


def test_another_writer_or_argument_is_another_kernel():
    given = [("softmax", "f32", ()), ("softmax", "f64", ()), ("log_softmax", "f32", ()),
             ("softmax", "f32", (1,)), ("softmax", "f32", (True,)), ("softmax", "f32", (1.0,)),
             ("softmax", "f32", (0.0,)), ("softmax", "f32", (-0.0,))]  # fmt: skip
    keys = [sources.decided(rows._written, g) for g in given]
    keys.append(sources.decided(updates._written, given[0]))
    assert None not in keys
    assert len(set(keys)) == len(keys)


def test_a_formula_of_this_library_has_a_name_and_no_other_has():
    key = (1, -1, True), 2, "f32"
    assert sources.decided(updates._written, (Adam.formula, *key)) is not None
    assert sources.decided(updates._written, (lambda k, numbers, p, g: None, *key)) is None

    def formula(k, numbers, p, g):
        k.add(p, g)

    formula.__module__, formula.__qualname__ = Adam.formula.__module__, Adam.formula.__qualname__
    assert sources.decided(updates._written, (formula, *key)) is None


@pytest.mark.parametrize(("module", "name"), [(pointwise, "UNROLL"), (mathematics, "FUNCTIONS"),
                                              (rows, "_softmax")])  # fmt: skip
def test_what_somebody_has_changed_is_written(monkeypatch, module, name):
    given = "softmax", "f32", ()
    assert sources.decided(rows._written, given) is not None
    with monkeypatch.context() as changed:
        changed.setattr(module, name, object())
        assert sources.decided(rows._written, given) is None
    assert sources.decided(rows._written, given) is not None
