"""torch.fx.GraphModule: a graph as a module that can be called, trained, saved and copied."""

import copy
import itertools
import linecache
from importlib import import_module
from pathlib import Path

from ..base.errors import hinted
from ..core.handle import TensorBase
from ..nn import Module, Parameter
from .code import _PyTreeCodeGen
from .folder import write_folder
from .graph import Graph

__all__ = ["GraphModule"]

_COUNT = itertools.count()
# What a copy of a module has besides what its graph mentions.
_KEPT = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks",
         "_state_dict_hooks", "_load_state_dict_pre_hooks", "_load_state_dict_post_hooks",
         "_forward_hooks_with_kwargs", "_forward_hooks_always_called",
         "_forward_pre_hooks_with_kwargs", "_state_dict_pre_hooks", "meta")  # fmt: skip


def forward_of(code, co_fields):
    """The function that generated code defines; tracebacks show its lines."""
    file = f"<eval_with_key>.{next(_COUNT)}"
    if co_fields:
        place = f"{co_fields['co_filename']}:{co_fields['co_firstlineno']}"
        file = f"{file} from {place} in {co_fields['co_name']}"
    space = dict(code.globals)
    linecache.cache[file] = len(code.src), None, code.src.splitlines(keepends=True), file
    # The code is this package's own, made of names and values of a graph.
    exec(compile(code.src, file, "exec"), space)
    return space["forward"]


def _walked(module, path):
    for part in path:
        module = getattr(module, part)
    return module


def _assign(value, module, path):
    """Put a value where a dotted name says; modules on the way are made."""
    *way, last = path.split(".")
    for part in way:
        inner = getattr(module, part, None)
        if inner is None:
            inner = Module()
            setattr(module, part, inner)
        module = inner
    if isinstance(value, TensorBase) and not isinstance(value, Parameter):
        module.register_buffer(last, value)
    else:
        setattr(module, last, value)


def _copy_attribute(source, target, path):
    *way, last = path.split(".")
    for part in way:
        inner = getattr(source, part)
        if inner is getattr(target, part, None):
            return  # the whole module is there already
        if getattr(target, part, None) is None:
            setattr(target, part, Module())
        source, target = inner, getattr(target, part)
    _assign(getattr(source, last), target, last)


