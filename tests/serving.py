"""A folder by HTTP, which tells what was asked of it."""

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Served:
    """base: the address. asked: methods and paths so far. stop: answer no more."""

    base: str
    asked: list[tuple[str, str]]
    stop: Any


@contextmanager
def served(folder: Path) -> Iterator[Served]:
    asked: list[tuple[str, str]] = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            asked.append((self.command, self.path))

    handler = partial(Handler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield Served(f"http://localhost:{server.server_address[1]}", asked, server.shutdown)
        server.shutdown()
        thread.join()
