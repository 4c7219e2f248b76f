"""The command line's manners: help, version, exit codes and guesses."""

import os
import subprocess
import sys

import pytest

from tidu.cli.main import COMMANDS, main
from tidu.version import release


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith(f"tidu {release} ")


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"], ["help"]])
def test_help_lists_every_command(capsys, arguments):
    assert main(arguments) == 0
    out = capsys.readouterr().out
    assert all(f"  {command} " in out for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command(capsys, command):
    assert main([command, "--help"]) == 0
    first = capsys.readouterr().out
    assert main(["help", command]) == 0
    assert capsys.readouterr().out == first and f"tidu {command}" in first


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["rum"], "did you mean 'run'?"),
        (["Check"], "did you mean 'check'?"),
        (["--verson"], "did you mean '--version'?"),
        (["train.py"], "to run a script: tidu run train.py"),
        (["qqqq"], "`tidu --help` lists the commands"),
        (["run", "--hlep"], "did you mean '--help'?"),
        (["run", "-m"], "tidu run script.py"),
        (["check"], "tidu check script.py"),
    ],
)
def test_senseless_line(capsys, arguments, hint):
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and hint in captured.err


def test_both_ways_in():
    module = subprocess.run([sys.executable, "-m", "tidu", "-V"], capture_output=True, text=True)
    assert (module.returncode, module.stdout.split()[1]) == (0, release)


def test_ops_that_are_not_there(capsys):
    assert main(["ops", "sinx"]) != 0
    assert "no primitive has 'sinx' in its name" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="pipes break in another way there")
@pytest.mark.parametrize("arguments", [["--help"], ["-V"], ["ops"], *[[c, "-h"] for c in COMMANDS]])
def test_a_reader_that_goes_away(arguments):
    """`tidu ops | head`: no traceback, however little was left to be written."""
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "tidu", *arguments]
    try:
        done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True)
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.skipif(sys.platform == "win32", reason="pipes break in another way there")
def test_a_broken_pipe_of_the_program_is_its_own():
    code = "raise BrokenPipeError('of a socket')"
    done = subprocess.run(
        [sys.executable, "-m", "tidu", "run", "-c", code], capture_output=True, text=True
    )
    assert done.returncode == 1 and done.stderr.endswith("BrokenPipeError: of a socket\n")
