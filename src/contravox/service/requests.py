"""Around every request: its id, the headers of its answer, its line in the log, its measures."""

import logging
import re
import time
import uuid
from contextlib import suppress
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from contravox.service.logs import log, place_of
from contravox.service.refusals import RefusedError, answer
from contravox.service.service import Service

_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")
"""Of a request, as a proxy before the service may have given it."""

_METHODS = frozenset({"GET", "POST", "DELETE", "HEAD", "OPTIONS", "WEBSOCKET"})

HEADERS = {
    # Of the page; of what is no page it forbids all the same.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src 'self' data: blob:; media-src blob:; worker-src 'self'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
}
"""Of every answer."""


class Requests:
    """Lets a request pass, and notes how it went."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self.app = app
        self.service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass it on."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        identity = given if _ID.fullmatch(given) else uuid.uuid4().hex
        state: dict[str, Any] = scope.setdefault("state", {})
        began, status = time.perf_counter(), 0

        async def told(message: Message) -> None:
            nonlocal status
            if message["type"] in ("http.response.start", "websocket.accept"):
                status = message.get("status", 101)
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = identity
                for name, value in HEADERS.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            elif message["type"] == "websocket.close" and not status:
                status = 403
            await send(message)

        try:
            await self.app(scope, receive, told)
        except Exception as error:
            state["error"], state["refused"] = place_of(error), "unforeseen"
            if scope["type"] == "http" and not status:
                said = f"the service failed: whoever runs it finds {identity} in its log"
                await answer(RefusedError(500, "unforeseen", said))(scope, receive, told)
            if scope["type"] == "websocket":
                with suppress(Exception):
                    await told({"type": "websocket.close", "code": 1011})
        self._note(scope, identity, status, time.perf_counter() - began)

    def _note(self, scope: Scope, identity: str, status: int, seconds: float) -> None:
        state = scope["state"]
        route = getattr(scope.get("route"), "path", "other")
        method = scope.get("method", "WEBSOCKET")
        # Or anybody could make as many series of measures as there are words.
        method = method if method in _METHODS else "other"
        refused = state.get("refused")
        self.service.measures.note_request(route, method, status, seconds, refused)
        told = {"request": identity, "method": method, "route": route, "status": status}
        told |= {"seconds": round(seconds, 4), "key": state.get("by"), "refused": refused}
        told["client"] = (scope.get("client") or ("",))[0]
        if "error" in state:
            told["error"] = state["error"]
        log("request", logging.ERROR if status >= 500 else logging.INFO, **told)
