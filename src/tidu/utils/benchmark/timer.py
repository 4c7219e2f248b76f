"""Timer and Measurement: how long a statement takes, measured several times."""

import statistics
import time
import timeit

from ...base.lazy import lazy_module

__all__ = ["Compare", "Language", "Measurement", "Timer"]

_settings = lazy_module("tidu")
_UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "us"), (1e-9, "ns"))


def _scaled(seconds):
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{seconds / size:.2f} {unit}"
    return f"{seconds / 1e-9:.2f} ns"


class Language:
    """What a statement is written in: Python."""

    PYTHON = 0
    CPP = 1


class Measurement:
    """Times of a statement, each the sum of `number_per_run` runs."""

    def __init__(self, number_per_run, raw_times, task_spec=None, label=None, sub_label=None,
                 description=None, stmt="", num_threads=1, env=None):  # fmt: skip
        self.number_per_run = number_per_run
        self.raw_times = list(raw_times)
        self.label, self.sub_label, self.description = label, sub_label, description
        self.stmt, self.num_threads, self.env = stmt, num_threads, env

    @property
    def times(self):
        """Seconds for one run, of each measurement."""
        return [t / self.number_per_run for t in self.raw_times]

    median = property(lambda self: statistics.median(self.times))
    mean = property(lambda self: statistics.fmean(self.times))

    @property
    def iqr(self):
        """The distance between the quartiles."""
        if len(self.times) < 2:
            return 0.0
        low, _, high = statistics.quantiles(self.times, n=4, method="inclusive")
        return high - low

    @property
    def title(self):
        parts = [self.label or self.stmt, self.sub_label, self.description]
        return ": ".join(part for part in parts if part)

    def __repr__(self):
        count = f"{len(self.raw_times)} measurement{'s' if len(self.raw_times) > 1 else ''}"
        middle = f"  Median: {_scaled(self.median)}"
        if len(self.raw_times) > 3:
            middle += f"\n  IQR:    {_scaled(self.iqr)}"
        elif len(self.raw_times) == 1:
            middle = f"  {_scaled(self.median)}"
        threads = f"{self.num_threads} thread{'s' if self.num_threads > 1 else ''}"
        runs = f"{self.number_per_run} runs per measurement, {threads}"
        return f"<{__name__}.Measurement object>\n{self.title}\n{middle}\n  {count}, {runs}"


class Timer:
    """Measures a Python statement.

    >>> timer = Timer("x * 2", globals={"x": 3})
    >>> timer.timeit(100).number_per_run
    100
    """

    def __init__(
        self, stmt="pass", setup="pass", global_setup="", timer=time.perf_counter, globals=None,
        label=None, sub_label=None, description=None, env=None, num_threads=1, language="python",
    ):  # fmt: skip
        if not isinstance(stmt, str):
            raise ValueError("Currently only a `str` stmt is supported.")
        if language not in (Language.PYTHON, "py", "python"):
            raise ValueError("Timer measures statements in Python; there is no C++ here.")
        self._spec = dict(label=label, sub_label=sub_label, description=description, stmt=stmt,
                          num_threads=num_threads, env=env)  # fmt: skip
        names = dict(globals or {})
        names.setdefault("torch", _settings)
        self._timer = timeit.Timer(stmt, setup, timer, names)

    def timeit(self, number=1000000):
        """One measurement of `number` runs, after a short warm-up."""
        self._timer.timeit(max(int(number // 100), 2))
        return Measurement(number, [self._timer.timeit(number)], **self._spec)

    def blocked_autorange(self, callback=None, min_run_time=0.2):
        """Measurements for at least `min_run_time` seconds, each of enough runs to be exact."""
        number = self._enough(min_run_time)
        times = []
        while sum(times) < min_run_time:
            times.append(self._timer.timeit(number))
            if callback is not None:
                callback(number, times[-1])
        return Measurement(number, times, **self._spec)

    def adaptive_autorange(self, threshold=0.1, *, min_run_time=0.01, max_run_time=10.0,
                           callback=None):  # fmt: skip
        """Measurements until they agree to `threshold`, or the time is up."""
        number, times = self._enough(min_run_time), []
        while True:
            times.append(self._timer.timeit(number))
            if callback is not None:
                callback(number, times[-1])
            result = Measurement(number, times, **self._spec)
            steady = len(times) > 3 and result.iqr / result.median < threshold
            if (steady and sum(times) >= min_run_time) or sum(times) >= max_run_time:
                return result

    def _enough(self, min_run_time):
        """So many runs that reading the clock does not count."""
        number = 1
        while True:
            taken = self._timer.timeit(number)
            if taken > min_run_time / 1000 and taken > 1e-4:
                return number
            number *= 10


class Compare:
    """A table of measurements: one row for each sub-label, one column for each description."""

    def __init__(self, results):
        self._results = list(results)

    def extend_results(self, results):
        """Add measurements."""
        self._results += results

    def trim_significant_figures(self):
        """The table is short as it is."""

    colorize = highlight_warnings = trim_significant_figures

    def __str__(self):
        columns = list(dict.fromkeys(r.description or "" for r in self._results))
        rows = list(dict.fromkeys(r.sub_label or r.stmt for r in self._results))
        cells = {
            (r.sub_label or r.stmt, r.description or ""): _scaled(r.median) for r in self._results
        }
        first = max(map(len, rows), default=0)
        widths = [
            max([len(c), *(len(cells.get((row, c), "")) for row in rows)]) for c in columns
        ]  # fmt: skip
        lines = [" " * first + "".join(f" | {c:>{w}}" for c, w in zip(columns, widths))]
        for row in rows:
            line = "".join(f" | {cells.get((row, c), ''):>{w}}" for c, w in zip(columns, widths))
            lines.append(f"{row:<{first}}{line}")
        return "\n".join(lines)

    def print(self):
        """Print the table."""
        print(self)
