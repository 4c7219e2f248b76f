"""The places of a program at which operations may be called, in the order they are evaluated.

Only the text is read; names are looked up to learn what a call calls, and nothing is run. Bodies of
the user's own functions and modules stand in the place of their calls. Read `sites_of`.
"""

import ast
import builtins
import inspect
import linecache
import sysconfig
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType

from ...base.frames import OURS
from ...nn import Module, Sequential

__all__ = ["AUXILIARY", "Site", "cells_before", "own_frames", "sites_of"]

MOST, DEEPEST = 400, 6
LIBRARIES = tuple({sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")})
AUXILIARY = frozenset("to_copy expand view".split())  # that come with an operation of two operands
OPERATORS = {
    ast.Add: "add", ast.Sub: "sub rsub", ast.Mult: "mul", ast.Div: "div reciprocal mul",
    ast.Pow: "pow square exp2 reciprocal mul", ast.Mod: "remainder fmod",
}  # fmt: skip
PRODUCTS = "mm mv dot bmm addmm view permute expand sum mul linear"
PICKS = "slice index gather take select"
CALLS = {
    **dict.fromkeys("matmul mm bmm mv dot inner linear".split(), PRODUCTS),
    **dict.fromkeys("reshape view flatten unflatten squeeze unsqueeze ravel".split(), "view"),
    **dict.fromkeys("t transpose permute swapaxes movedim adjoint".split(), "permute view"),
    **dict.fromkeys("expand expand_as broadcast_to".split(), "expand view"),
}  # fmt: skip
ATTRIBUTES = {"T": "permute", "mT": "permute", "H": "permute conj", "mH": "permute conj",
              "real": "real", "imag": "imag"}  # fmt: skip
SILENT = frozenset(
    "backward item numpy tolist detach zero_grad step append extend items values keys size dim "
    "numel requires_grad_ retain_grad register_hook zero_ train eval parameters state_dict format "
    "join manual_seed tensor as_tensor from_numpy zeros ones empty full arange linspace eye rand "
    "randn randint randperm zeros_like ones_like empty_like full_like rand_like randn_like "
    "uniform_ normal_ fill_ save load print len range".split()
)
EXPLAINED = "the tensor that is explained"


class Site:
    """One expression that may call operations.

    names: which, None for any; many: whether it may call several; numbers, operands: what is
    written beside an operator; target: the variable that gets the result; arms: which branch of
    which `if` it stands in; module: the module that is called.
    """

    __slots__ = ("arms", "file", "loops", "many", "module", "names", "node", "numbers", "operands",
                 "scope", "statement", "target")  # fmt: skip

    def __init__(self, node, names, many, module=None):
        self.node, self.many, self.module = node, many, module
        self.names = None if names is None else frozenset(names.split())
        self.numbers, self.operands, self.target = [], [], None


class Scope:
    """One function's text and what its names stand for, as far as that is known."""

    def __init__(self, file, values, depth=0):
        self.file, self.values, self.depth = file, values, depth
        self.assigned = {}  # name -> how often it is assigned

    def look_up(self, expression):
        """What an expression of names and attributes stands for; None where it is not known."""
        if isinstance(expression, ast.Name):
            found = self.values.get(expression.id, getattr(builtins, expression.id, None))
            return None if self.assigned.get(expression.id, 0) > 1 else found
        if isinstance(expression, ast.Attribute):
            owner = self.look_up(expression.value)
            if isinstance(owner, Module):
                return owner._modules.get(expression.attr) or _method(owner, expression.attr)
            return getattr(owner, expression.attr, None) if isinstance(owner, ModuleType) else None
        if isinstance(expression, ast.Subscript) and isinstance(expression.slice, ast.Constant):
            owner, key = self.look_up(expression.value), expression.slice.value
            if isinstance(owner, Sequential) and isinstance(key, int):
                return owner._modules.get(str(key % max(len(owner), 1)))
        return None


def _method(owner, name):
    found = inspect.getattr_static(type(owner), name, None)
    return MethodType(found, owner) if isinstance(found, FunctionType) else None


def sites_of(frames, source_of):
    """The sites of frames, outermost first, each up to the line it is at."""
    walk, frames = Walk(source_of), own_frames(frames)
    walk.active = [frame.f_code for frame in frames]  # these stand for themselves
    if frames:
        outermost = frames[-1]
        for file in cells_before(outermost):
            tree = source_of(file).tree
            if tree is not None:
                values = {**outermost.f_globals, **outermost.f_locals}
                walk.run(tree.body, Scope(file, values))
    for frame in reversed(frames):
        body = _body(source_of(frame.f_code.co_filename).tree, frame.f_code)
        if body is not None:
            values = {**frame.f_globals, **frame.f_locals}
            walk.run(body, Scope(frame.f_code.co_filename, values), frame.f_lineno)
    return walk.sites


def cells_before(frame):
    """The files of a notebook's cells that ran before this one, in order; none elsewhere."""
    texts = frame.f_globals.get("In")
    if frame.f_code.co_name != "<module>" or not isinstance(texts, list):
        return []
    files = {"".join(entry[2]).strip(): file for file, entry in list(linecache.cache.items())
             if len(entry) > 2}  # fmt: skip
    found = [files.get(text.strip()) for text in texts if isinstance(text, str) and text.strip()]
    return [file for file in found if file is not None and file != frame.f_code.co_filename]


def own_frames(frames):
    """The frames of the program itself: up to its outermost one, or a library that calls it."""
    found = []
    for frame in frames:
        if frame.f_code.co_filename.startswith(LIBRARIES):
            break
        found.append(frame)
        if frame.f_code.co_name == "<module>":
            break
    return found


def _body(tree, code):
    """The statements that a code object was made from."""
    if tree is None:
        return None
    if code.co_name == "<module>":
        return tree.body
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name == code.co_name:
            first = min([node.lineno, *[d.lineno for d in node.decorator_list]])
            if code.co_firstlineno in (first, node.lineno):
                return node.body
    return None


class Walk:
    """Goes through statements and expressions in the order of evaluation."""

    def __init__(self, source_of):
        self.source_of = source_of
        self.sites, self.loops, self.arms, self.active = [], (), (), []

    def run(self, body, scope, until=None):
        for statement in body:
            for node in ast.walk(statement):
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                    scope.assigned[node.id] = scope.assigned.get(node.id, 0) + 1
        self.statements(body, scope, until)

    def statements(self, body, scope, until=None):
        for statement in body:
            if until is not None and statement.lineno > until:
                return
            self.statement(statement, scope, until)

    def statement(self, node, scope, until):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            return
        kept = self.loops, self.arms
        if isinstance(node, (ast.For, ast.AsyncFor, ast.While)):
            self.expression(node.iter if hasattr(node, "iter") else None, scope, node)
            self.loops = (*self.loops, id(node))
            self.expression(getattr(node, "test", None), scope, node)
            self.statements(node.body, scope)
            self.loops = kept[0]
            self.statements(node.orelse, scope, until)
        elif isinstance(node, (ast.If, ast.Try)):
            self.expression(getattr(node, "test", None), scope, node)
            parts = [node.body, node.orelse] if isinstance(node, ast.If) else [node.body]
            for arm, body in enumerate(parts):
                self.arms = (*kept[1], (id(node), arm))
                self.statements(body, scope, until)
            self.arms = kept[1]
            self.statements(getattr(node, "finalbody", []), scope, until)
        elif isinstance(node, (ast.With, ast.AsyncWith)):
            for item in node.items:
                self.expression(item.context_expr, scope, node)
            self.statements(node.body, scope, until)
        else:
            self.simple(node, scope)
        self.loops, self.arms = kept

    def simple(self, node, scope):
        before = len(self.sites)
        value = getattr(node, "value", None)
        if isinstance(value, ast.AST):
            self.expression(value, scope, node)
        else:
            for child in ast.iter_child_nodes(node):
                self.expression(child, scope, node)
        targets = getattr(node, "targets", None) or [getattr(node, "target", None)]
        if isinstance(node, ast.AugAssign):
            self.add(Site(node, OPERATORS.get(type(node.op), PRODUCTS), False), scope, node)
        for target in targets:
            if isinstance(target, ast.Subscript):
                self.add(Site(node, None, True), scope, node)
            elif isinstance(target, ast.Name) and len(self.sites) > before:
                last = self.sites[-1]
                if last.node is value or last.node is node:
                    last.target = target.id

    def expression(self, node, scope, statement):
        if node is None or len(self.sites) > MOST:
            return
        if isinstance(node, ast.Lambda):
            return
        if isinstance(node, (ast.ListComp, ast.GeneratorExp, ast.SetComp, ast.DictComp)):
            kept = self.loops
            for generator in node.generators:
                self.expression(generator.iter, scope, statement)
                self.loops = (*self.loops, id(node))
            for part in ("key", "value", "elt"):
                self.expression(getattr(node, part, None), scope, statement)
            self.loops = kept
            return
        if isinstance(node, ast.Call):
            self.call(node, scope, statement)
            return
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.AST):
                self.expression(child, scope, statement)
        if isinstance(node, ast.BinOp):
            product = isinstance(node.op, ast.MatMult)
            names = PRODUCTS if product else OPERATORS.get(type(node.op), "")
            site = Site(node, names, product)
            for side in (node.left, node.right):
                _note_operand(site, side)
            self.add(site, scope, statement)
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            if not isinstance(node.operand, ast.Constant):
                self.add(Site(node, "neg mul", False), scope, statement)
        elif isinstance(node, ast.Attribute) and node.attr in ATTRIBUTES:
            self.add(Site(node, ATTRIBUTES[node.attr], True), scope, statement)
        elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
            if not isinstance(scope.look_up(node.value), (Module, dict, list, tuple)):
                self.add(Site(node, PICKS, True), scope, statement)

    def call(self, node, scope, statement):
        called = scope.look_up(node.func)
        name = (
            node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        )
        if isinstance(node.func, ast.Attribute):
            self.expression(node.func.value, scope, statement)
        for argument in [*node.args, *[k.value for k in node.keywords]]:
            self.expression(argument, scope, statement)
        if name == "explain":
            for site in self.sites:
                if site.target == EXPLAINED:
                    site.target = None
                if any(site.node is argument for argument in node.args):
                    site.target = EXPLAINED
            return
        if name in SILENT or isinstance(called, type) and not issubclass(called, Module):
            return
        if self.inline(node, called, scope, statement):
            return
        if called is not None and not isinstance(called, (Module, FunctionType, MethodType)):
            if isinstance(called, BuiltinFunctionType) and not self.ours(called):
                if called is not sum:
                    return
                self.add(Site(node, "add", True), scope, statement)
                return
        if isinstance(called, FunctionType) and not self.ours(called):
            if self.source_of(called.__code__.co_filename).tree is None:
                return
        site = Site(node, CALLS.get(name), True, called if isinstance(called, Module) else None)
        if site.names is None and not isinstance(called, Module):
            site.names = name  # settled when the operations of the graph are known
        for argument in node.args:
            _note_operand(site, argument)
        if isinstance(node.func, ast.Attribute) and called is None:
            _note_operand(site, node.func.value)
        self.add(site, scope, statement)

    def ours(self, called):
        return str(getattr(called, "__module__", "")).startswith("tidu")

    def inline(self, node, called, scope, statement):
        """Put the body of a function or module of the user's in the place of its call."""
        if scope.depth >= DEEPEST or len(self.sites) > MOST:
            return False
        if isinstance(called, Sequential):
            for part in called:
                if not self.inline(node, part, scope, statement):
                    self.add(Site(node, None, True, part), scope, statement)
            return True
        values = {}
        if isinstance(called, Module):
            values["self"], called = called, _method(called, "forward")
        if isinstance(called, MethodType):
            values["self"], called = called.__self__, called.__func__
        if not isinstance(called, FunctionType) or called.__code__ in self.active:
            return False
        file = called.__code__.co_filename
        if OURS[file]:
            return False
        body = _body(self.source_of(file).tree, called.__code__)
        if body is None:
            return False
        self.active.append(called.__code__)
        self.run(body, Scope(file, {**called.__globals__, **values}, scope.depth + 1))
        self.active.pop()
        return True

    def add(self, site, scope, statement):
        site.scope, site.file, site.statement = scope, scope.file, statement
        site.loops, site.arms = self.loops, self.arms
        self.sites.append(site)


def _note_operand(site, node):
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        node = node.operand
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        site.numbers.append(node.value)
    elif isinstance(node, ast.Name):
        site.operands.append(node.id)
