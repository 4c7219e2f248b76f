"""Saving and loading a module's numbers in PyTorch's format: `state_dict`, `load_state_dict`."""

import itertools
import warnings
from collections import OrderedDict, namedtuple

from ...autograd import no_grad
from ...frontend.tensor import Tensor
from ...utils.hooks import RemovableHandle
from ..parameter import Parameter, is_lazy

__all__ = ["EXTRA_STATE", "StateMethods"]

EXTRA_STATE = "_extra_state"


class _IncompatibleKeys(namedtuple("IncompatibleKeys", ["missing_keys", "unexpected_keys"])):
    __slots__ = ()

    def __repr__(self):
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return super().__repr__()

    __str__ = __repr__


class StateMethods:
    """The part of Module that knows state dictionaries."""

    def _register(self, hooks, hook):
        handle = RemovableHandle(hooks)
        hooks[handle.id] = hook
        return handle

    def register_state_dict_pre_hook(self, hook):
        """Call ``hook(module, prefix, keep_vars)`` before the state is collected."""
        return self._register(self._state_dict_pre_hooks, hook)

    def register_state_dict_post_hook(self, hook):
        """Call ``hook(module, state_dict, prefix, local_metadata)`` after it was collected."""
        hook._from_public_api = True
        return self._register(self._state_dict_hooks, hook)

    def _register_state_dict_hook(self, hook):
        if getattr(hook, "_from_public_api", False):
            raise RuntimeError(
                "Cannot register the same function as the state dict post hook that was "
                "previously registered via register_state_dict_post_hook"
            )
        return self._register(self._state_dict_hooks, hook)

    def register_load_state_dict_pre_hook(self, hook):
        """Call ``hook(module, state_dict, prefix, local_metadata, strict, missing_keys,
        unexpected_keys, error_msgs)`` before the module loads its part."""
        return self._register(self._load_state_dict_pre_hooks, (hook, True))

    def _register_load_state_dict_pre_hook(self, hook, with_module=False):
        return self._register(self._load_state_dict_pre_hooks, (hook, with_module))

    def register_load_state_dict_post_hook(self, hook):
        """Call ``hook(module, incompatible_keys)`` after the module and its children loaded."""
        return self._register(self._load_state_dict_post_hooks, hook)

    def get_extra_state(self):
        """Override to add to the state dictionary what is neither parameter nor buffer."""
        raise RuntimeError(
            "Reached a code path in Module.get_extra_state() that should never be called. "
            "Please file an issue at https://github.com/pytorch/pytorch/issues/new?template="
            "bug-report.yml to report this bug."
        )

    def set_extra_state(self, state):
        """Override together with `get_extra_state`."""
        raise RuntimeError(
            "Reached a code path in Module.set_extra_state() that should never be called. "
            "Please file an issue at https://github.com/pytorch/pytorch/issues/new?template="
            "bug-report.yml to report this bug."
        )

    def _saved_buffers(self):
        skipped = self._non_persistent_buffers_set
        return {name: value for name, value in self._buffers.items() if name not in skipped}

    def _save_to_state_dict(self, destination, prefix, keep_vars):
        """Put this module's own parameters and buffers into `destination`."""
        for name, value in itertools.chain(self._parameters.items(), self._saved_buffers().items()):
            if value is not None:
                destination[prefix + name] = value if keep_vars else value.detach()
        if type(self).get_extra_state is not StateMethods.get_extra_state:
            destination[prefix + EXTRA_STATE] = self.get_extra_state()

    def state_dict(self, *args, destination=None, prefix="", keep_vars=False):
        """All parameters and persistent buffers by their full names, sharing memory.

        >>> import tidu as torch
        >>> list(torch.nn.Linear(2, 3).state_dict())
        ['weight', 'bias']
        """
        if args:
            warnings.warn(
                "Positional args are being deprecated, use kwargs instead. Refer to "
                "https://pytorch.org/docs/main/generated/torch.nn.Module.html#torch.nn.Module."
                "state_dict for details.",
                FutureWarning,
                stacklevel=2,
            )
            destination, prefix, keep_vars = (*args, destination, prefix, keep_vars)[:3]
        if destination is None:
            destination = OrderedDict()
            destination._metadata = OrderedDict()
        metadata = {"version": self._version}
        if hasattr(destination, "_metadata"):
            destination._metadata[prefix[:-1]] = metadata
        for hook in self._state_dict_pre_hooks.values():
            hook(self, prefix, keep_vars)
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name, module in self._modules.items():
            if module is not None:
                module.state_dict(
                    destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars
                )
        return self._run_state_hooks(destination, prefix, metadata)

    def _run_state_hooks(self, destination, prefix, metadata):
        for hook in self._state_dict_hooks.values():
            answer = hook(self, destination, prefix, metadata)
            if not getattr(hook, "_from_public_api", False):
                destination = destination if answer is None else answer
            elif answer is not None:
                raise RuntimeError("state_dict post-hook must return None")
        return destination

    def _load_from_state_dict(
        self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
    ):
        """Copy this module's own part of `state_dict`; complaints go into the three lists."""
        for hook, with_module in self._load_state_dict_pre_hooks.values():
            arguments = (state_dict, prefix, local_metadata, strict, missing_keys,
                         unexpected_keys, error_msgs)  # fmt: skip
            hook(self, *arguments) if with_module else hook(*arguments)
        owned = {**self._parameters, **self._saved_buffers()}
        assign = local_metadata.get("assign_to_params_buffers", False)
        for name, own in owned.items():
            if own is None:
                continue
            key = prefix + name
            if key in state_dict:
                self._load_entry(name, key, own, state_dict[key], assign, error_msgs)
            elif strict:
                missing_keys.append(key)
        self._load_extra_state(state_dict, prefix, strict, missing_keys, unexpected_keys)
        if strict:
            self._find_unexpected(state_dict, prefix, owned, unexpected_keys)

    def _load_entry(self, name, key, own, given, assign, error_msgs):
        if not isinstance(given, Tensor):
            error_msgs.append(
                f'While copying the parameter named "{key}", expected torch.Tensor or Tensor-like '
                f"object from checkpoint but received {type(given)}"
            )
            return
        if not is_lazy(own):
            # Before 0.4 one number was saved as a tensor of one element.
            if own.dim() == 0 and given.dim() == 1 and len(given) == 1:
                given = given[0]
            if given.shape != own.shape:
                error_msgs.append(
                    f"size mismatch for {key}: copying a param with shape {given.shape} from "
                    f"checkpoint, the shape in current model is {own.shape}."
                )
                return
        try:
            self._take(name, own, given, assign)
        except Exception as error:
            error_msgs.append(
                f'While copying the parameter named "{key}", whose dimensions in the model are '
                f"{own.size()} and whose dimensions in the checkpoint are {given.size()}, an "
                f"exception occurred : {error.args}."
            )

    def _take(self, name, own, given, assign):
        with no_grad():
            if not assign:
                own.copy_(given)
                return
            if isinstance(own, Parameter) and not isinstance(given, Parameter):
                given = Parameter(given, requires_grad=own.requires_grad)
            setattr(self, name, given)

    def _load_extra_state(self, state_dict, prefix, strict, missing_keys, unexpected_keys):
        key = prefix + EXTRA_STATE
        if type(self).set_extra_state is not StateMethods.set_extra_state:
            if key in state_dict:
                self.set_extra_state(state_dict[key])
            elif strict:
                missing_keys.append(key)
        elif strict and key in state_dict:
            unexpected_keys.append(key)

    def _find_unexpected(self, state_dict, prefix, owned, unexpected_keys):
        for key in state_dict:
            if not key.startswith(prefix) or key == prefix + EXTRA_STATE:
                continue
            first, *rest = key[len(prefix) :].split(".", 1)
            known = first in self._modules if rest else first in self._modules or first in owned
            if not known:
                unexpected_keys.append(key)

    def load_state_dict(self, state_dict, strict=True, assign=False):
        """Copy numbers from a state dictionary into this module and its children.

        With ``strict=False`` missing and unexpected names are only reported; with ``assign=True``
        the tensors themselves are taken over. Returns ``(missing_keys, unexpected_keys)``.

        >>> import tidu as torch
        >>> a, b = torch.nn.Linear(2, 3), torch.nn.Linear(2, 3)
        >>> a.load_state_dict(b.state_dict())
        <All keys matched successfully>
        """
        if not hasattr(state_dict, "keys"):
            raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
        missing, unexpected, errors = [], [], []
        metadata = getattr(state_dict, "_metadata", None)
        state_dict = OrderedDict(state_dict)
        if metadata is not None:
            state_dict._metadata = metadata
        arguments = (metadata, strict, assign, missing, unexpected, errors)
        _load(self, state_dict, "", *arguments)
        if strict:
            errors = _complaints(missing, unexpected) + errors
        if errors:
            details = "\n\t".join(errors)
            raise RuntimeError(
                f"Error(s) in loading state_dict for {type(self).__name__}:\n\t{details}"
            )
        return _IncompatibleKeys(missing, unexpected)


