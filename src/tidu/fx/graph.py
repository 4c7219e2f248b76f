"""torch.fx.graph: a program as a list of calls. Read `create_node`, then `code.py` for its text."""

import io
import pickle
import warnings
from functools import reduce
from importlib import import_module

from ..base.errors import hinted
from ..base.lazy import lazy_module
from ..core.handle import TensorBase
from .code import CodeGen, PythonCode
from .node import Node, map_aggregate, map_arg
from .spelling import Namespace, function_name, snake_case

__all__ = ["CodeGen", "Graph", "PythonCode"]

nn = lazy_module(__name__.partition(".")[0] + ".nn")
_NOTHING = object()


class _Nodes:
    """The nodes of a graph in order; there may be changes while one goes through them."""

    def __init__(self, graph, backwards=False):
        self.graph, self.backwards = graph, backwards

    def __len__(self):
        return self.graph._count

    def __iter__(self):
        root = self.graph._root
        node = root._prev if self.backwards else root._next
        while node is not root:
            if not node._erased:
                yield node
            node = node._prev if self.backwards else node._next

    def __reversed__(self):
        return _Nodes(self.graph, not self.backwards)


def name_of_target(target):
    """The candidate for the name of a node with such a target."""
    name = target if isinstance(target, str) else function_name(target)
    if name.startswith("__") and name.endswith("__"):
        name = name[2:-2]
    return snake_case(name)


