"""Which requests are let in: a table of routes, and what each must bring along.

Any web page that a browser shows may send requests to this machine. A request counts only if it
names this server (no name that was made to lead here), comes from the playground's own page, and
brings the token, which only that page was given.
"""

import hmac
import json
import re
from dataclasses import dataclass
from email.message import Message

from .limits import BODY

__all__ = ["Gate", "Refused", "Route", "fields_of"]

ONCE = ("Host", "Origin", "Content-Length", "Content-Type", "X-Tidu-Token")


class Refused(Exception):
    """A request that is not answered; `status` is HTTP's."""

    def __init__(self, status: int, reason: str):
        super().__init__(reason)
        self.status, self.reason = status, reason


@dataclass(frozen=True)
class Route:
    """One path: its method, and for requests with a body the fields and their types."""

    method: str
    answer: str  # the name of what answers
    fields: tuple[tuple[str, type], ...] = ()


class Gate:
    """Checks a request before any of its body is read."""

    def __init__(self, port: int, token: str, routes: dict[str, Route]):
        self.hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}
        self.token, self.routes = token, routes

    def admit(self, method: str, target: str, headers: Message) -> tuple[Route, int]:
        """The route of a request and the length of its body; raises Refused."""
        for name in ONCE:
            if len(headers.get_all(name, [])) > 1:
                raise Refused(400, f"{name} twice")
        if headers.get("Host", "") not in self.hosts:
            raise Refused(403, "another host's name; open the address that tidu play printed")
        origin = headers.get("Origin")
        if origin is not None and origin != f"http://{headers['Host']}":
            raise Refused(403, "another origin")
        if "Upgrade" in headers or "Transfer-Encoding" in headers:
            raise Refused(400, "no other protocol, no body in parts")
        # The target is compared, never taken apart: no path leads to a file.
        route = self.routes.get(target.partition("?")[0])
        if route is None:
            raise Refused(404, "no such page")
        if route.method != method:
            raise Refused(405, f"this takes {route.method}")
        return route, self._body(headers, origin) if method == "POST" else no_body(headers)

    def _body(self, headers, origin):
        """The length of the body of a request that may change something."""
        if origin is None:
            raise Refused(403, "no origin")
        given = headers.get("X-Tidu-Token", "")
        if not hmac.compare_digest(given.encode("utf-8", "replace"), self.token.encode()):
            raise Refused(403, "no token, or a wrong one; open the address that tidu play printed")
        if headers.get("Content-Type") != "application/json":
            raise Refused(415, "only application/json")
        length = headers.get("Content-Length", "")
        if not re.fullmatch(r"[0-9]{1,12}", length, re.ASCII):
            raise Refused(411, "Content-Length must be a number")
        if int(length) > BODY:
            raise Refused(413, f"more than {BODY} bytes")
        return int(length)


def no_body(headers):
    if headers.get("Content-Length", "0") != "0":
        raise Refused(400, "no body here")
    return 0


def fields_of(route: Route, body: bytes) -> list:
    """The values of a JSON object that has exactly the route's fields; raises Refused."""
    try:
        found = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError):
        raise Refused(400, "not JSON") from None
    names = [name for name, _ in route.fields]
    if not isinstance(found, dict) or set(found) != set(names):
        raise Refused(400, f"expected the fields {names}")
    for name, kind in route.fields:
        value = found[name]
        if type(value) is not kind or not encodable(value):
            raise Refused(400, f"{name} must be {kind.__name__}")
    return [found[name] for name in names]


def encodable(value):
    """Whether a text has no half of a character (JSON can hold one, a file cannot)."""
    try:
        return not isinstance(value, str) or bool(value.encode("utf-8") or True)
    except UnicodeEncodeError:
        return False
