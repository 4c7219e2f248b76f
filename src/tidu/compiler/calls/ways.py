"""Functions whose Python asks for values (`if loss > 1:`): one program for each way they go.

A trial run answers a question by the value of this call, and the graph asks it again: a `check`
among its equations stops the program, before anything is written, when the value is another one.
Then the way that goes with that value is taken, or recorded. Read `follow`.
"""

from ...program.evaluate import evaluate
from ...program.ir import Graph
from ...transforms.draws import place_of, random_draw, return_to, streams_of
from ..graphs.questions import Diverged, answer_of
from ..recording.breaks import Break, Undecided
from ..recording.capture import capture

__all__ = ["WAYS", "Way", "captured_way", "follow", "streams_in"]

_QUESTIONS = 16  # that one call may ask
WAYS = 8  # programs for one kind of call, before it runs eagerly


class Way:
    """The answers that lead to a version, and where its siblings are kept."""

    __slots__ = ("answers", "family", "key", "streams")

    def __init__(self, answers, family, key, graph):
        self.answers, self.family, self.key = answers, family, key
        self.streams = streams_in(graph)


def streams_in(graph):
    """The random streams that a graph reads."""
    found = {}
    for e in graph.equations:
        if e.prim is random_draw:
            found.update({id(g): g for g in streams_of(e.params["draw"])})
    return list(found.values())


def captured_way(function, args, kwargs, reach, answers, told):
    """(Captured, its answers), from the answers known on; `told(line)` hears of questions."""
    answers = list(answers)
    while True:
        try:
            return capture(function, args, kwargs, reach, answers), tuple(answers)
        except Undecided as question:
            if len(answers) == _QUESTIONS:
                raise Break(
                    f"more than {_QUESTIONS} values decide what it does", question.frames
                ) from None
            answers.append(_answer(question))
            told(Break("", question.frames).line)


def _answer(question):
    """The value that was asked for, computed from the tensors as they are."""
    graph, asked = Graph(), question.graph
    graph.inputs, graph.constants = asked.inputs, asked.constants
    graph.equations, graph.outputs = asked.equations, [question.variable]
    places = [(g, place_of(g)) for g in streams_in(graph)]
    try:
        (value,) = evaluate(graph, question.inputs)
    finally:
        for stream, place in places:
            return_to(stream, place)
    return answer_of(value, question.truth)


def follow(version, tensors, record):
    """The result of a call by this version, or by that of the way which the call's values go;
    where there is none yet, ``record(answers)`` makes it and calls."""
    way = version.way
    places = [(g, place_of(g)) for g in way.streams]
    try:
        return version.compiled(tensors)
    except Diverged as found:
        answers = (*way.answers[: found.index], found.value)
    for stream, place in places:
        return_to(stream, place)
    for other in [v for v in way.family if v.way is not None]:  # others were made unlike this
        if other.way.answers[: len(answers)] == answers and other.refused((), tensors) is None:
            way.family.remove(other)
            way.family.insert(0, other)
            return follow(other, tensors, record)
    return record(answers)
