"""`tidu step`: walk through a recorded run in the terminal, forward and backward, key by key."""

import os
import shutil
import sys

from ...base.lazy import lazy_module
from .reader import Reader, reached
from .terminal import NO_PASS, columns, heading, local_text, shortened

__all__ = ["Walk", "walk"]

termios = lazy_module("termios")
tty = lazy_module("tty")

HELP = {
    "en": "→ n next   ← p back   Home g first   End G last   [ ] call   l 中文   q quit",
    "zh": "→ n 前进   ← p 后退   Home g 最前   End G 最后   [ ] 调用   l English   q 退出",
}
PHASES = {
    "en": {"forward": "forward", "seed": "start", "backward": "backward", "arrive": "into .grad"},
    "zh": {"forward": "前向", "seed": "起点", "backward": "反向", "arrive": "写入 .grad"},
}


class Walk:
    """Where one stands in a document: the call, the step, and the text of the screen."""

    def __init__(self, document, language="en"):
        self.document, self.language = document, language
        self.reader, self.call, self.at = Reader(document), 0, 0
        self.open(0)

    def open(self, call):
        calls = self.document["passes"]
        self.call = max(0, min(call, len(calls) - 1))
        entry = calls[self.call]
        self.entry, self.at = entry, 0
        self.reader.use(entry)
        self.steps = [("forward", id, None) for id in reached(self.document, entry)
                      if self.document["nodes"][id]["kind"] == "op"]  # fmt: skip
        self.steps += [("seed", id, value) for id, value in entry["seeds"]]
        self.steps += [("backward", step["node"], step) for step in entry["steps"]]
        self.steps += [("arrive", a["leaf"], a) for a in entry["arrivals"]]

    def press(self, key):
        """Move by a key; False when it asks to leave."""
        last = len(self.steps) - 1
        if key in ("q", "\x03", "\x1b"):
            return False
        moves = {"n": self.at + 1, " ": self.at + 1, "right": self.at + 1, "p": self.at - 1,
                 "left": self.at - 1, "g": 0, "home": 0, "G": last, "end": last}  # fmt: skip
        if key in moves:
            self.at = max(0, min(moves[key], last))
        elif key in ("]", "["):
            self.open(self.call + (1 if key == "]" else -1))
        elif key == "l":
            self.language = "zh" if self.language == "en" else "en"
        return True

    def screen(self, width=100, height=30):
        """The lines of the screen at this step."""
        said = self.said()
        room = max(4, height - len(said) - 5)
        start = max(0, min(self.at - room // 2, len(self.steps) - room))
        title = heading(self.document, self.entry, self.language)
        lines = [f"{title}    {self.at + 1}/{len(self.steps)}", ""]
        for k in range(start, min(len(self.steps), start + room)):
            mark = "▶" if k == self.at else " "
            text = self.row(k) if k <= self.at else self.row(k, ahead=True)
            lines.append(shortened(f"{mark} {text}", width))
        lines += ["", *[shortened(line, width) for line in said], "", HELP[self.language]]
        return lines

    def row(self, k, ahead=False):
        phase, id, what = self.steps[k]
        word = PHASES[self.language][phase]
        word += " " * (12 - columns(word))
        line = self.reader.line(id)
        where = f"{line}: " if line is not None else ""
        code = self.reader.text(id) or self.reader.forward(id) or self.document["nodes"][id]["op"]
        head = f"{word}{self.reader.label(id):<14} "
        if ahead:
            return head + where + shortened(code, 40)
        return head + self.outcome(phase, id, what)

    def outcome(self, phase, id, what):
        short = self.reader.short
        if phase == "forward":
            return f"= {short(self.reader.value_of(id))}"
        if phase == "seed":
            return f"∇ = {short(what)}"
        if phase == "backward":
            sent = ", ".join([f"{self.reader.label(m['to'])} ← {short(m['value'])}"
                              for m in what["sent"]])  # fmt: skip
            return f"∇ = {short(what['gradient'])}   {sent}"
        before = "None" if what["before"] is None else short(what["before"])
        return f".grad: {before} → {short(what['after'] or what['gradient'])}"

    def said(self):
        """The work of the current step."""
        phase, id, what = self.steps[self.at]
        line, text = self.reader.line(id), self.reader.text(id)
        lines = [f"{line}: {text}"] if line is not None else []
        label = self.reader.label(id)
        if phase == "forward":
            formula = self.reader.forward(id)
            lines.append(f"{label} = {formula} = {self.reader.short(self.reader.value_of(id))}")
            lines += self.reader.defining(id)
        elif phase == "backward":
            lines.append(local_text(self.reader, what))
            for message in what["sent"]:
                target = self.reader.label_in(id, message["to"])
                lines.append(f"∂L/∂{target} += {self.reader.worked_text(what, message)}")
        elif phase == "arrive":
            told = self.document["stories"][self.language]
            if self.call < len(told):
                lines += [s for s in told[self.call] if s.startswith(f"{label}.grad")]
        return lines


ESCAPES = {b"[C": "right", b"[D": "left", b"[H": "home", b"[F": "end", b"OC": "right",
           b"OD": "left", b"OH": "home", b"OF": "end", b"[1~": "home", b"[4~": "end"}  # fmt: skip


def read_key(descriptor):
    """One key from a terminal in raw mode; "" at its end."""
    first = os.read(descriptor, 1)
    if first != b"\x1b":
        return first.decode("utf-8", "replace")
    rest = os.read(descriptor, 2)
    if rest[1:].isdigit():
        rest += os.read(descriptor, 1)
    return ESCAPES.get(rest, "")


def walk(document, language="en"):
    """Show the steps and follow the keys; without a terminal, print them all."""
    if not document["passes"]:
        print(NO_PASS[language])
        return
    steps = Walk(document, language)
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        for k in range(len(steps.steps)):
            print(steps.row(k))
        return
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    try:
        tty.setcbreak(descriptor)
        sys.stdout.write("\x1b[?1049h\x1b[?25l")
        while True:
            show(steps)
            key = read_key(descriptor)
            if key == "" and not sys.stdin.isatty() or not steps.press(key):
                break
    finally:
        sys.stdout.write("\x1b[?25h\x1b[?1049l")
        sys.stdout.flush()
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def show(steps):
    size = shutil.get_terminal_size()
    bold, plain = ("", "") if os.environ.get("NO_COLOR") else ("\x1b[1m", "\x1b[0m")
    lines = [f"{bold}{line}{plain}" if line.startswith("▶") else line
             for line in steps.screen(size.columns, size.lines)]  # fmt: skip
    sys.stdout.write("\x1b[H\x1b[2J" + "\r\n".join(lines))
    sys.stdout.flush()
