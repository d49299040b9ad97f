"""``contravox embed``."""

from pathlib import Path
from typing import Annotated

import typer

from contravox.commands.console import Json, Output, print_json


def embed(
    model: Annotated[Path, typer.Argument(help="model.safetensors")],
    manifest: Annotated[Path, typer.Argument(help="manifest.tsv")],
    output: Annotated[Path, Output],
    as_json: Json = False,
) -> None:
    """Embed every utterance of a manifest into one .npz file."""
    from contravox.embedding import embed_manifest
    from contravox.manifest import Manifest
    from contravox.model import Model
    from contravox.progress import progress_bar

    loaded, utterances = Model.load(model), Manifest.read(manifest)
    with progress_bar("embedding") as report:
        embeddings = embed_manifest(loaded, utterances, progress=report)
    embeddings.save(output)
    if as_json:
        size = embeddings.vectors.shape[1]
        print_json({"output": str(output), "utterances": len(embeddings), "size": size})
    else:
        print(f"{output}: {len(embeddings):,} embeddings of size {embeddings.vectors.shape[1]}")
