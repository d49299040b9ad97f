import json

import pytest
import torch

from contravox.errors import ModelError
from contravox.inference.foreign_models.from_checkpoint import convert_checkpoint
from contravox.inference.foreign_models.front_end import in_words
from contravox.inference.verifier import Verifier
from contravox.model import Model
from foreign_networks import (
    Weights,
    wespeaker_ecapa_tdnn,
    wespeaker_resnet34,
)


@pytest.fixture
def checkpoint(tmp_path):
    """WeSpeaker's ResNet-34, small, of 24 bins."""
    weights = Weights()
    wespeaker_resnet34(weights, torch.randn(1, 24, 64))
    torch.save(dict(weights), tmp_path / "avg_model.pt")
    return tmp_path / "avg_model.pt"


def test_a_converted_model_embeds_as_its_network_on_its_features(checkpoint) -> None:
    model, foreign = convert_checkpoint(checkpoint, "avg_model.pt", {})
    waveform = torch.randn(20_000, generator=torch.Generator().manual_seed(1))
    features, _ = model.features(waveform[None], torch.tensor([20_000]))
    with torch.no_grad():
        expected = wespeaker_resnet34(Weights(), features)
    torch.testing.assert_close(torch.from_numpy(model.embed([waveform.numpy()])), expected)
    assert "WeSpeaker" in foreign.origin
    assert model.settings.source.startswith("avg_model.pt (WeSpeaker's ResNet-34), ")


def test_the_verb_writes_a_model_that_verifies_and_says_what_it_is(
    checkpoint, tmp_path, run, tone_corpus
) -> None:
    output = tmp_path / "model.safetensors"
    status, said, _ = run("convert", checkpoint, "-o", output)
    assert status == 0
    count = Model.load(output).parameter_count
    assert f"WeSpeaker's ResNet-34, {count:,} parameters, embeddings of 9; Kaldi's" in said
    assert Model.load(output).settings.features.bins == 24
    one, other, *_ = sorted(tone_corpus.rglob("*.wav"))
    assert -1 <= Verifier.load(output).verify(one, other).score <= 1
    # Once more is the same model; another is not replaced.
    status, said, _ = run("convert", checkpoint, "-o", output, "--json")
    assert (status, json.loads(said)["features"]["window"]) == (0, "hamming")
    status, _, said = run("convert", checkpoint, "-o", output, "--window", "povey")
    assert status == 2
    assert "is there already" in said


def test_options_replace_the_front_end_that_a_toolkit_is_known_for(
    checkpoint, tmp_path, run
) -> None:
    output = tmp_path / "model.safetensors"
    options = ["--window", "povey", "--unit-scale", "--normalisation", "mean_variance"]
    assert run("convert", checkpoint, "-o", output, *options)[0] == 0
    features = Model.load(output).settings.features
    assert (features.window, features.full_scale, features.bins) == ("povey", False, 24)
    assert "samples up to 1, mean taken out and variance set to one" in in_words(features)


def test_bad_input_is_one_line_and_exit_status_2(checkpoint, tmp_path, run) -> None:
    weights = Weights()
    wespeaker_ecapa_tdnn(weights, torch.randn(1, 24, 64))
    torch.save(dict(weights), tmp_path / "ecapa.pt")
    torch.save({"head.weight": torch.ones(2, 2)}, tmp_path / "other.pt")
    (tmp_path / "cut.pt").write_bytes(checkpoint.read_bytes()[:-500])
    for name, options, message in (
        ("ecapa.pt", ["--bins", "40"], "first.convolution.weight is (16, 24, 5)"),
        ("other.pt", [], "of an architecture that is not read (head.weight)"),
        ("cut.pt", [], "cut short"),
        ("nothing.pt", [], "no such file"),
        ("avg_model.pt", ["--bins", "250"], "leave a filter empty"),
    ):
        output = tmp_path / "out.safetensors"
        status, _, said = run("convert", tmp_path / name, "-o", output, *options)
        assert status == 2
        assert f"error: {tmp_path / name}: " in said
        assert message in said
        assert len(said.splitlines()) == 1
        assert not output.exists()


def test_front_ends_that_do_not_fit_are_refused(checkpoint) -> None:
    with pytest.raises(ModelError, match=r"avg_model\.pt: front-end bins: 300"):
        convert_checkpoint(checkpoint, "avg_model.pt", {"bins": 300})
