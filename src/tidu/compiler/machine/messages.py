"""What the process that compiles and the one that asks send to each other: values of `marshal`
behind their length."""

import marshal

__all__ = ["NO_SIGNAL", "receive", "send"]

NO_SIGNAL = 0x4000  # MSG_NOSIGNAL of Linux: that the other end has left is an error, not SIGPIPE

_LENGTH = 8


def send(connection, value):
    data = marshal.dumps(value)
    connection.sendall(len(data).to_bytes(_LENGTH, "little") + data, NO_SIGNAL)


def receive(connection):
    """A value; None where the other end is closed."""
    length = _exactly(connection, _LENGTH)
    data = length and _exactly(connection, int.from_bytes(length, "little"))
    return data and marshal.loads(data)


def _exactly(connection, size):
    data = bytearray()
    while len(data) < size:
        part = connection.recv(min(size - len(data), 1 << 20))
        if not part:
            return None
        data += part
    return bytes(data)
