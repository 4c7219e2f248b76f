"""An optimizer with other parameters and another state for the length of a block."""

from collections import defaultdict
from contextlib import contextmanager

__all__ = ["swap_in_optimizer_params_and_state"]


@contextmanager
def swap_in_optimizer_params_and_state(optimizer, swapin_parameters, swapin_optim_state):
    """Inside the block the optimizer steps other tensors, with a state as `state_dict` gives it.

    `swapin_parameters` (name -> tensor) are in the order of the optimizer's own. The tensors given
    are changed in place; what else a step sets ends with the block.

    >>> import tidu as torch
    >>> from tidu.optim import swap_in_optimizer_params_and_state
    >>> layer = torch.nn.Linear(1, 1)
    >>> opt = torch.optim.SGD(layer.parameters(), lr=1.0)
    >>> others = {n: torch.zeros_like(p).requires_grad_() for n, p in layer.named_parameters()}
    >>> others["weight"].grad = torch.ones(1, 1)
    >>> with swap_in_optimizer_params_and_state(opt, others, opt.state_dict()):
    ...     opt.step()
    >>> others["weight"]
    tensor([[-1.]], requires_grad=True)
    """
    others = list(swapin_parameters.values())
    own_groups, own_state = optimizer.param_groups, optimizer.state
    count = sum(len(group["params"]) for group in own_groups)
    if len(others) != count:
        raise ValueError(f"expected {count} parameters, got {len(others)}")
    given = swapin_optim_state["param_groups"]
    if [len(g["params"]) for g in given] != [len(g["params"]) for g in own_groups]:
        raise ValueError("the groups of swapin_optim_state are not those of the optimizer")
    waiting = iter(others)
    keys = [key for group in given for key in group["params"]]
    state = defaultdict(dict)
    for key, tensor in zip(keys, others, strict=True):
        if key in swapin_optim_state["state"]:
            state[tensor] = dict(swapin_optim_state["state"][key])
    try:
        optimizer.param_groups = [
            {**own, **new, "params": [next(waiting) for _ in own["params"]]}
            for own, new in zip(own_groups, given, strict=True)
        ]
        optimizer.state = state
        yield
    finally:
        optimizer.param_groups, optimizer.state = own_groups, own_state
