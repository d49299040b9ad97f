"""``contravox shard``."""

from pathlib import Path
from typing import Annotated

import typer

from contravox.commands.console import Force, Json, Output, print_json
from contravox.terminal.messages import note, tell
from contravox.terminal.stopping import goes_on


def shard(
    manifest: Annotated[Path, typer.Argument(help="manifest.tsv")],
    output: Annotated[Path, Output],
    store: Annotated[
        str | None, typer.Option(help="Move the shards there, such as s3://bucket/voxceleb2.")
    ] = None,
    megabytes: Annotated[
        int,
        typer.Option(
            min=1, max=1_000_000, help="Of 16-bit samples in a shard; about half as FLAC."
        ),
    ] = 512,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Put a manifest's utterances into shards: few large files, here or in a store."""
    from contravox.corpora.left_out import SKIPPED
    from contravox.corpora.shards import FILES, PLAN, shard_manifest
    from contravox.files.outputs import claimed_folder
    from contravox.manifest import MANIFEST, Manifest
    from contravox.terminal.progress import progress_bar

    utterances = Manifest.read(manifest)
    with (
        goes_on("the same command goes on from here"),
        claimed_folder(
            output,
            "shard",
            FILES,
            inputs=(manifest,),
            made_from={"manifest": manifest},
            resumes=(output / PLAN).is_file(),
            force=force,
        ),
        progress_bar("writing shards") as report,
    ):
        sharded = shard_manifest(
            utterances, output, store=store, megabytes=megabytes, again=force, progress=report
        )
    skipped = len(sharded.skipped)
    if skipped:
        note(f"warning: {skipped:,} utterances left out: see {output / SKIPPED}")
    path = output / MANIFEST
    if as_json:
        counts = {"utterances": len(sharded.manifest), "shards": sharded.shards, "skipped": skipped}
        print_json({"manifest": str(path), **counts})
    else:
        tell(f"{path}: {len(sharded.manifest):,} utterances in {sharded.shards:,} shards")
