"""explain(loss) after the forward: a backward pass on paper, which changes nothing."""

import pytest

import tidu as torch


def network():
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 1))
    return model, model(torch.randn(5, 3)).pow(2).mean()


@pytest.mark.slow
def test_equals_backward_and_touches_nothing():
    model, loss = network()
    ex = torch.explain(loss)
    assert all(p.grad is None for p in model.parameters())
    loss.backward()  # nothing was freed
    for name, parameter in model.named_parameters():
        assert (ex.gradient_of(f"model.{name}") == parameter.grad.numpy()).all()


def test_hooks_do_not_run():
    seen = []
    x = torch.tensor(2.0, requires_grad=True)
    y = x * 3
    y.register_hook(seen.append)
    y.retain_grad()
    torch.explain(y * y)
    assert not seen and y.grad is None


def test_what_grad_would_become():
    x = torch.tensor(2.0, requires_grad=True)
    (x * 1).backward()
    arrival = torch.explain(x * 5).document["passes"][0]["arrivals"][0]
    assert (arrival["before"]["data"], arrival["after"]["data"]) == ([1], [6])
    assert x.grad.item() == 1


def test_names_and_lines_come_from_the_caller():
    x = torch.tensor(2.0, requires_grad=True)
    square = x**2
    loss = square + 1
    document = torch.explain(loss).document
    names = [n["names"] for n in document["nodes"] if n["names"]]
    assert ["x"] in names and ["square"] in names and ["loss"] in names
    texts = [document["places"][n["place"]]["text"] for n in document["nodes"] if "place" in n]
    assert {"x**2", "square + 1"} <= set(texts)


def test_vector_output_with_and_without_gradient():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    assert torch.explain(x * x).gradient_of("x").tolist() == [2, 4]
    assert torch.explain(x * x, gradient=torch.tensor([1.0, 10.0])).gradient_of("x").tolist() == [
        2,
        40,
    ]


def test_several_tensors():
    x = torch.tensor(3.0, requires_grad=True)
    assert torch.explain(x * 2, x * x).gradient_of("x") == 8


def test_freed_graph_is_refused_with_advice():
    x = torch.tensor(3.0, requires_grad=True)
    y = x * x
    y.backward()
    with pytest.raises(RuntimeError, match="freed") as caught:
        torch.explain(y)
    assert "with tidu.explain() as ex" in str(caught.value)


def test_no_graph_is_refused():
    with pytest.raises(RuntimeError, match="does not require grad"):
        torch.explain(torch.ones(2))
    with pytest.raises(TypeError, match="expected tensors"):
        torch.explain(3)


def test_values_that_no_rule_kept_are_computed_again():
    x = torch.tensor(2.0, requires_grad=True)
    document = torch.explain(torch.exp(x * 3 - x) - x * 2).document
    assert all(n["value"] is not None for n in document["nodes"] if n["kind"] == "op")


def test_of_a_value_that_nobody_kept_the_shape_is_known():
    """Neither + nor the factorisation needs the sum: its formulas are told without its numbers."""
    a = torch.eye(3, requires_grad=True)
    document = torch.explain(torch.linalg.cholesky(a + torch.eye(3)).sum()).document
    node = next(n for n in document["nodes"] if n["op"] == "add")
    assert node["value"] == {"shape": [3, 3], "dtype": "float32"}
    factor = next(n for n in document["nodes"] if n["op"].startswith("linalg_cholesky"))
    assert document["formulas"][factor["formula"]]["inputs"][0]["element"] is not None
    assert document["passes"][0]["arrivals"][0]["gradient"]["data"] == pytest.approx([0.5**1.5] * 9)
