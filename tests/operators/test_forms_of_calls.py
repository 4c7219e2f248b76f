"""Forms of calls that are rare: tensors without axes with `out=`, weights of losses under vmap."""

import pytest

import tidu as torch
from tidu.nn import functional as F


@pytest.mark.parametrize("name", ["max", "min", "median", "nanmedian", "cummax", "cummin"])
def test_of_a_tensor_without_axes_into_out(name):
    x = torch.tensor(-4.5)
    out = torch.tensor(7.0), torch.tensor(7)
    values, places = getattr(torch, name)(x, 0, out=out)
    assert values is out[0] and places is out[1]
    assert (out[0].item(), out[1].item()) == (-4.5, 0)


@pytest.mark.parametrize("name", ["median", "nanmedian"])
def test_the_median_of_all_has_no_out(name):
    with pytest.raises(TypeError, match='missing 1 required positional arguments: "dim"'):
        getattr(torch, name)(torch.ones(3), out=torch.ones(()))


def test_roll_of_tensors_without_axes():
    assert torch.roll(torch.tensor(2.0), 3).item() == 2
    with pytest.raises(IndexError, match="Dimension specified as 0 but tensor has no dimensions"):
        torch.roll(torch.tensor(2.0), 3, 0)
    assert torch.roll(torch.ones(0, 3), (1, 2), (0, 5)).shape == (0, 3)
    rolled = torch.vmap(lambda t: torch.roll(t, (1,), (-1,)))(torch.arange(3.0))
    assert torch.equal(rolled, torch.arange(3.0))


def test_weights_of_losses_have_a_gradient_under_vmap():
    """Where PyTorch's functions have none, its vmap goes by steps that have."""
    weight = torch.tensor([0.5, 0.25, 0.75], requires_grad=True)
    x, t = torch.tensor([[[1.0, 2.0, 3.0], [0.0, 1.0, -1.0]]]), torch.tensor([[0, 2]])
    for loss in (
        lambda x, t, w: F.nll_loss(x, t, w),
        lambda x, t, w: F.binary_cross_entropy_with_logits(x, x.sigmoid(), w),
        lambda x, t, w: F.binary_cross_entropy_with_logits(x, x.sigmoid(), pos_weight=w),
        lambda x, t, w: F.binary_cross_entropy(x.sigmoid(), x.sigmoid(), w),
    ):
        with pytest.raises(RuntimeError, match="is not differentiable with respect to argument"):
            loss(x[0], t[0], weight)
        (found,) = torch.autograd.grad(torch.vmap(loss, (0, 0, None))(x, t, weight).sum(), weight)
        step = 1e-3 * torch.eye(3)
        with torch.no_grad():
            by_differences = [
                (loss(x[0], t[0], weight + d) - loss(x[0], t[0], weight - d)) / 2e-3 for d in step
            ]
        torch.testing.assert_close(found, torch.stack(by_differences), rtol=2e-3, atol=2e-3)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy's of 0 / 0, which tidu lets be
@pytest.mark.parametrize("name", ["var", "std", "var_mean", "std_mean"])
def test_few_numbers_have_no_spread(name):
    with pytest.warns(UserWarning, match=rf"^{name}\(\): degrees of freedom is <= 0") as caught:
        getattr(torch, name)(torch.ones(1))
    (said,) = [w for w in caught if w.category is UserWarning]
    assert said.filename == __file__


@pytest.mark.parametrize("size", [3, 5000])
@pytest.mark.parametrize("tracked", [False, True])
def test_running_sums_begin_with_zero(size, tracked):
    x = -torch.zeros(2, size)
    x.requires_grad_(tracked)
    for dim in (0, 1, -1):
        assert not x.cumsum(dim).signbit().any()


@pytest.mark.parametrize("equation", ["ij", "ij->ij", "...->..."])
def test_einsum_of_one_operand_is_a_view_of_it(equation):
    x = torch.ones(2, 3, requires_grad=True)
    y = torch.einsum(equation, x)
    assert y is not x and y.data_ptr() == x.data_ptr() and y.grad_fn is not None
    with pytest.raises(RuntimeError, match="view of a leaf Variable"):
        y.add_(1)


def test_an_equation_is_read_anew_for_operands_of_other_ranks():
    assert torch.einsum("...i,i->...", torch.ones(2, 3), torch.ones(3)).shape == (2,)
    assert torch.einsum("...i,i->...", torch.ones(4, 2, 3), torch.ones(3)).shape == (4, 2)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="does not match the number of dimensions"):
            torch.einsum("ij,j->i", torch.ones(2, 2, 3), torch.ones(3))
