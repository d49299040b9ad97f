"""``contravox serve``."""

import os
from pathlib import Path
from typing import Annotated

import typer

from contravox.commands.galleries import DEFAULT, GalleryModel, Place, model_of, open_gallery
from contravox.commands.numbers import finite

KeysPath = Annotated[
    Path | None,
    typer.Option("--keys", envvar="CONTRAVOX_KEYS", help="File of `contravox keys add`."),
]


def serve(
    gallery: Place = DEFAULT,
    model: GalleryModel = None,
    host: Annotated[str, typer.Option(help="Address to listen at; 0.0.0.0 is all.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="0 is any that is free.")] = 8080,
    keys: KeysPath = None,
    max_seconds: Annotated[
        float,
        typer.Option(
            min=1, max=3600, callback=finite, help="Of a recording; longer ones are refused."
        ),
    ] = 120.0,
    max_upload: Annotated[
        int, typer.Option(min=1, max=1024, help="Megabytes (MiB) of a request.")
    ] = 32,
    queue: Annotated[
        int, typer.Option(min=0, max=10_000, help="Requests that may wait; more are refused.")
    ] = 32,
    threads: Annotated[
        int | None,
        typer.Option(min=1, max=256, help="Requests worked on at a time: the cores by default."),
    ] = None,
) -> None:
    """Answer over HTTP: verify, enrol, identify; with a page for people at /.

    Without --keys only this machine is answered. SIGTERM lets what runs finish.
    """
    from contravox.inference.default_model import told_of
    from contravox.service.keys import KeyFile
    from contravox.service.limits import MEGABYTE, Limits
    from contravox.service.server import serve as serve_gallery
    from contravox.service.service import Service

    # Each request has a core: the model's own threads would only wait for each other.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    chosen = model_of(model)
    known = None if keys is None else KeyFile(keys)
    at_work = {} if threads is None else {"at_work": threads}
    limits = Limits(longest=max_seconds, largest=max_upload * MEGABYTE, queue=queue, **at_work)
    with open_gallery(gallery, chosen, create=True) as opened:
        serve_gallery(Service(opened, Path(told_of(chosen)).name, limits, known), host, port)
