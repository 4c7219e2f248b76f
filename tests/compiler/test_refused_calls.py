"""compile(): what is refused as eager calls and PyTorch refuse it."""

import pytest

import tidu as torch
import tidu.nn.functional as F


@pytest.mark.parametrize("wrong", [9, -1])
def test_classes_of_one_hot_are_checked(wrong):
    compiled = torch.compile(lambda i: F.one_hot(i, 4) * 1.0)
    right, other = torch.tensor([0, 3]), torch.tensor([0, wrong])
    for _ in range(3):
        torch.testing.assert_close(compiled(right), F.one_hot(right, 4) * 1.0)
        with pytest.raises(RuntimeError, match="Class values must be"):
            compiled(other)


def test_an_unknown_keyword_is_an_error():
    with pytest.raises(TypeError, match="unexpected keyword argument 'full_graph'"):
        torch.compile(lambda x: x, full_graph=True)
    with pytest.raises(AssertionError, match="fn must be callable"):
        torch.compiler.disable(3)
    with pytest.raises(AssertionError, match="allow_in_graph expects a callable"):
        torch.compiler.allow_in_graph(3)
