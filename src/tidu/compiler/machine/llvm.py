"""LLVM: text to object files, and what it says of the processor. No other file calls llvmlite.

It imports nothing of tidu, as `server` has it in a process where there is nothing else.
"""

import ctypes
import os
import platform
import threading
from contextlib import contextmanager

from llvmlite import binding

__all__ = ["OPTIONS", "compiled", "linker", "start", "told", "use_options"]


def start():
    """Have code generated for this machine."""
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()


def own_lock():
    """llvmlite's, which every call of LLVM takes; None where there is none."""
    return getattr(getattr(binding.ffi.lib, "_lock", None), "_lock", None)


def told(chosen):
    """(triple, name of the processor, features, bytes of a vector register, version of LLVM).

    `chosen`: what the user set in place of the processor, or None.
    """
    host = binding.get_host_cpu_name()
    if chosen and chosen not in (host, *_CHOICES):  # LLVM ends the process at other names
        raise ValueError(_NO_CPU.format(chosen, ", ".join(map(repr, (*_CHOICES, host)))))
    flags = binding.get_host_cpu_features()
    features = "" if chosen else flags.flatten()
    vector_bytes = _WIDTHS.get(chosen, 16) if chosen else _vector_bytes(flags)
    version = ".".join(map(str, binding.llvm_version_info))
    triple = binding.Target.from_default_triple().triple
    return triple, chosen or host, features, vector_bytes, version


# What TIDU_CPU may name besides the processor itself, and the bytes of their vector registers.
_WIDTHS = {"x86-64-v3": 32, "x86-64-v4": 64}  # others: 16
_CHOICES = ("x86-64", "x86-64-v2", *_WIDTHS) if platform.machine() in ("x86_64", "AMD64") else ()
_NO_CPU = "TIDU_CPU: {!r} is not a processor for which code is generated.\nHint: use one of {}."


def _vector_bytes(flags):
    if flags.get("avx512f") and flags.get("avx512vl") and flags.get("avx512dq"):
        return 64
    return 32 if flags.get("avx2") and flags.get("fma") else 16


def linker(*how):
    """What links object files into this process."""
    machine = _machine(*how)
    # LLVM's older linker may lay what ARM's instructions reach too far away, and ends the process.
    newer = not machine.triple.startswith("x86")
    jit = binding.create_lljit_compiler(machine, use_jit_link=newer)
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(jit))  # threads that compile may outlive it
    return jit


def linked(jit, objects, imported, names, title):
    """({name: address}, what keeps the code) of object files."""
    builder = binding.JITLibraryBuilder().add_current_process()
    for part in objects:
        builder.add_object_img(part)
    for name, address in imported.items():
        builder.import_symbol(name, address)
    for name in names:
        builder.export_symbol(name)
    library = builder.link(jit, title)
    return {name: library[name] for name in names}, library


# --- compiling ------------------------------------------------------------------------------------


def compiled(text, processor, optimization, passes, without, binary=True):
    """The object file of a text, or its assembler text.

    Args:
        processor: its (name, features).
        optimization: the level of code generation.
        passes: names of LLVM's passes over the text.
        without: options of LLVM that leave passes of code generation out.
    """
    how = *processor, optimization
    with use_options(without), _machine_for(how) as machine:
        with binding.create_context() as context, _parsed(text, context) as module:
            _optimize(module, machine, passes)
            return _emitted(machine, module, binary)


def _machine(cpu, features, optimization):
    return binding.Target.from_default_triple().create_target_machine(
        cpu=cpu, features=features, opt=optimization, codemodel="jitdefault", jit=True
    )


_IDLE: dict = {}  # (cpu, features, optimization): machines


@contextmanager
def _machine_for(how):
    """What generates code, for one thread at a time."""
    idle = _IDLE.setdefault(how, [])
    try:
        machine = idle.pop()
    except IndexError:
        machine = _machine(*how)
    try:
        yield machine
    finally:
        idle.append(machine)


# The process has one set of LLVM's options, so they are put back at once; LLVM ends the process
# where it doesn't know an option, so these are its versions that do.
_KNOW_THEM = range(20, 23)
OPTIONS = threading.RLock()
ACTIVE: list = []  # a mark for each compilation under way
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=ACTIVE.clear)


@contextmanager
def use_options(options):
    """While the first of several at once begins, until the last has ended."""
    with OPTIONS:
        ACTIVE.append(True)
        if len(ACTIVE) == 1:
            _set(options, "")
    try:
        yield
    finally:
        with OPTIONS:
            ACTIVE.pop()
            if not ACTIVE:
                _set(options, "=false")


def _set(options, how):
    if binding.llvm_version_info[0] in _KNOW_THEM:
        for option in options:
            binding.set_option("tidu", option + how)


def _unlocked(name):
    """A function of LLVM's without the lock that llvmlite has around all of them: it would let one
    thread compile at a time. They get a context and a target machine that no other thread has."""
    plain = getattr(binding.ffi.lib, name)
    try:
        function = getattr(ctypes.CDLL(binding.ffi.lib._name), name)
    except (AttributeError, OSError):
        return plain
    function.argtypes, function.restype = plain.argtypes, plain.restype
    return function


def _parsed(text, context):
    with binding.ffi.OutputString() as error:
        module = _unlocked("LLVMPY_ParseAssembly")(context, text.encode(), error)
        module = binding.ModuleRef(module, context)
        if error:
            module.close()
            raise RuntimeError(f"LLVM IR parsing error\n{error}")
    module.verify()
    return module


def _optimize(module, machine, names):
    passes = binding.create_new_module_pass_manager()
    for name in names:
        getattr(passes, f"add_{name}_pass")()
    options = binding.create_pipeline_tuning_options(speed_level=1)
    builder = binding.create_pass_builder(machine, options)
    _unlocked("LLVMPY_RunNewModulePassManager")(passes, module, builder)


def _emitted(machine, module, binary):
    with binding.ffi.OutputString() as error:
        emit = _unlocked("LLVMPY_TargetMachineEmitToMemory")
        buffer = emit(machine, module, int(binary), error)
        if not buffer:
            raise RuntimeError(str(error))
    try:
        start = binding.ffi.lib.LLVMPY_GetBufferStart(buffer)
        return ctypes.string_at(start, binding.ffi.lib.LLVMPY_GetBufferSize(buffer))
    finally:
        binding.ffi.lib.LLVMPY_DisposeMemoryBuffer(buffer)
