"""Hooks on the values that nodes save: packed when they are saved, unpacked when they are read.

While a pair of hooks is in force, operations take the general path, which gives each saved value
to the innermost pair (`core/dispatch.py`, `parcel`).
"""

from ..core.handle import wrap
from ..core.modes import LOCAL, UNHURRIED, listen, unlisten

__all__ = ["allow_mutation_on_saved_tensors", "disable_saved_tensors_hooks", "save_on_cpu",
           "saved_tensors_hooks"]  # fmt: skip


class saved_tensors_hooks:
    """Inside, pack_hook(tensor) is kept in place of each tensor that an operation saves.

    unpack_hook(what pack_hook gave) must give a tensor of the same values. Of nested pairs the
    innermost acts. Raises RuntimeError where `disable_saved_tensors_hooks` forbids hooks.

    >>> import tidu as torch
    >>> x = torch.ones(2, requires_grad=True)
    >>> with torch.autograd.graph.saved_tensors_hooks(lambda t: t.numpy(force=True) * 3,
    ...                                               lambda a: torch.from_numpy(a)):
    ...     y = x * x
    >>> y.sum().backward()
    >>> x.grad
    tensor([6., 6.])
    """

    def __init__(self, pack_hook, unpack_hook):
        self.pack_hook, self.unpack_hook = pack_hook, unpack_hook
        self._outer = []

    def __enter__(self):
        if LOCAL.no_packing is not None:
            raise RuntimeError(LOCAL.no_packing)
        self._outer.append(LOCAL.packing)
        LOCAL.packing = (self.pack_hook, self.unpack_hook)
        listen(UNHURRIED)  # the direct paths do not pack what they save

    def __exit__(self, *exc):
        unlisten(UNHURRIED)
        LOCAL.packing = self._outer.pop()


class save_on_cpu(saved_tensors_hooks):
    """Saved values are moved to the CPU's memory, where here they always are."""

    def __init__(self, pin_memory=False, device_type="cuda"):
        super().__init__(lambda tensor: (tensor.device, tensor.cpu()), _from_cpu)


def _from_cpu(packed):
    device, tensor = packed
    return tensor.to(device)


class disable_saved_tensors_hooks:
    """Inside, hooks on saved values are refused with `error_message`."""

    def __init__(self, error_message):
        self.error_message = error_message

    def __enter__(self):
        if LOCAL.packing is not None:
            raise RuntimeError(self.error_message)
        self.outer, LOCAL.no_packing = LOCAL.no_packing, self.error_message

    def __exit__(self, *exc):
        LOCAL.no_packing = self.outer


class _MutationContext:
    """What `allow_mutation_on_saved_tensors` gives: the copies that were made."""

    def __init__(self):
        self.cloned, self.running = {}, True

    def clear(self):
        self.cloned.clear()


class allow_mutation_on_saved_tensors(saved_tensors_hooks):
    """Inside, saved tensors may be written in place: backward uses the values that were saved.

    Backward must run inside too.

    >>> import tidu as torch
    >>> x = torch.ones(2, requires_grad=True)
    >>> with torch.autograd.graph.allow_mutation_on_saved_tensors():
    ...     y = x.clone()
    ...     out = (y ** 2).sum()
    ...     _ = y.sin_()
    ...     out.backward()
    >>> x.grad
    tensor([2., 2.])
    """

    _running = False

    def __init__(self):
        self._context = context = _MutationContext()

        def pack(tensor):
            # Copied at once: a write by other means than tidu's operations is covered too.
            value = tensor._value
            return wrap(value.copy() if hasattr(value, "flags") else value)

        def unpack(tensor):
            if not context.running:
                raise AssertionError(
                    "Trying to backward outside of the 'allow_mutation_on_saved_tensors' context"
                    "in which the graph was originally recorded."
                )
            return tensor

        super().__init__(pack, unpack)

    def __enter__(self):
        if allow_mutation_on_saved_tensors._running:
            raise RuntimeError("allow_mutation_on_saved_tensors contexts cannot be nested")
        super().__enter__()
        allow_mutation_on_saved_tensors._running = True
        return self._context

    def __exit__(self, *exc):
        super().__exit__(*exc)
        allow_mutation_on_saved_tensors._running = False
        self._context.running = False
        self._context.clear()
