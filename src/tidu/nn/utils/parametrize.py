"""torch.nn.utils.parametrize: a parameter that is a function of another tensor.

The module gets a class of its own, on which the name is a property: reading it calls the functions
of the list in `module.parametrizations`. Read `register_parametrization`.
"""

import copy
from contextlib import contextmanager

from ...autograd import no_grad
from ...base.errors import hinted
from ...frontend.tensor import Tensor
from ..modules import Module, ModuleDict, ModuleList
from ..parameter import Parameter

__all__ = [
    "ParametrizationList", "cached", "is_parametrized", "register_parametrization",
    "remove_parametrizations", "transfer_parametrizations_and_params",
    "type_before_parametrizations",
]  # fmt: skip

_CACHE = {"depth": 0, "values": {}}


@contextmanager
def cached():
    """Inside, each parametrized tensor is computed once."""
    _CACHE["depth"] += 1
    try:
        yield
    finally:
        _CACHE["depth"] -= 1
        if not _CACHE["depth"]:
            _CACHE["values"].clear()


def _register(module, name, tensor):
    if isinstance(tensor, Parameter):
        module.register_parameter(name, tensor)
    else:
        module.register_buffer(name, tensor)


def _replace(old, new):
    """The same tensor object with other numbers: an optimizer that holds it keeps it."""
    with no_grad():
        old.data = new.detach().clone() if new is not old else old.data


class ParametrizationList(ModuleList):
    """The functions of one tensor, in order, and the original they start from."""

    reach_also = (*ModuleList.reach_also, _CACHE)

    def __init__(self, modules, original, unsafe=False):
        if len(modules) == 0:
            raise ValueError("ParametrizationList requires one or more modules.")
        super().__init__(modules)
        self.unsafe = unsafe
        shape, dtype = original.shape, original.dtype
        with no_grad():
            new = self._inverted(original)
        if not isinstance(new, Tensor) and not isinstance(new, (list, tuple)):
            raise ValueError(
                "'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). "
                f"Got {type(new).__name__}"
            )
        self.is_tensor = isinstance(new, Tensor)
        self.ntensors = 1 if self.is_tensor else len(new)
        if self.is_tensor:
            self._keep_one(original, new)
        else:
            self._keep_several(original, new)
        if not unsafe:
            self._check(self(), shape, dtype, new)

    def _inverted(self, value):
        for module in reversed(list(self)):
            if hasattr(module, "right_inverse"):
                try:
                    value = module.right_inverse(value)
                except NotImplementedError:
                    pass
        return value

    def _keep_one(self, original, new):
        if original.dtype != new.dtype:
            raise ValueError(
                "When `right_inverse` outputs one tensor, it may not change the dtype.\n"
                f"original.dtype: {original.dtype}\nright_inverse(original).dtype: {new.dtype}"
            )
        if new is not original:
            _replace(original, new)
        _register(self, "original", original)

    def _keep_several(self, original, new):
        for i, part in enumerate(new):
            if not isinstance(part, Tensor):
                raise ValueError(
                    "'right_inverse' must return a Tensor or a Sequence of tensors (list, "
                    f"tuple...). Got element {i} of the sequence with type {type(part).__name__}."
                )
            if isinstance(original, Parameter):
                part = Parameter(part, part.is_floating_point() and original.requires_grad)
            _register(self, f"original{i}", part)

    def _check(self, result, shape, dtype, new):
        if not isinstance(result, Tensor):
            raise ValueError(
                "A parametrization must return a tensor. Got "
                f"{type(result).__name__}."
            )  # fmt: skip
        if result.dtype != dtype:
            raise ValueError(
                "Registering a parametrization may not change the dtype of the tensor, unless "
                f"`unsafe` flag is enabled.\nunparametrized dtype: {dtype}\n"
                f"parametrized dtype: {result.dtype}"
            )
        if result.shape != shape:
            raise ValueError(
                "Registering a parametrization may not change the shape of the tensor, unless "
                f"`unsafe` flag is enabled.\nunparametrized shape: {shape}\n"
                f"parametrized shape: {result.shape}"
            )

    def originals(self):
        """The tensors the value is computed from."""
        if self.is_tensor:
            return (self.original,)
        return tuple(getattr(self, f"original{i}") for i in range(self.ntensors))

    def right_inverse(self, value):
        """Find originals that give `value`, and keep them."""
        with no_grad():
            for module in reversed(list(self)):
                if not hasattr(module, "right_inverse"):
                    raise RuntimeError(
                        hinted(
                            f"parametrization {type(module).__name__} does not implement "
                            "right_inverse.",
                            "define right_inverse, or assign to the original: "
                            "module.parametrizations.weight.original.",
                        )
                    )
                value = module.right_inverse(value)
            parts = (value,) if self.is_tensor else value
            if len(parts) != self.ntensors:
                raise ValueError(
                    "'right_inverse' must return a sequence of tensors of length "
                    f"{self.ntensors}. Got a sequence of length {len(parts)}."
                )
            for original, part in zip(self.originals(), parts, strict=True):
                if original.dtype != part.dtype:
                    raise ValueError(
                        "The tensor returned by `right_inverse` has dtype "
                        f"{part.dtype} while `original` has dtype {original.dtype}"
                    )
                _replace(original, part)

    def forward(self):
        result = self[0](*self.originals())
        for i in range(1, len(self)):
            result = self[i](result)
        return result


