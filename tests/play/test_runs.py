"""Runs: what they print, how they end, what they leave behind (nothing)."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from playing import asked, finished, got, playground, ran, started

from tidu.play import place
from tidu.play.limits import Limits
from tidu.play.place import Place
from tidu.play.run import Run

pytestmark = pytest.mark.slow

GRADIENT = """\
import torch
x = torch.tensor(3.0, requires_grad=True)
(x * x).backward()
print(x.grad)
"""
IMPORT = "import torch\nx = torch.ones(2, requires_grad=True)\ny = (x * 3).sum()\ny.backward()\n"


@pytest.fixture(scope="module")
def server():
    with playground() as opened:
        yield opened


def folder_of(report):
    return Path(report["folder"]).parent


def living(mark):
    """The processes whose command line or environment holds a mark."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            text = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
            state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if mark.encode() in text and state != "Z" and int(entry.name) != os.getpid():
            found.append(int(entry.name))
    return found


def gone(mark, wait=10):
    limit = time.monotonic() + wait
    while living(mark) and time.monotonic() < limit:
        time.sleep(0.05)
    return not living(mark)


def test_prints_and_explains(server):
    report = ran(server, "print('梯度 é')\n" + GRADIENT)
    assert (report["how"], report["exit"], report["line"]) == ("finished", 0, None)
    assert report["stdout"] == "梯度 é\ntensor(6.)\n" and report["stderr"] == ""
    status, page = got(server, f"/explained?key={report['page']}")
    assert status == 200 and page.startswith(b"<!DOCTYPE html>") and b"program.py" in page
    assert "2·x".encode() in page or b"2*x" in page
    assert not folder_of(report).exists()


def test_the_page_is_for_who_has_its_key(server):
    report = ran(server, GRADIENT)
    assert got(server, "/explained")[0] == 404
    assert got(server, f"/explained?key={report['page']}A")[0] == 404
    assert got(server, f"/explained?key={report['run']}")[0] == 404
    old = report["page"]
    ran(server, GRADIENT)
    assert got(server, f"/explained?key={old}")[0] == 404


def test_an_error_has_its_line_and_a_page(server):
    code = IMPORT + "def f():\n    return x @ torch.ones(3)\n\nf()\nprint('never')\n"
    report = ran(server, code)
    assert (report["how"], report["exit"], report["line"]) == ("error", 1, 6)
    assert report["message"].startswith("RuntimeError: ") and "Traceback" in report["stderr"]
    assert report["page"] and "never" not in report["stdout"]


@pytest.mark.parametrize(
    ("code", "line", "message"),
    [
        ("x = 1\nif x\n    pass\n", 2, "SyntaxError: expected ':'"),
        ("x = (1,\n", 1, "SyntaxError: '(' was never closed"),
        ("x = 1\n  y = 2\n", 2, "IndentationError: unexpected indent"),
        ("import missing_package\n", 1, "ModuleNotFoundError: No module named 'missing_package'"),
        ("\nraise ValueError('a\\nb')\n", 2, "ValueError: a"),
        ("try:\n    1 / 0\nexcept ZeroDivisionError:\n    {}['k']\n", 4, "KeyError: 'k'"),
        ("import json\n\njson.loads('x')\n", 3, "json.decoder.JSONDecodeError: Expecting value"),
        ("raise SystemExit(3)\n", None, ""),
        ("input()\n", 1, "EOFError: EOF when reading a line"),
        ("x = '\0'\n", None, ""),
    ],
)
def test_errors(server, code, line, message):
    report = ran(server, code)
    assert report["how"] == "error" and report["line"] == line, report
    assert report["message"].startswith(message)


def test_an_endless_loop_is_stopped_by_the_clock():
    with playground(Limits(seconds=8, grace=8)) as server:
        report = ran(server, IMPORT + "print('in')\nwhile True:\n    pass\n")
        assert report["how"] == "time" and report["line"] in (6, 7) and report["stdout"] == "in\n"
        # Interrupted as by Ctrl+C: what was done before has its page.
        assert got(server, f"/explained?key={report['page']}")[0] == 200
        assert not folder_of(report).exists()


def test_a_program_that_cannot_be_interrupted_is_ended():
    code = "import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"
    code += "print('in')\nwhile True:\n    time.sleep(1)\n"
    with playground(Limits(seconds=8, grace=1)) as server:
        report = ran(server, code)
        assert (report["how"], report["page"], report["stdout"]) == ("time", None, "in\n")
        assert gone(folder_of(report).name)


def test_stop(server):
    name = started(server, IMPORT + "print('in')\nwhile True: pass\n")
    wait_for_output(server, name)
    assert asked(server, "/stop", {"run": name})["state"] == "stopping"
    report = finished(server, name)
    assert report["how"] == "stopped" and report["page"] and report["line"] in (5, 6)


