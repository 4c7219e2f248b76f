"""`tidu play`: its options, how it begins and ends, and what the wheel must hold."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import tomllib
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest
from playing import asked, playground, ran

from tidu.cli import play
from tidu.cli.main import main
from tidu.play.examples import FOLDERS, HERE, ROOT, TITLES, catalogue
from tidu.play.server import ASSETS, STATIC

NO_PAGE = {"--no-browser": True}


@pytest.mark.parametrize(
    ("words", "options", "scripts"),
    [
        ([], {}, []),
        (["a.py", "--port", "80", "--no-browser"], {"--port": 80, **NO_PAGE}, ["a.py"]),
        (["--port=0", "--seconds=5", "a=b.py"], {"--port": 0, "--seconds": 5}, ["a=b.py"]),
        (["--memory", "2048"], {"--memory": 2048}, []),
    ],
)
def test_options(words, options, scripts):
    assert play.parsed(words) == (options, scripts, "")


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["--port"], "--port must be a number from 0 to 65535"),
        (["--port", "x"], "--port must be a number"),
        (["--port", "70000"], "--port must be a number"),
        (["--port", "-1"], "--port must be a number"),
        (["--seconds", "0"], "--seconds must be a number from 1"),
        (["--no-browsr"], "unknown option '--no-browsr', did you mean '--no-browser'?"),
        (["--no-browser=1"], "unknown option"),
        (["a.py", "b.py"], "one script at most"),
        (["missing.py"], "can't read 'missing.py': No such file or directory"),
    ],
)
def test_senseless_line(capsys, words, hint):
    assert main(["play", *words]) == 2
    assert hint in capsys.readouterr().err


def test_a_script_that_is_no_text_or_too_long(tmp_path, capsys):
    path = tmp_path / "a.py"
    path.write_bytes(b"\xff\xfe\x00")
    assert main(["play", str(path)]) == 2 and "can't read" in capsys.readouterr().err
    path.write_text("#" * 600_000)
    assert main(["play", str(path)]) == 2 and "longer than" in capsys.readouterr().err
    path.write_bytes("# coding: gbk\nx = '梯度'\n".encode("gbk"))
    assert play.script(str(path)) == (("a.py", "# coding: gbk\nx = '梯度'\n"), "")


def test_a_port_that_is_taken(capsys):
    with playground() as server:
        assert main(["play", "--port", str(server.server_port)]) == 1
        assert "cannot listen on port" in capsys.readouterr().err


@contextmanager
def started(command, **options):
    """The process, which is asked to end as from a terminal: tests may run in the background, where
    Ctrl-C is ignored. It does not outlive a test that fails."""

    def listen():
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)

    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **options}
    with subprocess.Popen(command, preexec_fn=listen, **options) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_begins_and_ends(tmp_path, number):
    script = tmp_path / "mine.py"
    script.write_text("print('mine')\n")
    command = [sys.executable, "-m", "tidu", "play", str(script), "--no-browser"]
    with started(command) as process:
        line = process.stdout.readline()
        found = re.fullmatch(r"tidu play: (http://127\.0\.0\.1:(\d+)/)#token=([\w-]{43})\n", line)
        server = type("Address", (), {"server_port": int(found[2]), "token": found[3]})
        with urlopen(found[1], timeout=10) as page:
            assert b"<title>tidu play</title>" in page.read()
        assert asked(server, "/programs", {})[0]["code"] == "print('mine')\n"
        run = asked(server, "/run", {"code": "import time\nprint('in')\ntime.sleep(1000)\n"})["run"]
        report = asked(server, "/state", {"run": run, "from": 0, "state": "running"})
        folder = Path(report["folder"]).parent
        assert folder.exists()
        process.send_signal(number)
        assert process.wait(20) == 0
        assert process.stderr.read() == "" and not folder.exists()


@pytest.mark.slow
def test_the_browser_is_opened_unless_told(tmp_path):
    mark = tmp_path / "opened"
    for words, opened in ([], True), (["--no-browser"], False):
        mark.unlink(missing_ok=True)
        browser = f"{sys.executable} -c \"import sys; open('{mark}', 'w').write(sys.argv[1])\" %s"
        command = [sys.executable, "-m", "tidu", "play", *words]
        with started(command, env={**os.environ, "BROWSER": browser}) as process:
            address = process.stdout.readline().split()[-1]
            limit = time.monotonic() + (20 if opened else 1)
            while not (mark.exists() and mark.read_text()) and time.monotonic() < limit:
                time.sleep(0.05)
            process.send_signal(signal.SIGINT)
            process.wait(20)
        assert mark.exists() is opened
        assert not opened or mark.read_text() == address


def test_what_one_can_begin_with():
    programs = catalogue(("mine.py", "1\n"))
    names = [program["name"] for program in programs]
    assert names == ["mine.py", "start", *TITLES]
    assert all(program["en"] and program["zh"] and program["code"] for program in programs)
    seeds = {path.stem for path in FOLDERS[1].glob("*.py")}
    assert seeds and seeds <= set(names)


@pytest.mark.slow
def test_every_program_runs():
    """`in_place` is about an error; each of the others ends well, and each leaves a page."""
    with playground() as server:
        for program in catalogue():
            report = ran(server, program["code"])
            assert report["how"] == ("error" if program["name"] == "in_place" else "finished")
            assert report["page"], program["name"]


def test_the_wheel_holds_assets_and_programs():
    """What the server reads lies in the package, or is put there by the build."""
    build = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["build"]
    wheel = build["targets"]["wheel"]
    target = (HERE / "programs").relative_to(ROOT / "src").as_posix()
    put = wheel["force-include"]
    assert wheel["packages"] == ["src/tidu"]
    for name in TITLES:
        source = next(folder for folder in FOLDERS[1:] if (folder / f"{name}.py").is_file())
        where = f"{source.relative_to(ROOT).as_posix()}/{name}.py"
        assert put.get(where) == f"{target}/{name}.py" and (ROOT / where).is_file()
    assert {name for name, _ in STATIC.values()} == {path.name for path in ASSETS.iterdir()}


def test_assets_are_short_and_speak_both_languages():
    for path in ASSETS.iterdir():
        assert len(path.read_text("utf-8").splitlines()) <= 600
    english, chinese = (ASSETS / "words.js").read_text("utf-8").split("Object.assign(")[1:]
    keys = [set(re.findall(r"(?:[,{]|\n)\s*(\w+): \"", part)) for part in (english, chinese)]
    assert keys[0] == keys[1] and len(keys[0]) > 30
    explain = (ASSETS.parents[1] / "explain" / "assets" / "words.js").read_text("utf-8")
    used = set()
    for script in ("play.js", "editor.js"):
        used |= set(re.findall(r"word\(\"(\w+)\"\)", (ASSETS / script).read_text("utf-8")))
    known = set(re.findall(r"(\w+): \"", explain)) | keys[0]
    assert used <= known, used - known


def test_quiet(tmp_path, capfd):
    """The line about the page is for those who asked for a file, not for a program's reader."""
    script = tmp_path / "a.py"
    script.write_text("print(1)\n")
    page = tmp_path / "a.html"
    command = [sys.executable, "-m", "tidu", "explain", "--html", str(page), str(script)]
    loud = subprocess.run(command, capture_output=True, text=True)
    command.insert(4, "--quiet")
    quiet = subprocess.run(command, capture_output=True, text=True)
    assert str(page) in loud.stderr and quiet.stderr == "" and quiet.stdout == "1\n"
    assert json.dumps("a.py") in page.read_text("utf-8")
