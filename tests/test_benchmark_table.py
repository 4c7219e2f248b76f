"""The tables of benchmarks: what is asked of a process, what is kept, which columns there are."""

import importlib
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture(scope="module")
def run():
    sys.path.insert(0, str(BENCHMARKS))
    try:
        yield importlib.import_module("run")
    finally:
        sys.path.remove(str(BENCHMARKS))


def cells_of(head, line):
    return dict(zip(*[text.strip("|").split(" | ") for text in (head, line)], strict=True))


def test_tidu_brings_its_compiled_programs(run):
    assert run.asked("tidu") == ["tidu", "tidu.compile"]
    assert run.asked("torch, tidu,jax") == ["torch", "tidu", "tidu.compile", "jax"]
    assert run.asked("tidu.compile,tidu") == ["tidu.compile", "tidu"]
    assert run.asked("torch") == ["torch"]
    assert run.asked("", quick=False) == [*run.LIBRARIES, *run.COMPILED, *run.PEERS]
    assert set(run.asked("")) - set(run.asked("", quick=True)) == {"torch.compile"}
    assert "torch.compile" in run.asked("torch.compile", quick=True)


def test_only_columns_with_something_to_tell(run):
    times = {"tidu": 4e-6, "tidu.compile": 1e-6, "torch": 16e-6, "jax": 2e-6}

    def cells(*names):
        timed = {name: times[name] for name in names if name in times}
        primal, gradient = {"tidu": 2e-6, "torch": 4e-6}, {"tidu": 6e-6, "torch": 8e-6}
        row = {"title": "a title", "step": timed, "primal": primal, "gradient": gradient}
        head, _, line, *rest = run.tables.timed_table({"W1": row}, names)
        return cells_of(head, line), rest

    found, rest = cells("tidu", "tidu.compile")
    assert list(found.values())[1:] == ["4.00", "1.00", "**0.25**", "3.0 "] and not rest
    assert "compiled / tidu" in found and not any("torch" in name for name in found)
    found, rest = cells("torch", "tidu", "tidu.compile", "jax")
    assert found["compiled / torch"] == "**0.062**" and found["tidu / torch"] == "**0.25**"
    assert found["compiled / best peer"] == "**0.50** jax" and "compiled / tidu" not in found
    assert found["grad / primal: torch "].strip() == "2.0"
    assert rest[-1] == "tidu / torch, geometric mean of 1 workloads: **0.25**"
    del times["jax"], times["torch"]
    found, rest = cells("torch", "tidu", "tidu.compile", "jax")
    assert found["compiled / torch"] == found["compiled / best peer"] == "-" and not rest


def test_first_calls_have_a_table_of_their_own(run):
    rows = {
        "W3": {
            "tidu.compile": {"empty": 80.0, "again": 20.0},
            "jax": {"empty": 160.0, "again": 80.0},
        },
        "W5": {"tidu.compile": {"empty": 80.0, "again": 20.0}},
    }
    _, head, _, small, large = run.tables.first_table(rows)
    found = cells_of(head, small)
    assert found["tidu.compile, second process"] == "20.0" and found["jax, empty cache"] == "160"
    assert found["tidu / best peer, empty cache"] == "**0.50** jax"
    assert list(cells_of(head, large).values())[3:] == ["-", "-", "-", "- "]
    assert run.tables.first_table({}) == []


@pytest.mark.slow
def test_a_process_answers_with_its_time_and_its_results(run):
    times, results = run.processes.first_calls("W3", "tidu.compile", 1)
    assert 0 < times["again"] < times["empty"]
    program = run.workloads()["W3"].build(importlib.import_module("tidu"))
    program.step()
    program.step()
    assert len(results) == 2
    for result in results:
        assert run.disagreement(program.result(), result) < 1e-5


def test_results_that_disagree_are_not_in_the_table(run, monkeypatch):
    answers = {"tidu.compile": [[1.0, 2.0]], "jax": [[1.0, 2.0], [1.0, 2.1]]}
    found = lambda name, library, repeats: ({"empty": 1.0}, answers[library])
    monkeypatch.setattr(run.processes, "first_calls", found)
    notes = []
    assert list(run.some_first_calls("W3", ["tidu.compile", "jax"], 1, notes)) == ["tidu.compile"]
    assert "jax disagrees by" in notes[0] and "W3" in notes[0]


def test_parts_that_were_measured_before_are_kept(run, tmp_path):
    def part(**timed):
        return {"timed": timed, "first": {}, "processes": {}, "notes": {name: [] for name in timed}}

    file = tmp_path / "times.json"
    run.kept(part(W5={"title": "old"}, W3={"title": "old"}), file)
    found = run.kept({**part(W3={"title": "new"}), "notes": {"W3": ["why"]}}, file)
    assert list(found["timed"]) == ["W3", "W5"] and found["timed"]["W3"] == {"title": "new"}
    assert run.remarked(found["notes"]) == ["", "- why"]


def test_libraries_of_threads_are_not_loaded_before_they_are_counted(run):
    code = "import sys; sys.path.insert(0, {!r}); import run; print('numpy' in sys.modules)"
    assert run.processes.run([sys.executable, "-c", code.format(str(BENCHMARKS))]) == "False"
