"""Executables kept between processes, beside their machine code: what a graph was planned to.

`find(source)` gives the `Place` of one, or None. Its key is the digest of all that decides it; its
file is as safe as those of code (`machine/cache.py`), and read by an unpickler of few classes. Not
kept: code for other sizes (`varying`), which hangs on what the process compiled before, and what
has no exact text, as draws. Nothing is read or written while a name in the modules that plan is not
what it was when they were imported: tests lower limits there.
"""

import contextlib
import io
import os
import pickle
from functools import cache, partial
from importlib.util import find_spec

import numpy as np

from ...base.dtypes import DEFAULT
from ...core.blocks import THREADS
from ...core.primitive import Primitive
from ...program.encoding import Encoder, Unknown, name_of, primitive_at
from ...program.ir import Equation, Graph, Variable
from ..loops import library
from ..loops.layout import Ref
from ..machine import cache as files
from ..machine import native
from ..machine.sources import Watched, stamp
from .executable import Code, Epilogue, Executable, Operation, Within

__all__ = ["find"]

_FORMAT = 1
_LARGEST = 1 << 22  # bytes of an executable that is kept

_UNREADABLE = (pickle.UnpicklingError, Unknown, AttributeError, EOFError, LookupError, TypeError,
               ValueError)  # fmt: skip


class Place:
    """Where the executable of one source is kept."""

    def __init__(self, key, arrays):
        self.key, self.arrays = key, arrays

    def take(self):
        """The executable, its machine code read; None where either is missing."""
        data = files.read(self.key)
        if data is None:
            return None
        try:
            made = _Unpickler(io.BytesIO(data), self.arrays).load()
        except _UNREADABLE:
            return None
        if not isinstance(made, Executable):
            return None
        codes = [part for part in made.parts if isinstance(part, Code)]
        if any(code.imports for code in codes) and not library.available():
            return None
        for code in codes:
            code.kept = native.kept(code.key)
        return None if any(code.kept is None for code in codes) else made

    def keep(self, made):
        """Keep an executable that was planned just now, its code linked."""
        if _PLANNERS.changed():
            return
        out = io.BytesIO()
        with contextlib.suppress(pickle.PicklingError, Unknown):
            _Pickler(out, self.arrays).dump(made)
            if out.tell() <= _LARGEST:
                files.write(self.key, out.getvalue())


def find(source):
    """The Place of what is planned from `source`, or None where it is not kept."""
    if source.varying or files.directory() is None or _PLANNERS.changed():
        return None
    try:
        text, arrays = _text(source)
        stamp = _library()
    except Unknown:
        return None
    threads, default, vectors = THREADS.count, repr(DEFAULT.numpy), native.HOST.vector_bytes
    return Place(files.key_of("executable", stamp, _switches(), threads, default, vectors,
                              native.compiler(), text), arrays)  # fmt: skip


def _text(source):
    """(text, arrays) of a `planning.Source`."""
    made, roots = Encoder(), {}
    made.graph(source.recorded)
    made.thing([sorted(source.targets.items()), source.again, source.varying,
                sorted(source.orders.items())])  # fmt: skip
    for home in source.homes:
        if home is None:
            made.thing(None)
            continue
        made.thing((roots.setdefault(home.root, len(roots)), home.order, home.shape))
        made.thing(home.variable)
    return made.text(), made.arrays


# --- what decides, besides the source -------------------------------------------------------------


def _switches():
    chosen = [(k, v) for k, v in os.environ.items() if k.startswith("TIDU_")]
    return sorted([(k, v) for k, v in chosen if k not in _UNRELATED])


# Where files are and how many, what is told, which data, whose allocator, which process, and what
# is recorded: the recorded graph itself is in the key. A variable that is not here decides.
_UNRELATED = frozenset([
    "TIDU_CACHE_DIR", "TIDU_CACHE_SIZE", "TIDU_COMPILER_PROCESS", "TIDU_DATASETS", "TIDU_LOGS",
    "TIDU_MALLOC", "TIDU_PERF", "TIDU_RUN", "TIDU_STRETCHES", "TIDU_TRACEBACK",
])  # fmt: skip


