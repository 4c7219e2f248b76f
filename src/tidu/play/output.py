"""What a run printed: the beginning and the end of it, whatever its length."""

import codecs
from collections import deque

__all__ = ["Output"]


class Output:
    """Text of standard output and standard error in the order in which it came.

    The first `head` characters are kept and the last `tail`; what lies between is counted.
    """

    def __init__(self, head: int, tail: int):
        self.head, self.tail = head, tail
        self.count = 0  # characters in `first`
        self.skipped = 0
        self.first: list[list[str]] = []  # [stream, text], neighbours of different streams
        self.last: deque[list[str]] = deque()
        self._last_count = 0
        decoder = codecs.getincrementaldecoder("utf-8")
        self._decoders = {stream: decoder("replace") for stream in ("stdout", "stderr")}

    def add(self, stream: str, data: bytes, final=False) -> None:
        """Bytes from a stream; a character may be cut in two."""
        text = self._decoders[stream].decode(data, final)
        room = self.head - self.count
        if text[:room] and room > 0:
            append(self.first, stream, text[:room])
            self.count += len(text[:room])
            text = text[room:]
        if text:
            append(self.last, stream, text)
            self._last_count += len(text)
            self._forget()

    def _forget(self):
        """Drops from the front what is more than the tail."""
        over = self._last_count - self.tail
        while over > 0:
            stream, text = self.last[0]
            if len(text) <= over:
                self.last.popleft()
            else:
                self.last[0] = [stream, text[over:]]
            gone = min(over, len(text))
            self.skipped += gone
            self._last_count -= gone
            over -= gone

    def since(self, start: int) -> list[list[str]]:
        """The pieces of the beginning after its first `start` characters."""
        found, place = [], 0
        for stream, text in self.first:
            if place + len(text) > start:
                found.append([stream, text[max(0, start - place) :]])
            place += len(text)
        return found

    def text(self, stream: str) -> str:
        """All that is kept of one stream."""
        return "".join(text for name, text in (*self.first, *self.last) if name == stream)


def append(pieces, stream, text):
    """Joins what one stream says in a row, in pieces of some size: long ones are slow to extend."""
    if pieces and pieces[-1][0] == stream and len(pieces[-1][1]) < 4096:
        pieces[-1][1] += text
    else:
        pieces.append([stream, text])
