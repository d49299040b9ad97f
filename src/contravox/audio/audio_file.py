"""A recording's file, opened with care: what it is, and what its header may be wrong about."""

import io
import mmap
import os
import re
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from contravox.audio.containers import holds_another, unfinished_wav
from contravox.audio.library_notes import without_notes
from contravox.audio.storage import Location, open_regular, read_bytes
from contravox.errors import AudioError, AudioWarning, RecordingTooLongError

LOWEST_RATE, HIGHEST_RATE = 4_000, 768_000
"""Samples per second that a recording of speech may have: below, there is too little of a voice."""

DENSEST = 2 * 48_000
"""Samples of a second, over all channels, above which a recording that has a limit may be only
shorter: a second of 8 channels at 768 kHz would take 25 MB of memory."""

RAW_RATE = 16_000
"""Samples per second of what has no header."""

BLOCK = 1 << 22
"""Samples, over all channels, that are decoded at a time: 16 MB."""

UNKNOWN = 1 << 62
"""Frames from which on libsndfile says that a header does not tell how many there are."""

_NEVER_MPEG = re.compile(
    # PCM, float, A-law and mu-law.
    rb"RIFF....WAVEfmt ....[\x01\x03\x06\x07]\x00|fLaC|OggS|FORM|\.snd|NIST",
    re.DOTALL,
)
"""What begins a file that libsndfile does not leave to libmpg123, unless it ends in ``.mp3``."""


@dataclass(frozen=True)
class AudioBytes:
    """The bytes of an audio file that is not on this machine.

    name: what to call it in messages. longest: seconds that are taken of it at most, None for as
    many as of a file; a longer one is refused by its header, or where that is wrong, while it is
    decoded.
    """

    data: bytes
    name: str
    longest: float | None = None

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return f"AudioBytes({len(self.data)} bytes, {self.name!r})"


AudioSource = str | Path | AudioBytes
"""A path or a URL, or the bytes of a file."""


