"""Which names of torch a program uses, read from its syntax tree without running it.

`torch_uses(tree)` is the call. `Reader` walks the tree with a stack of scopes: each knows which of
its names stand for something of torch (through imports) and which variables are certainly tensors.
"""

import ast
from dataclasses import dataclass, field

from .tensor_names import TENSOR_ATTRIBUTES, TENSOR_FUNCTIONS, TENSOR_METHODS

PACKAGES = ("torch", "torchvision")
TENSOR = "torch.Tensor"
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
FORGIVING = {"ImportError", "ModuleNotFoundError", "AttributeError", "Exception", "BaseException"}


@dataclass(frozen=True, order=True)
class Use:
    """One place where a program uses a name, for instance torch.nn.Linear."""

    line: int
    column: int
    name: str


@dataclass
class Scope:
    """The names one function, class, comprehension or module binds."""

    is_class: bool = False
    imported: dict[str, str] = field(default_factory=dict)
    values: dict[str, list[ast.expr | None]] = field(default_factory=dict)
    tensors: set[str] = field(default_factory=set)
    being_inferred: set[str] = field(default_factory=set)

    def bind(self, name: str, value: ast.expr | None = None) -> None:
        """Notes an assignment; None is a value nothing is known about."""
        self.values.setdefault(name, []).append(value)


def torch_uses(tree: ast.Module) -> list[Use]:
    """All uses of torch's names in the order of the text, but those the program itself defines."""
    reader = Reader()
    reader.visit(tree)
    return sorted(use for use in reader.uses if use.name not in reader.defined)


def belongs_to_torch(name: str | None) -> bool:
    return name is not None and name.partition(".")[0] in PACKAGES


class Reader(ast.NodeVisitor):
    """Collects uses; names whose absence a `try` or `hasattr` provides for do not count."""

    def __init__(self):
        self.uses: set[Use] = set()
        self.defined: set[str] = set()
        self.scopes: list[Scope] = []
        self.guarded: list[str] = []

    # Scopes

    def visit_Module(self, node):
        self.within(node, [node.body])

    def visit_ClassDef(self, node):
        self.visit_all(node.decorator_list + node.bases + [word.value for word in node.keywords])
        self.within(node, [node.body], is_class=True)

    def visit_FunctionDef(self, node):
        arguments = every_argument(node.args)
        outside = [*node.args.defaults, *node.args.kw_defaults, node.returns]
        outside += [argument.annotation for argument in arguments]
        self.visit_all([*getattr(node, "decorator_list", []), *outside])
        self.within(node, [node.body], arguments=arguments)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Lambda(self, node):
        self.visit_all([*node.args.defaults, *node.args.kw_defaults])
        self.within(node, [[node.body]], arguments=every_argument(node.args))

    def visit_comprehension_expression(self, node):
        scope = Scope()
        for generator in node.generators:
            bind_target(scope, generator.target)
        self.scopes.append(scope)
        self.generic_visit(node)
        self.scopes.pop()

    visit_ListComp = visit_SetComp = visit_comprehension_expression
    visit_DictComp = visit_GeneratorExp = visit_comprehension_expression

    def within(self, node, bodies, is_class=False, arguments=()):
        scope = Scope(is_class)
        self.scopes.append(scope)
        for body in bodies:
            for statement in body:
                collect_bindings(scope, statement)
        for argument in arguments:
            scope.bind(argument.arg)
            if argument.annotation and self.resolve(argument.annotation) == TENSOR:
                scope.tensors.add(argument.arg)
        for body in bodies:
            self.visit_all(body)
        self.scopes.pop()

    def visit_all(self, nodes):
        for node in nodes:
            if node is not None:
                self.visit(node)

    # What provides for an absent name

    def visit_Try(self, node):
        forgiving = any(is_forgiving(handler.type) for handler in node.handlers)
        self.under_guard([""] if forgiving else [], node.body)
        self.visit_all([*node.handlers, *node.orelse, *node.finalbody])

    visit_TryStar = visit_Try

    def visit_If(self, node):
        self.visit(node.test)
        self.under_guard(self.names_asked_for(node.test), node.body)
        self.visit_all(node.orelse)

    def visit_IfExp(self, node):
        self.visit(node.test)
        self.under_guard(self.names_asked_for(node.test), [node.body])
        self.visit(node.orelse)

    def under_guard(self, names, nodes):
        self.guarded.extend(names)
        self.visit_all(nodes)
        del self.guarded[len(self.guarded) - len(names) :]

    def names_asked_for(self, test) -> list[str]:
        """The names which `hasattr(torch.x, "y")` anywhere in a condition asks for."""
        asked = []
        for call in ast.walk(test):
            if isinstance(call, ast.Call) and call_name(call) == "hasattr" and len(call.args) == 2:
                owner, name = self.owner(call.args[0]), literal(call.args[1])
                if owner and name:
                    asked.append(f"{owner}.{name}")
        return asked

    # Uses

    def record(self, name: str, node) -> None:
        if not any(name.startswith(guard) for guard in self.guarded):
            self.uses.add(Use(node.lineno, node.col_offset + 1, name))

    def visit_Import(self, node):
        for alias in node.names:
            if belongs_to_torch(alias.name):
                self.record(alias.name, alias)

    def visit_ImportFrom(self, node):
        if node.level == 0 and belongs_to_torch(node.module):
            for alias in node.names:
                name = node.module if alias.name == "*" else f"{node.module}.{alias.name}"
                self.record(name, alias)

    def visit_Attribute(self, node):
        owner = self.owner(node.value)
        if owner is None:
            self.generic_visit(node)
            return
        name = f"{owner}.{node.attr}"
        if isinstance(node.ctx, ast.Load):
            self.record(name, node)
        else:
            self.defined.add(name)
        if owner == TENSOR and self.resolve(node.value) is None:
            self.visit(node.value)

    def visit_Call(self, node):
        called = call_name(node)
        if called == "getattr" and len(node.args) == 2:
            owner, name = self.owner(node.args[0]), literal(node.args[1])
            if owner and name:
                self.record(f"{owner}.{name}", node)
        elif called == "import_module" and node.args and belongs_to_torch(literal(node.args[0])):
            self.record(literal(node.args[0]), node)
        self.generic_visit(node)

    # What an expression stands for

    def owner(self, node) -> str | None:
        """The name of torch whose attribute is asked for; torch.Tensor for any certain tensor."""
        return self.resolve(node) or (TENSOR if self.is_tensor(node) else None)

    def resolve(self, node) -> str | None:
        """nn.Linear -> torch.nn.Linear, when nn is torch.nn here."""
        if isinstance(node, ast.Attribute):
            owner = self.resolve(node.value)
            return owner and f"{owner}.{node.attr}"
        if isinstance(node, ast.Name):
            scope = self.scope_of(node.id)
            return scope.imported.get(node.id) if scope else None
        return None

    def scope_of(self, name: str) -> Scope | None:
        for depth, scope in enumerate(reversed(self.scopes)):
            if (depth == 0 or not scope.is_class) and (
                name in scope.imported or name in scope.values
            ):
                return scope
        return None

    def is_tensor(self, node) -> bool:
        """Whether an expression is a tensor for certain."""
        if isinstance(node, ast.Name):
            return self.is_tensor_variable(node.id)
        if isinstance(node, ast.Call):
            return self.gives_tensor(node.func)
        if isinstance(node, ast.BinOp):
            return self.is_tensor(node.left) or self.is_tensor(node.right)
        if isinstance(node, ast.UnaryOp):
            return not isinstance(node.op, ast.Not) and self.is_tensor(node.operand)
        if isinstance(node, ast.Subscript):
            return self.is_tensor(node.value)
        if isinstance(node, ast.Attribute):
            return node.attr in TENSOR_ATTRIBUTES and self.is_tensor(node.value)
        return False

    def is_tensor_variable(self, name: str) -> bool:
        scope = self.scope_of(name)
        if scope is None or name in scope.imported:
            return False
        if name in scope.tensors or name in scope.being_inferred:
            return True  # x = x * 2 keeps what x was; its other assignments decide
        scope.being_inferred.add(name)
        try:
            return all(value is not None and self.is_tensor(value) for value in scope.values[name])
        finally:
            scope.being_inferred.discard(name)

    def gives_tensor(self, function) -> bool:
        name = self.resolve(function)
        if name is not None:
            return name in TENSOR_FUNCTIONS
        return (
            isinstance(function, ast.Attribute)
            and function.attr in TENSOR_METHODS
            and self.is_tensor(function.value)
        )


