"""What defines a result that an algorithm finds, A = QR or A·X = I: the document and the page."""

import textwrap

import numpy as np
import pytest
from browser import needs_browser
from helpers import explained, node_named
from operations import PROGRAMS
from test_page import context, show  # noqa: F401

import tidu as torch
from tidu.explain.recording.values import from_json
from tidu.explain.views.reader import Reader
from tidu.explain.views.stepper import Walk

pytestmark = pytest.mark.slow
L = torch.linalg


def told(explanation, style="text"):
    """The equations of the last operation that has any."""
    reader = Reader(explanation.document)
    ids = [n["id"] for n in reader.nodes if reader.defining(n["id"])]
    return reader.defining(ids[-1], style)


def test_equations_of_factors():
    x = torch.tensor([[2.0, 1.0], [1.0, 3.0]], requires_grad=True)
    b = torch.ones(2, 1, requires_grad=True)
    low = L.cholesky(x)
    assert told(torch.explain(low.sum())) == ["low @ lowᵀ = x", "tril(low) = low"]
    q, r = L.qr(x)
    assert told(torch.explain(q.sum() + r.sum())) == ["q @ r = x", "qᵀ @ q = eye(2)", "triu(r) = r"]
    u, s, vh = L.svd(x)
    assert told(torch.explain((u @ vh).sum() + s.sum())) == [
        "u @ diag(s) @ vh = x",
        "uᵀ @ u = eye(2)",
        "vh @ vhᵀ = eye(2)",
    ]
    inverse = L.inv(x)
    assert told(torch.explain(inverse.sum()), "tex") == [
        r"x \mathbin{@} \mathrm{inverse} = \mathrm{I}_{2}"
    ]
    y = L.solve(x, b)
    assert told(torch.explain(y.sum())) == ["x @ y = b"]
    y = L.solve_triangular(x, b, upper=True, unitriangular=True)
    assert told(torch.explain(y.sum())) == ["(triu(x, 1) + eye(2)) @ y = b"]


def test_of_a_matrix_that_is_not_symmetric_one_triangle_is_read():
    x = torch.tensor([[4.0, 7.0], [1.0, 3.0]], requires_grad=True)
    low = L.cholesky(x)
    assert (
        told(torch.explain(low.sum()))[0]
        == "low @ lowᵀ = tril(x, -1) + tril(x, -1)ᵀ + diag(diagonal(x))"
    )


def test_a_pseudo_inverse_that_leaves_a_part_out():
    x = torch.tensor([[1.0, 0.0], [0.0, 0.1]], requires_grad=True)
    p = L.pinv(x)
    assert told(torch.explain(p.sum()))[0] == "x @ p @ x = x"
    p = L.pinv(x, rtol=0.5)  # the second singular value counts for nothing
    assert told(torch.explain(p.sum()))[0] == "p @ x @ p = p"


def test_determinants_of_small_matrices_are_written_out():
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    reader = Reader(torch.explain(x.det()).document)
    assert reader.forward_numbers(1, ()) == "1·4 − 2·3"


def test_letters_are_no_names_of_tensors(tmp_path):
    text = """
        i = torch.randn(2, 2, requires_grad=True)
        b = torch.randn(2, 2)
        (i @ b).sum().backward()
    """
    reader = Reader(explained(tmp_path, text).document)
    product = next(n["id"] for n in reader.nodes if n["op"] == "mm")
    assert reader.forward_rule(product) == "Σ_k i[a,k]·b[k,j]"


def test_what_an_operation_detaches_is_no_cut(tmp_path):
    """lu and cholesky_solve detach parts of their own; the program cut nothing off."""
    text = """
        x = torch.randn(3, 3, requires_grad=True)
        low = torch.linalg.cholesky(x @ x.mT + torch.eye(3))
        y = torch.cholesky_solve(torch.ones(3, 1), low).sum()
        (y + torch.linalg.lu(x)[1].sum() + x.detach().sum() * x.sum()).backward()
    """
    found = [f["en"] for f in explained(tmp_path, text).document["findings"] if f["kind"] == "cut"]
    assert len(found) == 1 and "cut off from x by detach()" in found[0]


def test_the_stepper_tells_them(tmp_path):
    ex = explained(tmp_path, PROGRAMS["qr"])
    walk = Walk(ex.document)
    walk.press("home")
    while "qr(x)" not in "".join(walk.said()):
        walk.press("right")
    assert "q @ r = x" in walk.said()


@needs_browser
@pytest.mark.parametrize("name", ["factors", "triangles", "complex_factors"])
def test_page_and_library_write_the_same_equations(show, name):  # noqa: F811
    page = show("torch.manual_seed(0)\n" + textwrap.dedent(PROGRAMS[name]))
    reader, count = Reader(page.document), 0
    for node in page.document["nodes"]:
        equations = (reader.formula(node["id"]) or {}).get("defines", [])
        wanted = reader.defining(node["id"], "tex")
        for k, equation in enumerate(equations):
            place = [n - 1 for n in equation["shape"]]
            found = page.evaluate(
                "([id, at]) => T.defining(id, T.model.pass(0), at)", [node["id"], place]
            )[k]
            assert found["whole"] == wanted[k]
            assert found["numbers"] == reader.defining_numbers(node["id"], k, tuple(place), "tex")
            count += 1
    assert count > 6


@needs_browser
def test_the_card_of_a_factor(show):  # noqa: F811
    page = show("torch.manual_seed(0)\n" + textwrap.dedent(PROGRAMS["qr"]))
    q = node_named(page.document, "q")
    page.evaluate(f"T.set({{node: {q['id']}}})")
    shown = [m.get_attribute("data-tex") for m in page.locator("#card .equation > .math").all()]
    assert shown == [r"q \mathbin{@} r = x", r"q^{\top} \mathbin{@} q = \mathrm{I}_{2}",
                     r"\mathrm{triu}(r) = r"]  # fmt: skip
    page.evaluate(f"T.set({{node: {q['inputs'][0]}}})")
    page.locator("#card [data-role=value] [data-index='2,1']").first.hover()
    rows = page.locator("#card .equation .worked").first
    x = from_json(node_named(page.document, "x")["value"])
    assert rows.inner_text().startswith("[2,1]")
    assert f"{x[2, 1]:.6g}".lstrip("-") in rows.inner_html()


@needs_browser
def test_arrays_of_four_axes_are_rows_of_matrices(show):  # noqa: F811
    page = show("""
        w = torch.randn(6, 3, 4, 5, requires_grad=True)
        v = torch.randn(300, requires_grad=True)
        ((w * w).sum() + v.sum()).backward()
    """)
    for name, label in (("w", "6×3×4×5: 6 rows of 3 matrices of 4×5"),
                        ("v", "300 numbers, in rows of 32")):  # fmt: skip
        node = node_named(page.document, name)
        page.evaluate(f"T.set({{node: {node['id']}}})")
        assert label in page.locator("#card .pair").inner_text()
        cells = page.locator("#card figure.forward .cell")
        wanted = from_json(node["value"])
        pairs = cells.evaluate_all("all => all.map((c) => [c.dataset.index, c.dataset.value])")
        shown = dict(pairs)
        assert len(shown) == wanted.size
        for place in np.ndindex(wanted.shape):
            assert float(shown[",".join(map(str, place))]) == pytest.approx(wanted[place], rel=1e-6)
        height = page.locator("#card figure.forward").bounding_box()["height"]
        assert height < 400
    tiles = page.locator("#card .tile")
    assert tiles.count() == 0  # of a row of numbers
