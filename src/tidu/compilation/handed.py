"""Functions whose graph goes to a function of the program: `compile(f, backend=function)`.

What is watched, when another graph is made and where a function is cut is as for our own code
(`compiler/calls/optimized.py`); a version is here what the backend gave for a torch.fx graph.
"""

from ..base import tree
from ..base.switches import switch
from ..compiler.calls import optimized
from ..compiler.calls.dynamic import at_other_sizes
from ..compiler.calls.keys import loosened
from ..compiler.calls.versions import version_of
from ..compiler.execution.compiled import resolved
from ..compiler.recording.breaks import Break, Undecided, Wanted
from ..compiler.recording.capture import capture
from ..compiler.recording.growing import Growing
from ..core.modes import LOCAL
from ..fx import GraphModule
from ..nn import Module
from .backends import PLAIN_COMPILERS as PLAIN
from .recorder import Recorder, recording
from .sizes import pattern_of
from .sources import sources_of

__all__ = ["HandedOn"]


class HandedOn(optimized.Optimized):
    """`function`, run by what `hand` gives for its graphs: ``hand(graph module, example inputs)``
    returns a function of the inputs."""

    def __init__(self, function, fullgraph=False, dynamic=None, whole=None, hand=None):
        self.hand = hand
        super().__init__(function, fullgraph, dynamic, whole)

    def __reduce__(self):
        return HandedOn, (self.function, self.fullgraph, self.dynamic, None, self.hand)

    def _stretch(self, function):
        made = HandedOn(function, False, self.dynamic, self.telling, self.hand)
        self.stretches.append(made)
        return made

    def forget(self):
        super().forget()
        self.graphs = 0  # for which the backend was asked
        self.recordings = {}  # kind of call -> its Recordings, and the Patterns made of them
        self.learnt = []  # Recordings at other sizes, for the kind of call that is met next

    def _learn(self, args, kwargs, tensors):
        """A recording at another size, where sizes are said to vary."""
        for given, _ in at_other_sizes(args, kwargs, tensors):
            try:
                recorder = self._noted(*given, optimized.reached(self.function, *given)).recorder
            except (Exception, Undecided):
                continue
            self.learnt = [recorder.recording()]
            return

    def _begun(self, key, tensors, args, kwargs, reach):
        """A graph for a backend sets no gradients."""
        return None, None, True

    def _recorded(self, key, args, kwargs, reach, answers):
        captured = self._noted(args, kwargs, reach)
        kind = loosened(key)
        captured.known = self.recordings.setdefault(kind, ([], []))
        captured.known[0].extend(self.learnt)
        self.learnt = []
        return captured, (), False

    def _noted(self, args, kwargs, reach):
        """The Captured of a run, with the recorder of its calls."""
        recorder = None

        def run(*args, **kwargs):
            nonlocal recorder
            recorder, growing = Recorder(paths), Growing(reach.aside)
            recorder.start(LOCAL.tracer, run.__code__)
            with recording(recorder):
                result = self.function(*args, **kwargs)
                recorder.finish([*tree.leaves(result), *_put_away(reach, growing)])
            return result

        paths = sources_of(self.function, args, kwargs)
        captured = capture(run, args, kwargs, reach)
        if captured.gradients or captured.arrivals:
            raise Break("it sets gradients", names=_GRADIENTS)
        captured.recorder = recorder
        return captured

    def compiled_by(self, module, inputs):
        """What the backend gives; None where it failed, or was asked too often."""
        most = switch("_dynamo", "recompile_limit")
        if self.graphs >= most:
            self.telling.say(
                f"{self.telling.name} was compiled {most} times "
                "(torch._dynamo.config.recompile_limit).", "\nIt runs eagerly.",
            )  # fmt: skip
            return None
        run = self.hand(module, inputs)
        self.graphs += 1
        return run

    def varies(self):
        """Whether graphs for several sizes are made."""
        return self.dynamic is not False and switch("_dynamo", "automatic_dynamic_shapes")

    def _version(self, captured, reach, tensors, varying):
        version = version_of(captured, reach, tensors, make=lambda captured, given: Handed(
            captured, given, self))  # fmt: skip
        version.asked = True  # it has no fast path
        return version

    def _otherwise(self, key, error, args, kwargs):
        if self.fullgraph and self.hand.backend in PLAIN and not _cuts_in_pytorch(error):
            self.instead[key] = self.function  # it would be run as it is anyway
            return self.function(*args, **kwargs)
        return super()._otherwise(key, error, args, kwargs)

    def _by(self, version, tensors, args, kwargs, floats=()):
        if version.compiled.ask(tensors):
            return super()._by(version, tensors, args, kwargs, floats)
        return self.function(*args, **kwargs)


