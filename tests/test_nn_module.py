"""Modules: registration, hooks, state, copies, text. Recorded values are PyTorch 2.13's."""

import copy
import gc
import pickle
import weakref

import numpy as np
import pytest

import tidu as torch
from tidu import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(2, 3)
        self.norm = nn.BatchNorm1d(3)
        self.scale = nn.Parameter(torch.ones(1))
        self.register_buffer("steps", torch.zeros(1), persistent=False)

    def forward(self, x):
        return self.norm(self.first(x)) * self.scale


def test_first_values_are_pytorchs():
    torch.manual_seed(0)
    layer = nn.Linear(3, 2)
    expected = [[-0.0043225, 0.3097158, -0.4751853], [-0.4248946, -0.222369, 0.1548207]]
    np.testing.assert_allclose(layer.weight.detach().numpy(), expected, rtol=1e-5)
    np.testing.assert_allclose(layer.bias.detach().numpy(), [-0.0114391, 0.4577749], rtol=1e-5)


def test_names():
    net = Net()
    assert [name for name, _ in net.named_parameters()] == [
        "scale", "first.weight", "first.bias", "norm.weight", "norm.bias",
    ]  # fmt: skip
    assert [name for name, _ in net.named_modules()] == ["", "first", "norm"]
    assert list(net.state_dict()) == [
        "scale", "first.weight", "first.bias", "norm.weight", "norm.bias", "norm.running_mean",
        "norm.running_var", "norm.num_batches_tracked",
    ]  # fmt: skip


def test_parameters_are_ordinary_attributes():
    layer = nn.Linear(2, 2)
    assert layer.__dict__["weight"] is layer._parameters["weight"]
    other = nn.Parameter(torch.zeros(2, 2))
    layer._parameters["weight"] = other
    assert layer.weight is other
    del layer.weight
    assert "weight" not in layer._parameters and not hasattr(layer, "weight")


def test_shared_parameters_count_once():
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    net[1].weight = net[0].weight
    assert len(list(net.parameters())) == 3
    assert len(list(net.named_parameters(remove_duplicate=False))) == 4


def test_modules_are_freed_without_the_collector():
    gc.disable()
    try:
        net = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
        alive = weakref.ref(net), weakref.ref(net[0].weight)
        del net
        assert alive[0]() is None and alive[1]() is None
    finally:
        gc.enable()


def test_hooks_in_order():
    layer, seen = nn.Identity(), []
    layer.register_forward_pre_hook(lambda m, a: seen.append("before"))
    layer.register_forward_hook(lambda m, a, o: seen.append("after"))
    layer.register_forward_hook(lambda m, a, o: seen.append("first"), prepend=True)
    layer(torch.ones(1))
    assert seen == ["before", "first", "after"]


def test_hook_with_keywords_and_removal():
    layer = nn.Identity()
    handle = layer.register_forward_pre_hook(lambda m, a, k: ((a[0] + 1,), k), with_kwargs=True)
    assert layer(torch.zeros(1)).item() == 1.0
    handle.remove()
    assert layer(torch.zeros(1)).item() == 0.0


def test_hook_called_in_any_case():
    class Broken(nn.Module):
        def forward(self, x):
            raise ValueError("broken")

    seen, layer = [], Broken()
    layer.register_forward_hook(lambda m, a, o: seen.append(o), always_call=True)
    with pytest.raises(ValueError, match="broken"):
        layer(1)
    assert seen == [None]


def test_global_hook():
    seen = []
    hook = nn.modules.module.register_module_forward_hook(lambda m, a, o: seen.append(type(m)))
    with hook:
        nn.Sequential(nn.ReLU())(torch.ones(1))
    nn.ReLU()(torch.ones(1))
    assert seen == [nn.ReLU, nn.Sequential]


