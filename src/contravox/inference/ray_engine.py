"""Parts of a manifest embedded by processes of a Ray cluster, by Ray Data."""

import logging
import os
import pickle
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

from contravox.audio.stored_folder import StoredFolder
from contravox.errors import ContravoxError, ModelError, brief
from contravox.extras import optional_packages
from contravox.inference.embedding_parts import Part, PartWriter, Written
from contravox.inference.loading import load_model

QUIET = {"RAY_BACKEND_LOG_LEVEL": "fatal", "RAY_USAGE_STATS_ENABLED": "0"}
"""What Ray is told where the user does not: nothing for the terminal, nothing to its makers."""

DEATHS = 3
"""Times that Ray tries a part again; a worker that dies over it may cost two of them. Then the part
is given up, as it may be what kills them."""

ANSWER_SECONDS = 10.0
"""Within which the cluster that RAY_ADDRESS names accepts a connection."""


@dataclass(frozen=True)
class RayEngine:
    """Embeds parts in processes of the Ray cluster that RAY_ADDRESS names or that runs here.

    Where there is none, it begins one on this machine. A worker holds the model and one CPU; what
    one that dies was at is given to another.

    model: the file, digest: of the model in it. workers: how many; one for each CPU by default.
    """

    model: Path
    digest: str
    folder: StoredFolder
    workers: int | None = None

    def __call__(self, parts: Sequence[Part]) -> Iterator[Written]:
        """Embed parts and write them; gives what was written of each, as they are done.

        Raises MissingExtraError where Ray is not installed; what ``PartWriter`` raises in a worker,
        and what stops the cluster, as ContravoxError.
        """
        if not parts:
            return
        with _ray() as ray:
            workers = self.workers or int(ray.cluster_resources().get("CPU", 1))
            job = _Job(self.model.name, self.model.read_bytes(), self.digest, self.folder)
            # Each part alone in its block, so that a worker that dies costs no other.
            rows = ray.data.from_items(
                [{"part": pickle.dumps(part)} for part in parts], override_num_blocks=len(parts)
            ).map(
                _Worker,
                fn_constructor_args=(ray.put(job),),
                compute=ray.data.ActorPoolStrategy(size=min(workers, len(parts))),
                num_cpus=1,
                # Ray's own default is for ever, of both. From 2.64 on it takes them otherwise.
                max_restarts=-1,
                max_task_retries=DEATHS,
            )
            for row in rows.iter_rows():
                if row["error"]:
                    raise ContravoxError(row["error"])
                yield Written(row["embedded"], row["left_out"])


@dataclass(frozen=True)
class _Job:
    """What every worker needs: the model's file, which machines of a cluster need not share."""

    name: str
    model: bytes
    digest: str
    folder: StoredFolder

    def writer(self) -> PartWriter:
        """Raises ModelError where the model is another here than where the command was given."""
        with tempfile.TemporaryDirectory() as place:
            file = Path(place) / self.name
            file.write_bytes(self.model)
            model = load_model(file)
        if model.digest != self.digest:
            raise ModelError(
                f"{self.name}: a worker's contravox makes another model of it: "
                "install the same version on all machines of the cluster"
            )
        return PartWriter(model, self.folder)


class _Worker:
    """Holds the model from one part to the next."""

    def __init__(self, job: Any) -> None:
        self._job = job
        self._writer: PartWriter | None = None

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        # What is raised here, Ray would bury in its own error, or try again for ever.
        try:
            if self._writer is None:
                import ray

                self._writer = ray.get(self._job).writer()
            written = self._writer(pickle.loads(row["part"]))
        except ContravoxError as error:
            return {"embedded": 0, "left_out": 0, "error": str(error)}
        return {**written._asdict(), "error": ""}


@contextmanager
def _ray() -> Iterator[ModuleType]:
    """Ray, connected to its cluster. Raises MissingExtraError, and ContravoxError of Ray's own."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    with optional_packages("--engine ray", "leave out --engine"):
        import ray
        import ray.data
    check_address(os.environ.get("RAY_ADDRESS", ""))
    try:
        with _signals_kept():
            ray.init(log_to_driver=False, logging_level=logging.CRITICAL, ignore_reinit_error=True)
        logging.getLogger("ray.data").setLevel(logging.CRITICAL)
        ray.data.DataContext.get_current().enable_progress_bars = False
        # Ray tells of workers that died where a program may read results.
        with redirect_stdout(sys.stderr):
            yield ray
    except (ray.exceptions.RayError, ConnectionError, TimeoutError) as error:
        raise ContravoxError(
            f"the Ray cluster failed ({brief(str(error), 200)}): look at it by `ray status`; "
            "what was written stays, and the same command goes on from there"
        ) from error
    finally:
        ray.shutdown()


def check_address(address: str) -> None:
    """Raise ContravoxError where RAY_ADDRESS says a place at which nothing answers.

    Ray itself would try again for minutes.
    """
    if address in ("", "auto", "local"):
        return
    try:
        place = urlsplit(address if "//" in address else f"//{address}")
        if place.hostname is None or place.port is None:
            raise ValueError("it is no HOST:PORT")
        socket.create_connection((place.hostname, place.port), ANSWER_SECONDS).close()
    except (OSError, ValueError) as error:
        raise ContravoxError(
            f"RAY_ADDRESS={address}: no Ray cluster answers there ({brief(str(error))}): begin one "
            "by `ray start --head`, say its address, or unset RAY_ADDRESS to begin one here"
        ) from error


@contextmanager
def _signals_kept() -> Iterator[None]:
    """Take back the handlers that Ray replaces: a command asked to stop says how it goes on."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)
