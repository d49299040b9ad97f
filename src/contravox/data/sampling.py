"""Which segments make a batch."""

from collections import deque
from collections.abc import Iterator
from typing import Annotated, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from contravox.errors import RecipeError
from contravox.settings import Count, Settings


class SegmentRequest(NamedTuple):
    """One segment to cut.

    utterance: row in the manifest. segment: which of the segments drawn from this utterance.
    view: which of its label's segments in the batch. seed: the same for all segments drawn
    together from one utterance, so that their places can be chosen not to overlap.
    """

    utterance: int
    segment: int
    view: int
    seed: int


class RandomUtterancesSettings(Settings):
    """Utterances drawn at random, each once an epoch; ``segments`` from each."""

    name: Literal["random_utterances"] = "random_utterances"
    utterances: Count = Field(200, description="utterances in a batch")
    segments: int = Field(1, ge=1, le=1000, description="segments from each")

    @property
    def batch_size(self) -> int:
        return self.utterances * self.segments


class SpeakersUtterancesSettings(Settings):
    """``speakers`` different speakers, ``utterances`` of each, ``segments`` from each of those.

    Every utterance is drawn about once an epoch. A speaker with too few utterances for a group
    fills it with other segments of the same ones.
    """

    name: Literal["speakers_utterances"] = "speakers_utterances"
    speakers: int = Field(32, ge=2, le=1_000_000, description="speakers in a batch")
    utterances: int = Field(2, ge=1, le=10_000, description="utterances of each speaker")
    segments: int = Field(1, ge=1, le=1000, description="segments from each utterance")

    @property
    def batch_size(self) -> int:
        return self.speakers * self.utterances * self.segments


SamplerSettings = Annotated[
    RandomUtterancesSettings | SpeakersUtterancesSettings, Field(discriminator="name")
]


class Sampler:
    """Batches of segment requests, the same for the same seed and epoch.

    labels: (n,) int, label of each utterance of the manifest.

    Raises RecipeError where the manifest is too small for one batch.
    """

    def __init__(
        self,
        settings: RandomUtterancesSettings | SpeakersUtterancesSettings,
        labels: NDArray[np.int64],
        *,
        seed: int = 0,
    ) -> None:
        self.settings = settings
        self.labels = labels
        self.seed = seed
        if isinstance(settings, SpeakersUtterancesSettings):
            self._check("speakers", settings.speakers, len(np.unique(labels)))
        else:
            self._check("utterances", settings.utterances, len(labels))

    @staticmethod
    def _check(key: str, wanted: int, held: int) -> None:
        if wanted > held:
            raise RecipeError(
                f"sampler.{key} is {wanted} but the training manifest holds only {held}: "
                f"set sampler.{key}={held} or less, or train on more"
            )

    def batches(self, epoch: int) -> list[list[SegmentRequest]]:
        """The whole batches of an epoch, as many in each; the rest waits for another epoch.

        The rows of a batch are in random order. Parted into chunks or among processes, whose batch
        normalisation sees its own rows alone, it would otherwise give a speaker's segments the same
        statistics and tell them from others by those: He et al. 2020 (MoCo, arXiv 1911.05722,
        section 3.3) shuffle for that reason.
        """
        generator = np.random.default_rng([self.seed, epoch])
        if isinstance(self.settings, SpeakersUtterancesSettings):
            rows = list(self._speaker_batches(generator, self.settings))
        else:
            order = generator.permutation(len(self.labels))
            size = self.settings.utterances
            rows = [order[low : low + size] for low in range(0, len(order) - size + 1, size)]
        batches = [self._requests(batch, generator) for batch in rows]
        # Of random numbers of their own, so that it changes nothing about who is in a batch.
        orders = np.random.default_rng([self.seed, epoch, 1])
        return [[batch[row] for row in orders.permutation(len(batch))] for batch in batches]

    def _speaker_batches(
        self, generator: np.random.Generator, settings: SpeakersUtterancesSettings
    ) -> Iterator[NDArray[np.int64]]:
        """Rows of each batch: groups of one speaker's utterances, no speaker twice in a batch."""
        order = np.lexsort((generator.random(len(self.labels)), self.labels))
        edges = np.flatnonzero(np.diff(self.labels[order])) + 1
        groups: list[NDArray[np.int64]] = []
        for rows in np.split(order, edges):
            # Fill the last group, and the only one of a short speaker, from the start again.
            filled = np.resize(rows, -(-len(rows) // settings.utterances) * settings.utterances)
            groups.extend(filled.reshape(-1, settings.utterances))
        waiting: deque[NDArray[np.int64]] = deque()
        for _ in range(len(groups) // settings.speakers):
            batch: dict[int, NDArray[np.int64]] = {}
            deferred = []
            while len(batch) < settings.speakers:
                if not waiting:
                    # At first; and when only speakers already in the batch are left.
                    waiting.extend(groups[index] for index in generator.permutation(len(groups)))
                group = waiting.popleft()
                label = int(self.labels[group[0]])
                if label in batch:
                    deferred.append(group)
                else:
                    batch[label] = group
            waiting.extendleft(reversed(deferred))
            yield np.concatenate(list(batch.values()))

    def _requests(
        self, rows: NDArray[np.int64], generator: np.random.Generator
    ) -> list[SegmentRequest]:
        seeds = generator.integers(2**62, size=len(rows))
        views: dict[int, int] = {}
        requests = []
        for row, seed in zip(rows.tolist(), seeds.tolist(), strict=True):
            label = int(self.labels[row])
            for segment in range(self.settings.segments):
                view = views.get(label, 0)
                views[label] = view + 1
                requests.append(SegmentRequest(row, segment, view, seed))
        return requests
