"""What an epoch holds of each corpus, and whose its sampled positives are."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from contravox.data.sampling import SegmentRequest
from contravox.manifest import Manifest
from contravox.training.log import read_log
from contravox.training.training_set import TrainingSet, corpus_names


class CorpusInEpoch(NamedTuple):
    """segments: of this corpus; share: of all segments, 0 to 1; utterances: that they are of.

    identities: that those are of, the speakers or in training without labels the utterances;
    largest: the largest share of all segments that is of one of them.
    """

    segments: int
    share: float
    utterances: int
    identities: int
    largest: float


def corpora_in_epoch(
    corpus: TrainingSet, batches: Sequence[Sequence[SegmentRequest]]
) -> dict[str, CorpusInEpoch]:
    """Count an epoch's batches, by the name of the corpus, empty where the manifest has none."""
    rows = np.fromiter((request.utterance for batch in batches for request in batch), np.int64)
    manifest = corpus.manifest
    table = pl.DataFrame(
        {
            "corpus": corpus_names(manifest),
            "utterance": manifest.table["utterance"],
            "identity": corpus.identities,
        }
    )[rows % len(manifest)]
    counts = table.group_by("corpus", "identity").agg(
        pl.len().alias("segments"), pl.col("utterance").n_unique().alias("utterances")
    )
    found = counts.group_by("corpus").agg(
        pl.col("segments").sum().alias("sum"),
        pl.col("utterances").sum(),
        pl.len().alias("identities"),
        pl.col("segments").max().alias("most"),
    )
    return {
        name: CorpusInEpoch(
            segments, segments / len(rows), utterances, identities, most / len(rows)
        )
        for name, segments, utterances, identities, most in found.sort("corpus").rows()
    }


class PositivesInEpoch(NamedTuple):
    """Shares, 0 to 1, that say whether sampled positives are what they are for.

    share: of all segments but the first of each anchor, those cut from another utterance.
    same_speaker: of those, where both speakers are known, those of one speaker; same_session: where
    both sessions are, too, those of one speaker and session. None where that is known of none.
    """

    share: float
    same_speaker: float | None
    same_session: float | None

    def known(self) -> dict[str, float]:
        """The shares by name, as they are logged."""
        return {name: share for name, share in self._asdict().items() if share is not None}


def positives_in_epoch(
    manifest: Manifest, batches: Sequence[Sequence[SegmentRequest]]
) -> PositivesInEpoch:
    """Count the sampled positives of an epoch. It is told, and chooses nothing."""
    later = [each for batch in batches for each in batch if each.segment]
    sampled = [each for each in later if each.anchor is not None]
    # Nobody said that those of a cluster are of one speaker.
    named = pl.when(~manifest.clustered).then(manifest.identities)
    table = manifest.table.select(speaker=named, session="session")
    anchors = table[np.array([each.labelled_by for each in sampled], np.int64)]
    positives = table[np.array([each.utterance for each in sampled], np.int64)]
    same_speaker = anchors["speaker"] == positives["speaker"]
    same_session = anchors["session"] == positives["session"]
    both = (same_speaker & same_session).filter(
        same_speaker.is_not_null() & same_session.is_not_null()
    )
    share = len(sampled) / max(1, len(later))
    return PositivesInEpoch(share, _mean(same_speaker), _mean(both))


def positives_in_words(shares: Mapping[str, float]) -> str:
    """What ``PositivesInEpoch.known`` gives for people, in one line."""
    told = [f"of another utterance {shares['share']:.1%}"]
    if "same_speaker" in shares:
        told.append(f"of those of the same speaker {shares['same_speaker']:.1%}")
    if "same_session" in shares:
        told.append(f"of the same session {shares['same_session']:.1%}")
    return ", ".join(told)


def last_positives(folder: Path) -> dict[str, float]:
    """The logged shares of a training's last epoch with sampled positives; empty without."""
    logged = [entry.get("sampled_positives") for entry in read_log(folder)]
    told: list[Any] = [each for each in logged if each]
    return told[-1] if told else {}


def _mean(flags: pl.Series) -> float | None:
    """The share of flags that are set, of those that are not null."""
    mean = flags.mean()
    return None if mean is None else float(mean)  # type: ignore[arg-type]
