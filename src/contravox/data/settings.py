"""Which utterances a recipe trains and validates on, and what of them is a segment."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from contravox.data.dataset import Placement
from contravox.settings import Settings, Share

Stated = Annotated[int, Field(ge=2, le=100_000_000)]


def _several(value: Any) -> Any:
    if value is None:
        return ()
    return (value,) if isinstance(value, str | Path) else value


TeacherHears = Literal["augmented", "recorded"]
"""What of a segment a teacher makes the targets of."""

Paths = Annotated[tuple[Path, ...], Field(max_length=1000), BeforeValidator(_several)]
"""One path or a list of them; null for none."""


class DataSettings(Settings):
    """manifest: the utterances to train on, from one manifest or a list of them.

    validation_trials: a list or several, each a file or its folder, by which the best epoch is
    chosen and the threshold set; of several each counts the same (see ``validation``).
    speakers, utterances: how many the manifests hold when whole.
    """

    manifest: Annotated[Paths, Field(min_length=1)]
    speakers: Stated | None = Field(None, description="of the release, to compare and dry-run")
    utterances: Stated | None = Field(None, description="of the release, likewise")
    validation_trials: Paths = ()
    validation_manifest: Paths = Field(
        (), description="of all lists, or of each; default: manifest.tsv in the folder of each"
    )
    allow_overlap: bool = Field(
        False, description="validate on speakers or recordings that are trained on"
    )
    labels: Literal["speaker", "utterance"] = Field(
        "speaker", description="utterance: train without reading a single speaker label"
    )
    targets: Path | None = Field(
        None,
        description="a teacher's embedding of every utterance, for `distillation`: the .npz of "
        "`contravox embed`",
    )
    teacher: Path | None = Field(
        None,
        description="in place of targets: a model (.onnx, .safetensors) that embeds every segment, "
        "as the encoder hears it or, by teacher_hears, as it was recorded",
    )
    teacher_hears: TeacherHears = Field(
        "augmented",
        description="what `teacher` makes of a segment: as augmented, or as recorded, so that the "
        "student learns to hear through noise, rooms and codecs",
    )
    segment_seconds: float = Field(3.0, gt=0.1, le=600)
    placement: Placement = Field(
        "apart",
        description="of an utterance's segments in it: without overlap, anywhere, in one place",
    )
    speeds: tuple[float, ...] = Field(
        (),
        max_length=20,
        description="every utterance once more at each speed, as other speakers' speech",
    )
    unreadable_share: Share = Field(
        0.01, description="of the utterances that may be unreadable: others take their places"
    )
    speech_only: bool = Field(
        False,
        description="the model embeds only the speech of a recording, in use, in validation and in "
        "training: segments are cut from the speech alone, joined, and what holds none counts as "
        "unreadable",
    )
    workers: int = Field(1, ge=0, le=256, description="processes that read and augment")

    @property
    def has_teacher(self) -> bool:
        """Whether there is anything for ``distillation`` to learn from."""
        return self.targets is not None or self.teacher is not None
