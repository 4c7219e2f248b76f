"""LazyModuleMixin: layers whose shapes the first batch tells, and which then become ordinary."""

from ...base.errors import hinted
from ...core.modes import LOCAL
from ..parameter import is_lazy

__all__ = ["LazyModuleMixin"]


class LazyModuleMixin:
    """Runs `initialize_parameters` before the first forward, then changes into `cls_to_become`."""

    cls_to_become: type | None = None

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._load_hook = self._register_load_state_dict_pre_hook(
            type(self)._lazy_load_hook, with_module=True
        )
        self._initialize_hook = self.register_forward_pre_hook(
            type(self)._infer_parameters, with_kwargs=True
        )

    def has_uninitialized_params(self):
        """Whether some parameter or buffer still has no shape."""
        return any(
            is_lazy(tensor) for tensor in (*self._parameters.values(), *self._buffers.values())
        )

    def initialize_parameters(self, *args, **kwargs):
        """Give parameters their shapes from the first arguments; every lazy layer defines it."""
        raise NotImplementedError(
            f"initialize_parameters is not implemented for {type(self).__name__}"
        )

    def _lazy_load_hook(self, state_dict, prefix, *_):
        """A loaded tensor tells a shape as well as a first batch."""
        for name, own in {**self._parameters, **self._buffers}.items():
            given = state_dict.get(prefix + name)
            if is_lazy(own) and given is not None and not is_lazy(given):
                own.materialize(given.shape)

    def _infer_parameters(self, args, kwargs):
        if LOCAL.tracer is not None:
            LOCAL.tracer.refuse("a lazy module takes its shapes from it")
        self.initialize_parameters(*args, **kwargs)
        if self.has_uninitialized_params():
            raise RuntimeError(
                hinted(
                    f"module {self._get_name()} has not been fully initialized",
                    "initialize_parameters must give every parameter a shape.",
                )
            )
        self._initialize_hook.remove()
        self._load_hook.remove()
        del self._initialize_hook
        del self._load_hook
        if self.cls_to_become is not None:
            self.__class__ = self.cls_to_become
        return args, kwargs
