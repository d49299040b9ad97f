"""The service as an application of ASGI, which any server of that kind runs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError, WebSocketRequestValidationError
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from contravox.errors import ContravoxError
from contravox.service import enrolment, health, listening, recognition, speakers
from contravox.service.listening import refuse_address
from contravox.service.origin import OwnOrigin
from contravox.service.refusals import refuse, refuse_fields, refuse_request
from contravox.service.requests import Requests
from contravox.service.service import VERSION, Service

PAGE = Path(__file__).with_name("page")

DESCRIPTION = """Enrol speakers, verify claims, identify voices.

Nothing here guards against a recording that is played back, or a voice that is made to sound like
somebody: where that would do harm, let it not decide alone."""


def make_app(service: Service) -> FastAPI:
    """The application of a service. It closes the service's gallery when it ends."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        service.close()

    app = FastAPI(
        title="contravox",
        version=VERSION,
        description=DESCRIPTION,
        lifespan=lifespan,
        # FastAPI's pages load scripts of other hosts.
        docs_url=None,
        redoc_url=None,
        # It would tell the paths of requests, which hold names. (Older versions have none.)
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.service = service
    if service.keys is None:
        app.add_middleware(OwnOrigin)
    app.add_middleware(Requests, service=service)
    app.add_exception_handler(ContravoxError, refuse)
    app.add_exception_handler(RequestValidationError, refuse_fields)
    app.add_exception_handler(WebSocketRequestValidationError, refuse_address)
    app.add_exception_handler(HTTPException, refuse_request)
    for room in (recognition, enrolment, speakers, health, listening):
        app.include_router(room.router)
    app.mount("/page", StaticFiles(directory=PAGE))

    @app.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(PAGE / "index.html")

    return app
