"""The connections that are open: a bounded number, each for a bounded time.

A connection that has not sent its request yet makes room for a new one when all places are taken,
the oldest first: many that send slowly, or nothing, keep nobody out.
"""

import socket
import threading
from dataclasses import dataclass, field
from time import monotonic

__all__ = ["Connections"]

PLACES = 32
READING, ANSWERING = 5.0, 40.0  # seconds for all of a request, for all of an answer


@dataclass
class Entry:
    """One connection; `answering` once its request has come as a whole."""

    until: float = field(default_factory=lambda: monotonic() + READING)
    answering: bool = False
    dropped: bool = False


class Connections:
    """Who has a place, and until when."""

    def __init__(self, places: int = PLACES):
        self.places = places
        self.entries: dict[socket.socket, Entry] = {}  # the oldest first
        self.changed = threading.Condition()

    def enter(self, connection: socket.socket) -> bool:
        """Takes a place, if need be that of the oldest which is still sending its request."""
        with self.changed:
            if len(self.entries) >= self.places and not self._make_room():
                return False
            self.entries[connection] = Entry()
            return True

    def _make_room(self):
        for connection, entry in self.entries.items():
            if not entry.answering:
                self._drop(connection, entry)
                # Its thread wakes up, and leaves.
                return self.changed.wait_for(lambda: len(self.entries) < self.places, 1.0)
        return False

    def answering(self, connection: socket.socket) -> None:
        """Its request has come as a whole: it is safe from being dropped while it is answered."""
        with self.changed:
            entry = self.entries.get(connection)
            if entry is not None and not entry.dropped:
                entry.answering, entry.until = True, monotonic() + ANSWERING

    def leave(self, connection: socket.socket) -> None:
        with self.changed:
            self.entries.pop(connection, None)
            self.changed.notify_all()

    def drop_late(self) -> None:
        """Ends the connections whose time is over."""
        now = monotonic()
        with self.changed:
            for connection, entry in self.entries.items():
                if now > entry.until:
                    self._drop(connection, entry)

    def _drop(self, connection, entry):
        """Ends what its thread waits for; the thread itself closes the connection."""
        entry.dropped = True
        try:
            connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
