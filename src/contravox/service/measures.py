"""What Prometheus reads of the service: counts and times, and nothing of who speaks."""

from typing import TYPE_CHECKING

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)

if TYPE_CHECKING:
    from contravox.service.queue import Queue

SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
"""Upper ends of the histogram's bins."""


class Measures:
    """Of one process."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "contravox_requests",
            "Requests answered, by route, method and status.",
            ["route", "method", "status"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            "contravox_request_seconds",
            "From a request's first byte to its answer, by route.",
            ["route"],
            registry=self._registry,
            buckets=SECONDS,
        )
        self._refused = Counter(
            "contravox_refused", "Requests refused, by kind.", ["kind"], registry=self._registry
        )
        self.listeners = Gauge(
            "contravox_listeners", "Speakers listened to now.", registry=self._registry
        )
        self._inside = Gauge(
            "contravox_inside",
            "Requests that arrive, wait or are worked on now.",
            registry=self._registry,
        )

    def follow(self, queue: "Queue") -> None:
        """Tell how many are in the queue."""
        self._inside.set_function(lambda: queue.inside)

    def note_request(
        self, route: str, method: str, status: int, seconds: float, refused: str | None
    ) -> None:
        """Count an answered request."""
        self._requests.labels(route, method, str(status)).inc()
        self._seconds.labels(route).observe(seconds)
        if refused is not None:
            self._refused.labels(refused).inc()

    def text(self) -> bytes:
        """In Prometheus' format."""
        return generate_latest(self._registry)
