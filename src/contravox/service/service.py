"""What the routes of the service share."""

import importlib.metadata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated, TypeVar

from fastapi import Depends
from starlette.requests import HTTPConnection

from contravox.gallery.gallery import Gallery
from contravox.service.keys import KeyFile
from contravox.service.limits import Limits
from contravox.service.measures import Measures
from contravox.service.queue import Queue
from contravox.service.refusals import AGAIN, RefusedError

Result = TypeVar("Result")

VERSION = importlib.metadata.version("contravox")


@dataclass
class Service:
    """What one process serves.

    gallery: with a verifier. model: its name, for people. keys: None where none are needed, because
    only this machine can ask.
    """

    gallery: Gallery
    model: str
    limits: Limits = field(default_factory=Limits)
    keys: KeyFile | None = None
    measures: Measures = field(default_factory=Measures)

    def __post_init__(self) -> None:
        self.queue = Queue(self.limits)
        self.measures.follow(self.queue)
        self._listeners = 0

    @contextmanager
    def listener(self) -> Iterator[None]:
        """Listen to one more speaker meanwhile. Raises RefusedError where there are too many."""
        if self._listeners >= self.limits.listeners:
            raise RefusedError(429, "busy", "too many speakers are listened to: try again", AGAIN)
        self._listeners += 1
        self.measures.listeners.inc()
        try:
            yield
        finally:
            self._listeners -= 1
            self.measures.listeners.dec()

    async def work(self, job: Callable[[], Result]) -> Result:
        """Do what takes a core, in turn."""
        return await self.queue.work(job)

    def close(self) -> None:
        """Wait for what is worked on, and let the gallery go."""
        self.queue.close()
        self.gallery.close()


def service_of(connection: HTTPConnection) -> Service:
    """The service that an application is of."""
    service: Service = connection.app.state.service
    return service


TheService = Annotated[Service, Depends(service_of)]
