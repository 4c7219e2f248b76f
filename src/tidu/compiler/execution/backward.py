"""The backward programs of a compiled function: one for each set of results that gradients reach.

A call that returns several tensors is gone back from through some of them only, as a loss beside
what is merely looked at. Each is made when it is first needed; where there is one result, at once.
"""

from threading import RLock

from ...base.process.forks import across
from ..graphs.unreached import without
from .program import Program

__all__ = ["Backward"]

_MAKING = across(RLock())  # one thread at a time makes programs


class Backward:
    """``backward(saved, gradients)`` gives the gradients of what the function was computed from;
    None where none arrives. `count`: how many inputs of the graph, its last, are gradients."""

    def __init__(self, graph, count, varying):
        self.graph, self.count, self.varying = graph, count, varying
        self.programs = {}
        if count == 1:
            self.whole()

    def whole(self):
        """The program where a gradient reaches every result."""
        return self._for((False,) * self.count)[0]

    def __call__(self, saved, gradients):
        missing = tuple([g is None for g in gradients])
        program, inputs, outputs = self._for(missing)
        given = [*saved, *gradients]
        made = iter(program([given[i] for i in inputs]) if program is not None else ())
        return [next(made) if there else None for there in outputs]

    def _for(self, missing):
        """(program, the places of its inputs among those of the graph, which outputs it has)."""
        found = self.programs.get(missing)
        if found is None:
            with _MAKING:
                found = self.programs.get(missing) or self._made(missing)
                self.programs[missing] = found
        return found

    def _made(self, missing):
        graph = self.graph
        if not any(missing):
            program = Program(graph, varying=self.varying)
            return program, range(len(graph.inputs)), [True] * len(graph.outputs)
        seeds = graph.inputs[len(graph.inputs) - self.count :]
        made = without(graph, seeds, [s for s, no in zip(seeds, missing, strict=True) if no])
        places = {v: i for i, v in enumerate(graph.inputs)}
        inputs, outputs = [places[v] for v in made.inputs], [o is not None for o in made.outputs]
        made.outputs = [o for o in made.outputs if o is not None]
        program = Program(made, varying=self.varying) if made.outputs else None
        return program, inputs, outputs