def test_the_second_stop_ends_at_once():
    code = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"
    code += "print('in')\nwhile True: pass\n"
    with playground(Limits(seconds=60, grace=60)) as server:
        name = started(server, code)
        wait_for_output(server, name)
        asked(server, "/stop", {"run": name})
        asked(server, "/stop", {"run": name})
        assert finished(server, name, wait=20)["how"] == "stopped"


def wait_for_output(server, name):
    limit = time.monotonic() + 60
    while not asked(server, "/state", {"run": name, "from": 0, "state": "running"})["pieces"]:
        assert time.monotonic() < limit


def test_a_new_run_takes_the_place_of_the_old(server):
    first = started(server, "import time\nprint('in')\ntime.sleep(100)\n")
    wait_for_output(server, first)
    folder = Path(asked(server, "/state", {"run": first, "from": 0, "state": ""})["folder"]).parent
    assert folder.exists() and living(folder.name)
    second = ran(server, "print(2)\n")
    assert second["stdout"] == "2\n" and not folder.exists() and gone(folder.name)
    question = {"run": first, "from": 0, "state": "running"}
    assert asked(server, "/state", question) == {"state": "gone"}
    assert asked(server, "/stop", {"run": first}) == {"state": "gone"}


def test_a_memory_bomb_is_an_error_of_the_program():
    with playground(Limits(memory=1500, seconds=30)) as server:
        report = ran(server, IMPORT + "kept = []\nwhile True:\n    kept.append(bytearray(10**8))\n")
        assert report["how"] == "error" and report["line"] == 7
        assert "MemoryError" in report["message"]
        small = "kept = []\nwhile True:\n    kept.append(bytearray(10**5))\n"
        report = ran(server, IMPORT + small)  # nothing is left of the memory, and it has its page
        assert (report["how"], report["line"]) == ("error", 7) and report["page"]
        report = ran(server, IMPORT + "torch.ones(10**9)\n")
        assert report["how"] == "error" and report["line"] == 5
        assert ran(server, "print(1)\n")["stdout"] == "1\n"


def test_processor_time_is_bounded():
    code = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass\n"
    with playground(Limits(seconds=1, grace=1, processors=1)) as server:
        run = server.runs.start(code)
        run.limits = Limits(seconds=60)  # the clock is not what ends it
        assert finished(server, run.name)["how"] == "processor"


def test_a_flood_of_output_is_cut_and_its_end_is_kept():
    code = "for k in range(3_000_00):\n    print('line', k)\nraise ValueError('at the end')\n"
    with playground(Limits(seconds=60, head=5000, tail=2000)) as server:
        report = ran(server, code)
        assert report["stdout"].startswith("line 0\nline 1\n") and report["skipped"] > 1_000_000
        assert report["until"] == 5000
        assert len(report["stdout"]) + len(report["stderr"]) == 7000
        assert (report["line"], report["message"]) == (3, "ValueError: at the end")


def test_an_endless_flood_is_stopped_and_the_memory_is_bounded():
    with playground(Limits(seconds=6, grace=2)) as server:
        before = resident()
        report = ran(server, "import sys\nwhile True: sys.stderr.write('a' * 100_000)\n")
        assert report["how"] == "time" and report["skipped"] > 0
        assert resident() - before < 64


def resident():
    return int(re.search(r"VmRSS:\s+(\d+)", Path("/proc/self/status").read_text())[1]) / 1024


def test_a_large_file_cannot_be_written():
    with playground(Limits(file=1, seconds=30)) as server:
        report = ran(server, "with open('x', 'wb') as f:\n    f.write(b'a' * 10**7)\n")
        assert report["how"] == "error" and "File too large" in report["message"]


def test_the_folder_is_fresh_and_its_own(server):
    code = (
        "import os, sys, tempfile\nprint(sorted(os.listdir()), sys.argv)\n"
        "open('mine', 'w').close()\nprint(tempfile.mkdtemp())\nprint(os.getcwd())\n"
        "print(oct(os.stat('..').st_mode)[-3:])\n"
    )
    first, second = ran(server, code), ran(server, code)
    for report in (first, second):
        listing, temporary, folder, mode = report["stdout"].splitlines()
        assert listing == "['program.py'] ['program.py']" and mode == "700"
        root = folder_of(report)
        assert Path(folder) == root / "work" and Path(temporary).parent == root / "tmp"
        assert not root.exists()
    assert folder_of(first) != folder_of(second)


def test_the_folder_goes_even_without_permissions(server):
    code = "import os\nos.makedirs('a/b/c')\nopen('a/b/c/f', 'w').close()\n"
    code += "for p in ('a/b/c', 'a/b', 'a'): os.chmod(p, 0)\nos.symlink('/etc', 'link')\n"
    report = ran(server, code)
    assert report["how"] == "finished" and not folder_of(report).exists()
    assert Path("/etc/passwd").exists()


