"""Short programs as users of torch.compile write them, one thing changed between calls."""

import copy

import pytest
from outcomes import outcome, same

import tidu as torch
from tidu import nn
from tidu.nn import functional as F

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


def test_autocast_inside():
    m = nn.Linear(4, 4)
    x = torch.randn(2, 4)

    def f(x):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return m(x)

    c = torch.compile(f)
    same(f(x), c(x))
    same(f(x), c(x))


def test_autocast_outside():
    m = nn.Linear(4, 4)
    x = torch.randn(2, 4)
    f = lambda x: m(x)
    c = torch.compile(f)
    for _ in range(2):
        same(f(x), c(x))
        with torch.autocast("cpu"):
            same(f(x), c(x))
        same(f(x), c(x))
        same(f(x), c(x))


def test_default_dtype():
    f = lambda x: x + torch.ones(3)
    c = torch.compile(f)
    for d in (torch.float32, torch.float64, torch.float32):
        torch.set_default_dtype(d)
        same(f(torch.arange(3)), c(torch.arange(3)))
    torch.set_default_dtype(torch.float32)


def test_train_eval():
    m = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Dropout(0.5))
    c = torch.compile(m)
    x = torch.randn(8, 4)
    for mode in (True, False, True, False):
        m.train(mode)
        torch.manual_seed(0)
        s = copy.deepcopy(m.state_dict())
        a = m(x)
        m.load_state_dict(s)
        torch.manual_seed(0)
        b = c(x)
        same(a, b)


def test_module_swap():
    m = nn.Sequential(nn.Linear(4, 4), nn.ReLU())
    c = torch.compile(m)
    x = torch.randn(2, 4)
    same(m(x), c(x))
    m[1] = nn.Tanh()
    same(m(x), c(x))
    m[0] = nn.Linear(4, 3)
    same(m(x), c(x))
    m.append(nn.Sigmoid())
    same(m(x), c(x))
    del m[1]
    same(m(x), c(x))


def test_hooks():
    m = nn.Linear(4, 4)
    c = torch.compile(m)
    x = torch.randn(2, 4)
    same(m(x), c(x))
    h = m.register_forward_hook(lambda m, i, o: o * 2)
    same(m(x), c(x))
    h.remove()
    same(m(x), c(x))


def test_inner_hooks():
    m = nn.Sequential(nn.Linear(4, 4), nn.ReLU())
    c = torch.compile(m)
    x = torch.randn(2, 4)
    same(m(x), c(x))
    h = m[0].register_forward_hook(lambda m, i, o: o * 2)
    same(m(x), c(x))
    h.remove()
    same(m(x), c(x))


def test_lists_dicts():
    ws = [torch.ones(3)]
    d = {"a": 2}
    f = lambda x: sum(x * w for w in ws) * d["a"]
    c = torch.compile(f)
    x = torch.arange(3.0)
    same(f(x), c(x))
    ws.append(torch.ones(3) * 2)
    same(f(x), c(x))
    d["a"] = 3
    same(f(x), c(x))
    ws[0] = torch.zeros(3)
    same(f(x), c(x))
    ws.clear()
    ws.append(x)
    same(f(x), c(x))


def test_arg_structures():
    f = lambda d: {k: v * 2 for k, v in d.items()}
    c = torch.compile(f)
    x = torch.ones(2)
    for d in ({"a": x}, {"b": x}, {"a": x, "b": x + 1}, {"b": x, "a": x + 1}):
        same(f(d), c(d))


def test_strides():
    f = lambda x: (x.view(-1) if x.is_contiguous() else x.reshape(-1)) * 1
    c = torch.compile(f)
    x = torch.arange(6.0).reshape(2, 3)
    for y in (x, x.mT, x[:, ::2], x.mT.contiguous()):
        same(f(y), c(y))


def test_requires_grad_changes():
    w = torch.ones(3)
    f = lambda x: (x * w).sum()
    c = torch.compile(f)
    x = torch.ones(3)
    same(f(x), c(x))
    w.requires_grad_()
    same(f(x), c(x))
    w.requires_grad_(False)
    same(f(x), c(x))


def test_nograd_modes():
    w = torch.ones(3, requires_grad=True)
    f = lambda x: (x * w).sum()
    c = torch.compile(f)
    x = torch.ones(3)
    for _ in range(2):
        same(f(x), c(x))
        with torch.no_grad():
            same(f(x), c(x))
        with torch.inference_mode():
            same(f(x), c(x))


def test_data_swap():
    p = nn.Parameter(torch.ones(3))
    f = lambda x: (x * p).sum()
    c = torch.compile(f)
    x = torch.ones(3)
    same(f(x), c(x))
    p.data = torch.arange(3.0)
    same(f(x), c(x))
    p.data = torch.arange(3.0).double()
    same(outcome(f, x), outcome(c, x))


