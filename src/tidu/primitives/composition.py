"""The rules of a definition, as Python functions: what `composed.py` derives.

The definition is run on stand-ins of known shape and type, which are recorded as steps; the rules
of its primitives, run on the same stand-ins from the last step to the first, record the steps of
its derivative. Equal steps are one, transposes that cancel are left out, and the steps a result
needs are written as one function. Read `backward`.
"""

from functools import lru_cache

import numpy as np

from ..base.frames import compile_source
from ..core import levels
from ..core.dispatch import below
from ..core.handle import TensorBase, element_type, shape_of
from ..core.modes import set_grad
from ..core.primitive import infer, names_of
from ..program.ir import Equation, Variable
from . import base, contraction, structural

__all__ = ["backward", "batched", "forward", "result"]


class Recorder(levels.Recorder):
    """The level of variables of known shape and type; `made` has the step that made each."""

    def __init__(self):
        super().__init__()
        self.made = {}
        self.tuples = set()  # the ids of steps that give a tuple, be it of one
        self.shortening = False  # a definition stays as it is; its derivatives are made shorter

    def input(self, name, spec):
        return self.handle(Variable(name, *spec))

    def process(self, prim, args, params):
        ins = [self.plain(a) for a in args]
        simpler = SIMPLER.get(prim) if self.shortening else None
        found = simpler(self, ins, params) if simpler is not None else None
        if found is not None:
            return self.handle(found)
        words = [(k, id(v) if isinstance(v, np.ndarray) else repr(v)) for k, v in params.items()]
        key = prim, tuple([id(i) for i in ins]), tuple(words)
        if key not in self.known:
            self.known[key] = self._step(prim, args, ins, params)
        step, several = self.known[key]
        outs = [self.handle(v) for v in step.outs]
        return tuple(outs) if several else outs[0]

    def _step(self, prim, args, ins, params):
        specs = infer(prim, args, params)
        several = specs.__class__ is list
        outs = [Variable(f"v{len(self.made) + k}", *spec)
                for k, spec in enumerate(specs if several else [specs])]  # fmt: skip
        step = Equation(prim, ins, outs, params)
        self.steps.append(step)
        if several:
            self.tuples.add(id(step))
        self.made.update(dict.fromkeys(outs, step))
        return step, several

    def by(self, x, prim):
        """The step that made x, if it is one of `prim`."""
        step = self.made.get(x) if isinstance(x, Variable) else None
        return step if step is not None and step.prim is prim else None


# --- fewer steps ----------------------------------------------------------------------------------


def _transposed(recorder, ins, params):
    (x,), axes = ins, params["axes"]
    before = recorder.by(x, base.transpose)
    if before is not None:
        x, axes = before.ins[0], tuple([before.params["axes"][a] for a in axes])
    if axes == tuple(range(len(axes))):
        return x
    product = recorder.by(x, contraction.matmul)
    turned = (*range(len(axes) - 2), len(axes) - 1, len(axes) - 2)
    if product is not None and axes == turned:  # (Aᵀ B)ᵀ is Bᵀ A
        left, right = product.ins
        if any(_turns(recorder.by(side, base.transpose)) for side in (left, right)):
            flip = lambda side: base.transpose(recorder.handle(side), axes=_last(side))
            return recorder.plain(contraction.matmul(flip(right), flip(left)))
    if before is None:
        return None
    return recorder.plain(base.transpose(recorder.handle(x), axes=axes))


def _last(x):
    rank = len(x.shape)
    return (*range(rank - 2), rank - 1, rank - 2)


def _turns(step):
    return step is not None and step.params["axes"] == _last(step.outs[0])


def _reshaped(recorder, ins, params):
    (x,), shape = ins, tuple(params["shape"])
    if tuple(x.shape) == shape:
        return x
    before = recorder.by(x, base.reshape)
    if before is not None:
        return recorder.plain(base.reshape(recorder.handle(before.ins[0]), shape=shape))
    product = recorder.by(x, contraction.matmul)
    if product is not None and x.shape == (*shape, 1):
        left, column = product.ins
        vector = recorder.by(column, base.reshape)
        if vector is not None and vector.ins[0].shape == column.shape[:-1]:
            return recorder.plain(
                contraction.mv(recorder.handle(left), recorder.handle(vector.ins[0]))
            )
    return None


def _conjugated(recorder, ins, params):
    before = recorder.by(ins[0], base.conj)
    return None if before is None else before.ins[0]


SIMPLER = {base.transpose: _transposed, base.reshape: _reshaped, base.conj: _conjugated}


# --- the definition and its derivatives -----------------------------------------------------------


