"""Text of LLVM to machine code in this process: the only file that knows llvmlite.

`load(text, names)` gives the addresses of the functions named; what was compiled before, by this
process or another of the same user, comes from the cache. `HOST` describes the processor.
"""

import ctypes
import mmap
import os
import threading
from contextlib import contextmanager

from ...base.lazy import lazy_module
from ...base.process.memory import leave_code, return_free
from . import cache, symbols

__all__ = ["HOST", "available", "is_kept", "load"]

binding = lazy_module("llvmlite.binding")
_LOCK = threading.RLock()  # what the garbage collector runs meanwhile may need code, too
_LIBRARY = "libllvmlite"  # what the loaded file is called
_LARGE = 1 << 16  # characters of text from which the room that LLVM took is worth giving back


class _Host:
    """The processor's name, features and vector registers; LLVM is set up on first use."""

    __slots__ = ("cpu", "features", "jit", "machine", "names", "plain", "triple", "vector_bytes")

    def __init__(self):
        self.jit = None

    def __getattr__(self, name):
        # Only reached for a slot that is still empty.
        self._start()
        return object.__getattribute__(self, name)

    def _start(self):
        binding.initialize_native_target()
        binding.initialize_native_asmprinter()
        target = binding.Target.from_default_triple()
        self.triple = target.triple
        chosen = os.environ.get("TIDU_CPU")
        self.cpu = chosen or binding.get_host_cpu_name()
        flags = binding.get_host_cpu_features()
        self.features = "" if chosen else flags.flatten()
        self.machine, self.plain = [
            target.create_target_machine(
                cpu=self.cpu, features=self.features, opt=opt, codemodel="jitdefault", jit=True
            )
            for opt in (1, 0)
        ]
        self.vector_bytes = _WIDTHS.get(chosen, 16) if chosen else _vector_bytes(flags)
        self.names = 0
        self.jit = binding.create_lljit_compiler(self.machine)
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self.jit))  # workers may outlive the module
        leave_code(_LIBRARY)


_WIDTHS = {"x86-64-v3": 32, "x86-64-v4": 64}  # of those that TIDU_CPU may name; others: 16


def _vector_bytes(flags):
    if flags.get("avx512f") and flags.get("avx512vl") and flags.get("avx512dq"):
        return 64
    return 32 if flags.get("avx2") and flags.get("fma") else 16


HOST = _Host()


def available():
    """Whether llvmlite is installed and this processor is one it generates code for."""
    try:
        return bool(HOST.machine)
    except (ImportError, RuntimeError, OSError):
        return False


def load(text, names, imported=(), plain=False):
    """The addresses of functions in a module of LLVM text, compiled unless the cache has it.

    `imported`: (name, address) of what the text declares and this process has made itself. `plain`:
    it is compiled in a quarter of the time, to code that keeps little in registers.
    """
    with _LOCK:
        key = _key(text, plain)
        code = cache.read(key)
        made = code is None
        if made:
            code = _compile(text, plain)
            cache.write(key, code)
        HOST.names += 1
        builder = binding.JITLibraryBuilder().add_object_img(code).add_current_process()
        for name, address in imported:
            builder.import_symbol(name, address)
        for name in names:
            builder.export_symbol(name)
        library = builder.link(HOST.jit, f"tidu{HOST.names}")
        _LOADED.append(library)  # code in use is never unmapped
        if made or len(text) > _LARGE:
            leave_code(_LIBRARY)
        if len(text) > _LARGE:
            return_free()
        addresses = [library[name] for name in names]
        if symbols.wanted():
            symbols.note(code, names[0], addresses[0])
        return addresses


def is_kept(text):
    """Whether the cache has the code of a text."""
    return cache.read(_key(text, False)) is not None


def _key(text, plain):
    return cache.key_of(text, HOST.triple, HOST.cpu, HOST.features, _compiler(), plain)


_LOADED = []


def _compiler():
    """What makes the code, for the cache."""
    return ".".join(map(str, binding.llvm_version_info)) + "+".join((*_PASSES, *_WITHOUT))


# The text is vectors and tight loops already: what is left to do is to keep slots in registers, to
# simplify addresses and to drop empty blocks. O1 takes three times as long and gains nothing.
_PASSES = ("sroa", "instruction_combine", "simplify_cfg")
# Passes of code generation that are left out: rewriting loops' indices took a quarter of its time,
# and no program ran slower without. The process has one set of LLVM's options, so they are put back
# at once; LLVM ends the process where it doesn't know an option, so these are its versions that do.
_WITHOUT = ("-disable-lsr",)
_KNOW_THEM = range(20, 23)


@contextmanager
def _without_passes():
    if binding.llvm_version_info[0] not in _KNOW_THEM:
        yield
        return
    for option in _WITHOUT:
        binding.set_option("tidu", option)
    try:
        yield
    finally:
        for option in _WITHOUT:
            binding.set_option("tidu", f"{option}=false")


def _optimized(text):
    module = binding.parse_assembly(text)
    module.verify()
    passes = binding.create_new_module_pass_manager()
    for name in _PASSES:
        getattr(passes, f"add_{name}_pass")()
    options = binding.create_pipeline_tuning_options(speed_level=1)
    passes.run(module, binding.create_pass_builder(HOST.machine, options))
    return module


def _compile(text, plain=False):
    _ensure_room(_ROOM + _ROOM_EACH * len(text))
    module = _optimized(text)
    with _without_passes():
        return (HOST.plain if plain else HOST.machine).emit_object(module)


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
    module = _optimized(text)
    with _without_passes():
        return HOST.machine.emit_assembly(module)
