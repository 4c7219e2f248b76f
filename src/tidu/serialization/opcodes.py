"""A reader of the pickle language that never runs code.

It knows the opcodes that data needs, and instead of importing names it looks them up in a table
given by the caller (`names`: (module, name) -> value; `calls`: the values that may be called).
Read `PickleReader.load`.
"""

from __future__ import annotations

import struct
import types

from .problems import bad_file

_KEY_BUDGET = 500
_BUILD_ERRORS = (TypeError, ValueError, LookupError, AttributeError, OverflowError)
_NO_CODE = (
    "the file asks for code, and tidu never runs code from a file. Save plain data instead: "
    "torch.save(model.state_dict(), path), then model.load_state_dict(torch.load(path))."
)


def not_allowed(module: str, name: str, names):
    """The error for a name that a file may not use, and what can be done about it."""
    place = f"{module}.{name}"
    if getattr(names, "weights_only", True):
        message = (
            "Weights only load failed. This file can still be loaded, to do so you have two "
            f"options: the file names {place}, and only tensors and plain data are loaded by "
            f"default. Unsupported global: GLOBAL {place} was not an allowed global by default."
        )
        hint = (
            f"torch.serialization.add_safe_globals([{place}]) before loading allows it; "
            "weights_only=False loads whole modules whose classes the program has defined. "
            + _NO_CODE
        )
        return bad_file(message, hint)
    return bad_file(
        f"Can't get attribute '{name}' on module '{module}': the file names {place}, which is "
        "neither plain data nor a class that this program has defined or imported and that can be "
        "filled without running code of its own.",
        "define or import the class before loading, under the name it had when it was saved, or "
        f"allow another kind of class: torch.serialization.add_safe_globals([{place}]). "
        + _NO_CODE,
    )


class PickleReader:
    """Reads one pickled object from `data`, starting at `position`."""

    def __init__(self, data: bytes, names, calls, persistent, position: int = 0):
        self.data = data
        self.position = position
        self.names = names
        self.calls = calls
        self.persistent = persistent
        self.stack: list = []
        self.marks: list[int] = []
        self.memo: dict[int, object] = {}
        self.kept_at: dict[int, int] = {}

    def load(self):
        """The object. LoadError for anything malformed, unknown or not allowed."""
        while True:
            code = self.take(1)[0]
            step = _STEPS.get(code)
            if code == _STOP:
                return self.pop()
            if step is None:
                raise bad_file(f"Weights only load failed. Unsupported operand {code}")
            step(self)

    # -- bytes ------------------------------------------------------------------------------

    def take(self, count: int) -> bytes:
        stop = self.position + count
        if not 0 <= count or stop > len(self.data):
            raise bad_file("Ran out of input")
        taken = self.data[self.position : stop]
        self.position = stop
        return taken

    def number(self, size: int, signed: bool = False) -> int:
        return int.from_bytes(self.take(size), "little", signed=signed)

    def text(self, size: int) -> str:
        try:
            return self.take(size).decode("utf-8", "surrogatepass")
        except UnicodeDecodeError:
            raise bad_file("a text of the pickle is not UTF-8") from None

    def line(self) -> str:
        stop = self.data.find(b"\n", self.position, self.position + 1000)
        if stop < 0:
            raise bad_file("Ran out of input")
        line = self.text(stop - self.position)
        self.position += 1
        return line

    # -- stack ------------------------------------------------------------------------------

    def push(self, value) -> None:
        self.stack.append(value)

    def pop(self):
        if not self.stack or (self.marks and len(self.stack) <= self.marks[-1]):
            raise bad_file("the pickle takes from an empty stack")
        return self.stack.pop()

    def top(self, kind):
        floor = self.marks[-1] if self.marks else 0
        if len(self.stack) <= floor or not isinstance(self.stack[-1], kind):
            raise bad_file("the pickle changes what is not a container")
        return self.stack[-1]

    def since_mark(self) -> list:
        if not self.marks:
            raise bad_file("the pickle closes what it has not opened")
        start = self.marks.pop()
        items = self.stack[start:]
        del self.stack[start:]
        return items

    # -- steps ------------------------------------------------------------------------------

    def remember(self, index: int) -> None:
        value = self.memo[index] = self.top(object)
        self.kept_at[id(value)] = index

    def recall(self, index: int) -> None:
        if index not in self.memo:
            raise bad_file(f"the pickle recalls value {index}, which it has not kept")
        self.push(self.memo[index])

    def look_up(self, module: str, name: str) -> None:
        module = {"__builtin__": "builtins", "copy_reg": "copyreg"}.get(module, module)
        try:
            self.push(self.names[module, name])
        except KeyError:
            raise not_allowed(module, name, self.names) from None

    def look_up_texts(self) -> None:
        name, module = self.pop(), self.pop()
        if not (isinstance(name, str) and isinstance(module, str)):
            raise bad_file("the pickle names a value with something that is no text")
        self.look_up(module, name)

    def call(self, how: str = "call") -> None:
        arguments, function = self.pop(), self.pop()
        builder = self.calls.get(id(function)) or self.calls.get((how, function))
        if builder is None or not isinstance(arguments, tuple):
            raise bad_file("Weights only load failed. The pickle calls what may not be called",
                           _NO_CODE)  # fmt: skip
        try:
            self.push(builder(*arguments))
        except _BUILD_ERRORS as error:
            raise bad_file(f"the pickle builds a value in a wrong way ({error})") from None

    def build(self) -> None:
        state = self.pop()
        target = self.pop()
        setter = self.calls.get(("build", type(target)))
        if setter is None:
            raise bad_file(
                "Weights only load failed. Can only build Tensor, Parameter, OrderedDict or types "
                f"allowlisted, but got {type(target).__name__}",
                _NO_CODE,
            )
        try:
            built = setter(target, state)
        except _BUILD_ERRORS as error:
            raise bad_file(f"the pickle builds a value in a wrong way ({error})") from None
        kept = self.kept_at.get(id(target))
        if built is not target and kept is not None and self.memo[kept] is target:
            self.memo[kept] = built
        self.push(built)

    def append(self) -> None:
        value = self.pop()
        self.top((list, *self.calls.kinds)).append(value)

    def extend(self) -> None:
        values = self.since_mark()
        self.top((list, *self.calls.kinds)).extend(values)

    def set_item(self) -> None:
        value, key = self.pop(), self.pop()
        self.top((dict, *self.calls.kinds))[checked_key(key)] = value

    def set_items(self) -> None:
        values = self.since_mark()
        if len(values) % 2:
            raise bad_file("the pickle gives a key without a value")
        target = self.top(dict)
        for key, value in zip(values[::2], values[1::2], strict=True):
            target[checked_key(key)] = value

    def add_items(self) -> None:
        values = self.since_mark()
        self.top(set).update(map(checked_key, values))

    def tuple_of(self, count: int) -> None:
        values = [self.pop() for _ in range(count)]
        self.push(tuple(reversed(values)))

    def pop_one(self) -> None:
        if self.marks and len(self.stack) == self.marks[-1]:
            self.marks.pop()
        else:
            self.pop()


