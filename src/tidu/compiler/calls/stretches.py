"""A function in stretches: what stands before and after a statement that can't be compiled.

`parted` writes the function anew from its source: statements that stopped the recording stay as
they are, and each run of others becomes a function of the variables it reads, which gives those it
sets. Blocks (`if`, `for`, `while`, `with no_grad()`) around such a statement are cut in the same
way. Where the text does not make certain that this means the same, nothing is cut.
"""

import ast
import copy
import dis
import inspect
import textwrap
import types

from .variables import captured_names, names_of

__all__ = ["form_of", "parted", "plain_function"]

_PARTS = "__stretches"
_CALLEE = "__callee"
_BLOCKS = {"no_grad", "enable_grad", "inference_mode", "set_grad_enabled", "autocast",
           "record_function", "profile", "detect_anomaly"}  # fmt: skip
_REFLECTING = {"locals", "vars", "exec", "eval", "dir", "globals"}
_WORK = (ast.Call, ast.BinOp, ast.AugAssign, ast.Compare)
_ODD = (ast.Yield, ast.YieldFrom, ast.Await, ast.Global, ast.Nonlocal, ast.Delete, ast.Import,
        ast.ImportFrom, ast.FunctionDef, ast.ClassDef, ast.AsyncFunctionDef)  # fmt: skip


def plain_function(function):
    """(the function written in Python behind `function`, what it is bound to or None)."""
    if isinstance(function, types.MethodType):
        return function.__func__, function.__self__
    return function, None


def form_of(function):
    """The code and defaults of a function, which a program may replace."""
    plain, _ = plain_function(function)
    return [getattr(plain, name, None) for name in ("__code__", "__defaults__", "__kwdefaults__")]


def parted(function, stops, compiled, callee=None):
    """`function` with `compiled(stretch)` for each stretch beside the statements at which it
    stops; None where it can't be cut. ``stops(code)`` tells whether a statement, as a syntax tree,
    is one of these; what such a statement calls is what ``callee(f)`` gives for it."""
    plain, owner = plain_function(function)
    if not isinstance(plain, types.FunctionType):
        return None
    tree = _tree_of(plain)
    if tree is None or not any(map(stops, ast.walk(tree))):
        return None
    cutter = _Cutter(plain, tree, stops, compiled, callee)
    body = cutter.cut()
    if not cutter.calls and (not cutter.stretches or _as_before(tree.body, cutter.runs)):
        return None
    others = {_PARTS: cutter.stretches, _CALLEE: callee}
    made = _made(_def(tree.name, tree, tree.args, body), plain, others)
    made.__defaults__, made.__kwdefaults__ = plain.__defaults__, plain.__kwdefaults__
    return made if owner is None else types.MethodType(made, owner)


def _as_before(body, runs):
    """Whether the one stretch is all that the function does before it returns variables: a cut
    there leads to the same stretch again."""
    if len(runs) > 1 or runs[0] != body[:-1] or not isinstance(body[-1], ast.Return):
        return False
    plain = (ast.Return, ast.Tuple, ast.Name, ast.Load)
    return all(isinstance(node, plain) for node in ast.walk(body[-1]))


# --- the text -------------------------------------------------------------------------------------


def _tree_of(function):
    """The syntax tree of a function, with the lines it has in its file; None if there is none."""
    kept = getattr(function, "_tidu_tree", None)
    if kept is not None:
        return kept
    try:
        lines, first = inspect.getsourcelines(function)
        tree = ast.parse(textwrap.dedent("".join(lines))).body[0]
    except (OSError, TypeError, SyntaxError, IndexError):
        return None
    if not isinstance(tree, ast.FunctionDef):
        return None
    ast.increment_lineno(tree, first - 1)
    tree.decorator_list = []
    return tree if _is_it(tree, function) else None


