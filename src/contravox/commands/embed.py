"""``contravox embed``."""

import glob
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from contravox.commands.console import Force, Json, Output, print_json
from contravox.commands.galleries import model_of
from contravox.terminal.messages import tell

if TYPE_CHECKING:
    from contravox.embeddings import Embeddings


def embed(
    given: Annotated[
        list[Path],
        typer.Argument(
            metavar="[MODEL] MANIFEST",
            help="manifest.tsv, and before it model.onnx or model.safetensors. Default: the model "
            "of contravox.",
        ),
    ],
    output: Annotated[Path, Output],
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Embed every utterance of a manifest, into a file of the kind that the output's name says.

    .npz, .parquet, or .ark with the .scp beside it.
    """
    from contravox.inference.default_model import told_of
    from contravox.inference.embed import embed_manifest
    from contravox.inference.loading import load_model
    from contravox.manifest import Manifest
    from contravox.terminal.progress import progress_bar

    if len(given) > 2:
        raise typer.BadParameter(f"got {len(given)} arguments, where a model and a manifest are")
    model, manifest = model_of(given[0] if len(given) == 2 else None), given[-1]
    loaded, utterances = load_model(model), Manifest.read(manifest)
    with _claimed(output, model, manifest, loaded.digest, force) as write:
        with progress_bar("embedding", "utterances") as report:
            embeddings = embed_manifest(loaded, utterances, progress=report)
        write(embeddings)
    if as_json:
        size = embeddings.vectors.shape[1]
        told = {"model": told_of(model), "utterances": len(embeddings), "size": size}
        print_json({"output": str(output), **told})
    else:
        tell(f"{output}: {len(embeddings):,} embeddings of size {embeddings.vectors.shape[1]}")


@contextmanager
def _claimed(
    output: Path, model: Path, manifest: Path, digest: str, force: bool
) -> Iterator[Callable[["Embeddings"], None]]:
    """Hold the output; gives what writes to it.

    A ``.npz`` itself remembers what it was made from, of others their folder does.
    """
    from contravox.embeddings import made_from
    from contravox.files.outputs import claimed_file, claimed_folder, fingerprint
    from contravox.inference.embedding_files import other_files, write_embeddings

    inputs = (model, manifest)
    if output.suffix == ".npz" or output.is_dir():
        made = f"{digest} {fingerprint(manifest)}"
        with claimed_file(
            output, ".npz", inputs=inputs, own=lambda path: made_from(path) == made, force=force
        ):
            yield lambda embeddings: embeddings.save(output, made_from=made)
        return
    files = [glob.escape(path.name) for path in other_files(output)]
    made_of: dict[str, Path | str] = {"model": digest, "manifest": manifest}
    with claimed_folder(
        output.parent, "embed", files, inputs=inputs, made_from=made_of, force=force
    ):
        yield lambda embeddings: write_embeddings(output, embeddings)
