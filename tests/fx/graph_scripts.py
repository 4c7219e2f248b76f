"""Work on graphs, printed: each script prints the same with PyTorch and here."""

import copy
import operator
import typing


def attempt(say, action):
    """Say what an action gives, or the first sentence of its error."""
    try:
        say("gives", action())
    except Exception as error:
        say(type(error).__name__, str(error).split("\n")[0].split(". ")[0].rstrip("."))


def building(torch, say):
    fx = torch.fx
    g = fx.Graph()
    x = g.placeholder("x", torch.Tensor)
    y = g.placeholder("y", default_value=2.0)
    w = g.call_function(torch.add, (x,), {"other": y})
    z = g.call_method("mul", (w, w))
    g.output((z, [w]))
    say(g, len(g.nodes), list(reversed(g.nodes)))
    say(w.all_input_nodes, w.users, x.users, w.next, w.prev, w.args, w.kwargs, x < w, z <= w)
    say(w.format_node(), x.format_node())
    with g.inserting_after(w):
        a = g.call_method("a", (w,))
        g.call_method("b", (w,))
    with g.inserting_before(z):
        g.call_method("c", (w,))
        g.call_method("d", (w,))
    with g.inserting_before():
        g.call_method("hex", (2.0,))
    say(g)
    say(g.find_nodes(op="call_method"), g.find_nodes(op="call_function", target=torch.add))
    attempt(say, lambda: g.erase_node(w))
    attempt(say, lambda: g.erase_node(a))
    attempt(say, lambda: w.replace_all_uses_with(x))
    attempt(say, g.lint)
    say(g, fx.GraphModule(torch.nn.Module(), g).code)
    z.append(x)
    attempt(say, g.lint)


def arguments(torch, say):
    fx = torch.fx
    g = fx.Graph()
    x, y = g.placeholder("x"), g.placeholder("y")
    w = g.call_function(torch.add, (x, 1), {"alpha": y})
    g.output(w)
    attempt(say, lambda: w.update_arg(3, 1))
    attempt(say, lambda: w.update_arg(1, [y, (x, {"k": y}), slice(x, None, 2)]))
    say(g, x.users, y.users)
    attempt(say, lambda: w.insert_arg(0, y))
    attempt(say, lambda: w.insert_arg(9, y))
    attempt(say, lambda: w.update_kwarg("alpha", 3))
    attempt(say, lambda: w.replace_input_with(x, y))
    say(g, x.users, y.users, type(w.args[2]).__name__, type(w.kwargs).__name__)
    attempt(say, lambda: w.args[2].append(1))
    attempt(say, lambda: w.kwargs.update(a=1))
    w.args = (x,)
    w.kwargs = {}
    say(g, fx.node.map_arg((x, [w, 1]), lambda n: n.name))
    say(fx.node.map_aggregate([1, (2, {"a": slice(3, 4)})], lambda v: v))
    attempt(say, lambda: g.create_node("foo", "x"))
    attempt(say, lambda: g.call_function("abc"))
    attempt(say, lambda: g.call_method(torch.add))
    attempt(say, lambda: fx.Graph().erase_node(w))
    attempt(say, lambda: x.prepend(fx.Graph().placeholder("z")))


def naming(torch, say):
    g = torch.fx.Graph()
    wishes = ["x", "x", "x_1", "x_1", "x_3", "x", "max", "1st", "a.b", "BatchNorm2d", "conv1", "if",
              "torch", "inf", "self", "None", "x_01", "add_2_1", "add_2", "", "a b!c", "_", "x__2",
              "myLinearReLU6", "print", "device", "__len__", "ab_", "x_1_2"]  # fmt: skip
    for wish in wishes:
        g.placeholder(wish)
    for wish in ("__getitem__", "__add__", "add", "camelCase", "max"):
        g.call_method(wish)
    say([n.name for n in g.nodes])


