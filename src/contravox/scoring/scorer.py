"""From embeddings to the scores of a trial list, by whatever backend and normalisation."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from contravox.embeddings import Embeddings
from contravox.errors import ScoringError
from contravox.scoring import euclidean
from contravox.scoring.cohort import Cohort, cohort_vectors
from contravox.scoring.cosine import unit_rows
from contravox.scoring.enrolment import EnrolmentMethod, enrol, enrolment_means
from contravox.scoring.inner_products import inner_products
from contravox.scoring.normalisation import NormalisationSettings, ScoreNormaliser
from contravox.scoring.plda import PLDA
from contravox.scoring.whitening import Whitening, WhiteningMethod
from contravox.settings import Settings
from contravox.terminal.progress import Pace
from contravox.trials.enrolments import Enrolments
from contravox.trials.trials import Trials

Comparison = Literal["cosine", "Euclidean distance"]
"""What a model's embeddings were trained to be compared by: their cosine, or as they are by their
distance, of which minus the square is the score."""

Progress = Callable[..., None]
"""Called with how many trials are scored, in all, and perhaps a text about what is done now."""


class ScoringSettings(Settings):
    """How embeddings become scores; every result names it.

    enrolment: what several utterances make together; see ``enrol``. PLDA knows its own way, a
    distance is to their mean, and crops are averaged like utterances.
    backend: "cosine" stands for the model's own comparison. whitening, PLDA and normalisation learn
    from training embeddings.
    """

    enrolment: EnrolmentMethod = "mean of unit embeddings"
    whitening: WhiteningMethod | None = None
    backend: Literal["cosine", "PLDA"] = "cosine"
    normalisation: NormalisationSettings | None = None

    @property
    def learns(self) -> bool:
        """Whether training embeddings are needed."""
        return bool(self.whitening or self.normalisation or self.backend == "PLDA")


@dataclass(frozen=True)
class Scored:
    """scores: (k,) float32 of the trials.

    cohort_means: (k,) mean score of each trial's enrolment, and of its test, against the cohort, or
    None without one.
    """

    scores: NDArray[np.float32]
    cohort_means: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None

    @classmethod
    def joined(cls, blocks: Sequence["Scored"]) -> "Scored":
        """Of the trials of several blocks, one or more."""
        scores = np.concatenate([each.scores for each in blocks])
        means = [each.cohort_means for each in blocks if each.cohort_means is not None]
        if not means:
            return cls(scores)
        enrolment, test = (np.concatenate(side) for side in zip(*means, strict=True))
        return cls(scores, (enrolment, test))


class Scorer:
    """Scores trial lists as ``settings`` say.

    training: embeddings of training data and their speakers (n,), where settings learn.
    crops_averaged: embeddings are means over crops, whose products are means of cosines, and are
    not scaled to length 1.
    comparison: what the embeddings are for.

    Raises ScoringError where training data is needed and not given, or too few, for crops that are
    not scored by the plain cosine, for distances of crops, whitened or normalised, and for a mean
    of embeddings as they are where these are whitened or of crops.
    """

    def __init__(
        self,
        settings: ScoringSettings,
        training: Embeddings | None = None,
        training_speakers: pl.Series | None = None,
        *,
        crops_averaged: bool = False,
        comparison: Comparison = "cosine",
    ) -> None:
        if crops_averaged and (settings.whitening or settings.backend == "PLDA"):
            raise ScoringError("crops are scored by the plain cosine: no whitening, no PLDA")
        if settings.enrolment == "mean of embeddings" and (crops_averaged or settings.whitening):
            raise ScoringError(
                "an enrolment by embeddings as they are (raw) goes by their lengths, of which "
                "whitening and crops leave nothing: take unit or scores"
            )
        self.by_distance = comparison != "cosine" and settings.backend != "PLDA"
        if self.by_distance and (crops_averaged or settings.whitening or settings.normalisation):
            raise ScoringError(
                "the model compares whole utterances by their distance: leave out crops, whitening "
                "and normalisation, or take PLDA"
            )
        self.settings = settings
        self.crops_averaged = crops_averaged
        self.whitening: Whitening | None = None
        self.plda: PLDA | None = None
        self.cohort: Cohort | None = None
        self.learned_size: int | None = None
        if not settings.learns:
            return
        if training is None or training_speakers is None:
            raise ScoringError(
                "whitening, PLDA and normalisation learn from training data: give its manifest by "
                "--training"
            )
        self.learned_size = training.vectors.shape[1]
        if settings.whitening:
            self.whitening = Whitening.learn(
                training.vectors, training_speakers, settings.whitening
            )
        vectors = self._direction(training)
        if settings.backend == "PLDA":
            self.plda = PLDA.learn(vectors, training_speakers)
        if settings.normalisation:
            members = cohort_vectors(vectors, training_speakers, settings.normalisation.members)
            self.cohort = Cohort.of(members) if self.plda is None else self.plda.cohort(members)

    def score(
        self,
        embeddings: Embeddings,
        trials: Trials,
        enrolments: Enrolments | None = None,
        *,
        progress: Progress = lambda *_: None,
    ) -> Scored:
        """Score each trial; see ``score_blocks``."""
        blocks = self.score_blocks(
            embeddings, trials.blocks(), len(trials), enrolments, progress=progress
        )
        return Scored.joined([scored for _, scored in blocks])

    def score_blocks(
        self,
        embeddings: Embeddings,
        blocks: Iterable[Trials],
        total: int,
        enrolments: Enrolments | None = None,
        *,
        progress: Progress = lambda *_: None,
    ) -> Iterator[tuple[Trials, Scored]]:
        """Score a list block by block, so that it need not fit into memory.

        total: how many trials there are about, for ``progress``. enrolments: the utterances behind
        each enrolment; None where it is an utterance. progress: called with the trials scored, in
        all, and of normalisation with how far it has come in a block.

        Raises TrialsError for an utterance without embedding, ScoringError for one without
        direction, and for embeddings of another size than those learned from.
        """
        size = embeddings.vectors.shape[1]
        if self.learned_size not in (None, size):
            raise ScoringError(
                f"the training embeddings are of size {self.learned_size}, those to score of "
                f"{size}: take both from one model"
            )
        done, pace = 0, Pace()

        def compared(rows: int, of: int) -> None:
            speed = pace.after(rows, of)
            progress(done, total, f"{rows:,} of {of:,} compared with the cohort {speed}".rstrip())

        enrolled, test = self._sides(embeddings, enrolments)
        normaliser = None
        if self.cohort is not None and self.settings.normalisation is not None:
            normaliser = ScoreNormaliser(
                enrolled.vectors,
                test.vectors,
                self.cohort,
                self.settings.normalisation,
                progress=compared,
            )
        for trials in blocks:
            pairs = _pairs(trials.table, None if enrolments is None else enrolled, test)
            scores = inner_products(enrolled.vectors, test.vectors, pairs)
            if self.plda is None and not self.by_distance:
                # Rounding can step over 1, which an arc cosine downstream would not survive.
                np.clip(scores, -1, 1, out=scores)
            scored = Scored(scores)
            if normaliser is not None:
                found = normaliser.normalise(scores, pairs)
                scored = Scored(found.scores, (found.enrolment_means, found.test_means))
            yield trials, scored
            done += len(trials)
            progress(done, total)

    @property
    def enrolment(self) -> EnrolmentMethod | None:
        """What several utterances make together; None where PLDA does it in its way."""
        if self.plda is not None:
            return None
        if self.by_distance:
            return "mean of embeddings"
        return "mean of scores" if self.crops_averaged else self.settings.enrolment

    def describe(self) -> dict[str, str]:
        """How scores are made, for a result."""
        settings = self.settings
        score = "cosine" if self.plda is None else "log-likelihood ratio of two-covariance PLDA"
        if self.by_distance:
            score = "minus the squared Euclidean distance"
        if settings.whitening:
            score += f" after {settings.whitening}"
        normalisation = "none"
        if settings.normalisation and self.cohort is not None:
            normalisation = settings.normalisation.describe(len(self.cohort))
        return {"score": score, "normalisation": normalisation}

    def _sides(
        self, embeddings: Embeddings, enrolments: Enrolments | None
    ) -> tuple[Embeddings, Embeddings]:
        """Enrolments and tests as vectors whose inner products are the scores."""
        names = embeddings.utterances
        if self.by_distance:
            own = embeddings
            if enrolments is not None:
                own, _ = enrolment_means(embeddings, enrolments)
            return (
                Embeddings(own.utterances, euclidean.enrolment_vectors(own.vectors)),
                Embeddings(names, euclidean.test_vectors(embeddings.vectors)),
            )
        vectors = self._direction(embeddings)
        if self.plda is not None:
            test = Embeddings(names, self.plda.test_vectors(vectors))
            if enrolments is None:
                return Embeddings(names, self.plda.enrolment_vectors(vectors)), test
            means, counts = enrolment_means(Embeddings(names, vectors), enrolments)
            return Embeddings(
                means.utterances, self.plda.enrolment_vectors(means.vectors, counts)
            ), test
        test = Embeddings(names, vectors)
        if enrolments is None:
            return test, test
        if self.crops_averaged:
            return enrolment_means(test, enrolments)[0], test
        # Their own lengths matter to the mean of embeddings, so those that are not whitened go in.
        own = test if self.whitening else embeddings
        return enrol(own, enrolments, self.settings.enrolment), test

    def _direction(self, embeddings: Embeddings) -> NDArray[np.float32]:
        """Vectors (n, d) whitened, at length 1; means over crops as they are."""
        vectors = embeddings.vectors
        if self.whitening is not None:
            return self.whitening.apply(vectors)
        if self.crops_averaged:
            return vectors
        return unit_rows(vectors, "embeddings", embeddings.utterances)


def _pairs(
    trials: pl.DataFrame, enrolled: Embeddings | None, test: Embeddings
) -> NDArray[np.int64]:
    """(k, 2) rows of the enrolment and the test of each trial; enrolled: None for the same rows."""
    sides = trials["enrolment"], trials["test"]
    if enrolled is None:
        # Both at once, so that what is missing on either side is counted together.
        return np.stack(np.split(test.rows(pl.concat(sides)), 2), axis=1)
    return np.stack([enrolled.rows(sides[0]), test.rows(sides[1])], axis=1)
