"""Hooks of modules: where they are kept, and the call that goes through them.

`Module.__call__` looks at one flag and comes here only when some hook exists. Read
`call_with_hooks` first.
"""

import functools
import warnings
from collections import OrderedDict

from ...autograd import Function
from ...base.errors import hinted
from ...base.frames import user_depth
from ...core.modes import grad_enabled
from ...frontend.tensor import Tensor
from ...utils.hooks import RemovableHandle

__all__ = [
    "GLOBAL_HOOKS", "call_with_hooks", "register_module_backward_hook",
    "register_module_buffer_registration_hook", "register_module_forward_hook",
    "register_module_forward_pre_hook", "register_module_full_backward_hook",
    "register_module_full_backward_pre_hook", "register_module_module_registration_hook",
    "register_module_parameter_registration_hook", "registered",
]  # fmt: skip

# All hooks of all modules' calls in one dictionary, so that "is there any?" is one question:
# id -> (kind, hook, with_kwargs, always_call).
GLOBAL_HOOKS = OrderedDict()
# What is told of each registration: kind -> {id: hook}.
REGISTRATION_HOOKS = {kind: OrderedDict() for kind in ("parameter", "buffer", "module")}


def _add_global(kind, hook, with_kwargs=False, always_call=False):
    handle = RemovableHandle(GLOBAL_HOOKS)
    GLOBAL_HOOKS[handle.id] = (kind, hook, with_kwargs, always_call)
    return handle


def register_module_forward_pre_hook(hook):
    """Call ``hook(module, args)`` before every module's forward; returns a handle to remove it."""
    return _add_global("forward_pre", hook)


def register_module_forward_hook(hook, *, with_kwargs=False, always_call=False):
    """Call ``hook(module, args, output)`` after every module's forward."""
    return _add_global("forward", hook, with_kwargs, always_call)


def register_module_full_backward_hook(hook):
    """Call ``hook(module, grad_input, grad_output)`` when a module's input gradients are known."""
    return _add_global("backward", hook)


def register_module_full_backward_pre_hook(hook):
    """Call ``hook(module, grad_output)`` before the gradients of a module are computed."""
    return _add_global("backward_pre", hook)


register_module_backward_hook = register_module_full_backward_hook


def _add_registration(kind, hook):
    handle = RemovableHandle(REGISTRATION_HOOKS[kind])
    REGISTRATION_HOOKS[kind][handle.id] = hook
    return handle


def register_module_parameter_registration_hook(hook):
    """Call ``hook(module, name, parameter)`` at each registration; it may return another one."""
    return _add_registration("parameter", hook)


def register_module_buffer_registration_hook(hook):
    """Call ``hook(module, name, buffer)`` at each registration; it may return another one."""
    return _add_registration("buffer", hook)


def register_module_module_registration_hook(hook):
    """Call ``hook(module, name, submodule)`` at each registration; it may return another one."""
    return _add_registration("module", hook)


def registered(kind, module, name, value):
    """What the registration hooks make of a value about to be registered."""
    for hook in REGISTRATION_HOOKS[kind].values():
        answer = hook(module, name, value)
        if answer is not None:
            value = answer
    return value


def _global_hooks(kind):
    return [entry for entry in GLOBAL_HOOKS.values() if entry[0] == kind]


def _run_pre_hooks(module, args, kwargs):
    for _, hook, _, _ in _global_hooks("forward_pre"):
        args = _as_tuple(hook(module, args), args)
    for key, hook in list(module._forward_pre_hooks.items()):
        if key in module._forward_pre_hooks_with_kwargs:
            answer = hook(module, args, kwargs)
            if answer is None:
                continue
            if not (isinstance(answer, tuple) and len(answer) == 2):
                raise RuntimeError(
                    hinted(
                        "forward pre-hook must return None or a tuple of (new_args, new_kwargs), "
                        f"but got {answer}.",
                        "a hook registered with_kwargs=True returns both, or nothing.",
                    )
                )
            args, kwargs = answer
        else:
            args = _as_tuple(hook(module, args), args)
    return args, kwargs


def _as_tuple(answer, old):
    if answer is None:
        return old
    return answer if isinstance(answer, tuple) else (answer,)