def copies(torch, say):
    fx, nn = torch.fx, torch.nn
    module = fx.symbolic_trace(nn.Sequential(nn.Linear(2, 2), nn.ReLU()))
    g = fx.Graph()
    values = {}
    result = g.graph_copy(module.graph, values)
    g.output(g.call_function(torch.neg, (result,)))
    say(g, list(values.items()), result)
    twin = copy.deepcopy(module.graph)
    say(twin, twin.nodes is module.graph.nodes)
    other = fx.GraphModule({"0": nn.Linear(2, 3), "1": nn.Tanh()}, copy.deepcopy(module.graph))
    say(other, list(other.state_dict()))
    attempt(say, lambda: fx.GraphModule({"0": nn.Linear(2, 3)}, copy.deepcopy(module.graph)))
    attempt(say, lambda: fx.GraphModule(3, copy.deepcopy(module.graph)))
    say(module.add_submodule("a.b.c", nn.ReLU()), module.delete_submodule("zz"))
    say(module)
    module.delete_all_unused_submodules()
    say(module, module.delete_submodule("0"), module.training, module.eval().training)


def dead_code(torch, say):
    def f(x, y):
        torch.add(x, 1)
        torch.rand_like(x)
        torch.nn.functional.gelu(x * 2).sum()
        torch._assert(x, "text")
        return y

    module = torch.fx.symbolic_trace(f)
    say(module.graph.eliminate_dead_code(), module.graph, module.graph.eliminate_dead_code())
    again = torch.fx.symbolic_trace(f)
    kept = ("call_method", "placeholder", "output")
    again.graph.eliminate_dead_code(is_impure_node=lambda n: n.op in kept)
    say(again.graph)


def patterns(torch, say):
    F = torch.nn.functional

    def replaced(program, pattern, replacement):
        module = torch.fx.symbolic_trace(program)
        found = torch.fx.replace_pattern(module, pattern, replacement)
        say([(match.anchor, match.nodes_map) for match in found], module.code)

    def sums(x, w1, w2):
        m1, m2 = torch.cat([w1, w2]).sum(), torch.cat([w1, w2]).sum()
        return x + torch.max(m1) + torch.max(m2)

    def two(a, b):
        c = a + b
        return c, torch.relu(c)

    def square(x):
        y = x + 1
        return torch.relu(y) * y

    replaced(sums, lambda a, b: torch.cat([a, b]).sum(), lambda a, b: torch.stack([a, b]))
    replaced(lambda x: torch.neg(torch.neg(torch.neg(x))), lambda x: torch.neg(torch.neg(x)),
             lambda x: x.abs())  # fmt: skip
    replaced(
        lambda x: torch.sigmoid(x) * x + x, lambda a: torch.sigmoid(a) * a, lambda a: F.silu(a)
    )
    replaced(lambda x, y: (x + y).relu() + (y + x), lambda a, b: a + b, lambda a, b: a - b)
    replaced(lambda x, y: F.relu(x, inplace=True) + F.relu(y), lambda a: F.relu(a),
             lambda a: F.gelu(a))  # fmt: skip
    replaced(lambda x: x.max(dim=1), lambda a: a.max(dim=1), lambda a: a.min(dim=1))
    replaced(lambda x, y: torch.relu(x + y) * (x + y), two, lambda a, b: (a * b, a - b))
    replaced(lambda x: square(x) + square(x * 2), square, lambda x: x)
    replaced(lambda x: torch.exp(x) + torch.exp(x).sum(), lambda x: torch.exp(x).sum(),
             lambda x: torch.log(x))  # fmt: skip


