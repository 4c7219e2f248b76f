"""The short way of a call to a small compiled program: checks and addresses in generated code.

``Quick(version, args).run(args)`` gives the call's result, or MISS. It is what the version does in
its general way (`Optimized`, `Compiled`), for plain arguments and programs that keep the
interpreter's lock. A gradient that nobody else holds is written where the last one was.
"""

import types
from operator import is_

import numpy as np

from ... import tree
from ...core.handle import TensorBase, wrap
from ...core.versions import Together
from ...dtypes import DEFAULT
from ..execution.compiled import Entry, Gradient, resolved, spent_node, value_of, write
from ..execution.program import Memory, view
from ..recording.growing import APPENDED
from ..recording.reach import MISSING, Attribute, Global, SlotOf, tensors_in
from . import guards

__all__ = ["MISS", "Quick", "quick_for"]

MISS = object()
_READY = guards.READY
_REBUILT = 16  # times the checks are written anew before the general way serves alone


class _Unsupported(Exception):
    pass


def quick_for(version, args):
    """A Quick, or None where the general way is the only one."""
    if guards.layout() is None or not version.compiled.forward.small:
        return None
    if version.compiled.captured.numbers_given is not None:
        return None
    leaves = tree.leaves(args)
    if len(leaves) != len(args) or not all(map(is_, leaves, args)):
        return None  # containers among the arguments
    tensors = [id(a) for a in args if isinstance(a, TensorBase)]
    if len(set(tensors)) < len(tensors):
        return None  # a tensor given twice: each place would have to be asked for the same one
    try:
        return Quick(version, args)
    except _Unsupported:
        return None


