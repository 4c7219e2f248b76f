"""`why(t)`: one paragraph on why a tensor has no gradient, or why backward failed.

It looks at the tensor, at the variables of the running program and at its text. Read `why`.
"""

import sys

from ..base.frames import last_of_program, user_frame
from ..base.whereabouts import Place, steps_of
from ..core.handle import LEAF, TensorBase
from ..core.node import FREED, Node, name_of
from ..core.versions import owner
from ..transforms.changed import line_of_node

__all__ = ["why"]


def why(tensor=None):
    """A paragraph that says why `tensor.grad` is None (or what is in it).

    Without a tensor, or with an exception: why the last backward failed. The line of an operation
    is the one that ran; lines that cut the graph are read from the program's text.

    >>> import tidu as torch
    >>> x = torch.tensor(2.0, requires_grad=True)
    >>> y = x * x
    >>> y.backward()
    >>> print(torch.why(y))  # doctest: +ELLIPSIS
    y.grad is None because y is not a leaf: MulBackward0 computed it ... Call y.retain_grad() ...
    """
    frame = user_frame(2)
    if tensor is None or isinstance(tensor, BaseException):
        return _of_error(tensor or _last_error(), frame)
    if not isinstance(tensor, TensorBase):
        raise TypeError(f"why() explains tensors, and got {type(tensor).__name__}")
    program = Program(frame)
    return _of_tensor(tensor, program)


def _last_error():
    return sys.exc_info()[1] or getattr(sys, "last_value", None)


class Program:
    """The caller's variables that are tensors, by name, and the statements around the call."""

    def __init__(self, frame):
        self.frame = frame
        self.tensors = dict(_tensors(frame)) if frame is not None else {}
        self.steps = steps_of(frame) if frame is not None else []

    def name(self, tensor):
        return next((n for n, t in self.tensors.items() if t is tensor), None)

    def is_tracked(self, name):
        tensor = self.tensors.get(name)
        return tensor is not None and tensor._node is not None

    def assigned(self, name):
        """The last statement before the call that assigns a name."""
        found = [s for s in self.steps if name in s.names and s.line <= self.frame.f_lineno]
        return found[-1] if found else None

    def uses(self, name):
        root = name.partition(".")[0]
        here = self.frame.f_lineno
        return [s for s in self.steps if (name in s.reads or root in s.reads) and s.line != here]


def _tensors(frame):
    # Local variables first, and a local one hides a global one.
    visible = {**frame.f_locals, **frame.f_globals, **frame.f_locals}
    for word, value in visible.items():
        if isinstance(value, TensorBase):
            yield word, value
        # The class is asked: an object may answer to any name, or fail on it.
        if callable(getattr(type(value), "named_parameters", None)):
            for inner, parameter in value.named_parameters():
                yield f"{word}.{inner}", parameter


# --- one tensor ---------------------------------------------------------------------------------


def _of_tensor(t, program):
    name = program.name(t) or "the tensor"
    if t._grad is not None:
        return f"{name}.grad is not None: backward has added to it (its sum so far is there)."
    node = t._node
    if node is None:
        return _untracked(t, name, program)
    if node is not LEAF:
        return _computed(t, name, node, program)
    return _leaf(t, name, program)


def _untracked(t, name, program):
    start = f"{name}.grad is None because {name} does not require a gradient"
    kind = t._value.dtype
    if kind is not None and kind.kind in "iub":
        return (f"{start}: its type is {kind.name}, and only floating-point and complex tensors "
                f"have gradients.{_cut_at(name, program)} Make it floating-point before the "
                f"computation: {name}.float().")  # fmt: skip
    cut = _cut_at(name, program)
    if cut:
        return f"{start}.{cut}"
    sharing = [n for n, o in program.tensors.items() if o is not t and o._node is not None
               and _same_memory(o, t)]  # fmt: skip
    if sharing:
        return (f"{start}: it shares the memory of {sharing[0]} but not its history, as detach(), "
                f".data and numpy() give. Use {sharing[0]} itself.")  # fmt: skip
    step = program.assigned(name)
    made = f" It was made at {step.place}." if step is not None else ""
    return (f"{start}.{made} If it is an input, make it with requires_grad=True or call "
            f"{name}.requires_grad_() before it is used.")  # fmt: skip


