"""``contravox convert``: whatever holds a model, to a model of the kind that is asked for."""

import json

import numpy as np
import onnx
import pytest
import torch
from safetensors.torch import save_file

from contravox.audio.waveform import read_audio
from contravox.inference.loading import load_model
from contravox.model import Model
from foreign_networks import Weights, mean_of_frames, wespeaker_resnet34

pytestmark = pytest.mark.export


@pytest.fixture
def checkpoint(tmp_path):
    """WeSpeaker's ResNet-34, small, of 24 bins."""
    weights = Weights()
    wespeaker_resnet34(weights, torch.randn(1, 24, 64))
    torch.save(dict(weights), tmp_path / "avg_model.pt")
    return tmp_path / "avg_model.pt"


@pytest.fixture
def graph(tmp_path):
    """A linear layer on 24 bins, and the mean over frames."""
    onnx.save(mean_of_frames(), tmp_path / "theirs.onnx")
    return tmp_path / "theirs.onnx"


def test_of_a_checkpoint_both_kinds_are_made_and_embed_alike(
    checkpoint, tmp_path, run, tone_corpus
) -> None:
    for kind in ("onnx", "safetensors"):
        assert run("convert", checkpoint, "-o", tmp_path / f"m.{kind}")[0] == 0
    one, other = (load_model(tmp_path / f"m.{kind}") for kind in ("onnx", "safetensors"))
    waveforms = [read_audio(path) for path in sorted(tone_corpus.rglob("*.wav"))[:3]]
    np.testing.assert_allclose(one.embed(waveforms), other.embed(waveforms), atol=1e-4)
    assert one.settings.source == other.settings.source
    assert "avg_model.pt (WeSpeaker's ResNet-34)" in one.settings.source
    # A model of ours is exported, and that of theirs was the same.
    assert run("convert", tmp_path / "m.safetensors", "-o", tmp_path / "again.onnx")[0] == 0
    again = load_model(tmp_path / "again.onnx")
    np.testing.assert_allclose(one.embed(waveforms), again.embed(waveforms), atol=1e-6)


def test_a_graph_of_others_is_calibrated_and_verifies_as_ours_does(
    graph, tmp_path, run, corpus, tone_corpus
) -> None:
    ours, calibrated = tmp_path / "ours.onnx", tmp_path / "calibrated.onnx"
    status, said, _ = run("convert", graph, "-o", ours)
    assert status == 0
    assert "takes a filter bank of 24 bins as feats (N, frames, bins), gives embs (N, 6)" in said
    assert "Kaldi's filter bank, 24 bins from 20 to 8000 Hz, Hamming window" in said
    assert run("calibrate", ours, corpus / "validation", "-o", calibrated)[0] == 0
    model = load_model(calibrated)
    assert model.settings.calibration is not None
    assert model.digest == load_model(ours).digest
    # What the same command made is made again, and nothing else without being told to.
    assert run("convert", graph, "-o", ours)[0] == 0
    status, _, errors = run("convert", graph, "-o", calibrated)
    assert (status, load_model(calibrated).settings) == (2, model.settings)
    assert "not by this very command" in errors
    one, other, *_ = sorted(tone_corpus.rglob("*.wav"))
    status, said, _ = run("verify", calibrated, one, other, "--json")
    assert status in (0, 1)
    assert 0 <= json.loads(said)["probability"] <= 1


def test_what_does_not_go_together_is_one_line(checkpoint, graph, tmp_path, run) -> None:
    assert run("convert", checkpoint, "-o", tmp_path / "m.safetensors")[0] == 0
    assert run("convert", graph, "-o", tmp_path / "ours.onnx")[0] == 0
    for given, output, options, message in (
        ("m.safetensors", "n.safetensors", [], "is a contravox model already"),
        ("m.safetensors", "n.onnx", ["--bins", "40"], "whose front-end is known: leave bins out"),
        ("theirs.onnx", "n.safetensors", [], "of which an ONNX file is made"),
        ("ours.onnx", "n.onnx", [], "is a contravox model already"),
        ("avg_model.pt", "n.onnx", ["--output-name", "x"], "no ONNX file"),
        ("avg_model.pt", "n.txt", [], "would be of the kind .onnx"),
        ("avg_model.pt", "avg_model.pt", [], "would be of the kind .onnx"),
        ("theirs.onnx", "theirs.onnx", [], "is read by the same command"),
        ("nothing.onnx", "n.onnx", [], "no such"),
    ):
        status, _, said = run("convert", tmp_path / given, "-o", tmp_path / output, *options)
        assert status == 2
        assert message in said
        assert len(said.splitlines()) == 1
        assert not (tmp_path / "n.onnx").exists()


def test_an_address_of_the_hub_is_written_down_with_its_commit(tmp_path, run, monkeypatch) -> None:
    weights = Weights()
    wespeaker_resnet34(weights, torch.randn(1, 24, 64))
    folder = tmp_path / "hub" / "models--wespeaker--small"
    snapshot = folder / "snapshots" / ("a" * 40)
    snapshot.mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("a" * 40)
    save_file(dict(weights), snapshot / "model.safetensors")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    assert run("convert", "hf://wespeaker/small", "-o", tmp_path / "m.safetensors")[0] == 0
    source = Model.load(tmp_path / "m.safetensors").settings.source
    assert source.startswith(f"hf://wespeaker/small@{'a' * 40}/model.safetensors (WeSpeaker's")
