"""A manifest whose speakers are clusters of embeddings: labels for training that nobody gave.

Training on such pseudo-labels, and clustering what the trained model makes of the utterances, in
rounds, follows Cai, Wang and Li 2021 (arXiv 2010.14751).
"""

import hashlib
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from contravox.corpora.clustering import Clusters, cluster_embeddings
from contravox.corpora.left_out import SKIPPED
from contravox.errors import ManifestError
from contravox.manifest import (
    CLUSTERS,
    CLUSTERS_OF_LABELS,
    COLUMNS,
    MANIFEST,
    SPEAKER_SOURCE,
    START_IN_ORIGINAL,
    Manifest,
)
from contravox.numbering import number_names

FILES = (MANIFEST, SKIPPED)

KEPT = (
    "utterance",
    "path",
    "start",
    "duration",
    "sample_rate",
    "corpus",
    "digest",
    START_IN_ORIGINAL,
)
"""Columns that say what a recording is. All others may tell who speaks, a session too."""


@dataclass(frozen=True)
class Agreement:
    """How clusters go with the speakers that somebody named, from 0 to 1; they had no part in them.

    purity: share of utterances of the speaker who is most frequent in their cluster.
    normalised_mutual_information: of clusters and speakers, over the mean of both entropies: 1
    where they are the same, 0 where they have nothing to do with each other.
    """

    purity: float
    normalised_mutual_information: float
    speakers: int

    @classmethod
    def of(cls, clusters: pl.Series, speakers: pl.Series) -> "Agreement":
        """clusters, speakers: (n,) names, none of them null."""
        from sklearn.metrics import (  # type: ignore[import-untyped]
            normalized_mutual_info_score,
        )

        pairs = pl.DataFrame({"cluster": clusters, "speaker": speakers})
        counts = pairs.group_by("cluster", "speaker").len()
        most = int(counts.group_by("cluster").agg(pl.col("len").max())["len"].sum())
        numbers = [number_names(each).to_numpy() for each in (speakers, clusters)]
        return cls(
            most / len(pairs),
            float(normalized_mutual_info_score(*numbers)),
            speakers.n_unique(),
        )


@dataclass(frozen=True)
class PseudoLabels:
    """manifest: of utterances whose speakers are clusters. skipped: those left out, and why.

    agreement: None where the manifest did not say who speaks.
    """

    manifest: Manifest
    skipped: pl.DataFrame
    agreement: Agreement | None


def pseudo_label(
    manifest: Manifest,
    vectors: NDArray[np.float32],
    clusters: int,
    *,
    labels_used: bool = True,
    centroids: int | None = None,
    smallest: int = 2,
    leave_out: float = 0.0,
    seed: int = 0,
) -> PseudoLabels:
    """Make clusters of a manifest's utterances the speakers, whoever was.

    A cluster is told by a name that no other clustering gives, so that nothing which was trained on
    one is taken for trained on another. In a manifest of several corpora a cluster is another
    speaker in each, as a name is.

    vectors: (n, d), the embedding of each; scaled to length 1 in place. clusters, centroids, seed:
    see ``cluster_embeddings``. labels_used: whether the model of the embeddings was trained with
    speaker labels, or it is not known. leave_out: share of the utterances, of the lowest cosine to
    the mean of their cluster. smallest: utterances that a cluster must have then.

    Raises ManifestError where there are fewer utterances than clusters or centroids, or one cluster
    is left.
    """
    for name, number in (("clusters", clusters), ("centroids", centroids or 0)):
        if number > len(manifest):
            raise ManifestError(
                f"{len(manifest):,} utterances make no {number:,} clusters: set --{name} lower"
            )
    found = cluster_embeddings(vectors, clusters, centroids=centroids, seed=seed)
    source = CLUSTERS_OF_LABELS if labels_used else CLUSTERS
    table = manifest.table.select(pl.col(name) for name in KEPT if name in manifest.table.columns)
    table = table.with_columns(
        _names(table["utterance"], found),
        pl.lit(None, pl.String).alias("session"),
        pl.lit(source).alias(SPEAKER_SOURCE),
    )
    labelled = Manifest(table.select(*COLUMNS, pl.exclude(*COLUMNS)))
    reasons = _reasons(labelled.identities, found.cosines, smallest, leave_out)
    kept = reasons.is_null()
    left = Manifest(labelled.table.filter(kept))
    if len(left.speakers) < 2:
        raise ManifestError(
            f"only {len(left.speakers)} of {clusters:,} clusters has {smallest} utterances or "
            "more, and training needs two: make fewer clusters, or of embeddings that differ"
        )
    named = kept & manifest.identities.is_not_null() & ~manifest.clustered
    agreement = None
    if named.any():
        agreement = Agreement.of(
            labelled.identities.filter(named), manifest.identities.filter(named)
        )
    skipped = table.select("utterance", "path", reason=reasons).filter(~kept)
    return PseudoLabels(left, skipped, agreement)


def _names(utterances: pl.Series, clusters: Clusters) -> pl.Series:
    """(n,) names of the clusters, with a digest of which utterances are together."""
    numbers = pl.Series("speaker", clusters.numbers)
    digest = hashlib.blake2b(numbers.to_numpy().tobytes(), digest_size=4)
    for block in utterances.to_frame().iter_slices(100_000):
        digest.update("\n".join(block.to_series()).encode())
    return pl.select(pl.format(f"cluster-{digest.hexdigest()}-{{}}", numbers)).to_series()


def _reasons(
    identities: pl.Series, cosines: NDArray[np.float32], smallest: int, leave_out: float
) -> pl.Series:
    """(n,) why an utterance is left out, or null."""
    count = int(leave_out * len(cosines))
    far = np.zeros(len(cosines), bool)
    far[np.argsort(cosines, kind="stable")[:count]] = True
    table = pl.DataFrame({"cluster": identities, "far": far})
    near = (~pl.col("far")).sum().over("cluster")
    return table.select(
        pl.when("far")
        .then(pl.lit("far from the mean of its cluster"))
        .when(near < smallest)
        .then(pl.lit(f"of a cluster of fewer than {smallest}"))
    ).to_series()