def every_argument(arguments: ast.arguments) -> list[ast.arg]:
    stars = [argument for argument in (arguments.vararg, arguments.kwarg) if argument]
    return [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, *stars]


def collect_bindings(scope: Scope, node: ast.AST) -> None:
    """Notes what a statement binds in its own scope, nested blocks included, nested scopes not."""
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        bind_import(scope, node)
    elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        scope.bind(node.name)
        return
    elif isinstance(node, ast.Assign):
        for target in node.targets:
            bind_target(scope, target, node.value)
    elif isinstance(node, (ast.AnnAssign, ast.NamedExpr)):
        bind_target(scope, node.target, node.value)
    elif isinstance(node, (ast.For, ast.AsyncFor)):
        bind_target(scope, node.target)
    elif isinstance(node, ast.withitem) and node.optional_vars:
        bind_target(scope, node.optional_vars)
    elif isinstance(node, ast.ExceptHandler) and node.name:
        scope.bind(node.name)
    if not isinstance(node, (*FUNCTIONS, *COMPREHENSIONS)):
        for child in ast.iter_child_nodes(node):
            collect_bindings(scope, child)


def bind_import(scope: Scope, node: ast.Import | ast.ImportFrom) -> None:
    for alias in node.names:
        if isinstance(node, ast.ImportFrom):
            full = f"{node.module}.{alias.name}" if node.level == 0 else ""
            short = alias.asname or alias.name
        else:
            full = alias.name if alias.asname else alias.name.partition(".")[0]
            short = alias.asname or full
        if belongs_to_torch(full):
            scope.imported[short] = full
        else:
            scope.bind(short)


def bind_target(scope: Scope, target: ast.expr, value: ast.expr | None = None) -> None:
    if isinstance(target, ast.Name):
        scope.bind(target.id, value)
    elif isinstance(target, (ast.Tuple, ast.List)):
        for element in target.elts:
            bind_target(scope, element)
    elif isinstance(target, ast.Starred):
        bind_target(scope, target.value)


def is_forgiving(kind: ast.expr | None) -> bool:
    """Whether an `except` clause catches the error an absent name gives."""
    if kind is None:
        return True
    if isinstance(kind, ast.Tuple):
        return any(is_forgiving(element) for element in kind.elts)
    return isinstance(kind, ast.Name) and kind.id in FORGIVING


def call_name(call: ast.Call) -> str:
    function = call.func
    return function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")


def literal(node: ast.expr) -> str | None:
    value = getattr(node, "value", None) if isinstance(node, ast.Constant) else None
    return value if isinstance(value, str) else None