def _is_it(tree, function):
    """Whether the text gives the function's own code, and nothing in it looks at the frame."""
    code = function.__code__
    if code.co_flags & (inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR):
        return False
    if any(n in _REFLECTING for n in code.co_names):
        return False
    try:
        again = _code(_def(tree.name, tree, tree.args, tree.body), function, ())
    except SyntaxError:
        return False
    return _shape(code) == _shape(again)


def _shape(code):
    """What a code does, as far as two compilations of one text agree: calls of what a module has
    imported are written in another way."""
    return [
        (code.co_varnames, code.co_freevars, code.co_cellvars, code.co_argcount),
        *[(i.opname in _CALLED or i.opname, _value(i.argval))
          for i in dis.get_instructions(code) if i.opname not in _CALLING],
    ]  # fmt: skip


_CALLED = ("LOAD_METHOD", "LOAD_ATTR")
_CALLING = ("PUSH_NULL", "PRECALL", "CALL", "CACHE", "EXTENDED_ARG", "NOP")


def _value(argument):
    return (
        _shape(argument)
        if isinstance(argument, types.CodeType)
        else (None if isinstance(argument, int) else repr(argument))
    )


def _def(name, at, arguments, body):
    made = ast.FunctionDef(name=name, args=arguments, body=body, decorator_list=[],
                           returns=None, type_comment=None)  # fmt: skip
    if "type_params" in ast.FunctionDef._fields:
        made.type_params = []
    return ast.fix_missing_locations(ast.copy_location(made, at))


def _code(tree, function, others):
    """The code of a definition that may read what `function` reads, and the names `others`."""
    code = function.__code__
    outer = [*code.co_freevars, *others]
    given = ast.arguments(posonlyargs=[], args=[ast.arg(arg=n) for n in outer], kwonlyargs=[],
                          kw_defaults=[], defaults=[])  # fmt: skip
    plain = _def(tree.name, tree, _without_defaults(tree.args), tree.body)
    maker = _def("made", tree, given, [plain])
    module = ast.fix_missing_locations(ast.Module(body=[maker], type_ignores=[]))
    flags = code.co_flags & _FUTURE
    whole = compile(module, code.co_filename, "exec", flags=flags, dont_inherit=True)
    inner = next(c for c in whole.co_consts if isinstance(c, types.CodeType))
    return next(c for c in inner.co_consts if isinstance(c, types.CodeType))


_FUTURE = 0x1000000  # from __future__ import annotations


def _without_defaults(arguments):
    return ast.arguments(
        posonlyargs=[ast.arg(arg=a.arg) for a in arguments.posonlyargs],
        args=[ast.arg(arg=a.arg) for a in arguments.args],
        vararg=arguments.vararg and ast.arg(arg=arguments.vararg.arg),
        kwonlyargs=[ast.arg(arg=a.arg) for a in arguments.kwonlyargs],
        kw_defaults=[None] * len(arguments.kwonlyargs),
        kwarg=arguments.kwarg and ast.arg(arg=arguments.kwarg.arg),
        defaults=[],
    )


def _made(tree, function, others):
    code = _code(tree, function, tuple(others))
    cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
    cells.update({name: types.CellType(value) for name, value in others.items()})
    closure = tuple([cells[name] for name in code.co_freevars])
    made = types.FunctionType(code, function.__globals__, function.__name__, None, closure)
    made.__qualname__, made.__module__ = function.__qualname__, function.__module__
    made._tidu_tree = tree
    return made


# --- the cuts -------------------------------------------------------------------------------------


