"""Text of LLVM to machine code in this process.

`load(text, names)` gives the addresses of the functions named; what was compiled before, by this
process or another of the same user, comes from the cache. LLVM compiles it in another process where
that can be had (`service`), a long text in pieces at once. `HOST` describes the processor.
"""

import marshal
import mmap
import os
import platform
import struct
import sys
import threading
from contextlib import contextmanager, suppress
from functools import partial

from ...base.lazy import lazy_module
from ...base.process.forks import across, at_work
from ...base.process.memory import leave_code, return_free
from ...core.blocks import THREADS
from . import cache, images, pieces, service, symbols, workers
from .processors import deciding_lines
from .sources import Text

__all__ = ["HOST", "available", "begin", "compiler", "expect", "is_kept", "keep", "kept", "key_of",
           "link", "load", "make_room", "together"]  # fmt: skip

llvm = lazy_module("tidu.compiler.machine.llvm")
_LOCK = across(threading.RLock())  # of linking; what is collected then may need code, too
_LIBRARY = "libllvmlite"  # what the loaded file is called
_LARGE = 1 << 16  # characters of text from which the room that LLVM took is worth giving back


class _Host:
    """The processor's name, features and vector registers.

    What LLVM says of the processor is kept: a process whose code is kept, too, does without it.
    `jit`: what links here, for which LLVM is loaded.
    """

    __slots__ = ("cpu", "features", "jit", "names", "optimization", "started", "triple",
                 "vector_bytes", "version")  # fmt: skip

    def __init__(self):
        self.started, self.optimization, self.names = False, 1, 0

    def __getattr__(self, name):
        # Only reached for a slot that is still empty.
        with at_work():
            if name == "jit":
                self.load()
                self.jit = llvm.linker(self.cpu, self.features, self.optimization)
            elif name not in _TOLD or not self._recall():
                self._ask()
        return object.__getattribute__(self, name)

    def _recall(self):
        """Whether it is kept what another process was told by the same library of LLVM here."""
        key = _key_of_host()
        data = key and cache.read(key)
        if not data:
            return False
        cache.most()  # an error in what the user set is told now
        self._hear(marshal.loads(data))
        return True

    def _hear(self, told):
        for name, value in zip(_TOLD, told, strict=True):
            setattr(self, name, value)

    def _ask(self):
        cache.most()
        told = self.answer("told", os.environ.get("TIDU_CPU"))
        self._hear(told)
        key = _key_of_host()
        if key and cache.read(key) is None:
            cache.write(key, marshal.dumps(told))

    def answer(self, name, *given):
        """What a function of `llvm` gives, in the process that has LLVM or in this one."""
        if service.serves():
            with suppress(service.Unavailable):
                return service.ask(name, *given)
        self.load()
        with at_work():
            return getattr(llvm, name)(*given)

    def load(self):
        """Have LLVM in this process."""
        if self.started:
            return
        library = _library()
        if library is not None and "llvmlite.binding" not in sys.modules:
            _ensure_room(library.stat().st_size)
        across(llvm.OPTIONS)
        own = llvm.own_lock()
        if own is not None:
            across(own)
        leave_code(_LIBRARY)  # to load the library touched tens of MiB
        llvm.start()
        leave_code(_LIBRARY)
        self.started = True


_TOLD = "triple", "cpu", "features", "vector_bytes", "version"


def _library():
    """The file of LLVM's library; None where it is not known."""
    try:
        with os.scandir(os.path.join(service.packages(), "llvmlite", "binding")) as entries:
            return next((e for e in entries if e.name.startswith(_LIBRARY)), None)
    except (AttributeError, OSError, ValueError):
        return None


def _key_of_host():
    """The name under which is kept what the installed LLVM says of this processor; None where it
    is not known which they are."""
    library = _library()
    if library is None:
        return None
    try:
        status = library.stat()
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            lines = deciding_lines(file, platform.machine())
    except OSError:
        return None
    if lines is None:
        return None
    found = library.path, status.st_size, status.st_mtime_ns, sys.platform, platform.machine()
    return cache.key_of("host", _TOLD, *found, os.environ.get("TIDU_CPU"), *lines)


HOST = _Host()


def available():
    """Whether llvmlite is installed, this processor is one it generates code for, and the system
    lets that run."""
    try:
        return bool(HOST.vector_bytes) and images.may_run()
    except (ImportError, RuntimeError, OSError):
        return False


def expect():
    """Have what compiles started, as it will be needed soon."""
    service.expect()


def needed():
    """(what is missing where machine code is not `available`, what helps)."""
    if images.may_run():
        return "torch.compile needs LLVM, which is not installed", "pip install 'tidu[fast]'"
    return ("torch.compile needs a system that lets code run which a program has written",
            "systemd's MemoryDenyWriteExecute and rules of SELinux forbid it")  # fmt: skip


def load(text, names, imported=(), plain=False, key=None):
    """The addresses of functions in a module of LLVM text (or of a `Text`), compiled unless the
    cache has it.

    `imported`: (name, address) of what the text declares and this process has made itself. `plain`:
    it is compiled in a quarter of the time, to code that keeps little in registers. `key`: its
    `key_of`, where that is known.
    """
    code, made = _code(text, plain, key or key_of(text, plain))
    found = link(code, names, imported)
    _give_back(made, made if text.__class__ is Text else len(text) > _LARGE)
    return found


def link(code, names, imported=()):
    """The addresses of functions in code as the cache has it. `imported` as for `load`."""
    with _LOCK:
        place = images.place if images.is_image(code) else _linked
        found, functions = place(code, dict(imported), names)
    if functions:
        symbols.note(functions)
    return [found[name] for name in names]


