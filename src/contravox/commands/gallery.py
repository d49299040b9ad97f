"""``contravox gallery``: who is in it, and what becomes of it."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from contravox.commands.console import Force, Json, Output, print_json
from contravox.commands.galleries import DEFAULT, GalleryModel, Place, model_of, open_gallery
from contravox.commands.numbers import finite
from contravox.terminal.messages import note, printable, tell

if TYPE_CHECKING:
    from contravox.gallery.gallery import Gallery
    from contravox.gallery.settings import GallerySettings

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
"""The verbs of ``contravox gallery``."""

Audio = Annotated[bool, typer.Option("--audio", help="The recordings too, where they are kept.")]


@app.command("list")
def list_speakers(gallery: Place = DEFAULT, as_json: Json = False) -> None:
    """Tell who is enrolled."""
    with open_gallery(gallery) as opened:
        speakers = opened.speakers()
    if as_json:
        print_json([asdict(each) for each in speakers])
        return
    if not speakers:
        tell("nobody is enrolled")
        return
    width = max(4, *(len(printable(each.name)) for each in speakers))
    tell(f"{'name':{width}}  utterances  seconds  recordings  since")
    for each in speakers:
        tell(
            f"{printable(each.name):{width}}  {each.utterances:10}  {each.speech_seconds:7.1f}  "
            f"{each.recordings:10}  {each.created[:10]}"
        )


@app.command()
def show(
    name: Annotated[str | None, typer.Argument(help="A speaker; none: the gallery.")] = None,
    log: Annotated[int, typer.Option(min=0, help="How many of the last changes to tell.")] = 10,
    gallery: Place = DEFAULT,
    as_json: Json = False,
) -> None:
    """Tell by what a speaker is enrolled; or a gallery's settings, model, size and changes."""
    with open_gallery(gallery) as opened:
        if name is not None:
            _show_speaker(opened, name, as_json)
        else:
            _show_gallery(opened, log, as_json)


def _show_speaker(gallery: "Gallery", name: str, as_json: bool) -> None:
    utterances = gallery.utterances(name)
    if as_json:
        print_json([asdict(each) for each in utterances])
        return
    tell("since                 seconds  of speech  recording")
    for each in utterances:
        kept = "kept" if each.recording else "-"
        tell(f"{each.created:20}  {each.seconds:7.1f}  {each.speech_seconds:9.1f}  {kept:>9}")


def _show_gallery(gallery: "Gallery", log: int, as_json: bool) -> None:
    counts, settings, model = gallery.counts(), gallery.settings, gallery.model
    changes = gallery.changes(since=max(0, gallery.last_change() - log))[-log:] if log else []
    if as_json:
        told = {**counts, "model": model, "settings": settings.model_dump()}
        print_json({**told, "changes": [asdict(each) for each in changes]})
        return
    tell(f"{counts['speakers']:,} speakers, {counts['voiceprints']:,} voiceprints")
    tell(f"model {model or 'not chosen yet'}")
    for key, value in settings.model_dump(exclude_none=True).items():
        tell(f"{key} = {value}")
    for each in changes:
        whom = "" if each.speaker is None else f" speaker {each.speaker}"
        tell(f"{each.at} {each.by}: {each.action}{whom}, {each.voiceprints} voiceprints")


@app.command()
def delete(
    names: Annotated[list[str], typer.Argument(help="Whom to forget.")],
    gallery: Place = DEFAULT,
    as_json: Json = False,
) -> None:
    """Forget speakers: what is kept of them is gone from the files too."""
    with open_gallery(gallery) as opened:
        opened.delete(*names)
    deleted = list(dict.fromkeys(names))
    if as_json:
        print_json({"deleted": deleted})
    else:
        tell(*(f"{name}: deleted" for name in deleted))


