"""Modules as functions: functional_call and stack_module_state.

A module is known here by its attributes only (`_parameters`, `_buffers`, `named_parameters`).
"""

from contextlib import contextmanager

from .. import ops
from ..core.handle import TensorBase

__all__ = ["functional_call", "stack_module_state"]


def functional_call(module, parameter_and_buffer_dicts, args=None, kwargs=None, *, tie_weights=True,
                    strict=False):  # fmt: skip
    """module(*args) with other tensors in the places of its parameters and buffers.

    >>> import tidu as torch
    >>> layer = torch.nn.Linear(1, 1)
    >>> weights = {"weight": torch.tensor([[2.]]), "bias": torch.tensor([1.])}
    >>> torch.func.functional_call(layer, weights, torch.tensor([3.]))
    tensor([7.])
    """
    given = parameter_and_buffer_dicts
    if not isinstance(given, (dict, list, tuple)):
        raise ValueError(
            "Expected parameter_and_buffer_dicts to be a dict, or a list/tuple of dicts, but got "
            f"{type(given)}"
        )
    if not isinstance(given, dict):
        merged = {}
        for part in given:
            repeated = [name for name in merged if name in part]
            if repeated:
                raise ValueError(
                    f"{repeated} appeared in multiple dictionaries; behavior of functional "
                    "call is ambiguous"
                )
            merged.update(part)
        given = merged
    places = _places(module)
    if strict:
        _check_names(given, places, type(module).__name__)
    wanted = _tied(places, given) if tie_weights else given
    args = () if args is None else args if isinstance(args, tuple) else (args,)
    with _exchanged([(places[name], value) for name, value in wanted.items() if name in places]):
        return module(*args, **(kwargs or {}))


def _places(module):
    """{full name: (module, registry, own name)} of all parameters and buffers."""
    places, waiting = {}, [("", module)]
    for (
        prefix,
        owner,
    ) in waiting:  # which grows: a walk over named_modules costs three times as much
        own = owner.__dict__
        for registry in ("_parameters", "_buffers"):
            for name in own[registry]:
                places[prefix + name] = (owner, registry, name)
        for name, child in own["_modules"].items():
            if child is not None:
                waiting.append((f"{prefix}{name}.", child))
    return places


def _check_names(given, places, kind):
    unexpected = given.keys() - places.keys()
    missing = places.keys() - given.keys()
    if unexpected or missing:
        found = [
            (word, ", ".join(map(repr, sorted(names))))
            for word, names in (("Unexpected", unexpected), ("Missing", missing))
            if names
        ]
        lines = [f"\n\t{word} key(s): {names}." for word, names in found]
        raise RuntimeError(f"Error(s) in reparametrizing for {kind}:{''.join(lines)}")


def _tied(places, given):
    """What is given for one name of a shared tensor holds for its other names."""
    names = {}
    for name, (owner, registry, own) in places.items():
        tensor = getattr(owner, registry)[own]
        if tensor is not None:
            names.setdefault(id(tensor), []).append(name)
    if len(names) == len(places):
        return given
    wanted = dict(given)
    for group in names.values():
        values = {id(given[n]): given[n] for n in group if n in given}
        if len(values) > 1:
            raise ValueError(
                f"functional_call got multiple values for keys {sorted(group)}, which are tied. "
                "Consider using tie_weights=False"
            )
        for value in values.values():
            wanted.update(dict.fromkeys(group, value))
    return wanted


@contextmanager
def _exchanged(pairs):
    """Inside, each place holds its new tensor; afterwards what it held."""
    before = []
    try:
        for (owner, registry, name), value in pairs:
            own, held = owner.__dict__, getattr(owner, registry)
            before.append((own, held, name, held[name], own.get(name, _MISSING)))
            held[name] = value
            if name in own:
                own[name] = value
        yield
    finally:
        for own, held, name, value, mirrored in reversed(before):
            held[name] = value
            if mirrored is not _MISSING:
                own[name] = mirrored


_MISSING = object()


def stack_module_state(models):
    """(parameters, buffers) of modules of one kind, each stacked along a new first axis."""
    if not models:
        raise RuntimeError("stack_module_state: Expected at least one model, got 0.")
    if len({type(m) for m in models}) > 1:
        raise RuntimeError("stack_module_state: Expected all models to be of the same class.")
    if not (all(m.training for m in models) or not any(m.training for m in models)):
        raise RuntimeError(
            "stack_module_state: Expected all models to have the same training/eval mode."
        )
    parameters = _stacked([dict(m.named_parameters()) for m in models])
    buffers = _stacked([dict(m.named_buffers()) for m in models])
    return parameters, buffers


def _stacked(dicts):
    stacked = {}
    for name in dicts[0]:
        tensors = [d[name] for d in dicts]
        wants = all(isinstance(t, TensorBase) and t.requires_grad for t in tensors)
        out = ops.stack([t.detach() for t in tensors])
        stacked[name] = out.requires_grad_() if wants else out
    return stacked