def splits(torch, say):
    nn = torch.nn
    split_module = torch.fx.passes.split_module.split_module

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.lin, self.w = nn.Linear(4, 4), nn.Parameter(torch.ones(4))
            self.sub = nn.Sequential(nn.Linear(4, 4), nn.ReLU())

        def forward(self, x, y=None):
            a = self.lin(x) + self.w
            b = self.sub(a)
            c = b + y
            e = torch.relu(c * self.w)
            return {"e": e, "t": (a, c)}, x

    module = torch.fx.symbolic_trace(Net())
    groups = {"lin": "a", "add": "a", "sub_0": "b", "sub_1": "b", "add_1": "c", "mul": "c"}
    names = {}
    parts = split_module(module, module, lambda n: groups.get(n.name, "z"), qualname_map=names)
    say(parts, names)
    for name, part in parts.named_children():
        say(name, part.graph, list(part.state_dict()))
    attempt(say, lambda: split_module(module, module, lambda n: int(n.name in ("add", "mul"))))
    same = split_module(module, module, lambda n: 0, keep_original_node_name=True,
                        partition_affix="q", tuple_return=True)  # fmt: skip
    say(same.code, same.submod_q_0.code)


def shapes(torch, say):
    nn = torch.nn
    module = torch.fx.symbolic_trace(nn.Sequential(nn.Linear(4, 4), nn.Conv1d(2, 3, 1)))
    torch.fx.passes.shape_prop.ShapeProp(module).propagate(torch.ones(5, 2, 4))
    say([(n.name, n.meta["tensor_meta"]) for n in module.graph.nodes])
    module = torch.fx.symbolic_trace(lambda x: (x.chunk(2), x.shape, x.to(torch.int64)[0]))
    torch.fx.passes.shape_prop.ShapeProp(module).propagate(torch.ones(2, 4))
    say([(n.name, n.meta.get("tensor_meta")) for n in module.graph.nodes])


def passes(torch, say):
    base, manager = (getattr(torch.fx.passes.infra, name) for name in ("pass_base", "pass_manager"))
    module = torch.fx.symbolic_trace(lambda x: torch.relu(x))

    class Changes(base.PassBase):
        def call(self, graph_module):
            return base.PassResult(graph_module, True)

    class Nothing(base.PassBase):
        def call(self, graph_module):
            return None

    def first(gm):
        return base.PassResult(gm, False)

    def second(gm):
        return base.PassResult(gm, False)

    say(manager.pass_result_wrapper(lambda gm: None)(module).modified)
    say(manager.PassManager([Changes()])(module).modified, manager.PassManager([first])(module)[1])
    attempt(say, lambda: manager.PassManager([Changes(), Nothing()])(module))
    order = manager.this_before_that_pass_constraint(second, first)
    ordered = manager.PassManager([first, second], constraints=[order])
    try:
        ordered.validate_constraints()
    except RuntimeError as error:
        say(str(error).split("Expected")[0])
    ordered.solve_constraints()
    say([p.__name__ for p in ordered.passes])
    attempt(say, lambda: ordered.add_checks(lambda a, b: None))


def tracers(torch, say):
    fx, nn = torch.fx, torch.nn

    class Deep(fx.Tracer):
        def is_leaf_module(self, m, module_qualified_name):
            return module_qualified_name == "1"

    class Loud(fx.Tracer):
        def create_node(self, kind, target, args, kwargs, name=None, type_expr=None):
            node = super().create_node(kind, target, args, kwargs, name, type_expr)
            say("made", kind, node.name)
            return node

        def call_module(self, m, forward, args, kwargs):
            say("calls", self.path_of_module(m))
            return super().call_module(m, forward, args, kwargs)

    model = nn.Sequential(nn.ReLU(), nn.Linear(2, 2), nn.Tanh(), nn.Sequential(nn.Linear(2, 2)))
    say(Loud().trace(model))
    say(Deep().trace(nn.Sequential(nn.Flatten(), nn.Linear(2, 2))))
    attempt(say, lambda: fx.Tracer().path_of_module(model))

    class Shaped(nn.Module):
        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(torch.ones(2, 3))

        def forward(self, x):
            return x.sum() if self.w.shape[0] == 2 and self.w.dim() == 2 else x

    say(fx.Tracer(param_shapes_constant=True).trace(Shaped()))
    attempt(say, lambda: fx.symbolic_trace(Shaped()))
    stacks = fx.Tracer().trace(nn.Sequential(nn.Sequential(nn.Linear(2, 2), nn.ReLU())))
    say([(n.name, {k: v[0] for k, v in n.meta.get("nn_module_stack", {}).items()})
         for n in stacks.nodes])  # fmt: skip


