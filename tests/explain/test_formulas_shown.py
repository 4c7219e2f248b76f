"""Every formula, read by another program (SymPy), gives the value that is shown."""

import importlib.util
import json
import math
import re
import textwrap

import numpy as np
import pytest
from helpers import explained
from latex import value_of, values_of
from operations import ARRAYS, PROGRAMS, SCALARS

import tidu as torch
from tidu.explain.formulas.elements import ELEMENTWISE, element_of, evaluate, whole
from tidu.explain.formulas.letters import letters_of
from tidu.explain.formulas.notation import ASSETS, notation, write_inside
from tidu.explain.formulas.simplify import is_number, simplify
from tidu.explain.recording.values import from_json
from tidu.explain.views.reader import Reader
from tidu.program.signs import number_text, symbol

pytestmark = pytest.mark.slow

READERS = ("sympy", "antlr4")
with_sympy = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in READERS),
    reason="needs sympy and antlr4-python3-runtime",
)


STRUCTURES = """
    torch.manual_seed(2)
    F = torch.nn.functional
    x = torch.randn(1, 1, 4, requires_grad=True)
    w = torch.randn(2, 1, 2, requires_grad=True)
    b = torch.randn(2, requires_grad=True)
    y = F.conv1d(x, w, b, stride=2)
    first, second = (y * y).chunk(2, 1)
    pooled = F.max_pool1d(x, 2) + F.avg_pool1d(x, 2)
    best, _ = torch.stack([x[0, 0], x[0, 0] * 2]).max(0)
    m = torch.randn(2, 2, 2, requires_grad=True)
    loss = (first * second).sum() + (pooled**2).sum() + best.flip(0).cumsum(0).sum()
    loss = loss + (m @ m).sum() + F.layer_norm(x, (4,)).pow(3).sum() + x.prod()
    loss.backward()
"""


def messages(document):
    """(reader, step, message, its numbers) of all that is shown with numbers."""
    for call in document["passes"]:
        reader = Reader(document).use(call)
        for step in call["steps"]:
            for message in step["sent"]:
                array = from_json(message["value"])
                if array is not None:  # not a large one, told by its summary
                    yield reader, step, message, array


ALL = {"scalars": SCALARS, "arrays": ARRAYS, "structures": STRUCTURES, **PROGRAMS}


@with_sympy
@pytest.mark.parametrize("name", ALL)
def test_formulas_give_the_value_shown(tmp_path, name):
    text = "torch.manual_seed(0)\n" + textwrap.dedent(ALL[name])
    assert formulas_read(explained(tmp_path, text).document) > 0


def formulas_read(document):
    """How many formulas SymPy read, each with the value shown; all that a document shows."""
    count = 0
    for reader, step, message, array in messages(document):
        count += numbers_read(reader, step, message, array)
        count += letters_read(reader, step, message, array)
    for node in document["nodes"]:
        count += forward_read(Reader(document), node)
    return count


MOST_NUMBERS = 12_000  # read in the formulas of one array; of more, an even spread


def numbers_read(reader, step, message, array):
    """Formulas with numbers, of every element; what stands for the dots is read, too."""
    given = step["node"], message["input"], step["gradient"]

    def written(place, **options):
        return reader.numbers(*given, place, "message", "tex", **options)

    rule = reader.formula(step["node"])["inputs"][message["input"]]
    if rule is None:
        return 0  # the backward of the program's own function
    tree = rule["message"]
    return all_places_read(written, array, lambda: is_summary(reader, step) or is_whole(tree))


def all_places_read(written, array, may_lack):
    """Reads `written(place)`: as it is shown, and without dots; a formula for each element."""
    places, texts, numbers = places_of(array), [], 0
    for count, place in enumerate(places):
        shown = written(place)
        if shown is None:
            assert may_lack()
            return 0
        tex = shown if "dots" not in shown else written(place, most=None)
        left_out = ".*".join(map(re.escape, shown.split(r" + \dots")))
        assert re.fullmatch(left_out, tex)
        texts.append(tex)
        numbers += len(tex) / 10
        if count >= FEWEST // 4 and numbers > MOST_NUMBERS:
            break
    read = places[: len(texts)]
    found, sizes = values_of(texts)
    agrees(found, [array[place] for place in read], texts, sizes)
    return len(texts)


FEWEST = 64


def places_of(array):
    """All places: the largest and the smallest element, the corners, then an even spread."""
    places = list(np.ndindex(array.shape))
    if array.size <= FEWEST:
        return places
    size = np.abs(array.ravel())
    first = dict.fromkeys([0, array.size - 1, int(size.argmax()), int(size.argmin())])
    step = next(k for k in range(int(array.size * 0.618), array.size)
                if math.gcd(k, array.size) == 1)  # fmt: skip
    order = dict.fromkeys([*first, *[k * step % array.size for k in range(array.size)]])
    return [places[k] for k in order]