def test_in_place_args():
    def f(x):
        x.add_(1)
        x[0] = 5
        return x.sum()

    a, b = torch.ones(3), torch.ones(3)
    c = torch.compile(f)
    for _ in range(3):
        same(f(a), c(b))
        same(a, b)


def test_alias_args():
    def f(x, y):
        x.add_(1)
        return x * y

    c = torch.compile(f)
    for mk in (
        lambda: (torch.ones(3), torch.ones(3)),
        lambda: (lambda t: (t, t))(torch.ones(3)),
        lambda: (lambda t: (t[:3], t[1:4]))(torch.ones(5)),
    ):
        same(f(*mk()), c(*mk()))


def test_identity_ret():
    f = lambda x: (x, x.view(-1), x.detach())
    c = torch.compile(f)
    x = torch.ones(2, 2)
    r = c(x)
    assert r[0] is x
    r[1].fill_(3)
    assert x.sum() == 12


def test_index_errors():
    f = lambda x, i: x[i] * 2
    c = torch.compile(f)
    x = torch.arange(3.0)
    for i in (
        torch.tensor([0, 2]),
        torch.tensor([0, 3]),
        torch.tensor([-3, 1]),
        torch.tensor([-4, 1]),
    ):
        same(outcome(f, x, i), outcome(c, x, i))


def test_gather_errors():
    f = lambda x, i: torch.gather(x, 0, i).sin()
    c = torch.compile(f)
    x = torch.arange(3.0)
    for i in (torch.tensor([0, 2]), torch.tensor([0, 3]), torch.tensor([-1, 1])):
        same(outcome(f, x, i), outcome(c, x, i))


def test_embed_errors():
    e = nn.Embedding(4, 3)
    c = torch.compile(e)
    for i in (torch.tensor([0, 3]), torch.tensor([4, 0]), torch.tensor([-1, 0])):
        same(outcome(e, i), outcome(c, i))


def test_ce_errors():
    f = lambda x, y: F.cross_entropy(x, y)
    c = torch.compile(f)
    x = torch.randn(2, 3)
    for y in (
        torch.tensor([0, 2]),
        torch.tensor([0, 3]),
        torch.tensor([-1, 0]),
        torch.tensor([-100, 1]),
    ):
        same(outcome(f, x, y), outcome(c, x, y))


def test_cholesky_caught():
    def f(x):
        try:
            return torch.linalg.cholesky(x)
        except torch.linalg.LinAlgError:
            return x * 0 - 1

    c = torch.compile(f)
    e = torch.eye(2)
    for m in (e, -e, e * 2, -e):
        same(f(m), c(m))


def test_cholesky_outcome():
    f = lambda x: torch.linalg.cholesky(x) * 2
    c = torch.compile(f)
    e = torch.eye(2)
    for m in (e, -e, e * 2):
        same(outcome(f, m), outcome(c, m))


def test_inv_singular():
    def f(x):
        try:
            return torch.linalg.inv(x)
        except RuntimeError:
            return x - 7

    c = torch.compile(f)
    e = torch.eye(2)
    for m in (e, e * 0, e * 2):
        same(f(m), c(m))


def test_index_caught():
    def f(x, i):
        try:
            return x[i] + 1
        except IndexError:
            return x - 7

    c = torch.compile(f)
    x = torch.arange(3.0)
    for i in (torch.tensor([0, 2]), torch.tensor([0, 3]), torch.tensor([0, 1])):
        same(f(x, i), c(x, i))


def test_rand_in_cond():
    def f(x):
        return torch.cond(
            x.sum() > 0,
            lambda x: x + torch.rand_like(x),
            lambda x: x * torch.rand(2, 3).mT if x.shape[0] == 3 else x - torch.rand_like(x),
            (x,),
        )

    c = torch.compile(f)
    for x in (torch.ones(3, 2), -torch.ones(3, 2), torch.ones(2, 3).mT, -torch.ones(2, 3).mT):
        torch.manual_seed(0)
        a = f(x)
        torch.manual_seed(0)
        same(a, c(x))


def test_dropout_turned():
    f = lambda x: F.dropout(x.mT * 2, 0.5).sum(0)
    c = torch.compile(f, fullgraph=True)
    x = torch.ones(3, 4)
    for _ in range(3):
        torch.manual_seed(0)
        a = f(x)
        ra = torch.rand(1)
        torch.manual_seed(0)
        b = c(x)
        same(a, b)
        same(ra, torch.rand(1))


def test_randlike_turned():
    f = lambda x: torch.rand_like(x.mT) * x.mT + torch.randn_like(x.permute(1, 0))
    c = torch.compile(f, fullgraph=True)
    x = torch.ones(3, 4)
    for _ in range(3):
        torch.manual_seed(0)
        a = f(x)
        torch.manual_seed(0)
        same(a, c(x))
