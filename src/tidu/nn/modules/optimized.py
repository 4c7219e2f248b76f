"""OptimizedModule: what torch.compile makes of a module."""

from ...base.lazy import lazy_module
from .module import Module

entry = lazy_module(__name__.split(".")[0] + ".compilation.entry")

__all__ = ["OptimizedModule"]


class OptimizedModule(Module):
    """The module `_orig_mod`, called through compiled code. Its other attributes are the module's:
    what it lacks is read there, and set and deleted there."""

    def __init__(self, module, options=None):
        """`options`: those of `compilation.entry.compiled`; None: the module runs eagerly."""
        super().__init__()
        self._orig_mod = module
        self.__dict__["_options"] = options
        self._prepare()

    def _prepare(self):
        module = self._orig_mod
        forward = getattr(module, "forward_now", module.forward)  # some change what they do later
        if self._options is not None:
            forward = entry.compiled(forward, *self._options)
        self.__dict__.update(_compiled=forward, _was=_forward_of(module))

    def __getstate__(self):
        state = super().__getstate__()
        return {name: state[name] for name in state if name not in ("_compiled", "_was")}

    def __setstate__(self, state):
        super().__setstate__(state)
        self._prepare()

    def forward(self, *args, **kwargs):
        module = self._orig_mod
        if self._options is None:
            return module(*args, **kwargs)
        if module._forward_hooks or module._forward_pre_hooks or module._backward_hooks:
            return module(*args, **kwargs)
        if _forward_of(module) != self._was:  # the program has given it another
            self._prepare()
        return self._compiled(*args, **kwargs)

    @property
    def training(self):
        """Whether the module is in training mode."""
        return self._orig_mod.training

    @training.setter
    def training(self, value):
        self._orig_mod.training = value

    def __getattr__(self, name):
        if name == "_orig_mod":
            return super().__getattr__(name)
        return getattr(self._orig_mod, name)

    def __setattr__(self, name, value):
        if name in _OWN or hasattr(type(self), name):
            super().__setattr__(name, value)
        else:
            setattr(self._orig_mod, name, value)

    def __delattr__(self, name):
        if name in _OWN or hasattr(type(self), name):
            super().__delattr__(name)
        else:
            delattr(self._orig_mod, name)

    def __dir__(self):
        return sorted({*super().__dir__(), *dir(self._orig_mod)})

    def __len__(self):
        return len(self._orig_mod)

    def __bool__(self):
        return bool(self._orig_mod)

    def explain(self):
        """What was compiled, and why again."""
        if self._options is None:
            return f"{type(self._orig_mod).__name__}: it runs eagerly"
        return self._compiled.explain()


_OWN = ("_orig_mod", "forward")


def _forward_of(module):
    """The `forward` that a call of the module runs."""
    return None if hasattr(module, "forward_now") else module.forward
