"""What a system tells of its processors, as far as LLVM's choice of instructions depends on it."""

__all__ = ["deciding_lines"]

_FIRST = 1 << 14  # characters that tell of the first processors
_ARM = "Features", "CPU implementer", "CPU architecture", "CPU variant", "CPU part", "CPU revision"
_DECIDE = {
    "x86_64": ("vendor_id", "cpu family", "model\t", "model name", "stepping", "flags"),
    "aarch64": _ARM,
}


def deciding_lines(file, machine):
    """The lines of /proc/cpuinfo that decide it, on a machine as `platform.machine()` has it; None
    where they are not known."""
    names = _DECIDE.get(machine)
    told, whole, _ = file.read(_FIRST).rpartition("\n\n")
    if not names or not whole:
        return None
    if names is not _ARM:  # one kind of processor in a machine; ARM has fast and thrifty ones
        told = told.partition("\n\n")[0]
    lines = {line: None for line in told.split("\n") if line.startswith(names)}
    if not all(any(line.startswith(name) for line in lines) for name in names):
        return None
    return list(lines)