def _same_memory(a, b):
    x, y = a._value, b._value
    return x.dtype is not None and y.dtype is not None and owner(x) is owner(y)


def _cut_at(name, program, depth=8):
    """A sentence on the statement that took what `name` is computed from out of the graph."""
    seen, waiting = set(), [(name, depth)]
    while waiting:
        word, left = waiting.pop(0)
        step = program.assigned(word)
        if step is None or word in seen or not left:
            continue
        seen.add(word)
        cut = next((c for c in step.cuts), None)
        if cut is not None:
            return f" The cut is {cut[0]} at {step.place}: what it gives has no history."
        if step.quiet:
            return f" The cut is the no_grad block around {step.place}: nothing is recorded there."
        known = [n for n in sorted(step.reads) if program.is_tracked(n)]
        if known:
            return (f" The cut is in {step.place}: {known[0]} has a history and what comes out has "
                    "none. Comparisons, counts and indices have no "
                    "derivative.")  # fmt: skip
        waiting += [(n, left - 1) for n in sorted(step.reads) if n in program.tensors]
        waiting += [(n, left - 1) for n in sorted(step.reads) if n not in program.tensors]
    return ""


def _computed(t, name, node, program):
    place = line_of_node(node)
    step = program.assigned(name)
    at = f" at {place}" if place else f" at {step.place}" if step is not None else ""
    text = (f"{name}.grad is None because {name} is not a leaf: {name_of(node)} computed it{at}, "
            "and only leaves keep their gradients.")  # fmt: skip
    if t.retains_grad:
        ran = _ran(node)
        return (f"{name}.grad is None although retain_grad() was called: "
                + ("retain_grad() came after backward()." if ran
                   else "backward() has not been called yet, or not on what uses it."))  # fmt: skip
    if step is not None and name in step.reads:
        return (f"{text} The line computes a new {name} from the old one, which was the leaf: to "
                f"change a leaf, write into it inside torch.no_grad(): {name} -= ...")  # fmt: skip
    return f"{text} Call {name}.retain_grad() before backward() to keep this one."


def _leaf(t, name, program):
    start = f"{name}.grad is None because"
    reaching = [(n, o, _path(o._node, t)) for n, o in program.tensors.items()
                if o._node.__class__ is Node]  # fmt: skip
    reaching = [(n, o, path) for n, o, path in reaching if path]
    if reaching:
        return _reached(t, name, start, reaching, program)
    uses = program.uses(name)
    cut = _cut_after(name, uses, program)
    if cut:
        return f"{start} {cut}"
    computing = [s for s in uses if s.names or s.changes]
    if not computing:
        return (f"{start} {name} is never used in a computation of this function: no result "
                "depends on it.")  # fmt: skip
    return (f"{start} no backward() has reached it: no tensor of the running function was computed "
            f"from it (it is used at {computing[-1].place}). Either the result is gone, or "
            "backward() was called on something else, or zero_grad() has cleared the gradient "
            "since.")  # fmt: skip


def _reached(t, name, start, reaching, program):
    last = max(reaching, key=lambda entry: entry[1]._node.seq)
    if any(_ran(o._node) for _, o, _ in reaching):
        cleared = [s for s in program.steps if "zero_grad" in s.text or f"{name}.grad = None" in
                   s.text]  # fmt: skip
        at = f", as at {cleared[-1].place}" if cleared else ""
        return (f"{start} it was cleared after backward() had filled it{at}; or backward() was "
                "given inputs=... that leave it out.")  # fmt: skip
    cut = _cut_after(name, program.uses(name), program)
    cut = f" And {cut}" if cut else ""
    return (f"{start} backward() has not been called yet on {last[0]}, which was computed from it "
            f"({' <- '.join(last[2])}). Call {last[0]}.backward().{cut}")  # fmt: skip


