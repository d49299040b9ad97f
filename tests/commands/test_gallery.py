"""The verbs of a gallery as a user types them."""

import json

import numpy as np
import pytest
import soundfile

from contravox.inference.default_model import DEFAULT_MODEL
from contravox.inference.verifier import Verifier
from voices import pitch_verifier, said_by


@pytest.fixture
def contravox(run, tmp_path, monkeypatch):
    """A command in a folder with a folder of recordings for each of three speakers, and a model."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CONTRAVOX_MODEL", "model.onnx")
    monkeypatch.setattr(Verifier, "load", lambda path: pitch_verifier(threshold=0.5))
    for name in ("Ann", "Bob", "Cid"):
        (tmp_path / "voices" / name).mkdir(parents=True)
        for seed in range(3):
            soundfile.write(tmp_path / f"voices/{name}/{seed}.wav", *said_by(name, seed))
    soundfile.write("ann.wav", *said_by("Ann", 9))
    soundfile.write("dee.wav", *said_by("Dee", 9))
    return run


def test_enrol_verify_identify_and_delete(contravox, tmp_path):
    status, out, _ = contravox("enrol", "Ann", "voices/Ann/0.wav", "voices/Ann/1.wav")
    assert status == 0
    assert out.startswith("Ann: 2 added, 2 in all (")
    assert (tmp_path / "gallery.sqlite").exists()
    assert contravox("verify", "--as", "Ann", "ann.wav")[0] == 0
    status, out, _ = contravox("verify", "--as", "Ann", "dee.wav", "--json")
    claim = json.loads(out)
    assert (status, claim["accepted"], claim["match"]["speaker"]) == (1, False, "Ann")
    status, out, _ = contravox("identify", "ann.wav")
    assert (status, out.split()[0]) == (0, "Ann")
    status, out, _ = contravox("identify", "dee.wav", "--json")
    assert (status, json.loads(out)["speaker"]) == (1, None)
    status, out, _ = contravox("gallery", "show", "Ann", "--json")
    assert [each["recording"] for each in json.loads(out)] == [False, False]
    assert contravox("gallery", "show", "Ann")[1].count("\n") == 3
    status, _, err = contravox("gallery", "show", "Bob")
    assert (status, "Bob" in err) == (2, True)
    assert contravox("gallery", "delete", "Ann") == (0, "Ann: deleted\n", "")
    assert contravox("gallery", "list") == (0, "nobody is enrolled\n", "")


def test_a_folder_of_speakers_is_enrolled_and_who_failed_is_told(contravox, tmp_path):
    soundfile.write("voices/Bob/9.wav", *said_by("Dee"))
    soundfile.write("voices/Cid/9.wav", np.zeros(16_000), 16_000)
    status, out, err = contravox("enrol", "--folder", "voices", "--json")
    told = json.loads(out)
    assert status == 2
    assert [each["speaker"] for each in told["enrolled"]] == ["Ann"]
    bob, cid = told["failed"]
    assert "9.wav (score" in bob
    assert "9.wav: silent" in cid
    assert len([line for line in err.splitlines() if line.startswith("error: ")]) == 2
    assert contravox("enrol", "--folder", "voices", "--allow-outliers")[0] == 2
    _, out, _ = contravox("gallery", "list", "--json")
    assert {each["name"]: each["utterances"] for each in json.loads(out)} == {"Ann": 3, "Bob": 4}
    _, out, _ = contravox("gallery", "list")
    assert [line.split()[:2] for line in out.splitlines()[1:]] == [["Ann", "3"], ["Bob", "4"]]


def test_export_import_and_another_model(contravox, monkeypatch):
    assert contravox("enrol", "--folder", "voices", "--keep-audio")[0] == 0
    assert contravox("gallery", "export", "-o", "out.sqlite", "--audio")[0] == 0
    status, _, err = contravox("gallery", "export", "-o", "out.sqlite")
    assert (status, "--force" in err) == (2, True)
    status, out, _ = contravox(
        "gallery", "import", "out.sqlite", "--gallery", "two.sqlite", "--audio", "--json"
    )
    assert json.loads(out) == {"speakers": 3, "voiceprints": 9, "known": 0}
    monkeypatch.setattr(Verifier, "load", lambda path: pitch_verifier(digest="b" * 32))
    status, _, err = contravox("identify", "ann.wav", "--gallery", "two.sqlite")
    assert (status, "gallery re-embed" in err) == (2, True)
    status, out, _ = contravox("gallery", "re-embed", "--gallery", "two.sqlite", "--json")
    dropped = {"speakers": 0, "voiceprints": 0}
    assert json.loads(out) == {"voiceprints": 9, "model": "b" * 32, "dropped": dropped}
    assert contravox("identify", "ann.wav", "--gallery", "two.sqlite", "--threshold", "0.5")[0] == 0


def test_a_cohort_is_taken_from_a_manifest_and_left_again(contravox, tmp_path):
    contravox("enrol", "Ann", "voices/Ann/0.wav")
    assert contravox("prepare", "folder", "voices", "-o", "corpus")[0] == 0
    _, out, _ = contravox("gallery", "cohort", "corpus/manifest.tsv", "--json")
    assert json.loads(out) == {"members": 3}
    status, _, err = contravox("identify", "ann.wav")
    assert (status, "no threshold for these scores" in err) == (2, True)
    assert contravox("identify", "ann.wav", "--threshold", "1")[0] == 0
    assert contravox("gallery", "cohort") == (0, "no cohort\n", "")
    assert contravox("identify", "ann.wav")[0] == 0


def test_a_threshold_goes_with_the_scores_that_it_was_for(contravox):
    def threshold():
        return json.loads(contravox("gallery", "settings", "--json")[1])["threshold"]

    contravox("enrol", "Ann", "voices/Ann/0.wav", "--keep-audio")
    assert contravox("prepare", "folder", "voices", "-o", "corpus")[0] == 0
    contravox("gallery", "settings", "--threshold", "0.9999")
    assert contravox("identify", "ann.wav")[0] == 1
    # The same way to score again changes nothing.
    assert contravox("gallery", "settings", "--scoring", "mean")[2] == ""
    assert threshold() == 0.9999
    for change in (("settings", "--scoring", "best"), ("cohort", "corpus/manifest.tsv")):
        contravox("gallery", "settings", "--threshold", "0.9999")
        status, _, err = contravox("gallery", *change)
        assert (status, "threshold and calibration are forgotten" in err) == (0, True)
        assert threshold() is None
    contravox("gallery", "cohort")
    contravox("gallery", "settings", "--threshold", "0.9999", "--scoring", "mean")
    assert threshold() == 0.9999
    assert contravox("gallery", "settings", "--no-threshold")[0] == 0
    assert contravox("identify", "ann.wav")[0] == 0
    status, _, err = contravox("gallery", "settings", "--no-threshold", "--threshold", "1")
    assert (status, "give one" in err) == (2, True)


def test_settings_and_the_log_are_told_and_changed(contravox):
    contravox("enrol", "Ann", "voices/Ann/0.wav")
    _, out, _ = contravox("gallery", "settings", "--scoring", "best", "--threshold", "2")
    assert "scoring = best" in out
    assert contravox("identify", "ann.wav")[0] == 1
    _, out, _ = contravox("gallery", "show", "--json", "--log", "2")
    told = json.loads(out)
    assert (told["speakers"], told["voiceprints"], told["settings"]["scoring"]) == (1, 1, "best")
    assert [each["action"] for each in told["changes"]] == ["enrolled", "configured"]
    assert "1 speakers, 1 voiceprints" in contravox("gallery", "show")[1]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("identify", "ann.wav"), "gallery.sqlite: there is no gallery"),
        (("gallery", "list"), "gallery.sqlite: there is no gallery"),
        (("verify", "--as", "Ann", "ann.wav"), "gallery.sqlite: there is no gallery"),
        (("verify", "--as", "Ann", "ann.wav", "dee.wav"), "got 2 arguments"),
        (("verify", "ann.wav"), "got 1 arguments"),
        (("enrol",), "Give a name"),
        (("enrol", "Ann"), "Give a name"),
        (("enrol", "Ann", "ann.wav", "--folder", "voices"), "Give a name"),
        (("enrol", "--folder", "voices/Ann"), "holds no recordings"),
        (("enrol", "--folder", "nowhere"), "nowhere"),
        (("enrol", "Ann", "nothing.wav"), "nothing.wav"),
        (("enrol", "x" * 10_240, "ann.wav"), "longer than 500 bytes"),
        (("identify", "ann.wav", "--gallery", "mysql://host/db"), "not a database"),
        (("identify", "ann.wav", "--gallery", "ann.wav"), "is no gallery"),
    ],
)
def test_what_cannot_be_done_is_one_line(contravox, arguments, reason):
    status, out, err = contravox(*arguments)
    assert (status, out, len(err.splitlines())) == (2, "", 1)
    assert reason in err


def test_where_no_model_is_named_a_gallery_of_another_says_so(contravox, monkeypatch):
    contravox("enrol", "Ann", "voices/Ann/0.wav")
    monkeypatch.delenv("CONTRAVOX_MODEL")
    loaded = []

    def load(path):
        loaded.append(path)
        return pitch_verifier(threshold=0.5, digest="b" * 32)

    monkeypatch.setattr(Verifier, "load", load)
    status, _, err = contravox("identify", "ann.wav")
    assert (status, "use that model (--model)" in err) == (2, True)
    assert loaded == [DEFAULT_MODEL]
    assert contravox("gallery", "list")[0] == 0


def test_a_name_cannot_give_orders_to_a_terminal(contravox):
    name = "\u202eAnn; $(reboot) 'x' /etc"
    assert contravox("enrol", name, "voices/Ann/0.wav")[0] == 0
    _, out, _ = contravox("gallery", "list")
    assert "\u202e" not in out
    assert "\\u202eAnn" in out
    assert contravox("gallery", "delete", name)[0] == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ("enrol", "Ann", "typo.wav"),
        ("enrol", "Ann", "voices/Ann/0.wav", "typo.wav"),
        ("gallery", "import", "nowhere.sqlite"),
        ("gallery", "import", "ann.wav"),
    ],
)
def test_what_failed_leaves_no_gallery_behind(contravox, tmp_path, arguments):
    assert contravox(*arguments)[0] == 2
    assert not list(tmp_path.glob("*.sqlite*"))


def test_what_failed_leaves_a_gallery_that_was_there_or_has_somebody(contravox, tmp_path):
    soundfile.write("voices/Cid/9.wav", np.zeros(16_000), 16_000)
    assert contravox("enrol", "--folder", "voices")[0] == 2
    assert contravox("enrol", "Dee", "typo.wav")[0] == 2
    listed = json.loads(contravox("gallery", "list", "--json")[1])
    assert [each["name"] for each in listed] == ["Ann", "Bob"]
    contravox("gallery", "delete", "Ann", "Bob")
    assert contravox("enrol", "Dee", "typo.wav")[0] == 2
    assert contravox("identify", "ann.wav") == (1, "nobody is enrolled\n", "")


def test_a_gallery_brought_to_its_own_model_loses_nobody(contravox):
    contravox("enrol", "Ann", "voices/Ann/0.wav")
    contravox("gallery", "settings", "--threshold", "0.4", "--keep-audio")
    contravox("enrol", "Bob", "voices/Bob/0.wav")
    _, out, err = contravox("gallery", "re-embed", "--drop", "--json")
    told = json.loads(out)
    assert (told["voiceprints"], told["dropped"], err) == (2, {"speakers": 0, "voiceprints": 0}, "")
    assert json.loads(contravox("gallery", "settings", "--json")[1])["threshold"] == 0.4
    assert contravox("identify", "ann.wav")[0] == 0


def test_who_is_dropped_with_another_model_is_told(contravox, monkeypatch):
    contravox("gallery", "settings", "--keep-audio")
    contravox("enrol", "Ann", "voices/Ann/0.wav", "voices/Ann/1.wav")
    contravox("enrol", "Bob", "voices/Bob/0.wav")
    monkeypatch.setattr(Verifier, "load", lambda path: pitch_verifier(digest="b" * 32))
    assert contravox("gallery", "re-embed")[0] == 2
    _, out, _ = contravox("gallery", "re-embed", "--drop")
    assert "dropped: 3 voiceprints without a recording, and 2 speakers" in out


def test_a_prior_says_nothing_where_the_gallerys_threshold_decides(contravox):
    contravox("enrol", "Ann", "voices/Ann/0.wav")
    contravox("gallery", "settings", "--threshold", "0.4")
    _, _, err = contravox("identify", "ann.wav", "--prior", "0.9")
    assert "gallery.sqlite: its own threshold decides" in err
    assert "--no-threshold" in err
