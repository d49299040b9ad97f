"""Routes for whoever runs the service: ``/health`` and ``/metrics``. Neither needs a key."""

import asyncio

from fastapi import APIRouter, Response

from contravox.service.answers import Health
from contravox.service.refusals import Refused
from contravox.service.service import VERSION, Service, TheService

router = APIRouter()


@router.get("/health", responses={503: {"model": Refused}})
async def health(service: TheService) -> Health:
    """Whether the service and its gallery answer, and by which model."""
    return await asyncio.to_thread(_health, service)


def _health(service: Service) -> Health:
    gallery = service.gallery
    return Health(
        status="ok",
        model=service.model,
        fingerprint=gallery.verifier.model.digest,
        speakers=gallery.counts()["speakers"],
        version=VERSION,
        decides=gallery.decides(),
    )


@router.get("/metrics", response_class=Response)
async def metrics(service: TheService) -> Response:
    """Counts and times in Prometheus' format."""
    return Response(service.measures.text(), media_type="text/plain; version=0.0.4; charset=utf-8")
