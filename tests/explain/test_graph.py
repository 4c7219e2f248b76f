"""tidu.graph: nodes, edges, walks, and the graph written out."""

import json
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import pytest

import tidu as torch
from tidu.explain.views.picture import layers_of


@pytest.fixture
def found():
    x = torch.tensor(3.0, requires_grad=True)
    y = torch.tensor(2.0, requires_grad=True)
    return torch.graph(x**2 * y + x)


def test_nodes_are_those_of_grad_fn(found):
    assert sorted(n.name for n in found) == ["AccumulateGrad", "AccumulateGrad", "AddBackward0",
                                            "MulBackward0", "PowBackward0"]  # fmt: skip
    assert len(found) == 5 and len(found.edges) == 5 and len(found.leaves) == 2
    assert found.outputs[0].name == "AddBackward0"


def test_walks(found):
    seen = set()
    for node in found.forward():
        assert all(edge.source in seen for edge in node.inputs)
        seen.add(node)
    order = [n.op for n in found.backward()]
    assert order[:3] == ["add", "mul", "pow"] and order[3:] == ["leaf", "leaf"]
    top = found.outputs[0]
    assert len(found.ancestors(top)) == 4 and found.descendants(top) == []
    x = next(n for n in found.leaves if len(n.users) == 2)
    assert {n.op for n in found.descendants(x)} == {"pow", "mul", "add"}


def test_tensors(found):
    values = sorted(t.item() for t in found.tensors.values())
    assert values == [2, 3, 21]


def test_outputs_of_one_operation():
    x = torch.arange(4.0).requires_grad_()
    a, b = x.split(2)
    edges = torch.graph((a * b).sum()).edges
    assert {e.output for e in edges if e.source.op == "split"} <= {0, 1}
    assert len([e for e in edges if e.target.op == "mul"]) == 2


def test_json(found):
    data = json.loads(found.to_json())
    assert [n["id"] for n in data["nodes"]] == list(range(5)) and len(data["edges"]) == 5
    assert all(data["nodes"][e["from"]]["id"] < data["nodes"][e["to"]]["id"] for e in data["edges"])


def test_dot_mermaid_svg(found):
    dot = found.to_dot()
    assert dot.startswith("digraph") and dot.count("->") == 5 and "MulBackward0" in dot
    mermaid = found.to_mermaid()
    assert mermaid.startswith("flowchart LR") and mermaid.count("-->") == 5
    root = ElementTree.fromstring(found.to_svg())
    texts = [e.text for e in root.iter("{http://www.w3.org/2000/svg}text")]
    assert sorted(texts) == sorted(n.label for n in found) and {"x", "y"} < set(texts)


def test_labels_are_escaped():
    model = torch.nn.Module()
    model.register_parameter('a<b>&"c"', torch.nn.Parameter(torch.ones(1)))
    found = torch.graph(next(model.parameters()) * 2)
    assert 'model.a<b>&"c" [1]' in [n.label for n in found]
    texts = {e.text for e in ElementTree.fromstring(found.to_svg()).iter() if e.text}
    assert 'model.a<b>&"c"' in " ".join(texts)
    assert '"c"' not in found.to_dot().replace(r"\"", "'")


def test_networkx(found):
    networkx = pytest.importorskip("networkx")
    graph = found.to_networkx()
    assert networkx.is_directed_acyclic_graph(graph) and graph.number_of_edges() == 5
    labels = networkx.get_node_attributes(graph, "label")
    assert sorted(labels.values()) == ["AddBackward0", "MulBackward0", "PowBackward0", "x", "y"]
    assert [n["name"] for _, n in graph.nodes(data=True)].count("AccumulateGrad") == 2


def test_leaves_have_the_names_of_variables_and_parameters():
    net = torch.nn.Sequential(torch.nn.Linear(3, 1))
    rows = torch.ones(2, 3, requires_grad=True)
    loss = net(rows).sum() + torch.ones(1, requires_grad=True).sum()
    found = torch.graph(loss)
    assert sorted(n.label for n in found.leaves) == [
        "leaf [1]", "net.0.bias [1]", "net.0.weight [1, 3]", "rows [2, 3]"]  # fmt: skip
    assert found.outputs[0].variable == "loss"
    data = json.loads(found.to_json())["nodes"]
    assert {n["variable"] for n in data} == {None, "rows", "loss", "net.0.weight", "net.0.bias"}
    assert "net.0.weight [1, 3]" in found.to_dot() and "rows (2, 3)" in found.to_mermaid()


def test_layers_have_no_edge_backwards():
    edges = [(0, 2), (1, 2), (2, 3), (0, 3), (3, 4)]
    column = {id: k for k, ids in enumerate(layers_of(range(5), edges)) for id in ids}
    assert all(column[a] < column[b] for a, b in edges)


def test_a_long_chain_is_no_recursion():
    x = torch.tensor(1.0, requires_grad=True)
    y = x
    for _ in range(5000):
        y = y * 1.0
    assert len(torch.graph(y)) == 5001


def test_refusals():
    with pytest.raises(RuntimeError, match="does not require grad"):
        torch.graph(torch.ones(1))
    with pytest.raises(TypeError, match="expected tensors"):
        torch.graph("y")


IMPORTS = [
    "import tidu",
    "import tidu.explain",
    "import tidu.explain.structure",
    "from tidu.explain import graph",
    "from tidu import explain",
    "import tidu.explain.views.page",
]
SAME = """
import tidu
from tidu import explain as named
from tidu.explain import explain as inner, graph
from tidu.explain.structure import graph as first
import sys
assert tidu.graph is first is graph is sys.modules["tidu.explain"].graph, tidu.graph
assert tidu.explain is named is sys.modules["tidu.explain"], tidu.explain
x = tidu.ones(2, requires_grad=True)
y = (x * 2).sum()
assert len(tidu.graph(y)) == 3 and len(inner(y).document["passes"]) == 1
assert len(tidu.explain(y).document["nodes"]) == 3, "the module can be called"
with tidu.explain() as ex:
    (x * 3).sum().backward()
assert len(ex.document["passes"]) == 1
"""


@pytest.mark.slow
@pytest.mark.parametrize("first", IMPORTS)
@pytest.mark.parametrize("second", ["", "import tidu.explain.entry, tidu.program.ir"])
def test_names_agree_in_every_order_of_import(first, second):
    """In a process of its own: here all of them have been imported long ago."""
    program = "\n".join([first, second, SAME])
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
