"""One run of a program: its process, what it prints, how it ends, and the page it leaves.

`Runs` holds the run there is; a new one takes the place of the one before.
"""

import json
import os
import secrets
import selectors
import signal
import subprocess
import sys
import threading
from pathlib import Path
from time import monotonic

from .faults import fault_in
from .limits import MIB, Limits
from .output import Output
from .place import PROGRAM, Place

__all__ = ["Run", "Runs"]

SUPERVISOR = Path(__file__).with_name("children") / "supervisor.py"
ROOT = str(Path(__file__).parents[2])
# tidu as this process has it, but behind the standard library: the folder may hold other packages.
BEGIN = (
    "import sys; sys.path.append(sys.argv.pop(1)); from tidu.cli.main import main; sys.exit(main())"
)
PATIENCE = 2.0  # seconds until a process that was killed must be gone


class Run:
    """A program that was started. `state` is running, stopping (asked to end) or done.

    Its threads and those that wait for it share `changed`.
    """

    def __init__(self, code: str, limits: Limits, search: str = ""):
        self.name, self.key = secrets.token_urlsafe(9), secrets.token_urlsafe(32)
        self.limits, self.output = limits, Output(limits.head, limits.tail)
        self.state, self.cause = "running", ""
        self.ended: dict = {}
        self.page: bytes | None = None
        self.changed = threading.Condition()
        self.began = monotonic()
        self._last_moment = float("inf")  # when it is killed, once it was asked to end
        self.place = Place(code)
        try:
            self.process = self._start(search)
        except BaseException:
            self.place.remove()
            raise
        self.thread = threading.Thread(target=self._follow, daemon=True)
        self.thread.start()

    def _start(self, search):
        order = {
            "command": [
                sys.executable, "-c", BEGIN, ROOT, "explain", "--quiet",
                "--html", str(self.place.page), PROGRAM,
            ],
            "cwd": str(self.place.work), "folder": str(self.place.root),
            "resources": self.limits.resources,
        }  # fmt: skip
        return subprocess.Popen(
            [sys.executable, "-I", "-S", str(SUPERVISOR), json.dumps(order)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0,
            env=environment(self.place, search), start_new_session=True,
        )  # fmt: skip

    # --- asked to end ---------------------------------------------------------------------------

    def stop(self, cause: str = "stopped") -> None:
        """Interrupts the program, so that its page is still made; the second time ends it."""
        with self.changed:
            if self.state == "done":
                return
            self._tell(b"k" if self.state == "stopping" else b"i")
            if self.state == "running":
                self.state, self.cause = "stopping", cause
                self._last_moment = monotonic() + self.limits.grace
            self.changed.notify_all()

    def kill(self, cause: str = "replaced") -> None:
        """Ends the program at once, and waits until nothing of it is left."""
        with self.changed:
            if self.state != "done":
                self.state, self.cause = "stopping", cause
                self._tell(b"k")
                self._last_moment = monotonic()
        self.thread.join()

    def _tell(self, order):
        try:
            os.write(self.process.stdin.fileno(), order)
        except (OSError, ValueError):
            pass  # it has ended

    # --- followed by a thread of its own ----------------------------------------------------------

    def _follow(self):
        try:
            self._read()
            self.page = self.place.read_page(self.limits.file * MIB)
        finally:
            self._end()
            self.place.remove()
            with self.changed:
                self.ended = self._ending()
                self.state = "done"
                self.changed.notify_all()

    def _read(self):
        """Collects what is printed until both streams end, which the supervisor sees to."""
        gone = None
        with selectors.DefaultSelector() as selector:
            for stream in (self.process.stdout, self.process.stderr):
                selector.register(stream, selectors.EVENT_READ)
            while selector.get_map() and (gone is None or monotonic() < gone + PATIENCE):
                for key, _ in selector.select(0.1):
                    self._collect(selector, key.fileobj)
                if gone is None and self.process.poll() is not None:
                    gone = monotonic()
                self._watch_the_clock()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._end()

    def _end(self):
        self.process.kill()  # does nothing where it has ended
        self.process.wait()
        with self.changed:  # no other thread may be writing into what is closed
            for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
                stream.close()

    def _collect(self, selector, stream):
        data = os.read(stream.fileno(), 65536)
        name = "stdout" if stream is self.process.stdout else "stderr"
        with self.changed:
            self.output.add(name, data, final=not data)
            self.changed.notify_all()
        if not data:
            selector.unregister(stream)

    def _watch_the_clock(self):
        now = monotonic()
        if now > self.began + self.limits.seconds and self.state == "running":
            self.stop("time")
        if now > self._last_moment + PATIENCE:
            self.process.kill()
        elif now > self._last_moment:
            self._tell(b"k")

    def _ending(self):
        """How it ended: {"how", "exit", "seconds", "line", "message"}."""
        code, how = self.process.returncode, self.cause
        if not how:
            how = {0: "finished", -signal.SIGXCPU: "processor"}.get(
                code, "error" if code > 0 else "killed"
            )
        fault = fault_in(self.output.text("stderr")) if code else None
        if how == "stopped" and code == 0:
            how = "finished"  # it was quicker
        return {
            "how": how, "exit": code, "seconds": round(monotonic() - self.began, 3),
            **(fault or {"line": None, "message": ""}),
        }  # fmt: skip

    # --- told -------------------------------------------------------------------------------------

    def report(self, start: int, state: str, wait: float) -> dict:
        """What is new to one who has seen `start` characters and a state; waits up to `wait`."""
        with self.changed:
            self.changed.wait_for(
                lambda: self.state != state or self.output.count > start or self.state == "done",
                wait,
            )
            report = {
                "run": self.name, "state": self.state, "pieces": self.output.since(start),
                "until": self.output.count, "folder": str(self.place.work),
                "seconds": round(monotonic() - self.began, 1),
            }  # fmt: skip
            if self.state == "done":
                report.update(
                    self.ended, skipped=self.output.skipped, last=list(self.output.last),
                    page=self.key if self.page is not None else None,
                )  # fmt: skip
            return report


class Runs:
    """The run there is."""

    def __init__(self, limits: Limits, search: str = ""):
        self.limits, self.search = limits, search
        self.current: Run | None = None
        self._lock = threading.Lock()
        self._closed = False

    def start(self, code: str) -> Run:
        """Runs a program in the place of the one before, whose end is waited for."""
        with self._lock:
            if self._closed:
                raise RuntimeError("the playground is being closed")
            if self.current is not None:
                self.current.kill()
            self.current = Run(code, self.limits, self.search)
            return self.current

    def named(self, name: str) -> Run | None:
        run = self.current
        known = run is not None and secrets.compare_digest(run.name.encode(), name.encode())
        return run if known else None

    def close(self) -> None:
        """Ends what runs; nothing starts after it."""
        with self._lock:
            self._closed = True
            if self.current is not None:
                self.current.kill("closed")


def environment(place: Place, search: str) -> dict[str, str]:
    """The variables of the program: the user's own, with its folder for temporary files."""
    paths = [p for p in os.environ.get("PYTHONPATH", "").split(os.pathsep) if p]
    paths = [os.path.abspath(path) for path in paths]  # its working folder is another
    return {
        **os.environ, "PYTHONPATH": os.pathsep.join([*paths, *([search] if search else [])]),
        "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8", "PYTHONUTF8": "1", "NO_COLOR": "1",
        "MPLBACKEND": "Agg", "TMPDIR": str(place.temporary),
    }  # fmt: skip
