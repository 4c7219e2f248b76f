"""The fast paths of small eager calls: they give what the general path gives, to the bit."""

import numpy as np
import pytest
from ways import generally

import tidu

MADE = {
    "arange": lambda: tidu.arange(7),
    "arange of three": lambda: tidu.arange(-3, 9, 4),
    "arange of nothing": lambda: tidu.arange(2, 2),
    "linspace": lambda: tidu.linspace(0, 1, 10),
    "linspace of two": lambda: tidu.linspace(-1, 0.3, 2),
    "linspace, odd": lambda: tidu.linspace(3, -0.7, 1001),
    "zeros": lambda: tidu.zeros(2, 3),
    "ones": lambda: tidu.ones((4,)),
    "randn of few": lambda: tidu.randn(7),
    "randn": lambda: tidu.randn(1000),
    "randn, whole blocks": lambda: tidu.randn(32, 16),
    "rand": lambda: tidu.rand(700),
    "normal_": lambda: tidu.empty(3, 11).normal_(2.0, 0.5),
    "uniform_": lambda: tidu.empty(50).uniform_(),
    "uniform_ of two axes": lambda: tidu.empty(5, 7).uniform_(),
    "normal_ of few": lambda: tidu.empty(9).normal_(),
    "uniform_ within": lambda: tidu.empty(50).uniform_(-1, 2),
    "exponential_": lambda: tidu.empty(50).exponential_(),
    "repeat": lambda: tidu.rand(2, 3).repeat(2, 1, 3),
    "repeat of a transpose": lambda: tidu.rand(2, 3).t().repeat((4, 2)),
    "repeat of none": lambda: tidu.rand(3).repeat(0, 2),
    "clamp of few": lambda: tidu.rand(9).clamp(0.2, 0.8),
    "clamp of many": lambda: tidu.rand(30_000).clamp(0.2, 0.8),
    "clamp of many, one bound": lambda: tidu.rand(3, 10_000).t().clamp(max=0.5),
    "prod": lambda: tidu.rand(9).prod(),
    "prod of a transpose": lambda: (tidu.rand(30, 50) + 0.6).t().prod(),
    "dropout": lambda: tidu.nn.functional.dropout(tidu.ones(40), 0.3),
}
VIEWS = {
    "view": lambda x: x.view(6, -1),
    "reshape": lambda x: x.reshape(2, 12),
    "flatten": lambda x: x.flatten(1),
    "permute": lambda x: x.permute(2, 0, -2),
    "permute by a list": lambda x: x.permute([2, 0, -2]),
    "mT": lambda x: x.mT,
    "T": lambda x: x[0].T,
    "transpose": lambda x: x.transpose(0, -1),
    "t": lambda x: x[0].t(),
    "unsqueeze": lambda x: x.unsqueeze(-1),
    "squeeze": lambda x: x[:, :1].squeeze(1),
    "squeeze all": lambda x: x[:, :1].squeeze(),
    "expand": lambda x: x[:, :1].expand(2, 3, -1),
    "expand with new axes": lambda x: x[:, :1].expand(5, 2, 2, 3, -1),
    "expand to the same": lambda x: x.expand(2, 3, 4),
    "expand a transpose": lambda x: x.mT[:1].expand((2, 4, 3)),
    "slice": lambda x: x[1:],
    "int": lambda x: x[-1],
    "tuple": lambda x: x[0, 1:, ::2],
    "ellipsis": lambda x: x[..., 1, None],
    "all": lambda x: x[:],
    "chunk": lambda x: x.chunk(2, 1)[1],
    "split": lambda x: x.split(3, -1)[-1],
    "unbind": lambda x: x.unbind(1)[2],
}


