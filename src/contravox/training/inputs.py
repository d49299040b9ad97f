"""What a training run reads, by content: one that is resumed must go on with the same."""

import hashlib
import os.path
from collections.abc import Iterable
from pathlib import Path

import polars as pl

from contravox.inference.loading import load_model
from contravox.manifest import Manifest
from contravox.training.checkpoint import CORPORA
from contravox.training.initial_run import state_digest
from contravox.training.recipe import Recipe
from contravox.trials.trial_set import TrialSet


def input_digests(
    recipe: Recipe, manifest: Manifest, identities: pl.Series, validation: Iterable[TrialSet]
) -> dict[str, str]:
    """A digest of what each file that a recipe names holds, by the recipe's key.

    It is the same where a corpus has moved to another folder. manifest, identities: of
    ``TrainingSet``. validation: every list of trials.

    Raises ManifestError, ModelError or CheckpointError where a file cannot be read.
    """
    digests = {"data.manifest": digest_of(contents(manifest), identities.to_frame("identity"))}
    # With labels, identities say it.
    if recipe.data.labels == "utterance" and recipe.sampler.corpus_shares:
        digests[CORPORA] = digest_of(manifest.table.select("corpus"))
    if lists := [trial_set_digest(each) for each in validation]:
        digests["data.validation_trials"] = " ".join(lists)
    for key in ("noises", "rooms"):
        path = getattr(recipe.augmentation, key, None)
        if path is not None:
            recordings = Manifest.read(path)
            kinds = recordings.table.select(pl.col("^kind$"))
            digests[f"augmentation.{key}"] = digest_of(contents(recordings), kinds)
    if recipe.data.targets is not None:
        digests["data.targets"] = _file_digest(recipe.data.targets)
    if recipe.data.teacher is not None:
        digests["data.teacher"] = load_model(recipe.data.teacher).digest
    training = recipe.training
    if training.initial_model is not None:
        digests["training.initial_model"] = load_model(training.initial_model).digest
    if training.initial_objectives is not None:
        digests["training.initial_objectives"] = _file_digest(training.initial_objectives)
    if training.initial_run is not None:
        digests["training.initial_run"] = state_digest(training.initial_run)
    return digests


def _file_digest(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, hashlib.blake2b).hexdigest()


def trial_set_digest(trial_set: TrialSet) -> str:
    """A name for the trials of a list and the audio of their utterances; 32 digits."""
    enrolments = [] if trial_set.enrolments is None else [trial_set.enrolments.table]
    return digest_of(trial_set.trials.table, contents(trial_set.manifest), *enrolments)


def contents(manifest: Manifest) -> pl.DataFrame:
    """What a manifest's utterances are, wherever they lie: a row for each.

    That is the digest of its audio file, or where that is not known the path below the folder that
    all files are in.
    """
    table = manifest.table
    paths = table["path"]
    # The first and last by name share no more than all of them do.
    folder = os.path.commonprefix([str(paths.min()), str(paths.max())]).rpartition("/")[0]  # noqa: RUF071
    place = pl.col("path").str.strip_prefix(folder)
    known = "digest" in table.columns
    return table.select(
        "utterance",
        "start",
        "duration",
        content=pl.col("digest").fill_null(place) if known else place,
    )


def digest_of(*tables: pl.DataFrame) -> str:
    """A name for what tables hold, in the order of their rows; 32 digits."""
    digest = hashlib.blake2b(digest_size=16)
    for table in tables:
        for rows in table.iter_slices(100_000):
            digest.update(rows.write_csv(separator="\t").encode())
    return digest.hexdigest()
