"""The playground's server: on this machine alone, for the one who was given its address.

`Handler` reads a request with the standard library's parser, `gate.py` admits it, and one of the
methods named in `ROUTES` answers. All else that is sent out was read when the server was made.
"""

import json
import secrets
import socket
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from socketserver import TCPServer, ThreadingMixIn
from urllib.parse import parse_qs

from ..explain.views.page import asset
from .connections import READING, Connections
from .examples import catalogue
from .gate import Gate, Refused, Route, fields_of
from .limits import Limits
from .run import Runs

__all__ = ["Playground"]

ASSETS = Path(__file__).with_name("assets")
STATIC = {
    "/": ("play.html", "text/html"),
    "/play.css": ("play.css", "text/css"),
    "/play-words.js": ("words.js", "text/javascript"),
    "/editor.js": ("editor.js", "text/javascript"),
    "/play.js": ("play.js", "text/javascript"),
}
SHARED = {"/style.css": ("style.css", "text/css"), "/words.js": ("words.js", "text/javascript")}
ROUTES = {
    **{path: Route("GET", "static") for path in (*STATIC, *SHARED)},
    "/explained": Route("GET", "explained"),
    "/programs": Route("POST", "programs"),
    "/run": Route("POST", "run", (("code", str),)),
    "/state": Route("POST", "state", (("run", str), ("from", int), ("state", str))),
    "/stop": Route("POST", "stop", (("run", str),)),
}
WAIT = 10.0  # seconds that a question for news may wait
LINGER = 1 << 18  # bytes of a refused request that are still taken, so that the refusal is heard

OWN = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "frame-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# The page of a run holds what a program wrote: an origin of its own, and no way to the network.
SHOWN = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; "
    "style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'"
)
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": OWN,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Playground(ThreadingMixIn, HTTPServer):
    """Serves the playground at `address` until `close`; `serve_forever` runs it.

    Args:
        port: where to listen on 127.0.0.1; 0 for any port that is free.
        program: (name, text) of the program to begin with; None for the example.
        search: a folder whose modules the programs may import.
        limits: what one run may use.

    Raises:
        OSError: when the port is taken.

    >>> playground = Playground()
    >>> playground.address.startswith("http://127.0.0.1:")
    True
    >>> playground.close()
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, port=0, program=None, search="", limits=None):
        self.connections = Connections()
        self.runs = Runs(limits or Limits(), search)
        self.token = secrets.token_urlsafe(32)
        self.programs = catalogue(program)
        self.static = {
            **{path: (read(name), kind) for path, (name, kind) in STATIC.items()},
            **{path: (asset(name).encode(), kind) for path, (name, kind) in SHARED.items()},
        }
        super().__init__(("127.0.0.1", port), Handler)
        self.gate = Gate(self.server_port, self.token, ROUTES)

    @property
    def address(self) -> str:
        """What to open. Behind #, so that the token is in no request and no list of referrers."""
        return f"http://127.0.0.1:{self.server_port}/#token={self.token}"

    def close(self) -> None:
        """Ends the run there is and gives the port back."""
        self.runs.close()
        self.server_close()

    def server_bind(self):
        """As HTTPServer's, which asks the network for this machine's name."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]

    # --- connections ------------------------------------------------------------------------------

    def process_request(self, request, client_address):
        if self.connections.enter(request):
            super().process_request(request, client_address)
        else:
            super().shutdown_request(request)

    def shutdown_request(self, request):
        self.connections.leave(request)
        super().shutdown_request(request)

    def service_actions(self):
        self.connections.drop_late()

    def handle_error(self, request, client_address):
        """Connections that break are nobody's mistake."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """One connection, one request."""

    timeout = READING
    server_version, sys_version = "tidu", ""
    default_request_version = "HTTP/1.0"

    def do_GET(self):
        self.answer()

    def do_POST(self):
        self.answer()

    def answer(self):
        try:
            route, length = self.server.gate.admit(self.command, self.path, self.headers)
            body = self.rfile.read(length) if length else b""
            if len(body) < length:
                raise Refused(400, "the body is shorter than it says")
            self.server.connections.answering(self.request)
            values = fields_of(route, body) if route.method == "POST" else []
            getattr(self, "answer_" + route.answer)(*values)
        except Refused as refused:
            self.refuse(refused.status, refused.reason)

    def refuse(self, status, reason):
        self.reply(f"tidu play: {reason}\n".encode(), "text/plain", status)
        self.wfile.flush()
        self.request.shutdown(socket.SHUT_WR)
        self.request.settimeout(0.2)
        left = LINGER
        while left > 0 and (data := self.rfile.read1(min(left, 65536))):
            left -= len(data)

    def send_error(self, code, message=None, explain=None):
        """What the parser of requests refuses."""
        self.close_connection = True
        self.refuse(code, "this request is not understood")

    def reply(self, body, kind, status=200, **headers):
        self.send_response(status)
        for name, value in {**HEADERS, **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def reply_json(self, value):
        self.reply(json.dumps(value, ensure_ascii=False).encode("utf-8"), "application/json")

    def log_message(self, *_):
        """The terminal shows the address, not each request."""

    # --- answers ----------------------------------------------------------------------------------

    def answer_static(self):
        self.reply(*self.server.static[self.path.partition("?")[0]])

    def answer_programs(self):
        self.reply_json(self.server.programs)

    def answer_run(self, code):
        try:
            run = self.server.runs.start(code)
        except (OSError, RuntimeError) as error:
            raise Refused(503, f"the program could not be started: {error}") from None
        self.reply_json({"run": run.name})

    def answer_state(self, name, start, state):
        run = self.server.runs.named(name)
        self.reply_json({"state": "gone"} if run is None else run.report(start, state, WAIT))

    def answer_stop(self, name):
        run = self.server.runs.named(name)
        if run is not None:
            run.stop()
        self.reply_json({"state": "gone" if run is None else run.state})

    def answer_explained(self):
        """The page of the run there is, for who has its key: a frame can send no token."""
        key = parse_qs(self.path.partition("?")[2]).get("key", [""])[0]
        run = self.server.runs.current
        if run is None or run.page is None or not secrets.compare_digest(
            run.key.encode(), key.encode("utf-8", "replace")
        ):  # fmt: skip
            raise Refused(404, "no such page")
        policies = {"Content-Security-Policy": SHOWN, "X-Frame-Options": "SAMEORIGIN"}
        self.reply(run.page, "text/html", **policies)


def read(name):
    return (ASSETS / name).read_bytes()