class _Cutter:
    """Cuts one function: `stretches` are what `compiled` made of its runs of statements, `calls`
    counts those to which `callee` is asked."""

    def __init__(self, function, tree, stops, compiled, callee):
        self.function, self.tree, self.stops, self.compiled = function, tree, stops, compiled
        self.callee, self.calls = callee, 0
        self.stretches, self.runs = [], []
        code = function.__code__
        self.locals = {*code.co_varnames, *code.co_cellvars}
        self.first = code.co_varnames[0] if code.co_argcount else None
        counted = [a for a in ast.walk(tree) if isinstance(a, ast.Name)
                   and isinstance(a.ctx, ast.Store)]  # fmt: skip
        stored = [a.id for a in counted]
        given = [a.arg for a in ast.walk(tree.args) if isinstance(a, ast.arg)]
        self.moving = {n for n in {*stored, *given} if [*stored, *given].count(n) > 1}
        self.given = given

    def cut(self):
        body, _ = self._block(self.tree.body, set(self.given), loops=False, last=True)
        return body

    def _block(self, statements, bound, loops, last=False):
        """(the statements, cut; the names that are surely set after them)."""
        out, run, bound = [], [], set(bound)
        before = set(bound)
        for s in statements:
            whole = last and s is statements[-1] and isinstance(s, ast.Return)
            if self._can_run(s, whole) and not any(map(self.stops, ast.walk(s))):
                run.append(s)
                bound |= names_of([s], self.locals).surely
                continue
            out += self._stretch(run, before, loops)
            cut, bound = self._cut(s, bound, loops)
            out += cut
            run, before = [], set(bound)
        return [*out, *self._stretch(run, before, loops)], bound

    def _cut(self, s, bound, loops):
        """One statement that is not part of a stretch: the blocks in it are cut."""
        if isinstance(s, ast.If):
            body, one = self._block(s.body, bound, loops)
            rest, two = self._block(s.orelse, bound, loops)
            new = ast.If(test=self._asking(s.test), body=body, orelse=rest)
            return [ast.copy_location(new, s)], one & two
        if isinstance(s, (ast.For, ast.While)):
            inside = set(bound)
            if isinstance(s, ast.For):
                inside |= names_of([s.target], self.locals).surely
            body, _ = self._block(s.body, inside, True)
            rest, _ = self._block(s.orelse, bound, loops)
            new = (
                ast.For(target=s.target, iter=self._asking(s.iter), body=body, orelse=rest)
                if isinstance(s, ast.For)
                else ast.While(test=self._asking(s.test), body=body, orelse=rest)
            )
            return [ast.copy_location(new, s)], bound
        if isinstance(s, ast.With) and all(_is_mode(item.context_expr) for item in s.items):
            for item in s.items:
                if item.optional_vars is not None:
                    bound = bound | names_of([item.optional_vars], self.locals).surely
            body, bound = self._block(s.body, bound, loops)
            return [ast.copy_location(ast.With(items=s.items, body=body), s)], bound
        return [self._asking(s)], bound | names_of([s], self.locals).surely

    def _asking(self, code):
        """A statement or expression whose calls ask `callee` what to call."""
        if self.callee is None or not any(map(self.stops, ast.walk(code))):
            return code
        asking = _Asking()
        code = ast.fix_missing_locations(asking.visit(copy.deepcopy(code)))
        self.calls += asking.count
        return code

    def _can_run(self, s, last):
        """Whether a statement may be part of a function of its own."""
        for node in ast.walk(s):
            if isinstance(node, _ODD) or (isinstance(node, ast.Return) and not last):
                return False
            if isinstance(node, ast.NamedExpr):
                return False
        if _leaves_loop(s):
            return False
        # A function written here sees later values of a variable; one in a stretch would not.
        return not captured_names(s) & self.moving

    def _stretch(self, run, bound, loops):
        """The run as a call of a function of its own, or as it is."""
        while run and not _works(run[0]):
            return [run[0], *self._stretch(run[1:], bound | names_of([run[0]], self.locals).surely,
                                           loops)]  # fmt: skip
        if not run:
            return []
        body = [_plain_super(s, self.first) for s in run]
        names = names_of(body, self.locals)
        used = names_of(self._others(run, loops), self.locals).read
        sets = sorted(n for n in names.stored if n in used)
        takes = sorted(names.read_first | {n for n in sets if n not in names.surely})
        if not set(takes) <= bound:
            return run
        if self.first in takes:
            takes = [self.first, *[n for n in takes if n != self.first]]
        ends = isinstance(run[-1], ast.Return)
        if not ends:
            body.append(ast.Return(value=_tuple(sets, ast.Load())))
        given = ast.arguments(posonlyargs=[], args=[ast.arg(arg=n) for n in takes], kwonlyargs=[],
                              kw_defaults=[], defaults=[])  # fmt: skip
        for n in body[len(run) :]:
            ast.copy_location(n, run[-1])
        made = _made(_def(self.tree.name, run[0], given, body), self.function, {})
        self.stretches.append(self.compiled(made))
        self.runs.append(run)
        call = ast.Call(
            func=ast.Subscript(value=ast.Name(id=_PARTS, ctx=ast.Load()),
                               slice=ast.Constant(value=len(self.stretches) - 1), ctx=ast.Load()),
            args=[ast.Name(id=n, ctx=ast.Load()) for n in takes], keywords=[],
        )  # fmt: skip
        if ends:
            new = ast.Return(value=call)
        elif sets:
            new = ast.Assign(targets=[_tuple(sets, ast.Store())], value=call)
        else:
            new = ast.Expr(value=call)
        return [ast.fix_missing_locations(ast.copy_location(new, run[0]))]

    def _others(self, run, loops):
        """All of the function outside a run; in a loop the run too, as it comes again."""
        if loops:
            return self.tree.body
        inside = {id(n) for s in run for n in ast.walk(s)}
        return [n for n in ast.walk(self.tree) if isinstance(n, ast.Name) and id(n) not in inside]


