"""The fast path of a call to a compiled program: checks and addresses in generated code.

``Quick(version, args).call(*args)`` is one built-in function: it gives the call's result, or MISS.
It does what the version does in its general way (`Optimized`, `Compiled`), for plain arguments. A
gradient that nobody else holds is written where the last one was.
Where results are new tensors alone, and the interpreter's lock is kept, the built-in function asks,
runs and makes them (`guards.call`); otherwise it asks, and `Quick.rest` does what is left.
"""

import types
from functools import lru_cache
from operator import is_

import numpy as np

from ...base import tree
from ...base.dtypes import DEFAULT
from ...core.handle import TensorBase
from ...core.modes import LOCAL, STATE
from ...core.node import NOWHERE, Node, ends_here
from ...core.versions import Together, clock, owner
from ..execution.compiled import Entry, Gradient, memory_of, resolved, spent
from ..recording.cells import MISSING, Attribute, Bases, ClassOf, Global, SlotOf, contents
from ..recording.growing import APPENDED
from ..recording.reach import tensors_in
from ..recording.replaced import Table
from . import guards
from .finishing import Finish, Returned
from .objects import TENSOR_SLOTS, WORD, dictionary_of, layout, slot_address, slots_of
from .versions import VALUE_ERRORS

__all__ = ["RUNNING", "Quick", "quick_for"]

RUNNING: list = []  # the thread of each trial run under way
_READY, _BUSY = guards.READY, guards.BUSY
_REBUILT = 16  # times the checks are written anew before the general way serves alone


class _Unsupported(Exception):
    pass


def quick_for(version, args):
    """A Quick, or None where the general way is the only one."""
    if layout() is None or version.compiled.captured.numbers_given is not None:
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


_HOOKS = ("hooks", "after_hooks", "accumulator")