def _cuts_in_pytorch(error):
    """Whether PyTorch cannot record the statement either."""
    cuts = ("it prints", "the value of a tensor decides", "it calls backward")
    disabled = "marked with compiler.disable" in error.reason
    return isinstance(error, Wanted) or disabled or error.reason.startswith(cuts)


_GRADIENTS = frozenset({"backward", "grad", "step", "zero_grad"})


def _put_away(reach, growing):
    """What is stored or appended by now in what the function reaches, as results are ordered."""
    things = [live[key] for live, key in reach.stores() or []]
    things += [item for _, items in growing.added() or [] for item in items]
    return [leaf for thing in things for leaf in tree.leaves(thing)]


class Handed:
    """A captured function run by what a backend gave, in the place of a `Compiled`.

    captured: with its `recorder`. given: for each source its place among the tensors of a call, its
    handle, or an Entry.
    """

    def __init__(self, captured, given, owner):
        self.captured, self.given, self.owner, self.run = captured, given, owner, None
        recorder, sources = captured.recorder, captured.sources
        at = {id(old.handle): g for old, g in zip(sources, given, strict=True)}
        self.inputs = [at[id(handle)] for handle in recorder.inputs]
        if any(g is None for g in self.inputs):
            raise Break("it reads a tensor in a container that it replaces")
        self.plan = self._planned(recorder, at)
        self.graph, self.known = recorder.graph, captured.known
        self.recording = recorder.recording()
        self.writes = ()  # the graph does it itself
        self.forward, self.reverse = _Forward(captured.graph, self.graph), None
        captured.recorder, captured.homes = None, ()

    def _planned(self, recorder, at):
        """For each result: ("output", number), ("given", where it is found) or ("constant", it)."""
        number = {key: i for i, key in enumerate(recorder.outputs)}
        plan = []
        for (kind, what), key in zip(self.captured.results, recorder.values, strict=True):
            if key in number:
                plan.append(("output", number[key]))
            elif key in at:
                plan.append(("given", at[key]))
            elif kind == "constant":
                plan.append((kind, what))
            else:
                raise Break("it returns a number that a tensor holds", names=_NUMBERS)
        return plan

    def reached(self):
        return []

    def ask(self, tensors):
        """Have the backend compile the graph, if it has not. Returns whether there is something to
        run: not if the backend failed and `suppress_errors` is set."""
        if self.run is None and not any(n.op.startswith("call") for n in self.graph.nodes):
            self.run = lambda *inputs: ()
        if self.run is None:
            inputs = [resolved(g, tensors) for g in self.inputs]
            self.run = self._by_pattern(inputs) or self._by_own_graph(inputs)
        return self.run is not None

    def _by_own_graph(self, inputs):
        run = self.owner.compiled_by(GraphModule(Module(), self.graph), inputs)
        if run is not None:
            self.known[0].append(self.recording)
        return run

    def _by_pattern(self, inputs):
        """What a graph for several sizes gives; None where there is none for this recording."""
        if not self.owner.varies():
            return None
        recordings, patterns = self.known
        for pattern in patterns:
            sizes = pattern.sizes_of(self.recording)
            if sizes is not None:
                return _with_sizes(pattern, sizes)
        for other in recordings:
            pattern = pattern_of(other, self.recording)
            sizes = pattern and pattern.sizes_of(self.recording)
            if sizes:
                module = GraphModule(Module(), pattern.graph)
                pattern.run = self.owner.compiled_by(module, pattern.given(sizes, inputs))
                patterns.append(pattern)
                return None if pattern.run is None else _with_sizes(pattern, sizes)
        return None

    def __call__(self, tensors, floats=()):
        outs = self.run(*[resolved(g, tensors) for g in self.inputs])
        results = []
        for kind, what in self.plan:
            if kind == "output":
                results.append(outs[what])
            else:
                results.append(resolved(what, tensors) if kind == "given" else what)
        self.captured.put(results)
        spec = self.captured.spec
        if spec.type is None:
            return results[0]
        return tree.unflatten(spec, results[: self.captured.count])


def _with_sizes(pattern, sizes):
    """The pattern's function, for tensors of these sizes."""
    return lambda *inputs: pattern.run(*pattern.given(sizes, inputs))


_NUMBERS = frozenset({"item", "tolist", "float", "int", "bool"})


class _Forward:
    """What is asked of a program: the trial's graph, and a line for `explain`."""

    many, stops, module = False, (), None

    def __init__(self, graph, torch_graph):
        self.graph, self.torch_graph = graph, torch_graph

    def summary(self):
        return f"a graph of {len(self.torch_graph.nodes)} nodes, run by its backend"
