"""How much of an epoch a speaker and a corpus may be."""

from collections.abc import Mapping
from typing import Annotated, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from contravox.errors import RecipeError, brief, few, near_miss
from contravox.settings import Count, Settings, Share

TOLERANCE = 1e-6
"""By which shares may miss a sum of 1: thirds have no end."""


class ShareSettings(Settings):
    """utterances_per_speaker: at most so many of a speaker in an epoch, others in the next.

    corpus_shares: of an epoch, by the name of the corpus; corpora that are not named share the
    rest as their sizes are. An epoch stays as long as it is without shares: a corpus below its
    share comes more than once, one above it in part, spread over its speakers.
    """

    utterances_per_speaker: Count | None = Field(
        None, description="at most so many of a speaker in an epoch"
    )
    corpus_shares: Annotated[dict[str, Share], Field(max_length=1000)] = Field(
        {}, description="share of an epoch by name of the corpus"
    )

    @model_validator(mode="after")
    def _no_more_than_all(self) -> Self:
        total = sum(self.corpus_shares.values())
        if total > 1 + TOLERANCE:
            raise ValueError(f"corpus_shares add up to {total:g}: an epoch has shares of 1 in all")
        return self


class UtteranceCap:
    """At most ``most`` utterances of a speaker in an epoch, over epochs each as often as others.

    labels: (n,) int, the speaker of each utterance. seed: of the order in which a speaker's
    utterances come.
    """

    def __init__(self, labels: NDArray[np.int64], most: int, seed: int) -> None:
        order = np.lexsort((np.random.default_rng([seed, 2]).random(len(labels)), labels))
        self.place = np.empty(len(labels), np.int64)
        self.place[order] = _ranks(labels[order])
        self.counts = np.bincount(labels)[labels]
        self.most = most

    def rows(self, epoch: int) -> NDArray[np.int64]:
        """The utterances of an epoch, ascending; of every speaker as many as in any other epoch."""
        return np.flatnonzero((self.place - epoch * self.most) % self.counts < self.most)


class CorpusShares:
    """Draws groups of utterances so that every corpus makes up its share of an epoch.

    corpora: (n,) name of the corpus of each utterance, empty where it has none. shares: by name.

    Raises RecipeError for a corpus that there is not, and shares that cannot be.
    """

    def __init__(self, corpora: NDArray[np.str_], shares: Mapping[str, float]) -> None:
        self.names, self.corpus = np.unique(corpora, return_inverse=True)
        self.shares = np.array([shares.get(name, np.nan) for name in self.names.tolist()])
        for name in shares:
            if name not in self.names:
                raise RecipeError(f"sampler.corpus_shares.{brief(name)}: {self._hint(name)}")
        total, named = sum(shares.values()), not np.isnan(self.shares).any()
        if named and total < 1 - TOLERANCE:
            raise RecipeError(
                f"sampler.corpus_shares add up to {total:g} and name every corpus: let them add up "
                "to 1, or leave one out, which then gets the rest"
            )
        if not named and total > 1 - TOLERANCE:
            others = [name or "(no corpus)" for name in self.names[np.isnan(self.shares)].tolist()]
            raise RecipeError(
                f"sampler.corpus_shares add up to 1 and leave nothing to {few(others)}: "
                "lower them, or give it a share of 0"
            )

    def draw(
        self,
        groups: NDArray[np.int64],
        labels: NDArray[np.int64],
        generator: np.random.Generator,
    ) -> NDArray[np.int64]:
        """Draw as many groups as are given, (g, k), of each corpus its share of them.

        groups: rows of utterances, those of a group of one corpus and one speaker; labels: (g,).
        """
        corpus = self.corpus[groups[:, 0]]
        sizes = np.bincount(corpus, minlength=len(self.names))
        drawn = []
        for number, quota in enumerate(self._quotas(sizes)):
            own = np.flatnonzero(corpus == number)
            if quota:
                times, rest = divmod(int(quota), len(own))
                drawn += [own] * times + [_spread(own, labels[own], rest, generator)]
        return groups[np.concatenate(drawn)]

    def _quotas(self, sizes: NDArray[np.int64]) -> NDArray[np.int64]:
        """How many groups of each corpus, (c,), given (c,) how many there are; as many in all."""
        open_ = np.isnan(self.shares)
        left = 1 - self.shares[~open_].sum()
        shares = np.where(open_, left * sizes / max(1, sizes[open_].sum()), self.shares)
        edges = np.rint(np.cumsum(shares / shares.sum()) * sizes.sum()).astype(np.int64)
        return np.diff(edges, prepend=0)

    def _hint(self, name: str) -> str:
        known = [each for each in self.names.tolist() if each]
        if not known:
            return "the manifests name no corpus: add a column corpus to them"
        return f"no such corpus: {near_miss(name, known, few(known))}"


def _spread(
    rows: NDArray[np.int64], labels: NDArray[np.int64], count: int, generator: np.random.Generator
) -> NDArray[np.int64]:
    """Draw ``count`` of (r,) rows, of all labels (r,) as evenly as there are rows of each."""
    order = np.lexsort((generator.random(len(rows)), labels))
    turn = _ranks(labels[order])
    return rows[order[np.lexsort((generator.random(len(rows)), turn))[:count]]]


def _ranks(ordered: NDArray[np.int64]) -> NDArray[np.int64]:
    """0, 1, ... within each run of equal values."""
    starts = np.flatnonzero(np.diff(ordered, prepend=ordered[0] - 1))
    return np.arange(len(ordered)) - np.repeat(starts, np.diff(starts, append=len(ordered)))
