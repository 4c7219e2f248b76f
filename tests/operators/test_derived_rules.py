"""What is derived from the formulas is what is stored (see `derived_rules.py` to renew it), when a
derivative is first asked for."""

import difflib
import subprocess
import sys

from derived_rules import STORED, rules


def test_derived_rules_are_those_stored():
    now, stored = rules().splitlines(), STORED.read_text().splitlines()
    told = "\n".join(difflib.unified_diff(stored, now, "stored", "now", lineterm="", n=1))
    assert not told, f"python tests/operators/derived_rules.py\n{told}"


FORWARD = """
import sys, tidu
f = tidu.nn.functional
x = tidu.rand(3, 4, requires_grad=True)
for value in (
    x.var(), x.var(1), x.mean(), x.softmax(1), x.log_softmax(1), f.mse_loss(x, x.flip(0)), x.norm(),
    x.amax(1), x.max(), x.median(), f.silu(x), x.sigmoid(), x.tanh(), x.clamp(0, 1), x.sub(x),
    f.gelu(x), f.relu(x), x.maximum(x), f.softplus(x), x.logit(),
):
    assert value.grad_fn is not None
    assert not [name for name in sys.modules if name.endswith(".derivation")]
x.var().backward()
assert [name for name in sys.modules if name.endswith(".derivation")]
"""


def test_a_forward_derives_nothing():
    subprocess.run([sys.executable, "-c", FORWARD], check=True)