def test_full_backward_hooks():
    layer, seen = nn.Linear(2, 1), []
    layer.register_full_backward_hook(lambda m, gi, go: seen.append((gi[0].shape, go[0].shape)))
    layer.register_full_backward_pre_hook(lambda m, go: (2 * go[0],))
    x = torch.ones(3, 2, requires_grad=True)
    layer(x).sum().backward()
    assert seen == [((3, 2), (3, 1))]
    np.testing.assert_allclose(x.grad.numpy(), np.tile(2 * layer.weight.detach().numpy(), (3, 1)))


def test_state_goes_round():
    a, b = Net(), Net()
    a(torch.randn(4, 2))
    assert repr(b.load_state_dict(a.state_dict())) == "<All keys matched successfully>"
    for name, value in a.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), b.state_dict()[name].numpy())


def test_state_dict_shares_memory():
    layer = nn.Linear(1, 1)
    state = layer.state_dict()
    with torch.no_grad():
        layer.weight.fill_(7.0)
    assert state["weight"].item() == 7.0


def test_assign_takes_the_tensors():
    layer, weight = nn.Linear(1, 1, bias=False), torch.full((1, 1), 3.0)
    layer.load_state_dict({"weight": weight}, assign=True)
    weight.fill_(4.0)
    assert layer.weight.item() == 4.0 and isinstance(layer.weight, nn.Parameter)


def test_extra_state():
    class Counting(nn.Module):
        count = 0

        def get_extra_state(self):
            return {"count": self.count}

        def set_extra_state(self, state):
            self.count = state["count"]

    a, b = Counting(), Counting()
    a.count = 5
    b.load_state_dict(a.state_dict())
    assert list(a.state_dict()) == ["_extra_state"] and b.count == 5


@pytest.mark.parametrize("how", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_are_apart(how):
    net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.ParameterList([torch.ones(2)]))
    twin = how(net)
    assert repr(twin) == repr(net)
    with torch.no_grad():
        twin[0].weight.zero_()
    assert net[0].weight.abs().sum().item() > 0
    assert twin[0].weight is twin[0]._parameters["weight"]
    assert twin[0].weight.requires_grad
    twin[0].weight = nn.Parameter(torch.ones(3, 2))
    assert twin[0].state_dict()["weight"].sum().item() == 6.0


def test_to_changes_parameters_in_place():
    net = Net()
    weight = net.first.weight
    net.double()
    assert net.first.weight is weight and weight.dtype == torch.float64
    assert net.norm.num_batches_tracked.dtype == torch.int64
    net(torch.ones(3, 2, dtype=torch.float64)).sum().backward()
    net.float()
    assert weight.grad.dtype == torch.float32


def test_misspelt_attribute():
    with pytest.raises(AttributeError) as caught:
        nn.Linear(1, 1).wieght  # noqa: B018
    assert str(caught.value) == (
        "'Linear' object has no attribute 'wieght'\nHint: did you mean 'weight'?"
    )


def test_forgotten_init():
    class Hasty(nn.Module):
        def __init__(self):
            self.layer = nn.Linear(1, 1)

    with pytest.raises(AttributeError, match="cannot assign module before"):
        Hasty()


def test_lazy_layers_become_ordinary():
    net = nn.Sequential(nn.LazyLinear(3), nn.LazyBatchNorm1d())
    assert repr(net[0]) == "LazyLinear(in_features=0, out_features=3, bias=True)"
    net(torch.ones(2, 5))
    assert type(net[0]) is nn.Linear and net[0].weight.shape == (3, 5)
    assert type(net[1]) is nn.BatchNorm1d and net[1].num_features == 3
    assert not net[0]._hooked or not net[0]._forward_pre_hooks


def test_lazy_layer_loads_a_state():
    layer = nn.LazyLinear(3)
    layer.load_state_dict(nn.Linear(5, 3).state_dict())
    assert layer(torch.ones(1, 5)).shape == (1, 3)


