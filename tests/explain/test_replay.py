"""What the page computes again, and the formulas it writes, for every kind of operation."""

import re
import textwrap

import numpy as np
import pytest
from browser import browser, needs_browser, opened
from helpers import explained
from operations import PROGRAMS

from tidu.explain.recording.values import from_json
from tidu.explain.views.reader import Reader

pytestmark = [pytest.mark.slow, needs_browser]

READ = """(doc) => {
  T.model = T.parts.model(doc);
  const found = [], texts = (v) => (v instanceof T.Complex ? [v.re, v.im] : [v]).map(String);
  doc.passes.forEach((call, k) => {
    const pass = T.model.pass(k), worked = [];
    for (const s of call.steps) for (const m of s.sent) {
      const w = T.worked(s.node, m, s.gradient, pass);
      worked.push([w.general, w.numbers, w.result]);
    }
    let gradients = null, missing = null;
    try {
      gradients = [...T.replay.pass(T.model, pass, new Map()).gradients]
        .filter(([, a]) => !a.parts).map(([id, a]) => [id, Array.from(a.data, texts)]);
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
        assert [list(map(steady, row)) for row in found["worked"]] == [
            list(map(steady, row)) for row in wanted
        ]
        assert found["missing"] is None
        gradients = dict(found["gradients"] or ())
        for arrival in call["arrivals"] if gradients else ():
            wanted = from_json(arrival["gradient"]).ravel()
            values = [as_number(*parts) for parts in gradients[arrival["leaf"]]]
            np.testing.assert_allclose(values, wanted, rtol=5e-4, atol=2e-5)


def steady(tex):
    """Without imaginary parts that are rounding alone: of an inverse they differ."""
    return tex and re.sub(r"[+-][\d.]+ \\times 10\^\{-1[5-9]\}i", "+0i", tex)


def as_number(*parts):
    """A number, or a complex one of its two parts."""
    parts = [float(part.replace("Infinity", "inf")) for part in parts]
    return parts[0] if len(parts) == 1 else complex(*parts)
