"""Trials to listen to: both sides as players that need no file beside the page."""

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import soundfile
from numpy.typing import NDArray

from contravox.audio.waveform import SAMPLE_RATE, read_audio
from contravox.errors import AudioError, MissingExtraError, StorageError
from contravox.trials.trial_set import TrialSet

SECONDS = 6.0
"""How much of a recording is put into the page: enough to know a voice, at about 6 kB a second."""


@dataclass(frozen=True)
class Side:
    """A side of a trial, to listen to.

    name: of the enrolment or the utterance; speaker: its identity, None where unknown.
    note: what else there is to know, such as which utterance of an enrolment is heard; may be "".
    source: the recording as a data URL, or None where it cannot be heard: the note says why.
    """

    name: str
    speaker: str | None
    note: str
    source: str | None


def sides(trial_set: TrialSet, rows: NDArray[np.int64]) -> list[tuple[Side, Side]]:
    """Give the enrolment and the test of the trials in some rows, to listen to.

    Of an enrolment of several utterances the first is heard.
    """
    trials = trial_set.trials.table[rows]
    enrolments, tests = trials["enrolment"].to_list(), trials["test"].to_list()
    behind = {name: [name] for name in enrolments}
    if trial_set.enrolments is not None:
        wanted = trial_set.enrolments.table.filter(pl.col("enrolment").is_in(enrolments))
        grouped = wanted.group_by("enrolment", maintain_order=True).agg("utterance")
        behind = dict(grouped.iter_rows())
    heard = [*tests, *(behind[name][0] for name in enrolments)]
    manifest = trial_set.manifest
    table = manifest.table.with_columns(speaker=manifest.identities)
    table = table.filter(pl.col("utterance").is_in(heard))
    recordings = {row["utterance"]: row for row in table.iter_rows(named=True)}
    players = {name: _player(row) for name, row in recordings.items()}

    def side(name: str, utterances: Sequence[str]) -> Side:
        first = utterances[0]
        source, note = players[first]
        if utterances != [name]:
            which = (
                f"the first of {len(utterances)} utterances"
                if utterances[1:]
                else "the only utterance"
            )
            note = f"{first}, {which}. {note}"
        return Side(name, recordings[first]["speaker"], note, source)

    return [
        (side(enrolment, behind[enrolment]), side(test, [test]))
        for enrolment, test in zip(enrolments, tests, strict=True)
    ]


def _player(recording: Mapping[str, Any]) -> tuple[str | None, str]:
    """The start of an utterance as a data URL, and a note; None and the reason if unreadable."""
    seconds = recording["duration"]
    if recording["path"] is None:
        return None, "No manifest says where the recording is."
    try:
        samples = read_audio(
            recording["path"], start=recording["start"], duration=min(seconds, SECONDS)
        )
    except (AudioError, StorageError, MissingExtraError) as error:
        return None, str(error)
    note = f"{seconds:.1f} s" + (f", of which the first {SECONDS:.0f}" * (seconds > SECONDS))
    return data_url(samples), note


def data_url(samples: NDArray[np.float32]) -> str:
    """A URL that holds (samples,) at 16 kHz itself, as MP3, which all browsers play."""
    coded = io.BytesIO()
    # MP3 holds nothing beyond full scale.
    clipped = samples.clip(-1, 1)
    soundfile.write(coded, clipped, SAMPLE_RATE, format="MP3", subtype="MPEG_LAYER_III")
    return f"data:audio/mpeg;base64,{base64.b64encode(coded.getvalue()).decode()}"