class Graph:
    """A program as a list of nodes: inputs, calls and one output.

    Traced by `torch.fx.symbolic_trace`, or made node by node:

    >>> import tidu as torch
    >>> graph = torch.fx.Graph()
    >>> x = graph.placeholder("x")
    >>> y = graph.call_function(torch.relu, (x,))
    >>> _ = graph.output(graph.call_method("mul", (y, 2)))
    >>> print(graph)
    graph():
        %x : [num_users=1] = placeholder[target=x]
        %relu : [num_users=1] = call_function[target=torch.relu](args = (%x,), kwargs = {})
        %mul : [num_users=1] = call_method[target=mul](args = (%relu, 2), kwargs = {})
        return mul
    >>> torch.fx.GraphModule(torch.nn.Module(), graph)(torch.tensor([-1.0, 3.0]))
    tensor([0., 6.])
    """

    unwatched = True  # what a compiled module computes depends on the code made of it

    def __init__(self, owning_module=None, tracer_cls=None, tracer_extras=None):
        self._root = Node(self, "", "root", "", (), {})
        self._names = Namespace()
        self._insert = self._root.prepend
        self._count = 0
        self._codegen = CodeGen()
        self._tracer_cls, self._tracer_extras = tracer_cls, tracer_extras
        self._co_fields = {}
        self.owning_module = owning_module

    @property
    def nodes(self):
        """The nodes in order; `reversed(graph.nodes)` goes the other way."""
        return _Nodes(self)

    # Making nodes.

    def create_node(self, op, target, args=None, kwargs=None, name=None, type_expr=None):
        """Add a node at the place of insertion, which is the end if nothing else was said.

        name: a wish; another node may have it.

        Raises:
            AssertionError: unknown op.
            ValueError: a function as the target of what takes a name, or the other way round.
        """
        if not isinstance(args if args is not None else (), tuple):
            raise AssertionError(f"args must be a tuple, got {type(args)}")
        if not isinstance(kwargs if kwargs is not None else {}, dict):
            raise AssertionError(f"kwargs must be a dict, got {type(kwargs)}")
        candidate = name if name is not None else name_of_target(target)
        chosen = self._names.create_name(candidate, None)
        node = Node(self, chosen, op, target, args or (), kwargs or {}, type_expr)
        if self.owning_module is not None:
            for hook in getattr(self.owning_module, "_create_node_hooks", ()):
                hook(node)
        self._names.associate(chosen, node)
        self._insert(node)
        self._count += 1
        return node

    def placeholder(self, name, type_expr=None, default_value=_NOTHING):
        """An input; "*args" and "**kwargs" take what is left over."""
        args = () if default_value is _NOTHING else (default_value,)
        return self.create_node("placeholder", name, args=args, type_expr=type_expr)

    def get_attr(self, qualified_name, type_expr=None):
        """A parameter, buffer or other attribute of the module: "layers.0.weight"."""
        module = self.owning_module
        if module is not None and not _reaches(module, qualified_name):
            warnings.warn(
                "Attempted to insert a get_attr Node with no underlying reference in the owning "
                "GraphModule! Call GraphModule.add_submodule to add the necessary submodule, "
                "GraphModule.add_parameter to add the necessary Parameter, or "
                "nn.Module.register_buffer to add the necessary buffer", stacklevel=2,
            )  # fmt: skip
        return self.create_node("get_attr", qualified_name, type_expr=type_expr)

    def call_function(self, the_function, args=None, kwargs=None, type_expr=None, name=None):
        """A call the_function(*args, **kwargs)."""
        return self.create_node("call_function", the_function, args, kwargs, name, type_expr)

    def call_method(self, method_name, args=None, kwargs=None, type_expr=None):
        """A call of a method of args[0]."""
        return self.create_node("call_method", method_name, args, kwargs, type_expr=type_expr)

    def call_module(self, module_name, args=None, kwargs=None, type_expr=None):
        """A call of a submodule: "layers.0"."""
        if self.owning_module is not None and not _reaches(self.owning_module, module_name):
            warnings.warn(
                "Attempted to insert a call_module Node with no underlying reference in the "
                "owning GraphModule! Call GraphModule.add_submodule to add the necessary "
                "submodule", stacklevel=2,
            )  # fmt: skip
        return self.create_node("call_module", module_name, args, kwargs, type_expr=type_expr)

    def output(self, result, type_expr=None):
        """What the program gives: a node, or nested tuples, lists and dictionaries of nodes."""
        return self.create_node("output", "output", args=(result,), type_expr=type_expr)

    def node_copy(self, node, arg_transform=lambda node: node):
        """Add a copy of a node, of another graph too; arg_transform gives nodes for its inputs."""
        args, kwargs = (map_arg(given, arg_transform) for given in (node.args, node.kwargs))
        copied = self.create_node(node.op, node.target, args, kwargs, node.name, node.type)
        copied.meta = dict(node.meta)
        return copied

    def graph_copy(self, g, val_map, return_output_node=False):
        """Add copies of all nodes of a graph but its output. Returns what takes the place of that.

        val_map: a dictionary, from nodes of `g` that are not to be copied to nodes in their place;
            the copies are added to it.
        """
        for node in g.nodes:
            if node in val_map:
                continue
            if node.op == "output":
                result = map_arg(node.args[0], lambda n: val_map[n])
                return (result, node) if return_output_node else result
            val_map[node] = self.node_copy(node, lambda n: val_map[n])
        return None

    # Where nodes are added.

    def inserting_before(self, n=None):
        """A block in which nodes are added before `n`, or at the front; or the same for good."""
        if n is None:
            return self.inserting_after(self._root)
        self._check_own(n, "before")
        return _Insertion(self, n.prepend)

    def inserting_after(self, n=None):
        """A block in which nodes are added after `n`, or at the end."""
        if n is None:
            return self.inserting_before(self._root)
        self._check_own(n, "after")
        return _Insertion(self, n.append)

    def _check_own(self, n, where):
        if n.graph is not self:
            raise AssertionError(f"Node to insert {where} is not in graph.")

    # Changing it.

    def erase_node(self, to_erase):
        """Take out a node that nobody uses.

        Raises:
            RuntimeError: it has users, or is not a node of this graph.
        """
        if to_erase.users:
            raise RuntimeError(hinted(
                f"Tried to erase Node {to_erase} but it still had {len(to_erase.users)} users in "
                f"the graph: {to_erase.users}!",
                "node.replace_all_uses_with(another) first gives its users another input.",
            ))  # fmt: skip
        if to_erase.graph is not self:
            raise RuntimeError(f"Attempting to remove {to_erase} from wrong graph!")
        if to_erase._erased:
            warnings.warn(f"erase_node({to_erase}) on an already erased node", stacklevel=2)
            return
        for hook in getattr(self.owning_module, "_erase_node_hooks", ()):
            hook(to_erase)
        to_erase._leave()
        to_erase._erased = True
        self._count -= 1
        to_erase._update((), {})

    def eliminate_dead_code(self, is_impure_node=None):
        """Take out calls whose results nobody uses. Returns whether there were any.

        is_impure_node: says of which nodes that is wrong; `Node.is_impure` if not given.
        """
        self.lint()
        keep = is_impure_node or (lambda node: node.is_impure())
        dead = False
        for node in reversed(self.nodes):
            if not node.users and node.op not in ("placeholder", "output") and not keep(node):
                self.erase_node(node)
                dead = True
        return dead

    def find_nodes(self, *, op, target=None, sort=True):
        """The nodes with an op, and with a target if one is named; in order."""
        return [n for n in self.nodes if n.op == op and (target is None or n.target == target)]

    def output_node(self):
        """The output."""
        last = self._root._prev
        if last.op != "output":
            raise AssertionError("the graph has no output node at its end")
        return last

    def lint(self):
        """Check that all is as it should be: order, names, owners, targets of modules.

        Raises:
            RuntimeError: a node is used before it is there, or belongs to another graph, or two
                have one name, or a target does not lead to anything in the module.
        """
        seen, names = set(), set()
        for node in self.nodes:
            if node.op not in ("placeholder", "call_method", "call_module", "call_function",
                               "get_attr", "output"):  # fmt: skip
                raise RuntimeError(f"Node {node} had unknown opcode {node.op}!")
            if node.graph is not self:
                raise RuntimeError(f"Node '{node}' does not belong to this Graph!")
            for given in node.all_input_nodes:
                self._lint_argument(given, node, seen)
            if node.name in names:
                raise RuntimeError(f"Node redefined name {node.name}!")
            names.add(node.name)
            seen.add(node)
            if self.owning_module is not None and node.op in ("get_attr", "call_module"):
                self._lint_target(node)

    def _lint_argument(self, given, node, seen):
        if given.graph is not self:
            raise RuntimeError(
                f"Argument '{given}' of Node '{node}' does not belong to this Graph, but was used "
                "as an argument! If you are copying nodes from another graph, make sure to use "
                f"``arg_transform`` on node_copy() to remap values\n{self}"
            )
        if given not in seen:
            raise RuntimeError(
                f"Argument '{given}' of Node '{node}' was used before it has been defined! Please "
                f"check that Nodes in the graph are topologically ordered\n{self}"
            )

    def _lint_target(self, node):
        place, path = self.owning_module, node.target.split(".")
        for i, part in enumerate(path):
            if not hasattr(place, part):
                raise RuntimeError(
                    f"Node {node} target {node.target} references nonexistent attribute {part} of "
                    f"{'.'.join(path[:i])}"
                )
            place = getattr(place, part)
        if node.op == "call_module" and not isinstance(place, nn.Module):
            raise RuntimeError(
                f"Node {node} target {node.target} {'.'.join(path)} of {place} does not reference "
                "an nn.Module"
            )

    # Code and text.

    def set_codegen(self, codegen):
        """Have another `CodeGen` write the code."""
        self._codegen = codegen

    def on_generate_code(self, make_transformer):
        """Have lines of generated code changed: make_transformer(the transformer so far or None)
        gives a function from lists of lines to lists of lines. In a `with` block it goes again."""
        before = self._codegen._body_transformer
        self._codegen._body_transformer = make_transformer(before)
        return _Transformed(self, before)

    def process_inputs(self, *args):
        """Arguments as the placeholders take them: flat."""
        return self._codegen.process_inputs(*args)

    def process_outputs(self, out):
        """The output as it was traced: not flat."""
        return self._codegen.process_outputs(out)

    def python_code(self, root_module, *, verbose=False, **options):
        """The program as Python: a `PythonCode` with `src` and the `globals` it needs."""
        return self._codegen.generate(self, root_module, verbose)

    def __str__(self):
        return "\n    ".join(["graph():", *[node.format_node() for node in self.nodes]])

    def print_tabular(self):
        """Print the nodes as a table."""
        head = ["opcode", "name", "target", "args", "kwargs"]
        rows = [
            [str(cell) for cell in (n.op, n.name, n.target, n.args, n.kwargs)] for n in self.nodes
        ]
        wide = [f"{name}  " for name in head]
        widths = [max(map(len, column)) for column in zip(wide, *rows, strict=True)]
        for line in (head, ["-" * width for width in widths], *rows):
            cells = [cell.ljust(width) for cell, width in zip(line, widths, strict=True)]
            print("  ".join(cells).rstrip())

    # Copies.

    def __deepcopy__(self, memo):
        copied = Graph(tracer_cls=self._tracer_cls)
        memo[id(self)] = copied
        twins = {}
        result = copied.graph_copy(self, twins, return_output_node=True)
        copied._codegen = self._codegen.copied()
        copied._co_fields = self._co_fields
        if result is not None:
            value, old = result
            new = copied.output(value, old.type)
            new.meta = dict(old.meta)
            twins[old] = new
        for old, new in twins.items():
            memo[id(old)] = new
        return copied

    def __reduce__(self):
        places = {node: _Place(i) for i, node in enumerate(self.nodes)}
        held = lambda value: map_arg(value, lambda node: places[node])
        rows = [(n.op, n.target, held(n.args), held(n.kwargs), n.name, n.type,
                 "is_wrapped" in n.meta) for n in self.nodes]  # fmt: skip
        # Annotations name classes, which pickle would look for in PyTorch.
        file = io.BytesIO()
        _Pickler(file).dump((rows, self._codegen))
        return _of_pickle, (file.getvalue(),)


