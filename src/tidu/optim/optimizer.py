"""Optimizer: parameter groups, state, hooks."""

import functools
import warnings
from collections import OrderedDict, defaultdict
from copy import deepcopy

from ..autograd import enable_grad, is_grad_enabled, no_grad
from ..autograd.leaves import clear_gradients
from ..base.errors import hinted
from ..base.lazy import lazy_module
from ..base.naming import Named
from ..core.modes import STATE
from ..frontend.tensor import Tensor
from ..utils.hooks import RemovableHandle
from .options import check_rate

__all__ = [
    "Optimizer", "check_numbers", "number",
    "register_optimizer_step_post_hook", "register_optimizer_step_pre_hook", "required",
]  # fmt: skip


profiler = lazy_module(f"{__name__.partition('.')[0]}.profiler")


class _Required:
    """Stands for an option that has no default."""

    def __repr__(self):
        return "<required parameter>"


required = _Required()
_GLOBAL_PRE, _GLOBAL_POST = OrderedDict(), OrderedDict()
_HOOKS = (
    "_optimizer_step_pre_hooks", "_optimizer_step_post_hooks", "_optimizer_state_dict_pre_hooks",
    "_optimizer_state_dict_post_hooks", "_optimizer_load_state_dict_pre_hooks",
    "_optimizer_load_state_dict_post_hooks",
)  # fmt: skip


def _added(hooks, hook, prepend=False):
    handle = RemovableHandle(hooks)
    hooks[handle.id] = hook
    if prepend:
        hooks.move_to_end(handle.id, last=False)
    return handle


def register_optimizer_step_pre_hook(hook):
    """Call ``hook(optimizer, args, kwargs)`` before every step of every optimizer."""
    return _added(_GLOBAL_PRE, hook)


def register_optimizer_step_post_hook(hook):
    """Call ``hook(optimizer, args, kwargs)`` after every step of every optimizer."""
    return _added(_GLOBAL_POST, hook)


def _with_hooks(step):
    """A class's `step` between the hooks; without any it costs one look at a flag."""

    @functools.wraps(step)
    def hooked(self, *args, **kwargs):
        self._opt_called = True
        if STATE.listeners:
            with profiler.record_function(f"Optimizer.step#{type(self).__name__}.step"):
                return between(self, args, kwargs)
        if not (self._hooked or _GLOBAL_PRE or _GLOBAL_POST):
            return step(self, *args, **kwargs)
        return between(self, args, kwargs)

    def between(self, args, kwargs):
        for hook in (*_GLOBAL_PRE.values(), *self._optimizer_step_pre_hooks.values()):
            answer = hook(self, args, kwargs)
            if answer is not None:
                if not (isinstance(answer, tuple) and len(answer) == 2):
                    raise RuntimeError(
                        f"{step.__qualname__} must return None or a tuple of (new_args, "
                        f"new_kwargs), but got {answer}."
                    )
                args, kwargs = answer
        result = step(self, *args, **kwargs)
        for hook in (*self._optimizer_step_post_hooks.values(), *_GLOBAL_POST.values()):
            hook(self, args, kwargs)
        return result

    hooked.hooked = True
    return hooked