class GraphModule(Module):
    """A module whose `forward` is the code of a graph.

    Args:
        root: a module with the attributes and submodules that the graph mentions, or a dictionary
            {"layers.0": module, "weight": parameter}.
        graph: a `torch.fx.Graph`. After changes of it, `recompile()` makes the code anew.
        class_name: what it is called when printed.

    >>> import tidu as torch
    >>> class Net(torch.nn.Module):
    ...     def forward(self, x):
    ...         return torch.relu(x)
    >>> module = torch.fx.symbolic_trace(Net())
    >>> for node in module.graph.find_nodes(op="call_function", target=torch.relu):
    ...     node.target = torch.tanh
    >>> module.recompile().src.strip().splitlines()[1]
    '    relu = torch.tanh(x);  x = None'
    >>> module(torch.zeros(2))
    tensor([0., 0.])
    """

    def __new__(cls, *args, **kwargs):
        # `forward` belongs to one graph alone, so each module has a class of its own.
        bare = next(kind for kind in cls.__mro__ if not vars(kind).get("_of_one_graph"))
        body = {"_of_one_graph": True, "__module__": bare.__module__, "__doc__": bare.__doc__}
        return super().__new__(type(bare)("GraphModuleImpl", (bare,), body))

    def __init__(self, root, graph, class_name="GraphModule"):
        super().__init__()
        type(self).__name__ = type(self).__qualname__ = class_name
        self.meta = {}
        mentioned = [n.target for n in graph.nodes if n.op in ("get_attr", "call_module")]
        if isinstance(root, Module):
            self.training = root.training
            if isinstance(root, GraphModule):
                self.meta.update(root.meta)
            for path in mentioned:
                _copy_attribute(root, self, path)
        elif isinstance(root, dict):
            for node in graph.nodes:
                if node.op in ("get_attr", "call_module") and node.target not in root:
                    raise RuntimeError(
                        f"Node {node} referenced target {node.target} but that target was not "
                        "provided in ``root``!"
                    )
            for path in sorted(dict.fromkeys(mentioned), key=lambda path: path.count(".")):
                _assign(root[path], self, path)
        else:
            raise RuntimeError(hinted(
                f"Unsupported type {root} passed for root!",
                "give a module, or a dictionary of names and modules.",
            ))  # fmt: skip
        self._create_node_hooks, self._erase_node_hooks = [], []
        self._replace_hooks, self._deepcopy_hooks = [], []
        self.graph = graph

    @property
    def graph(self):
        """The graph; when another one is assigned, the code is made anew."""
        return self._graph

    @graph.setter
    def graph(self, g):
        if not isinstance(g, Graph):
            raise AssertionError(f"Expected a Graph instance, but got {type(g)}")
        object.__setattr__(self, "_graph", g)
        g.owning_module = self
        self.recompile()

    def __setattr__(self, name, value):
        if name == "graph":
            type(self).graph.fset(self, value)
        else:
            super().__setattr__(name, value)

    @property
    def code(self):
        """The Python code of the graph."""
        return self._code

    def recompile(self):
        """Make the code from the graph again. Returns it as a `PythonCode`."""
        codegen = self._graph._codegen
        if isinstance(codegen, _PyTreeCodeGen):
            self._in_spec = codegen.pytree_info.in_spec
            self._out_spec = codegen.pytree_info.out_spec
        made = self._graph.python_code("self")
        object.__setattr__(self, "_code", made.src)
        type(self).forward = forward_of(made, self._graph._co_fields)
        return made

    def forward_now(self, *args, **kwargs):
        """`forward`, of the graph as it was made code last: compiled modules call this."""
        return type(self).forward(self, *args, **kwargs)

    # Submodules.

    def add_submodule(self, target, m):
        """Add a submodule under a dotted name; modules on the way are made.

        Returns whether it could be added: not where something else has a name on the way.
        """
        *way, last = target.split(".")
        place = self
        for part in way:
            inner = getattr(place, part, None)
            if inner is None:
                inner = Module()
                setattr(place, part, inner)
            if not isinstance(inner, Module):
                return False
            place = inner
        place.add_module(last, m)
        return True

    def delete_submodule(self, target):
        """Delete the submodule of a dotted name. Returns whether there was one."""
        *way, last = target.split(".")
        place = self
        for part in way:
            place = getattr(place, part, None)
            if not isinstance(place, Module):
                return False
        if not isinstance(getattr(place, last, None), Module):
            return False
        delattr(place, last)
        return True

    def delete_all_unused_submodules(self):
        """Delete the submodules that no node of the graph mentions."""
        used = set()
        for node in self.graph.nodes:
            if node.op not in ("call_module", "get_attr"):
                continue
            path = node.target.split(".")
            used.update(".".join(path[:i]) for i in range(1, len(path) + 1))
            if node.op == "call_module":
                called = self.get_submodule(node.target)
                used.update(f"{node.target}.{name}" for name, _ in called.named_modules() if name)
        for name, _ in list(self.named_modules()):
            if name and name not in used:
                self.delete_submodule(name)

    # Hooks that graphs call.

    def _register_create_node_hook(self, f):
        self._create_node_hooks.append(f)

    def _unregister_create_node_hook(self, f):
        self._create_node_hooks.remove(f)

    def _register_erase_node_hook(self, f):
        self._erase_node_hooks.append(f)

    def _unregister_erase_node_hook(self, f):
        self._erase_node_hooks.remove(f)

    def _register_replace_node_hook(self, f):
        self._replace_hooks.append(f)

    def _unregister_replace_node_hook(self, f):
        self._replace_hooks.remove(f)

    # Text, files and copies.

    def __str__(self):
        return "\n".join([
            super().__repr__(), self._code,
            "# To see more debug info, please use `graph_module.print_readable()`",
        ])  # fmt: skip

    def print_readable(self, print_output=True, include_stride=False, include_device=False,
                       colored=False, **options):  # fmt: skip
        """Print the code with the lines of the program it comes from, and that of submodules that
        are graphs. Returns the text."""
        text = readable(self, self._get_name())
        if print_output:
            print(text)
        return text

    def to_folder(self, folder, module_name="FxModule"):
        """Write a package with the code and the state: `from folder import FxModule`."""
        write_folder(self, Path(folder), module_name)

    def __deepcopy__(self, memo):
        made = GraphModule.__new__(type(self))
        memo[id(self)] = made
        state = copy.deepcopy(self._rest(), memo)
        graph = copy.deepcopy(self._graph, memo)
        made._revive(state, graph, type(self).__name__)
        for hook in self._deepcopy_hooks:
            hook(made)
        return made

    def _rest(self):
        state = self.__getstate__()
        for name in ("_graph", "_code"):
            state.pop(name, None)
        return state

    def _revive(self, state, graph, class_name):
        type(self).__name__ = type(self).__qualname__ = class_name
        self.__setstate__(state)
        self.graph = graph
        return self

    def __copy__(self):
        made = GraphModule(self, copy.deepcopy(self.graph), type(self).__name__)
        made.meta = self.meta
        return made

    def __reduce_ex__(self, protocol):
        bare = next(kind for kind in type(self).__mro__ if not vars(kind).get("_of_one_graph"))
        # A class of this package bears PyTorch's name, under which pickle would not find it.
        home = vars(bare).get("_tidu_home")
        place = bare if home is None else (home, bare.__qualname__)
        hooks = ("_create_node_hooks", "_erase_node_hooks", "_replace_hooks", "_deepcopy_hooks")
        state = {**self._rest(), **{name: [] for name in hooks}}
        return revived, (place, type(self).__name__, state, self._graph)

    def __reduce__(self):
        return self.__reduce_ex__(2)


def revived(place, class_name, state, graph):
    """A module from its pickle."""
    bare = getattr(import_module(place[0]), place[1]) if isinstance(place, tuple) else place
    return GraphModule.__new__(bare)._revive(state, graph, class_name)


def readable(module, name):
    """What `print_readable` prints."""
    code = module.graph.python_code("self", verbose=True).src.lstrip("\n")
    parts = [""]
    for child_name, child in module.named_children():
        if hasattr(child, "graph"):
            parts.append(readable(child, child_name))
    return _indented(f"class {name}(torch.nn.Module):\n{code}") + _indented("\n".join(parts))


def _indented(text):
    first, *rest = text.split("\n")
    return "\n".join([first, *[f"    {line}" if line.strip() else "" for line in rest]])