@app.command()
def export(
    output: Annotated[Path, Output],
    audio: Audio = False,
    gallery: Place = DEFAULT,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Write a gallery to one file, which is a gallery too."""
    with open_gallery(gallery) as opened:
        transfer = opened.export(output, audio=audio, force=force)
    if as_json:
        print_json({"output": str(output), **asdict(transfer)})
    else:
        tell(f"{output}: {transfer.speakers:,} speakers, {transfer.voiceprints:,} voiceprints")


@app.command("import")
def import_(
    source: Annotated[str, typer.Argument(help="Another gallery: a file or a URL.")],
    audio: Audio = False,
    gallery: Place = DEFAULT,
    as_json: Json = False,
) -> None:
    """Take the speakers of another gallery in; this one may be new."""
    with open_gallery(gallery, create=True) as opened:
        transfer = opened.import_(source, audio=audio)
    if as_json:
        print_json(asdict(transfer))
    else:
        tell(
            f"{transfer.voiceprints:,} voiceprints of {transfer.speakers:,} speakers added, "
            f"{transfer.known:,} known already"
        )


@app.command("re-embed")
def re_embed(
    model: GalleryModel = None,
    drop: Annotated[
        bool, typer.Option("--drop", help="Delete voiceprints of which no recording is kept.")
    ] = False,
    gallery: Place = DEFAULT,
    as_json: Json = False,
) -> None:
    """Bring a gallery to another model, by the recordings that it kept."""
    from contravox.inference.verifier import Verifier
    from contravox.terminal.progress import progress_bar

    verifier = Verifier.load(model_of(model))
    with open_gallery(gallery) as opened, progress_bar("embedding", "recordings") as report:
        before = opened.counts()
        count = opened.re_embed(verifier, drop=drop, progress=report)
        dropped = {name: held - opened.counts()[name] for name, held in before.items()}
    if as_json:
        told = {"voiceprints": count, "model": verifier.model.digest, "dropped": dropped}
        print_json(told)
    else:
        tell(f"{count:,} voiceprints are of the model {verifier.model.digest} now")
        if any(dropped.values()):
            tell(
                f"dropped: {dropped['voiceprints']:,} voiceprints without a recording, and "
                f"{dropped['speakers']:,} speakers who had no others"
            )


@app.command()
def cohort(
    manifest: Annotated[
        Path | None, typer.Argument(help="manifest.tsv of training data; none: no more.")
    ] = None,
    model: GalleryModel = None,
    gallery: Place = DEFAULT,
    as_json: Json = False,
) -> None:
    """Normalise scores against speakers who are not enrolled (AS-norm); none: no more.

    The model's threshold and calibration do not hold for such scores: see `gallery settings`.
    """
    import numpy as np

    from contravox.inference.embed import embed_manifest
    from contravox.manifest import Manifest
    from contravox.terminal.progress import progress_bar

    with open_gallery(gallery, model_of(model)) as opened:
        if manifest is None:
            members = opened.set_cohort(np.empty((0, 1)), [])
        else:
            utterances = Manifest.read(manifest)
            with progress_bar("embedding", "utterances") as report:
                embeddings = embed_manifest(opened.verifier.model, utterances, progress=report)
            speakers = utterances.speakers_of(embeddings.utterances)
            members = opened.set_cohort(embeddings.vectors, speakers)
    if as_json:
        print_json({"members": members})
    else:
        tell(f"{gallery}: a cohort of {members:,} speakers" if members else "no cohort")


@app.command()
def settings(
    scoring: Annotated[
        Literal["mean", "mean of scores", "best"] | None,
        typer.Option(help="How an utterance is compared with several enrolled."),
    ] = None,
    keep_audio: Annotated[
        bool | None, typer.Option(help="Keep recordings from now on, for other models.")
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(callback=finite, help="Decide at this score, not as the model does."),
    ] = None,
    no_threshold: Annotated[
        bool, typer.Option("--no-threshold", help="Decide as the model does again.")
    ] = False,
    gallery: Place = DEFAULT,
    as_json: Json = False,
) -> None:
    """Change what is decided once for a gallery, or tell it."""
    if no_threshold and threshold is not None:
        raise typer.BadParameter("--threshold and --no-threshold say two things: give one")
    given = {"scoring": scoring, "keep_audio": keep_audio, "threshold": threshold}
    changed = {name: value for name, value in given.items() if value is not None}

    def change(before: "GallerySettings") -> "GallerySettings":
        after = before.model_copy(update=changed)
        if no_threshold:
            return after.for_other_scores()
        if after.scoring == before.scoring or threshold is not None or not after.decides:
            return after
        note(
            "warning: the gallery's own threshold and calibration are forgotten, as they were for "
            "other scores: give --threshold anew"
        )
        return after.for_other_scores()

    with open_gallery(gallery) as opened:
        kept = opened.alter(change) if changed or no_threshold else opened.settings
    if as_json:
        print_json(kept.model_dump())
    else:
        tell(*(f"{name} = {value}" for name, value in kept.model_dump().items()))
