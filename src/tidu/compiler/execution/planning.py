"""A recorded graph to an executable: passes, steps, memory and code.

`Planning(source)` has the graph, the plan and the memory, and `executable()` writes the code. All
of it is dropped when the executable is there; what people want to see of it is planned again.
"""

from typing import NamedTuple

from ...program.ir import Graph, Variable
from ..graphs import passes
from ..graphs.in_place import heirs
from ..graphs.schedule import plan
from ..graphs.steps import Call, Convolution, Fused, Placed, Product, WithEpilogue, reads_of
from ..loops import convolution_epilogues
from ..loops.stops import Stop
from .executable import Epilogue, Executable, Operation, Within, whole
from .segments import Segment, written_by

__all__ = ["ALIGN", "Planning", "Source"]

ALIGN = 64
_FROM_PYTHON = Call, Convolution  # steps that Python calls


class Source(NamedTuple):
    """What a program is planned from. `targets`: {output position: input position} of what is
    written into the memory of an input; `again`: positions of outputs for which a caller may have
    memory already; `homes`: a `passes.Home` of each output; `orders`: {position: axes, outermost
    first} of inputs. `varying`: the text is not to depend on sizes, where it need not."""

    recorded: Graph
    targets: dict
    again: tuple
    varying: bool
    homes: tuple
    orders: dict

    def outside(self):
        return passes.Outside(self.recorded, self.targets, self.homes, self.orders)

    def history(self):
        """The graph as it was recorded and after each pass that ran, for people to read."""
        last = str(self.recorded)
        told = [f"recorded:\n{last}"]

        def tell(name, graph):
            nonlocal last
            text = str(graph)
            told.append(f"after {name}: the same" if text == last else f"after {name}:\n{text}")
            last = text

        passes.run(self.outside(), tell, self.varying)
        return "\n".join(told)