def is_whole(tree):
    """Whether elements are taken from what an operation without a rule gives: exp(A)[i,j]."""
    while isinstance(tree, list) and tree[0] in ("slice", "view", "permute"):
        tree = tree[2]
    plain = isinstance(tree, list) and tree[0] != "linear" and "shape" in (tree[1] or {})
    return plain and "rule" not in tree[1]


def is_summary(reader, step):
    """Whether numbers are missing because an operand was too large to be kept."""
    operands = [reader.value_of(i) for i in reader.nodes[step["node"]]["inputs"]
                if isinstance(i, int)]  # fmt: skip
    return any("summary" in entry for entry in [*operands, step["gradient"]])


def letters_read(reader, step, message, array):
    """The rule of every element, the local derivative, and the whole where that is one."""
    rule = reader.formula(step["node"])["inputs"][message["input"]]
    arrays = reader.values_for(step["node"], step["gradient"])
    count = 0
    if rule is None:
        return 0
    for part in ("element", "local", "message"):
        tree = rule.get(part)
        if tree is None or part == "message" and not is_readable(tree):
            continue
        grid = dict(
            zip(
                letters_of(rule["message"], reader.labels_in(step["node"])),
                np.indices(array.shape),
                strict=False,
            )
        )
        known = named(reader, step["node"], tree, arrays)
        if known is None or "g" not in arrays and "parts" not in step["gradient"]:
            continue  # an operand told by its summary
        tex = reader.rule(step["node"], message["input"], part, "tex")
        found = value_of(tex, known, grid if part == "element" else {})
        if part == "message":
            found = fitted(found, array)
        if part == "local":
            with np.errstate(invalid="ignore"):  # of inf times 0 it is to be NaN
                found = np.asarray(found * arrays["g"]).sum(tuple(rule.get("summed", ())))
            found = found.reshape(array.shape) if found.size == array.size else found
        agrees(found, array, tex)
        count += 1
    return count


def forward_read(reader, node):
    """The operation itself: as a whole, the rule of its elements, and each with its numbers."""
    formula = reader.formula(node["id"])
    if formula is None:
        return 0
    if any("value" in a for call in reader.document["passes"] for a in call["arrivals"]):
        return 0  # the leaves have changed since
    defined = definition_read(reader, node)
    if node["op"] in BY_EQUATIONS:
        assert defined or lacking(reader, node, None), node["op"]
    if "outputs" in formula:
        made = [made_read(reader, node, shot, k) for k, shot in enumerate(node["outputs"])]
        return sum(made) + defined
    return made_read(reader, node, node["value"]) + defined


def definition_read(reader, node):
    """The equations that define a result: as a whole, for all elements, and with numbers."""
    id, arrays, count = node["id"], reader.values_for(node["id"], None), 0
    for k, equation in enumerate(reader.formula(id).get("defines", ())):
        shape, sides = equation["shape"], [equation["left"], equation["right"]]
        if None in [named(reader, id, side, arrays) for side in sides]:
            continue
        for shown, letters in ((sides, {}), (equation["elements"], dict(zip(
                letters_of(equation["left"], reader.labels_in(id)), np.indices(shape),
                strict=False)))):  # fmt: skip
            known = {k: v for side in shown for k, v in named(reader, id, side, arrays).items()}
            write_side = reader.written_rule if letters else reader.written
            tex = [write_side(id, side, "tex") for side in shown]
            empty = np.zeros(shape)
            found = [fitted(value_of(text, known, letters), empty) for text in tex]
            agrees(*np.broadcast_arrays(*found), tex)
        places = list(np.ndindex(*shape))
        texts = [reader.defining_numbers(id, k, place, "tex", most=None) for place in places]
        (left, sizes), (right, _) = [values_of([tex[side] for tex in texts]) for side in (0, 1)]
        agrees(left, right, texts, sizes)
        count += 2 + len(places)
    return count


def made_read(reader, node, entry, part=None):
    id, array = node["id"], from_json(entry)
    if array is None:
        return 0
    tree, rule = reader.forward_tree(id, part), reader.forward_tree(id, part, rule=True)
    arrays, count = reader.values_for(id, None), 0
    axes = letters_of(tree, reader.labels_in(id))
    grid = dict(zip(axes, np.indices(array.shape), strict=False))
    for shown, of_elements, letters in ((tree, False, {}), (rule, True, grid)):
        if shown is None or not of_elements and (part is not None or not is_readable(tree)):
            continue
        known = named(reader, id, shown, arrays)
        if known is not None:
            write = reader.forward_rule if of_elements else reader.forward
            tex = write(id, part, "tex") if of_elements else write(id, "tex")
            agrees(fitted(value_of(tex, known, letters), array), array, tex)
            count += 1
    if node["op"] in {*BY_EQUATIONS, "function"}:
        return count

    def written(place, **options):
        return reader.forward_numbers(id, place, part, "tex", **options)

    return count + all_places_read(
        written, array, lambda: lacking(reader, node, tree) or is_whole(tree)
    )


