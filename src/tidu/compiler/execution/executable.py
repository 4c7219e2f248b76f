"""An executable: all that the runs of a planned program need, as plain data.

It knows no graph, no steps and no text: what planning needed besides is gone when it is there.
`Program` (`program.py`) is one that has been linked, `planning.py` makes it.
"""

from dataclasses import dataclass, field

from ..machine import native, pool

__all__ = ["Code", "Epilogue", "Executable", "Operation", "Within", "whole"]


def whole(ref, buffers):
    """Whether an output is all of its buffer, in order."""
    if not hasattr(ref, "buffer") or ref.offset or not ref.dense:
        return False
    return ref.size == buffers[ref.buffer][0]


@dataclass(eq=False, repr=False)
class Code:
    """A stretch of generated code: a function of the table for each of `names`, to be linked with
    `imports`, {name: what gives its address}. `label` is what profiles show; `addresses` are known
    where other programs share it; otherwise `key` is the name of its machine code."""

    names: list
    imports: dict
    label: str
    shares: bool  # whether threads share some of the work
    short: bool  # whether it is over before another Python thread would be let in
    addresses: list | None = None
    text: str | None = None  # until it is linked
    key: str | None = None
    kept: bytes | None = None  # until it is linked: its machine code, where that was kept

    def __getstate__(self):
        """What another process can use."""
        return {**vars(self), "addresses": None, "text": None, "kept": None}

    def linked(self):
        """The addresses of its functions."""
        if self.addresses is None:
            if self.kept is not None:
                self.addresses = native.link(self.kept, self.names, self.imported())
            else:
                self.addresses = native.load(self.text, self.names, self.imported(), key=self.key)
            self.text = self.kept = None
        return self.addresses

    def imported(self):
        """(name, address) of what it is linked with."""
        found = [(name, address()) for name, address in self.imports.items()]
        return [*found, (pool.SHARE, pool.address())] if self.shares else found


@dataclass(eq=False, repr=False)
class Operation:
    """An operation by its own function: of what lies at `refs` (or is a number) into `slots`, as
    arrays of these `types`."""

    prim: object
    params: dict
    refs: list
    slots: list
    types: list


@dataclass(eq=False, repr=False)
class Within(Operation):
    """One that writes into the program's memory: what lies at `outs`."""

    outs: list


@dataclass(eq=False, repr=False)
class Epilogue(Operation):
    """A convolution that has an epilogue: the text of its function, the word of the table where its
    list begins, and where what the convolution gives lies."""

    text: str
    place: int
    out: object


@dataclass(eq=False, repr=False)
class Executable:
    """`buffers`: (elements, NumPy type) of each slot, `given`: (slot, input) pairs, `outputs`: a
    Ref, a number, or None for what is written into an input. `fresh`: the slots of results in
    memory of their own, `made_new` their (shape, type); of these, `held` are those for which a
    caller may have memory already, `rest` the others; `order`: the slots of the arrays a run is
    given. `called`: the slots that calls from Python read, `call_made` those they make. `offsets`:
    {slot: byte} in the arena. `numbers` stand in the table behind the addresses. `parts` run one
    after the other, and after each nobody reads the slots in `done` any more. `many`: Python calls
    some of them; `stops`: values may stop it."""

    varying: bool
    buffers: list
    given: list
    outputs: list
    fresh: list
    made_new: list
    held: set
    rest: list
    called: set
    call_made: set
    lasting: set
    offsets: dict
    arena_bytes: int
    constants: dict
    many: bool
    stops: bool
    partial_bytes: int = 0
    numbers: list = field(default_factory=list)
    parts: list = field(default_factory=list)
    done: list = field(default_factory=list)

    def __post_init__(self):
        self.order = [slot for slot, _ in self.given] + self.fresh

    def whole(self, ref):
        return whole(ref, self.buffers)

    def own_slot(self, i):
        """The slot of output i where it is all of what the program makes anew; None otherwise."""
        ref = self.outputs[i]
        return ref.buffer if self.whole(ref) and ref.buffer in self.fresh else None

    def borrows(self, i):
        """Whether output i lies in the memory of an input or a constant."""
        ref = self.outputs[i]
        given = {slot for slot, _ in self.given}
        return hasattr(ref, "buffer") and (ref.buffer in given or ref.buffer in self.constants)
