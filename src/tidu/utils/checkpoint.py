"""torch.utils.checkpoint: keep a function's inputs, compute its saved values again in backward.

Two ways: `use_reentrant=True` runs a backward pass of its own inside the first; `False` takes
each saved value out of the graph by hooks and fills it in by running the function again.
"""

import contextlib
import warnings
import weakref

from .. import autograd
from ..amp.autocast_mode import autocast, get_autocast_dtype, is_autocast_enabled
from ..autograd.saved import saved_tensors_hooks
from ..base import tree
from ..base.errors import AllRecomputed, hinted
from ..base.streams.generator import RESTARTS
from ..core.handle import TensorBase
from ..core.modes import LOCAL
from ..primitives.structural import barrier
from ..random import default_generator
from ..transforms.draws import place_of, random_draw, return_to
from .checkpoint_parts import (
    SAC_IGNORED_OPS,
    CheckpointPolicy,
    DefaultDeviceType,
    GraphExecGroup,
    SelectiveCheckpointContext,
    check_backward_validity,
    create_selective_checkpoint_contexts,
    detach_variable,
    get_device_states,
    set_device_states,
)

__all__ = [
    "SAC_IGNORED_OPS", "CheckpointError", "CheckpointFunction", "CheckpointPolicy",
    "DefaultDeviceType", "GraphExecGroup", "SelectiveCheckpointContext",
    "check_backward_validity", "checkpoint", "checkpoint_sequential",
    "create_selective_checkpoint_contexts", "detach_variable", "get_device_states",
    "noop_context_fn", "set_checkpoint_debug_enabled", "set_checkpoint_early_stop",
    "set_device_states",
]  # fmt: skip


class CheckpointError(RuntimeError):
    """The function saved other values when it was run again."""


_SETTINGS: dict = {"early_stop": None, "debug": None}


@contextlib.contextmanager
def set_checkpoint_early_stop(enable):
    """Whether a function that is run again stops as soon as all values it saved are there."""
    outer, _SETTINGS["early_stop"] = _SETTINGS["early_stop"], bool(enable)
    try:
        yield
    finally:
        _SETTINGS["early_stop"] = outer


@contextlib.contextmanager
def set_checkpoint_debug_enabled(enabled):
    """Accepted for programs that set it; messages always name the values that differ."""
    outer, _SETTINGS["debug"] = _SETTINGS["debug"], enabled
    try:
        yield
    finally:
        _SETTINGS["debug"] = outer


def noop_context_fn():
    """Two contexts that do nothing: one for the first run, one for the second."""
    return contextlib.nullcontext(), contextlib.nullcontext()


def checkpoint(function, *args, use_reentrant=None, context_fn=noop_context_fn,
               determinism_check="default", debug=False, early_stop=True, **kwargs):  # fmt: skip
    """function(*args, **kwargs) whose saved values are not kept but computed again in backward.

    `preserve_rng_state` (True) gives the second run the same random numbers. `context_fn` makes
    two contexts, for the first and the second run. `determinism_check` "default" compares shapes
    and types of what is saved; "none" does not. Raises CheckpointError where they differ.

    >>> import tidu as torch
    >>> from tidu.utils.checkpoint import checkpoint
    >>> x = torch.ones(3, requires_grad=True)
    >>> checkpoint(lambda x: x.exp().sin(), x, use_reentrant=False).sum().backward()
    >>> x.grad
    tensor([-2.4784, -2.4784, -2.4784])
    """
    if use_reentrant is None:
        warnings.warn(_EXPLICIT.format("checkpoint", "Starting in PyTorch 2.9, calling checkpoint "
                      "without use_reentrant will raise an exception."), stacklevel=2)  # fmt: skip
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if not use_reentrant:
        frame = _Frame(function, args, kwargs, preserve, context_fn, determinism_check, early_stop)
        return frame.run()
    if kwargs:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    if context_fn is not noop_context_fn or debug is not False:
        raise ValueError(
            "Passing `context_fn` or `debug` is only supported when use_reentrant=False."
        )
    return CheckpointFunction.apply(function, preserve, *args)


_EXPLICIT = (
    "torch.utils.checkpoint: the use_reentrant parameter should be passed explicitly. {1} "
    "use_reentrant=False is recommended, but if you need to preserve the current default behavior, "
    "you can pass use_reentrant=True. Refer to docs for more details on the differences between "
    "the two variants."
)