class _Place:
    """Stands for a node in a pickled graph."""

    def __init__(self, index):
        self.index = index


class _Pickler(pickle.Pickler):
    """Pickles classes of this package by the place where they stand."""

    def reducer_override(self, obj):
        if obj is TensorBase.handle_class:
            return _tensor_class, ()
        home = vars(obj).get("_tidu_home") if isinstance(obj, type) else None
        return NotImplemented if home is None else (_class, (home, obj.__qualname__))


def _tensor_class():
    return TensorBase.handle_class


def _class(home, name):
    return reduce(getattr, name.split("."), import_module(home))


def _of_pickle(data):
    rows, codegen = pickle.loads(data)
    graph, made = Graph(), []
    put = lambda x: made[x.index] if isinstance(x, _Place) else x
    for op, target, args, kwargs, name, kind, wrapped in rows:
        args, kwargs = map_aggregate(args, put), map_aggregate(kwargs, put)
        made.append(graph.create_node(op, target, args, kwargs, name, kind))
        if wrapped:
            made[-1].meta["is_wrapped"] = True
    graph._codegen = codegen
    return graph


class _Insertion:
    """Where nodes go: at once, and until the `with` block ends, if there is one."""

    def __init__(self, graph, insert):
        self.graph, self.before = graph, graph._insert
        graph._insert = insert

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.graph._insert = self.before


class _Transformed:
    """A transformer of code that is set, until the `with` block ends, if there is one."""

    def __init__(self, graph, before):
        self.graph, self.before = graph, before

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.graph._codegen._body_transformer = self.before


def _reaches(module, path):
    for part in path.split("."):
        if not hasattr(module, part):
            return False
        module = getattr(module, part)
    return True