def checked_key(key, budget: list[int] | None = None):
    """Refuse keys whose hash could take long: nested tuples that share their parts."""
    if isinstance(key, (tuple, frozenset)):
        budget = budget or [_KEY_BUDGET]
        budget[0] -= len(key) + 1
        if budget[0] < 0:
            raise bad_file("a key of the pickle is too large")
        for part in key:
            checked_key(part, budget)
    elif isinstance(hash_of := type(key).__hash__, types.FunctionType) and not _ours(hash_of):
        raise bad_file(
            f"a key of the pickle has type {type(key).__name__}, whose __hash__ would have to run",
            "save a dict whose keys are texts or numbers.",
        )
    elif isinstance(key, (list, dict, set, bytearray)):
        raise bad_file(f"a key of the pickle has type {type(key).__name__}")
    return key


def _ours(function) -> bool:
    return function.__module__.partition(".")[0] == __name__.partition(".")[0]


def _float(reader) -> None:
    reader.push(struct.unpack(">d", reader.take(8))[0])


def _sized(read, size: int, method):
    """A step that reads a length of `size` bytes and then that many bytes."""
    return lambda reader: reader.push(read(method(reader, reader.number(size))))


def _plain(value):
    return value


def _long(data: bytes) -> int:
    return int.from_bytes(data, "little", signed=True)


def _latin1(data: bytes) -> str:
    return data.decode("latin1")


_take, _text = PickleReader.take, PickleReader.text
_STOP = ord(".")
_STEPS = {
    ord(code): step
    for code, step in {
        "\x80": lambda r: r.take(1),  # PROTO
        "\x95": lambda r: r.take(8),  # FRAME
        "(": lambda r: r.marks.append(len(r.stack)),
        "0": PickleReader.pop_one,
        "1": lambda r: r.since_mark() and None,
        "N": lambda r: r.push(None),
        "\x88": lambda r: r.push(True),
        "\x89": lambda r: r.push(False),
        "K": lambda r: r.push(r.number(1)),
        "M": lambda r: r.push(r.number(2)),
        "J": lambda r: r.push(r.number(4, signed=True)),
        "\x8a": _sized(_long, 1, _take),
        "\x8b": _sized(_long, 4, _take),
        "G": _float,
        "X": _sized(_plain, 4, _text),
        "\x8c": _sized(_plain, 1, _text),
        "\x8d": _sized(_plain, 8, _text),
        "U": _sized(_latin1, 1, _take),
        "T": _sized(_latin1, 4, _take),
        "B": _sized(_plain, 4, _take),
        "C": _sized(_plain, 1, _take),
        "\x8e": _sized(_plain, 8, _take),
        "\x96": _sized(bytearray, 8, _take),
        ")": lambda r: r.push(()),
        "]": lambda r: r.push([]),
        "}": lambda r: r.push({}),
        "\x8f": lambda r: r.push(set()),
        "\x91": lambda r: r.push(frozenset(map(checked_key, r.since_mark()))),
        "t": lambda r: r.push(tuple(r.since_mark())),
        "\x85": lambda r: r.tuple_of(1),
        "\x86": lambda r: r.tuple_of(2),
        "\x87": lambda r: r.tuple_of(3),
        "a": PickleReader.append,
        "e": PickleReader.extend,
        "s": PickleReader.set_item,
        "u": PickleReader.set_items,
        "\x90": PickleReader.add_items,
        "q": lambda r: r.remember(r.number(1)),
        "r": lambda r: r.remember(r.number(4)),
        "\x94": lambda r: r.remember(len(r.memo)),
        "h": lambda r: r.recall(r.number(1)),
        "j": lambda r: r.recall(r.number(4)),
        "c": lambda r: r.look_up(r.line(), r.line()),
        "\x93": PickleReader.look_up_texts,
        "R": PickleReader.call,
        "\x81": lambda r: r.call("new"),  # NEWOBJ
        "b": PickleReader.build,
        "Q": lambda r: r.push(r.persistent(r.pop())),
    }.items()
}
