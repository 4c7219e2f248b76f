"""Names: which variables of the user's frames, and which parameters of modules, hold a tensor."""

from itertools import islice
from types import ModuleType

from ...core.handle import LEAF, TensorBase
from ...nn import Module

FEW = 16  # entries of a container that are looked at

__all__ = ["Names"]


class Names:
    """Notes names for nodes and for leaves as the frames of a program show them."""

    def __init__(self):
        self.of = {}  # id(node or handle) -> names, oldest first
        self.lines = {}  # id(frame) -> the line at the last look
        self.contained = {}  # the same of containers, for what no variable names: "ws[0]"
        self.roots = {}  # id(module) -> name of the outermost module
        self.paths = {}  # id(module) -> "model.encoder.0"
        self.seen = []  # modules by name: (name, module)
        self.held = []  # what ids above stand for is kept alive

    def look(self, frame, force=False):
        """Note the tensors and modules a frame's variables hold, if it has moved on."""
        key, line = id(frame), frame.f_lineno
        if not force and self.lines.get(key) == line:
            return
        self.lines[key] = line
        self.look_in(frame.f_locals)

    def look_in(self, variables):
        for name, value in list(variables.items()):
            if name.startswith("_"):
                continue
            if isinstance(value, TensorBase):
                self.note(name, value)
            elif isinstance(value, Module):
                self.note_module(name, value)
            else:
                for inner, tensor in held_by(name, value):
                    self.note(inner, tensor, self.contained)

    def note(self, name, handle, found=None):
        key = self.key_of(handle)
        names = (self.of if found is None else found).setdefault(key, [])
        if name not in names:
            names.append(name)
            self.held.append(handle if handle._node in (None, LEAF) else handle._node)

    @staticmethod
    def key_of(handle):
        node = handle._node
        return id(handle) if node is None or node is LEAF else id(node)

    def note_module(self, name, module):
        """A module found under a name: its own path, its children's and its parameters'."""
        if id(module) in self.paths or name == "self":
            return
        self.seen.append((name, module))
        self.held.append(module)
        for path, child in module.named_modules():
            self.paths.setdefault(id(child), f"{name}.{path}" if path else name)
        for path, tensor in [*module.named_parameters(), *module.named_buffers()]:
            self.note(f"{name}.{path}", tensor)

    def path(self, module):
        found = self.paths.get(id(module))
        if found is None:
            name = type(module).__name__
            self.note_module(name, module)
            found = self.paths.get(id(module), name)
        return found

    def known(self, key):
        return self.of.get(key) or self.contained.get(key, ())


def held_by(name, value):
    """(ws[0], tensor) of a short list, p["w"] of a dictionary, p.w of an object of the program."""
    if value.__class__ in (list, tuple):
        pairs = [(f"{name}[{k}]", v) for k, v in enumerate(value[:FEW])]
    elif value.__class__ is dict:
        pairs = [(f"{name}[{k!r}]", v) for k, v in islice(value.items(), FEW)]
    else:
        held = getattr(value, "__dict__", None)
        if held.__class__ is not dict or isinstance(value, (type, ModuleType)) or callable(value):
            return []
        pairs = [(f"{name}.{k}", v) for k, v in islice(held.items(), FEW) if k[:1] != "_"]
    return [pair for pair in pairs if isinstance(pair[1], TensorBase)]
