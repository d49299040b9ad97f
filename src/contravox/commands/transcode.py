"""``contravox transcode``."""

from pathlib import Path
from typing import Annotated

import typer

from contravox.commands.console import Force, Json, Output, print_json
from contravox.terminal.messages import tell
from contravox.terminal.stopping import goes_on


def transcode(
    folder: Annotated[Path, typer.Argument(help="A tree of .m4a, .mp4, .aac … files.")],
    output: Annotated[Path, Output],
    jobs: Annotated[
        int | None,
        typer.Option(min=1, max=1000, help="Files at a time. Default: one a core."),
    ] = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Turn a tree of AAC into one of FLAC, by ffmpeg."""
    from contravox.corpora.transcoding import FAILED, transcode_folder
    from contravox.files.outputs import claimed_folder
    from contravox.terminal.progress import progress_bar

    with (
        goes_on("the same command goes on from here"),
        claimed_folder(
            output,
            "transcode",
            (FAILED, "**/*.flac"),
            made_from={"folder": str(folder.resolve())},
            force=force,
        ),
        progress_bar("transcoding", "files") as report,
    ):
        files = transcode_folder(folder, output, jobs=jobs, again=force, progress=report)
    if as_json:
        print_json({"output": str(output), "files": files})
    else:
        tell(f"{output}: {files:,} FLAC files")
