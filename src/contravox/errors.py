"""What can go wrong through a user's input.

Each error is one line that names the file, row or key and says how to mend it.
The command line prints that line and exits with 2; nothing else in the package
prints or exits.
"""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches


class ContravoxError(Exception):
    """Root of every error that a user's input can cause."""


class AudioError(ContravoxError):
    """A recording that cannot be read or cannot be trusted: cut short, silent, not finite."""


class RecordingTooLongError(AudioError):
    """A recording longer than whoever reads it takes."""


class StorageError(ContravoxError):
    """A store that does not answer or refuses, or a folder of shards of something else."""


class ManifestError(ContravoxError):
    """A manifest or a corpus folder that is missing, malformed or too small."""


class TrialsError(ContravoxError):
    """A trial list that is malformed, or names an utterance that is not there."""


class OverlapError(ContravoxError):
    """A test with speakers or recordings that were trained on."""


class RecipeError(ContravoxError):
    """A recipe with an unknown key, a wrong type or an impossible combination."""


class ModelError(ContravoxError):
    """A model or embeddings file that is missing, cut short or of another kind."""


class TrainingError(ContravoxError):
    """Training that cannot go on: a loss that is not finite, a checkpoint of another recipe."""


class CheckpointError(TrainingError):
    """A checkpoint that is cut short or was trained with another recipe."""


class ScoringError(ContravoxError):
    """Embeddings, a cohort or trials from which no score or calibration follows.

    No direction, not finite, too few speakers, one class only.
    """


class MetricError(ContravoxError):
    """Scores from which no error rate follows: one class only, or values that are not finite."""


class OutputError(ContravoxError):
    """An output that cannot be written: a full disk, a read-only folder."""


class GalleryError(ContravoxError):
    """A gallery that is damaged, another program's or another model's, or what it cannot keep."""


class GalleryUnavailableError(GalleryError):
    """A gallery's database that does not answer now: stopped, or held by another for too long."""


class UnknownSpeakerError(GalleryError):
    """A name that nobody is enrolled by."""


class SpeakerNameError(GalleryError):
    """What cannot be a speaker's name: empty, too long, with line breaks."""


class OutlierError(GalleryError):
    """Utterances to enrol that do not sound like one speaker. Nothing of them was stored.

    outliers: those that are unlike the others, as ``gallery.results.Outlier``.
    """

    def __init__(self, message: str, outliers: Sequence[object] = ()) -> None:
        super().__init__(message)
        self.outliers = tuple(outliers)


class KeyFileError(ContravoxError):
    """A service's file of keys that is missing or damaged, or a key that cannot be in it."""


class MissingExtraError(ContravoxError):
    """A command that needs an optional part of the package which is not installed."""


class ContravoxWarning(UserWarning):
    """Root of every warning that a user should see, in one line."""


class OverlapWarning(ContravoxWarning):
    """A test of which it is not known whether it was trained on."""


class TrialsWarning(ContravoxWarning):
    """A trial list that can be scored, but whose error rates flatter."""


class ScoringWarning(ContravoxWarning):
    """Scores that can be had, but hardly mean what they say."""


class ReportWarning(ContravoxWarning):
    """A report without something that it could have."""


class AudioWarning(ContravoxWarning):
    """A recording that can be used but should not be trusted fully, such as a clipped one."""


class GalleryWarning(ContravoxWarning):
    """A gallery that no longer decides as it did."""


class TrainingWarning(ContravoxWarning):
    """A training that runs, but hardly as it was meant to."""


def brief(text: str, most: int = 80) -> str:
    """``text`` on one line, cut to ``most`` characters, for a message."""
    line = " ".join(text[: 2 * most].split())
    return line if len(text) <= most else f"{line[: most - 1]}…"


def quoted(name: object, most: int = 80) -> str:
    """A name of anybody's in quotation marks, on one line, its escapes counted, for a message."""
    return brief(repr(name), most)


def near_miss(wanted: str, known: Iterable[str], otherwise: str = "") -> str:
    """Which known name may have been meant, for a message; ``otherwise`` where none is near."""
    near = get_close_matches(wanted, known, n=1)
    return f"did you mean {near[0]}?" if near else otherwise


def few(names: Sequence[object], most: int = 6) -> str:
    """The first of many names, and how many there are, for a message."""
    listed = ", ".join(brief(str(name), 40) for name in names[:most])
    return listed if len(names) <= most else f"{listed} … ({len(names):,} in all)"
