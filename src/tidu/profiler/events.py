"""Events of a profile, their averages, and the table PyTorch prints. Times are in microseconds."""

__all__ = ["EventList", "FunctionEvent", "FunctionEventAvg", "nested"]


def time_text(us):
    """1.234s, 1.234ms or 1.234us."""
    if us >= 1e6:
        return f"{us / 1e6:.3f}s"
    return f"{us / 1e3:.3f}ms" if us >= 1e3 else f"{us:.3f}us"


def memory_text(count):
    """Bytes in the largest unit they fill."""
    for power, unit in ((30, "GB"), (20, "MB"), (10, "KB")):
        if abs(count) >= 1 << power:
            return f"{count / (1 << power):.2f} {unit}"
    return f"{count} B"


class _Times:
    """What single events and averages have in common: `count`, and times of all calls."""

    key, count, cpu_time_total, self_cpu_time_total = "", 0, 0.0, 0.0
    cpu_memory_usage = self_cpu_memory_usage = 0
    input_shapes = ""
    # Devices other than the CPU: nothing runs there.
    device_time_total = self_device_time_total = device_time = cuda_time_total = 0.0
    self_cuda_time_total = cuda_time = device_memory_usage = self_device_memory_usage = 0.0

    cpu_time = property(lambda self: self.cpu_time_total / self.count if self.count else 0.0)
    cpu_time_str = property(lambda self: time_text(self.cpu_time))
    cpu_time_total_str = property(lambda self: time_text(self.cpu_time_total))
    self_cpu_time_total_str = property(lambda self: time_text(self.self_cpu_time_total))


class FunctionEvent(_Times):
    """One call: `name`, from `start` to `end` in one thread, inside `cpu_parent`."""

    count = 1

    def __init__(self, name, start, end, thread=0, shapes=(), memory=0, own=0):
        self.id, self.name, self.key, self.thread = 0, name, name, thread
        self.start, self.end, self.input_shapes = start, end, list(shapes)
        self.self_cpu_memory_usage = self.cpu_memory_usage = memory
        self.cpu_parent, self.cpu_children = None, []

    cpu_time_total = property(lambda self: self.end - self.start)
    self_cpu_time_total = property(
        lambda self: self.cpu_time_total - sum(c.cpu_time_total for c in self.cpu_children)
    )

    def __repr__(self):
        children = [child.id for child in self.cpu_children]
        return (
            f"<FunctionEvent id={self.id} name={self.name} cpu_time={self.cpu_time_str} "
            f"start_us={self.start:.3f} end_us={self.end:.3f} cpu_children={children} "
            f"thread={self.thread} input_shapes={self.input_shapes} "
            f"cpu_memory_usage={self.cpu_memory_usage}>"
        )


class FunctionEventAvg(_Times):
    """All calls of one name (and, where asked, of one set of input shapes) together."""

    def __init__(self, key="", shapes=""):
        self.key, self.input_shapes = key, shapes

    def add(self, event):
        self.count += event.count
        self.cpu_time_total += event.cpu_time_total
        self.self_cpu_time_total += event.self_cpu_time_total
        self.cpu_memory_usage += event.cpu_memory_usage
        self.self_cpu_memory_usage += event.self_cpu_memory_usage
        return self

    __iadd__ = add

    def __repr__(self):
        return (
            f"<FunctionEventAvg key={self.key} self_cpu_time={self.self_cpu_time_total_str} "
            f"cpu_time={self.cpu_time_str} input_shapes={self.input_shapes} "
            f"cpu_memory_usage={self.cpu_memory_usage}>"
        )


def nested(events):
    """The events in the order they began, each with its parent and its children."""
    ordered = sorted(events, key=lambda e: (e.start, -e.end))
    open_in = {}
    for number, event in enumerate(ordered, 1):
        event.id, event.cpu_parent, event.cpu_children = number, None, []
        stack = open_in.setdefault(event.thread, [])
        while stack and stack[-1].end < event.end:
            stack.pop()
        if stack:
            event.cpu_parent = stack[-1]
            stack[-1].cpu_children.append(event)
        stack.append(event)
    for event in reversed(ordered):
        if event.cpu_parent is not None:
            event.cpu_parent.cpu_memory_usage += event.cpu_memory_usage
    return ordered


