"""The server that runs the application, and how it ends."""

import socket
import warnings
from contextlib import suppress

import uvicorn

from contravox.errors import ContravoxError, ContravoxWarning
from contravox.service.app import make_app
from contravox.service.listening import IDLE_SECONDS
from contravox.service.logs import log, write_logs
from contravox.service.origin import LOOPBACK
from contravox.service.service import VERSION, Service
from contravox.terminal.stopping import stopping_signals

STOP_SECONDS = 30
"""In which what runs may finish once the service is asked to stop."""

MOST_CONNECTIONS = 1024
"""At once; who comes beyond is answered 503 by the server itself."""

LARGEST_MESSAGE = 2**20
"""Bytes of a message of a WebSocket: half a minute of speech."""


def serve(service: Service, host: str, port: int) -> None:
    """Answer requests until the process is asked to stop; finish then what runs.

    Raises ContravoxError where other machines could ask without a key, or the port is taken.
    """
    if service.keys is None and host not in LOOPBACK:
        raise ContravoxError(
            f"{host}: others can reach it, so keys are needed: make one with `contravox keys add` "
            "and pass --keys, or listen at 127.0.0.1"
        )
    write_logs()
    # What there is to say of a recording is for whoever sent it.
    warnings.simplefilter("ignore", ContravoxWarning)
    config = uvicorn.Config(
        make_app(service),
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_graceful_shutdown=STOP_SECONDS,
        ws_max_size=LARGEST_MESSAGE,
        # Samples hardly get smaller, and what is small could get large.
        ws_per_message_deflate=False,
        ws_ping_timeout=IDLE_SECONDS,
        # Who asks is told by the connection: a header could say anything.
        proxy_headers=False,
    )
    try:
        # Once all is finished, the server raises the signal anew that asked it to stop.
        with stopping_signals(), suppress(KeyboardInterrupt):
            _Server(config).run()
    except SystemExit as error:
        raise ContravoxError(f"{host}:{port}: cannot listen there: is the port taken?") from error
    log("stopped")


class _Server(uvicorn.Server):
    """Says where it listens once it does."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for server in self.servers:
            for each in server.sockets:
                host, port = each.getsockname()[:2]
                log("started", host=host, port=port, version=VERSION)