def test_the_folder_goes_without_permissions_of_a_user_who_needs_them():
    """Root needs none: where the tests run as root, the process becomes another user first."""
    code = Path(place.__file__).read_text("utf-8")
    code += "\nif os.geteuid() == 0: os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
    code += "folder = Place('')\nos.makedirs(folder.work / 'a' / 'b' / 'c')\n"
    code += "for p in ('a/b/c', 'a/b', 'a', '.'): os.chmod(folder.work / p, 0)\n"
    code += "folder.remove()\nprint(folder.root.exists())\n"
    command = [sys.executable, "-I", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, cwd="/", env={"TMPDIR": "/tmp"})
    assert (done.stdout, done.stderr) == ("False\n", "")


@pytest.mark.parametrize(
    "put",
    ["os.symlink('/etc/passwd', page)", "os.mkfifo(page)", "os.mkdir(page)",
     "os.link(__file__, page)"],
)  # fmt: skip
def test_only_an_ordinary_file_is_a_page(server, put):
    code = f"import os\npage = '../page.html'\n{put}\nos._exit(0)\n"
    report = ran(server, code)
    assert report["page"] is None, report


def test_no_process_is_left(server):
    """Neither those of another group and session nor those that lost their parent."""
    code = """
import os, subprocess, sys, time
sleep = [sys.executable, "-c", "import time; time.sleep(1000)"]
for k in range(5):
    subprocess.Popen(sleep, start_new_session=True)
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(1000)
        os._exit(0)
print("in")
"""
    report = ran(server, code)
    assert report["stdout"] == "in\n" and report["how"] == "finished"
    assert gone(folder_of(report).name, wait=2)


def test_a_program_that_kills_its_keeper(server):
    report = ran(server, "import os, time\nos.kill(os.getppid(), 9)\ntime.sleep(100)\n")
    assert report["how"] == "killed" and gone(folder_of(report).name)
    assert not folder_of(report).exists()


def test_a_program_that_is_killed(server):
    report = ran(server, "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n")
    assert (report["how"], report["exit"]) == ("killed", -signal.SIGSEGV)


def test_everything_ends_with_the_server(tmp_path):
    """Even when the server is killed, and cannot do anything about it."""
    code = """
import sys, threading, time
from tidu.play import Playground
playground = Playground()
run = playground.runs.start("import subprocess, time\\nsubprocess.Popen(['sleep', '1000'])\\n"
                            "print('in', flush=True)\\ntime.sleep(1000)")
while not run.output.count: time.sleep(0.05)
print(run.place.root, flush=True)
time.sleep(1000)
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    with process:
        root = Path(process.stdout.readline().strip())
        assert root.exists() and living(root.name)
        process.kill()
    assert gone(root.name)
    limit = time.monotonic() + 10
    while root.exists() and time.monotonic() < limit:
        time.sleep(0.05)
    assert not root.exists()


def test_closing_ends_the_run():
    with playground() as server:
        run = server.runs.start("import time\ntime.sleep(1000)\n")
    assert run.state == "done" and run.ended["how"] == "closed" and not run.place.root.exists()
    with pytest.raises(RuntimeError, match="closed"):
        server.runs.start("")


def test_modules_beside_the_script_are_found(tmp_path):
    (tmp_path / "beside.py").write_text("value = 7\n")
    with playground(search=str(tmp_path)) as server:
        assert ran(server, "import beside\nprint(beside.value)\n")["stdout"] == "7\n"


def test_a_relative_path_of_the_environment_stays_where_it_was(tmp_path, monkeypatch):
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "found.py").write_text("value = 8\n")
    inherited = os.environ.get("PYTHONPATH", "")
    paths = [os.path.abspath(p) for p in inherited.split(os.pathsep) if p]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["lib", *paths]))
    with playground() as server:
        assert ran(server, "import found\nprint(found.value)\n")["stdout"] == "8\n"


def test_no_secret_reaches_the_program(server):
    code = "import os, sys\nprint(os.environ, sys.argv, open('/proc/self/cmdline').read())\n"
    report = ran(server, code + "print(open(f'/proc/{os.getppid()}/cmdline').read())\n")
    assert server.token not in report["stdout"] and report["page"] not in report["stdout"]


def test_a_page_is_read_only_below_its_limit():
    made = Place("")
    try:
        made.page.write_bytes(b"a" * 10)
        assert made.read_page(10) == b"a" * 10 and made.read_page(9) is None
    finally:
        made.remove()


def test_a_run_that_cannot_begin_leaves_no_folder(monkeypatch):
    places = []
    monkeypatch.setattr("tidu.play.run.Place", lambda code: places.append(Place(code)) or places[0])
    monkeypatch.setattr("tidu.play.run.subprocess.Popen", lambda *a, **k: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        Run("", Limits())
    assert not places[0].root.exists()
