"""Other utterances in place of those that cannot be read."""

from collections.abc import Collection, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from contravox.data.sampling import SegmentRequest
from contravox.errors import TrainingError


class Replacement:
    """Replaces utterances in batches, by nothing but the batch and which are unreadable.

    So it is the same in every process, and in a run that is resumed.

    labels: (n,) int, of the rows that requests name.
    """

    def __init__(self, labels: NDArray[np.int64]) -> None:
        self.labels = labels

    def batch(
        self, requests: Sequence[SegmentRequest], gone: NDArray[np.bool_]
    ) -> list[SegmentRequest]:
        """A batch's requests without the rows that are gone, (n,).

        Each gives way to another utterance of its label that the batch has not, or if need be has
        already; the utterances of a label of which none can be read, to those of a label that the
        batch has not. Segments stay as many of each utterance, and views of each label. Of a
        sampled positive and its anchor, where either is gone, both are the anchor again before.

        Raises TrainingError where no utterance is left.
        """
        requests = [_of_its_anchor(each, gone) for each in requests]
        lost = {each.utterance for each in requests if gone[each.utterance]}
        if not lost:
            return list(requests)
        if gone.all():
            raise TrainingError("no utterance can be read: mend the paths in the manifest")
        present = {each.utterance for each in requests} - lost
        instead: dict[int, int] = {}
        without: dict[int, list[int]] = {}
        for row in sorted(lost):
            label = int(self.labels[row])
            others = self._rows_of(label)
            others = others[~gone[others]]
            if len(others):
                instead[row] = _drawn(others, present, self._generator(requests, row))
                present.add(instead[row])
            else:
                without.setdefault(label, []).append(row)
        for rows in without.values():
            chosen = self._another_label(gone, present, self._generator(requests, rows[0]))
            instead |= dict(zip(rows, np.resize(chosen, len(rows)).tolist(), strict=True))
            present |= set(chosen.tolist())
        return self._with_views(requests, instead)

    @cached_property
    def _by_label(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows in the order of their labels, and where each label begins."""
        order = np.argsort(self.labels, kind="stable")
        return order, np.searchsorted(self.labels[order], np.arange(self.labels.max() + 2))

    def _rows_of(self, label: int) -> NDArray[np.int64]:
        order, starts = self._by_label
        return order[starts[label] : starts[label + 1]]

    def _another_label(
        self, gone: NDArray[np.bool_], present: Collection[int], generator: np.random.Generator
    ) -> NDArray[np.int64]:
        """Readable rows, in random order, of a label that none of the present rows has."""
        readable = np.unique(self.labels[~gone])
        apart = np.setdiff1d(readable, self.labels[list(present)])
        # Where the batch has every label, one comes more often.
        rows = self._rows_of(int(generator.choice(apart if len(apart) else readable)))
        return generator.permutation(rows[~gone[rows]])

    def _with_views(
        self, requests: Sequence[SegmentRequest], instead: dict[int, int]
    ) -> list[SegmentRequest]:
        """The requests with other rows; those of another label are its next views."""
        views: dict[int, int] = {}
        for each in requests:
            if each.utterance not in instead:
                label = int(self.labels[each.labelled_by])
                views[label] = views.get(label, 0) + 1
        replaced = []
        for each in requests:
            if each.utterance not in instead:
                replaced.append(each)
                continue
            row = instead[each.utterance]
            label, view = int(self.labels[row]), each.view
            if label != self.labels[each.utterance]:
                view = views.get(label, 0)
                views[label] = view + 1
            replaced.append(each._replace(utterance=row, view=view))
        return replaced

    @staticmethod
    def _generator(requests: Sequence[SegmentRequest], row: int) -> np.random.Generator:
        """Random numbers of a row in a batch, of which all its segments have the same."""
        seeds = [each.seed for each in requests if each.utterance == row]
        return np.random.default_rng([min(seeds), row])


def _of_its_anchor(request: SegmentRequest, gone: NDArray[np.bool_]) -> SegmentRequest:
    """The request, cut from its anchor where one of the two is gone."""
    anchor = request.anchor
    if anchor is None or not (gone[request.utterance] or gone[anchor]):
        return request
    return request._replace(utterance=anchor, anchor=None)


def _drawn(
    rows: NDArray[np.int64], present: Collection[int], generator: np.random.Generator
) -> int:
    """One of the rows, of those that are not present if there are any."""
    apart = rows[~np.isin(rows, list(present))]
    return int(generator.choice(apart if len(apart) else rows))
