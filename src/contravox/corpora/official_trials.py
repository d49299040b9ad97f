"""The trial lists of a release, with the utterances that are there."""

from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl

from contravox.corpora.corpus import Corpus, OfficialList
from contravox.corpora.lists import find_list
from contravox.errors import TrialsError, quoted
from contravox.manifest import Manifest
from contravox.trials.enrolments import Enrolments
from contravox.trials.protocol import Protocol
from contravox.trials.trial_set import TrialSet
from contravox.trials.trials import Trials


def official_trials(
    name: str,
    corpus: Corpus,
    folder: Path,
    manifest: Manifest,
    drop_missing: bool = False,
    note: Callable[[str], None] = lambda *_: None,
) -> Iterator[TrialSet]:
    """Every official trial list of a corpus that lies below ``folder``.

    name: of the corpus. drop_missing: leave out the trials of utterances that are not in the
    manifest, and of enrolments by such. note: is told which lists are not there or do not hold what
    the release does.

    Raises TrialsError where a list is malformed, or names utterances that are not there.
    """
    absent = []
    for listed in corpus.lists:
        files = [find_list(folder, file) for file in listed.files]
        paths = [path for path in files if path]
        if len(paths) < len(files):
            absent += [f"{listed.protocol} ({' and '.join(listed.files)})"]
            continue
        trials, enrolments = listed.read(paths, manifest.table)
        if listed.trials not in (None, len(trials)):
            note(f"{paths[0]}: holds {len(trials):,} trials, the release's has {listed.trials:,}")
        there, dropped = _present(listed, trials, enrolments, manifest, drop_missing)
        if there.table.is_empty():
            note(f"{listed.protocol}: left out, as no trial has both of its utterances here")
            continue
        protocol = Protocol(
            listed.protocol,
            corpus=name,
            trial_list=paths[0].name,
            trials_in_release=listed.trials,
            trials_dropped=dropped,
            enrolment=listed.enrolment,
        )
        if enrolments:
            used = enrolments.table.join(there.table, on="enrolment", how="semi")
            enrolments = Enrolments(used.unique(maintain_order=True))
        yield TrialSet.of(there, manifest, protocol, enrolments)
    if absent:
        note(f"{folder}: looked for these trial lists, which are not there: {', '.join(absent)}")


def _present(
    listed: OfficialList,
    trials: Trials,
    enrolments: Enrolments | None,
    manifest: Manifest,
    drop_missing: bool,
) -> tuple[Trials, int]:
    """The trials whose utterances are all there, and how many are not."""
    known = manifest.table.select("utterance")
    alone = trials.table.select("enrolment", pl.col("enrolment").alias("utterance")).unique()
    behind = enrolments.table if enrolments else alone
    missing = behind.join(known, on="utterance", how="anti")
    there = trials.table.join(missing, on="enrolment", how="anti", maintain_order="left")
    tests = trials.table.select(utterance="test").unique()
    missing_tests = tests.join(known, on="utterance", how="anti")
    there = there.join(
        missing_tests, left_on="test", right_on="utterance", how="anti", maintain_order="left"
    )
    dropped = len(trials) - len(there)
    if dropped and not drop_missing:
        names = pl.concat([missing["utterance"], missing_tests["utterance"]]).unique()
        raise TrialsError(
            f"{listed.protocol}: {dropped:,} of {len(trials):,} trials need {len(names):,} "
            f"utterances that are not here or were skipped, such as {quoted(names.min())}: unpack "
            "the whole corpus, or leave those trials out with --drop-missing"
        )
    return Trials(there), dropped
