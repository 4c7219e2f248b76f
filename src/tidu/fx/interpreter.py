"""torch.fx.Interpreter: a graph run node by node; Transformer: a graph made from one."""

from ..base.errors import hinted
from ..nn import Module
from ._symbolic_trace import Tracer
from .graph import Graph
from .graph_module import GraphModule
from .interception import intercepting
from .node import map_aggregate, map_arg
from .proxy import Proxy
from .traceback import preserve_node_meta, set_current_meta

__all__ = ["Interpreter", "Transformer"]


class Interpreter:
    """Runs a graph node by node. Derive from it to change what a kind of node does, or to look at
    values on the way.

    Args:
        module: a `GraphModule`, or a module that has what `graph` mentions.
        garbage_collect_values: let go of values after their last use.
        graph: another graph than `module.graph`.

    >>> import tidu as torch
    >>> class Shapes(torch.fx.Interpreter):
    ...     def run_node(self, n):
    ...         result = super().run_node(n)
    ...         print(n.name, tuple(result.shape))
    ...         return result
    >>> _ = Shapes(torch.fx.symbolic_trace(lambda x: torch.relu(x).sum(0))).run(torch.ones(2, 3))
    x (2, 3)
    relu (2, 3)
    sum_1 (3,)
    output (3,)
    """

    def __init__(self, module, garbage_collect_values=True, graph=None):
        if not isinstance(module, Module):
            raise AssertionError(f"Expected a module, but got {type(module)}")
        self.module = module
        self.submodules = dict(module.named_modules())
        self.graph = graph if graph is not None else module.graph
        self.env, self.name = {}, "Interpreter"
        self.garbage_collect_values = garbage_collect_values
        self.extra_traceback = True
        self.user_to_last_uses = {}
        if garbage_collect_values:
            last = {}
            for node in reversed(self.graph.nodes):
                for given in node.all_input_nodes:
                    if given not in last:
                        last[given] = node
                        self.user_to_last_uses.setdefault(node, []).append(given)

    def run(self, *args, initial_env=None, enable_io_processing=True):
        """The output of the graph for these inputs.

        initial_env: {node: value}, of nodes that are not to be run.
        enable_io_processing: whether nested arguments are made flat as in a call of the module.
        """
        self.env = initial_env if initial_env is not None else {}
        if enable_io_processing:
            args = self.graph.process_inputs(*args)
        self.args_iter = iter(args)
        for node in self.graph.nodes:
            if node in self.env:
                continue
            try:
                self.env[node] = self.run_node(node)
            except Exception as error:
                if self.extra_traceback:
                    error.add_note(f"While executing {node.format_node()}"
                                   + (f"\nOriginal traceback:\n{node.stack_trace}"
                                      if node.stack_trace else ""))  # fmt: skip
                raise
            for gone in self.user_to_last_uses.get(node, ()):
                del self.env[gone]
            if node.op == "output":
                value = self.env[node]
                return self.graph.process_outputs(value) if enable_io_processing else value
        return None

    def boxed_run(self, args_list):
        """As `run`, of a list that is emptied."""
        args = list(args_list)
        args_list.clear()
        return self.run(*args)

    def run_node(self, n):
        """What a node gives; calls the method that is called like its op."""
        with set_current_meta(n):
            args, kwargs = self.fetch_args_kwargs_from_env(n)
            return getattr(self, n.op)(n.target, args, kwargs)

    def placeholder(self, target, args, kwargs):
        """The next input, or the default."""
        if target.startswith("*"):
            return list(self.args_iter)
        try:
            return next(self.args_iter)
        except StopIteration:
            if args:
                return args[0]
            raise RuntimeError(hinted(
                f"Expected positional argument for parameter {target}, but one was not passed in!",
                "run(...) takes a value for each input that has no default.",
            )) from None  # fmt: skip

    def get_attr(self, target, args, kwargs):
        """An attribute of the module."""
        return self.fetch_attr(target)

    def call_function(self, target, args, kwargs):
        """target(*args, **kwargs)"""
        return target(*args, **kwargs)

    def call_method(self, target, args, kwargs):
        """args[0].target(*args[1:], **kwargs)"""
        self_obj, *rest = args
        return getattr(self_obj, target)(*rest, **kwargs)

    def call_module(self, target, args, kwargs):
        """A call of a submodule."""
        return self.fetch_attr(target)(*args, **kwargs)

    def output(self, target, args, kwargs):
        """The value of the output."""
        return args[0]

    def fetch_attr(self, target):
        """The attribute of the module under a dotted name."""
        value = self.module
        path = target.split(".")
        for i, part in enumerate(path):
            if not hasattr(value, part):
                raise RuntimeError(f"Node referenced nonexistent target {'.'.join(path[: i + 1])}")
            value = getattr(value, part)
        return value

    def fetch_args_kwargs_from_env(self, n):
        """(args, kwargs) of a node, values in the place of nodes."""
        args = self.map_nodes_to_values(n.args, n)
        kwargs = self.map_nodes_to_values(n.kwargs, n)
        return args, dict(kwargs)

    def map_nodes_to_values(self, args, n):
        """Arguments, values in the place of nodes."""

        def load(node):
            if node not in self.env:
                raise RuntimeError(f"Node {n} referenced nonexistent value {node}! Run "
                                   "Graph.lint() to diagnose such issues")  # fmt: skip
            return self.env[node]

        return map_arg(args, load)


class Transformer(Interpreter):
    """Makes a new `GraphModule` by running a graph on proxies: override the methods that are
    called like the ops to change calls.

    >>> import tidu as torch
    >>> class Smooth(torch.fx.Transformer):
    ...     def call_function(self, target, args, kwargs):
    ...         target = torch.tanh if target is torch.relu else target
    ...         return super().call_function(target, args, kwargs)
    >>> module = torch.fx.symbolic_trace(lambda x: torch.relu(x) + 1)
    >>> [node.name for node in Smooth(module).transform().graph.nodes]
    ['x', 'tanh', 'add', 'output']
    """

    def __init__(self, module):
        super().__init__(module)
        self.new_graph = Graph()
        self.new_graph.set_codegen(module.graph._codegen.copied())

        class TransformerTracer(Tracer):
            def __init__(self, graph):
                super().__init__()
                self.graph = graph
                self.tensor_attrs = {}

            def is_leaf_module(self, m, module_qualified_name):
                return True

        self.tracer = TransformerTracer(self.new_graph)
        self.tracer.root = module

    def placeholder(self, target, args, kwargs):
        return Proxy(self.new_graph.placeholder(target, None, *args[:1]), self.tracer)

    def get_attr(self, target, args, kwargs):
        return self.tracer.create_proxy("get_attr", target, args, kwargs)

    def call_module(self, target, args, kwargs):
        submodule = self.fetch_attr(target)
        return self.tracer.call_module(submodule, submodule.forward, args, kwargs)

    def call_function(self, target, args, kwargs):
        return self.tracer.create_proxy("call_function", target, args, kwargs)

    def transform(self):
        """The new `GraphModule`, with the state of the old one."""
        with intercepting(), preserve_node_meta():
            result = super().run(enable_io_processing=False)
        if result is not None:
            strip = lambda a: a.node if isinstance(a, Proxy) else a
            new = self.new_graph.output(map_aggregate(result, strip))
            old = self.graph.output_node()
            new.meta, new.type = dict(old.meta), old.type
        return GraphModule(self.module, self.new_graph)