def checkpoint_sequential(functions, segments, input, use_reentrant=None, **kwargs):
    """The functions (or an nn.Sequential) in turn, in `segments` parts; all but the last are
    checkpointed.

    >>> import tidu as torch
    >>> from tidu.utils.checkpoint import checkpoint_sequential
    >>> layers = [torch.exp, torch.sin, torch.tanh]
    >>> checkpoint_sequential(layers, 3, torch.zeros(1), use_reentrant=False)
    tensor([0.6866])
    """
    if use_reentrant is None:
        text = _EXPLICIT.replace("checkpoint:", "checkpoint.checkpoint_sequential:")
        warnings.warn(text.format("", "In version 2.9 we will raise an exception if use_reentrant "
                      "is not passed."), stacklevel=2)  # fmt: skip
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if kwargs:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    steps = list(functions.children() if hasattr(functions, "children") else functions)
    size = len(steps) // segments

    def part(start, stop):
        def forward(input):
            for step in steps[start:stop]:
                input = step(input)
            return input

        return forward

    last = size * (segments - 1)
    for start in range(0, last, size):
        input = checkpoint(part(start, start + size), input, use_reentrant=use_reentrant,
                           preserve_rng_state=preserve)  # fmt: skip
    return part(last, len(steps))(input)


# --- what surrounds a run -----------------------------------------------------------------------


class _Surroundings:
    """The random state and the autocast setting of the first run, for the second."""

    def __init__(self, preserve):
        self.place = place_of(default_generator) if preserve else None
        self.autocast = {"enabled": is_autocast_enabled("cpu"), "dtype": get_autocast_dtype("cpu")}

    @contextlib.contextmanager
    def restored(self, symbolic=False):
        """`symbolic`: a program is being recorded, in which nothing is drawn."""
        draws = self.place is not None and not symbolic
        before = place_of(default_generator) if draws else None
        if draws:
            _go_to(self.place)
        try:
            with autocast("cpu", **self.autocast):
                yield
        finally:
            if draws:
                _go_to(before)


def _go_to(place):
    """Let the default stream stand there: a state of bytes costs a hundred times that."""
    for ask in RESTARTS:
        ask()
    return_to(default_generator, place)


# --- use_reentrant=True -------------------------------------------------------------------------


class CheckpointFunction(autograd.Function):
    """Runs the function unrecorded; its backward records it and runs a pass through it."""

    @staticmethod
    def forward(ctx, run_function, preserve_rng_state, *args):
        if not any(isinstance(a, TensorBase) and a.requires_grad for a in args):
            warnings.warn("None of the inputs have requires_grad=True. Gradients will be None",
                          stacklevel=2)  # fmt: skip
        ctx.run_function = run_function
        ctx.surroundings = _Surroundings(preserve_rng_state)
        ctx.places = [i for i, a in enumerate(args) if isinstance(a, TensorBase)]
        ctx.inputs = [None if isinstance(a, TensorBase) else a for a in args]
        ctx.save_for_backward(*[args[i] for i in ctx.places])
        return run_function(*args)

    @staticmethod
    def backward(ctx, *gradients):
        if LOCAL.wanted:
            raise RuntimeError(_WANTED)
        inputs = list(ctx.inputs)
        for place, tensor in zip(ctx.places, ctx.saved_tensors, strict=True):
            inputs[place] = _once_more(tensor.detach()).requires_grad_(tensor.requires_grad)
        symbols = [t for t in ctx.saved_tensors if t._value.dtype is None]
        recorded = bool(symbols) and not any(map(_draws, symbols))
        with autograd.enable_grad(), ctx.surroundings.restored(recorded):
            outputs = ctx.run_function(*inputs)
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        pairs = [
            (out, g) for out, g in zip(outputs, gradients, strict=True)
            if isinstance(out, TensorBase) and out.requires_grad
        ]  # fmt: skip
        if not pairs:
            raise RuntimeError(
                "none of output has requires_grad=True, this checkpoint() is not necessary"
            )
        roots, seeds = zip(*pairs, strict=True)
        autograd.backward(roots, seeds)
        return None, None, *[a.grad if isinstance(a, TensorBase) else None for a in inputs]


_WANTED = hinted(
    "When use_reentrant=True, torch.utils.checkpoint is incompatible with .grad() or passing an "
    "`inputs` parameter to .backward(). To resolve this error, you can either set "
    "use_reentrant=False, or call .backward() without passing the `inputs` argument.",
    "use_reentrant=False works with both.",
)


# --- use_reentrant=False ------------------------------------------------------------------------


class _Holder:
    """Stands in the graph for a saved value."""

    __slots__ = ("__weakref__", "frame", "index")

    def __init__(self, frame, index):
        self.frame, self.index = frame, index