class AudioFile(soundfile.SoundFile):
    """What libsndfile opened."""

    path: str
    source: bytes | int
    most: int | None = None
    """Frames that are decoded of it at most."""
    heard = 0
    """Frames that were."""

    def seekable(self) -> bool:
        """False, or soundfile would seek to where it is after each read.

        That decodes the last frame of FLAC again, and fails where a header gives a wrong length.
        """
        return False

    @property
    def length(self) -> int | None:
        """Frames, as the header has it; None where it does not tell."""
        return None if self.frames >= UNKNOWN else self.frames

    def go_to(self, frame: int) -> None:
        """Let the next block begin there; formats that cannot seek are decoded up to it."""
        if not frame:
            return
        if super().seekable():
            # In an Ogg file of which nothing can be decoded, libvorbis ends the process when it
            # seeks before it has tried; and after a try it ends up elsewhere, but for the start.
            if self.format == "OGG":
                if not len(self.read(1)):
                    return
                self.seek(0)
            self.seek(frame)
        else:
            for _ in self.decoded(frame):
                pass

    def decoded(self, frames: int) -> Iterator[NDArray[np.float32]]:
        """Blocks (n, channels) of at most so many frames in all; the last may be shorter."""
        size = max(1, BLOCK // self.channels)
        while frames > 0:
            asked = min(size, frames)
            block = self.read(asked, dtype="float32", always_2d=True)
            self.heard += len(block)
            if self.most is not None and self.heard > self.most:
                raise self._too_long(self.most)
            yield block
            if len(block) < asked:
                return
            frames -= asked

    def limit(self, seconds: float) -> None:
        """Take no more than so many seconds, of samples that two channels at 48 kHz have in them.

        Raises RecordingTooLongError where the header says that there are more.
        """
        self.most = int(seconds * min(self.samplerate, DENSEST / self.channels))
        if self.length is not None and self.length > self.most:
            raise self._too_long(self.most)

    def _too_long(self, most: int) -> RecordingTooLongError:
        return RecordingTooLongError(
            f"{self.path}: longer than {most / self.samplerate:.3g} s, the most that is taken of "
            f"{self.channels} channel{'s' * (self.channels > 1)} at {self.samplerate:,} samples a "
            "second: cut it"
        )

    def warn_of_another(self) -> None:
        """Warn with AudioWarning where the file holds another recording after this one."""
        if isinstance(self.source, bytes):
            another = holds_another(self.source, self.format)
        else:
            with mmap.mmap(self.source, 0, access=mmap.ACCESS_READ) as data:
                another = holds_another(data, self.format)
        if another:
            warnings.warn(
                f"{self.path}: holds several recordings, one after another: only the first is "
                "used; convert it to one of WAV or FLAC to use all",
                AudioWarning,
                stacklevel=2,
            )


class _Bytes(io.BytesIO):
    """Bytes in which libsndfile may ask for places that there are not.

    It is told where it is then; an error of Python's would be printed on its way through C.
    """

    def seek(self, place: int, whence: int = 0) -> int:
        try:
            return super().seek(place, whence)
        except (ValueError, OverflowError):
            return self.tell()


@contextmanager
def open_audio(path: AudioSource) -> Iterator[AudioFile]:
    """Open a recording, as ``audio.read_audio`` takes it, for as long as the context lasts.

    Raises AudioError in one line: where it is no regular file, no audio, of a rate that no speech
    has, empty or cut short; also where something fails to decode within the context. Raises
    StorageError and MissingExtraError as ``storage.read_bytes``.
    """
    # Bytes have no ending: what they are, they say themselves.
    location = Location("") if isinstance(path, AudioBytes) else Location.parse(path)
    with ExitStack() as stack:
        source: bytes | int
        if isinstance(path, AudioBytes):
            source = path.data
        elif location.plain_file:
            source = descriptor = open_regular(location.path)
            stack.callback(os.close, descriptor)
        else:
            source = read_bytes(location)
        if not _size(source):
            raise AudioError(f"{path}: cannot be read as audio (it holds no bytes): replace it")
        if location.path.lower().endswith(".mp3") or not _NEVER_MPEG.match(_head(path, source)):
            stack.enter_context(without_notes())
        try:
            file = stack.enter_context(_open(path, location, source))
        except soundfile.LibsndfileError as error:
            raise AudioError(
                f"{path}: cannot be read as audio ({_reason(error)}): use WAV, FLAC, OGG or MP3"
            ) from error
        _check(path, file)
        if isinstance(path, AudioBytes) and path.longest is not None:
            file.limit(path.longest)
        try:
            yield file
        except soundfile.LibsndfileError as error:
            reason = _reason(error)
            raise AudioError(f"{path}: cannot be decoded ({reason}): replace the file") from error


def _open(path: AudioSource, location: Location, source: bytes | int) -> AudioFile:
    """Let libsndfile open the bytes or the descriptor."""
    how: dict[str, Any] = {}
    if location.path.lower().endswith(".raw"):
        if _size(source) % 2:
            raise AudioError(
                f"{path}: of {_size(source):,} bytes, an odd number, so not of 16 bits a sample: "
                "give it the ending of its format"
            )
        how = {"format": "RAW", "subtype": "PCM_16", "endian": "LITTLE"}
        how |= {"channels": 1, "samplerate": RAW_RATE}
    file = _sound_file(location, source, how)
    if not file.frames and file.format.startswith("WAV"):
        whole = source if isinstance(source, bytes) else Path(location.path).read_bytes()
        mended = unfinished_wav(whole)
        if mended is not None:
            file.close()
            file, source = AudioFile(_Bytes(mended)), mended
    file.path, file.source = str(path), source
    return file


def _sound_file(location: Location, source: bytes | int, how: dict[str, Any]) -> AudioFile:
    if isinstance(source, bytes):
        return AudioFile(_Bytes(source), **how)
    # By its name, because libsndfile knows some formats by their ending; of bytes, because a name
    # need not be UTF-8.
    return AudioFile(os.fsencode(location.path), **how)


def _check(path: AudioSource, file: AudioFile) -> None:
    """Refuse what its header says of a file, or what it does not say truly."""
    if not file.frames:
        raise AudioError(
            f"{path}: empty, its header says that it holds no samples: replace the file"
        )
    if not LOWEST_RATE <= file.samplerate <= HIGHEST_RATE:
        raise AudioError(
            f"{path}: its header says {file.samplerate:,} samples a second: use a recording of "
            f"{LOWEST_RATE:,} to {HIGHEST_RATE:,}, or mend the header"
        )
    # libsndfile reads a WAV file that was cut short as if it were whole and mentions the difference
    # only in its log. A size from 2 GiB up is what programs write that did not know it yet.
    sizes = re.search(r"data : (\d+) \(should be (\d+)\)", file.extra_info)
    if sizes and int(sizes[2]) < int(sizes[1]) < 2**31 - 2**16:
        raise AudioError(
            f"{path}: cut short, {sizes[2]} of {sizes[1]} bytes are there: replace the file"
        )


def _size(source: bytes | int) -> int:
    """Bytes of a source; 0 for those files of the system that are made as they are read."""
    return len(source) if isinstance(source, bytes) else os.fstat(source).st_size


def _head(path: AudioSource, source: bytes | int) -> bytes:
    """The first bytes of a source."""
    if isinstance(source, bytes):
        return source[:32]
    try:
        return os.pread(source, 32, 0)
    except OSError as error:
        raise AudioError(f"{path}: {_reason(error)}: copy it again") from error


def _reason(error: Exception) -> str:
    reason = getattr(error, "error_string", None) or getattr(error, "strerror", None) or error
    reason = str(reason).strip().rstrip(".").lower()
    # What libmpg123 finds no frame in, is reported so; that there is a regular file was asked.
    return "format not recognised" if "does not exist" in reason else reason
