"""LibriSpeech (Panayotov et al., ICASSP 2015): ``dev-clean/1272/128104/1272-128104-0000.flac``.

A session is a chapter. There are no official verification trials.
"""

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from contravox.corpora.corpus import Corpus
from contravox.corpora.files import recordings_like
from contravox.corpora.lists import with_sex
from contravox.manifest import Manifest
from contravox.trials.making import make_trials
from contravox.trials.protocol import Protocol
from contravox.trials.trial_set import TrialSet
from contravox.trials.trials import Trials

PATTERN = (
    r"/(?<subset>(?:dev|test|train)-[^/]+)"
    r"/(?<utterance>(?<speaker>\d+)/(?<session>\d+)/\d+-\d+-\d+)\.[^./]+$"
)
OF_TRAINING = pl.col("subset").str.starts_with("train-")


def librispeech_recordings(folder: Path) -> pl.DataFrame:
    """Every utterance below ``folder``; subset is such as dev-clean, sex as SPEAKERS.TXT has it."""
    recordings = recordings_like(folder, PATTERN)
    return with_sex(recordings, folder, "SPEAKERS.TXT", r"^\s*(\d+)\s*\|\s*([mf])\s*\|")


def librispeech_trials(manifest: Manifest, seed: int) -> Iterator[TrialSet]:
    """Trials within each subset that is not for training, as many of women as of men.

    Pairs are of one sex, as those of different sexes are easily told apart; where the sexes are not
    known, of any. All pairs, or those drawn with ``seed``.

    Raises TrialsError where a subset is too small.
    """
    evaluated = manifest.table.filter(~OF_TRAINING)
    for subset in evaluated["subset"].unique().sort():
        part = Manifest(evaluated.filter(pl.col("subset") == subset))
        balanced = "sex" in part.table.columns and part.table["sex"].n_unique() > 1
        trials = _balanced(part, seed) if balanced else make_trials(part, seed=seed)
        protocol = Protocol(f"librispeech-{subset}", corpus="librispeech")
        yield TrialSet.of(trials, part, protocol)


def _balanced(manifest: Manifest, seed: int) -> Trials:
    made = [
        make_trials(Manifest(part), seed=seed).table.with_columns(sex=pl.lit(part["sex"][0]))
        for part in manifest.table.drop_nulls("sex").sort("sex", "utterance").partition_by("sex")
    ]
    kinds = pl.concat(made).partition_by("target", "sex")
    fewest = {
        target: min(len(trials) for trials in kinds if trials["target"][0] == target)
        for target in (True, False)
    }
    drawn = [
        # Sampling keeps no order; the rows go back to theirs.
        trials.with_row_index().sample(fewest[trials["target"][0]], seed=seed).sort("index")
        for trials in kinds
    ]
    return Trials(pl.concat(drawn).drop("index", "sex"))


LIBRISPEECH = Corpus(
    title="LibriSpeech",
    recordings=librispeech_recordings,
    pattern=PATTERN,
    example="LibriSpeech/dev-clean/1272/128104/1272-128104-0000.flac",
    training=OF_TRAINING,
    release={
        "dev-clean": {"speakers": 40, "utterances": 2_703},
        "dev-other": {"speakers": 33, "utterances": 2_864},
        "test-clean": {"speakers": 40, "utterances": 2_620},
        "test-other": {"speakers": 33, "utterances": 2_939},
        "train-clean-100": {"speakers": 251, "utterances": 28_539},
        "train-clean-360": {"speakers": 921, "utterances": 104_014},
        "train-other-500": {"speakers": 1_166, "utterances": 148_688},
    },
    made_trials=librispeech_trials,
    free=True,
)