def _load(module, state_dict, prefix, metadata, strict, assign, missing, unexpected, errors):
    """Load `module` and, below it, its children."""
    local = {} if metadata is None else metadata.get(prefix[:-1], {})
    if assign:
        local["assign_to_params_buffers"] = True
    module._load_from_state_dict(state_dict, prefix, local, True, missing, unexpected, errors)
    for name, child in module._modules.items():
        if child is not None:
            below = f"{prefix}{name}."
            part = {key: value for key, value in state_dict.items() if key.startswith(below)}
            _load(child, part, below, metadata, strict, assign, missing, unexpected, errors)
    result = _IncompatibleKeys(missing, unexpected)
    for hook in module._load_state_dict_post_hooks.values():
        if hook(module, result) is not None:
            raise AssertionError(
                "Hooks registered with ``register_load_state_dict_post_hook`` are not expected to "
                "return new values, if incompatible_keys need to be modified, it should be done "
                "inplace."
            )


def _complaints(missing, unexpected):
    found = []
    if missing:
        found.append(f"Missing key(s) in state_dict: {_quoted(missing)}. ")
    if unexpected:
        found.insert(0, f"Unexpected key(s) in state_dict: {_quoted(unexpected)}. ")
    return found[::-1]


def _quoted(keys):
    return ", ".join(f'"{key}"' for key in keys)