def _forward_hooks(module):
    """(id, hook, with_kwargs, always_call): the global ones first."""
    found = [
        (key, hook, with_kwargs, always)
        for key, (kind, hook, with_kwargs, always) in GLOBAL_HOOKS.items()
        if kind == "forward"
    ]
    for key, hook in module._forward_hooks.items():
        with_kwargs = key in module._forward_hooks_with_kwargs
        found.append((key, hook, with_kwargs, key in module._forward_hooks_always_called))
    return found


def _run_forward_hooks(module, args, kwargs, result, done):
    for key, hook, with_kwargs, always in _forward_hooks(module):
        if always:
            done.add(key)
        answer = hook(module, args, kwargs, result) if with_kwargs else hook(module, args, result)
        if answer is not None:
            result = answer
    return result


def _run_always_called(module, args, kwargs, result, done):
    """After an exception: the hooks that asked to be called in any case and were not yet."""
    for key, hook, with_kwargs, always in _forward_hooks(module):
        if not always or key in done:
            continue
        try:
            if with_kwargs:
                hook(module, args, kwargs, result)
            else:
                hook(module, args, result)
        except Exception as error:
            warnings.warn(
                "module forward hook with ``always_call=True`` raised an exception that was "
                f"silenced as another error was raised in forward: {error}",
                stacklevel=3,
            )


def _gather_backward(module):
    full = [entry[1] for entry in _global_hooks("backward")]
    if module._is_full_backward_hook is not False:
        full += module._backward_hooks.values()
    before = [entry[1] for entry in _global_hooks("backward_pre")]
    before += module._backward_pre_hooks.values()
    old = module._backward_hooks.values() if module._is_full_backward_hook is False else ()
    return full, before, list(old)


def call_with_hooks(module, args, kwargs):
    """``module.forward(*args, **kwargs)`` between the hooks, in PyTorch's order."""
    done = set()
    result = None
    try:
        args, kwargs = _run_pre_hooks(module, args, kwargs)
        full, before, old = _gather_backward(module)
        watch = _BackwardWatch(module, full, before) if full or before else None
        if watch:
            args = watch.watch_inputs(args)
        result = module.forward(*args, **kwargs)
        result = _run_forward_hooks(module, args, kwargs, result, done)
        if watch:
            result = watch.watch_outputs(result)
        if old:
            _register_on_grad_fn(module, old, args, result)
        return result
    except Exception:
        _run_always_called(module, args, kwargs, result, done)
        raise


def _register_on_grad_fn(module, hooks, args, result):
    """The deprecated `register_backward_hook`: hooks on the node of the (first) result."""
    whole = result
    while not isinstance(result, Tensor):
        if isinstance(result, dict):
            result = next(value for value in result.values() if isinstance(value, Tensor))
        else:
            result = result[0]
    if result.grad_fn is None:
        return
    for hook in hooks:
        result.grad_fn.register_hook(functools.partial(hook, module))
    missed = _missed_by_old_hook(args, whole, result.grad_fn)
    if missed is not None:
        warnings.warn(missed, FutureWarning, stacklevel=user_depth())


_INSTEAD = " Please use register_full_backward_hook to get the documented behavior."
_NESTED = (
    "Using non-full backward hooks on a Module that does not {} a single Tensor or a tuple of "
    "Tensors is deprecated and will be removed in future versions. This hook will be missing some "
    "of the grad_{}." + _INSTEAD
)
_ONE_NODE = (
    "Using a non-full backward hook when {} is deprecated and will be removed in future versions. "
    "This hook will be missing some grad_{}."
)


def _missed_by_old_hook(args, result, grad_fn):
    """The warning about what a hook on the node `grad_fn` is not told of, or None."""
    results = result if isinstance(result, tuple) else (result,)
    if not all(isinstance(value, Tensor) for value in results):
        return _NESTED.format("return", "output")
    if not all(isinstance(value, Tensor) for value in args):
        return _NESTED.format("take as input", "input")
    made_by = {value.grad_fn for value in results} - {None}
    if grad_fn not in made_by:
        return _ONE_NODE.format("outputs are nested in python data structure", "output")
    if len(made_by) > 1:
        what = "outputs are generated by different autograd Nodes"
        return _ONE_NODE.format(what, "output") + _INSTEAD
    if {value.grad_fn for value in args} - {None} != {node for node, _ in grad_fn.next_functions}:
        return _ONE_NODE.format("the forward contains multiple autograd Nodes", "input") + _INSTEAD
    return None