class Definition:
    """The steps of a definition for inputs of some shapes and types, and its results."""

    def __init__(self, prim, inputs, params):
        self.prim, self.recorder = prim, Recorder()
        self.inputs = [self.recorder.input(f"x{i}", spec) for i, spec in enumerate(inputs)]
        params, self.asked = dict(params), "out" in names_of(prim.definition)
        if self.asked:  # the right side of an equation has the shape of the left
            specs = prim.shape(prim, self.inputs, params)
            several = specs.__class__ is list
            self.results = [self.recorder.input(f"y{i}", spec)
                            for i, spec in enumerate(specs if several else [specs])]  # fmt: skip
            params["out"] = tuple(self.results) if several else self.results[0]
        found = prim.definition(*self.inputs, **params)
        self.found = list(found) if found.__class__ is tuple else [found]
        if not self.asked:
            self.results = self.found
        self.steps, self.recorder.shortening = list(self.recorder.steps), True

    def saved(self, step):
        """What the node of a step would keep."""
        hand = [self.recorder.handle(i) if isinstance(i, Variable) else i for i in step.ins]
        outs = [self.recorder.handle(o) for o in step.outs]
        return hand, tuple(outs) if id(step) in self.recorder.tuples else outs[0]

    def back(self, cotangents, wanted):
        """{variable: its cotangent}, from the last step to the first, of what leads to the inputs
        `wanted`."""
        plain, found = self.recorder.plain, {}
        for result, g in zip(self.found, cotangents, strict=True):
            _add(found, plain(result), g)
        moved = {plain(x) for x, is_wanted in zip(self.inputs, wanted, strict=False) if is_wanted}
        for step in self.steps:
            if step.prim.differentiable and any(i in moved for i in step.ins if _variable(i)):
                moved.update(step.outs)
        for step in reversed(self.steps):
            if step.outs[0] in moved and any(out in found for out in step.outs):
                self._sent(step, found, moved)
        return [found.get(plain(x)) if is_wanted else None
                for x, is_wanted in zip(self.inputs, wanted, strict=False)]  # fmt: skip

    def _sent(self, step, found, moved):
        ins, out = self.saved(step)
        g = found.get(step.outs[0])
        if out.__class__ is tuple:
            g = tuple([found.get(o) for o in step.outs])
        prim = step.prim
        if prim.conjugated is not None and step.outs[0].element_type.kind == "c":
            prim = prim.conjugated
        edges = tuple([True if _variable(i) and i in moved else None for i in step.ins])
        saved = (*ins, out, prim.kept_shapes(ins))
        for i, part in zip(step.ins, prim.backward(g, saved, step.params, edges), strict=True):
            if part is not None and _variable(i) and i in moved:
                _add(found, i, part)

    def ahead(self, tangents):
        """The tangents of the results (None: it does not move)."""
        plain = self.recorder.plain
        moving = {plain(x): t for x, t in zip(self.inputs, tangents, strict=True) if t is not None}
        for step in self.steps:
            given = [moving.get(i) if _variable(i) else None for i in step.ins]
            if not step.prim.differentiable or all(t is None for t in given):
                continue
            ins, out = self.saved(step)
            t = step.prim.jvp(given, ins, out, step.params)
            parts = t if out.__class__ is tuple else (t,)
            moving.update({o: p for o, p in zip(step.outs, parts, strict=True) if p is not None})
        return [moving.get(plain(r)) for r in self.found]


def _variable(x):
    return isinstance(x, Variable)


def _add(found, variable, g):
    if g is not None:
        found[variable] = found[variable] + g if variable in found else g


@lru_cache(512)
def _definition(prim, inputs, params):
    was = set_grad(False)
    try:
        return Definition(prim, inputs, params)
    finally:
        set_grad(was)


def result(prim, inputs, params):
    """(shape, type) of each result."""
    specs = [(tuple(shape_of(r)), element_type(r))
             for r in _definition(prim, inputs, params).results]  # fmt: skip
    return specs if len(specs) > 1 else specs[0]


def backward(prim, inputs, held, given, needs, params):
    """The cotangents of the inputs that are needed, as a function of the results' that are given
    and of those inputs and results that are held."""
    was = set_grad(False)
    try:
        made = Definition(prim, inputs, params)
        recorder = made.recorder
        sent = [
            recorder.input(f"g{i}", (tuple(shape_of(r)), element_type(r))) if is_given else None
            for i, (r, is_given) in enumerate(zip(made.results, given, strict=True))
        ]
        outs = made.back(sent, needs)
    finally:
        set_grad(was)
    known = [x for x, has in zip([*made.inputs, *made.results], held, strict=False) if has]
    for x in known:
        x = recorder.plain(x)
        _tell_parts(recorder, x, recorder.by(x, structural.concatenate))
    arguments = [recorder.plain(x) for x in (*sent, *known) if x is not None]
    return Rule(recorder, arguments, outs, prim)


def _tell_parts(recorder, whole, joined):
    """What a known value was joined of is read there, not computed again."""
    if joined is None:
        return
    start, axis = 0, joined.params["axis"]
    for part in joined.ins:
        n = part.shape[axis]
        index = (*(slice(None),) * axis, slice(start, start + n))
        row = recorder.by(part, base.reshape)
        if row is not None and not axis and part.shape == (1, *row.ins[0].shape):
            part, index = row.ins[0], (start, ...)
        start += n
        inner = recorder.by(part, structural.concatenate)
        step = Equation(structural.slice_, [whole], [part], {"index": index})
        recorder.made[part] = step
        _tell_parts(recorder, part, inner)