def _linked(code, imported, names):
    """({name: address}, functions) by LLVM."""
    objects = _divided(code)
    HOST.names += 1
    wanted = {*names, *(symbols.exported(objects) if symbols.wanted() else ())}
    found, library = llvm.linked(HOST.jit, objects, imported, wanted, f"tidu{HOST.names}")
    _LOADED.append(library)  # code in use is never unmapped
    return found, symbols.of_objects(objects, found) if symbols.wanted() else []


def kept(key):
    """The code that the cache has under the key of a text, or None."""
    return cache.read(key)


def begin(text, plain=False):
    """Have a text compiled that will be loaded soon, if there is another core for it; its key."""
    key = key_of(text, plain)
    if THREADS.count > 1 and key not in _BEGUN:
        found = cache.read(key)
        with suppress(MemoryError):  # who loads it will hear of that
            _BEGUN[key] = found or _tasks(_written(text), plain)
            workers.begin(() if found else _BEGUN[key])
    return key


def keep(text):
    """Have a text compiled for the cache alone, if there is another core for it."""
    if THREADS.count > 1 and not is_kept(text):
        workers.begin([workers.Task(partial(_code, text, False, key_of(text)))])


def _code(text, plain, key):
    """(code of a text, whether it was made for it)."""
    found = _BEGUN.pop(key, None) or cache.read(key)
    if isinstance(found, bytes):
        return found, False
    tasks = found
    if tasks is None:
        tasks = _tasks(_written(text), plain)
        workers.begin(tasks[1:])
    objects = workers.finish(tasks)
    code = images.image(objects) or _joined(objects)
    cache.write(key, code)
    return code, True


_BEGUN: dict = {}  # key of a text: tasks that compile it, or what the cache has
if hasattr(os, "register_at_fork"):  # another thread may have been at one
    os.register_at_fork(after_in_child=_BEGUN.clear)


def _tasks(text, plain):
    """What compiles a text, a piece each; one core has nothing of pieces."""
    if not service.serves():
        _ensure_room(_ROOM * THREADS.count + _ROOM_EACH * len(text))
    if len(text) > _LARGE:
        return_free()  # a thread has a heap of its own and takes nothing from what is free here
    size = max(_SMALLEST, min(_LARGEST, len(text) // _PIECES))
    parts = pieces.pieces(text, size) if THREADS.count > 1 else [text]
    return [workers.Task(partial(_compile, part, plain)) for part in parts]


# Characters of a piece: a thousand take 0.6 ms, and 1.3 it takes to begin.
_SMALLEST, _LARGEST, _PIECES = 12_000, 64_000, 8


def _joined(objects):
    sizes = [len(objects), *map(len, objects)]
    return b"".join([struct.pack(f"<{len(sizes)}Q", *sizes), *objects])


def _divided(code):
    (count,) = struct.unpack_from("<Q", code)
    at, objects = 8 + 8 * count, []
    for size in struct.unpack_from(f"<{count}Q", code, 8):
        objects.append(code[at : at + size])
        at += size
    return objects


def is_kept(text):
    """Whether the cache has the code of a text."""
    return cache.read(key_of(text)) is not None


def key_of(text, plain=False):
    """The name that the cache has for the code of a text."""
    return cache.key_of(text.named() if text.__class__ is Text else text, compiler(), plain)


def _written(text):
    return text.write() if text.__class__ is Text else text


_LOADED = []


@contextmanager
def together():
    """The room that LLVM took is given back once, behind all that is loaded meanwhile."""
    _TOGETHER.append(True)
    try:
        yield
    finally:
        _TOGETHER.pop()
        _give_back(False, False)


_TOGETHER: list = []
_OWED = {"code": False, "free": False}


def _give_back(code, free):
    """LLVM's own code, and what is free of its memory."""
    _OWED["code"] |= code or free
    _OWED["free"] |= free
    if not _TOGETHER:
        code, free = _OWED["code"], _OWED["free"]
        _OWED.update(code=False, free=False)
        if code and HOST.started:
            leave_code(_LIBRARY)
        if free:
            return_free()


def make_room():
    """Give LLVM's own code, and what is free in the heap, back before much memory is taken."""
    if HOST.started:
        leave_code(_LIBRARY)
    return_free()


def compiler():
    """What makes the code and for which processor, for the cache."""
    version = HOST.version + "+".join((*_PASSES, *_WITHOUT, repr(images.FORMAT)))
    return f"{HOST.triple} {HOST.cpu} {HOST.features} {HOST.optimization} {version}"


# The text is vectors and tight loops already: what is left to do is to keep slots in registers, to
# simplify addresses and to drop empty blocks. O1 takes three times as long and gains nothing.
_PASSES = ("always_inliner", "sroa", "instruction_combine", "simplify_cfg")
# Passes of code generation that are left out: rewriting loops' indices took a quarter of its time,
# and no program ran slower without.
_WITHOUT = ("-disable-lsr",)


def _compile(text, plain=False, binary=True):
    """The object file of a text, or its assembler text."""
    processor, optimization = (HOST.cpu, HOST.features), 0 if plain else HOST.optimization
    return HOST.answer("compiled", text, processor, optimization, _PASSES, _WITHOUT, binary)


# Bytes that LLVM may take, several times what was measured (8 MiB for a text of 100 kB).
_ROOM, _ROOM_EACH = 1 << 25, 1 << 8


def _ensure_room(size):
    """LLVM ends the process where it gets no memory: what may be missing is asked for before."""
    try:
        mmap.mmap(-1, size).close()
    except (OSError, ValueError) as error:
        raise MemoryError(f"no {size} bytes of memory to compile in") from error


def assembly(text):
    """The assembler text a module compiles to, for people to read."""
    return _compile(text, binary=False).decode()