def _inject_class(module):
    """Give this one module a class of its own, on which properties can be set."""
    kind = type(module)

    def refuse(self):
        raise RuntimeError(
            "Serialization of parametrized modules is only supported through state_dict(). See:\n"
            "https://pytorch.org/tutorials/beginner/saving_loading_models.html"
            "#saving-loading-a-general-checkpoint-for-inference-and-or-resuming-training"
        )

    def copied(self, memo):
        # The state is copied; the new object gets a class of its own.
        new = object.__new__(kind)
        memo[id(self)] = new
        new.__setstate__(copy.deepcopy(Module.__getstate__(self), memo))
        _inject_class(new)
        for name in new.parametrizations:
            _inject_property(new, name)
        return new

    body = {"__getstate__": refuse, "__deepcopy__": copied, "__module__": __name__}
    module.__class__ = type(f"Parametrized{kind.__name__}", (kind,), body)


def _inject_property(module, name):
    def value(self):
        if not _CACHE["depth"]:
            return self.parametrizations[name]()
        key = (id(self), name)
        if key not in _CACHE["values"]:
            _CACHE["values"][key] = self.parametrizations[name]()
        return _CACHE["values"][key]

    def assign(self, new):
        self.parametrizations[name].right_inverse(new)

    setattr(type(module), name, property(value, assign))


def register_parametrization(module, tensor_name, parametrization, *, unsafe=False):
    """Make ``module.tensor_name`` the value of ``parametrization`` at an original tensor.

    Several are applied in the order in which they were registered. A ``right_inverse`` of the
    parametrization finds the original of a given value.

    >>> import tidu as torch
    >>> class Positive(torch.nn.Module):
    ...     def forward(self, x):
    ...         return x.exp()
    ...     def right_inverse(self, y):
    ...         return y.log()
    >>> layer = torch.nn.Linear(1, 1)
    >>> layer.weight.data.fill_(2.0)
    tensor([[2.]])
    >>> _ = register_parametrization(layer, "weight", Positive())
    >>> round(layer.weight.item(), 4), round(layer.parametrizations.weight.original.item(), 4)
    (2.0, 0.6931)
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        _check_next(module, tensor_name, parametrization, unsafe)
        module.parametrizations[tensor_name].append(parametrization)
        module.parametrizations[tensor_name].unsafe |= unsafe
    elif tensor_name in module._buffers or tensor_name in module._parameters:
        original = getattr(module, tensor_name)
        functions = ParametrizationList([parametrization], original, unsafe=unsafe)
        delattr(module, tensor_name)
        if not is_parametrized(module):
            _inject_class(module)
            module.parametrizations = ModuleDict()
        _inject_property(module, tensor_name)
        module.parametrizations[tensor_name] = functions
    else:
        raise ValueError(
            f"Module '{module}' does not have a parameter, a buffer, or a parametrized element "
            f"with name '{tensor_name}'"
        )
    return module


def _check_next(module, tensor_name, parametrization, unsafe):
    """A further function must keep shape and type, and its inverse may be asked at once."""
    if unsafe:
        return
    value = getattr(module, tensor_name)
    result = parametrization(value)
    ParametrizationList._check(None, result, value.shape, value.dtype, None)
    if hasattr(parametrization, "right_inverse"):
        inverse = parametrization.right_inverse(value)
        module.parametrizations[tensor_name].right_inverse(inverse)


def is_parametrized(module, tensor_name=None):
    """Whether the module has parametrizations, or one of this name."""
    found = getattr(module, "parametrizations", None)
    if not isinstance(found, ModuleDict):
        return False
    return len(found) > 0 if tensor_name is None else tensor_name in found


def remove_parametrizations(module, tensor_name, leave_parametrized=True):
    """An ordinary parameter again: of the present value, or of the original."""
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"Module {module} does not have a parametrization on {tensor_name}")
    functions = module.parametrizations[tensor_name]
    if functions.is_tensor:
        result = functions.original
        if leave_parametrized:
            with no_grad():
                _replace(result, getattr(module, tensor_name))
    elif leave_parametrized:
        value = getattr(module, tensor_name).detach()
        trained = any(isinstance(original, Parameter) for original in functions.originals())
        result = Parameter(value) if trained else value
    else:
        raise ValueError(
            "Cannot leave unparametrized (`leave_parametrized=False`) a tensor that is "
            "parametrized in terms of a sequence of tensors."
        )
    delattr(type(module), tensor_name)
    del module.parametrizations[tensor_name]
    if not is_parametrized(module):
        delattr(module, "parametrizations")
        module.__class__ = type(module).__bases__[0]
    _register(module, tensor_name, result)
    return module


def type_before_parametrizations(module):
    """The module's class as it was written."""
    return type(module).__bases__[0] if is_parametrized(module) else type(module)


def transfer_parametrizations_and_params(from_module, to_module, tensor_name=None):
    """Give `to_module` the parametrizations of `from_module`, with the same originals."""
    if not is_parametrized(from_module):
        return to_module
    names = from_module.parametrizations if tensor_name is None else [tensor_name]
    for name in names:
        source = from_module.parametrizations[name]
        if not hasattr(to_module, name):
            setattr(to_module, name, Parameter(getattr(from_module, name).detach().clone()))
        for function in source:
            register_parametrization(to_module, name, function, unsafe=True)
        target = to_module.parametrizations[name]
        for there, here in zip(target.originals(), source.originals(), strict=True):
            _replace(there, here)
    return to_module
