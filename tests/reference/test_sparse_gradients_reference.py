"""Embedding and EmbeddingBag with sparse=True, and the optimizers that take their gradients."""

import numpy as np
import pytest

import tidu
import tidu.nn
import tidu.optim

torch = pytest.importorskip("torch")

TABLES = [
    "Embedding(6, 3, sparse=True)",
    "Embedding(6, 3, sparse=True, padding_idx=2)",
    "Embedding(6, 3, sparse=True, max_norm=1.0)",
    "EmbeddingBag(6, 3, mode='sum', sparse=True)",
    "EmbeddingBag(6, 3, mode='mean', sparse=True, padding_idx=2)",
    "EmbeddingBag(6, 3, mode='mean', sparse=True)",
]


def table_of(library, text):
    table = eval(text, vars(library.nn))
    weight = np.random.default_rng(0).standard_normal((6, 3)).astype(np.float32)
    table.weight.data.copy_(library.from_numpy(weight))
    return table


def loss_of(library, table, rows=((1, 2, 2), (5, 1, 4))):
    return (table(library.tensor(rows)) ** 3).sum()


def same_places(ours, theirs):
    assert ours.is_sparse and theirs.is_sparse
    assert ours.is_coalesced() == theirs.is_coalesced()
    assert ours._indices().tolist() == theirs._indices().tolist()
    np.testing.assert_allclose(ours._values().numpy(), theirs._values().numpy(), rtol=1e-5)


@pytest.mark.parametrize("text", TABLES)
def test_gradients(text):
    tables = [table_of(library, text) for library in (tidu, torch)]
    for table, library in zip(tables, (tidu, torch), strict=True):
        loss_of(library, table).backward()
    same_places(*[table.weight.grad for table in tables])
    for table, library in zip(tables, (tidu, torch), strict=True):  # a second one is added
        loss_of(library, table, ((3, 3), (0, 2))).backward()
    same_places(*[table.weight.grad.coalesce() for table in tables])
    grads = [
        library.autograd.grad(loss_of(library, table), table.weight)[0]
        for table, library in zip(tables, (tidu, torch), strict=True)
    ]
    same_places(*grads)
    assert str(grads[0].coalesce())[:60] == str(grads[1].coalesce())[:60]
    for table, library in zip(tables, (tidu, torch), strict=True):  # with a dense one: dense
        table.zero_grad()
        (loss_of(library, table) + (table.weight**2).sum()).backward()
    assert not tables[0].weight.grad.is_sparse
    np.testing.assert_allclose(*[t.weight.grad.numpy() for t in tables], rtol=1e-5)


OPTIMIZERS = [
    "SGD(p, lr=0.1)",
    "SGD(p, lr=0.1, momentum=0.9, dampening=0.1)",
    "SGD(p, lr=0.1, momentum=0.9, nesterov=True, maximize=True)",
    "SGD(p, lr=0.1, foreach=True)",
    "Adagrad(p, lr=0.1, lr_decay=0.1, initial_accumulator_value=0.1)",
    "Adagrad(p, lr=0.1, maximize=True)",
    "SparseAdam(p, lr=0.1)",
    "SparseAdam(p, lr=0.1, maximize=True, betas=(0.5, 0.8), eps=1e-3)",
]


@pytest.mark.parametrize("text", OPTIMIZERS)
@pytest.mark.parametrize("table", [TABLES[0], TABLES[4]])
def test_ten_steps(text, table):
    found = []
    for library in (tidu, torch):
        module = table_of(library, table).double()
        optimizer = eval(text, {**vars(library.optim), "p": list(module.parameters())})
        draw = np.random.default_rng(0)
        for _ in range(10):
            optimizer.zero_grad()
            rows = library.from_numpy(draw.integers(0, 6, (2, 3)))
            (module(rows) ** 2).sum().backward()
            optimizer.step()
        found.append((module.weight.detach().numpy(), optimizer.state_dict()["state"]))
    np.testing.assert_allclose(found[0][0], found[1][0], rtol=1e-9)
    assert {k: list(v) for k, v in found[0][1].items()} == {
        k: list(v) for k, v in found[1][1].items()
    }
    for name, wanted in found[1][1].get(0, {}).items():
        got = found[0][1][0][name]
        if isinstance(wanted, torch.Tensor):
            assert got.is_sparse == wanted.is_sparse, name
            got, wanted = [t.to_dense() if t.is_sparse else t for t in (got, wanted)]
        np.testing.assert_allclose(got, wanted, rtol=1e-6, err_msg=name)


REFUSED = ["Adam(p)", "AdamW(p)", "RMSprop(p)", "Adadelta(p)", "Adamax(p)", "NAdam(p)", "RAdam(p)",
           "ASGD(p)", "Rprop(p)", "SGD(p, weight_decay=0.1)", "SGD(p, fused=True)",
           "Adagrad(p, weight_decay=0.1)", "Adagrad(p, fused=True)"]  # fmt: skip


def first_sentence(run):
    try:
        run()
    except Exception as error:
        return f"{type(error).__name__}: {str(error).split(chr(10))[0]}"
    return None


@pytest.mark.parametrize("text", REFUSED)
def test_refusals(text):
    said = []
    for library in (tidu, torch):
        table = table_of(library, TABLES[0])
        loss_of(library, table).backward()
        optimizer = eval(text, {**vars(library.optim), "p": [table.weight]})
        said.append(first_sentence(optimizer.step))
    assert said[0] == said[1] is not None


def test_dense_gradients_and_lbfgs():
    found = []
    for library in (tidu, torch):
        p = library.nn.Parameter(library.ones(2))
        p.grad = library.ones(2)
        table = table_of(library, TABLES[0]).double()
        optimizer = library.optim.LBFGS(table.parameters(), max_iter=5)

        def closure(table=table, optimizer=optimizer, library=library):
            optimizer.zero_grad()
            loss = loss_of(library, table) ** 2
            loss.backward()
            return loss

        optimizer.step(closure)
        found.append((table.weight.detach().numpy(),
                      first_sentence(library.optim.SparseAdam([p]).step)))  # fmt: skip
    np.testing.assert_allclose(found[0][0], found[1][0], rtol=1e-7)
    assert found[0][1] == found[1][1] is not None


def test_hyperparameters_with_gradients():
    found = []
    for library in (tidu, torch):
        rate, decay, start = (library.tensor(v, requires_grad=True) for v in (0.1, 0.2, 1.5))
        p = start * 2
        p.grad = library.tensor(0.7)
        library.optim.SGD([p], lr=rate, weight_decay=decay, differentiable=True).step()
        (p**2).backward()
        found.append([rate.grad.item(), decay.grad.item(), start.grad.item()])
    np.testing.assert_allclose(found[0], found[1], rtol=1e-6)
