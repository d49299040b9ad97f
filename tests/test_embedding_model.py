"""What every model does with what it is given, whatever runs it."""

import numpy as np
import pytest

from contravox.errors import AudioError
from small_models import small_model
from tones import tone


@pytest.fixture(scope="module")
def model():
    return small_model()


def test_no_waveforms_have_no_embeddings(model):
    none = model.embed([])
    assert none.shape == (0, model.embedding_size)
    assert none.dtype == np.float32


@pytest.mark.parametrize("given", ["a.wav", b"RIFF", None, 3])
def test_what_is_no_list_of_waveforms_is_one_line(model, given):
    with pytest.raises(AudioError, match=f"^{type(given).__name__} is no list of waveforms: "):
        model.embed(given)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ("a.wav", r"an array of <U5 of the shape \(\): give a list"),
        (np.float32(1), r"an array of float32 of the shape \(\)"),
        (np.zeros((2, 4000), np.float32), r"an array of float32 of the shape \(2, 4000\)"),
        (np.zeros(0, np.float32), r"an array of float32 of the shape \(0,\)"),
        (np.ones(4000, np.int16), r"an array of int16 of the shape \(4000,\)"),
        (np.ones(4000, complex), "an array of complex128"),
        ([[0.1], [0.1, 0.2]], "no array"),
    ],
)
def test_what_is_no_waveform_is_one_line(model, wrong, reason):
    with pytest.raises(AudioError, match=f"^waveform 1 is {reason}") as raised:
        model.embed([tone(0.5, 150), wrong])
    assert "\n" not in str(raised.value)


def test_a_waveform_alone_is_not_taken_for_a_list_of_them(model):
    with pytest.raises(AudioError, match=r"^waveform 0 is .*: give a list of"):
        model.embed(tone(0.5, 150))


def test_floats_of_any_precision_are_embedded_alike(model):
    waveform = tone(0.5, 150)
    for same in (waveform.astype(np.float64), waveform.tolist()):
        np.testing.assert_array_equal(model.embed([same]), model.embed([waveform]))