class Quick:
    """The checks of one version as a block, its memory, and `run`."""

    def __init__(self, version, args):
        self.version, self.compiled = version, version.compiled
        self.rebuilt, self.args = 0, len(args)
        self.walk, self.again = guards.walk(), guards.refresh()
        self.memory = Memory(self.compiled.forward)
        self.free = [True]  # whoever holds its one item may use the memory
        self._outputs()
        self._build(args)

    # --- what is read and made -------------------------------------------------------------

    def _outputs(self):
        """Where each output comes from: the arrays made for a call, by their place among them."""
        program, captured = self.compiled.forward, self.compiled.captured
        if self.compiled.copied or any(kind == "view" for kind, _ in captured.results):
            raise _Unsupported
        forms, self.passed = {}, []
        inputs = dict(program.given)
        for i, ref in enumerate(program.outputs):
            if i in program.targets:
                continue
            if hasattr(ref, "buffer") and ref.buffer in inputs and i >= len(captured.graph.outputs):
                self.passed.append((i, inputs[ref.buffer], ref))  # saved for the way back
                continue
            whole = hasattr(ref, "buffer") and ref.buffer in program.fresh and ref.dense
            if not whole or ref.offset or ref.size != program.plan.buffers[ref.buffer][1]:
                raise _Unsupported
            if ref.buffer in forms:
                raise _Unsupported
            forms[ref.buffer] = (i, ref.shape, ref.dtype)
        self.made_all = [forms[slot] for slot in program.fresh]
        self.made_rest = [forms[slot] for slot in program.rest]
        self.count = len(program.outputs)
        self.late = [
            (handle, place)
            for handle, (_, place) in zip(self.compiled.stamped, captured.written, strict=True)
            if place not in self.compiled.targets
        ]

    def _build(self, args):
        block = guards.Block(len(args))
        self._tensors(block, args)
        self._surroundings(block)
        self.kept, self.block = block, block.array()
        self._rates()
        self._finish = self._finisher()
        self.run = self._runner()

    def _tensors(self, block, args):
        compiled, program = self.compiled, self.compiled.forward
        numbers = [i for i, a in enumerate(args, 1) if isinstance(a, TensorBase)]
        owners = [i for i in numbers if args[i - 1]._grad is not None]
        among = any(given.__class__ is int for given in compiled.stamped)
        if len(numbers) > 8 or (among and len(numbers) > 1):
            raise _Unsupported
        if len(tensors_in(args)) != len(numbers) + len(owners):
            raise _Unsupported  # a gradient is an argument too, or has one
        slots = {i: slot for slot, i in program.given}
        written = {id(compiled.captured.sources[i]) for i in compiled.targets.values()}
        table = self.memory.table.ctypes.data
        arrays = []
        for i, (given, old) in enumerate(
            zip(compiled.given, compiled.captured.sources, strict=True)
        ):
            if given is None:
                continue
            which = [*numbers, *owners][given] if given.__class__ is int else given
            owned = which.__class__ is Entry and which.container.__class__ is Gradient
            handle = which.container.handle if owned else which
            owned = owned or (given.__class__ is int and given >= len(numbers))
            if not isinstance(handle, (int, TensorBase)):
                raise _Unsupported
            value = None
            if id(old) in written:
                if isinstance(which, int):
                    raise _Unsupported  # another array at each call
                value = (which.tensor() if owned else which)._value
                arrays.append(value)
            if old.value.__class__ is np.ndarray and not old.value.flags.c_contiguous:
                raise _Unsupported
            block.tensor(handle, table + 8 * slots[i], old, value, owned)
        self._gradients(block, numbers, table)
        block.pointer(guards.slot_address(DEFAULT, DEFAULT.numpy), DEFAULT.numpy)
        for i, a in enumerate(args, 1):
            if i not in numbers:
                block.same(i, a)
        block.others(numbers)
        self._together(arrays)

    def _together(self, arrays):
        """One stamp for all that the program writes."""
        ids = [id(a) for a in arrays]
        if getattr(self, "written", None) != ids:
            self.written, self.together = ids, Together(arrays) if arrays else None

    def _gradients(self, block, numbers, table):
        program = self.compiled.forward
        self.fresh_grads, self.other_grads = [], []
        for given, place, apart in self.compiled.grads:
            which = numbers[given] if given.__class__ is int else given
            if not isinstance(which, (int, TensorBase)):
                raise _Unsupported
            if place is None or not apart:
                self.other_grads.append((given, place))
                continue
            ref = program.outputs[place]
            block.gradient(which, table + 8 * ref.buffer, ref.shape, ref.dtype)
            self.fresh_grads.append((given, place))

    def _surroundings(self, block):
        """Every dictionary, list and variable, as `Watches` has them."""
        watches = self.version.watches
        for m in watches.mappings:
            if m.keys is None or m.rates:
                block.dictionary(m.live, m.live)
            else:
                block.some(m.live, [(key, (m.live[key],)) for key in m.keys], len(m.live))
        for s in watches.sequences:
            if type(s.live) is list:
                block.items(s.live, list(s.live), s.but)
            elif isinstance(s.live, set) and not s.live:
                block.size(s.live)
            else:
                raise _Unsupported
        names = {}  # of a dictionary: what is asked of it, together
        for cell, _ in watches.cells:
            self._cell(block, cell, names)
        for live, entries in names.values():
            block.some(live, entries, guards.ANY)

    def _cell(self, block, cell, names):
        value = cell.cell_contents
        if type(cell) is types.CellType:
            block.cell(cell, value)
        elif type(cell) in (Global, Attribute):
            live = cell.names if type(cell) is Global else guards.dictionary_of(cell.kind)
            if live is None:
                raise _Unsupported
            entry = cell.name, None if value is MISSING else (value,)
            names.setdefault(id(live), (live, []))[1].append(entry)
        else:
            address = guards.slot_address(cell.thing, value) if type(cell) is SlotOf else None
            if address is None or value is MISSING:
                raise _Unsupported
            block.pointer(address, value)

    def _rates(self):
        """Learning rates, which the program reads where they are kept here."""
        captured, program = self.compiled.captured, self.compiled.forward
        numbers = [group[key] for group, key in captured.rates]
        if any(isinstance(n, TensorBase) for n in numbers):
            raise _Unsupported
        self.rates = np.array(numbers, np.float64)
        slots = {i: slot for slot, i in program.given}
        for k in range(len(numbers)):
            slot = slots[len(captured.sources) + k]
            self.memory.table[slot] = self.rates.ctypes.data + 8 * k

    # --- calls -----------------------------------------------------------------------------

    def refresh(self, args):
        """All was found as it was in the general way: note the versions of now."""
        if len(args) != self.args or self.rebuilt > _REBUILT:
            return
        try:
            self.free.pop()
        except IndexError:
            return
        try:
            if self.again(self.block, *args) == guards.CHANGED:
                self.rebuilt += 1
                self._build(args)
            else:
                self._rates()
        except _Unsupported:
            self.rebuilt = _REBUILT + 1
        finally:
            self.free.append(True)

    def _runner(self):
        """The call itself; what it needs are variables of its own, the quickest to read."""
        walk, block, table, empty = self.walk, self.block, self.memory.table, np.empty
        program, finish, together = self.compiled.forward, self._finish, self.together
        kernel_rest, kernel_all = program.kernel_rest, program.kernel_all
        rest, every = _Made(self.made_rest), _Made(self.made_all)
        stamp = (lambda: None) if together is None else together.stamp
        free = self.free

        def run(args):
            try:
                free.pop()
            except IndexError:  # another thread is here, or a signal's handler
                return MISS
            try:
                code = walk(block, *args)
                if code == _READY:
                    if rest.number is None:
                        arrays = [empty(shape, dtype) for shape, dtype in rest.forms]
                        kernel_rest(table, *arrays)
                    else:
                        kernel_rest(table, rest.number)
                        arrays = [rest.number[()]]
                elif code:
                    arrays = [empty(shape, dtype) for shape, dtype in every.forms]
                    kernel_all(table, *arrays)
                else:
                    return MISS
                stamp()
            finally:
                free.append(True)
            return finish(args, arrays, code)

        return run

    def _finisher(self):
        """``finish(args, arrays, code)``: the results' tensors, and what is put where."""
        compiled, captured, late = self.compiled, self.compiled.captured, self.late
        places = {i: k for k, (i, _, _) in enumerate(self.made_rest)}
        kinds = {kind for kind, _ in captured.results}
        quiet = not (late or self.fresh_grads or self.other_grads or captured.stores)
        if quiet and kinds <= {"constant"} and captured.spec.type is None:
            return lambda args, arrays, code, constant=captured.results[0][1]: constant
        if compiled.reverse or late or self.other_grads:
            return self._generally
        if not kinds <= {"constant", "output"} or not all(
            what in places for kind, what in captured.results if kind == "output"
        ):
            return self._generally
        plan = [(kind == "output", places[what] if kind == "output" else what)
                for kind, what in captured.results]  # fmt: skip
        give, generally, new, kind = (
            self._giver(), self._generally, object.__new__, TensorBase.handle_class,
        )  # fmt: skip
        spent = captured.tracked if captured.spent else ()

        def finish(args, arrays, code):
            if code != _READY and self.fresh_grads:
                return generally(args, arrays, code)
            results = []
            for made, what in plan:
                if made:
                    array = arrays[what]
                    handle = new(kind)
                    handle._value = array if array.ndim or array.dtype.kind != "f" else array[()]
                    handle._node = handle._grad = handle._view = handle._extra = None
                    results.append(handle)
                else:
                    results.append(what)
            for i in spent:
                results[i]._node = spent_node()
            return give(results)

        return finish

    def _giver(self):
        """`Compiled.give`; shorter where each result is one object."""
        captured = self.compiled.captured
        forms = [captured.spec, *captured.forms]
        if captured.numbers or not all(form.type is None for form in forms):
            return self.compiled.give
        places = list(enumerate(captured.stores, captured.count))

        def give(results):
            for i, (container, key) in places:
                if key is APPENDED:
                    container.append(results[i])
                else:
                    container[key] = results[i]
            return results[0]

        return give

    def _generally(self, args, arrays, code):
        """Every kind of result, as `Compiled` makes them."""
        outs, compiled = [None] * self.count, self.compiled
        made = self.made_rest if code == _READY else self.made_all
        for (i, _, _), array in zip(made, arrays, strict=True):
            outs[i] = array
        tensors = tensors_in(args)
        for handle, place in self.late:
            write(resolved(handle, tensors), outs[place])
        handles = ()
        if compiled.reverse is not None:
            handles = [resolved(g, tensors) for g in compiled.given]
        for i, source, ref in self.passed:
            outs[i] = view(np.asarray(handles[source]._value), ref)
        results = compiled._results(outs, tensors, handles)
        if code != _READY:
            for given, place in self.fresh_grads:
                handle = resolved(given, tensors)
                handle._grad = wrap(value_of(outs[place]))
        for given, place in self.other_grads:
            made = None if place is None else wrap(value_of(outs[place]))
            resolved(given, tensors)._grad = made
        return compiled.give(results)


class _Made:
    """What is made for a call: shapes and types; where that is one number, memory of its own from
    which it is read at once."""

    __slots__ = ("forms", "number")

    def __init__(self, made):
        self.forms = [(shape, dtype) for _, shape, dtype in made]
        alone = len(made) == 1 and made[0][1] == () and made[0][2].kind == "f"
        self.number = np.empty((), made[0][2]) if alone else None
