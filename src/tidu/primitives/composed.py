"""Composed operators: one node and a kernel for the value, and every rule is a definition's.

The definition is a function in the words of primitives. When a rule is first asked for with
operands of some shapes, it runs on stand-ins, the rules of its steps run on these, and what is left
is one Python function (`composition.py`), whose own derivatives are its primitives'. Kernels are
for arrays: of the value, and of the first gradient (`back`); tests hold them to the definition.
"""

from functools import lru_cache

from numpy import ndarray

from ..base.lazy import lazy_module
from ..core.handle import element_type, shape_of
from ..core.primitive import OUT, SHAPES, Derived, Primitive
from .base import move_batch
from .define import pad_rank, product_tangent

__all__ = ["Composed", "Pullback", "composed", "frozen", "placed", "pullback", "stacked"]

# Reads definitions in the words of primitives, which stand above and below this module.
composition = lazy_module(__name__.rpartition(".")[0] + ".composition")
kept = lazy_module(__name__.rpartition(".")[0] + ".kept")


MOST = 512  # derived rules kept for one operator


class Composed(Derived, Primitive):
    """A primitive whose rules are made of its `definition`.

    `saves`: for each input the names of what its rule reads, of the inputs and "out"; shapes are
    always known. `loops`: {input: rank}, the inputs that the kernel takes with any number of axes
    before those `rank`, which are then the result's as well: under vmap the batch is one of them.
    """

    __slots__ = ("back", "definition", "loops", "made", "one_step", "pull", "saves")
    way = "composed operators: one node each, whose rules all follow from a definition"

    @property
    def told(self):
        return self.tex

    def kept(self, needs):
        kept = {SHAPES}
        for needed, places in zip(needs, self.saves, strict=False):
            if needed:
                kept.update(places)
        return kept

    def backward(self, g, saved, params, edges):
        needs = tuple([edge is not None for edge in edges])
        if self.back is not None and _in_memory(g, saved):
            found = self.back(g, saved, params, needs)
            if found is not None:
                return found
        elif self.pull is not None and self.pull.serves(saved):
            return self.pull.sent(g, saved, params, needs)
        return self.derived(g, saved, params, needs)

    def derived(self, g, saved, params, needs):
        """The cotangents as the definition gives them."""
        parts = g if g.__class__ is tuple else (g,)
        outs = saved[OUT] if saved[OUT].__class__ is tuple else (saved[OUT],)
        values = [x for x in (*parts, *saved[:OUT], *outs) if x is not None]
        key = ("backward", needs, saved[SHAPES], tuple([element_type(x) for x in values]),
               tuple([part is not None for part in parts]), frozen(params))  # fmt: skip
        run = self.made.get(key) or self.note(key, self._back(key, saved, outs))
        return run(*values)

    def note(self, key, rule):
        """Keep a derived rule; there is one for each way ("backward", "forward", "batch"), for each
        shape and type."""
        if len(self.made) >= MOST:
            self.made.clear()
        self.made[key] = rule
        return rule

    def _back(self, key, saved, outs):
        _, needs, shapes, kinds, given, params = key
        inputs = tuple([_spec(x, shape, kinds[0])
                        for x, shape in zip(saved[:OUT], shapes, strict=True)])  # fmt: skip
        held = tuple([x is not None for x in (*saved[:OUT], *outs)])
        how = inputs, held, given, needs, params
        return kept.Composed(self, ("backward", *how), lambda: composition.backward(self, *how))

    def tangent(self, tangents, primals, out, params):
        """The tangent of the result as the definition gives it."""
        if self.kind == "bilinear":
            return product_tangent(self, tangents, primals, params)
        inputs = tuple([_spec(x, shape_of(x)) for x in primals])
        given = tuple([t is not None for t in tangents])
        key = "forward", inputs, given, frozen(params)
        run = self.made.get(key) or self.note(key, kept.Composed(
            self, key, lambda: composition.forward(self, *key[1:])))  # fmt: skip
        outs = out if out.__class__ is tuple else (out,)
        found = run(*[t for t in tangents if t is not None], *primals, *outs)
        return tuple(found) if out.__class__ is tuple else found[0]


def _in_memory(g, saved):
    for x in g if g.__class__ is tuple else (g,):
        if x is not None and x.__class__ is not ndarray:
            return False
    return all(x is None or x.__class__ is ndarray or x.__class__ is tuple for x in saved[:OUT])


def _spec(x, shape, kind=None):
    return tuple(shape), kind if x is None else element_type(x)


def frozen(params):
    """The parameters of a call, to be looked up."""
    return tuple(params.items()) if params else ()


def composed(name, kernel, inputs, definition, *, saves, back=None, shape=None, tex=None,
             torch_name=None, loops=None, batch=None, kind="general", kept_outputs=None,
             one_step=False, make=Composed):  # fmt: skip
    """An operator with the rules of `definition(*inputs, **params)`, a function of tensors.

    `kernel` computes its value from arrays; `back(g, saved, params, needs)` the first gradient of
    arrays, or None. A definition may ask for the result, as `out`: it is then an equation that
    holds for it, `out = definition(*inputs, out)`, whose right side does not change in first order
    when `out` does. Its slope by the inputs alone is then the operator's. `one_step`: whether
    profiles tell the first gradient as one.
    """
    prim = make(name, kernel, inputs, pullback=_stub(inputs), shape=shape or _shape, tex=tex,
                torch_name=torch_name, kept_outputs=kept_outputs, keeps=True)  # fmt: skip
    prim.definition, prim.back, prim.loops = definition, back, loops or {}
    prim.made, prim.pull, prim.one_step = {}, None, one_step
    places = {n: i for i, n in enumerate(inputs)} | {"out": OUT}
    prim.saves = [tuple([places[s] for s in saves.get(i, ())]) for i in inputs]
    prim.jvp = prim.tangent
    prim.batch, prim.kind = batch or _batch, kind
    return prim