def test_text():
    net = nn.Sequential(nn.ModuleList([nn.Linear(1, 1), nn.Linear(1, 1), nn.ReLU()]))
    assert repr(net) == (
        "Sequential(\n"
        "  (0): ModuleList(\n"
        "    (0-1): 2 x Linear(in_features=1, out_features=1, bias=True)\n"
        "    (2): ReLU()\n"
        "  )\n"
        ")"
    )


def test_a_class_with_a_lookup_of_its_own_is_asked_for_parameters():
    class Asked(torch.nn.Linear):
        asked = 0

        def __getattr__(self, name):
            if name == "weight":
                type(self).asked += 1
            return super().__getattr__(name)

    module = Asked(2, 2)
    before = Asked.asked
    module(torch.ones(1, 2)).sum().backward()
    assert Asked.asked > before and module.weight.grad is not None
    assert "weight" not in vars(module) and "weight" in vars(torch.nn.Linear(2, 2))
    copied = pickle.loads(pickle.dumps(torch.nn.Linear(2, 2)))
    assert "weight" in vars(copied)
    module.bias = None
    assert module.bias is None and "bias" not in vars(module)
    with pytest.raises(TypeError, match=r"cannot assign 'torch.FloatTensor' as parameter 'weight'"):
        module.weight = torch.ones(2, 2)
    module.register_buffer("mean", torch.zeros(2))
    module.mean = torch.ones(2)
    assert module._buffers["mean"].tolist() == [1, 1] and "mean" not in vars(module)
    module.child = torch.nn.ReLU()
    module.child = None
    assert list(module._modules.items()) == [("child", None)]


@pytest.mark.parametrize("reentrant", [False, True])
def test_a_checkpoint_draws_again_without_a_state_of_bytes(reentrant, monkeypatch):
    """Which costs a hundred times what the place in the stream does; another seed between the runs
    changes nothing."""
    generator = type(torch.default_generator)
    for costly in ("state_bytes", "load_state_bytes"):
        monkeypatch.setattr(generator, costly, lambda *given: pytest.fail("a state was copied"))
    torch.manual_seed(0)
    x = torch.ones(1000, requires_grad=True)
    drop = torch.nn.Dropout(0.5)
    out = torch.utils.checkpoint.checkpoint(lambda x: drop(x * x), x, use_reentrant=reentrant)
    torch.manual_seed(1)
    out.sum().backward()
    assert x.grad.tolist() == (2 * out).tolist()
    after = torch.rand(3).tolist()
    torch.manual_seed(1)
    assert torch.rand(3).tolist() == after


@pytest.mark.parametrize("reentrant", [False, True])
def test_a_normalization_at_the_end_of_a_checkpoint_counts_its_batch_twice(reentrant):
    """Its running statistics move in both runs, as in PyTorch, though the second ends in it."""
    torch.manual_seed(0)
    x = torch.randn(4, 3, requires_grad=True)
    norm, twice = torch.nn.BatchNorm1d(3), torch.nn.BatchNorm1d(3)
    torch.utils.checkpoint.checkpoint(norm, x, use_reentrant=reentrant).sin().sum().backward()
    for _ in range(2):
        twice(x)
    for a, b in zip(norm.buffers(), twice.buffers(), strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("convert", [
    lambda m: m.double(), lambda m: m.to(torch.float64), lambda m: m.to("cpu", torch.float64),
])  # fmt: skip
def test_a_lazy_module_that_is_converted_stays_lazy(convert):
    net = convert(nn.Sequential(nn.LazyLinear(5), nn.LazyBatchNorm1d()))
    assert all(nn.parameter.is_lazy(p) for p in net.parameters())
    updates = torch.optim.SGD(net.parameters(), lr=0.1)
    net(torch.ones(2, 4, dtype=torch.float64)).sum().backward()
    updates.step()
    assert net[0].weight.shape == (5, 4) and net[1].running_mean.shape == (5,)
    assert {p.dtype for p in (*net.parameters(), net[1].running_mean)} == {torch.float64}
