"""Error rates of speaker verifiers on the test speakers of the default model.

Every system embeds the same recordings, in every condition both sides of a trial; trials are
within a corpus, scores are cosines of whole recordings. Intervals are by bootstrap over speakers.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from contravox.audio.waveform import SAMPLE_RATE, read_audio
from contravox.augmentation.codecs import through_codec
from contravox.augmentation.noise import coloured_noise, mix_at_snr
from contravox.augmentation.rooms import draw_room, impulse_response, reverberate
from contravox.embeddings import Embeddings
from contravox.inference.loading import load_model
from contravox.manifest import Manifest
from contravox.metrics.bootstrap import bootstrap_speakers, percentile_interval
from contravox.metrics.error_rates import equal_error_rate
from contravox.metrics.paired_bootstrap import Difference
from contravox.terminal.progress import progress_bar
from contravox.trials.making import make_trials

MAXIMUM = 5000
"""Trials of a kind from one corpus."""

SECONDS = {"2 s": 2.0, "1 s": 1.0}
"""Conditions that are that long at most."""

Waveform = NDArray[np.float32]
Embed = Callable[[Waveform], NDArray[np.float32]]


def _middle(seconds: float) -> Callable[[Waveform, np.random.Generator], Waveform]:
    """The middle of a recording, or all of a shorter one."""

    def cut(waveform: Waveform, generator: np.random.Generator) -> Waveform:
        length = round(seconds * SAMPLE_RATE)
        start = max(0, (len(waveform) - length) // 2)
        return waveform[start : start + length]

    return cut


def _in_noise(snr: float) -> Callable[[Waveform, np.random.Generator], Waveform]:
    """In pink noise, of which training has none."""

    def mix(waveform: Waveform, generator: np.random.Generator) -> Waveform:
        return mix_at_snr(waveform, coloured_noise(generator, len(waveform), slope=1.0), snr)

    return mix


def _in_a_room(waveform: Waveform, generator: np.random.Generator) -> Waveform:
    response = impulse_response(draw_room(generator, (0.4, 0.6)), generator)
    return reverberate(waveform, response)


CONDITIONS: dict[str, Callable[[Waveform, np.random.Generator], Waveform]] = {
    "as recorded": lambda waveform, generator: waveform,
    **{condition: _middle(seconds) for condition, seconds in SECONDS.items()},
    "noise, 10 dB": _in_noise(10.0),
    "noise, 5 dB": _in_noise(5.0),
    "telephone": lambda waveform, generator: through_codec(waveform, "mu_law"),
    "room": _in_a_room,
}
"""Of both recordings of a trial. Noise: pink; telephone: µ-law at 8 kHz; room: simulated, of a
decay time of 0.4 to 0.6 s."""


def contravox_system(path: Path) -> Embed:
    """A model of ours, or one that ``contravox convert`` read."""
    model = load_model(path)
    return lambda waveform: model.embed([waveform])[0]


def resemblyzer_system() -> Embed:
    """Resemblyzer's voice encoder, which normalises levels and trims silence in its own way."""
    from resemblyzer import VoiceEncoder, preprocess_wav

    encoder = VoiceEncoder("cpu", verbose=False)

    def embed(waveform: Waveform) -> NDArray[np.float32]:
        trimmed = preprocess_wav(waveform, source_sr=SAMPLE_RATE)
        # Its own detector finds no speech in a few short recordings.
        return encoder.embed_utterance(trimmed if len(trimmed) else waveform)

    return embed


def embed_conditions(
    name: str,
    embed: Embed,
    manifest: Manifest,
    folder: Path,
    conditions: Sequence[str] = tuple(CONDITIONS),
) -> None:
    """Write ``CONDITION.npz`` to the folder, of every condition of which there is none."""
    for condition in conditions:
        path = folder / f"{condition}.npz"
        if path.exists():
            continue
        vectors = {}
        with progress_bar(f"{name}, {condition}") as report:
            for utterance, waveform in changed(manifest, condition):
                vectors[utterance] = embed(waveform)
                report(len(vectors), len(manifest))
        path.parent.mkdir(parents=True, exist_ok=True)
        Embeddings(list(vectors), np.stack(list(vectors.values()))).save(path)


