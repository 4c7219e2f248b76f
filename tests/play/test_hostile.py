"""Requests that no page of the playground makes: all refused, nothing run, the server alive."""

import random
import socket
import threading
import time

import pytest
from playing import asked, playground, request, spoken, status_of

from tidu.play.connections import PLACES, Connections
from tidu.play.limits import BODY

RUN = {"code": "import os; os.makedirs('never')"}


@pytest.fixture(scope="module")
def server():
    with playground() as opened:
        yield opened


@pytest.fixture(autouse=True)
def nothing_ran(server):
    yield
    assert server.runs.current is None
    assert asked(server, "/programs", {})


def get(target, host="127.0.0.1:PORT", more=""):
    return f"GET {target} HTTP/1.1\r\nHost: {host}\r\n{more}\r\n"


def run(server, **changes):
    return request(server, "/run", RUN, **changes)


def rebound(server):
    """As a browser sends it whose name service was deceived: to itself, it is all one origin."""
    host = f"evil.example:{server.server_port}"
    return run(server, Host=host, Origin=f"http://{host}")


WEBSOCKET = (
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
# name: (the request, its status)
HOSTILE = {
    "foreign host": (lambda s: run(s, Host="evil.example"), 403),
    "foreign host, the right port": (lambda s: run(s, Host=f"evil.example:{s.server_port}"), 403),
    "a name made to lead here": (lambda s: rebound(s), 403),
    "a name made to lead here, a page": (lambda s: get("/", "evil.example:PORT"), 403),
    "a host that begins as this one": (lambda s: run(s, Host="127.0.0.1.evil.example"), 403),
    "another port": (lambda s: run(s, Host="127.0.0.1:1"), 403),
    "no port": (lambda s: run(s, Host="127.0.0.1"), 403),
    "no host": (lambda s: run(s, Host=None), 403),
    "two hosts": (lambda s: run(s, more="Host: evil.example\r\n"), 400),
    "all addresses": (lambda s: run(s, Host=f"0.0.0.0:{s.server_port}"), 403),
    "a user in the host": (lambda s: run(s, Host=f"a@127.0.0.1:{s.server_port}"), 403),
    "null origin": (lambda s: run(s, Origin="null"), 403),
    "foreign origin": (lambda s: run(s, Origin="http://evil.example"), 403),
    "origin of another port": (lambda s: run(s, Origin="http://127.0.0.1:1"), 403),
    "origin by https": (lambda s: run(s, Origin=f"https://127.0.0.1:{s.server_port}"), 403),
    "origin of the other name": (lambda s: run(s, Origin=f"http://localhost:{s.server_port}"), 403),
    "no origin": (lambda s: run(s, Origin=None), 403),
    "two origins": (lambda s: run(s, more="Origin: http://evil.example\r\n"), 400),
    "no token": (lambda s: run(s, X_Tidu_Token=None), 403),
    "wrong token": (lambda s: run(s, X_Tidu_Token="A" * 43), 403),
    "empty token": (lambda s: run(s, X_Tidu_Token=""), 403),
    "half of the token": (lambda s: run(s, X_Tidu_Token=s.token[:20]), 403),
    "token and more": (lambda s: run(s, X_Tidu_Token=s.token + "A"), 403),
    "token of other letters": (lambda s: run(s, X_Tidu_Token="é" * 43), 403),
    "two tokens": (lambda s: run(s, more="X-Tidu-Token: A\r\n"), 400),
    "token as a cookie": (lambda s: run(s, X_Tidu_Token=None, Cookie=f"token={s.token}"), 403),
    "token in the address": (lambda s: request(s, f"/run?token={s.token}", RUN, X_Tidu_Token=None),
                             403),
    "plain text": (lambda s: run(s, Content_Type="text/plain"), 415),
    "a form": (lambda s: run(s, Content_Type="application/x-www-form-urlencoded"), 415),
    "parts of a form": (lambda s: run(s, Content_Type="multipart/form-data; boundary=x"), 415),
    "no type": (lambda s: run(s, Content_Type=None), 415),
    "text that says JSON": (lambda s: run(s, Content_Type="text/plain; application/json"), 415),
    "two types": (lambda s: run(s, more="Content-Type: text/plain\r\n"), 400),
    "websocket": (lambda s: get("/", more=WEBSOCKET), 400),
    "websocket, foreign": (lambda s: get("/state", more=WEBSOCKET + "Origin: http://evil\r\n"),
                           403),
    "websocket, POST": (lambda s: run(s, more=WEBSOCKET), 400),
    "preflight": (lambda s: request(s, "/run", b"", "OPTIONS", Origin="http://evil.example",
                                    Access_Control_Request_Method="POST"), 501),
    "run by GET": (lambda s: get("/run?code=1"), 405),
    "page by POST": (lambda s: request(s, "/", {}), 405),
    "another method": (lambda s: request(s, "/run", RUN, "PUT"), 501),
    "a method that names a function": (lambda s: request(s, "/run", RUN, "__class__"), 501),
    "up": (lambda s: get("/../../etc/passwd"), 404),
    "up, in code": (lambda s: get("/%2e%2e/%2e%2e/etc/passwd"), 404),
    "up, in code twice": (lambda s: get("/%252e%252e/etc/passwd"), 404),
    "up, with the other stroke": (lambda s: get("/..\\..\\etc\\passwd"), 404),
    "up from an asset": (lambda s: get("/play.css/../server.py"), 404),
    "no stroke": (lambda s: get("etc/passwd"), 404),
    "two strokes": (lambda s: get("//etc/passwd"), 404),
    "a file of the server": (lambda s: get("/server.py"), 404),
    "a file of the assets under its own name": (lambda s: get("/play.html"), 404),
    "a whole address": (lambda s: get("http://evil.example/"), 404),
    "a whole address of a file": (lambda s: get("file:///etc/passwd"), 404),
    "a zero byte": (lambda s: get("/\0"), 404),
    "the page of no run": (lambda s: get("/explained?key="), 404),
    "the page of a guess": (lambda s: get("/explained?key=" + "A" * 43), 404),
    "100 MB": (lambda s: run(s, Content_Length=str(100_000_000)), 413),
    "one byte too many": (lambda s: run(s, Content_Length=str(BODY + 1)), 413),
    "a length of many digits": (lambda s: run(s, Content_Length="9" * 300), 411),
    "negative length": (lambda s: run(s, Content_Length="-1"), 411),
    "a length with a sign": (lambda s: run(s, Content_Length="+5"), 411),
    "a length in hexadecimal": (lambda s: run(s, Content_Length="0x10"), 411),
    "a length in other digits": (lambda s: run(s, Content_Length="१"), 411),
    "no length": (lambda s: run(s, Content_Length=None), 411),
    "two lengths": (lambda s: run(s, more="Content-Length: 1\r\n"), 400),
    "a list of lengths": (lambda s: run(s, Content_Length="1, 1"), 411),
    "in parts": (lambda s: run(s, Transfer_Encoding="chunked"), 400),
    "in parts, without a length": (lambda s: run(s, Transfer_Encoding="chunked",
                                                 Content_Length=None), 400),
    "packed and in parts": (lambda s: run(s, Transfer_Encoding="gzip, chunked"), 400),
    "a body shorter than it says": (lambda s: run(s, Content_Length="200"), 400),
    "a page with a body": (lambda s: request(s, "/", b"GET /run HTTP/1.1", "GET"), 400),
    "no JSON": (lambda s: request(s, "/run", b"code=1"), 400),
    "no object": (lambda s: request(s, "/run", b"[]"), 400),
    "a deep list": (lambda s: request(s, "/run", b"[" * 200_000), 400),
    "a long number": (lambda s: request(s, "/run", b"9" * 5000), 400),
    "no text of any language": (lambda s: request(s, "/run", b'{"code": "\xff"}'), 400),
    "half a character": (lambda s: request(s, "/run", b'{"code": "\\ud800"}'), 400),
    "a number for a text": (lambda s: request(s, "/run", {"code": 1}), 400),
    "a truth for a number": (lambda s: request(s, "/state", {"run": "", "from": True, "state": ""}),
                             400),
    "a field too many": (lambda s: request(s, "/run", {**RUN, "file": "/etc/passwd"}), 400),
    "a field too few": (lambda s: request(s, "/run", {}), 400),
    "no request": (lambda s: b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 20 + b"\r\n", 400),
    "an old request": (lambda s: b"GET /programs\r\n\r\n", 403),
    "a version of no use": (lambda s: b"GET / HTTP/9.9\r\n\r\n", 505),
    "a long first line": (lambda s: b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n", 414),
    "a long header": (lambda s: get("/", more="X: " + "a" * 70_000 + "\r\n"), 431),
    "many headers": (lambda s: get("/", more="X: a\r\n" * 200), 431),
    "a header over two lines": (lambda s: get("/", "evil\r\n 127.0.0.1:PORT"), 403),
}  # fmt: skip


def test_there_are_enough():
    assert len(HOSTILE) >= 60


@pytest.mark.parametrize("name", HOSTILE)
def test_refused(server, name):
    make, status = HOSTILE[name]
    data = make(server)
    data = data.encode() if isinstance(data, str) else data
    answer = spoken(server.server_port, data.replace(b"PORT", str(server.server_port).encode()))
    assert status_of(answer) == status, answer[:400]
    head = answer.partition(b"\r\n\r\n")[0].lower()
    assert b"access-control" not in head and b"set-cookie" not in head
    assert b"x-frame-options: deny" in head and b"default-src 'none'" in head
    assert b"evil" not in answer and server.token.encode() not in answer


def test_a_hundred_million_bytes_are_not_read(server):
    sent = 0
    with socket.create_connection(("127.0.0.1", server.server_port), 10) as connection:
        connection.sendall(request(server, "/run", b"", Content_Length="100000000"))
        try:
            while sent < 100_000_000:
                connection.sendall(b"a" * 65536)
                sent += 65536
        except OSError:
            pass
    assert sent < 20_000_000  # what fits into the machine's own buffers


def test_listens_on_this_machine_only(server):
    assert server.socket.getsockname()[0] == "127.0.0.1"
    others = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}
    for address in others - {"127.0.0.1"}:
        with pytest.raises(OSError):
            socket.create_connection((address, server.server_port), 1).close()


def test_what_needs_no_token_is_the_same_for_all(server):
    """The pages without a token hold nothing of this user or this run."""
    with playground(program=("secret.py", "password = 'hunter2'")) as other:
        for path in server.static:
            assert server.static[path] == other.static[path]
        data = b"".join(body for body, _ in other.static.values())
        assert b"hunter2" not in data and other.token.encode() not in data


# --- slow ones and many --------------------------------------------------------------------------


def test_two_hundred_slow_connections(server):
    """Each sends a byte now and then; a good request is answered all the while."""
    slow = [socket.create_connection(("127.0.0.1", server.server_port), 10) for _ in range(200)]
    try:
        times = []
        for turn in range(12):
            for connection in slow:
                try:
                    connection.sendall(b"GET / HTTP/1.1\r\nHost: 127"[turn : turn + 1])
                except OSError:
                    pass  # it had to make room
            start = time.monotonic()
            assert asked(server, "/programs", {})
            times.append(time.monotonic() - start)
        assert sorted(times)[-3] < 3, times  # the machine may stop this process now and then
        assert len(server.connections.entries) <= PLACES
        assert sum("process_request_thread" in t.name for t in threading.enumerate()) <= PLACES + 2
    finally:
        for connection in slow:
            connection.close()


@pytest.mark.slow
@pytest.mark.parametrize("begin", [b"", b"G", b"GET / HTTP/1.1\r\n", None])
def test_a_slow_request_has_five_seconds(server, begin):
    """Not five seconds for each byte: for all of it, a body too."""
    begin = request(server, "/run", b"", Content_Length="1000") if begin is None else begin
    turns = 0  # not seconds: the machine may stop this process for some
    with socket.create_connection(("127.0.0.1", server.server_port), 20) as connection:
        try:
            connection.sendall(begin)
            for _ in range(30):
                time.sleep(0.5)
                connection.sendall(b"a")
                turns += 1
        except OSError:
            pass
    assert turns < 20


def test_the_oldest_that_waits_makes_room_and_no_answer_is_cut():
    held = [socket.socketpair() for _ in range(4)]
    ends = [pair[0] for pair in held]
    connections = Connections(places=3)
    assert all(connections.enter(end) for end in ends[:3])
    connections.answering(ends[0])
    leaving = [lambda end=end: (end.recv(1), connections.leave(end)) for end in ends[1:3]]
    threads = [threading.Thread(daemon=True, target=leave) for leave in leaving]
    for thread in threads:
        thread.start()
    assert connections.enter(ends[3])
    assert ends[0] in connections.entries and ends[1] not in connections.entries
    connections.answering(ends[2])
    connections.answering(ends[3])
    full = Connections(places=0)
    assert not full.enter(ends[0])
    extra = socket.socketpair()
    assert not connections.enter(extra[0])  # all are being answered
    for _, other in [*held, extra]:
        other.close()
    for thread in threads:
        thread.join()
    for one, _ in [*held, extra]:
        one.close()


# --- requests at random --------------------------------------------------------------------------

WORDS = [
    b"GET", b"POST", b"HEAD", b"/", b"/run", b"/state", b"/stop", b"/explained?key=", b"/..",
    b"%2e", b"\\", b" ", b"HTTP/1.1", b"HTTP/0.9", b"\r\n", b"\n", b"\r", b"\0", b"Host: ", b":",
    b"127.0.0.1",
    b"Origin: ", b"null", b"http://", b"evil.example", b"X-Tidu-Token: ", b"Content-Type: ",
    b"application/json", b"text/plain", b"Content-Length: ", b"-1", b"0", b"99999999999",
    b"Transfer-Encoding: chunked", b"Upgrade: websocket", b"Expect: 100-continue", b"\xff\xfe",
    b"{", b'{"code": "1"}', b"[", b"\xe4\xb8\xad", b"A" * 300,
]  # fmt: skip


def random_request(draw, server):
    """Words in any order, or a good request of which some bytes are others."""
    if draw.random() < 0.4:
        return b"".join(draw.choices(WORDS, k=draw.randrange(1, 40)))
    path = draw.choice(["/run", "/state", "/stop", "/programs", "/", "/explained"])
    method = draw.choice(["POST", "GET"])
    # The right token never where something is run: whatever becomes of the rest, nothing may be.
    token = server.token[::-1] if path == "/run" else server.token
    question = {"run": "", "from": 0, "state": ""} if path == "/state" else RUN
    data = bytearray(request(server, path, question, method, X_Tidu_Token=token))
    for _ in range(draw.randrange(6)):
        where = draw.randrange(len(data) + 1)
        kind = draw.randrange(4)
        if kind == 0 and where < len(data):
            data[where] = draw.randrange(256)
        elif kind == 1:
            data[where:where] = draw.choice(WORDS)
        elif kind == 2:
            del data[where : where + draw.randrange(1, 20)]
        else:
            data[where:where] = data[draw.randrange(len(data) + 1) :][:50]
    return bytes(data)


def fuzz(server, count, seed=0):
    """How often each status came back."""
    draw, found = random.Random(seed), {}
    for _ in range(count):
        answer = spoken(server.server_port, random_request(draw, server))
        status = status_of(answer)
        found[status] = found.get(status, 0) + 1
        body = answer.partition(b"\r\n\r\n")[2]
        known = [*(body for body, _ in server.static.values()), b'{"state": "gone"}']
        good = body in known or body.startswith(b'[{"name": "start"')
        assert status >= 400 or status == 0 or good, answer[:400]
        assert server.runs.current is None
    return found


def test_random_requests(server):
    found = fuzz(server, 300)
    assert len(found) > 5 and 500 not in found, found