class Optimizer(Named):
    """Parameters in groups, each with its options, and what is remembered of each parameter.

    A subclass defines ``step``. ``params`` is an iterable of tensors, of (name, tensor) pairs, or
    of dictionaries with a key ``params`` and options of their own.
    """

    reach_also = (_GLOBAL_PRE, _GLOBAL_POST)  # what a step depends on besides, for the compiler
    _hooked = False
    _opt_called = _scheduled = False

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        step = cls.__dict__.get("step")
        if step is not None and not getattr(step, "hooked", False):
            cls.step = _with_hooks(step)

    def __init__(self, params, defaults):
        for name in _HOOKS:
            self.__dict__[name] = OrderedDict()
        self.defaults = defaults
        if isinstance(params, Tensor):
            raise TypeError(
                hinted(
                    "params argument given to the optimizer should be an iterable of Tensors or "
                    "dicts, but got torch.FloatTensor",
                    "put it into a list: [parameter].",
                )
            )
        self.state = defaultdict(dict)
        self.param_groups = []
        groups = list(params)
        if not groups:
            raise ValueError(
                hinted(
                    "optimizer got an empty parameter list",
                    "a generator such as model.parameters() is used up after one pass.",
                )
            )
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    def never_stepped(self):
        """Whether its first step is to come, which changes the optimizer: most make their state in
        it, and all keep that there was one."""
        return not self._opt_called

    def ready(self):
        """None: it has a first step that is another than those after it."""

    def __getstate__(self):
        return {
            "defaults": self.defaults, "state": self.state, "param_groups": self.param_groups,
        }  # fmt: skip

    def _patch_step_function(self):
        """For classes that do without `__init__`: hooks run around `step` in every subclass."""
        for name in _HOOKS:
            self.__dict__.setdefault(name, OrderedDict())

    def __setstate__(self, state):
        self.__dict__.update(state)
        for name in _HOOKS:
            self.__dict__.setdefault(name, OrderedDict())
        self.defaults.setdefault("differentiable", False)

    def __repr__(self):
        text = f"{type(self).__name__} ("
        for i, group in enumerate(self.param_groups):
            text += f"\nParameter Group {i}\n"
            for key in sorted(group):
                if key != "params":
                    text += f"    {key}: {group[key]}\n"
        return text + ")"

    # Hooks.

    def register_step_pre_hook(self, hook):
        """Call ``hook(optimizer, args, kwargs)`` before each step."""
        self._hooked = True
        return _added(self._optimizer_step_pre_hooks, hook)

    def register_step_post_hook(self, hook):
        """Call ``hook(optimizer, args, kwargs)`` after each step."""
        self._hooked = True
        return _added(self._optimizer_step_post_hooks, hook)

    def register_state_dict_pre_hook(self, hook, prepend=False):
        """Call ``hook(optimizer)`` before the state is collected."""
        return _added(self._optimizer_state_dict_pre_hooks, hook, prepend)

    def register_state_dict_post_hook(self, hook, prepend=False):
        """Call ``hook(optimizer, state_dict)`` after; what it returns is used instead."""
        return _added(self._optimizer_state_dict_post_hooks, hook, prepend)

    def register_load_state_dict_pre_hook(self, hook, prepend=False):
        """Call ``hook(optimizer, state_dict)`` before loading; what it returns is loaded."""
        return _added(self._optimizer_load_state_dict_pre_hooks, hook, prepend)

    def register_load_state_dict_post_hook(self, hook, prepend=False):
        """Call ``hook(optimizer)`` after loading."""
        return _added(self._optimizer_load_state_dict_post_hooks, hook, prepend)

    # Saving and loading.

    def state_dict(self):
        """{'state': per parameter number, 'param_groups': options and parameter numbers}."""
        for hook in self._optimizer_state_dict_pre_hooks.values():
            hook(self)
        numbers = {}
        groups = []
        for group in self.param_groups:
            packed = {key: value for key, value in group.items() if key != "params"}
            for parameter in group["params"]:
                numbers.setdefault(id(parameter), len(numbers))
            packed["params"] = [numbers[id(parameter)] for parameter in group["params"]]
            groups.append(packed)
        state = {
            (numbers[id(key)] if isinstance(key, Tensor) else key): value
            for key, value in self.state.items()
        }
        result = {"state": state, "param_groups": groups}
        for hook in self._optimizer_state_dict_post_hooks.values():
            answer = hook(self, result)
            result = result if answer is None else answer
        return result

    def load_state_dict(self, state_dict):
        """Take over options and state; numbers are matched by order of the parameters."""
        state_dict = state_dict.copy()
        for hook in self._optimizer_load_state_dict_pre_hooks.values():
            answer = hook(self, state_dict)
            state_dict = state_dict if answer is None else answer
        saved = deepcopy(state_dict["param_groups"])
        self._check_groups(saved)
        by_number = {
            number: parameter
            for old, own in zip(saved, self.param_groups, strict=True)
            for number, parameter in zip(old["params"], own["params"], strict=True)
        }
        state = defaultdict(dict)
        for key, value in state_dict["state"].items():
            if key in by_number:
                parameter = by_number[key]
                state[parameter] = _fitted(parameter, value)
            else:
                state[key] = value
        groups = []
        for old, own in zip(saved, self.param_groups, strict=True):
            old["params"] = own["params"]
            if "param_names" in own and "param_names" not in old:
                old["param_names"] = own["param_names"]
            groups.append(old)
        self.__setstate__({"state": state, "param_groups": groups})
        for hook in self._optimizer_load_state_dict_post_hooks.values():
            hook(self)

    def _check_groups(self, saved):
        if len(saved) != len(self.param_groups):
            raise ValueError("loaded state dict has a different number of parameter groups")
        pairs = zip(saved, self.param_groups, strict=True)
        if any(len(old["params"]) != len(own["params"]) for old, own in pairs):
            raise ValueError(
                "loaded state dict contains a parameter group that doesn't match the size of "
                "optimizer's group"
            )

    # Use.

    def zero_grad(self, set_to_none=True):
        """Forget all gradients, or set them to zero."""
        if STATE.listeners:
            with profiler.record_function(f"Optimizer.zero_grad#{type(self).__name__}.zero_grad"):
                self._zero_grad(set_to_none)
        else:
            self._zero_grad(set_to_none)

    def _zero_grad(self, set_to_none):
        for group in self.param_groups:
            clear_gradients(group["params"], set_to_none)

    def step(self, closure=None):
        """Change the parameters once; ``closure`` computes the loss anew where given."""
        raise NotImplementedError

    def add_param_group(self, param_group):
        """Add parameters with options of their own."""
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        params = param_group["params"]
        if isinstance(params, Tensor):
            params = [params]
        elif isinstance(params, set):
            raise TypeError(
                "optimizer parameters need to be organized in ordered collections, but the "
                "ordering of tensors in sets will change between runs. Please use a list instead."
            )
        group = {**param_group, "params": list(params)}
        _split_names(group)
        for parameter in group["params"]:
            self._check_parameter(parameter)
        for name, default in self.defaults.items():
            if default is required and name not in group:
                raise ValueError(
                    "parameter group didn't specify a value of required optimization parameter "
                    + name
                )
            group.setdefault(name, default)
        self._check_duplicates(group["params"])
        named = "param_names" in group
        if self.param_groups and named != ("param_names" in self.param_groups[-1]):
            raise ValueError(
                "all optimizer param groups should be with/without names. cannot add param group "
                f"{'with' if named else 'without'} names to the optimizer"
            )
        param_group.update(group)
        self.param_groups.append(param_group)

    def _check_parameter(self, parameter):
        if not isinstance(parameter, Tensor):
            raise TypeError(
                "optimizer can only optimize Tensors, but one of the params is "
                + type(parameter).__name__
            )
        if not self.defaults.get("differentiable") and not (
            parameter.is_leaf or parameter.retains_grad
        ):
            raise ValueError(
                hinted(
                    "can't optimize a non-leaf Tensor",
                    "give the tensor it was computed from, or make one with "
                    "x.detach().requires_grad_().",
                )
            )

    def _check_duplicates(self, params):
        if len({id(parameter) for parameter in params}) != len(params):
            warnings.warn(
                "optimizer contains a parameter group with duplicate parameters; in future, this "
                "will cause an error; see github.com/pytorch/pytorch/issues/40967 for more "
                "information",
                stacklevel=4,
            )
        known = {id(p) for group in self.param_groups for p in group["params"]}
        if not known.isdisjoint(id(parameter) for parameter in params):
            raise ValueError("some parameters appear in more than one parameter group")


