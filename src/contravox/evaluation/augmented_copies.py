"""Copies of a list's recordings as they might have been made instead, to calibrate on.

A calibration holds for recordings like those that it was learned on. Those of a corpus are whole
and mostly clean; who is verified may say one word, in a car, by telephone.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from contravox.audio.quality import bandwidth_of
from contravox.audio.speech_activity import FRAME, only_speech, speech_frames
from contravox.audio.waveform import SAMPLE_RATE, read_audio
from contravox.augmentation.augmentation import Augmentation, AugmentationSettings
from contravox.embedding_model import EmbeddingModel
from contravox.embeddings import Embeddings
from contravox.errors import AudioError
from contravox.evaluation.evaluation import TrialEmbeddings
from contravox.inference.embed import BATCH_SECONDS, embed_each
from contravox.inference.recording import LEAST_SPEECH
from contravox.manifest import Manifest
from contravox.trials.enrolments import Enrolments
from contravox.trials.trial_set import TrialSet
from contravox.trials.trials import Trials

SHORTEST = 1.0
"""Seconds of the shortest cut; of a shorter recording all is taken."""

WHOLE = 1 / 3
"""Share of the copies that are as long as the recording."""

EFFECTS = AugmentationSettings(
    clean=1,
    noise=1,
    reverberation=1,
    both=0.5,
    ambient=1,
    music=0.5,
    # Of whom a recording is would be another question.
    babble=0,
    ambient_snr=(0, 20),
    codec=0.2,
    codecs=("mu_law",),
    gain=(-20, 10),
)
"""A third of the copies are neither in noise nor in a room, a fifth came over the telephone."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class AugmentedCopies:
    """So many copies of every recording: most cut short, in noise, in a room, over a telephone.

    Lengths are drawn between SHORTEST and the whole, their logarithms uniformly; the rest by
    EFFECTS.
    """

    count: int

    def __str__(self) -> str:
        return f"{self.count} augmented {'copies' if self.count > 1 else 'copy'} of each recording"

    def add_to(
        self, test: TrialEmbeddings, model: EmbeddingModel, progress: Progress = lambda *_: None
    ) -> TrialEmbeddings:
        """The trials as they are, and once more for each copy, between copies or originals.

        In these either side is drawn anew, one of the copies or the recording itself, so that
        clean and whole recordings are also compared with others.

        Copies with too little speech, which ``verify`` would refuse, are left out.

        progress: called with the recordings done and in all. Raises AudioError where a recording is
        gone.
        """
        trial_set, bandwidths = test.trial_set, test.bandwidths
        seconds, heard = dict[str, float](), dict[str, float]()
        vectors = self._embed(trial_set.manifest, model, seconds, heard, progress)
        made = TrialSet.of(
            self._trials(trial_set.trials),
            self._manifest(trial_set.manifest, seconds),
            trial_set.protocol,
            None if trial_set.enrolments is None else self._enrolments(trial_set.enrolments),
        )
        unusable = seconds.keys() - vectors.keys()
        embeddings = Embeddings(
            [*test.embeddings.utterances, *vectors],
            np.stack([*test.embeddings.vectors, *vectors.values()]),
        )
        if bandwidths is not None:
            own = np.array(list(heard.values()), np.float32)[:, None]
            bandwidths = Embeddings(
                [*bandwidths.utterances, *heard], np.concatenate([bandwidths.vectors, own])
            )
        usable = made.without(unusable) if unusable else made
        return TrialEmbeddings(usable, embeddings, bandwidths)

    def _embed(
        self,
        manifest: Manifest,
        model: EmbeddingModel,
        seconds: dict[str, float],
        bandwidths: dict[str, float],
        progress: Progress,
    ) -> dict[str, NDArray[np.float32]]:
        """(d,) of each copy that ``verify`` would compare; notes seconds and bandwidths of all."""
        vectors = {}
        for batch in _batches(self._copies(manifest, progress)):
            seconds |= {name: len(each) / SAMPLE_RATE for name, each in batch.items()}
            bandwidths |= {name: bandwidth_of(each) for name, each in batch.items()}
            fit = {}
            for name, waveform in batch.items():
                speech = speech_frames(waveform)
                if speech.sum() * FRAME >= LEAST_SPEECH * SAMPLE_RATE:
                    only = model.settings.speech_only
                    fit[name] = only_speech(waveform, speech) if only else waveform
            results = embed_each(model, list(fit.values()), list(fit)) if fit else []
            for name, vector in zip(fit, results, strict=True):
                if not isinstance(vector, AudioError):
                    vectors[name] = vector
        return vectors

    def _copies(
        self, manifest: Manifest, progress: Progress
    ) -> Iterator[tuple[str, NDArray[np.float32]]]:
        """Every copy and its name, those of one recording after those of another."""
        augmentation = Augmentation(EFFECTS)
        rows = manifest.table.select("utterance", "path", "start", "duration").rows()
        for number, (utterance, path, start, duration) in enumerate(rows):
            whole = read_audio(path, start=start, duration=duration)
            generator = np.random.default_rng([0, number])
            for copy in range(1, self.count + 1):
                yield _name(utterance, copy), _changed(whole, augmentation, generator)
            progress(number + 1, len(rows))

    def _trials(self, trials: Trials) -> Trials:
        generator = np.random.default_rng(0)
        lists = [trials.table]
        for _ in range(self.count):
            drawn = [
                pl.Series(side, self._redrawn(trials.table[side], generator))
                for side in ("enrolment", "test")
            ]
            lists.append(trials.table.with_columns(drawn))
        return Trials(pl.concat(lists).unique(["enrolment", "test"], maintain_order=True))

    def _redrawn(self, names: pl.Series, generator: np.random.Generator) -> list[str]:
        copies = generator.integers(self.count + 1, size=len(names))
        return [_name(name, copy) for name, copy in zip(names, copies, strict=True)]

    def _manifest(self, manifest: Manifest, seconds: Mapping[str, float]) -> Manifest:
        """The recordings and their copies, each a recording of its own."""
        lists = [manifest.table]
        for copy in range(1, self.count + 1):
            names = [_name(name, copy) for name in manifest.table["utterance"]]
            own = [pl.Series("utterance", names), pl.Series("path", names)]
            durations = pl.Series("duration", [seconds[name] for name in names])
            lists.append(manifest.table.with_columns(*own, durations))
        return Manifest(pl.concat(lists).drop("digest", strict=False).sort("utterance"))

    def _enrolments(self, enrolments: Enrolments) -> Enrolments:
        """Each, and once more for every copy, of copies of all its recordings."""
        lists = [enrolments.table]
        for copy in range(1, self.count + 1):
            names = [[_name(name, copy) for name in column] for column in enrolments.table]
            lists.append(pl.DataFrame(names, enrolments.table.schema))
        return Enrolments(pl.concat(lists))


