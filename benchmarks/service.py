"""The service's speed beside the model's own, and what it does when there is too much.

    python benchmarks/service.py batching MODEL SPEECH
    python benchmarks/service.py speed MODEL SPEECH [--seconds 10]
    python benchmarks/service.py overload MODEL SPEECH [--seconds 20]

Recordings are 3 s of WAV, cut from those of the folder SPEECH. Clients are one process that keeps
its connections open; it shares the cores with the service. Other work on the machine shows in the
times; the processor's seconds for each request, the service's against those of the same calls
without a service, hardly change with it. Each answer is held against the score that the library
gives for the very recording: none may be another's.

`batching`: recordings of one length embedded one by one, and several in one run of the model.
`speed`: claims a second and times at 1, 8, 32 and 128 clients, no more waiting than fit in the
queue, and the same claims made by as many threads as there are cores in this process. `overload`:
four times as many claims as it can answer, at their own pace, whoever waits. Its memory over many
requests is measured by `memory.py`.
"""

import argparse
import asyncio
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import soundfile

from contravox.audio.audio_file import AudioBytes
from contravox.audio.speech_activity import speech_frames
from contravox.audio.waveform import AUDIO_SUFFIXES, read_audio
from contravox.gallery.gallery import Gallery
from contravox.inference.verifier import Verifier

CLIENTS = (1, 8, 32, 128)
CORES = len(os.sched_getaffinity(0))
BOUNDARY = "x7MA4YWxkTrZu0gW"


def main() -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("what", choices=["batching", "speed", "overload"])
    parser.add_argument("model", type=Path)
    parser.add_argument("speech", type=Path, help="a folder of recordings")
    parser.add_argument("--seconds", type=float, default=10.0)
    given = parser.parse_args()
    if given.what == "batching":
        batching(given.model, recordings(given.speech))
        return
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder, "gallery.sqlite")
        known = enrolled(place, given.model, recordings(given.speech))
        if given.what == "speed":
            speed(place, given.model, known, given.seconds)
        else:
            overload(place, given.model, known, given.seconds)


@dataclass(frozen=True)
class Known:
    """A recording, the claim of it as a body of HTTP, and its score by the library alone."""

    recording: bytes
    body: bytes
    score: float