# Found by an algorithm: what they give is told by the equations it satisfies.
BY_EQUATIONS = frozenset(
    "linalg_cholesky_ex linalg_eig linalg_eigh linalg_inv_ex linalg_pinv linalg_qr "
    "linalg_slogdet linalg_solve_ex linalg_solve_triangular linalg_svd "
    "lu_of_rows adjugate".split()
)


def lacking(reader, node, tree):
    """Whether numbers are missing because they were not kept, or an operand was too large."""
    inputs = [reader.value_of(i) for i in node["inputs"] if isinstance(i, int)]
    return any(entry is None or "data" not in entry for entry in inputs)


def fitted(found, shown):
    """As the tensor it stands for: reductions keep axes of length 1 in what was read."""
    found, shown = np.asarray(found), np.asarray(shown)
    return found.reshape(shown.shape) if found.size == shown.size else found


def is_readable(tree):
    """Whether a formula of whole tensors says by itself what they give."""
    if not isinstance(tree, list):
        return True
    if tree[0] in ("mm", "addmm", "linear_product", "mv"):
        matrix = all(isinstance(t, str) or t[0] == "permute" for t in tree[2:])
    else:
        matrix = tree[0] in WHOLE
    plain = tree[1] is None or "shape" not in tree[1]
    inner = [t for t in tree[2:] if isinstance(t, list)]
    seen = all(is_readable(t) and t[0] != "view" for t in inner)  # another shape is not written
    return (plain and tree[0] in KNOWN or matrix) and seen


KNOWN = (ELEMENTWISE - {"cis", "complex"}) | {"round", "remainder", "atan2", "lgamma"}
WHOLE = frozenset(
    "sum mean prod amax amin max min softmax log_softmax cumsum logcumsumexp flip roll permute "
    "slice linalg_vector_norm linalg_det linalg_matrix_exp mse_loss view".split()
)


def named(reader, id, tree, arrays):
    """name in LaTeX -> array, of all that a tree mentions; None where one was not kept."""
    found, name = {}, reader.namer(id, "tex")
    for leaf in leaves(tree):
        if isinstance(leaf, list):
            array, text = whole(leaf, arrays), write_inside(leaf, "tex", name)
        elif is_number(reader.token(id, leaf)):
            continue
        else:
            array, text = arrays.get(leaf), name(leaf)[0]
        if array is None:
            return None
        found[text] = np.asarray(array)
    return found


def leaves(tree):
    """The names and wholes that the elements of a tree are of."""
    if not isinstance(tree, list):
        return [tree] if isinstance(tree, str) else []
    if tree[0] == "at":
        return [tree[1]]
    return [leaf for part in tree[2:] for leaf in leaves(part)]


def agrees(found, shown, tex, sizes=0.0):
    """As far as six digits of each number tell; `sizes` of terms may cancel."""
    shown = np.asarray(shown)
    found = np.broadcast_to(np.asarray(found, complex), shown.shape)
    if not shown.size:
        return
    with np.errstate(invalid="ignore"):
        close = np.isclose(found, shown, rtol=2e-4, atol=2e-5, equal_nan=True)
        close |= np.abs(found - shown) <= 1e-5 * sizes
    first = tex[int((~close).argmax())] if isinstance(tex, list) and close.ndim else tex
    assert close.all(), (first, found[~close], shown[~close])


@pytest.mark.parametrize("program", [SCALARS, ARRAYS], ids=["scalars", "arrays"])
def test_elements_evaluate_to_the_messages(tmp_path, program):
    """The trees, in double precision and without rounding of what is shown."""
    document = explained(tmp_path, program).document
    count = 0
    for call in document["passes"]:
        reader = Reader(document).use(call)
        for step in call["steps"]:
            formula = reader.formula(step["node"])
            for message in step["sent"]:
                entry = formula["inputs"][message["input"]]
                array = from_json(message["value"])
                values = reader.values_for(step["node"], step["gradient"])
                shapes = {name: a.shape for name, a in values.items()}
                for place in np.ndindex(array.shape):
                    found = entry and element_of(entry["message"], place, shapes)
                    value = None if found is None else evaluate(found, values)
                    if value is not None and not np.isnan(value):
                        assert value == pytest.approx(float(array[place]), rel=1e-4, abs=1e-5)
                        count += 1
    assert count > 80


