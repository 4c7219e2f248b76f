"""Every primitive explained on the sample calls of its own tests: formulas, elements, sums.

What an explanation says of a message is computed again from the elements that its rule names.
"""

import numpy as np
import pytest
from test_primitives import PRIMITIVES, calls

import tidu as torch
from tidu.explain.formulas.elements import element_of, evaluate
from tidu.explain.formulas.letters import lettered
from tidu.explain.recording.values import from_json
from tidu.explain.views.reader import Reader

pytestmark = pytest.mark.slow
# Recorded as their parts while one listens.
WITHOUT_FORMULA = {"attention", "lstm", "gru", "lstm_backward", "gru_backward"}
REFUSALS = ("QR decomposition", "linalg.qr", "is not implemented")
# Where each element comes from is told by numbers, not by a rule with letters.
BY_TABLE = frozenset(
    "as_strided as_strided_backward avg_pool avg_pool_backward col2im copy_slices gather im2col "
    "index index_put max_pick max_pool max_pool_backward nll_loss resample "
    "resample_backward scatter scatter_add scatter_reduce split unbind unfold "
    "unfold_backward".split()
)


def documents(name):
    """The document of each sample call, with one backward pass from drawn seeds."""
    for call in calls(name):
        tensors = [t.requires_grad_() for t in call.tensors()]
        if not tensors:
            continue
        with torch.explain() as ex:
            outs = [o for o in call(*tensors) if o.requires_grad]
            try:
                if outs:
                    torch.autograd.backward(outs, [seed(o) for o in outs])
            except RuntimeError as error:
                if not any(words in str(error) for words in REFUSALS):
                    raise
                outs = []  # it has no derivative, or two of its modes have none
        if outs:
            yield ex.document


def seed(out):
    draw = np.random.RandomState(0)
    values = draw.uniform(-1, 1, tuple(out.shape))
    if out.is_complex():
        values = values + 1j * draw.uniform(-1, 1, tuple(out.shape))
    return torch.tensor(values).to(out.dtype)


# Told by their names: factors of matrices, and choices that have no sum or largest.
NAMED = frozenset(
    "adjugate attention gru gru_backward linalg_cholesky_ex linalg_det linalg_eig linalg_eigh "
    "linalg_inv_ex linalg_matrix_exp linalg_pinv linalg_qr linalg_slogdet linalg_solve_ex "
    "linalg_solve_triangular linalg_svd lstm lstm_backward max_pick max_pool_backward median "
    "nanmedian scatter_reduce".split()
)


@pytest.mark.parametrize("name", [name for name in PRIMITIVES if name not in NAMED])
def test_elements_of_results(name):
    """The rule of each operation gives every element of what it computed."""
    for document in documents(name):
        reader = Reader(document)
        for node in document["nodes"]:
            if node["kind"] != "op" or node["op"] in NAMED:
                continue
            outs = node.get("outputs")
            for part, entry in [(None, node["value"])] if not outs else enumerate(outs):
                array = from_json(entry)
                values = reader.values_for(node["id"], None)
                shapes = {name: a.shape for name, a in values.items()}
                tree = reader.forward_tree(node["id"], part)
                found = [evaluate(element_of(tree, at, shapes), values)
                         for at in np.ndindex(array.shape)]  # fmt: skip
                close = (2e-3, 1e-5) if array.dtype.itemsize < 4 else (1e-4, 1e-5)
                found = np.array(found).reshape(array.shape)
                np.testing.assert_allclose(found, array, *close, equal_nan=True, err_msg=node["op"])


@pytest.mark.parametrize("name", PRIMITIVES)
def test_elements_of_messages(name):
    for document in documents(name):
        for call in document["passes"]:
            reader = Reader(document).use(call)
            for step in call["steps"]:
                for message in step["sent"]:
                    check(reader, step, message)


def check(reader, step, message):
    op, array = reader.nodes[step["node"]]["op"], from_json(message["value"])
    rule = (reader.formula(step["node"])["inputs"])[message["input"]]
    if rule is None:
        assert op in WITHOUT_FORMULA
        return
    values = reader.values_for(step["node"], step["gradient"])
    shapes = {name: a.shape for name, a in values.items()}
    found = [evaluate(element_of(rule["message"], at, shapes), values)
             for at in np.ndindex(array.shape)]  # fmt: skip
    close = (1e-4, 1e-6) if array.dtype.itemsize < 8 else (1e-6, 1e-9)
    found = np.array(found).reshape(array.shape)
    np.testing.assert_allclose(found, array, *close, equal_nan=True, err_msg=op)
    assert rule["element"] == lettered(rule["message"], array.shape, shapes)
    assert array.ndim == 0 or rule["element"] is not None or op in BY_TABLE, op
