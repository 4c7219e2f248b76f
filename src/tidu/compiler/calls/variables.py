"""Which variables statements read and set: a walk over syntax trees in the order of evaluation."""

import ast

__all__ = ["Names", "captured_names", "names_of"]

_SCOPES = (ast.Lambda, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


class Names:
    """Of some statements: `read` anywhere, `read_first` perhaps before they are set there, `stored`
    perhaps, and `surely` stored."""

    def __init__(self, known):
        self.known = known
        self.read, self.read_first, self.stored, self.surely = set(), set(), set(), set()

    def load(self, name, hidden):
        if name in self.known and name not in hidden:
            self.read.add(name)
            if name not in self.surely:
                self.read_first.add(name)

    def store(self, name, surely):
        if name in self.known:
            self.stored.add(name)
            if surely:
                self.surely.add(name)


def names_of(nodes, known):
    """The Names of these nodes in their order; `known`: the function's variables."""
    names = Names(known)
    for node in nodes:
        _walk(node, names, True, frozenset())
    return names


def captured_names(node):
    """The names that functions written inside may read when they are called later. (A generator
    handed to a call, as in `sum(... for ...)`, is taken to be used up by it.)"""
    found, soon = set(), set()
    for inner in ast.walk(node):
        if isinstance(inner, ast.Call):
            soon.update(a for a in inner.args if isinstance(a, ast.GeneratorExp))
        if isinstance(inner, (ast.Lambda, ast.GeneratorExp)) and inner not in soon:
            own = {a.arg for a in ast.walk(inner) if isinstance(a, ast.arg)}
            found |= {n.id for n in ast.walk(inner) if isinstance(n, ast.Name)} - own
    return found


def _walk(node, names, surely, hidden):
    if isinstance(node, ast.Name):
        if isinstance(node.ctx, ast.Load):
            names.load(node.id, hidden)
        elif node.id not in hidden:
            names.store(node.id, surely)
    elif isinstance(node, ast.AugAssign):
        if isinstance(node.target, ast.Name):
            names.load(node.target.id, hidden)
        _walk(node.value, names, surely, hidden)
        _walk(node.target, names, surely, hidden)
    elif isinstance(node, (ast.Assign, ast.AnnAssign)):
        if node.value is not None:
            _walk(node.value, names, surely, hidden)
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                _walk(target, names, surely, hidden)
    elif isinstance(node, _COMPREHENSIONS):
        inner = {n.id for g in node.generators for n in ast.walk(g.target)
                 if isinstance(n, ast.Name)}  # fmt: skip
        for part in ast.iter_child_nodes(node):
            _walk(part, names, False, hidden | inner)
    elif isinstance(node, ast.Lambda):
        inner = {a.arg for a in ast.walk(node.args) if isinstance(a, ast.arg)}
        _walk(node.body, names, False, hidden | inner)
        for default in (*node.args.defaults, *[d for d in node.args.kw_defaults if d]):
            _walk(default, names, False, hidden)
    elif isinstance(node, _SCOPES):
        names.store(node.name, surely)
        for inner in ast.walk(node):
            if isinstance(inner, ast.Name):
                names.load(inner.id, hidden)
    else:
        _walk_statement(node, names, surely, hidden)


def _walk_statement(node, names, surely, hidden):
    """Blocks that may not run set nothing for certain."""
    if isinstance(node, (ast.For, ast.AsyncFor)):
        _walk(node.iter, names, surely, hidden)
        _walk(node.target, names, False, hidden)
        # The second turn may read what the first has set: nothing of it is set for certain.
        for part in (*node.body, *node.orelse):
            _walk(part, names, False, hidden)
        return
    if isinstance(node, (ast.If, ast.While)):
        _walk(node.test, names, surely, hidden)
        for part in (*node.body, *node.orelse):
            _walk(part, names, False, hidden)
        return
    if isinstance(node, (ast.Try, ast.Match)):
        for part in ast.iter_child_nodes(node):
            _walk(part, names, False, hidden)
        return
    if isinstance(node, ast.ExceptHandler) and node.name:
        names.store(node.name, False)
    if isinstance(node, (ast.MatchAs, ast.MatchStar)) and node.name:
        names.store(node.name, False)
    if isinstance(node, ast.With):
        for item in node.items:
            _walk(item.context_expr, names, surely, hidden)
            if item.optional_vars is not None:
                _walk(item.optional_vars, names, surely, hidden)
        for part in node.body:
            _walk(part, names, surely, hidden)
        return
    short = isinstance(node, (ast.BoolOp, ast.IfExp))
    for part in ast.iter_child_nodes(node):
        _walk(part, names, surely and not short, hidden)
