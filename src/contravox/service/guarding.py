"""Who may ask for what: looked at before anything of the body is read."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer
from starlette.requests import HTTPConnection

from contravox.service.keys import Scope
from contravox.service.refusals import RefusedError
from contravox.service.service import service_of
from contravox.service.tasks import abandon
from contravox.service.uploads import UploadRequest

BEARER = HTTPBearer(
    auto_error=False,
    description="A key of `contravox keys add`. None is needed where the service listens to its "
    "own machine alone.",
)
"""For the description of the service."""

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


def guarded(scope: Scope) -> type[APIRoute]:
    """The kind of route that asks for a key of that scope, and for a place in the queue."""

    class Guarded(APIRoute):
        def get_route_handler(self) -> Handler:
            handle = super().get_route_handler()

            async def guard(request: Request) -> Response:
                service = service_of(request)
                admit(request, scope, key_of(request))
                with service.queue.place():
                    if request.method != "POST":
                        return await handle(request)
                    upload = UploadRequest(request.scope, request.receive)
                    await upload.read(service.limits)
                    return await while_there(request, handle(upload))

            return guard

    return Guarded


async def while_there(request: Request, work: Coroutine[Any, Any, Response]) -> Response:
    """Do what a client waits for, who has sent all; stop where the client goes.

    What a thread has begun it ends, but what only waits for its turn gives it to others.
    """
    answering = asyncio.ensure_future(work)
    going = asyncio.ensure_future(request.receive())
    try:
        await asyncio.wait({answering, going}, return_when=asyncio.FIRST_COMPLETED)
        if not answering.done():
            raise RefusedError(499, "gone", "the client went away")
        return answering.result()
    finally:
        await abandon(going, answering)


def admit(connection: HTTPConnection, scope: Scope, key: str | None) -> None:
    """Let a client pass who has a key for that, or needs none; note who it is.

    Raises RefusedError.
    """
    keys = service_of(connection).keys
    connection.state.by = None
    if keys is None:
        return
    if key is None:
        raise RefusedError(401, "key_missing", "send a key: Authorization: Bearer KEY")
    known = keys.find(key)
    if known is None:
        raise RefusedError(401, "key_unknown", "the key is not known: ask whoever runs the service")
    connection.state.by = known.name
    if scope not in known.scopes:
        raise RefusedError(403, "scope", f"the key is not for that: it lacks the scope {scope}")


def key_of(connection: HTTPConnection) -> str | None:
    """The key that a request brings."""
    kind, _, key = connection.headers.get("authorization", "").partition(" ")
    return key.strip() if kind.lower() == "bearer" and key.strip() else None
