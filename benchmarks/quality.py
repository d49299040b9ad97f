"""What a recording's quality does to error rates, and which warnings it sets off.

    python benchmarks/quality.py RUNS --speech SPEECH --output DIR --noise NOISE [--speakers 150]
        [--only TABLE ...]

RUNS holds ``fold0/model.safetensors`` and so on, trained by ``reproduce.py`` on SPEECH and DIR. Of
the speakers that a model never heard, utterances with three seconds of speech or more are compared,
within a corpus. The enrolment is as it was recorded; the test is cut, mixed with noise, limited in
band, clipped, laid into silence, or mixed with another voice as the mean of two channels is. The
folds' trials are measured together, each with its fold's own threshold taken off the scores.

Of every condition: the median of what ``quality`` says of it; the equal error rate; misses and
false alarms at the threshold at which both are equal for the recordings as they are; and the share
of the recordings with the warning, or refused.
"""

import argparse
import io
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import soundfile
import soxr
from numpy.typing import NDArray
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from contravox.audio.quality import quality_of
from contravox.audio.speech_activity import only_speech, speech_frames
from contravox.audio.waveform import SAMPLE_RATE, read_audio
from contravox.augmentation.noise import mix_at_snr
from contravox.errors import AudioWarning
from contravox.inference.recording import LEAST_SPEECH, warnings_of
from contravox.manifest import Manifest
from contravox.metrics.error_rates import equal_error_rate
from contravox.model import Model
from contravox.terminal.progress import progress_bar
from contravox.trials.making import make_pooled_trials
from reproduction.folds import make_folds
from reproduction.speech import pooled

SECONDS = 3.0
"""Of speech that every utterance has."""

MAXIMUM = 3000
"""Trials of a kind from one corpus in one fold."""

TABLES = ("speech", "noise", "band", "clipping", "silence", "another voice")

Change = Callable[[int], NDArray[np.float32]]
"""From the number of an utterance to its recording under a condition."""


@dataclass(frozen=True)
class Condition:
    """title: its table; name: its row; change: of the recordings; speech_only: what is embedded."""

    title: str
    name: str
    change: Change
    speech_only: bool = False


@dataclass
class Measured:
    """Of one condition, over folds. scores, targets: of trials; the rest: of recordings."""

    scores: list[NDArray]
    targets: list[NDArray]
    codes: list[set[str]]
    values: list[tuple[float, float, float]]