def forward(prim, inputs, given, params):
    """The tangents of the results as a function of the inputs' that are given, the inputs and the
    results."""
    was = set_grad(False)
    try:
        made = Definition(prim, inputs, params)
        recorder = made.recorder
        moved = [
            recorder.input(f"t{i}", spec) if is_given else None
            for i, (spec, is_given) in enumerate(zip(inputs, given, strict=True))
        ]
        tangents = made.ahead(moved)
    finally:
        set_grad(was)
    arguments = [recorder.plain(x) for x in (*moved, *made.inputs, *made.results) if x is not None]
    for x in made.results:
        x = recorder.plain(x)
        _tell_parts(recorder, x, recorder.by(x, structural.concatenate))
    return Rule(recorder, arguments, tangents, prim)


def batched(prim, inputs, axes, params):
    """The results for batches along `axes`, as a function of the inputs, and the axes of these."""
    logical = [(shape if axis is None else shape[:axis] + shape[axis + 1 :], kind)
               for (shape, kind), axis in zip(inputs, axes, strict=True)]  # fmt: skip
    made, recorder = _definition(prim, tuple(logical), params), Recorder()
    recorder.shortening, plain = True, made.recorder.plain
    whole = [recorder.input(f"x{i}", spec) for i, spec in enumerate(inputs)]
    values = dict(zip(map(plain, made.inputs), whole, strict=True))
    places = dict(zip(map(plain, made.inputs), axes, strict=True))
    for step in made.steps:
        ins = [values[i] if _variable(i) else i for i in step.ins]
        along = [places[i] if _variable(i) else None for i in step.ins]
        if any(a is not None for a in along):
            out, axis = step.prim.batch(step.prim, ins, along, step.params)
        else:
            out, axis = step.prim(*ins, **step.params), None
        outs = out if out.__class__ is tuple else (out,)
        values.update(zip(step.outs, outs, strict=True))
        several = axis if axis.__class__ is tuple else [axis] * len(outs)
        places.update(zip(step.outs, several, strict=True))
    results = [plain(r) for r in made.results]
    arguments = [plain(x) for x in whole]
    return (Rule(recorder, arguments, [values[r] for r in results], prim),
            tuple([places[r] for r in results]))  # fmt: skip


class Rule:
    """A derived rule as a function of arrays, and one of tensors, of the same steps."""

    __slots__ = ("memory", "tensors", "writing")

    def __init__(self, recorder, arguments, results, prim):
        self.writing = recorder, arguments, [recorder.plain(r) for r in results], prim
        self.memory = self.tensors = None

    def __call__(self, *args):
        for a in args:
            if isinstance(a, TensorBase):
                if self.tensors is None:
                    self.tensors = self.form(tensors=True)
                return self.tensors(*args)
        if self.memory is None:
            self.memory = self.form(tensors=False)
        return self.memory(*args)

    def form(self, tensors):
        """One of the two functions; `text`: its lines."""
        return written(*self.writing, tensors)


def written(recorder, arguments, results, prim, tensors):
    """Steps as a Python function of the variables `arguments` that returns a list of `results`, of
    which None stays None. Of tensors, only what is returned can be written to, so only there views
    need be known as such."""
    known = {"below": below}
    names = {v: f"a{i}" for i, v in enumerate(arguments)}
    lines = [f"def rule({', '.join(names.values())}):"]
    returned = set(filter(_variable, results))

    def text(x):
        if _variable(x):
            return names[x]
        if x is None or x.__class__ is int:
            return repr(x)
        name = f"c{len(known)}"
        known[name] = x
        return name

    for step in _needed(recorder, names, results, prim):
        ins = [text(i) for i in step.ins]
        names.update({o: f"v{len(names) + k}" for k, o in enumerate(step.outs)})
        comma = "," if id(step) in recorder.tuples else ""
        outs, call, params = ", ".join([names[o] for o in step.outs]) + comma, text(step.prim), ""
        if step.params:
            params = text(step.params)
        if tensors and not (step.prim.is_view and not returned.isdisjoint(step.outs)):
            lines.append(f"{outs} = below({call}, ({', '.join(ins)},), {params or '{}'})")
        else:
            lines.append(f"{outs} = {call}({', '.join([*ins, *[f'**{params}'] * bool(params)])})")
    lines.append(f"return [{', '.join([text(r) for r in results])}]")
    lines = "\n    ".join(lines)
    exec(_code(lines), known)
    known["rule"].text = lines
    return known["rule"]


_code = lru_cache(512)(compile_source)  # definitions for other sizes are often the same text


def _needed(recorder, names, results, prim):
    """The steps that lead from the variables in `names` to the results, as these ask for them."""
    steps, met, left = [], set(), [(x, None) for x in reversed(results)]
    while left:
        x, step = left.pop()
        if step is not None:  # its operands are there
            steps.append(step)
        elif _variable(x) and x not in names:
            step = recorder.made.get(x)
            if step is None:
                raise ValueError(f"a rule of {prim.name} reads {x}, which is not saved")
            if id(step) not in met:
                met.add(id(step))
                left.append((x, step))
                left.extend([(i, None) for i in reversed(step.ins)])
    return steps
