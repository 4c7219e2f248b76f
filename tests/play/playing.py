"""A playground that runs in this process, and requests to it, well made or not."""

import json
import socket
import threading
import time
from contextlib import contextmanager

from tidu.play import Limits, Playground
from tidu.play.connections import READING

LIMITS = Limits(seconds=30, grace=8)


@contextmanager
def playground(limits=LIMITS, **options):
    opened = Playground(limits=limits, **options)
    thread = threading.Thread(daemon=True, target=opened.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield opened
    finally:
        opened.shutdown()
        opened.close()
        thread.join()


def spoken(port, data, timeout=10.0):
    """What comes back for bytes sent as they are; b"" for a connection that is only closed."""
    with socket.create_connection(("127.0.0.1", port), timeout) as connection:
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # refused before all was sent
        return received(connection)


def received(connection):
    found = b""
    try:
        while data := connection.recv(65536):
            found += data
    except ConnectionError:
        pass
    return found


def status_of(answer):
    """The status of an answer; 0 for none."""
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/") else 0


def headers_for(server, **changes):
    """The headers of a good request with some changed, or left out where they are None."""
    host = f"127.0.0.1:{server.server_port}"
    good = {
        "Host": host, "Origin": f"http://{host}", "X-Tidu-Token": server.token,
        "Content-Type": "application/json",
    }  # fmt: skip
    changed = {**good, **{name.replace("_", "-"): value for name, value in changes.items()}}
    return {name: value for name, value in changed.items() if value is not None}


def request(server, path, body=b"{}", method="POST", more="", **changes):
    """The bytes of a request; `changes` are of its headers."""
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = headers_for(server, **{"Content_Length": str(len(body)), **changes})
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"{method} {path} HTTP/1.1\r\n{head}{more}\r\n".encode("utf-8", "surrogateescape") + body


def asked(server, path, body):
    """The JSON that answers a good request."""
    start = time.monotonic()
    answer = spoken(server.server_port, request(server, path, body), timeout=60)
    if not answer and time.monotonic() > start + READING:
        # This process was stopped for a while, and its server dropped what had waited for so long.
        answer = spoken(server.server_port, request(server, path, body), timeout=60)
    assert status_of(answer) == 200, answer[:300]
    return json.loads(answer.partition(b"\r\n\r\n")[2])


def got(server, path):
    """(status, body) of a page."""
    head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{server.server_port}\r\n\r\n"
    answer = spoken(server.server_port, head.encode())
    return status_of(answer), answer.partition(b"\r\n\r\n")[2]


def started(server, code):
    return asked(server, "/run", {"code": code})["run"]


def finished(server, name, wait=60):
    """The last report of a run, with all that it printed as `stdout` and `stderr`."""
    report, pieces, limit = {"until": 0, "state": "running"}, [], time.monotonic() + wait
    while report["state"] != "done":
        assert time.monotonic() < limit, report
        question = {"run": name, "from": report["until"], "state": report["state"]}
        report = asked(server, "/state", question)
        pieces += report["pieces"]
    for stream in ("stdout", "stderr"):
        report[stream] = "".join(t for s, t in (*pieces, *report["last"]) if s == stream)
    return report


def ran(server, code):
    return finished(server, started(server, code))
