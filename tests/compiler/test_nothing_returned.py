"""Compiled calls, and parts of them, that give nothing back and only write."""

import pytest

import tidu as torch


@pytest.mark.filterwarnings("ignore:.*cannot be compiled as one graph")
@pytest.mark.parametrize("size", [1, 37, 5000])
def test_a_stretch_that_only_writes(size, capsys):
    def program():
        w = torch.ones(size, requires_grad=True)
        updates = torch.optim.SGD([w], lr=0.1)

        def step(x):
            updates.zero_grad()
            (w * w * x).sum().backward()
            print("between")
            updates.step()

        return w, step

    (w, step), (v, plain) = program(), program()
    compiled = torch.compile(step)
    for i in range(6):
        x = torch.full((size,), 1.0 + i)
        assert compiled(x) is plain(x) is None
        torch.testing.assert_close(w, v)
    assert capsys.readouterr().out == "between\n" * 12


def test_a_function_that_gives_an_empty_list():
    total = torch.zeros(3)

    @torch.compile(fullgraph=True)
    def f(x):
        total.add_(x)
        return []

    for i in range(6):
        assert f(torch.ones(3)) == []
        assert total.tolist() == [i + 1.0] * 3