class Planning:
    """The planned graph, where each of its values lies, and the code that is written for it."""

    def __init__(self, source):
        self.source = source
        self.graph = graph = passes.run(source.outside(), varying=source.varying)
        targets = [(graph.outputs[o], graph.inputs[i]) for o, i in source.targets.items()]
        self.plan = plan(graph, targets, source.varying)
        self.made = self._memory()
        # A table begins with the address of each buffer, and that of the partial results.
        self.addresses = len(self.plan.buffers) + 1
        self.forms = {}  # of loops that were written: the function of each
        self.texts = []

    # --- memory ----------------------------------------------------------------------------

    def _memory(self):
        """The executable without its parts: slots 0..n-1 of the table are the buffers."""
        plan, graph, source = self.plan, self.graph, self.source
        slot = self.slot = {v: i for i, (v, _, _) in enumerate(plan.buffers)}
        outputs = [None if k in source.targets else plan.refs[o] if isinstance(o, Variable) else o
                   for k, o in enumerate(graph.outputs)]  # fmt: skip
        given = [(slot[v], i) for i, v in enumerate(graph.inputs)]
        constants = {slot[c]: c.constant for c in graph.constants}
        returned = {r.buffer for r in outputs if hasattr(r, "buffer")}
        operations = [step for step in plan.steps if isinstance(step, _FROM_PYTHON)]
        call_made = {slot[v] for step in operations if type(step) is Call
                     for v in step.equation.outs}  # fmt: skip
        fixed = {s for s, _ in given} | set(constants) | call_made
        fresh = sorted(returned - fixed)
        called = {plan.refs[v].buffer for step in operations for v in reads_of(step)}
        buffers = [(count, dtype) for _, count, dtype in plan.buffers]
        again = {outputs[i].buffer for i in source.again if whole(outputs[i], buffers)}
        held = again & set(fresh) - called
        scratch = [i for i in range(len(slot)) if i not in fixed and i not in returned]
        offsets, size = self._arranged(scratch)
        made = Executable(
            source.varying, buffers, given, outputs,
            fresh, [], held, [s for s in fresh if s not in held], called, call_made,
            {*fixed, *fresh}, offsets, size, constants, bool(operations),
            any(isinstance(step, Stop) for step in plan.steps),
        )  # fmt: skip
        shapes = {r.buffer: r.shape for r in outputs if made.whole(r)}
        made.made_new = [(shapes.get(s, made.buffers[s][0]), made.buffers[s][1]) for s in fresh]
        return made

    def _arranged(self, scratch):
        """({slot: byte in the arena}, bytes): a buffer takes the first gap among those alive with
        it, or the place of one that it comes after."""
        born, dies = self._lifetimes()
        offsets, size = {}, 0
        placed, used = [], [s for s in scratch if s in born]
        first = {}  # in the place of each buffer
        self.heirs = heirs(self.plan, {s: (born[s], dies[s]) for s in used})
        for slot, other in self.heirs.items():
            first[slot] = first.get(other, other)
            dies[first[slot]] = dies[slot]
        for slot in sorted([s for s in used if s not in first], key=lambda s: -self._bytes(s)):
            need, at = self._bytes(slot), 0
            others = [p for p in placed if born[p[2]] <= dies[slot] and born[slot] <= dies[p[2]]]
            for start, end, _ in sorted(others):
                if at + need <= start:
                    break
                at = max(at, end)
            offsets[slot] = at
            placed.append((at, at + need, slot))
            size = max(size, at + need)
        offsets.update({slot: offsets[other] for slot, other in first.items()})
        return offsets, size

    def _bytes(self, slot):
        _, count, dtype = self.plan.buffers[slot]
        return -(-max(count, 1) * dtype.itemsize // ALIGN) * ALIGN

    def _lifetimes(self):
        """(first step that writes, last that reads) of each buffer."""
        born, dies = {}, {}
        for k, step in enumerate(self.plan.steps):
            reads, writes = self._touched(step)
            for slot in writes:
                born.setdefault(slot, k)
                dies[slot] = k
            for slot in reads:
                born.setdefault(slot, 0)
                dies[slot] = k
        return born, dies

    def _touched(self, step):
        refs = self.plan.refs
        reads = {refs[v].buffer for v in reads_of(step)}
        writes = [out for _, _, out in getattr(step, "reductions", ())]
        if isinstance(step, (Fused, WithEpilogue)):
            writes += written_by(self.plan, step)
        if not isinstance(step, Fused):
            writes += [*step.equation.outs, *getattr(step, "kept", ())]
        return reads, {refs[v].buffer for v in writes}

    # --- code ------------------------------------------------------------------------------

    def executable(self, ahead=True):
        """The Executable, its code written; `ahead`: it will be linked, so that other cores may
        compile what is written already."""
        made, run, ends = self.made, [], []  # `ends`: of each part, the step that follows it
        for k, step in enumerate([*self.plan.steps, None]):
            if not isinstance(step, _FROM_PYTHON) and step is not None:
                run.append(step)
                continue
            if run:
                made.parts.append(Segment(self, run).code(ahead))
                ends.append(k)
            if step is not None:
                made.parts.append(self._operation(step, ahead))
                ends.append(k + 1)
            run = []
        made.done = self._last_uses(ends)
        return made

    def words(self, numbers):
        """Put numbers into the table; the word where they begin."""
        first = self.addresses + len(self.made.numbers)
        self.made.numbers += numbers
        return first

    def _operation(self, step, ahead):
        e, refs = step.equation, self.plan.refs
        ins = [refs[i] if isinstance(i, Variable) else i for i in e.ins]
        slots, types = [self.slot[o] for o in e.outs], [o.element_type for o in e.outs]
        made = e.prim, e.params, ins, slots, types
        if isinstance(step, Placed):
            return Within(*made, [refs[o] for o in e.outs])
        if isinstance(step, Call):
            return Operation(*made)
        text, places, numbers = convolution_epilogues.emit(self.plan, step)
        self.texts.append(text)
        if ahead:
            convolution_epilogues.begin(text)
        place = self.words([*[n for place in places for n in place], *numbers])
        return Epilogue(*made, text, place, refs[step.out])

    def _last_uses(self, ends):
        """For each part, the slots of what calls made that nobody reads after it."""
        _, dies = self._lifetimes()
        kept = {r.buffer for r in self.made.outputs if hasattr(r, "buffer")}
        idle = self.made.call_made - kept
        starts = [0, *ends][: len(ends)]
        return [[slot for slot in idle if start <= dies[slot] < end]
                for start, end in zip(starts, ends, strict=True)]  # fmt: skip

    def summary(self):
        """Operations, loops, products and convolutions counted, and what is called as in eager."""
        steps = self.plan.steps
        count = lambda kind: sum(isinstance(s, kind) for s in steps)
        loops, products, convolutions = [count(kind) for kind in (Fused, Product, Convolution)]
        called = sorted({s.equation.prim.name for s in steps if isinstance(s, Call)})
        text = f"{len(self.graph.equations)} operations in {loops} loops, {products} products"
        text += f", {convolutions} convolutions" if convolutions else ""
        return text + (f"; as in eager: {', '.join(called)}" if called else "")