def _cut_after(name, uses, program):
    """The first statement after which what was computed from a leaf is untracked."""
    root = name.partition(".")[0]
    for step in uses:
        cut = next((c for c in step.cuts if c[1] in (name, root)), None)
        if cut is not None:
            return (f"{cut[0]} takes {name} out of the graph at {step.place}: what is computed "
                    f"from there does not know {name}. Leave it out, or compute with {name} "
                    "itself.")  # fmt: skip
        if step.quiet and step.names:
            return (f"it is used inside a no_grad block at {step.place}: nothing is recorded "
                    "there. Move the computation out of the block.")  # fmt: skip
    derived = {n for s in uses for n in s.names if n != name}
    for step in program.steps:
        if not derived & step.reads:
            derived |= {n for n in step.names if step.reads & derived}
            continue
        derived |= step.names
        if step.cuts or (step.quiet and step.names):
            word = step.cuts[0][0] if step.cuts else "the no_grad block"
            return (f"the way from {name} to the result is cut by {word} at {step.place}: "
                    "what follows has no history.")  # fmt: skip
    return ""


def _path(node, leaf):
    """Names of the nodes from a result down to a leaf, or []."""
    waiting, seen = [(node, ())], set()
    while waiting:
        found, path = waiting.pop()
        if found is leaf:
            return [*path] or ["itself"]
        if found.__class__ is Node and found.seq not in seen:
            seen.add(found.seq)
            waiting += [(e, (*path, name_of(found))) for e in found.edges if e is not None]
    return []


def _ran(node):
    """Whether a backward pass has gone through this part of the graph."""
    waiting, seen = [node], set()
    while waiting:
        found = waiting.pop()
        if found.__class__ is Node and found.seq not in seen:
            seen.add(found.seq)
            if found.saved is FREED:
                return True
            waiting.extend(found.edges)
    return False


# --- an error -----------------------------------------------------------------------------------


def _of_error(error, frame):
    if error is None:
        return "No backward has failed: there is no exception to explain."
    text, place = str(error), _place_of_error(error)
    at = f" ({place})" if place else ""
    if "does not require grad" in text:
        return _no_graph(error, at)
    if "second time" in text:
        return (f"backward() went through the same graph twice{at}, and the first one freed what "
                "the second needs. Compute the forward pass again before each backward(), sum the "
                "losses and call it once, or pass retain_graph=True to the first.")  # fmt: skip
    if "implicitly created only for" in text:
        return (f"backward() was called on a tensor of several numbers{at}. Reduce it with sum() "
                "or mean(), or pass gradient= with a weight for each.")  # fmt: skip
    if "modified by an inplace operation" in text:
        return (
            f"A value that backward needs was changed in place{at}. {text.partition('Hint: ')[2]}"
        )
    return f"{type(error).__name__}{at}: {text}"


def _place_of_error(error):
    trace = last_of_program(error.__traceback__)
    return None if trace is None else Place(trace.tb_frame.f_code.co_filename, trace.tb_lineno)


def _no_graph(error, at):
    """backward() on what has no history: follow its variables back to the cut."""
    trace = last_of_program(error.__traceback__)
    start = f"backward() was called on a tensor without a history{at}."
    if trace is None:
        return start
    program = Program(trace.tb_frame)
    step = next((s for s in program.steps if s.line == trace.tb_lineno), None)
    for name in sorted(step.reads) if step is not None else ():
        cut = _cut_at(name, program)
        if cut:
            return f"{start}{cut}"
    tracked = [n for n, t in program.tensors.items() if t._node is not None]
    if not tracked:
        return f"{start} No tensor here requires a gradient: make an input with requires_grad=True."
    return f"{start} It was not computed from {', '.join(tracked[:3])}, which have one."
