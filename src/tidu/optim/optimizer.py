"""Optimizer: parameter groups, state, hooks; and Elementwise, on which most optimizers stand."""

import functools
import warnings
from collections import OrderedDict, defaultdict
from copy import deepcopy

import numpy as np

from .. import ops
from ..autograd import enable_grad, is_grad_enabled, no_grad
from ..autograd.leaves import clear_gradients
from ..base.dtypes import float64
from ..base.errors import hinted
from ..base.frames import OURS, user_place
from ..base.lazy import lazy_module
from ..base.naming import Named
from ..core.modes import LOCAL, STATE
from ..frontend.tensor import Tensor
from ..transforms.mutation import written
from ..utils.hooks import RemovableHandle
from .kernels import TENSORS, Workspace, joinable
from .options import check_rate, refuse_at_step

__all__ = [
    "ByGroup", "Elementwise", "Optimizer", "check_numbers", "number",
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
    _opt_called = False

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


_F32 = np.dtype(np.float32)
_FAST = {_F32, np.dtype(np.float64)}
_REAL = {np.dtype(np.complex64): np.float32, np.dtype(np.complex128): np.float64}


# Options that came to PyTorch's optimizers later: files of older versions lack them.
_LATER = frozenset(
    "amsgrad capturable centered decoupled_weight_decay differentiable foreach fused maximize "
    "nesterov".split()
)


_WORDS = "formula", "names", "numbers", "_counted", "_numbers"


class ByGroup(Optimizer):
    """One change for each parameter that has a gradient; a subclass defines `_update_all`."""

    def step(self, closure=None):
        """Change each parameter that has a gradient, once."""
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        with enable_grad() if self.defaults.get("differentiable") else no_grad():
            self._update_all()
        return loss

    def _update_all(self):
        raise NotImplementedError


class Elementwise(ByGroup):
    """An optimizer whose update treats every element alike.

    A subclass tells `names` (its state tensors), `start`, `numbers` and `formula`.
    """

    counts = True  # whether there is a step count
    kind = instead = ""  # of sparse gradients: what PyTorch's refusal adds

    def names(self, group):
        """The state tensors that the formula takes, in order."""
        raise NotImplementedError

    def start(self, group, parameter, state):
        """Put the first state tensors into `state`."""
        for name in self.names(group):
            state[name] = ops.zeros_like(parameter, requires_grad=False)

    def numbers(self, group, step):
        """What the formula needs beside arrays, for this step count."""
        raise NotImplementedError

    @staticmethod
    def formula(k, numbers, p, g, *state):
        """The update of `p`, written in the words of `kernels`."""
        raise NotImplementedError

    def __setstate__(self, state):
        super().__setstate__(state)
        for group in self.param_groups:
            for name in _LATER & self.defaults.keys():
                group.setdefault(name, self.defaults[name])
        for value in self.state.values():
            if self.counts and value and "step" not in value:
                raise KeyError("step")  # the state of another kind of optimizer
            if "step" in value and not isinstance(value["step"], Tensor):
                value["step"] = ops.tensor(float(value["step"]))

    def _update_all(self):
        work = self.__dict__.get("_work")
        if work is None:
            work = self.__dict__["_work"] = Workspace()
        for group in self.param_groups:
            if group.get("capturable") or group.get("differentiable"):
                self._refuse(group)
            self._update_group(work, group)

    def _refuse(self, group):
        """Refuse what no CPU can do, where there is something to be done."""
        if any(p.grad is not None for p in group["params"]):
            refuse_at_step(group)

    def _update_group(self, work, group):
        names, known, small = self.names(group), {}, {}
        place = user_place()
        plain, remembers = not group.get("differentiable"), names or self.counts
        traced = LOCAL.tracer is not None and self.counts and self._is_known()
        repeats = LOCAL.tracer.repeats() if traced else None
        for p in group["params"]:
            grad = p._grad
            if grad is None:
                continue
            if grad._value.dtype is None and grad.is_sparse:
                self._update_sparse(group, p, grad)
                continue
            # Looking up a state makes it: an optimizer that remembers nothing must not look.
            state = self.state[p] if remembers else None
            if repeats is not None and state and p._value.dtype is None:
                work = functools.partial(self._one, group, p, grad, state)
                repeats.run((p, grad, *state.values()), work)
                continue
            count = self._counted(group, p, state) if remembers else 0
            numbers = known.get(count)
            if numbers is None:
                numbers = known[count] = self._numbers(group, count, state)
            tensors = [p, grad, *[state[name] for name in names]] if names else (p, grad)
            arrays = _arrays(tensors) if plain else None
            if arrays is None:
                self.formula(TENSORS, numbers, *tensors)
            elif names and arrays[0] is p._value and joinable(arrays):
                small.setdefault((count, arrays[0].dtype.num), []).append((tensors, arrays))
            else:
                work.run(self.formula, numbers, arrays)
                written(p, place)
        for (count, _), entries in small.items():
            work.run_joined(self.formula, known[count], entries)
            for tensors, _ in entries:
                written(tensors[0], place)

    def _is_known(self):
        """Whether an update is certain to read its own parameter, gradient, state and options
        alone: all that computes it is written here."""
        return all(OURS[getattr(type(self), name).__code__.co_filename] for name in _WORDS)

    def _one(self, group, p, grad, state):
        """The update of one parameter whose steps are counted, in public operations."""
        numbers = self._numbers(group, self._counted(group, p, state), state)
        self.formula(TENSORS, numbers, p, grad, *[state[name] for name in self.names(group)])

    def _update_sparse(self, group, p, grad):
        kind = self.kind or type(self).__name__
        raise RuntimeError(
            hinted(
                f"{kind} does not support sparse gradients{self.instead}",
                "make the layer with sparse=False, or use SGD, Adagrad or SparseAdam.",
            )
        )

    def _numbers(self, group, count, state):
        return self.numbers(group, count)

    def _counted(self, group, p, state):
        """The step count, one more than before; without one, whether this is not the first."""
        fresh = not state
        if not self.counts:
            if fresh:
                self.start(group, p, state)
            return not fresh
        if fresh:
            state["step"] = ops.tensor(0.0)
            self.start(group, p, state)
        step = state["step"]
        value = step._value
        if isinstance(value, np.generic):
            step._value = value = value + 1
            return float(value)
        step.add_(1)
        if value.dtype is None:  # inside a trace: the numbers of the formula are traced with it
            return step.to(float64)
        return step.item()


def _arrays(tensors):
    """The tensors' memory, or None where some is not plain floating-point memory."""
    first = tensors[0]._value.dtype
    if first is not _F32 and first not in _FAST and first not in _REAL:
        return None
    arrays = []
    for tensor in tensors:
        value = tensor._value
        if value.dtype is not first and value.dtype != first:
            return None
        arrays.append(value if value.__class__ is np.ndarray else tensor._array())
    if first in _REAL:
        if not all(array.flags.c_contiguous for array in arrays):
            return None
        arrays = [array.reshape(-1).view(_REAL[first]) for array in arrays]
    return arrays


ParamsT = object  # of annotations: parameters, named ones, or groups of them


def _use_grad_for_differentiable(step):
    """`step` of an optimizer, recorded only if that is differentiable."""

    @functools.wraps(step)
    def careful(self, *args, **kwargs):
        with enable_grad() if self.defaults.get("differentiable") else no_grad():
            return step(self, *args, **kwargs)

    return careful
