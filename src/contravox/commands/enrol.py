"""``contravox enrol``."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from contravox.commands.console import Json, print_json
from contravox.commands.galleries import DEFAULT, GalleryModel, Place, model_of, open_gallery
from contravox.commands.recording_options import AllowUnfit, Channel, warn_of
from contravox.terminal.messages import note, tell

if TYPE_CHECKING:
    from contravox.gallery.results import Enrolment


def enrol(
    name: Annotated[str | None, typer.Argument(help="Who speaks.")] = None,
    files: Annotated[list[str] | None, typer.Argument(help="Recordings of them.")] = None,
    folder: Annotated[
        Path | None, typer.Option(help="Enrol many: a folder with a folder for each speaker.")
    ] = None,
    gallery: Place = DEFAULT,
    model: GalleryModel = None,
    keep_audio: Annotated[
        bool,
        typer.Option("--keep-audio", help="Of a new gallery: recordings too, for other models."),
    ] = False,
    channel: Channel = "mean",
    allow_outliers: Annotated[
        bool, typer.Option("--allow-outliers", help="Add what does not sound like the others too.")
    ] = False,
    allow_unfit: AllowUnfit = False,
    as_json: Json = False,
) -> None:
    """Add recordings to a speaker of a gallery, who may be new, as may be the gallery.

    All recordings of a speaker are added, or none. With --folder, whoever could not be enrolled is
    told at the end, and the exit status is 2.
    """
    from contravox.errors import AudioError, ContravoxError, GalleryUnavailableError
    from contravox.gallery.settings import GallerySettings
    from contravox.inference.default_model import DEFAULT_MODEL, USED, told_of
    from contravox.terminal.progress import progress_bar

    if (folder is None) == (name is None) or bool(files) != bool(name):
        raise AudioError("whom to enrol? Give a name and recordings, or --folder")
    wanted = {name: list(files or [])} if name is not None else _speakers_in(folder or Path())
    settings = GallerySettings(keep_audio=True) if keep_audio else None
    chosen = model_of(model)
    failed: list[str] = []
    enrolled: list[Enrolment] = []
    with (
        open_gallery(gallery, chosen, create=True, settings=settings) as opened,
        progress_bar("enrolling", "speakers") as report,
    ):
        for done, (speaker, recordings) in enumerate(wanted.items(), start=1):
            try:
                result = opened.enrol(
                    speaker,
                    recordings,
                    channel=channel,
                    allow_outliers=allow_outliers,
                    allow_unfit=allow_unfit,
                )
                enrolled.append(result)
            except ContravoxError as error:
                if folder is None or isinstance(error, GalleryUnavailableError):
                    raise
                failed.append(str(error))
            report(done, len(wanted), speaker)
    if as_json:
        print_json(
            {
                "model": told_of(chosen),
                "enrolled": [asdict(each) for each in enrolled],
                "failed": failed,
            }
        )
    else:
        if chosen == DEFAULT_MODEL:
            note(USED)
        for each in enrolled:
            _tell(each)
    for reason in failed:
        note(f"error: {reason}")
    if failed:
        raise typer.Exit(2)


def _speakers_in(folder: Path) -> dict[str, list[str]]:
    """Recordings by the names of the folders that they lie in, at any depth."""
    from contravox.audio.waveform import AUDIO_SUFFIXES
    from contravox.errors import AudioError

    found: dict[str, list[str]] = {}
    for speaker in sorted(path for path in folder.iterdir() if path.is_dir()):
        files = sorted(
            str(path)
            for path in speaker.rglob("*")
            if path.suffix.lower() in AUDIO_SUFFIXES and path.is_file()
        )
        if files:
            found[speaker.name] = files
    if not found:
        raise AudioError(
            f"{folder}: holds no recordings: give a folder with a folder for each speaker"
        )
    return found


def _tell(result: "Enrolment") -> None:
    warn_of(result.warnings)
    for outlier in result.outliers:
        note(f"warning: {outlier} does not sound like the others, and was added all the same")
    known = f", {result.known} known already" if result.known else ""
    tell(
        f"{result.speaker}: {result.added} added{known}, {result.in_all} in all "
        f"({result.speech_seconds:.1f} s of speech added)"
    )