@cache
def _library():
    """This library's files, and the other library that planning asks."""
    blas, found = find_spec("scipy_openblas64"), stamp()
    if found is None:
        raise Unknown("files")
    return repr((_FORMAT, blas and blas.origin, found))


def _planners():
    """The modules that decide what a program is planned to."""
    package = __name__.rpartition(".execution")[0]
    root = package.rpartition(".")[0]
    homes = [*[f"{package}.{name}." for name in ("machine", "loops", "graphs", "execution")],
             *[f"{root}.{name}." for name in ("primitives", "program", "transforms")]]  # fmt: skip
    own = __name__, f"{package}.execution.program", f"{package}.execution.compiled"
    return Watched(tuple(homes), own)


# --- the file -------------------------------------------------------------------------------------


def _dtype(name):
    return np.dtype(name)


def _array(dtype, shape, data):
    return np.frombuffer(data, dtype).reshape(shape).copy()


def _number(dtype, data):
    return np.frombuffer(data, dtype)[0]


def _ellipsis():
    return ...


def _address(*which):
    return partial(library.address, *which)


def _graph(inputs, constants, equations, outputs, orders, count):
    made = Graph()
    made.inputs, made.constants, made.equations = inputs, constants, equations
    made.outputs, made.orders, made._count = outputs, dict(orders), count
    return made


def _constant(k):
    """The k-th array of the source: known to the unpickler alone."""
    raise Unknown(str(k))


_FUNCTIONS = (_address, _array, _constant, _dtype, _ellipsis, _graph, _number, primitive_at)
_CLASSES = (Code, Epilogue, Equation, Executable, Operation, Ref, Variable, Within, complex, slice)
_NAMED = {(thing.__module__, thing.__qualname__): thing for thing in (*_FUNCTIONS, *_CLASSES)}
_KNOWN = {id(thing) for thing in _NAMED.values()}


class _Pickler(pickle.Pickler):
    """An executable, its primitives by name and its source's arrays by number."""

    def __init__(self, file, arrays):
        super().__init__(file, protocol=5)
        self.numbers = {id(array): k for k, array in enumerate(arrays)}

    def reducer_override(self, x):
        kind = x.__class__
        if kind is np.ndarray or isinstance(x, np.generic):
            return self._array(x)
        if isinstance(x, np.dtype):
            return _dtype, (x.name,)
        if isinstance(x, Primitive):
            return primitive_at, name_of(x)
        if kind is partial and x.func is library.address and not x.keywords:
            return _address, x.args
        if kind is Graph:
            return _graph, (x.inputs, x.constants, x.equations, x.outputs,
                            list(x.orders.items()), x._count)  # fmt: skip
        if x is ...:
            return _ellipsis, ()
        if id(x) in _KNOWN or kind in _CLASSES:
            return NotImplemented
        raise pickle.PicklingError(kind.__name__)

    def _array(self, x):
        if id(x) in self.numbers:
            return _constant, (self.numbers[id(x)],)
        if x.dtype.hasobject:
            raise pickle.PicklingError("object")
        if isinstance(x, np.generic):
            return _number, (x.dtype, x.tobytes())
        return _array, (x.dtype, x.shape, x.tobytes())


class _Unpickler(pickle.Unpickler):
    """Knows the names that the pickler writes, and no other."""

    def __init__(self, file, arrays):
        super().__init__(file)
        self.arrays = arrays

    def find_class(self, module, name):
        if (module, name) == (__name__, "_constant"):
            return self.arrays.__getitem__
        found = _NAMED.get((module, name))
        if found is None:
            raise pickle.UnpicklingError(f"{module}.{name}")
        return found


_PLANNERS = _planners()
