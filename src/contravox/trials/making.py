"""Trial lists made from a manifest, for corpora that have none of their own."""

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from contravox.errors import TrialsError
from contravox.manifest import Manifest
from contravox.numbering import number_names
from contravox.trials.trials import Trials


def make_trials(manifest: Manifest, *, seed: int = 0, maximum: int = 100_000) -> Trials:
    """Make a trial list from an evaluation manifest.

    Targets are all pairs of utterances of a speaker, across sessions where the speaker has several
    (a pair within a session shares its channel, which flatters). Non-targets are all pairs of
    different speakers. Where there are more than ``maximum`` of a kind, that many are drawn with
    ``seed``.

    Raises TrialsError where no target or no non-target pair exists, or speakers are clusters.
    """
    if manifest.clustered.any():
        raise TrialsError(
            "its speakers are clusters, by which nothing can be measured: make trials of a "
            "manifest of known speakers"
        )
    generator = np.random.default_rng(seed)
    known = manifest.identities.is_not_null()
    rows = manifest.table.filter(known)
    speakers = number_names(manifest.identities.filter(known)).to_numpy().astype(np.int64)
    targets = _target_pairs(rows, speakers, maximum, generator)
    if not len(targets):
        raise TrialsError(
            "no speaker has two utterances: target trials need at least two of the same speaker"
        )
    non_targets = _non_target_pairs(speakers, maximum, generator)
    if not len(non_targets):
        raise TrialsError("only one speaker: non-target trials need at least two")
    names = rows["utterance"]
    pairs = np.concatenate([targets, non_targets])
    is_target = np.arange(len(pairs)) < len(targets)
    return Trials(
        pl.DataFrame(
            {"enrolment": names[pairs[:, 0]], "test": names[pairs[:, 1]], "target": is_target}
        )
    )


def make_pooled_trials(
    manifest: Manifest, *, across_corpora: bool = False, seed: int = 0, maximum: int = 100_000
) -> Trials:
    """Make a trial list from a manifest of several corpora: that of each, one after another.

    So non-targets are within a corpus, where only voices differ: between two, channels tell most of
    them apart, which flatters. ``maximum`` is of each corpus.

    across_corpora: make the list of all utterances at once, non-targets between corpora included.

    Raises TrialsError naming the corpus where one has no target or no non-target pair.
    """
    if across_corpora or "corpus" not in manifest.table.columns:
        return make_trials(manifest, seed=seed, maximum=maximum)
    lists = []
    for corpus in manifest.table["corpus"].unique().sort().to_list():
        within = Manifest(manifest.table.filter(pl.col("corpus").eq_missing(corpus)))
        try:
            lists.append(make_trials(within, seed=seed, maximum=maximum).table)
        except TrialsError as error:
            raise TrialsError(
                f"{corpus or 'utterances of no named corpus'}: {error}: leave its manifest out, or "
                "pass --across-corpora"
            ) from error
    return Trials(pl.concat(lists))


def within_sessions(trials: Trials, manifest: Manifest) -> int:
    """How many target trials are not known to be of two sessions: they share a channel perhaps."""
    sessions = manifest.table.select("utterance", "session")
    sides = trials.table.filter("target")
    for side in ("enrolment", "test"):
        of_side = sessions.rename({"utterance": side, "session": f"session of {side}"})
        sides = sides.join(of_side, on=side, how="left")
    different = pl.col("session of enrolment") != pl.col("session of test")
    return int((~sides.select(different.fill_null(False)).to_series()).sum())


def _target_pairs(
    rows: pl.DataFrame, speakers: NDArray[np.int64], maximum: int, generator: np.random.Generator
) -> NDArray[np.int64]:
    """(k, 2) rows of one speaker, across sessions where there are several: all, or ``maximum``."""
    order = np.argsort(speakers, kind="stable")
    counts = np.unique(speakers, return_counts=True)[1]
    starts = np.cumsum(counts) - counts
    sessions = number_names(rows["session"]).cast(pl.Int64).fill_null(-1).to_numpy()
    sessions_of = pl.DataFrame({"speaker": speakers, "session": sessions})
    several = (
        sessions_of.select((pl.col("session").n_unique() > 1).over("speaker"))
        .to_series()
        .to_numpy()
    )

    def kept(pairs: NDArray[np.int64]) -> NDArray[np.int64]:
        one, other = pairs.T
        return pairs[~several[one] | (sessions[one] != sessions[other])]

    pairs_of = counts * (counts - 1) // 2
    if pairs_of.sum() <= 4 * maximum:
        listed = [np.stack(np.triu_indices(count, k=1), axis=1) for count in counts]
        placed = [start + pairs for start, pairs in zip(starts, listed, strict=True)]
        everything = np.sort(order[np.concatenate(placed)], axis=1)
        everything = everything[np.lexsort(everything.T[::-1])]
        return _draw(kept(everything), maximum, generator)
    # Too many to list: draw speakers in proportion to their pairs, and pairs of each, until enough
    # distinct ones are there.
    keys = np.empty(0, np.int64)
    for _ in range(100):
        chosen = generator.choice(len(counts), 2 * maximum, p=pairs_of / pairs_of.sum())
        first = generator.integers(counts[chosen])
        other = (first + generator.integers(1, counts[chosen])) % counts[chosen]
        drawn = order[starts[chosen][:, None] + np.stack([first, other], axis=1)]
        drawn = kept(np.sort(drawn, axis=1))
        keys = np.unique(np.concatenate([keys, drawn[:, 0] * len(rows) + drawn[:, 1]]))
        if len(keys) >= maximum:
            break
    return _draw(np.stack([keys // len(rows), keys % len(rows)], axis=1), maximum, generator)


def _non_target_pairs(
    speakers: NDArray[np.int64], maximum: int, generator: np.random.Generator
) -> NDArray[np.int64]:
    """(k, 2) rows of different speakers: all, or ``maximum`` distinct ones."""
    count = len(speakers)
    if count * (count - 1) // 2 <= 4 * maximum:
        first, second = np.triu_indices(count, k=1)
        different = speakers[first] != speakers[second]
        return _draw(np.stack([first, second], axis=1)[different], maximum, generator)
    # Too many to list: draw pairs until enough distinct ones are there.
    keys = np.empty(0, np.int64)
    for _ in range(100):
        drawn = np.sort(generator.integers(count, size=(2 * maximum, 2)), axis=1)
        drawn = drawn[speakers[drawn[:, 0]] != speakers[drawn[:, 1]]]
        keys = np.unique(np.concatenate([keys, drawn[:, 0] * count + drawn[:, 1]]))
        if len(keys) >= maximum:
            break
    return _draw(np.stack([keys // count, keys % count], axis=1), maximum, generator)


def _draw(pairs: ArrayLike, maximum: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """Pairs (k, 2), or ``maximum`` of them in their order."""
    pairs = np.asarray(pairs, np.int64)
    if len(pairs) <= maximum:
        return pairs
    return pairs[np.sort(generator.choice(len(pairs), maximum, replace=False))]
