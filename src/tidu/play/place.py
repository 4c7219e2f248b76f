"""The folder of one run: made for it, read once, removed after it."""

import os
import shutil
import stat
import tempfile
from pathlib import Path

__all__ = ["PROGRAM", "Place"]

PROGRAM = "program.py"


class Place:
    """A fresh folder: `work` is where the program lies and runs, `temporary` its TMPDIR."""

    def __init__(self, code: str):
        self.root = Path(tempfile.mkdtemp(prefix="tidu-play-"))
        self.work, self.temporary = self.root / "work", self.root / "tmp"
        self.work.mkdir()
        self.temporary.mkdir()
        self.page = self.root / "page.html"
        (self.work / PROGRAM).write_text(code, encoding="utf-8", newline="\n")

    def read_page(self, most: int) -> bytes | None:
        """The page, if the run has left an ordinary file of its own there.

        The program could have put anything in its place: a link to a file of somebody else, a pipe
        that never ends.
        """
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW
        try:
            handle = os.open(self.page, flags)
        except OSError:
            return None
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1 or found.st_size > most:
            os.close(handle)
            return None
        with open(handle, "rb") as file:
            return file.read(most)

    def remove(self) -> None:
        """Removes all, with what the program took its own permissions from."""
        for folder, inner, _ in os.walk(self.root):
            for name in inner:
                path = os.path.join(folder, name)
                if not os.path.islink(path):
                    try:
                        os.chmod(path, stat.S_IRWXU)
                    except OSError:
                        pass  # no longer this user's: it stays in the folder of temporary files
        shutil.rmtree(self.root, ignore_errors=True)
