"""The lines of the user's program: what they are, what they assign and cut.

Used when something went wrong, never before: the source is read and parsed then. Read `steps_of`.
"""

import ast
import linecache

__all__ = ["Place", "Step", "place_of", "steps_of"]


class Place:
    """A line of a program: file, number, text."""

    __slots__ = ("file", "line")

    def __init__(self, file, line):
        self.file, self.line = file, line

    @property
    def text(self):
        return linecache.getline(self.file, self.line).strip()

    def __str__(self):
        text = self.text
        where = f'"{self.file}", line {self.line}'
        return f"{where}: {text}" if text else where


def place_of(frame):
    return None if frame is None else Place(frame.f_code.co_filename, frame.f_lineno)


# --- what the lines of a function do ------------------------------------------------------------


class Step:
    """One statement: `names` it assigns and `reads`, names it changes in place, and its `cuts`.

    A cut is (word, name): what takes `name` out of the graph, "detach()" or "torch.no_grad()".
    """

    __slots__ = ("changes", "cuts", "file", "line", "names", "quiet", "reads", "text")

    def __init__(self, file, node, quiet):
        self.file, self.line, self.quiet = file, node.lineno, quiet
        self.text = linecache.getline(file, node.lineno).strip()
        self.names, self.reads, self.changes, self.cuts = set(), set(), set(), []

    @property
    def place(self):
        return Place(self.file, self.line)


def steps_of(frame):
    """The statements of the function (or module) that runs in `frame`, in the order of its text."""
    code = frame.f_code
    source = "".join(linecache.getlines(code.co_filename, frame.f_globals))
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return []
    body = tree.body if code.co_name == "<module>" else _body_of(tree, code)
    steps: list[Step] = []
    _walk(body, code.co_filename, False, steps)
    return steps


def _body_of(tree, code):
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name == code.co_name:
            first = min([node.lineno, *[d.lineno for d in node.decorator_list]])
            if first <= code.co_firstlineno <= node.lineno:
                return node.body
    return []


_QUIET = {"no_grad", "inference_mode"}
_BLOCKS = ("body", "orelse", "finalbody")


def _walk(body, file, quiet, steps):
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            continue
        inner = quiet or (isinstance(node, ast.With) and any(_is_quiet(i) for i in node.items))
        if any(hasattr(node, part) for part in _BLOCKS):
            head = _head(node)
            if head is not None:
                steps.append(_step(head, file, quiet))
            for part in _BLOCKS:
                _walk(getattr(node, part, []), file, inner, steps)
            for handler in getattr(node, "handlers", []):
                _walk(handler.body, file, inner, steps)
        else:
            steps.append(_step(node, file, inner))


def _is_quiet(item):
    called = item.context_expr.func if isinstance(item.context_expr, ast.Call) else None
    word = getattr(called, "attr", getattr(called, "id", ""))
    return word in _QUIET


def _head(node):
    """The line of a block that computes: the condition of an if, the iterable of a loop."""
    for part in ("test", "iter"):
        found = getattr(node, part, None)
        if found is not None:
            head = ast.Expr(found)
            ast.copy_location(head, node)
            return head
    return None


def _step(node, file, quiet):
    step = Step(file, node, quiet)
    if isinstance(node, ast.AugAssign):
        step.changes.add(_dotted(node.target) or "")
        step.names.update(_targets(node.target))
        step.reads.update(_targets(node.target))
    for target in getattr(node, "targets", []) + [getattr(node, "target", None)]:
        if isinstance(target, ast.Subscript):
            step.changes.add(_dotted(target.value) or "")
        elif isinstance(target, ast.AST):
            step.names.update(_targets(target))
    for part in ast.walk(node):
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load):
            step.reads.add(part.id)
        if isinstance(part, ast.Attribute):
            step.reads.add(_dotted(part) or "")
        _note_call(part, step)
    return step


def _targets(target):
    if isinstance(target, (ast.Tuple, ast.List)):
        return {n for part in target.elts for n in _targets(part)}
    word = _dotted(target.value if isinstance(target, ast.Starred) else target)
    return {word} if word else set()


def _dotted(node):
    """`model.weight` of a chain of attributes, or None."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        base = _dotted(node.value)
        return f"{base}.{node.attr}" if base else None
    return None


_CUT_CALLS = {"detach", "item", "tolist", "numpy", "long", "int", "bool", "short", "char", "byte",
              "argmax", "argmin", "argsort", "nonzero", "detach_", "clone().detach"}  # fmt: skip
_CUT_FUNCTIONS = {"float", "int", "bool"}
_REBUILD = {"tensor", "as_tensor", "from_numpy", "array", "asarray", "Tensor", "FloatTensor"}


def _note_call(node, step):
    if isinstance(node, ast.Attribute) and node.attr == "data" and isinstance(node.ctx, ast.Load):
        step.cuts.append((".data", _root(node.value)))
    if not isinstance(node, ast.Call):
        return
    function = node.func
    word = getattr(function, "attr", getattr(function, "id", ""))
    if isinstance(function, ast.Attribute):
        base = _dotted(function.value)
        if word.endswith("_") and not word.endswith("__") and base:
            step.changes.add(base)
        if word in _CUT_CALLS:
            step.cuts.append((f".{word}()", _root(function.value)))
    if (
        word in _REBUILD or word in _CUT_FUNCTIONS and isinstance(function, ast.Name)
    ) and node.args:
        shown, root = _dotted(function) or word, _root(node.args[0])
        if root:  # not of numbers that stand there
            step.cuts.append((f"{shown}(...)", root))


def _root(node):
    """The name an expression starts from: `x` of `(x * 2).sum()`."""
    names = [n.id for n in ast.walk(node) if isinstance(n, ast.Name)]
    return names[0] if names else ""
