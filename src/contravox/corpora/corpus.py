"""What contravox knows of a corpus."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import polars as pl

from contravox.audio.waveform import MINIMUM_SECONDS
from contravox.manifest import Manifest
from contravox.trials.enrolments import Enrolments
from contravox.trials.trial_set import TrialSet
from contravox.trials.trials import Trials


@dataclass(frozen=True)
class OfficialList:
    """A trial list of a release.

    protocol: its name; files: the list and what is read with it, as they lie below the corpus;
    read: from their paths and the manifest's table to trials in the names of the manifest;
    trials: how many the release has; enrolment: what stands behind the first side of a trial.
    """

    protocol: str
    files: tuple[str, ...]
    read: Callable[[Sequence[Path], pl.DataFrame], tuple[Trials, Enrolments | None]]
    trials: int | None = None
    enrolment: Literal["one utterance", "utterances concatenated", "several utterances"] = (
        "one utterance"
    )


@dataclass(frozen=True)
class Corpus:
    """A corpus, or a layout that any corpus may have.

    title: for people. recordings: from the folder to a table with the columns path and utterance
    and, as far as known, speaker, session, start and duration (s), corpus, and any others.

    pattern, example: how the paths of its recordings look, for a program and for people; None where
    they look like anything.

    training: which rows are the official training part. apart: rows that go into a manifest in a
    folder of that name instead of the corpus's. release: the size of each subset (or kind).
    lists: official trials. made_trials: makes those that the corpus lacks.

    used_part: from the path of a recording to start and duration (s) of what is used of it, where
    that follows from what it holds; raises AudioError for one that is of no use.

    free: it has no official parts, so it may be split and trials be made of all of it.
    shortest: s, under which a recording is left out.
    """

    title: str
    recordings: Callable[[Path], pl.DataFrame]
    pattern: str | None = None
    example: str | None = None
    training: pl.Expr | None = None
    apart: Mapping[str, pl.Expr] = field(default_factory=dict)
    release: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    lists: tuple[OfficialList, ...] = ()
    made_trials: Callable[[Manifest, int], Iterator[TrialSet]] | None = None
    used_part: Callable[[str], tuple[float, float]] | None = None
    free: bool = False
    shortest: float = MINIMUM_SECONDS