class BackwardHookFunction(Function):
    """The identity on several tensors, whose backward tells `see` the gradients it is given."""

    @staticmethod
    def forward(ctx, see, *tensors):
        ctx.see = see
        ctx.set_materialize_grads(False)
        ctx.mark_non_differentiable(*[tensor for tensor in tensors if not tensor.requires_grad])
        return tuple(tensor.view_as(tensor) for tensor in tensors)

    @staticmethod
    def backward(ctx, *grads):
        return None, *ctx.see(grads)


_NO_INPUTS = (
    "Full backward hook is firing when gradients are computed with respect to module outputs since "
    "no inputs require gradients. See https://docs.pytorch.org/docs/main/generated/"
    "torch.nn.Module.html#torch.nn.Module.register_full_backward_hook for more details."
)


class _BackwardWatch:
    """Catches the gradients at a module's outputs and at its inputs, and calls its hooks."""

    def __init__(self, module, hooks, pre_hooks):
        self.module, self.hooks, self.pre_hooks = module, hooks, pre_hooks
        self.grad_outputs = None
        self.input_places = None  # positions of the tensors among the arguments
        self.inputs = 0
        self.output_places = []

    def _watch(self, values, see):
        """(values with their tensors replaced by watched ones, places), or None without any."""
        places = [i for i, value in enumerate(values) if isinstance(value, Tensor)]
        tensors = [values[i] for i in places]
        if not grad_enabled() or not any(tensor.requires_grad for tensor in tensors):
            return values, None
        values = list(values)
        for i, tensor in zip(places, BackwardHookFunction.apply(see, *tensors), strict=True):
            values[i] = tensor
        return tuple(values), places

    def watch_inputs(self, args):
        self.inputs = len(args)
        args, self.input_places = self._watch(args, self._see_inputs)
        return args

    def watch_outputs(self, result):
        if not isinstance(result, (Tensor, tuple)):
            warnings.warn(
                "For backward hooks to be called, module output should be a Tensor or a tuple of "
                f"Tensors but received {type(result)}",
                stacklevel=user_depth(),
            )
        values = result if isinstance(result, tuple) else (result,)
        self.outputs = len(values)
        self.output_places = [i for i, v in enumerate(values) if isinstance(v, Tensor)]
        values, _ = self._watch(values, self._see_outputs)
        return values if isinstance(result, tuple) else values[0]

    def _see_outputs(self, grads):
        grads = self._spread(grads, self.output_places, self.outputs)
        for hook in self.pre_hooks:
            answer = hook(self.module, grads)
            if answer is not None:
                grads = self._same_length(answer, grads, "Backward pre hook", "grad_output")
        self.grad_outputs = grads
        if self.input_places is None:
            self._call_without_inputs()
        return [grads[i] for i in self.output_places]

    def _call_without_inputs(self):
        """No input requires a gradient: nothing will come later, so the hooks are called now."""
        warnings.warn(_NO_INPUTS, stacklevel=user_depth())
        for hook in self.hooks:
            answer = hook(self.module, (None,) * self.inputs, self.grad_outputs)
            nothing = isinstance(answer, tuple) and all(grad is None for grad in answer)
            if answer is not None and not nothing:
                raise RuntimeError(
                    "Backward hook for Modules where no input requires gradient should always "
                    "return None or None for all gradients."
                )
        self.grad_outputs = None

    def _see_inputs(self, grads):
        if self.grad_outputs is None:  # it came to the inputs by another way than the outputs
            return [*grads]
        grads = self._spread(grads, self.input_places, self.inputs)
        grads = self._call_hooks(grads)
        return [grads[i] for i in self.input_places]

    def _call_hooks(self, grads):
        for hook in self.hooks:
            answer = hook(self.module, grads, self.grad_outputs)
            if answer is not None:
                grads = self._same_length(answer, grads, "Backward hook", "grad_input")
        self.grad_outputs = None
        return grads

    @staticmethod
    def _spread(grads, places, count):
        spread = [None] * count
        for i, grad in zip(places, grads, strict=True):
            spread[i] = grad
        return tuple(spread)

    @staticmethod
    def _same_length(answer, grads, what, name):
        answer = answer if isinstance(answer, tuple) else (answer,)
        if len(answer) != len(grads):
            raise RuntimeError(
                f"{what} returned an invalid number of {name}, got {len(answer)}, "
                f"but expected {len(grads)}"
            )
        return answer