def _split_names(group):
    """(name, parameter) pairs become two lists."""
    params = group["params"]
    named = [isinstance(item, tuple) for item in params]
    if any(named):
        if not all(named):
            raise ValueError(
                hinted(
                    "all optimizer params should be with/without names. Some param names are "
                    "missing",
                    "model.named_parameters() gives all with their names, model.parameters() none.",
                )
            )
        group["param_names"] = [name for name, _ in params]
        group["params"] = [parameter for _, parameter in params]


def _fitted(parameter, value, key=None):
    """A copy of saved state, its numbers in the parameter's type (the step count as it is)."""
    if isinstance(value, Tensor):
        if key == "step" or not parameter.is_floating_point():
            return value.clone()
        return value.to(parameter.dtype).clone()
    if isinstance(value, dict):
        return {k: _fitted(parameter, v, k) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_fitted(parameter, v) for v in value)
    return value


def number(value):
    """A Python number, of a number or of a tensor of one."""
    if not isinstance(value, Tensor):
        return value
    # Inside a trace the learning rate is a variable, and what is computed from it is traced;
    # a differentiable optimizer leads gradients to it.
    if value._value.dtype is None or (value.requires_grad and is_grad_enabled()):
        return value
    return value.item()


def check_numbers(lr, **others):
    """Refuse negative options with PyTorch's words."""
    check_rate(lr)
    if not 0.0 <= number(lr):
        raise ValueError(
            hinted(f"Invalid learning rate: {lr}", "to climb instead, use maximize=True.")
        )
    words = {"eps": "epsilon", "momentum": "momentum", "weight_decay": "weight_decay"}
    for name, value in others.items():
        if not 0.0 <= number(value):
            raise ValueError(f"Invalid {words.get(name, name)} value: {value}")


ParamsT = object  # of annotations: parameters, named ones, or groups of them


def _use_grad_for_differentiable(step):
    """`step` of an optimizer, recorded only if that is differentiable."""

    @functools.wraps(step)
    def careful(self, *args, **kwargs):
        with enable_grad() if self.defaults.get("differentiable") else no_grad():
            return step(self, *args, **kwargs)

    return careful
