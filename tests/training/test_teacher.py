import numpy as np
import pytest
import torch

from contravox.data.batch import Batch
from contravox.errors import CheckpointError, ModelError, OverlapError, RecipeError
from contravox.inference.default_model import DEFAULT_MODEL
from contravox.inference.loading import load_model
from contravox.manifest import Manifest
from contravox.model import Model, ModelSettings
from contravox.trained_on import TrainedOn, speaker_digests
from contravox.training.recipe import Recipe
from contravox.training.teacher import TeacherOfSegments
from contravox.training.trainer import Trainer
from contravox.training.training_module import TrainingModule

SMALL = {"name": "ecapa_tdnn", "channels": 16, "aggregation": 24, "embedding_size": 8}


def write_model(path, seed=0, **noted):
    torch.manual_seed(seed)
    model = Model(ModelSettings(features={"bins": 20}, encoder=SMALL))
    model.annotate(**noted)
    model.save(path)
    return path


@pytest.fixture
def make_trainer(corpus, tmp_path):
    """A training that learns from a teacher alone, in noise."""

    def make(teacher, *, training=None, **data):
        recipe = {
            "data": {
                "manifest": corpus / "train" / "manifest.tsv",
                "validation_trials": corpus / "validation" / "trials.tsv",
                "teacher": teacher,
                "segment_seconds": 0.4,
                "workers": 0,
                **data,
            },
            "sampler": {"name": "speakers_utterances", "speakers": 4, "utterances": 2},
            "augmentation": {"clean": 0, "music": 0, "reverberation": 0, "both": 0},
            "features": {"bins": 20},
            "spec_augment": {},
            "encoder": SMALL,
            "objectives": {
                "teacher": {"name": "distillation"},
                "similarities": {"name": "distillation", "match": "similarities"},
            },
            "training": {"epochs": 1, **(training or {})},
        }
        return Trainer(Recipe.model_validate(recipe), tmp_path / "run")

    return make


@pytest.fixture
def steps(monkeypatch):
    """(batch, targets) of every step of a training."""
    noted, forward = [], TrainingModule.forward

    def note(module, batch, targets=None, **options):
        noted.append((batch, targets))
        return forward(module, batch, targets, **options)

    monkeypatch.setattr(TrainingModule, "forward", note)
    return noted


@pytest.mark.parametrize("kind", [".onnx", ".safetensors"])
def test_a_target_is_the_embedding_of_what_is_heard_in_a_segment(kind, tmp_path):
    path = DEFAULT_MODEL if kind == ".onnx" else write_model(tmp_path / "teacher.safetensors")
    model = load_model(path)
    # More than are embedded at once, of different lengths, with noise for padding.
    waveforms = 0.1 * torch.randn(40, 32_000, generator=torch.Generator().manual_seed(0))
    lengths = torch.tensor([32_000, 20_000] * 20)
    rows = torch.arange(40)
    targets = TeacherOfSegments(model, TrainedOn()).targets(
        Batch(waveforms, lengths, rows, rows, rows)
    )
    alone = [
        model.embed([row[:length].numpy()])[0]
        for row, length in zip(waveforms, lengths, strict=True)
    ]
    assert targets.shape == (40, model.embedding_size)
    np.testing.assert_allclose(targets.numpy(), np.stack(alone), atol=1e-4 * np.abs(alone).max())


def test_the_teacher_hears_what_the_student_hears(make_trainer, tmp_path, steps):
    path = write_model(tmp_path / "teacher.safetensors")
    # At another speed an utterance is another voice, of which this teacher hears, too.
    trainer = make_trainer(path, speeds=[0.9])
    trainer.fit()
    assert len(steps) == trainer.total_steps
    model, utterances = Model.load(path), set()
    for batch, targets in steps:
        heard = model.embed(list(batch.waveforms.numpy()))
        np.testing.assert_allclose(targets.numpy(), heard, atol=1e-5)
        utterances |= set(batch.utterances.tolist())
    assert max(utterances) >= len(trainer.training_set.manifest)


def test_the_teacher_hears_the_recording_beneath_the_noise(make_trainer, tmp_path, steps):
    path = write_model(tmp_path / "teacher.safetensors")
    make_trainer(path, teacher_hears="recorded").fit()
    model = Model.load(path)
    for batch, targets in steps:
        noisy, recorded = batch.waveforms.numpy(), batch.recorded.numpy()
        assert (np.abs(noisy - recorded).max(axis=1) > 1e-3).all()
        np.testing.assert_allclose(targets.numpy(), model.embed(list(recorded)), atol=1e-5)
        assert not np.allclose(targets.numpy(), model.embed(list(noisy)), atol=1e-3)


def test_where_nobody_hears_segments_nobody_hears_them_as_recorded(make_trainer, tmp_path):
    with pytest.raises(ValueError, match=r"data\.teacher_hears: .*set data\.teacher"):
        make_trainer(None, targets=tmp_path / "teacher.npz", teacher_hears="recorded")


def test_a_teacher_in_pytorch_has_the_precision_of_the_training(make_trainer, tmp_path, steps):
    path = write_model(tmp_path / "teacher.safetensors")
    make_trainer(path, training={"precision": "bf16-mixed"}).fit()
    model, (batch, targets) = Model.load(path), steps[0]
    waveforms = list(batch.waveforms.numpy())
    with torch.autocast("cpu", torch.bfloat16):
        heard = model.embed(waveforms)
    np.testing.assert_array_equal(targets, heard)
    assert not np.allclose(heard, model.embed(waveforms), atol=1e-5)


def test_who_taught_the_teacher_may_not_be_validated_on(corpus, make_trainer, tmp_path):
    speakers = speaker_digests(Manifest.read(corpus / "validation" / "manifest.tsv"))
    path = write_model(tmp_path / "teacher.safetensors", trained_on=tuple(sorted(speakers)))
    with pytest.raises(OverlapError, match=r"trials\.tsv: 2 of its 2 speakers were trained on"):
        make_trainer(path)


def test_what_a_teacher_learned_from_is_told_of_the_student(make_trainer, tmp_path):
    path = write_model(
        tmp_path / "teacher.safetensors",
        labels_used=True,
        trained_on=("0123456789abcdef",),
        training_seconds=1000.0,
    )
    settings = make_trainer(path, labels="utterance").module.model.settings
    assert settings.labels_used
    assert "0123456789abcdef" in settings.trained_on
    assert settings.training_seconds == 0


def test_another_teacher_is_another_training(make_trainer, tmp_path):
    path = write_model(tmp_path / "teacher.safetensors")
    make_trainer(path).fit()
    moved = tmp_path / "moved.safetensors"
    path.rename(moved)
    make_trainer(moved).fit(resume=True)
    write_model(moved, seed=1)
    with pytest.raises(CheckpointError, match=r"data\.teacher"):
        make_trainer(moved).fit(resume=True)


def test_a_teacher_that_cannot_be_read_is_told(make_trainer, tmp_path):
    with pytest.raises(RecipeError, match=r"data\.teacher: .*none\.onnx"):
        make_trainer(tmp_path / "none.onnx")


def test_an_embedding_that_is_none_is_told(tmp_path):
    model = Model.load(write_model(tmp_path / "teacher.safetensors"))
    with torch.no_grad():
        for each in model.parameters():
            each.zero_()
    rows = torch.arange(2)
    silence = Batch(torch.zeros(2, 8000), torch.full((2,), 8000), rows, rows, rows)
    with pytest.raises(ModelError, match=r"data\.teacher: the model's embedding is zero"):
        TeacherOfSegments(model, TrainedOn()).targets(silence)