class EventList(list):
    """A list of events or averages; `table()` is its text."""

    def __init__(self, events=(), profile_memory=False, total=None):
        super().__init__(events)
        self._memory, self._total = profile_memory, total

    @property
    def self_cpu_time_total(self):
        """Time in all events, each moment counted once."""
        return self._total if self._total is not None else sum(e.self_cpu_time_total for e in self)

    def key_averages(self, group_by_input_shapes=False, group_by_stack_n=0, **others):
        """One average for each name (and each set of input shapes)."""
        found = {}
        for event in self:
            shapes = str(event.input_shapes) if group_by_input_shapes else ""
            key = (event.key, shapes)
            if key not in found:
                found[key] = FunctionEventAvg(event.key, event.input_shapes if shapes else "")
            found[key].add(event)
        return EventList(found.values(), self._memory, self.self_cpu_time_total)

    def total_average(self):
        """Everything in one average."""
        total = FunctionEventAvg("Total")
        for event in self:
            total.add(event)
        return total

    def table(self, sort_by=None, row_limit=100, max_src_column_width=75,
              max_name_column_width=55, max_shapes_column_width=80, header=None,
              top_level_events_only=False, time_unit=None):  # fmt: skip
        """The events as text, those with most of `sort_by` (an attribute's name) first."""
        rows = list(self)
        if sort_by is not None:
            rows.sort(key=lambda e: getattr(e, sort_by), reverse=True)
        if top_level_events_only:
            rows = [e for e in rows if getattr(e, "cpu_parent", None) is None]
        if not rows:
            return ""
        columns = _columns(rows, self._memory, self.self_cpu_time_total)
        limits = {"Name": max_name_column_width, "Input Shapes": max_shapes_column_width}
        shown = rows if row_limit < 0 else rows[:row_limit]
        widths = [_width(title, text, rows, limits.get(title)) for title, text in columns]
        line = "".join(["-" * width + "  " for width in widths])
        parts = ["=" * len(line), header] if header is not None else []
        parts += [line, _row([title for title, _ in columns], widths), line]
        parts += [_row([text(e) for _, text in columns], widths) for e in shown]
        total = time_text(self.self_cpu_time_total)
        return "\n".join([*parts, line, f"Self CPU time total: {total}", ""])

    def export_chrome_trace(self, path):
        """Not of averages: they have no place in time."""
        raise TypeError("a trace is made of single events: profile.export_chrome_trace(path)")


def _columns(rows, memory, total):
    """(title, event -> text) of each column."""

    def share(us):
        return f"{100 * us / total:.2f}%" if total else "NaN"

    columns = [
        ("Name", lambda e: e.key),
        ("Self CPU %", lambda e: share(e.self_cpu_time_total)),
        ("Self CPU", lambda e: e.self_cpu_time_total_str),
        ("CPU total %", lambda e: share(e.cpu_time_total)),
        ("CPU total", lambda e: e.cpu_time_total_str),
        ("CPU time avg", lambda e: e.cpu_time_str),
    ]
    if memory:
        columns += [("CPU Mem", lambda e: memory_text(e.cpu_memory_usage)),
                    ("Self CPU Mem", lambda e: memory_text(e.self_cpu_memory_usage))]  # fmt: skip
    columns.append(("# of Calls", lambda e: str(e.count)))
    if any(e.input_shapes for e in rows):
        columns.append(("Input Shapes", lambda e: str(e.input_shapes)))
    return columns


def _width(title, text, rows, limit):
    if title not in ("Name", "Input Shapes"):
        return 12
    width = max([len(text(e)) for e in rows]) + 4
    return max(width if limit is None else min(width, limit), len(title))


def _row(texts, widths):
    cut = [t if len(t) <= w else t[: w - 3] + "..." for t, w in zip(texts, widths, strict=True)]
    return "".join([f"{t:>{w}}  " for t, w in zip(cut, widths, strict=True)])
