"""The model that comes with contravox: the file, and the verbs that take it where none is named."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from contravox.embeddings import Embeddings
from contravox.inference.default_model import DEFAULT_MODEL, told_of
from contravox.inference.loading import load_model
from contravox.inference.verifier import Verifier
from contravox.scoring.calibration_columns import Side, ratios_of
from contravox.trained_on import TrainedOn
from tones import spoken

CARD = Path(__file__).parents[2] / "docs" / "model-card.json"
FIRST_NUMBERS = [-0.064327, -0.115347, -0.007262, -0.117338, -0.06559, -0.14521, 0.007135, 0.125324]
"""Of the embedding of two seconds of vowels, scaled to length 1."""


def test_the_file_is_the_one_that_the_card_measured():
    card = json.loads(CARD.read_text(encoding="utf-8"))
    assert load_model().digest == card["digest"]
    assert DEFAULT_MODEL.stat().st_size == card["bytes"] < 10e6


def test_it_says_what_it_is():
    settings = load_model().settings
    assert settings.calibration is not None
    assert settings.calibration_source
    assert settings.licence == "Apache-2.0"
    assert "LibriSpeech" in (settings.provenance or "")
    assert len(TrainedOn.of_model(DEFAULT_MODEL, settings).speakers) > 1000


def test_it_is_calibrated_for_recordings_of_any_length():
    """Speech of seconds decides at about the threshold, a word at a lower score."""
    settings = load_model().settings

    def even(one, other):
        """The score at which both are as likely, by halving."""
        low, high = -1.0, 1.0
        for _ in range(40):
            middle = (low + high) / 2
            sides = [Side([seconds], [8000.0], [1.0]) for seconds in (one, other)]
            [ratio] = ratios_of(settings.calibration, np.array([middle]), *sides)
            low, high = (middle, high) if ratio < 0 else (low, middle)
        return low

    assert 0.25 < even(1, 1) < even(2, 2) - 0.02 < even(4, 4) - 0.04 < even(60, 60) - 0.1 < 0.8
    assert even(5, 5) == pytest.approx(settings.threshold, abs=0.1)
    # A minute beside a word is little more than two words.
    assert even(60, 1) == pytest.approx(even(2, 2), abs=0.02)


def test_its_embedding_of_a_known_sound():
    [vector] = load_model().embed([spoken(2.0, 120.0)])
    assert vector.shape == (192,)
    vector /= np.linalg.norm(vector)
    np.testing.assert_allclose(vector[: len(FIRST_NUMBERS)], FIRST_NUMBERS, atol=1e-4)


def test_voices_of_one_pitch_are_nearer_than_others():
    low, again, high = (
        load_model().embed([spoken(3.0, pitch, seed=seed)])[0]
        for seed, pitch in enumerate((100.0, 100.0, 220.0))
    )
    low, again, high = (each / np.linalg.norm(each) for each in (low, again, high))
    assert low @ again > low @ high


@pytest.fixture
def recordings(tmp_path, monkeypatch):
    """Two recordings of one voice, and a manifest of them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CONTRAVOX_MODEL", raising=False)
    rows = ["utterance\tspeaker\tpath\tstart\tduration\tsample_rate"]
    for seed, name in enumerate("ab"):
        soundfile.write(f"{name}.wav", spoken(3.0, 120.0, seed=seed), 16_000)
        rows.append(f"{name}\tann\t{tmp_path}/{name}.wav\t0\t3\t16000")
    Path("manifest.tsv").write_text("\n".join(rows) + "\n")


def test_verify_without_a_model(recordings, run):
    status, out, err = run("verify", "a.wav", "b.wav", "--json")
    told = json.loads(out)
    assert status in (0, 1)
    assert told["model"] == "default"
    assert told["probability"] is not None
    own = Verifier.load().verify("a.wav", "b.wav")
    assert told["score"] == pytest.approx(own.score)
    named = json.loads(run("verify", DEFAULT_MODEL, "a.wav", "b.wav", "--json")[1])
    assert named["score"] == told["score"]
    _, out, err = run("verify", "a.wav", "b.wav")
    assert "probability" in out
    assert err.startswith("by the model that comes with contravox")
    assert "got 1 arguments" in run("verify", "a.wav")[2]


def test_embed_without_a_model(recordings, run):
    status, out, _ = run("embed", "manifest.tsv", "-o", "e.npz", "--json")
    assert (status, json.loads(out)["model"]) == (0, "default")
    embeddings = Embeddings.load("e.npz")
    waveform = soundfile.read("a.wav", dtype="float32")[0]
    np.testing.assert_allclose(embeddings.vectors[0], load_model().embed([waveform])[0], atol=1e-4)
    assert "got 3 arguments" in run("embed", "m", "manifest.tsv", "more", "-o", "e.npz")[2]


def test_a_gallery_without_a_model(recordings, run):
    status, out, err = run("enrol", "Ann", "a.wav")
    assert (status, out.startswith("Ann: 1 added")) == (0, True)
    assert err.startswith("by the model that comes with contravox")
    for command in (("identify", "b.wav"), ("verify", "--as", "Ann", "b.wav")):
        told = json.loads(run(*command, "--json")[1])
        assert told["model"] == "default"
    told = json.loads(run("enrol", "Ann", "b.wav", "--json", "--model", DEFAULT_MODEL)[1])
    assert told["model"] == "default"


def test_what_is_told_of_a_model():
    assert told_of("models/one.onnx") == "models/one.onnx"
    assert told_of(DEFAULT_MODEL) == "default"
