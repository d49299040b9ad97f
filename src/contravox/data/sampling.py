"""Which segments make a batch."""

import itertools
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Annotated, Literal, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, model_validator

from contravox.data.epoch_shares import CorpusShares, ShareSettings, UtteranceCap
from contravox.data.sampled_positives import PositiveSettings, draw_positives
from contravox.data.similar_speakers import dealt_by_similarity
from contravox.errors import RecipeError
from contravox.settings import Count


class SegmentRequest(NamedTuple):
    """One segment to cut.

    utterance: row in the manifest. segment: which of the segments drawn from this utterance.
    view: which of its label's segments in the batch. seed: the same for all segments drawn
    together from one utterance, so that their places can be chosen not to overlap. anchor: the row
    whose label it has, where it is the sampled positive of another utterance.
    """

    utterance: int
    segment: int
    view: int
    seed: int
    anchor: int | None = None

    @property
    def labelled_by(self) -> int:
        """The row whose label it has."""
        return self.utterance if self.anchor is None else self.anchor


class RandomUtterancesSettings(ShareSettings):
    """Utterances drawn at random, each once an epoch; ``segments`` from each.

    With shares of corpora some come more often in an epoch, never twice in a batch.
    """

    name: Literal["random_utterances"] = "random_utterances"
    utterances: Count = Field(200, description="utterances in a batch")
    segments: int = Field(1, ge=1, le=1000, description="segments from each")
    positives: PositiveSettings | None = Field(
        None,
        description="all segments but the first come from another utterance, probably of the same "
        "speaker; training without labels",
    )

    @model_validator(mode="after")
    def _has_positives(self) -> Self:
        if self.positives is not None and self.segments < 2:
            raise ValueError(
                "positives: with segments=1 there are no pairs: set segments to 2 or more"
            )
        return self

    @property
    def batch_size(self) -> int:
        return self.utterances * self.segments


class SpeakersUtterancesSettings(ShareSettings):
    """``speakers`` different speakers, ``utterances`` of each, ``segments`` from each of those.

    Every utterance is drawn about once an epoch. A speaker with too few utterances for a group
    fills it with other segments of the same ones.
    """

    name: Literal["speakers_utterances"] = "speakers_utterances"
    speakers: int = Field(32, ge=2, le=1_000_000, description="speakers in a batch")
    utterances: int = Field(2, ge=1, le=10_000, description="utterances of each speaker")
    segments: int = Field(1, ge=1, le=1000, description="segments from each utterance")
    similar_share: float = Field(
        0.0,
        ge=0,
        le=1,
        description="of the speakers in a batch, how many are those most like its first one, hard "
        "negatives, by their embeddings in the epoch before",
    )

    @property
    def batch_size(self) -> int:
        return self.speakers * self.utterances * self.segments


SamplerSettings = Annotated[
    RandomUtterancesSettings | SpeakersUtterancesSettings, Field(discriminator="name")
]


