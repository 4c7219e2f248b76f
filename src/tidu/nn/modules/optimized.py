"""OptimizedModule: what torch.compile makes of a module."""

from .module import Module

__all__ = ["OptimizedModule"]


class OptimizedModule(Module):
    """The module `_orig_mod`, called through compiled code; names it lacks are the module's."""

    def __init__(self, module, forward):
        super().__init__()
        self._orig_mod = module
        self.__dict__["_compiled"] = forward
        self.training = module.training

    def forward(self, *args, **kwargs):
        module = self._orig_mod
        if module._forward_hooks or module._forward_pre_hooks or module._backward_hooks:
            return module(*args, **kwargs)
        return self._compiled(*args, **kwargs)

    def __getattr__(self, name):
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(super().__getattr__("_orig_mod"), name)

    def __len__(self):
        return len(self._orig_mod)

    def __bool__(self):
        return bool(self._orig_mod)

    def explain(self):
        """What was compiled, and why again."""
        return self._compiled.explain()
