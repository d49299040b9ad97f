import base64
import io

import numpy as np
import polars as pl
import pytest
import soundfile

from contravox.manifest import Manifest
from contravox.report.listening import data_url, sides
from contravox.trials.enrolments import Enrolments
from contravox.trials.protocol import Protocol
from contravox.trials.trial_set import TrialSet
from contravox.trials.trials import Trials
from tones import tone

LONG = np.concatenate([tone(3.0, 100), tone(9.0, 170)])
COLUMNS = ["utterance", "speaker", "session", "path", "start", "duration", "sample_rate"]


def heard(source: str | None) -> np.ndarray:
    kind, data = str(source).split(",", 1)
    assert kind == "data:audio/mpeg;base64"
    samples, rate = soundfile.read(io.BytesIO(base64.b64decode(data)), dtype="float32")
    assert rate == 16_000
    assert samples.ndim == 1
    return samples


def alike(samples: np.ndarray, expected: np.ndarray) -> float:
    """How much of ``expected`` is in ``samples``: the correlation, at their best alignment."""
    # MP3 delays what it codes, where its reader does not take that off again.
    products = np.correlate(samples, expected[2000:-2000])
    best = samples[products.argmax() :][: len(expected) - 4000]
    return float(np.corrcoef(best, expected[2000:-2000])[0, 1])


@pytest.fixture
def trial_set(tmp_path) -> TrialSet:
    soundfile.write(tmp_path / "long.wav", LONG, 16_000)
    soundfile.write(tmp_path / "short.flac", tone(1.5, 200, rate=8000), 8000)
    rows = [
        ("long", "anna", None, str(tmp_path / "long.wav"), 0.0, 12.0, 16_000),
        ("part", "anna", None, str(tmp_path / "long.wav"), 3.0, 2.0, 16_000),
        ("short", None, None, str(tmp_path / "short.flac"), 0.0, 1.5, 8000),
        ("gone", "bea", None, str(tmp_path / "gone.wav"), 0.0, 1.0, 16_000),
    ]
    trials = [("long", "part", True), ("short", "gone", False), ("part", "short", False)]
    return TrialSet.of(
        Trials(pl.DataFrame(trials, schema=["enrolment", "test", "target"], orient="row")),
        Manifest(pl.DataFrame(rows, schema=COLUMNS, orient="row")),
        Protocol("list"),
    )


def test_what_is_heard_is_the_start_of_the_utterance(trial_set) -> None:
    (long, part), (part_again, short) = sides(trial_set, np.array([0, 2]))
    assert (long.name, long.speaker, long.note) == ("long", "anna", "12.0 s, of which the first 6")
    assert (part.name, part.note) == ("part", "2.0 s")
    assert part_again == part
    assert (short.speaker, short.note) == (None, "1.5 s")
    for side, expected in ((long, LONG[: 6 * 16_000]), (part, LONG[3 * 16_000 : 5 * 16_000])):
        samples = heard(side.source)
        assert len(samples) == pytest.approx(len(expected), abs=2500)
        assert alike(samples, expected) > 0.95
        assert np.abs(samples).mean() == pytest.approx(np.abs(expected).mean(), rel=0.1)
    assert len(heard(short.source)) == pytest.approx(1.5 * 16_000, abs=2500)


def test_speakers_of_two_corpora_are_told_apart(trial_set) -> None:
    named = trial_set.manifest.table.with_columns(corpus=pl.lit("A"), speaker=pl.lit("0"))
    other = pl.col("utterance").is_in(["gone", "part"])
    named = named.with_columns(corpus=pl.when(other).then(pl.lit("B")).otherwise("corpus"))
    trials = trial_set.trials.table.with_columns(target=pl.lit(False))
    pooled = TrialSet.of(Trials(trials), Manifest(named), trial_set.protocol)
    speakers = [(one.speaker, two.speaker) for one, two in sides(pooled, np.array([0, 1]))]
    assert speakers == [("A/0", "B/0"), ("A/0", "B/0")]


def test_trials_come_in_the_order_asked_for(trial_set) -> None:
    names = [(a.name, b.name) for a, b in sides(trial_set, np.array([2, 0]))]
    assert names == [("part", "short"), ("long", "part")]


def test_what_cannot_be_read_says_so(trial_set) -> None:
    ((_, gone),) = sides(trial_set, np.array([1]))
    assert gone.source is None
    assert gone.note.endswith("gone.wav: no such file")
    assert gone.speaker == "bea"


def test_without_a_manifest_there_is_nothing_to_hear(trial_set) -> None:
    alone = TrialSet.of(
        trial_set.trials, Manifest.of_names(pl.Series(trial_set.utterances)), trial_set.protocol
    )
    ((long, part),) = sides(alone, np.array([0]))
    assert (long.name, long.speaker, long.source) == ("long", None, None)
    assert part.note == "No manifest says where the recording is."


def test_of_an_enrolment_of_several_utterances_the_first_is_heard(trial_set) -> None:
    several = TrialSet.of(
        Trials(
            pl.DataFrame(
                [("model", "short", False), ("one", "part", True)],
                schema=["enrolment", "test", "target"],
                orient="row",
            )
        ),
        trial_set.manifest,
        Protocol("list"),
        Enrolments(
            pl.DataFrame(
                [("model", "part"), ("one", "long"), ("model", "long")],
                schema=["enrolment", "utterance"],
                orient="row",
            )
        ),
    )
    (model, _), (one, _) = sides(several, np.array([0, 1]))
    assert (model.name, model.speaker) == ("model", "anna")
    assert model.note == "part, the first of 2 utterances. 2.0 s"
    assert one.note == "long, the only utterance. 12.0 s, of which the first 6"
    assert alike(heard(model.source), LONG[3 * 16_000 : 5 * 16_000]) > 0.95


def test_nothing_beyond_full_scale_is_coded() -> None:
    loud = 5 * np.sin(np.arange(16_000) / 10).astype(np.float32)
    assert 0.8 < np.abs(heard(data_url(loud))).max() < 1.3


def test_no_trials_give_no_sides(trial_set) -> None:
    assert sides(trial_set, np.array([], dtype=np.int64)) == []