@pytest.mark.parametrize("dtype", [tidu.float32, tidu.float64], ids=str)
@pytest.mark.parametrize("name", MADE)
def test_made(name, dtype):
    was = tidu.get_default_dtype()
    tidu.set_default_dtype(dtype)
    try:
        tidu.manual_seed(3)
        short = MADE[name](), tidu.rand(3)
        tidu.manual_seed(3)
        general = generally(MADE[name]), tidu.rand(3)  # the stream stands at the same place
    finally:
        tidu.set_default_dtype(was)
    for a, b in zip(short, general, strict=True):
        assert (a.dtype, a.stride()) == (b.dtype, b.stride())
        np.testing.assert_array_equal(a.numpy(), b.numpy())


def source():
    return tidu.arange(24).reshape(2, 3, 4).to(tidu.float32).clone()


@pytest.mark.parametrize("name", VIEWS)
def test_view(name):
    look = VIEWS[name]
    x = source()
    short, general = look(x), generally(look, x)
    assert short._base is general._base is x
    assert (short.shape, short.stride()) == (general.shape, general.stride())
    assert short.data_ptr() == general.data_ptr()
    assert short._view.part == general._view.part
    before = short._version
    x.mul_(2)
    assert short._version == before + 1
    np.testing.assert_array_equal(short.numpy(), look(source() * 2).numpy())


@pytest.mark.parametrize("name", VIEWS)
def test_view_of_a_tracked_tensor(name):
    look, gradients = VIEWS[name], []
    for call in (look, lambda x: generally(look, x)):
        leaf = source().requires_grad_()
        y = call(leaf * 1)
        (y * tidu.arange(y.numel()).view(y.shape)).sum().backward()
        gradients.append((y.grad_fn.name(), leaf.grad.numpy()))
    assert gradients[0][0] == gradients[1][0]
    np.testing.assert_array_equal(gradients[0][1], gradients[1][1])


def test_write_through_a_view_reaches_the_tape():
    leaf = source().requires_grad_()
    x = leaf * 1
    x[1:].mul_(3)
    x.sum().backward()
    np.testing.assert_array_equal(leaf.grad.numpy()[:, 0, 0], [1, 3])


def test_view_in_no_grad_is_guarded():
    leaf = source().requires_grad_()
    x = leaf * 1
    with tidu.no_grad():
        part = x[0]
    with pytest.raises(RuntimeError, match="created in no_grad mode"):
        part.mul_(2)


def test_deprecated_index_warns_at_the_users_line():
    with pytest.warns(UserWarning, match="non-tuple sequence") as caught:
        source()[[slice(None), 0]]
    assert caught[0].filename == __file__


REFUSED = {
    "a bool is no axis": lambda x: x.permute(True, 0, 2),
    "an axis twice": lambda x: x.permute(0, 0, 2),
    "too few axes": lambda x: x.permute(0, 1),
    "a text": lambda x: x.permute(0, "1", 2),
    "beyond the axes": lambda x: x.transpose(0, 3),
    "a bool to exchange": lambda x: x.transpose(True, 0),
    "another size": lambda x: x.expand(2, 3, 5),
    "fewer axes": lambda x: x.expand(3, 4),
    "-1 for a new axis": lambda x: x.expand(-1, 2, 3, 4),
    "a negative size": lambda x: x.expand(-2, 3, 4),
    "a size that is a float": lambda x: x.expand(2.0, 3, 4),
    "far too large": lambda x: x[:1].expand(1 << 62, 3, 4),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_is_refused_again(name):
    look, said = REFUSED[name], []
    tidu.ones(2, 3, 4).permute(1, 0, 2), tidu.ones(2, 3, 4).transpose(1, 0)  # as True counts
    for call in (look, look, lambda x: generally(look, x)):
        try:
            y = call(source())
            said.append((y.shape, y.stride()))
        except Exception as error:
            said.append(f"{type(error).__name__}: {error}")
    assert said[0] == said[1] == said[2]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("shape", [(), (3,), (0, 2), (2, 3, 4)])
def test_transposes_of_other_ranks(shape):
    x = tidu.ones(shape)
    said = []
    for call in (lambda f: f(x), lambda f: generally(f, x)):
        for look in (lambda x: x.T, lambda x: x.mT):
            try:
                said.append(call(look).stride())
            except RuntimeError as error:
                said.append(str(error))
    assert said[:2] == said[2:]
