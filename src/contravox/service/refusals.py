"""What the service answers to what it cannot do: a status, a kind for programs, a line for people.

Nothing of the server itself is told: no path, no address of a database.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError, ValidationException
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from contravox.errors import (
    AudioError,
    ContravoxError,
    GalleryUnavailableError,
    ModelError,
    OutlierError,
    RecordingTooLongError,
    ScoringError,
    SpeakerNameError,
    UnknownSpeakerError,
    brief,
)
from contravox.service.logs import place_of
from contravox.terminal.messages import printable

AGAIN = 2
"""Seconds after which to try again where nothing tells how long it takes."""


class Fault(BaseModel):
    """Why a request was not done. kind: for programs; message: for people, one line.

    outliers: where the kind is that, the recordings that do not sound like the others.
    """

    kind: str
    message: str
    outliers: list[dict[str, Any]] | None = None


class Refused(BaseModel):
    """The answer to a request that was not done."""

    error: Fault


class RefusedError(ContravoxError):
    """Raised by the service itself. retry_after: seconds, where it helps to wait."""

    def __init__(
        self, status: int, kind: str, message: str, retry_after: int | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.kind, self.retry_after = status, kind, retry_after


REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": Refused, "description": described}
    for status, described in {
        400: "The request cannot be read, or is none that this host takes.",
        401: "No key was sent, or none that is known.",
        403: "The key is not for that, or another site's page asks.",
        404: "Nobody of that name is enrolled.",
        408: "The request took too long to arrive.",
        409: "Recordings that do not sound like one speaker. Nothing was stored.",
        413: "The request, or a recording, is larger or longer than is taken.",
        415: "The body is no form with files (multipart/form-data).",
        422: "A field is missing or wrong, or a recording cannot be decided by.",
        429: "Too many wait. Try again after the seconds of the header Retry-After.",
        503: "The gallery does not answer. Try again after the seconds of Retry-After.",
    }.items()
}
"""For the description of the service."""

_KINDS: dict[type[ContravoxError], tuple[int, str]] = {
    UnknownSpeakerError: (404, "unknown_speaker"),
    SpeakerNameError: (422, "speaker_name"),
    OutlierError: (409, "outliers"),
    GalleryUnavailableError: (503, "gallery_unavailable"),
    RecordingTooLongError: (413, "recording_too_long"),
    AudioError: (422, "recording"),
    # What the model cannot embed is a recording's fault: a model that cannot embed is not started.
    ModelError: (422, "recording"),
    ScoringError: (422, "decision"),
}
"""The first that an error is an instance of."""

_STATUSES = {
    400: "bad_request",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
}
"""Kinds of what the framework refuses by itself."""

_OPTION = re.compile(r"--([a-z]+(?:-[a-z]+)*)")
"""An option of the command line, which is a field here."""


def told_of(refusal: RefusedError, **more: Any) -> dict[str, Any]:
    """What to tell of it, as JSON."""
    fault = Fault(kind=refusal.kind, message=_line(str(refusal)), **more)
    return Refused(error=fault).model_dump(exclude_none=True)


def answer(refusal: RefusedError, **more: Any) -> JSONResponse:
    """The response to a refused request."""
    headers: dict[str, str] = {}
    if refusal.retry_after is not None:
        headers["Retry-After"] = str(refusal.retry_after)
    if refusal.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(told_of(refusal, **more), refusal.status, headers)


def refusal_of(error: ContravoxError) -> RefusedError:
    """What to tell a client of an error."""
    if isinstance(error, RefusedError):
        return error
    for known, (status, kind) in _KINDS.items():
        if isinstance(error, known):
            return RefusedError(status, kind, _told(error), AGAIN if status == 503 else None)
    return RefusedError(
        500, "service", "the service cannot do that: whoever runs it finds why in its log"
    )


async def refuse(request: Request, error: Exception) -> JSONResponse:
    """Answer a ContravoxError."""
    assert isinstance(error, ContravoxError)
    refusal = refusal_of(error)
    request.state.refused = refusal.kind
    if refusal.status >= 500:
        # Now: once this has answered, the framework takes the places out of the error.
        request.state.error = place_of(error)
    if isinstance(error, OutlierError):
        outliers: list[Any] = list(error.outliers)
        return answer(refusal, outliers=[asdict(each) for each in outliers])
    return answer(refusal)


async def refuse_fields(request: Request, error: Exception) -> JSONResponse:
    """Answer what FastAPI finds wrong with the fields of a request."""
    assert isinstance(error, RequestValidationError)
    refusal = refusal_of_fields(error)
    request.state.refused = refusal.kind
    return answer(refusal)


def refusal_of_fields(error: ValidationException) -> RefusedError:
    """What to tell a client of the first field that is wrong."""
    mistake = error.errors()[0]
    place = ".".join(str(each) for each in mistake["loc"][1:]) or "the request"
    said = str(mistake["msg"]).removeprefix("Value error, ")
    if "UploadFile" in said:
        said = "a file is needed"
    return RefusedError(422, "field", f"{brief(place, 60)}: {said[:1].lower()}{said[1:]}")


async def refuse_request(request: Request, error: Exception) -> JSONResponse:
    """Answer what the framework refuses by itself."""
    assert isinstance(error, HTTPException)
    kind = _STATUSES.get(error.status_code, "bad_request")
    request.state.refused = kind
    response = answer(RefusedError(error.status_code, kind, str(error.detail).lower()))
    headers: Mapping[str, str] = error.headers or {}
    response.headers.update(headers)
    return response


def _told(error: ContravoxError) -> str:
    """The message for a client: what names the server's own places is said anew."""
    if isinstance(error, UnknownSpeakerError):
        return "nobody of that name is enrolled"
    if isinstance(error, GalleryUnavailableError):
        return "the gallery does not answer now: try again"
    return _OPTION.sub(lambda option: option[1].replace("-", "_"), str(error))


def _line(message: str) -> str:
    return printable(brief(message, 400))
