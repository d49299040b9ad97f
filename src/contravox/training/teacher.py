"""What a teacher says of the segments that are trained on: the targets of ``distillation``."""

from abc import ABC, abstractmethod
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from contravox.data.batch import Batch
from contravox.data.settings import DataSettings
from contravox.embedding_model import EmbeddingModel
from contravox.embeddings import Embeddings, labels_used
from contravox.errors import ModelError, RecipeError, TrialsError
from contravox.inference.loading import load_model
from contravox.manifest import Manifest
from contravox.trained_on import TrainedOn


class Teacher(ABC):
    """size: t, numbers in a target. trained_on: what it learned from itself, as far as is known."""

    size: int
    trained_on: TrainedOn

    @abstractmethod
    def targets(self, batch: Batch) -> Tensor:
        """(N, t) float32 targets of a batch's segments, on its device."""


class TeacherOfUtterances(Teacher):
    """Has embedded every utterance once, clean and whole: each of its segments has that target.

    vectors: (n, t) of the manifest's rows. labels_used: whether it was told who speaks.
    """

    def __init__(self, vectors: NDArray[np.float32], *, labels_used: bool) -> None:
        self.vectors = vectors
        self.size = vectors.shape[1]
        self.trained_on = TrainedOn(labels_used)

    def targets(self, batch: Batch) -> Tensor:
        rows = self.vectors[batch.utterances.cpu().numpy()]
        return torch.from_numpy(rows).to(batch.waveforms.device)


class TeacherOfSegments(Teacher):
    """Hears every segment as the encoder does, noise and all, before the masks of SpecAugment.

    Student and teacher then see the same, as distillation of images asks for (Beyer et al. 2022,
    arXiv 2106.05237, section 3): what is learned is the teacher's function, of which every draw of
    an augmentation is another example. Where a batch holds its segments as recorded, the teacher
    hears these, and what is learned is to hear through noise, rooms and codecs. A model in PyTorch
    runs where training does, in its precision; ONNX on the processor.
    """

    def __init__(self, model: EmbeddingModel, trained_on: TrainedOn) -> None:
        self.model = model
        self.size = model.embedding_size
        self.trained_on = trained_on

    def targets(self, batch: Batch) -> Tensor:
        device = batch.waveforms.device
        if isinstance(self.model, nn.Module):
            self.model.to(device)
        lengths = batch.lengths.tolist()
        heard = batch.waveforms if batch.recorded is None else batch.recorded
        rows = zip(heard.cpu().numpy(), lengths, strict=True)
        try:
            vectors = self.model.embed([row[:length] for row, length in rows])
        except ModelError as error:
            raise ModelError(f"data.teacher: {error}") from error
        return torch.from_numpy(vectors).to(device)


def read_teacher(data: DataSettings, manifest: Manifest) -> Teacher | None:
    """The teacher that a recipe names, if it does.

    Raises RecipeError where it cannot be read, or has not embedded all of the manifest.
    """
    if data.teacher is not None:
        try:
            model = load_model(data.teacher)
            return TeacherOfSegments(model, TrainedOn.of_model(data.teacher, model.settings))
        except ModelError as error:
            raise RecipeError(f"data.teacher: {error}") from error
    if data.targets is not None:
        vectors = _vectors_of(manifest, data.targets, data.manifest)
        # One of whom it is not known counts as one who was told.
        told = labels_used(data.targets) is not False
        return TeacherOfUtterances(vectors, labels_used=told)
    return None


def _vectors_of(manifest: Manifest, path: Path, files: tuple[Path, ...]) -> NDArray[np.float32]:
    """(n, t) of the manifest's rows. files: that it was read from."""
    try:
        embeddings = Embeddings.load(path)
        rows = embeddings.rows(manifest.table["utterance"])
    except ModelError as error:
        raise RecipeError(f"data.targets: {error}") from error
    except TrialsError as error:
        raise RecipeError(
            f"data.targets: in {path} {error.args[0].partition(':')[0]}: make it with "
            f"`contravox embed TEACHER {' '.join(map(str, files))}`"
        ) from error
    return embeddings.vectors[rows]