def control_flow(torch, say):
    trace = torch.fx.symbolic_trace
    for program in (
        lambda x: 1 if x else 2, lambda x: list(x), lambda x: len(x), lambda x: int(x),
        lambda x: range(x), lambda x: dict(**x), lambda x: max(*x), lambda x: x in [1, 2],
        lambda x: 3 in x, lambda x: [] + x, lambda x: not x, lambda x: {x: 1},
        lambda x: operator.setitem(x, 0, 1),
    ):  # fmt: skip
        attempt(say, lambda program=program: trace(program).code)
    attempt(say, lambda: trace(lambda x: {(x,): 1}))
    attempt(say, lambda: torch.fx.wrap(3))
    attempt(say, lambda: torch.fx.wrap("len"))


def interpreters(torch, say):
    fx, nn = torch.fx, torch.nn
    module = fx.symbolic_trace(lambda x, y=2.0: (torch.relu(x) * y).sum())

    class Told(fx.Interpreter):
        def run_node(self, n):
            result = super().run_node(n)
            say(n.op, n.name, list(self.env))
            return result

    say(Told(module).run(torch.ones(2)), Told(module, garbage_collect_values=False).run(
        torch.ones(2), 3.0))  # fmt: skip
    attempt(say, lambda: fx.Interpreter(module).run())
    first = next(iter(module.graph.nodes))
    say(fx.Interpreter(module).run(5.0, initial_env={first: torch.full((2,), 3.0)}))

    class Swapped(fx.Transformer):
        def call_function(self, target, args, kwargs):
            target = torch.exp if target is torch.relu else target
            return super().call_function(target, args, kwargs)

        def call_method(self, target, args, kwargs):
            return super().call_method("mean" if target == "sum" else target, args, kwargs)

    say(Swapped(module).transform().code)
    say(fx.Transformer(fx.symbolic_trace(nn.Sequential(nn.Linear(2, 2), nn.ReLU()))).transform())


def codes(torch, say):
    fx = torch.fx
    module = fx.symbolic_trace(lambda x, y: x + y)
    remove = module.graph.on_generate_code(
        lambda before: lambda body: ["z = 3\n", *(before(body) if before else body)]
    )
    module.recompile()
    say(module.code, remove is not None)

    class Listed(fx.graph.CodeGen):
        def gen_fn_def(self, free_vars, maybe_return_annotation):
            return (f"def forward(self, args_list: List[torch.Tensor]){maybe_return_annotation}:\n"
                    f"    {', '.join(free_vars)} = args_list")  # fmt: skip

        def additional_globals(self):
            return [("List", typing.List)]  # noqa: UP006

        def process_inputs(self, *inputs):
            return inputs[0]

    listed = fx.symbolic_trace(lambda x, y: x * y)
    listed.graph.set_codegen(Listed())
    listed.recompile()
    ones = [torch.ones(2), torch.ones(2)]
    say(listed.code, listed(ones), fx.Interpreter(listed).run(ones))
    nested = fx.symbolic_trace(lambda x: [x["a"] + x["b"][0]],
                               concrete_args={"x": {"a": fx.PH, "b": [fx.PH]}})  # fmt: skip
    say(nested.code, nested({"a": torch.ones(1), "b": [torch.ones(1)]}))
    say(nested.graph.process_inputs({"a": 1, "b": [2]}), nested.graph.process_outputs([3]))


SCRIPTS = [building, arguments, naming, copies, dead_code, patterns, splits, shapes, passes,
           tracers, control_flow, interpreters, codes]  # fmt: skip


def printed(torch, script):
    """All that a script says, as lines."""
    lines = []

    def say(*things):
        lines.extend(" ".join(map(str, things)).split("\n"))

    script(torch, say)
    return [line.rstrip() for line in lines]
