"""Where no key is needed, pages of other sites must not ask in their visitor's stead.

A browser on this machine reaches the service, and any page that it shows could let it post a form
(CSRF), open a WebSocket, or, once the page's own name is made to lead here (DNS rebinding), read
the answers too. So the service must be asked by a name of this machine, and by a page of its own.
"""

from urllib.parse import SplitResult, urlsplit

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from contravox.service.refusals import RefusedError, answer

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
"""Names by which only this machine is reached."""


class OwnOrigin:
    """Refuses what comes by another host's name or from another origin's page."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass it on, or answer 403."""
        if scope["type"] in ("http", "websocket"):
            refusal = _refusal(HTTPConnection(scope))
            if refusal is not None:
                scope.setdefault("state", {})["refused"] = refusal.kind
                if scope["type"] == "websocket":
                    await send({"type": "websocket.close", "code": 1008})
                else:
                    await answer(refusal)(scope, receive, send)
                return
        await self.app(scope, receive, send)


def _refusal(connection: HTTPConnection) -> RefusedError | None:
    host = connection.headers.get("host", "")
    if _parts(f"//{host}").hostname not in LOOPBACK:
        return RefusedError(403, "host", "without keys the service answers to localhost alone")
    origin = connection.headers.get("origin")
    if origin is not None and _parts(origin).netloc.lower() != host.lower():
        return RefusedError(403, "origin", "without keys only the service's own page may ask")
    return None


def _parts(url: str) -> SplitResult:
    """What an address consists of; of what is none, nothing."""
    try:
        return urlsplit(url)
    except ValueError:
        return urlsplit("")
