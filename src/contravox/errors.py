"""What can go wrong through a user's input.

Each error is one line that names the file, row or key and says how to mend it.
The command line prints that line and exits with 2; nothing else in the package
prints or exits.
"""


class ContravoxError(Exception):
    """Root of every error that a user's input can cause."""


class AudioError(ContravoxError):
    """A recording that cannot be read or cannot be trusted: cut short, silent, not finite."""


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


class MissingExtraError(ContravoxError):
    """A command that needs an optional part of the package which is not installed."""


class AudioWarning(UserWarning):
    """A recording that can be used but should not be trusted fully, such as a clipped one."""