def changed(manifest: Manifest, condition: str) -> Iterator[tuple[str, Waveform]]:
    """The recordings of a manifest, each with its name, as a condition changes them."""
    rows = manifest.table.select("utterance", "path").rows()
    for number, (utterance, path) in enumerate(rows):
        heard = CONDITIONS[condition](read_audio(path), np.random.default_rng(number))
        yield utterance, heard.astype(np.float32)


class CorpusTrials:
    """The trials of a corpus; scores of a system on them. sides: names of both, of each trial."""

    def __init__(self, corpus: pl.DataFrame) -> None:
        self.manifest = Manifest(corpus)
        self.trials = make_trials(self.manifest, seed=0, maximum=MAXIMUM)
        table = self.trials.table
        self.sides = table["enrolment"], table["test"]
        self.speakers = tuple(self.manifest.speakers_of(side) for side in self.sides)

    def scores(self, embeddings: Embeddings) -> NDArray[np.float64]:
        vectors = embeddings.vectors.astype(np.float64)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        first, second = (vectors[embeddings.rows(side)] for side in self.sides)
        return (first * second).sum(axis=1)

    def replicates(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        drawn = bootstrap_speakers(scores, self.trials.targets, *self.speakers)
        return drawn.equal_error_rate


def rates_by_corpus(manifest: Manifest, embeddings: Embeddings) -> dict[str, float]:
    """The equal error rate in each corpus."""
    return {
        corpus: equal_error_rate(trials.scores(embeddings), trials.trials.targets)[0]
        for corpus, trials in trials_by_corpus(manifest).items()
    }


def measure(manifest: Manifest, folders: Mapping[str, Path], ours: str) -> dict[str, Any]:
    """Rates of each system, by condition and corpus, and ours against each of the others.

    folders: of ``embed_conditions``, by system. Rates are shares; an interval is of 95 %.
    """
    corpora = trials_by_corpus(manifest)
    rates: dict[str, Any] = {system: {} for system in folders}
    against: dict[str, Any] = {system: {} for system in folders if system != ours}
    for condition in CONDITIONS:
        embedded = {
            system: Embeddings.load(folder / f"{condition}.npz")
            for system, folder in folders.items()
        }
        for corpus, trials in corpora.items():
            found = {system: _rate(trials, each) for system, each in embedded.items()}
            for system, (rate, replicates) in found.items():
                entry = {"rate": rate, "interval": percentile_interval(replicates)}
                rates[system].setdefault(condition, {})[corpus] = entry
            for system in against:
                pair = Difference.of(
                    "EER",
                    None,
                    (found[system][0], found[ours][0]),
                    (found[system][1], found[ours][1]),
                )
                difference = {"difference": pair.difference, "interval": pair.interval}
                against[system].setdefault(condition, {})[corpus] = difference
    return {
        "trials": {corpus: _described(trials) for corpus, trials in corpora.items()},
        "rates": rates,
        "against": against,
    }


def trials_by_corpus(manifest: Manifest) -> dict[str, CorpusTrials]:
    """The trials of each corpus of a manifest; the same each time."""
    parts = manifest.table.partition_by("corpus", as_dict=True)
    return {str(name): CorpusTrials(table) for (name,), table in sorted(parts.items())}


def _rate(trials: CorpusTrials, embeddings: Embeddings) -> tuple[float, NDArray[np.float64]]:
    scores = trials.scores(embeddings)
    return equal_error_rate(scores, trials.trials.targets)[0], trials.replicates(scores)


def _described(trials: CorpusTrials) -> Mapping[str, float]:
    targets = trials.trials.targets
    return {
        "speakers": len(trials.manifest.speakers),
        "utterances": len(trials.manifest),
        "seconds": float(trials.manifest.table["duration"].mean()),  # type: ignore[arg-type]
        "targets": int(targets.sum()),
        "non_targets": int((~targets).sum()),
    }
