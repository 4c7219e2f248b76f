"""Stands between the server and one run: sets limits, waits, and leaves no process behind.

The server starts it as a script of its own and writes to its standard input: "i" interrupts the
program as Ctrl+C does, "k" ends it. The end of the stream means that the server itself is gone;
then the run's folder goes too. It ends as the program ended.
"""

import ctypes
import json
import os
import resource
import select
import shutil
import signal
import sys

SET_DEATH_SIGNAL, SET_SUBREAPER = 1, 36  # prctl, <linux/prctl.h>


def main():
    order = json.loads(sys.argv[1])
    control(SET_SUBREAPER, 1)  # whatever loses its parent below becomes a child of this process
    woken, waker = os.pipe()
    for end in (woken, waker):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(waker)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    child = start(order)
    status = watch(child, woken)
    end_all(child)
    if status is None:
        shutil.rmtree(order["folder"], ignore_errors=True)
    end_as(status)


def control(*arguments):
    """Linux alone has it; elsewhere the process group is what can be ended."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(*arguments)


def start(order):
    """The program's process, in a group of its own."""
    server = os.getpid()
    child = os.fork()
    if child:
        group(child)
        return child
    try:
        group(0)
        control(SET_DEATH_SIGNAL, signal.SIGKILL)
        if os.getppid() != server:
            os._exit(1)
        for number in (signal.SIGINT, signal.SIGCHLD, signal.SIGPIPE):
            signal.signal(number, signal.SIG_DFL)  # a server in the background ignores Ctrl-C
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.chdir(order["cwd"])
        for name, amount in order["resources"].items():
            limit(getattr(resource, name), amount)
        os.execv(order["command"][0], order["command"])
    except BaseException as error:
        os.write(2, f"tidu play: the program could not be started: {error}\n".encode())
    os._exit(1)


def group(child):
    """Both do it, parent and child: whoever comes first."""
    try:
        os.setpgid(child, child)
    except OSError:
        pass


def limit(which, amount):
    hard = resource.getrlimit(which)[1]
    amount = amount if hard == resource.RLIM_INFINITY else min(amount, hard)
    # The signal for used up processor time can be caught; a second later comes one that cannot.
    second = amount + 1 if which == resource.RLIMIT_CPU else amount
    resource.setrlimit(which, (amount, second if hard == resource.RLIM_INFINITY else amount))


def watch(child, woken):
    """The program's status when it has ended; None when the server has."""
    while True:
        ready = select.select([0, woken], [], [])[0]
        if woken in ready:
            os.read(woken, 4096)
            status = reaped(child)
            if status is not None:
                return status
        if 0 in ready:
            orders = os.read(0, 16)
            if not orders:
                return None
            signal_group(child, signal.SIGKILL if b"k" in orders else signal.SIGINT)


def reaped(child):
    """Takes leave of all that have ended; the status of the program, if it was among them."""
    found = None
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return found
        if pid == 0:
            return found
        if pid == child:
            found = status


def end_all(child):
    """Ends every process that the program started, those that left its group too."""
    while True:
        signal_group(child, signal.SIGKILL)
        for pid in children():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def signal_group(child, number):
    try:
        os.killpg(child, number)
    except (ProcessLookupError, PermissionError):
        pass


def children():
    """The processes whose parent this is, where the system tells."""
    found = []
    for name in os.listdir("/proc") if os.path.isdir("/proc/self") else ():
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:
                    parent = int(file.read().rpartition(b")")[2].split()[1])
            except OSError:
                continue
            if parent == os.getpid():
                found.append(int(name))
    return found


def end_as(status):
    if status is not None and os.WIFEXITED(status):
        os._exit(os.WEXITSTATUS(status))
    number = signal.SIGKILL if status is None else os.WTERMSIG(status)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if number != signal.SIGKILL:
        signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


if __name__ == "__main__":
    main()