class _Frame:
    """One checkpointed call."""

    def __init__(self, function, args, kwargs, preserve, context_fn, check, early_stop):
        self.function, self.check = function, check
        chosen = _SETTINGS["early_stop"]  # where the forward ran counts, in PyTorch too
        self.early_stop = early_stop if chosen is None else chosen
        if check not in ("default", "none"):
            raise ValueError(
                "determinism_check should be one of ['default', 'none'], but got " + str(check)
            )
        self.first, self.second = context_fn()
        self.surroundings = _Surroundings(preserve)
        self.holders, self.described = [], []
        self.values = {}  # {index: value} of the last run that were not asked for yet
        self.symbols = {}  # {index: tensor} where tensors stand for those of a compiled program
        self.given, self.spec = tree.flatten((args, kwargs))

    def run(self):
        args, kwargs = tree.unflatten(self.spec, self.given)
        # Of checkpoints within checkpoints the outer one keeps the inputs of the inner.
        self.given, self.outer = self._kept(self.given)
        with saved_tensors_hooks(self.pack, _unpack), self.first:
            return self.function(*args, **kwargs)

    def _kept(self, given):
        if LOCAL.packing is None:
            return given, None
        (pack, unpack), LOCAL.packing = LOCAL.packing, None
        try:
            kept = [_Packed(v, pack) if isinstance(v, TensorBase) else v for v in given]
        finally:
            LOCAL.packing = (pack, unpack)
        return kept, unpack

    def pack(self, tensor):
        holder = _Holder(self, len(self.holders))
        if tensor._value.dtype is None:
            self.symbols[holder.index] = tensor
        self.holders.append(weakref.ref(holder))
        self.described.append(_described(tensor))
        return holder

    def value(self, index):
        if index in self.symbols and _draws(self.symbols[index]):
            return self.symbols[index]
        if index not in self.values:
            self.recompute()
            self.compare()
        return self.values.pop(index)

    def recompute(self):
        """Run the function again and keep what it saves for the holders that are still there."""
        count, self.values = 0, {}
        self.again = []

        def pack(tensor):
            nonlocal count
            index, count = count, count + 1
            self.again.append(_described(tensor))
            if index < len(self.holders) and self.holders[index]() is not None:
                self.values[index] = tensor.detach()
            stops = self.early_stop
            if stops and count == len(self.holders):
                raise AllRecomputed
            return tensor.detach()

        given = [v.open(self.outer) if isinstance(v, _Packed) else v for v in self.given]
        given = [_once_more(v) for v in given]
        args, kwargs = tree.unflatten(self.spec, given)
        outer, LOCAL.packing = LOCAL.packing, None
        try:
            with autograd.enable_grad(), self.surroundings.restored(bool(self.symbols)):
                with saved_tensors_hooks(pack, lambda tensor: tensor), self.second:
                    self.function(*args, **kwargs)
        except AllRecomputed:
            pass
        finally:
            LOCAL.packing = outer

    def compare(self):
        """Raise if the second run saved other values than the first."""
        if len(self.again) > len(self.holders):
            raise CheckpointError(
                hinted(
                    "torch.utils.checkpoint: trying to save more tensors during recomputation than "
                    "during the original forward pass.",
                    "the function must do the same in both runs: no branch on what changed since.",
                )
            )
        if len(self.again) != len(self.holders):
            raise CheckpointError(
                "torch.utils.checkpoint: A different number of tensors was saved during the "
                "original forward and recomputation.\n"
                f"Number of tensors saved during forward: {len(self.holders)}\n"
                f"Number of tensors saved during recomputation: {len(self.again)}."
            )
        if self.check == "none":
            return
        differing = [
            f"tensor at position {i}:\nsaved metadata: {before}\nrecomputed metadata: {after}\n"
            for i, (before, after) in enumerate(zip(self.described, self.again, strict=True))
            if before != after and self.holders[i]() is not None
        ]
        if differing:
            raise CheckpointError(
                "torch.utils.checkpoint: Recomputed values for the following tensors have "
                "different metadata than during the forward pass.\n" + "".join(differing) + "."
            )


class _Packed:
    """An input that the hooks around this checkpoint keep."""

    __slots__ = ("content", "tracked")

    def __init__(self, tensor, pack):
        self.content, self.tracked = pack(tensor), tensor.requires_grad

    def open(self, unpack):
        return unpack(self.content).detach().requires_grad_(self.tracked)


def _draws(tensor):
    """Whether the program being recorded draws random numbers, which a second run would not find
    again; of other transforms nothing is known."""
    graph = getattr(tensor._value.level, "graph", None)
    return graph is None or any(
        e.prim is random_draw or e.params.get("random") or e.params.get("draws")
        for e in graph.equations
    )


def _once_more(v):
    """To a compiled program the second run is not a repetition of the first, to be shared. What is
    a parameter in the first is one in the second."""
    if not isinstance(v, TensorBase) or v._value.dtype is not None:
        return v
    again = barrier(v)
    again.__class__ = v.__class__
    return again


def _unpack(holder):
    return holder.frame.value(holder.index)


def _described(tensor):
    return {"shape": tensor.shape, "dtype": tensor.dtype, "device": tensor.device}