class Pullback(Composed):
    """The first gradient of the operator `of` as an operator: its kernel is the one of arrays, its
    definition the derived rule. It takes what is there of g, inputs and results. `serves` tells of
    what a node saved whether this is faster than the rule's steps."""

    __slots__ = ("of", "serves")
    way = "gradients of composed operators as one node each, whose rules follow from the derived"

    def kept(self, needs):
        return {SHAPES, *range(len(needs))}

    def sent(self, g, saved, params, needs):
        """`backward` of the operator, on tensors."""
        parts = g if g.__class__ is tuple else (g,)
        outs = saved[OUT] if saved[OUT].__class__ is tuple else (saved[OUT],) * len(parts)
        everything = (*parts, *saved[:OUT], *outs)
        values = [x for x in everything if x is not None]
        if not any(part is not None for part in parts):
            return [None] * len(needs)
        found = self(*values, given=tuple([x is not None for x in everything]), needs=needs,
                     shapes=saved[SHAPES], words=frozen(params))  # fmt: skip
        found = iter(found if found.__class__ is tuple else (found,))
        return [next(found) if needed else None for needed in needs]


def placed(values, given, shapes):
    """(cotangents, inputs, results), None for each that is not among `values`."""
    left = iter(values)
    places = [next(left) if is_given else None for is_given in given]
    inputs = len(shapes)
    outs = (len(places) - inputs) // 2
    return places[:outs], places[outs : outs + inputs], places[outs + inputs :]


def pullback(prim, serves):
    """The first gradient of `prim` as an operator, which `backward` is from now on for tensors that
    it `serves`."""

    def kernel(*values, given, needs, shapes, words):
        parts, inputs, outs = placed(values, given, shapes)
        several = len(parts) > 1
        g, out = (tuple(parts), tuple(outs)) if several else (parts[0], outs[0])
        saved, words = (*inputs, out, shapes), dict(words)
        found = prim.back(g, saved, words, needs) or prim.derived(g, saved, words, needs)
        found = [part for part, needed in zip(found, needs, strict=True) if needed]
        return tuple(found) if len(found) > 1 else found[0]

    def definition(*values, given, needs, shapes, words):
        parts, inputs, outs = placed(values, given, shapes)
        kind = element_type(values[0])
        specs = tuple([_spec(x, shape, kind) for x, shape in zip(inputs, shapes, strict=True)])
        held = [x is not None for x in (*inputs, *outs)]
        arrived = tuple([part is not None for part in parts])
        found = composition.backward(prim, specs, held, arrived, needs, words)(*values)
        found = [part for part in found if part is not None]
        return tuple(found) if len(found) > 1 else found[0]

    def shape(made, args, params):
        kind, shapes = element_type(args[0]), params["shapes"]
        specs = [(tuple(s), kind) for s, n in zip(shapes, params["needs"], strict=True) if n]
        return specs if len(specs) > 1 else specs[0]

    prim.pull = composed(f"{prim.name}_backward", kernel, (), definition, saves={}, make=Pullback,
                         shape=shape, tex=f"{prim.name}_backward(*rest)")  # fmt: skip
    prim.pull.of, prim.pull.serves = prim, serves
    prim.one_step = prim.pull.one_step = True
    return prim.pull


@lru_cache(None)
def _stub(inputs):
    """Says what a rule may read, before there is one."""
    return eval(f"lambda {', '.join(['g', *inputs, 'out', 'shapes', 'needs'])}: None")


def _shape(prim, args, params):
    """That of the definition."""
    inputs = tuple([_spec(x, shape_of(x)) for x in args])
    return composition.result(prim, inputs, frozen(params))


def _batch(prim, tensors, axes, params):
    """The kernel over one more axis where it takes such, else the definition's steps."""
    if all(a is None or i in prim.loops for i, a in enumerate(axes)):
        return stacked(prim, tensors, axes, params, prim.loops), 0
    inputs = tuple([_spec(x, shape_of(x)) for x in tensors])
    key = "batch", inputs, tuple(axes), frozen(params)
    run, places = prim.made.get(key) or prim.note(key, composition.batched(prim, *key[1:]))
    found = run(*tensors)
    return (found[0], places[0]) if len(found) == 1 else (tuple(found), places)


def stacked(prim, tensors, axes, params, ranks):
    """The primitive on operands whose batch axes are the first of a stack: `ranks` {input: the
    axes of one example that are no stack}."""
    extra = max([len(shape_of(tensors[i])) - (axes[i] is not None) - rank
                 for i, rank in ranks.items() if i < len(tensors)])  # fmt: skip
    moved = [t if a is None else pad_rank(move_batch(t, a), ranks[i] + extra)
             for i, (t, a) in enumerate(zip(tensors, axes, strict=True))]  # fmt: skip
    return prim(*moved, **params)
