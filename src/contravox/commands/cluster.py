"""``contravox cluster``."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from contravox.commands.console import Force, Json, Output, print_json
from contravox.commands.numbers import HIGHEST_SEED, finite
from contravox.terminal.messages import note, tell

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from contravox.corpora.pseudo_labels import PseudoLabels
    from contravox.manifest import Manifest


def cluster(
    manifest: Annotated[Path, typer.Argument(help="manifest.tsv")],
    embeddings: Annotated[Path, typer.Argument(help=".npz of its utterances, by `embed`.")],
    output: Annotated[Path, Output],
    clusters: Annotated[
        int, typer.Option(min=2, max=1_000_000, help="How many: as many speakers as you guess.")
    ],
    centroids: Annotated[
        int | None,
        typer.Option(
            min=2,
            max=30_000,
            help="Of k-means, joined until there are as many as --clusters. Default: not joined.",
        ),
    ] = None,
    smallest: Annotated[
        int,
        typer.Option(min=1, max=1_000_000, help="Utterances below which a cluster is left out."),
    ] = 2,
    leave_out: Annotated[
        float,
        typer.Option(
            callback=finite, help="Share of utterances, those farthest from their cluster's mean."
        ),
    ] = 0.0,
    seed: Annotated[int, typer.Option(min=0, max=HIGHEST_SEED, help="Of k-means.")] = 0,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Make a manifest whose speakers are clusters of embeddings, to train without labels."""
    from contravox.corpora.left_out import SKIPPED, write_left_out
    from contravox.corpora.pseudo_labels import FILES, pseudo_label
    from contravox.embeddings import labels_used
    from contravox.files.outputs import claimed_folder
    from contravox.manifest import MANIFEST, Manifest

    if centroids is not None and centroids < clusters:
        raise typer.BadParameter(
            f"--centroids are {centroids}, of which no {clusters} clusters can be joined: give more"
        )
    if not 0 <= leave_out < 1:
        raise typer.BadParameter("--leave-out is a share: from 0 up to 1, which leaves none")
    options = (clusters, centroids, smallest, leave_out, seed)
    utterances = Manifest.read(manifest)
    told = labels_used(embeddings)
    with claimed_folder(
        output,
        "cluster",
        FILES,
        inputs=(manifest, embeddings),
        made_from={
            "manifest": manifest,
            "file of embeddings": embeddings,
            "choice of options": " ".join(map(str, options)),
        },
        force=force,
    ):
        made = pseudo_label(
            utterances,
            _vectors(embeddings, utterances, manifest),
            clusters,
            labels_used=told is not False,
            centroids=centroids,
            smallest=smallest,
            leave_out=leave_out,
            seed=seed,
        )
        write_left_out(output / SKIPPED, made.skipped)
        made.manifest.write(output / MANIFEST)
    if told is None:
        note(
            f"warning: {embeddings} does not say whether its model was trained with speaker "
            "labels: what is trained on the clusters will say that labels were used"
        )
    _tell(made, output, as_json)


def _vectors(path: Path, manifest: "Manifest", manifest_path: Path) -> "NDArray[np.float32]":
    """(n, d) embedding of each utterance. Raises ModelError where one has none."""
    from contravox.embeddings import Embeddings
    from contravox.errors import ModelError, TrialsError

    embeddings = Embeddings.load(path)
    try:
        return embeddings.vectors[embeddings.rows(manifest.table["utterance"])]
    except TrialsError as error:
        raise ModelError(
            f"{path}: {error.args[0].partition(':')[0]}: make it with `contravox embed MODEL "
            f"{manifest_path}`"
        ) from error


def _tell(made: "PseudoLabels", output: Path, as_json: bool) -> None:
    from contravox.corpora.left_out import SKIPPED
    from contravox.manifest import MANIFEST

    agreement, skipped = made.agreement, len(made.skipped)
    sizes: list[int] = made.manifest.identities.value_counts()["count"].to_list()
    counts = {
        "utterances": len(made.manifest),
        "clusters": len(sizes),
        "smallest": min(sizes),
        "largest": max(sizes),
        "skipped": skipped,
    }
    if skipped:
        note(f"warning: {skipped:,} utterances left out: see {output / SKIPPED}")
    if as_json:
        known = None if agreement is None else asdict(agreement)
        print_json({"manifest": str(output / MANIFEST), **counts, "agreement": known})
        return
    tell(
        f"{output / MANIFEST}: {len(made.manifest):,} utterances in {len(sizes):,} clusters of "
        f"{min(sizes):,} to {max(sizes):,}"
    )
    if agreement is not None:
        tell(
            f"the manifest's {agreement.speakers:,} speakers, of whom the clusters know nothing: "
            f"purity {agreement.purity:.1%}, normalised mutual information "
            f"{agreement.normalised_mutual_information:.3f}"
        )