def _name(utterance: str, copy: int) -> str:
    """Copy 0 is the recording itself."""
    return f"{utterance} (copy {copy})" if copy else utterance


def _changed(
    waveform: NDArray[np.float32], augmentation: Augmentation, generator: np.random.Generator
) -> NDArray[np.float32]:
    """(samples,) of a copy."""
    shortest = round(SHORTEST * SAMPLE_RATE)
    if len(waveform) > shortest and generator.random() >= WHOLE:
        logarithm = generator.uniform(np.log(shortest), np.log(len(waveform)))
        samples = round(float(np.exp(logarithm)))
        start = generator.integers(len(waveform) - samples + 1)
        waveform = waveform[start : start + samples]
    effects = augmentation.draw(0, len(waveform), generator, _no_speech)
    return effects.apply(waveform).astype(np.float32)


def _no_speech(_: np.random.Generator, __: int) -> NDArray[np.float32]:
    raise AssertionError("copies are not mixed with speech of others")


def _batches(
    waveforms: Iterator[tuple[str, NDArray[np.float32]]],
) -> Iterator[dict[str, NDArray[np.float32]]]:
    """So many at a time that about BATCH_SECONDS are held."""
    batch: dict[str, NDArray[np.float32]] = {}
    for name, waveform in waveforms:
        batch[name] = waveform
        if sum(map(len, batch.values())) >= BATCH_SECONDS * SAMPLE_RATE:
            yield batch
            batch = {}
    if batch:
        yield batch