def main() -> None:
    """Read the options, measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", type=Path)
    parser.add_argument("--speech", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--noise", type=Path, required=True)
    parser.add_argument("--speakers", type=int, default=150)
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--only", nargs="+", metavar="TABLE", default=TABLES, choices=TABLES)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", AudioWarning)
    noises = [read_audio(path) for path in sorted(arguments.noise.rglob("*.ogg"))]
    noises = [noise for noise in noises if noise.std() > 1e-3]
    folds = make_folds(
        pooled(arguments.speech, arguments.output), arguments.folds, arguments.output
    )
    found: dict[tuple[str, str], Measured] = {}
    utterances = 0
    for number, fold in enumerate(folds):
        path = arguments.runs / f"fold{number}" / "model.safetensors"
        if path.exists():
            speakers = arguments.speakers // arguments.folds
            model = Model.load(path)
            recordings = long_enough(fold.trials.manifest, speakers)
            conditions = [
                each
                for each in conditions_of(recordings[1], noises)
                if each.title in arguments.only
            ]
            utterances += measure_fold(model, recordings, conditions, found)
    print(
        f"{utterances:,} recordings, {sum(map(len, next(iter(found.values())).targets)):,} trials"
    )
    for title in dict.fromkeys(title for title, _ in found):
        rows = {name: each for (of, name), each in found.items() if of == title}
        Console(width=170).print(table_of(title, rows))


def measure_fold(
    model: Model,
    recordings: tuple[list[str], list[NDArray[np.float32]], Manifest],
    conditions: Sequence[Condition],
    found: dict[tuple[str, str], Measured],
) -> int:
    """Measure conditions on one fold; add to ``found``. Returns how many recordings."""
    names, waveforms, chosen = recordings
    trials = make_pooled_trials(chosen, maximum=MAXIMUM)
    rows = {name: row for row, name in enumerate(names)}
    sides = [
        trials.table[side].replace_strict(rows, return_dtype=pl.Int64).to_numpy()
        for side in ("enrolment", "test")
    ]
    units = {whole: embed(model, waveforms, whole) for whole in (False, True)}
    thresholds = {
        whole: equal_error_rate(score(units[whole], units[whole], sides), trials.targets)[1]
        for whole in units
    }
    with progress_bar("conditions") as report:
        for done, each in enumerate(conditions):
            changed = [each.change(row) for row in range(len(waveforms))]
            tests = embed(model, changed, each.speech_only)
            measured = found.setdefault((each.title, each.name), Measured([], [], [], []))
            scores = score(units[each.speech_only], tests, sides)
            measured.scores.append(scores - thresholds[each.speech_only])
            measured.targets.append(trials.targets)
            for waveform in changed:
                codes, values = said_of(waveform)
                measured.codes.append(codes)
                measured.values.append(values)
            report(done + 1, len(conditions))
    return len(names)


def long_enough(
    manifest: Manifest, speakers: int
) -> tuple[list[str], list[NDArray[np.float32]], Manifest]:
    """Up to four utterances of so many speakers with enough speech: names, waveforms, manifest."""
    generator = np.random.default_rng(0)
    names, waveforms = [], []
    done = 0
    for speaker in generator.permutation(manifest.speakers):
        mine: list[tuple[str, NDArray[np.float32]]] = []
        table = manifest.of_speakers([str(speaker)]).table.filter(pl.col("duration") >= SECONDS)
        for name, path, start, duration in table.select(
            "utterance", "path", "start", "duration"
        ).iter_rows():
            waveform = read_audio(path, start=start, duration=duration)
            if len(mine) < 4 and len(only_speech(waveform)) >= SECONDS * SAMPLE_RATE:
                mine.append((name, waveform))
        if len(mine) > 1:
            done += 1
            names += [name for name, _ in mine]
            waveforms += [waveform for _, waveform in mine]
        if done == speakers:
            break
    kept = Manifest(manifest.table.filter(pl.col("utterance").is_in(names)))
    counts = kept.table.select(pl.col("speaker").n_unique().over("corpus")).to_series()
    return names, waveforms, Manifest(kept.table.filter(counts > 1))


def conditions_of(
    waveforms: Sequence[NDArray[np.float32]], noises: Sequence[NDArray[np.float32]]
) -> list[Condition]:
    """Every condition, in the order of the tables."""
    speech = [only_speech(waveform) for waveform in waveforms]

    def cut(seconds: float) -> Change:
        return lambda row: speech[row][: round(seconds * SAMPLE_RATE)]

    def noisy(ratio: float) -> Change:
        def change(row: int) -> NDArray[np.float32]:
            noise = np.resize(noises[row % len(noises)], len(waveforms[row]))
            # Relative to the speech, not to the recording with its pauses.
            level = 10 * np.log10(np.mean(speech[row] ** 2) / np.mean(waveforms[row] ** 2))
            return mix_at_snr(waveforms[row], noise, ratio - level)

        return change

    def band(rate: int, coding: str) -> Change:
        return lambda row: resampled(waveforms[row], rate, coding)

    def clipped(share: float) -> Change:
        def change(row: int) -> NDArray[np.float32]:
            limit = float(np.quantile(np.abs(waveforms[row]), 1 - share))
            return np.clip(waveforms[row] / limit, -1, 1).astype(np.float32)

        return change

    def silent(share: float) -> Change:
        def change(row: int) -> NDArray[np.float32]:
            generator = np.random.default_rng(row)
            length = round(len(speech[row]) * share / (1 - share)) // 2
            room = np.float32(1e-4) * generator.standard_normal((2, length), dtype=np.float32)
            return np.concatenate([room[0], speech[row], room[1]])

        return change

    def beside(decibels: float) -> Change:
        def change(row: int) -> NDArray[np.float32]:
            other = np.resize(waveforms[(row + len(waveforms) // 2) % len(waveforms)], 1 << 20)
            other = other[: len(waveforms[row])]
            gain = float(np.std(waveforms[row]) / np.std(other)) * 10 ** (-decibels / 20)
            return ((waveforms[row] + gain * other) / 2).astype(np.float32)

        return change

    def row(title: str, change: Callable[..., Change], *ways: tuple) -> list[Condition]:
        return [Condition(title, name, change(*values)) for name, *values in ways]

    as_it_is = "as recorded"
    conditions = [Condition("speech", as_it_is, lambda row: waveforms[row])]
    conditions += row(
        "speech",
        cut,
        *((f"{seconds:g} s", seconds) for seconds in (3.0, 2.0, 1.5, 1.0, 0.75, 0.5, 0.25)),
    )
    ratios = (30, 20, 15, 10, 5, 0, -5)
    conditions += row("noise", noisy, *((f"{ratio} dB", ratio) for ratio in ratios))
    conditions += row(
        "band",
        band,
        ("7 kHz, 14,000 a second", 14_000, "PCM_16"),
        ("6 kHz, 12,000 a second", 12_000, "PCM_16"),
        ("5.5 kHz, 11,025 a second", 11_025, "PCM_16"),
        ("4 kHz, 8,000 a second", 8_000, "PCM_16"),
        ("4 kHz, µ-law", 8_000, "ULAW"),
        ("4 kHz, GSM 6.10", 8_000, "GSM610"),
    )
    shares = (0.001, 0.01, 0.03, 0.1, 0.3)
    conditions += row("clipping", clipped, *((f"{share:.1%}", share) for share in shares))
    for share in (0.0, 0.3, 0.5, 0.7, 0.9):
        for speech_only in (False, True):
            name = f"{share:.0%}, " + ("speech only" if speech_only else "all embedded")
            conditions.append(Condition("silence", name, silent(share), speech_only))
    levels = (30, 20, 12, 6, 0)
    conditions += row("another voice", beside, *((f"{each} dB below", each) for each in levels))
    return conditions


def resampled(waveform: NDArray[np.float32], rate: int, coding: str) -> NDArray[np.float32]:
    """What is left after a file of another rate and coding."""
    file = io.BytesIO()
    soundfile.write(file, soxr.resample(waveform, SAMPLE_RATE, rate), rate, coding, format="WAV")
    file.seek(0)
    return soxr.resample(soundfile.read(file, dtype="float32")[0], rate, SAMPLE_RATE)


def embed(
    model: Model, waveforms: Sequence[NDArray[np.float32]], speech_only: bool
) -> NDArray[np.float32]:
    """(n, d) embeddings of length 1."""
    if speech_only:
        waveforms = [spoken if len(spoken := only_speech(each)) else each for each in waveforms]
    vectors = np.concatenate([model.embed([each]) for each in waveforms])
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def score(
    enrolments: NDArray[np.float32], tests: NDArray[np.float32], sides: Sequence[NDArray]
) -> NDArray[np.float64]:
    """Cosines of unit vectors, trial by trial."""
    return np.einsum("kd,kd->k", enrolments[sides[0]], tests[sides[1]]).astype(np.float64)


def said_of(waveform: NDArray[np.float32]) -> tuple[set[str], tuple[float, float, float]]:
    """Codes of the warnings; seconds of speech, signal-to-noise ratio, bandwidth in kHz."""
    quality = quality_of(waveform, speech_frames(waveform))
    codes: set[str] = {doubt.code for doubt in warnings_of("", waveform, quality)}
    if quality.speech_seconds < LEAST_SPEECH:
        codes = {"refused"}
    ratio = np.nan if quality.signal_to_noise is None else quality.signal_to_noise
    return codes, (quality.speech_seconds, ratio, quality.bandwidth / 1000)


def table_of(title: str, rows: dict[str, Measured]) -> Table:
    """The conditions' rates as a table."""
    table = Table(title=title, box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    columns = ("", "EER (%)", "misses (%)", "false alarms (%)", "speech (s)", "SNR (dB)", "kHz")
    for column in (*columns, "warned of (%)", "refused (%)"):
        table.add_column(column, justify="right" if column else "left", no_wrap=True)
    for name, each in rows.items():
        scores, targets = np.concatenate(each.scores), np.concatenate(each.targets)
        missed = np.mean(scores[targets] < 0)
        accepted = np.mean(scores[~targets] >= 0)
        medians = np.nanmedian(np.array(each.values), axis=0)
        codes = [code for said in each.codes for code in said if code != "refused"]
        warned = ", ".join(
            f"{code} {100 * codes.count(code) / len(each.codes):.0f}" for code in sorted(set(codes))
        )
        refused = np.mean(["refused" in said for said in each.codes])
        table.add_row(
            name,
            f"{100 * equal_error_rate(scores, targets)[0]:.1f}",
            f"{100 * missed:.1f}",
            f"{100 * accepted:.1f}",
            *(f"{value:.1f}" for value in medians),
            warned,
            f"{100 * refused:.0f}",
        )
    return table


if __name__ == "__main__":
    main()