class Quick:
    """The checks of one version as a block, its memory, and `call`."""

    def __init__(self, version, args):
        self.version, self.compiled = version, version.compiled
        self.rebuilt, self.args = 0, len(args)
        program = self.compiled.forward
        self.memory = program.memory(alone=program.small)
        self.memory.arena.release()  # a large program's is lent to others between calls
        self._outputs()
        self._build(args)

    # --- what is read and made -------------------------------------------------------------

    def _outputs(self):
        """What is made for a call, (slot, shape, type) each, and where the outputs lie."""
        program, given = self.compiled.forward, self.compiled.given
        made = zip(program.fresh, program.made_new, strict=True)
        self.made_all = [(slot, shape, dtype) for slot, (shape, dtype) in made]
        self.made_rest = [m for m in self.made_all if m[0] in program.rest]
        inputs = dict(program.given)
        read = {r.buffer for r in program.outputs if hasattr(r, "buffer")} | program.called
        # Inputs whose arrays are asked for: for outputs that lie in them, and for what is called.
        self.arrays = [(slot, i) for slot, i in inputs.items() if slot in read]
        if any(i >= len(given) for _, i in self.arrays):
            raise _Unsupported  # a learning rate

    def _build(self, args):
        self.give, block = None, guards.Block(len(args))
        self._tensors(block, args)
        self._surroundings(block)
        finish = self._finish()
        block.serves(self, Quick.rest, self.give)
        self.kept, self.block = block, block.array(finish)
        self.call, self.again = guards.call(self.block), guards.refresh(self.block)
        self._rates()

    def _tensors(self, block, args):
        compiled, program = self.compiled, self.compiled.forward
        numbers = [i for i, a in enumerate(args, 1) if isinstance(a, TensorBase)]
        owners = [i for i in numbers if args[i - 1]._grad is not None]
        among = any(given.__class__ is int for given in compiled.writes)
        if len(numbers) > 8 or (among and len(numbers) > 1):
            raise _Unsupported
        if len(tensors_in(args)) != len(numbers) + len(owners):
            raise _Unsupported  # a gradient is an argument too, or has one
        slots = {i: slot for slot, i in program.given}
        written = {id(compiled.captured.sources[i]) for i in compiled.targets.values()}
        table, arrivals = self.memory.table.ctypes.data, set(compiled.captured.arrivals)
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
                there = which.tensor() if owned else which
                if there is None:
                    raise _Unsupported  # a gradient that the call has dropped
                value = there._value
                arrays.append(value)
            if old.strides is not None and i not in compiled.orders:
                raise _Unsupported  # a copy that lies in order is given
            if old.node is NOWHERE or ends_here(old.node):
                raise _Unsupported
            extra = self._extra(block, handle, args) if old in arrivals else ()
            block.tensor(handle, table + 8 * slots[i], old, value, owned, extra)
        self._gradients(block, numbers, table)
        block.pointer(slot_address(DEFAULT, DEFAULT.numpy), DEFAULT.numpy)
        if any(self.version.tags):
            raise _Unsupported  # a dictionary of its own in each argument
        for i, a in enumerate(args, 1):
            if i not in numbers:
                block.same(i, a)
            else:
                block.plain(i, LOCAL.inference)
        for i, tensor in self.version.same.items():
            block.same(numbers[i], tensor)
        block.others(numbers, [(i, t) for i in numbers for t in self.version.reached.values()
                               if _could_be(args[i - 1], t)])  # fmt: skip
        if arrays:
            owners = list({id(root): root for root in map(owner, arrays)}.values())
            for i in numbers:
                block.apart(i, owners)
        self._together(arrays)

    @staticmethod
    def _extra(block, handle, args):
        """What must not change where a gradient arrives: the place of hooks. Those there are, are
        watched."""
        tensor = args[handle - 1] if handle.__class__ is int else handle
        extra = tensor._extra
        if tensor._node.__class__ is Node or (handle.__class__ is int and extra is not None):
            raise _Unsupported
        if extra is not None:
            names = vars(extra)
            entries = [(n, (names[n],) if n in names else None) for n in _HOOKS]
            block.some(names, entries, guards.ANY)
        return (extra,)

    def _together(self, arrays):
        """One stamp for all that the program writes."""
        ids = [id(a) for a in arrays]
        if getattr(self, "written", None) != ids:
            self.written, self.together = ids, Together(arrays) if arrays else None

    def _gradients(self, block, numbers, table):
        program = self.compiled.forward
        self.other_grads = []  # those that are made anew at each call
        for given, place, apart in self.compiled.grads:
            which = numbers[given] if given.__class__ is int else given
            if not isinstance(which, (int, TensorBase)):
                raise _Unsupported
            ref = None if place is None else program.outputs[place]
            if not apart or getattr(ref, "buffer", None) not in program.held:
                self.other_grads.append((given, place, apart))
                continue
            block.gradient(which, table + 8 * ref.buffer, ref.shape, ref.dtype)

    def _surroundings(self, block):
        """Every dictionary, list and variable, as `Watches` has them."""
        for count, place in zip((STATE.special, STATE.levels), _counts(), strict=True):
            block.pointer(place, count)
        block.items(RUNNING, ())
        watches = self.version.watches
        for m in watches.mappings:
            found = {key: m.copy.get(key) for key in m.switches()}
            if (m.keys is None or m.rates or not m.live) and not found:
                block.dictionary(m.live, m.live)
            else:
                now = m.live if m.keys is None else {key: m.live[key] for key in m.keys}
                block.some(m.live, [(k, (v,)) for k, v in (now | found).items()], len(m.live))
        for s in watches.sequences:
            if type(s.live) is list:
                block.items(s.live, list(s.live), s.but)
            elif isinstance(s.live, set) and not s.live:
                block.size(s.live)
            else:
                raise _Unsupported
        names = {}  # of a dictionary: what is asked of it, together
        if watches.buffers:
            raise _Unsupported
        for cell, _ in watches.cells:
            self._cell(block, cell, names)
        sizes = {id(dictionary_of(kind)): len(space) for space, kind, _ in watches.classes}
        for live, entries in names.values():
            block.some(live, entries, sizes.pop(id(live), guards.ANY))
        if sizes:
            raise _Unsupported

    def _cell(self, block, cell, names):
        if type(cell) is Table:
            names = self.version.watches.names
            return block.table(cell.live, cell.live if names is None else names)
        value = contents(cell)
        if type(cell) is types.CellType:
            block.cell(cell, value)
        elif type(cell) is ClassOf:
            block.pointer(id(cell.thing) + WORD, value)
            block.kept.append(cell)
        elif type(cell) in (Global, Attribute):
            live = cell.names if type(cell) is Global else dictionary_of(cell.kind)
            if live is None:
                raise _Unsupported
            entry = cell.name, None if value is MISSING else (value,)
            names.setdefault(id(live), (live, []))[1].append(entry)
        else:
            thing = {SlotOf: "thing", Bases: "kind"}.get(type(cell))
            address = thing and slot_address(getattr(cell, thing), value)
            if address is None or value is MISSING:
                raise _Unsupported
            block.pointer(address, value)

    def _rates(self):
        """Learning rates, which the program reads where they are kept here."""
        captured, program = self.compiled.captured, self.compiled.forward
        numbers = [rate.value() for rate in captured.rates]
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
        found = self.again(*args)
        if found == guards.IN_USE:
            return
        try:
            if found == guards.CHANGED:
                self.rebuilt += 1
                self._build(args)
            else:
                self._rates()
        except _Unsupported:
            self.rebuilt = _REBUILT + 1

    def _finish(self):
        """What makes the results as soon as the program has run, or None where that is not all."""
        compiled, captured, program = self.compiled, self.compiled.captured, self.compiled.forward
        places = [what for kind, what in captured.results if kind == "output"]
        slots = {i: program.own_slot(i) for i in places}
        apart = compiled.back or compiled.late or self.other_grads or captured.refused
        others = {kind for kind, _ in captured.results} - {"constant", "output"}
        if not (guards.finishes() and program.small) or apart or others:
            return None
        made_here = [slot for slot, _, _ in self.made_rest]
        if None in slots.values() or sorted([slots[i] for i in places]) != made_here:
            return None
        finish, made = Finish(self.memory.table), {}
        for slot, shape, dtype in self.made_rest:
            number = np.empty(shape, dtype) if shape == () and dtype.kind == "f" else None
            if number is None and program.stops or number is not None and number.itemsize < 4:
                return None
            made[slot] = (
                finish.empty(shape, dtype) if number is None else finish.given(number),
                number,
            )
        finish.run(program.rest_address, 1 + len(made))
        results = []
        for k, (kind, what) in enumerate(captured.results):
            if kind == "constant":
                results.append(what)
                continue
            place, number = made[slots[what]]
            value = place if number is None else finish.number(number)
            node = self._spent(finish) if captured.spent and k in captured.tracked else None
            results.append(_tensor(finish, value, node))
        self._give(finish, results)
        self.finish = finish  # which keeps alive what it names
        return finish.array()

    def _give(self, finish, results):
        """What the function stores is stored and what it returns returned; where that needs Python
        (`give`), all of it as a list."""
        captured = self.compiled.captured
        stores = list(zip(captured.stores, results[captured.count :], strict=False))
        plain = (
            captured.count == 1
            and not captured.numbers
            and results[0].__class__ is not int  # which would be taken for a code
            and all(form.type is None for form in (captured.spec, *captured.forms))
            and all(type(where) in (list, dict) for (where, _), _ in stores)
        )
        for (container, key), what in stores if plain else ():
            if key is APPENDED:
                finish.append(container, what)
            else:
                finish.store(container, key, what)
        if self.together is not None:
            finish.stamp(self.together)
        self.give = None if plain else self.compiled.give
        finish.give(results[0] if plain else finish.list(results))

    @staticmethod
    def _spent(finish):
        """The node of a result whose graph the function went back through itself."""
        at, slots = slots_of(Node, ["seq", *spent()]), {"seq": Returned(clock), **spent()}
        return finish.object(Node, {at[name]: what for name, what in slots.items()})

    def rest(self, code, *args):
        """The program in a block that is BUSY, and every kind of result, as `Compiled` makes it."""
        compiled, block = self.compiled, self.block
        program, tensors = compiled.forward, tensors_in(args)
        held = () if program.small else self._held(tensors)
        ready = code == _READY
        made = self.made_rest if ready else self.made_all
        if not self.memory.arena.acquire():
            block[_BUSY] = 0
            return compiled(tensors)
        try:
            fresh = {slot: np.empty(shape, dtype) for slot, shape, dtype in made}
            given = {slot: memory_of(resolved(compiled.given[i], tensors), compiled.orders.get(i))
                     for slot, i in self.arrays}  # fmt: skip
            outs = self._run(ready, fresh, given)
            if self.together is not None:
                self.together.stamp()
        finally:
            self.memory.arena.release()
            block[_BUSY] = 0
        del held
        for place in compiled.copied:
            outs[place] = outs[place].copy()
        handles, goes_back = (), compiled.back is not None or compiled.captured.refused
        if goes_back:
            handles = [resolved(g, tensors) for g in compiled.given]
        grads = self.other_grads if ready else compiled.grads
        return compiled.finish(outs, tensors, handles, grads)

    def _run(self, ready, fresh, given):
        """The program's outputs; an error that depends on values has changed nothing."""
        program, version = self.compiled.forward, self.version
        if not program.many:
            return program.serve(self.memory, ready, fresh, given)
        places = version.places()
        try:
            return program.serve(self.memory, ready, fresh, given)
        except VALUE_ERRORS:
            version.back_to(places)
            raise

    def _held(self, tensors):
        """What the program reads and writes, kept alive while other Python threads may run."""
        compiled = self.compiled
        grads = [resolved(given, tensors)._grad for given, _, _ in compiled.grads]
        return (
            [resolved(given, tensors)._value for given in compiled.given if given is not None],
            [None if grad is None else grad._value for grad in grads],
        )


def _could_be(argument, tensor):
    """Whether a call could be given this tensor in the place of such an argument."""
    value, other = argument._value, tensor._value
    alike = value.shape == other.shape and value.dtype is other.dtype
    return alike and (argument._node is None) is (tensor._node is None)


@lru_cache
def _counts():
    """Where it stands how many threads left the default modes, and how many transforms run."""
    at = slots_of(type(STATE), type(STATE).__slots__)
    return [id(STATE) + at[name] for name in ("special", "levels")]


def _tensor(finish, value, node):
    """A new tensor; `value` and `node` are what the call makes."""
    at, slots = layout(), dict.fromkeys(TENSOR_SLOTS)
    slots.update(_value=value, _node=node)
    return finish.object(
        TensorBase.handle_class, {getattr(at, name[1:]): what for name, what in slots.items()}
    )
