"""``contravox embed``."""

from pathlib import Path
from typing import Annotated

import typer

from contravox.commands.console import Force, Json, Output, print_json
from contravox.terminal.messages import tell


def embed(
    model: Annotated[Path, typer.Argument(help="model.onnx or model.safetensors")],
    manifest: Annotated[Path, typer.Argument(help="manifest.tsv")],
    output: Annotated[Path, Output],
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Embed every utterance of a manifest into one .npz file."""
    from contravox.embeddings import made_from
    from contravox.files.outputs import claimed_file, fingerprint
    from contravox.inference.embed import embed_manifest
    from contravox.inference.loading import load_model
    from contravox.manifest import Manifest
    from contravox.terminal.progress import progress_bar

    loaded, utterances = load_model(model), Manifest.read(manifest)
    made = f"{loaded.digest} {fingerprint(manifest)}"
    with claimed_file(
        output,
        ".npz",
        inputs=(model, manifest),
        own=lambda path: made_from(path) == made,
        force=force,
    ):
        with progress_bar("embedding", "utterances") as report:
            embeddings = embed_manifest(loaded, utterances, progress=report)
        embeddings.save(output, made_from=made)
    if as_json:
        size = embeddings.vectors.shape[1]
        print_json({"output": str(output), "utterances": len(embeddings), "size": size})
    else:
        tell(f"{output}: {len(embeddings):,} embeddings of size {embeddings.vectors.shape[1]}")
