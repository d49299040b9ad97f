"""Batches of speakers who sound alike, whose segments are hard negatives of each other."""

from collections import deque
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray


def dealt_by_similarity(
    groups: NDArray[np.int64],
    speakers: NDArray[np.int64],
    size: int,
    similar: int,
    vectors: NDArray[np.float32],
    generator: np.random.Generator,
) -> Iterator[NDArray[np.int64]]:
    """Rows of each batch: ``size`` of the groups (g, k), no speaker (g,) twice in a batch.

    The first speaker of a batch is drawn, ``similar`` more are those nearest to that one by the
    cosine of vectors (speakers, d), among those of whom a group waits, and the rest is drawn. A
    group is dealt once, and comes again only when all that wait are of speakers in the batch.

    It is after Masztalski et al. 2025 (arXiv 2507.17540), who gather near speakers by clusters of
    embeddings; nearest neighbours part nobody from those just across a cluster's border.
    """
    units = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    waiting = _Waiting(speakers)
    for _ in range(len(groups) // size):
        batch = _Batch(waiting, generator)
        first = batch.draw()
        nearness = units @ units[speakers[first]]
        for speaker in np.argsort(-nearness, kind="stable").tolist():
            if len(batch.groups) > similar:
                break
            batch.take(speaker)
        while len(batch.groups) < size:
            batch.draw()
        yield groups[batch.groups].ravel()


class _Waiting:
    """The groups of an epoch that are not dealt yet: by speaker, and in the order of the draw."""

    def __init__(self, speakers: NDArray[np.int64]) -> None:
        self.speakers = speakers
        self.order: deque[int] = deque()
        self.of_speaker: dict[int, list[int]] = {}
        self.dealt = np.ones(len(speakers), bool)

    def shuffle(self, generator: np.random.Generator) -> None:
        """Let all groups wait once more."""
        order = generator.permutation(len(self.speakers))
        self.order.extend(order.tolist())
        self.dealt[:] = False
        self.of_speaker = {}
        for group in order.tolist():
            self.of_speaker.setdefault(int(self.speakers[group]), []).append(group)


class _Batch:
    """The groups of one batch, as it fills."""

    def __init__(self, waiting: _Waiting, generator: np.random.Generator) -> None:
        self.waiting = waiting
        self.generator = generator
        self.groups: list[int] = []
        self.speakers: set[int] = set()

    def draw(self) -> int:
        """Add the next group of a speaker who is not there yet."""
        waiting = self.waiting
        passed: list[int] = []
        while True:
            if not waiting.order:
                # At first; and when only speakers already in the batch are left.
                waiting.shuffle(self.generator)
                passed.clear()
            group = waiting.order.popleft()
            if waiting.dealt[group]:
                continue
            if int(waiting.speakers[group]) not in self.speakers:
                break
            passed.append(group)
        waiting.order.extendleft(reversed(passed))
        self._add(group)
        return group

    def take(self, speaker: int) -> None:
        """Add a group of this speaker, unless it is there already or none waits."""
        if speaker in self.speakers:
            return
        groups = self.waiting.of_speaker.get(speaker, [])
        if groups:
            self._add(groups[-1])

    def _add(self, group: int) -> None:
        speaker = int(self.waiting.speakers[group])
        self.waiting.dealt[group] = True
        self.waiting.of_speaker[speaker].remove(group)
        self.groups.append(group)
        self.speakers.add(speaker)