def _works(s):
    return any(isinstance(n, _WORK) for n in ast.walk(s))


def _leaves_loop(s):
    """Whether a `break` or `continue` in it is of a loop around it."""
    if isinstance(s, (ast.Break, ast.Continue)):
        return True
    if isinstance(s, (ast.For, ast.While)):
        return any(map(_leaves_loop, s.orelse))
    return any(_leaves_loop(n) for n in ast.iter_child_nodes(s) if isinstance(n, (
        ast.stmt, ast.ExceptHandler, ast.match_case)))  # fmt: skip


def _is_mode(call):
    """Whether a block's manager is known to hand errors on."""
    name = call.func if isinstance(call, ast.Call) else call
    return (name.attr if isinstance(name, ast.Attribute) else getattr(name, "id", "")) in _BLOCKS


def _tuple(names, context):
    return ast.Tuple(elts=[ast.Name(id=n, ctx=context) for n in names], ctx=context)


class _Super(ast.NodeTransformer):
    """`super()` as it is written where the frame does not tell what it means."""

    def __init__(self, first):
        self.first = first

    def visit_Call(self, node):
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id == "super" and not node.args:
            node = ast.copy_location(ast.Call(func=node.func, keywords=[], args=[
                ast.Name(id="__class__", ctx=ast.Load()), ast.Name(id=self.first, ctx=ast.Load()),
            ]), node)  # fmt: skip
        return node


class _Asking(ast.NodeTransformer):
    """Calls as they are written where `callee` is asked first; `count`: how many."""

    def __init__(self):
        self.count = 0

    def visit_Call(self, node):
        self.generic_visit(node)
        named = isinstance(node.func, ast.Attribute) or (
            isinstance(node.func, ast.Name) and node.func.id not in _OWN_FRAME
        )
        if named:
            self.count += 1
            asked = ast.Call(func=ast.Name(id=_CALLEE, ctx=ast.Load()), args=[node.func],
                             keywords=[])  # fmt: skip
            node.func = ast.copy_location(asked, node.func)
        return node

    def visit_FunctionDef(self, node):
        return node

    visit_ClassDef = visit_AsyncFunctionDef = visit_Lambda = visit_FunctionDef


_OWN_FRAME = {"super", "locals", "vars", "dir", "globals", "eval", "exec"}


def _plain_super(s, first):
    if not any(isinstance(n, ast.Name) and n.id == "super" for n in ast.walk(s)):
        return s
    return ast.fix_missing_locations(_Super(first).visit(copy.deepcopy(s)))
