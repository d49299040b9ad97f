import numpy as np
import pytest

from contravox.doctor.model_check import check_model
from contravox.inference import loading
from small_models import small_model


def test_a_model_that_works(tmp_path):
    path = tmp_path / "model.safetensors"
    small_model().save(path)
    check = check_model(path)
    assert (check.path, check.size, check.problem) == (str(path), 12, None)
    assert check.speed > 0


def test_a_model_that_is_none(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(b"something else")
    check = check_model(path)
    assert check.size is check.speed is None
    assert str(path) in check.problem
    assert "no such model" in check_model(tmp_path / "none").problem


class Unsteady:
    """Embeds the same as something else each time."""

    calls = 0

    def embed(self, waveforms):
        self.calls += 1
        return np.array([[1.0, 0.01 * self.calls]], np.float32)


class Broken:
    def embed(self, waveforms):
        raise RuntimeError("an instruction that this processor lacks")


@pytest.mark.parametrize(
    ("model", "problem"),
    [(Unsteady(), "two embeddings of one sound differ"), (Broken(), "RuntimeError: an instruc")],
)
def test_a_model_that_does_not_do_its_work(monkeypatch, model, problem):
    monkeypatch.setattr(loading, "load_model", lambda path: model)
    assert check_model("m.onnx").problem.startswith(problem)
