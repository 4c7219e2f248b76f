"""What the page computes again, and the formulas it writes, for every kind of operation."""

import textwrap

import numpy as np
import pytest
from browser import browser, needs_browser, opened
from helpers import explained
from operations import PROGRAMS

from tidu.explain.reader import Reader
from tidu.explain.values import from_json

pytestmark = [pytest.mark.slow, needs_browser]
# Operations that the page does not compute: it says so, and its sliders rest.
NOT_COMPUTED = {"complex", "fft"}  # of complex numbers

READ = """(doc) => {
  T.model = T.parts.model(doc);
  const found = [];
  doc.passes.forEach((call, k) => {
    const pass = T.model.pass(k), worked = [];
    for (const s of call.steps) for (const m of s.sent) {
      const w = T.worked(s.node, m, s.gradient, pass);
      worked.push([w.general, w.numbers, w.result]);
    }
    let gradients = null, missing = null;
    try {
      gradients = [...T.replay.pass(T.model, pass, new Map()).gradients]
        .filter(([, a]) => !a.parts).map(([id, a]) => [id, Array.from(a.data, String)]);
    } catch (error) {
      if (!(error instanceof T.replay.Missing)) throw error;
      missing = error.message;
    }
    found.push({ worked, gradients, missing });
  });
  return found;
}"""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    path = explained(folder, "x = torch.ones(1, requires_grad=True)\nx.backward()\n").save(
        folder / "page.html"
    )
    with browser() as context:
        yield opened(context, path)
        assert not context.wrong


@pytest.mark.parametrize("name", PROGRAMS)
def test_replay_and_formulas(page, tmp_path, name):
    text = "torch.manual_seed(0)\n" + textwrap.dedent(PROGRAMS[name])
    document = explained(tmp_path, text).document
    for call, found in zip(document["passes"], page.evaluate(READ, document), strict=True):
        reader = Reader(document).use(call)
        wanted = [
            list(reader.worked(step, message, "tex"))
            for step in call["steps"]
            for message in step["sent"]
        ]
        if name == "fft":  # the page makes no choices by complex numbers
            wanted = [
                [g, n and m[1], r] for (g, n, r), m in zip(wanted, found["worked"], strict=True)
            ]
        assert found["worked"] == wanted
        assert (found["missing"] is not None) == (name in NOT_COMPUTED), found["missing"]
        gradients = dict(found["gradients"] or ())
        for arrival in call["arrivals"] if gradients else ():
            wanted = from_json(arrival["gradient"]).ravel()
            values = [float(v.replace("Infinity", "inf")) for v in gradients[arrival["leaf"]]]
            np.testing.assert_allclose(values, wanted, rtol=5e-4, atol=2e-5)
