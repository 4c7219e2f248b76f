"""Writing a file whole or not at all: after a crash there is the old one or the new one.

The bytes go to a new file in the same folder, reach the disk, and then take the name. Where the
system can, that file has no name until it is complete, so that not even kill -9 leaves it behind.
"""

from __future__ import annotations

import os

from ..base.errors import hinted


def replace_file(path: str, fill) -> None:
    """Let `fill(write)` write the new content of `path`; the old one stays if it raises."""
    path = os.path.realpath(path)
    if os.path.exists(path) and not os.path.isfile(path):
        with open(path, "wb") as file:  # A device or a pipe cannot be replaced.
            fill(file.write)
        return
    folder = os.path.dirname(path)
    if not os.path.isdir(folder):
        raise RuntimeError(
            hinted(
                f"Parent directory {folder} does not exist.",
                f"create it first: os.makedirs({folder!r}).",
            )
        )
    temporary = f"{path}.{os.urandom(6).hex()}.tmp"
    try:
        if not _write_nameless(folder, temporary, path, fill):
            _write_named(temporary, path, fill)
        os.replace(temporary, path)
    except BaseException:
        if os.path.lexists(temporary):
            os.unlink(temporary)
        raise
    _sync_folder(folder)


def _write_nameless(folder: str, temporary: str, path: str, fill) -> bool:
    """Write a file without a name and call it `temporary` when it is complete (Linux)."""
    if not hasattr(os, "O_TMPFILE"):
        return False
    try:
        number = os.open(folder, os.O_WRONLY | os.O_TMPFILE, 0o666)
    except OSError:
        return False  # This file system has no such files.
    with os.fdopen(number, "wb") as file:
        _write_and_sync(file, path, fill)
        try:
            # With a folder given, Python follows the link in /proc to the file itself.
            os.link(f"/proc/self/fd/{number}", temporary, src_dir_fd=0, follow_symlinks=True)
        except OSError:
            return False  # No /proc.
    return True


def _write_named(temporary: str, path: str, fill) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(temporary, flags, 0o666), "wb") as file:
        _write_and_sync(file, path, fill)


def _write_and_sync(file, path: str, fill) -> None:
    fill(file.write)
    file.flush()
    _copy_mode(file, path)
    os.fsync(file.fileno())


def _copy_mode(file, path: str) -> None:
    """The mode bits of the file that is replaced; a new one follows the umask."""
    try:
        mode = os.stat(path).st_mode & 0o7777
        if hasattr(os, "fchmod"):
            os.fchmod(file.fileno(), mode)
    except OSError:
        pass  # There was no file, or its file system has no mode bits.


def _sync_folder(folder: str) -> None:
    if os.name != "posix":
        return
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    except OSError:
        pass  # Some file systems cannot; the file itself is safe.
    finally:
        os.close(number)
