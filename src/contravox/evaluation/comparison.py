"""Two systems' scores of the same trials, brought side by side and compared."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl

from contravox.errors import brief
from contravox.evaluation.result import P_TARGETS
from contravox.metrics.paired_bootstrap import Difference, paired_bootstrap
from contravox.trials.formats import TargetPlace
from contravox.trials.scores import aligned_scores, protocol_beside, score_file
from contravox.trials.trial_set import TrialSet

MEANT_TO_DIFFER = ("model", "embeddings", "file of scores")
"""What of a protocol names the system."""


@dataclass(frozen=True)
class Comparison:
    """Two systems on the same trials.

    first, second: where their scores are from. trials: how many; duplicates: how many of these
    compare what one before them does, all counted. speakers, replicates: of the bootstrap.
    differences: of each measure. protocol_differences: what differs in the
    protocols they were scored by, as name, first and second. told_of_first, told_of_second: what
    only the protocol of one tells, where both have one.
    """

    first: str
    second: str
    trial_list: str
    trials: int
    duplicates: int
    speakers: int
    replicates: int
    differences: list[Difference]
    protocol_differences: list[tuple[str, str, str]]
    told_of_first: list[str]
    told_of_second: list[str]

    def to_dict(self) -> dict[str, Any]:
        """All of it, for programs."""
        differences = [
            asdict(each) | {"significant": each.significant} for each in self.differences
        ]
        return asdict(self) | {"differences": differences}


def compare(
    first: Path,
    second: Path,
    trials: Path,
    manifest: Path | None = None,
    *,
    target: TargetPlace | None = None,
    p_targets: Sequence[float] = P_TARGETS,
    replicates: int = 1000,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> Comparison:
    """Compare two systems by their scores of a trial list.

    first, second: a ``scores.tsv``, or the folder of one that ``contravox evaluate`` wrote; the
    trials in any order.
    trials: the list, or its folder; its manifest says who speaks. manifest: ``manifest.tsv`` beside
    the list by default. target: see ``Trials.read``.

    Raises TrialsError where a file is malformed or has not the very trials of the list;
    ManifestError, MetricError.
    """
    trial_set = TrialSet.read(trials, manifest, target=target)
    files = [score_file(path) for path in (first, second)]
    table = trial_set.trials.table
    scores = [aligned_scores(path, table, trial_set.name) for path in files]
    enrolment, test = trial_set.enrolment_speakers, trial_set.test_speakers
    protocols = [protocol_beside(path) for path in files]
    differences = paired_bootstrap(
        scores[0],
        scores[1],
        trial_set.trials.targets,
        enrolment,
        test,
        p_targets=p_targets,
        replicates=replicates,
        progress=progress,
    )
    return Comparison(
        first=str(first),
        second=str(second),
        trial_list=trial_set.name,
        trials=len(table),
        duplicates=trial_set.listed_twice,
        speakers=pl.concat([pl.Series(enrolment), pl.Series(test)]).n_unique(),
        replicates=replicates,
        differences=differences,
        protocol_differences=_differences_of_protocols(*protocols),
        told_of_first=_told_of_one(*protocols),
        told_of_second=_told_of_one(*protocols[::-1]),
    )


def _differences_of_protocols(
    first: dict[str, Any], second: dict[str, Any]
) -> list[tuple[str, str, str]]:
    """What the protocols say differently, where both say something; systems are meant to differ."""
    return [
        (name, _value(first[name]), _value(second[name]))
        for name in first
        if name in second and name not in MEANT_TO_DIFFER and first[name] != second[name]
    ]


def _told_of_one(protocol: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """What a protocol tells and the other leaves open, though it tells something."""
    names = [name for name in protocol if name not in other and name not in MEANT_TO_DIFFER]
    return names if other else []


def _value(told: Any) -> str:
    """What a protocol says of something, for people."""
    return "none" if told is None else brief(str(told))
