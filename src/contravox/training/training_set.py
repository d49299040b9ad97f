"""The utterances that a recipe trains on, and how they become batches."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from torch import Tensor

from contravox.data.batch import Batch
from contravox.data.dataset import SegmentDataset
from contravox.data.sampling import Sampler
from contravox.data.settings import DataSettings
from contravox.errors import (
    ManifestError,
    RecipeError,
    TrainingWarning,
    brief,
)
from contravox.manifest import Manifest
from contravox.numbering import number_names
from contravox.trained_on import TrainedOn
from contravox.training.inputs import contents, digest_of
from contravox.training.processes import leads
from contravox.training.recipe import Recipe
from contravox.training.teacher import Teacher, read_teacher


@dataclass(frozen=True)
class TrainingSet:
    """What training reads.

    manifest: every utterance, of all the recipe's manifests. identities: (n,) of its rows, what
    each is told from others by: the speaker, or in training without labels the utterance itself.
    dataset: of those utterances with labels 0, 1, ... in the order of identities; then of all of
    them at each other speed, in rows and with labels of their own. sampler: of the dataset's rows.
    teacher: what objectives learn from, if the recipe names one.
    """

    manifest: Manifest
    identities: pl.Series
    dataset: SegmentDataset
    sampler: Sampler
    teacher: Teacher | None = None

    @classmethod
    def read(cls, recipe: Recipe) -> "TrainingSet":
        """Read the manifests of a recipe.

        Raises ManifestError where one is missing or malformed, or a speaker is; RecipeError where
        there are too few of them. Warns with TrainingWarning where manifests share speakers.
        """
        manifests = [Manifest.read(path) for path in recipe.data.manifest]
        manifest = Manifest.joined(manifests)
        identities = _identities(manifest, recipe.data)
        if leads() and recipe.data.labels == "speaker":
            _tell_shared_speakers(manifests)
        dataset = SegmentDataset(
            manifest,
            number_names(identities).to_numpy().astype(np.int64),
            seconds=recipe.data.segment_seconds,
            segments=recipe.sampler.segments,
            placement=recipe.data.placement,
            speeds=recipe.data.speeds,
            speech_only=recipe.data.speech_only,
            augmentation=recipe.augmentation,
            keep_recorded=recipe.data.teacher_hears == "recorded",
        )
        # A corpus at another speed is the same corpus.
        speeds = 1 + len(recipe.data.speeds)
        sampler = Sampler(
            recipe.sampler,
            dataset.labels,
            corpora=np.tile(corpus_names(manifest).to_numpy(), speeds),
            seed=recipe.training.seed,
        )
        return cls(manifest, identities, dataset, sampler, read_teacher(recipe.data, manifest))

    @property
    def classes(self) -> int:
        """Distinct labels, those of other speeds included."""
        return int(self.dataset.labels.max()) + 1

    @property
    def target_size(self) -> int | None:
        """Numbers in a target, or None without a teacher."""
        return None if self.teacher is None else self.teacher.size

    def targets_of(self, batch: Batch) -> Tensor | None:
        """(N, t) targets of a batch's segments, on its device; None without a teacher."""
        return None if self.teacher is None else self.teacher.targets(batch)

    def learned_from(self, before: TrainedOn, *, speakers: bool) -> TrainedOn:
        """What a model has learned from that learns from this, after what it did before.

        speakers: whether it is told who speaks, where the manifest says so; a teacher may know it.
        """
        if self.teacher is not None:
            before = before.and_by(self.teacher.trained_on)
        return before.and_of(self.manifest, labels_used=speakers and self.manifest.labels_told)

    @cached_property
    def class_digest(self) -> str:
        """A name for who has which label: two corpora with the same classify alike.

        Speakers of a corpus that the manifest does not name are told apart by their utterances:
        two corpora may both have a speaker 1.
        """
        classes = self.identities.to_frame("identity")
        columns = self.manifest.table.columns
        if "corpus" not in columns or self.manifest.table["corpus"].null_count():
            classes = classes.with_columns(contents(self.manifest))
        return digest_of(classes.unique().sort(classes.columns))

    def utterances(self, rows: list[int]) -> list[str]:
        """The names of the dataset's rows, each once, sorted."""
        names = self.manifest.table["utterance"]
        return names.gather(pl.Series(rows) % len(names)).unique().sort().to_list()

    def difference_from(self, release: DataSettings) -> str | None:
        """How the corpus differs from what a recipe says that it holds, in one line, or None."""
        held = {"utterances": len(self.manifest)}
        if self.manifest.speakers_known:
            held["speakers"] = len(self.manifest.speakers)
        different = [
            f"{count:,} {what} where the recipe says {expected:,}"
            for what, count in held.items()
            if (expected := getattr(release, what)) not in (None, count)
        ]
        return ", ".join(different) or None


def corpus_names(manifest: Manifest) -> pl.Series:
    """(n,) name of the corpus of each utterance, empty where there is none."""
    if "corpus" not in manifest.table.columns:
        return pl.Series([""]).new_from_index(0, len(manifest))
    return manifest.table["corpus"].cast(pl.String).fill_null("")


def _identities(manifest: Manifest, data: DataSettings) -> pl.Series:
    files = ", ".join(map(str, data.manifest))
    if data.labels == "utterance":
        if len(manifest) < 2:
            raise RecipeError(f"{files}: holds one utterance only: training needs at least two")
        return manifest.table["utterance"]
    missing = manifest.table["speaker"].null_count()
    if missing:
        raise ManifestError(
            f"{files}: {missing} utterances have no speaker: "
            "fill them in, or train without labels by data.labels=utterance"
        )
    if manifest.identities.n_unique() < 2:
        raise RecipeError(f"{files}: holds one speaker only: training needs at least two")
    return manifest.identities


def _tell_shared_speakers(manifests: Sequence[Manifest]) -> None:
    """Two folders of one name, or manifests that name no corpus, may hold other people."""
    speakers = pl.concat([each.identities.unique() for each in manifests])
    shared = speakers.filter(speakers.is_duplicated()).unique().sort()
    if len(shared):
        warnings.warn(
            f"data.manifest: its files share {len(shared):,} speakers, such as {brief(shared[0])}, "
            "who are taken for the same people: if they are not, give the column corpus of each "
            "manifest another name",
            TrainingWarning,
            stacklevel=3,
        )