class Sampler:
    """Batches of segment requests, the same for the same seed and epoch.

    labels: (n,) int, label of each utterance of the manifest. corpora: (n,) names of their corpora;
    None where they are not known, as in a dry run without the corpus, and shares then not kept.

    Raises RecipeError where the manifest is too small for one batch, or has no corpus of a name.
    """

    def __init__(
        self,
        settings: RandomUtterancesSettings | SpeakersUtterancesSettings,
        labels: NDArray[np.int64],
        *,
        corpora: NDArray[np.str_] | None = None,
        seed: int = 0,
    ) -> None:
        self.settings = settings
        self.labels = labels
        self.seed = seed
        self.cap = self.shares = None
        if settings.utterances_per_speaker is not None:
            self.cap = UtteranceCap(labels, settings.utterances_per_speaker, seed)
        if settings.corpus_shares and corpora is not None:
            self.shares = CorpusShares(corpora, settings.corpus_shares)
        groups = self._groups(0, np.random.default_rng(0))
        if isinstance(settings, SpeakersUtterancesSettings):
            self._check("speakers", settings.speakers, len(np.unique(labels[groups])))
        else:
            different = len(groups) if self.shares is None else len(np.unique(groups))
            self._check("utterances", settings.utterances, different)
            if settings.positives is not None:
                settings.positives.check(len(labels))

    @staticmethod
    def _check(key: str, wanted: int, held: int) -> None:
        if wanted > held:
            raise RecipeError(
                f"sampler.{key} is {wanted} but an epoch of the training manifest holds only "
                f"{held}: set sampler.{key}={held} or less, or train on more"
            )

    @property
    def compares_speakers(self) -> bool:
        """Whether ``batches`` takes the speakers' vectors."""
        settings = self.settings
        return isinstance(settings, SpeakersUtterancesSettings) and settings.similar_share > 0

    @property
    def samples_positives(self) -> bool:
        """Whether ``positives`` takes the utterances' vectors, from some epoch on."""
        settings = self.settings
        return isinstance(settings, RandomUtterancesSettings) and settings.positives is not None

    def positives(
        self,
        epoch: int,
        vectors: NDArray[np.float32] | None,
        device: torch.device | None = None,
    ) -> NDArray[np.int64] | None:
        """(n,) the utterance from which the positive of each is cut in an epoch.

        An utterance itself where there is no other; None where no positives are sampled, or not
        yet. vectors: (labels, d) embeddings, of training without labels one for each utterance.
        device: where they are compared.
        """
        settings = getattr(self.settings, "positives", None)
        if settings is None or vectors is None or epoch < settings.from_epoch:
            return None
        generator = np.random.default_rng([self.seed, epoch, 2])
        return draw_positives(vectors[self.labels], settings, generator, device)

    def batches(
        self,
        epoch: int,
        vectors: NDArray[np.float32] | None = None,
        positives: NDArray[np.int64] | None = None,
    ) -> list[list[SegmentRequest]]:
        """The whole batches of an epoch, as many in each; the rest waits for another epoch.

        vectors: (labels, d), by which speakers are alike; without them none are put together.
        positives: of ``positives``; without them all segments are of their own utterance.

        The rows of a batch are in random order. Parted into chunks or among processes, whose batch
        normalisation sees its own rows alone, it would otherwise give a speaker's segments the same
        statistics and tell them from others by those: He et al. 2020 (MoCo, arXiv 1911.05722,
        section 3.3) shuffle for that reason.
        """
        generator = np.random.default_rng([self.seed, epoch])
        groups = self._groups(epoch, generator)
        rows: Iterable[NDArray[np.int64]]
        if isinstance(self.settings, SpeakersUtterancesSettings):
            keys, size = self.labels[groups[:, 0]], self.settings.speakers
            # Beside the first, which is like itself.
            similar = min(round(self.settings.similar_share * size), size - 1)
            if vectors is None or not similar:
                rows = _dealt(groups, keys, size, generator)
            else:
                rows = dealt_by_similarity(groups, keys, size, similar, vectors, generator)
        elif self.shares is not None:
            rows = _dealt(groups, groups[:, 0], self.settings.utterances, generator)
        else:
            order = generator.permutation(groups[:, 0])
            size = self.settings.utterances
            rows = [order[low : low + size] for low in range(0, len(order) - size + 1, size)]
        batches = [self._requests(batch, generator, positives) for batch in rows]
        # Of random numbers of their own, so that it changes nothing about who is in a batch.
        orders = np.random.default_rng([self.seed, epoch, 1])
        return [[batch[row] for row in orders.permutation(len(batch))] for batch in batches]

    def _groups(self, epoch: int, generator: np.random.Generator) -> NDArray[np.int64]:
        """(g, k) rows of an epoch's groups of one speaker's utterances, as many in every epoch."""
        rows = np.arange(len(self.labels)) if self.cap is None else self.cap.rows(epoch)
        if isinstance(self.settings, SpeakersUtterancesSettings):
            groups = _grouped(rows, self.labels[rows], self.settings.utterances, generator)
        else:
            groups = rows[:, None]
        if self.shares is None:
            return groups
        return self.shares.draw(groups, self.labels[groups[:, 0]], generator)

    def _requests(
        self,
        rows: NDArray[np.int64],
        generator: np.random.Generator,
        positives: NDArray[np.int64] | None,
    ) -> list[SegmentRequest]:
        seeds = generator.integers(2**62, size=len(rows))
        views: dict[int, int] = {}
        requests = []
        present = set(rows.tolist())
        for row, seed in zip(rows.tolist(), seeds.tolist(), strict=True):
            label = int(self.labels[row])
            other = row if positives is None else int(positives[row])
            # Of an utterance that is there already, segments of two labels would part each other.
            source = row if other in present else other
            present.add(source)
            for segment in range(self.settings.segments):
                view = views.get(label, 0)
                views[label] = view + 1
                if segment and source != row:
                    requests.append(SegmentRequest(source, segment, view, seed, anchor=row))
                else:
                    requests.append(SegmentRequest(row, segment, view, seed))
        return requests


def _grouped(
    rows: NDArray[np.int64], labels: NDArray[np.int64], size: int, generator: np.random.Generator
) -> NDArray[np.int64]:
    """Rows (n,) in groups (g, size) of one label (n,), drawn anew."""
    order = np.lexsort((generator.random(len(rows)), labels))
    edges = np.flatnonzero(np.diff(labels[order])) + 1
    groups = []
    for own in np.split(rows[order], edges):
        # Fill the last group, and the only one of a short speaker, from the start again.
        filled = np.resize(own, -(-len(own) // size) * size)
        groups.append(filled.reshape(-1, size))
    return np.concatenate(groups)


def _dealt(
    groups: NDArray[np.int64], keys: NDArray[np.int64], size: int, generator: np.random.Generator
) -> Iterator[NDArray[np.int64]]:
    """Rows of each batch: ``size`` of the groups (g, k), no key (g,) twice in a batch."""
    waiting: deque[int] = deque()
    # Groups that came up while their key was in the batch, by key, each with its turn. Of a key
    # with many there are thousands, which no batch looks through.
    deferred: dict[int, deque[tuple[int, int]]] = {}
    turns = itertools.count()
    for _ in range(len(groups) // size):
        first = sorted(deferred, key=lambda key: deferred[key][0])[:size]
        batch = {key: deferred[key].popleft()[1] for key in first}
        deferred = {key: others for key, others in deferred.items() if others}
        while len(batch) < size:
            if not waiting:
                # At first; and when only keys already in the batch are left.
                waiting.extend(generator.permutation(len(groups)).tolist())
            group = waiting.popleft()
            key = int(keys[group])
            if key in batch:
                deferred.setdefault(key, deque()).append((next(turns), group))
            else:
                batch[key] = group
        yield groups[list(batch.values())].ravel()