def test_known_formulas():
    x = torch.tensor(3.0, requires_grad=True)
    y = torch.tensor(2.0, requires_grad=True)
    document = torch.explain(x**2 * y).document
    reader = Reader(document)
    texts = [reader.worked(s, m) for s in document["passes"][0]["steps"] for m in s["sent"]]
    assert ("2·x·g", "2·3·2", "12") in texts
    tex = [reader.worked(s, m, "tex") for s in document["passes"][0]["steps"] for m in s["sent"]]
    assert (r"2 \cdot x \cdot g", r"2 \cdot 3 \cdot 2", "12") in tex


def test_rule_of_a_matrix_product():
    x, w = torch.ones(2, 5), torch.ones(5, 3, requires_grad=True)
    document = torch.explain((x @ w).sum()).document
    reader = Reader(document)
    product = next(n["id"] for n in document["nodes"] if n["op"] == "mm")
    assert reader.rule(product, 1) == "xᵀ @ g"
    assert reader.rule(product, 1, "element") == "Σ_b x[b,i]·g[b,j]"
    assert reader.rule(product, 1, "element", "tex") == r"\sum_{b} x[b,i] \cdot g[b,j]"


def test_a_complex_gradient_of_a_real_number_is_its_real_part():
    x = torch.tensor(3.0, requires_grad=True)
    z = x.to(torch.complex64) * torch.tensor(1 + 2j)
    document = torch.explain(z, gradient=torch.tensor(1 + 1j)).document
    reader = Reader(document)
    step = document["passes"][0]["steps"][-1]
    assert reader.worked(step, step["sent"][0]) == ("Re(g)", "Re(3-1i)", "3")


@pytest.mark.parametrize(
    ("tree", "short"),
    [
        (["mul", None, "g", ["mul", None, "x0", 2.0]], ["mul", None, 2, "x0", "g"]),
        (["mul", None, "x0", "x0"], ["pow", None, "x0", 2]),
        (["where", None, ["ne", None, "out", 0.0], "g", ["zeros_like", None, "g"]],
         ["mul", None, ["bracket", None, ["ne", None, "out", 0]], "g"]),
        (["neg", None, ["neg", None, "g"]], "g"),
        (["sub", None, "x0", ["neg", None, "x1"]], ["add", None, "x0", "x1"]),
        (["div", None, ["div", None, "x0", "x1"], "x1"],
         ["div", None, "x0", ["pow", None, "x1", 2]]),
        (["add", None, "g", 0.0], "g"),
        (["mul", None, 1.0, "g"], "g"),
    ],
)  # fmt: skip
def test_simplify(tree, short):
    assert simplify(tree) == short


def test_notation_is_complete():
    for op, entry in notation().items():
        for style in entry.keys() - {"plus"}:
            template, _, levels = entry[style]
            assert template and levels, op
    assert {"add", "mul", "pow", "mm"} <= notation().keys() and "add" in ELEMENTWISE
    json.dumps(notation())


@pytest.mark.parametrize("name", ["x", "theta", "v12", "loss", "model.0.weight", "权重", "a_b"])
def test_names_as_latex(name):
    assert symbol(name)


@pytest.mark.parametrize("value", [0.1, -3.0, 1e-8, 123456.7, 1e20, 0.0, 1 / 3])
def test_number_text(value):
    assert float(number_text(value)) == pytest.approx(value, rel=1e-5)


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_element_of_every_operation(tmp_path, name):
    """Each element of each message, computed from the elements that its rule names."""
    document = explained(
        tmp_path, "torch.manual_seed(0)\n" + textwrap.dedent(PROGRAMS[name])
    ).document
    check_schema(document)
    checked = 0
    for call in document["passes"]:
        reader = Reader(document).use(call)
        for step in call["steps"]:
            values = reader.values_for(step["node"], step["gradient"])
            op = document["nodes"][step["node"]]["op"]
            for message in step["sent"]:
                rule = reader.formula(step["node"])["inputs"][message["input"]]
                assert rule is not None, op
                array = from_json(message["value"])
                found = [
                    evaluated(rule["message"], place, values) for place in np.ndindex(array.shape)
                ]
                assert None not in found, (op, rule["message"])
                found = np.array(found).reshape(array.shape)
                np.testing.assert_allclose(found, array, rtol=2e-4, atol=2e-5, err_msg=op)
                checked += array.size
    assert checked


def check_schema(document):
    if importlib.util.find_spec("jsonschema") is not None:
        import jsonschema

        schema = json.loads((ASSETS / "schema.json").read_text(encoding="utf-8"))
        jsonschema.Draft202012Validator(schema).validate(document)


def evaluated(tree, place, values):
    found = element_of(tree, place, {name: a.shape for name, a in values.items()})
    return None if found is None else evaluate(found, values)
