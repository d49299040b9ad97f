"""The route of a WebSocket that verifies a claim while one speaks: ``/v1/listen``.

The client sends samples, 16 bits, little-endian, one channel, in binary messages of any length; the
text ``end`` ends them. The service sends JSON: a claim of what was heard so far, about twice a
second while there is speech in it and nobody waits for the cores; at the end one of all.

A browser cannot send a header with a WebSocket: it gives its key as a subprotocol.
"""

import asyncio
import time
from dataclasses import asdict
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Query, WebSocket
from fastapi.exceptions import WebSocketRequestValidationError
from starlette.types import Message
from starlette.websockets import WebSocketDisconnect, WebSocketState

from contravox.audio.given import audio_source
from contravox.errors import AudioError, ContravoxError
from contravox.gallery.results import Claim
from contravox.service.guarding import admit, key_of
from contravox.service.logs import place_of
from contravox.service.refusals import RefusedError, refusal_of, refusal_of_fields, told_of
from contravox.service.service import Service, TheService
from contravox.service.tasks import abandon

PROTOCOL = "contravox"
"""Subprotocol that is accepted, where a client offers any."""

KEY_PROTOCOL = "contravox.key."
"""What a subprotocol begins with that is a key."""

STEP = 0.5
"""Seconds of speech between two running answers, where the last took less than half of it."""

IDLE_SECONDS = 30.0
"""After which a client that sends nothing is left."""

BYTES = 2
"""Of a sample."""

_ENDED, _BUSY, _REFUSED = 1000, 1013, 1008
"""Codes to close with."""

router = APIRouter(prefix="/v1")


class Voice:
    """Who speaks, as far as was heard."""

    def __init__(self, service: Service, speaker: str, rate: int) -> None:
        self.service = service
        self.speaker = speaker
        self.rate = rate
        self._heard = bytearray()
        self._next = STEP

    @property
    def seconds(self) -> float:
        """Heard so far."""
        return len(self._heard) / BYTES / self.rate

    @property
    def due(self) -> bool:
        """Whether it is time for a running answer, and nobody waits for the cores."""
        return self.seconds >= self._next and self.service.queue.is_free

    async def find(self) -> None:
        """Raises ContravoxError where nobody of that name is enrolled: no speech is needed."""
        await self.service.work(lambda: self.service.gallery.utterances(self.speaker))

    def hear(self, data: bytes) -> None:
        """Take samples. Raises RefusedError where it becomes too long."""
        longest = self.service.limits.longest
        if self.seconds + len(data) / BYTES / self.rate > longest:
            raise RefusedError(
                413, "recording_too_long", f"longer than {longest:g} s: send end before"
            )
        self._heard += data

    async def claim(self, *, final: bool) -> dict[str, Any]:
        """The answer so far. Raises ContravoxError."""
        began, seconds = time.perf_counter(), self.seconds
        whole = bytes(self._heard[: len(self._heard) // BYTES * BYTES])
        claim = await self.service.work(lambda: self._verify(whole))
        # As much again is left to others.
        self._next = self.seconds + max(STEP, 2 * (time.perf_counter() - began))
        return {"final": final, "seconds": seconds, **asdict(claim)}

    def _verify(self, data: bytes) -> Claim:
        samples = np.frombuffer(data, "<i2").astype(np.int16)
        source = audio_source((samples, self.rate), "recording")
        return self.service.gallery.verify_claim(self.speaker, source)


@router.websocket("/listen")
async def listen(
    websocket: WebSocket,
    service: TheService,
    speaker: str,
    rate: Annotated[int, Query(ge=8_000, le=48_000)] = 16_000,
) -> None:
    """Verify a claim while one speaks."""
    await _accept(websocket)
    try:
        admit(websocket, "verify", key_of(websocket) or _offered_key(websocket))
        with service.listener():
            answer = await _listen(websocket, Voice(service, speaker, rate))
        if answer is not None:
            await websocket.send_json(answer)
            await websocket.close(_ENDED)
    except WebSocketDisconnect:
        return
    except ContravoxError as error:
        await _refuse(websocket, error)


async def refuse_address(websocket: WebSocket, error: Exception) -> None:
    """Tell what is wrong in the address of a WebSocket, which is accepted for that."""
    assert isinstance(error, WebSocketRequestValidationError)
    await _accept(websocket)
    await _refuse(websocket, refusal_of_fields(error))


async def _accept(websocket: WebSocket) -> None:
    offered = websocket.scope.get("subprotocols", [])
    await websocket.accept(subprotocol=PROTOCOL if PROTOCOL in offered else None)


async def _refuse(websocket: WebSocket, error: ContravoxError) -> None:
    refusal = refusal_of(error)
    websocket.state.refused = refusal.kind
    if refusal.status >= 500:
        websocket.state.error = place_of(error)
    if websocket.client_state is WebSocketState.CONNECTED:
        await websocket.send_json(told_of(refusal))
        await websocket.close(_BUSY if refusal.retry_after else _REFUSED)


def _offered_key(websocket: WebSocket) -> str | None:
    offered = websocket.scope.get("subprotocols", [])
    keys = [each for each in offered if each.startswith(KEY_PROTOCOL)]
    return keys[0].removeprefix(KEY_PROTOCOL) if keys else None


async def _listen(websocket: WebSocket, voice: Voice) -> dict[str, Any] | None:
    """Take what comes until the end; the last answer, or None where the client went.

    Raises ContravoxError.
    """
    await voice.find()
    running: asyncio.Task[None] | None = None
    try:
        while True:
            message = await _next(websocket, running)
            if message["type"] == "websocket.disconnect":
                return None
            if message.get("text") == "end":
                break
            voice.hear(message.get("bytes") or b"")
            if running is not None and running.done():
                running.result()
                running = None
            if running is None and voice.due:
                running = asyncio.create_task(_tell(websocket, voice))
        if running is not None:
            await running
        return await voice.claim(final=True)
    finally:
        if running is not None:
            await abandon(running)


async def _next(websocket: WebSocket, running: asyncio.Task[None] | None) -> Message:
    """What comes. What a running answer fails with meanwhile is raised at once.

    Raises ContravoxError.
    """
    coming = asyncio.ensure_future(websocket.receive())
    idle = asyncio.ensure_future(asyncio.sleep(IDLE_SECONDS))
    waited: set[asyncio.Future[Any]] = {coming, idle}
    if running is not None:
        waited.add(running)
    try:
        while True:
            done, waited = await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
            if running in done:
                running.result()
            if coming in done:
                return coming.result()
            if idle in done:
                raise RefusedError(408, "slow", f"nothing was sent for {IDLE_SECONDS:g} s")
    finally:
        await abandon(coming, idle)


async def _tell(websocket: WebSocket, voice: Voice) -> None:
    """Send a running answer, once there is speech in what was heard."""
    try:
        answer = await voice.claim(final=False)
    except AudioError:
        return
    await websocket.send_json(answer)
