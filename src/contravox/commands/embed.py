"""``contravox embed``."""

import glob
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from contravox.commands.console import Force, Json, Output, print_json
from contravox.commands.galleries import model_of
from contravox.terminal.messages import note, tell
from contravox.terminal.stopping import goes_on

if TYPE_CHECKING:
    from contravox.embedding_model import EmbeddingModel
    from contravox.inference.embed import Embedded
    from contravox.inference.embedding_parts import Written
    from contravox.manifest import Manifest


def embed(
    given: Annotated[
        list[Path],
        typer.Argument(
            metavar="[MODEL] MANIFEST",
            help="manifest.tsv, and before it model.onnx or model.safetensors. Default: the model "
            "of contravox.",
        ),
    ],
    output: Annotated[str, Output],
    engine: Annotated[
        Literal["ray"] | None,
        typer.Option(help="Who embeds, in parts: a Ray cluster. Default: this process."),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=1_000_000,
            help="Processes of the cluster. Default: one for each of its CPUs.",
        ),
    ] = None,
    drop_unreadable: Annotated[
        bool,
        typer.Option(
            "--drop-unreadable", help="Leave out what cannot be read; parts do, and list it."
        ),
    ] = False,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Embed every utterance of a manifest, into what the output's name says.

    .npz, .parquet, or .ark with the .scp beside it; a folder of .parquet parts, here or in a store
    such as s3://bucket/embeddings, where it has no ending: the same command goes on with those.
    """
    from contravox.inference.default_model import told_of
    from contravox.inference.loading import load_model
    from contravox.manifest import Manifest

    if len(given) > 2:
        raise typer.BadParameter(f"got {len(given)} arguments, where a model and a manifest are")
    if workers is not None and engine is None:
        raise typer.BadParameter("--workers are those of --engine ray: give both or neither")
    model, manifest = model_of(given[0] if len(given) == 2 else None), given[-1]
    loaded, utterances = load_model(model), Manifest.read(manifest)
    size: dict[str, Any] = {"model": told_of(model), "size": loaded.embedding_size}
    if _in_parts(output):
        written = _embed_parts(
            *(loaded, utterances), output, (model, manifest), engine == "ray", workers, force
        )
        size |= {"utterances": written.embedded, "left_out": written.left_out}
    elif engine is not None:
        raise typer.BadParameter(
            f"--engine {engine} writes many files: give as --output a folder, whose name has no "
            "ending, or a URL"
        )
    else:
        embedded = _embed_file(
            *(loaded, utterances, Path(output), (model, manifest), force),
            drop_unreadable=drop_unreadable,
        )
        size["utterances"] = len(embedded.embeddings)
        if drop_unreadable:
            size["left_out"] = len(embedded.unreadable)
    if as_json:
        print_json({"output": output, **size})
    else:
        tell(f"{output}: {size['utterances']:,} embeddings of size {size['size']}")


def _in_parts(output: str) -> bool:
    """Whether a folder is meant, not a file."""
    from contravox.audio.storage import is_url

    ending = Path(output).suffix
    if is_url(output) or not ending:
        return True
    # Not that of pathlib, which raises for a name that is too long.
    return ending not in (".npz", ".ark", ".scp", ".parquet") and os.path.isdir(output)


def _embed_parts(
    model: "EmbeddingModel",
    manifest: "Manifest",
    output: str,
    inputs: tuple[Path, Path],
    on_ray: bool,
    workers: int | None,
    force: bool,
) -> "Written":
    """Embed what the parts in a folder lack. inputs: files of the model and the manifest."""
    from contravox.audio.stored_folder import StoredFolder
    from contravox.files.outputs import claimed_folder
    from contravox.inference.embedding_parts import FILES, Engine, embed_parts
    from contravox.terminal.progress import progress_bar

    folder = StoredFolder.at(output)
    folder.claim()
    engine: Engine | None = None
    if on_ray:
        from contravox.inference.ray_engine import RayEngine

        engine = RayEngine(inputs[0], model.digest, folder, workers)
    claimed = (
        nullcontext()
        if folder.in_store
        else claimed_folder(Path(folder.place), "embed", FILES, inputs=inputs, resumes=True)
    )
    with (
        goes_on("the same command goes on from here"),
        claimed,
        progress_bar("embedding", "utterances") as report,
    ):
        written = embed_parts(model, manifest, folder, engine=engine, force=force, progress=report)
    if written.left_out:
        listed = folder / FILES[1]
        note(f"warning: {written.left_out:,} utterances left out: see {listed}")
    return written


def _embed_file(
    model: "EmbeddingModel",
    manifest: "Manifest",
    output: Path,
    inputs: tuple[Path, Path],
    force: bool,
    *,
    drop_unreadable: bool,
) -> "Embedded":
    """Embed all, or all that can be read, into one file."""
    from contravox.errors import AudioError
    from contravox.inference.embed import embed_readable
    from contravox.terminal.progress import progress_bar

    with _claimed(output, model, manifest, inputs, force) as write:
        with progress_bar("embedding", "utterances") as report:
            measured = output.suffix == ".parquet"
            embedded = embed_readable(model, manifest, measure_speech=measured, progress=report)
        if embedded.unreadable and not (drop_unreadable and len(embedded.embeddings)):
            reason = next(iter(embedded.unreadable.values()))
            mend = "mend them" if drop_unreadable else "mend them, or pass --drop-unreadable"
            raise AudioError(
                f"{reason}; {len(embedded.unreadable):,} of {len(manifest):,} utterances are "
                f"such: {mend}"
            )
        write(embedded)
    if embedded.unreadable:
        reason = next(iter(embedded.unreadable.values()))
        note(f"warning: {len(embedded.unreadable):,} utterances left out, such as {reason}")
    return embedded


@contextmanager
def _claimed(
    output: Path,
    model: "EmbeddingModel",
    manifest: "Manifest",
    inputs: tuple[Path, Path],
    force: bool,
) -> Iterator[Callable[["Embedded"], None]]:
    """Hold the output; gives what writes to it.

    A ``.npz`` itself remembers what it was made from, of others their folder does.
    """
    from contravox.embeddings import made_from
    from contravox.files.outputs import claimed_file, claimed_folder, fingerprint
    from contravox.inference.embedding_files import other_files, write_embeddings

    if output.suffix == ".npz" or output.is_dir():
        made = f"{model.digest} {fingerprint(inputs[1])}"
        with claimed_file(
            output, ".npz", inputs=inputs, own=lambda path: made_from(path) == made, force=force
        ):
            yield lambda embedded: embedded.embeddings.save(
                output, made_from=made, labels_used=model.settings.labels_used
            )
        return
    files = [glob.escape(path.name) for path in other_files(output)]
    made_of: dict[str, Path | str] = {"model": model.digest, "manifest": inputs[1]}
    with claimed_folder(
        output.parent, "embed", files, inputs=inputs, made_from=made_of, force=force
    ):
        yield lambda embedded: write_embeddings(output, model, manifest, embedded)
