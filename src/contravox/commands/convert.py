"""``contravox convert``."""

from pathlib import Path
from typing import Annotated

import typer

from contravox.commands.console import Json, Output, note, print_json


def convert(
    folder: Annotated[Path, typer.Argument(help="A tree of .m4a, .mp4, .aac … files.")],
    output: Annotated[Path, Output],
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Conversions at a time. Default: one a core.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Turn a tree of AAC into one of FLAC, by ffmpeg."""
    from contravox.conversion import convert_folder
    from contravox.progress import progress_bar

    try:
        with progress_bar("converting") as report:
            files = convert_folder(folder, output, jobs=jobs, progress=report)
    except KeyboardInterrupt:
        note("stopped: the same command goes on from here")
        raise
    if as_json:
        print_json({"output": str(output), "files": files})
    else:
        print(f"{output}: {files:,} FLAC files")
