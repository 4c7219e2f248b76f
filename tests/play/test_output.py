"""The beginning and the end of what was printed, and where an error happened."""

import random

import pytest

from tidu.play.faults import fault_in
from tidu.play.limits import Limits
from tidu.play.output import Output


def all_of(pieces):
    return "".join(text for _, text in pieces)


def test_short_output_is_kept_as_it_came():
    output = Output(100, 50)
    for stream, data in [
        ("stdout", b"a\n"),
        ("stdout", b"b\n"),
        ("stderr", b"c\n"),
        ("stdout", b"d"),
    ]:
        output.add(stream, data)
    assert output.since(0) == [["stdout", "a\nb\n"], ["stderr", "c\n"], ["stdout", "d"]]
    assert output.since(3) == [["stdout", "\n"], ["stderr", "c\n"], ["stdout", "d"]]
    assert output.since(7) == [] and output.count == 7 and not output.last
    assert output.text("stderr") == "c\n"


def test_characters_cut_in_two():
    output, data = Output(100, 50), "梯度".encode()
    for k in range(len(data)):
        output.add("stdout", data[k : k + 1])
    output.add("stderr", b"\xe6\xa2")
    output.add("stderr", b"", final=True)
    assert output.since(0) == [["stdout", "梯度"], ["stderr", "\ufffd"]]


@pytest.mark.parametrize("seed", range(20))
def test_any_output_is_its_head_and_its_tail(seed):
    draw = random.Random(seed)
    head, tail = draw.choice([(0, 0), (0, 9), (7, 0), (100, 30), (5000, 6000)])
    output, text = Output(head, tail), ""
    seen = ""
    for _ in range(draw.randrange(200)):
        piece = "".join(draw.choices("ab梯\n", k=draw.choice([0, 1, 5, 300])))
        output.add(draw.choice(["stdout", "stderr"]), piece.encode())
        text += piece
        if draw.random() < 0.2:  # as one does who asks now and then
            seen += all_of(output.since(len(seen)))
    seen += all_of(output.since(len(seen)))
    rest = text[head:]
    assert seen == text[:head] and output.count == len(seen)
    assert all_of(output.last) == (rest[-tail:] if tail else "")
    assert output.skipped == max(0, len(rest) - tail)


def test_faults():
    text = (
        'Traceback (most recent call last):\n  File "/tmp/t/work/program.py", line 9, in <module>\n'
        '    f()\n  File "/usr/lib/json.py", line 2, in f\n    g()\nValueError: one\nhint: two\n'
    )
    assert fault_in(text) == {"line": 9, "message": "ValueError: one"}
    assert fault_in(text + "\nDuring handling:\n\n" + text.replace("9", "4"))["line"] == 4
    assert fault_in("nothing") is None and fault_in('  File "other.py", line 3\nE: x') is None
    assert fault_in('  File "program.py", line 1') == {"line": 1, "message": ""}
    assert fault_in('File "program.py", line 1\nnot a traceback') is None


def test_limits_of_the_system():
    found = Limits(seconds=2, grace=1, memory=10, file=3, processors=2).resources
    assert (found["RLIMIT_CPU"], found["RLIMIT_AS"], found["RLIMIT_FSIZE"]) == (
        6,
        10 << 20,
        3 << 20,
    )
    assert found["RLIMIT_CORE"] == 0