def recordings(folder: Path, seconds: int = 3, count: int = 64) -> list[bytes]:
    """WAV files of so many seconds, all different, and most of each speech."""
    length = seconds * 16_000
    files = sorted(path for path in folder.rglob("*") if path.suffix in AUDIO_SUFFIXES)
    waveforms = map(read_audio, files[:: max(1, len(files) // (2 * count))])
    long = (each for each in waveforms if len(each) >= length)
    cut = (each[(len(each) - length) // 2 :][:length] for each in long)
    spoken = (each for each in cut if speech_frames(each).mean() > 0.5)
    return [wav_of(each) for each in islice(spoken, count)]


def wav_of(waveform: np.ndarray) -> bytes:
    """A file of 16 bits."""
    file = io.BytesIO()
    soundfile.write(file, waveform, 16_000, format="WAV", subtype="PCM_16")
    return file.getvalue()


def enrolled(place: Path, model: Path, given: list[bytes]) -> list[Known]:
    """Enrol somebody by the first; each recording with its score."""
    with Gallery.open(place, Verifier.load(model)) as gallery:
        gallery.enrol("Ann", given[0], allow_unfit=True)
        scores = [gallery.verify_claim("Ann", each).match.score for each in given]
    if len(set(scores)) < len(given):
        raise SystemExit("recordings of the same score: an answer mixed up would not show")
    bodies = [form_of({"speaker": b"Ann", "recording": each}) for each in given]
    return [Known(*each) for each in zip(given, bodies, scores, strict=True)]


def form_of(fields: dict[str, bytes]) -> bytes:
    """The body of a form."""
    parts = []
    for name, value in fields.items():
        kind = '; filename="a.wav"' if name == "recording" else ""
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{kind}\r\n\r\n'
        parts += [head.encode(), value, b"\r\n"]
    return b"".join([*parts, f"--{BOUNDARY}--\r\n".encode()])


# The service


@dataclass
class Running:
    """A service in a process of its own."""

    process: subprocess.Popen[str]
    port: int

    def cpu_seconds(self) -> float:
        """Of the processor, so far."""
        return cpu_seconds(self.process.pid)


@contextmanager
def running(place: Path, model: Path, *more: str) -> Iterator[Running]:
    """Start it, and stop it at the end."""
    command = [sys.executable, "-m", "contravox", "serve", "--model", str(model), "--port", "0"]
    process = subprocess.Popen(
        [*command, "--gallery", str(place), *more],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    started = json.loads(process.stdout.readline())
    # What it logs must be read, or it would wait.
    drain = subprocess.Popen(["cat"], stdin=process.stdout, stdout=subprocess.DEVNULL)
    try:
        yield Running(process, started["port"])
    finally:
        process.terminate()
        process.wait()
        drain.wait()


def cpu_seconds(process: int) -> float:
    """Of a process, its threads included."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# Clients


class Connection:
    """Kept open for one claim after another."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def claim(self, body: bytes) -> tuple[int, bytes]:
        """The status and the body of the answer."""
        if self.streams is not None:
            # A client that is held up for longer than the service waits finds it closed.
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                return await self._answer(body)
        self.streams = await asyncio.open_connection("127.0.0.1", self.port, limit=2**20)
        return await self._answer(body)

    async def _answer(self, body: bytes) -> tuple[int, bytes]:
        assert self.streams is not None
        reader, writer = self.streams
        head = (
            "POST /v1/verify HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; "
            f"boundary={BOUNDARY}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode() + body)
        answer = (await reader.readuntil(b"\r\n\r\n")).lower()
        [length] = re.findall(rb"content-length: (\d+)", answer)
        content = await reader.readexactly(int(length))
        if b"connection: close" in answer:
            self.close()
        return int(answer.split()[1]), content

    def close(self) -> None:
        """Let the next claim open another."""
        if self.streams is not None:
            self.streams[1].close()
        self.streams = None


def checked(answer: tuple[int, bytes], known: Known) -> int:
    """The status, once the answer is seen to be of this recording."""
    status, content = answer
    if status == 200:
        score = json.loads(content)["match"]["score"]
        if score != known.score:
            raise SystemExit(f"another's answer: {score} where {known.score} is right")
    elif status != 429:
        raise SystemExit(f"{status}: {content!r}")
    return status


async def asked(port: int, known: list[Known], clients: int, seconds: float) -> list[float]:
    """Times of claims by so many clients, of whom each asks again once it is answered."""
    times: list[float] = []
    until = time.perf_counter() + seconds

    async def ask(number: int) -> None:
        connection = Connection(port)
        while time.perf_counter() < until:
            number += clients
            each = known[number % len(known)]
            began = time.perf_counter()
            if checked(await connection.claim(each.body), each) == 429:
                raise SystemExit("refused, though the queue is long enough")
            times.append(time.perf_counter() - began)
        connection.close()

    await asyncio.gather(*(ask(number) for number in range(clients)))
    return times


# What is measured


def batching(model: Path, given: list[bytes]) -> None:
    """Embed one by one, and several at once."""
    verifier = Verifier.load(model)
    waveforms = [read_audio(AudioBytes(each, "")) for each in given[:32]]
    verifier.model.embed(waveforms[:1])
    for size in (1, 2, 4, 8, 16):
        began, cpu = time.perf_counter(), time.process_time()
        for first in range(0, len(waveforms), size):
            verifier.model.embed(waveforms[first : first + size])
        wall, cpu = time.perf_counter() - began, time.process_time() - cpu
        each = 1000 / len(waveforms)
        print(
            f"{size:3} at once: {wall * each:6.1f} ms each, {cpu * each:6.1f} ms of the processor"
        )


def alone(place: Path, model: Path, known: list[Known], seconds: float) -> tuple[float, float]:
    """Claims a second by as many threads as cores, and milliseconds of the processor for each."""
    with Gallery.open(place, Verifier.load(model)) as gallery, ThreadPoolExecutor(CORES) as threads:
        gallery.verify_claim("Ann", known[0].recording)
        began, cpu, done = time.perf_counter(), time.process_time(), 0
        while time.perf_counter() - began < seconds:
            claims = [threads.submit(gallery.verify_claim, "Ann", each.recording) for each in known]
            done += len([each.result() for each in claims])
        wall, cpu = time.perf_counter() - began, time.process_time() - cpu
    return done / wall, 1000 * cpu / done


def speed(place: Path, model: Path, known: list[Known], seconds: float) -> None:
    """Print claims a second, times, and the processor's share, beside the library alone."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    rate, cpu_alone = alone(place, model, known, seconds)
    print(
        f"library, {CORES} threads: {rate:6.1f} claims/s, {cpu_alone:.1f} ms of the processor each"
    )
    with running(place, model, "--queue", str(max(CLIENTS))) as service:
        asyncio.run(asked(service.port, known, 4, 2.0))
        for clients in CLIENTS:
            cpu = service.cpu_seconds()
            began = time.perf_counter()
            times = asyncio.run(asked(service.port, known, clients, seconds))
            wall = time.perf_counter() - began
            each = 1000 * (service.cpu_seconds() - cpu) / len(times)
            p50, p99 = 1000 * np.quantile(times, [0.5, 0.99])
            print(
                f"{clients:4} clients: {len(times) / wall:6.1f} claims/s, p50 {p50:6.0f} ms, "
                f"p99 {p99:6.0f} ms, {each:.1f} ms of the processor each "
                f"({cpu_alone / each:.0%} of it the library's)"
            )
    rate, cpu_alone = alone(place, model, known, seconds)
    print(f"library again:      {rate:6.1f} claims/s, {cpu_alone:.1f} ms of the processor each")


def overload(place: Path, model: Path, known: list[Known], seconds: float) -> None:
    """Ask four times as often as the service can answer, whoever waits."""
    with running(place, model, "--queue", "8") as service:
        able = len(asyncio.run(asked(service.port, known, CORES, 5.0))) / 5
        found: Counter[int] = Counter()
        times: dict[int, list[float]] = {200: [], 429: []}

        async def ask(each: Known) -> None:
            connection = Connection(service.port)
            began = time.perf_counter()
            status = checked(await connection.claim(each.body), each)
            times[status].append(time.perf_counter() - began)
            found[status] += 1
            connection.close()

        async def flood() -> None:
            tasks = []
            for number in range(int(4 * able * seconds)):
                tasks.append(asyncio.create_task(ask(known[number % len(known)])))
                await asyncio.sleep(1 / (4 * able))
            await asyncio.gather(*tasks)

        began = time.perf_counter()
        asyncio.run(flood())
        wall = time.perf_counter() - began
        print(f"able to answer {able:.1f} claims/s; asked {sum(found.values()) / wall:.1f}/s")
        for status, many in sorted(found.items()):
            p50, p99 = 1000 * np.quantile(times[status], [0.5, 0.99])
            print(f"{status}: {many} ({many / wall:.1f}/s), p50 {p50:.0f} ms, p99 {p99:.0f} ms")
        print("every answer was of its own recording")


if __name__ == "__main__":
    main()
