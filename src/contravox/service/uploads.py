"""Forms with recordings, read into memory within limits: no voice of anybody lies in a file."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from fastapi import Request, UploadFile
from starlette.datastructures import FormData
from starlette.formparsers import MultiPartException, MultiPartParser

from contravox.audio.audio_file import AudioBytes
from contravox.service.limits import LONGEST_FIELD, MOST_FIELDS, UPLOAD_SECONDS, Limits
from contravox.service.refusals import RefusedError

_FORM = "multipart/form-data"


class UploadRequest(Request):
    """A request of which the form is read before it is asked for."""

    _read = FormData()

    async def read(self, limits: Limits) -> None:
        """Read the form. Raises RefusedError."""
        kind = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != _FORM:
            raise RefusedError(415, "media_type", f"send a form with files: {_FORM}")
        # It is believed only where it says that there is too much.
        length = self.headers.get("content-length", "0")
        if length.isdecimal() and int(length[:20]) > limits.largest:
            raise _too_large(limits)
        parser = _InMemory(
            self.headers,
            self._limited(limits),  # type: ignore[arg-type]
            max_files=limits.most_recordings,
            max_fields=MOST_FIELDS,
            max_part_size=LONGEST_FIELD,
        )
        try:
            async with asyncio.timeout(UPLOAD_SECONDS):
                read = await parser.parse()
        except TimeoutError as error:
            said = f"the request did not arrive within {UPLOAD_SECONDS:g} s: send less"
            raise RefusedError(408, "slow", said) from error
        except MultiPartException as error:
            raise _of_form(error.message, limits) from error
        except ValueError as error:
            # Codecs of Python that decode no text, whatever it is, may be named as its charset.
            said = "the form cannot be read: send it without a charset, as UTF-8"
            raise RefusedError(400, "form", said) from error
        if not parser.ended:
            said = "the form ends before its closing boundary: send it whole"
            raise RefusedError(400, "form", said)
        self._read = read

    async def _limited(self, limits: Limits) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in self.stream():
            size += len(chunk)
            if size > limits.largest:
                raise _too_large(limits)
            yield chunk

    async def form(self, **_: Any) -> FormData:  # type: ignore[override]
        """What was read."""
        return self._read


class _InMemory(MultiPartParser):
    # A request is limited as a whole.
    spool_max_size = 2**62

    ended = False
    """Whether the closing boundary came: what is cut off before it parses like what is whole."""

    def on_end(self) -> None:
        """Note it."""
        self.ended = True


async def recording_of(upload: UploadFile, name: str, limits: Limits) -> AudioBytes:
    """A file of a form as a recording. name: what to call it; the client's is not asked."""
    return AudioBytes(await upload.read(), name, limits.longest)


def _too_large(limits: Limits) -> RefusedError:
    return RefusedError(
        413, "too_large", f"larger than {limits.largest:,} bytes: send less at a time"
    )


def _of_form(said: str, limits: Limits) -> RefusedError:
    if said.startswith("Too many files"):
        most = limits.most_recordings
        return RefusedError(413, "too_many", f"more than {most} files: send fewer at a time")
    if said.startswith(("Part exceeded", "Field exceeded")):
        return RefusedError(413, "too_large", f"a field longer than {LONGEST_FIELD:,} bytes")
    return RefusedError(400, "form", f"the form cannot be read ({said.lower().rstrip('.')})")
