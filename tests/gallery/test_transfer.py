import sqlite3

import numpy as np
import pytest

from contravox.errors import GalleryError, OutputError
from contravox.gallery import transfer
from contravox.gallery.gallery import Gallery
from contravox.gallery.settings import GallerySettings
from voices import pitch_verifier, said_by


@pytest.fixture
def gallery(place, verifier):
    with Gallery.open(place, verifier, settings=GallerySettings(scoring="best")) as gallery:
        for name in ("Ann", "Zoë"):
            gallery.enrol(name, [said_by("Ann", seed) for seed in range(2)])
        yield gallery


def test_an_export_is_a_gallery_in_one_file(gallery, tmp_path, verifier):
    transfer = gallery.export(tmp_path / "voices.sqlite")
    assert (transfer.speakers, transfer.voiceprints, transfer.known) == (2, 4, 0)
    assert [path.name for path in tmp_path.glob("*voices*")] == ["voices.sqlite"]
    test = gallery.voiceprint(said_by("Ann", 9))
    with Gallery.open(tmp_path / "voices.sqlite", verifier) as copy:
        assert copy.settings.scoring == "best"
        assert copy.speakers() == gallery.speakers()
        assert copy.verify_claim("Zoë", test).match == gallery.verify_claim("Zoë", test).match


def test_an_export_replaces_nothing_unless_it_is_told_to(gallery, tmp_path):
    (tmp_path / "voices.sqlite").write_text("mine")
    with pytest.raises(OutputError, match="--force"):
        gallery.export(tmp_path / "voices.sqlite")
    assert (tmp_path / "voices.sqlite").read_text() == "mine"
    gallery.export(tmp_path / "voices.sqlite", force=True)
    assert Gallery.open(tmp_path / "voices.sqlite").speakers() == gallery.speakers()


def test_an_export_replaces_no_gallery_that_is_in_use(gallery, tmp_path, verifier):
    path = tmp_path / "voices.sqlite"
    with Gallery.open(path, verifier) as used:
        used.enrol("Bob", said_by("Bob"))
        with pytest.raises(OutputError, match="is in use"):
            gallery.export(path, force=True)
        link = tmp_path / "link.sqlite"
        link.symlink_to(path)
        with pytest.raises(OutputError, match="is in use"):
            gallery.export(link, force=True)
        assert [each.name for each in used.speakers()] == ["Bob"]
        with pytest.raises(OutputError, match="is the gallery itself"):
            used.export(path, force=True)
    gallery.export(path, force=True)
    with Gallery.open(path, verifier) as replaced:
        assert replaced.speakers() == gallery.speakers()


def test_a_gallery_that_comes_into_use_while_it_is_replaced_stays(
    gallery, tmp_path, verifier, monkeypatch
):
    path = tmp_path / "voices.sqlite"
    with Gallery.open(path, verifier) as used:
        used.enrol("Bob", said_by("Bob"))
    opened = []
    copied = transfer._copy

    def copy_while_opened(*given, **options):
        opened.append(Gallery.open(path, verifier))
        return copied(*given, **options)

    monkeypatch.setattr(transfer, "_copy", copy_while_opened)
    with pytest.raises(OutputError, match="is in use"):
        gallery.export(path, force=True)
    with opened[0] as used:
        assert [each.name for each in used.speakers()] == ["Bob"]


def test_what_is_imported_joins_what_is_there(gallery, tmp_path, verifier):
    with Gallery.open(tmp_path / "other.sqlite", verifier) as other:
        other.enrol("Zoë", [said_by("Ann", 1), said_by("Ann", 5)])
        other.enrol("Bob", said_by("Bob"))
    transfer = gallery.import_(tmp_path / "other.sqlite")
    assert (transfer.speakers, transfer.voiceprints, transfer.known) == (2, 2, 1)
    again = gallery.import_(tmp_path / "other.sqlite")
    assert (again.speakers, again.voiceprints, again.known) == (0, 0, 3)
    assert {each.name: each.utterances for each in gallery.speakers()} == {
        "Ann": 2,
        "Bob": 1,
        "Zoë": 3,
    }
    assert gallery.identify(said_by("Bob", 9)).speaker == "Bob"


def test_an_import_of_another_model_or_of_nothing_is_refused(gallery, tmp_path):
    with Gallery.open(tmp_path / "other.sqlite", pitch_verifier(digest="b" * 32)) as other:
        other.enrol("Bob", said_by("Bob"))
    with pytest.raises(GalleryError, match="of the model aaaaaaaa"):
        gallery.import_(tmp_path / "other.sqlite")
    with pytest.raises(GalleryError, match="there is no gallery"):
        gallery.import_(tmp_path / "missing.sqlite")
    assert len(gallery.speakers()) == 2


@pytest.mark.parametrize(
    ("change", "value", "reason"),
    [
        ("UPDATE voiceprints SET vector = ?", b"\0" * 32, "not of finite numbers"),
        ("UPDATE voiceprints SET vector = ?", np.full(8, np.nan, "<f4").tobytes(), "finite"),
        ("UPDATE voiceprints SET vector = ?", b"\1" * 31, "not of finite numbers"),
        ("UPDATE voiceprints SET vector = ?", "text", "not of finite numbers"),
        ("UPDATE voiceprints SET seconds = ?", "long", "not of finite numbers"),
        ("UPDATE voiceprints SET bandwidth = ?", "wide", "not of finite numbers"),
        ("UPDATE voiceprints SET model = ?", "c" * 32, "several models"),
        ("UPDATE contravox_gallery SET embedding_size = ?", -1, "how many numbers"),
        ("UPDATE speakers SET name = ?", "a\nb", "control character"),
    ],
)
def test_what_a_gallery_never_holds_is_not_imported(tmp_path, verifier, change, value, reason):
    with Gallery.open(tmp_path / "other.sqlite", verifier) as other:
        other.enrol("Bob", said_by("Bob"))
    with sqlite3.connect(tmp_path / "other.sqlite") as connection:
        connection.execute(change, [value])
    with Gallery.open(tmp_path / "g.sqlite", verifier) as gallery:
        with pytest.raises(Exception, match=reason) as raised:
            gallery.import_(tmp_path / "other.sqlite")
        assert type(raised.value).__module__ == "contravox.errors"
        assert gallery.speakers() == []


def test_recordings_go_along_where_that_is_asked(place, tmp_path, verifier):
    with Gallery.open(place, verifier, settings=GallerySettings(keep_audio=True)) as gallery:
        gallery.enrol("Ann", said_by("Ann"))
        gallery.export(tmp_path / "without.sqlite")
        gallery.export(tmp_path / "with.sqlite", audio=True)
    for name, kept in (("without", 0), ("with", 1)):
        assert Gallery.open(tmp_path / f"{name}.sqlite").speakers()[0].recordings == kept


def test_another_model_embeds_what_was_kept(place, verifier):
    other = pitch_verifier(digest="b" * 32, size=12, threshold=0.5)
    with Gallery.open(place, verifier, settings=GallerySettings(keep_audio=True)) as gallery:
        for name in ("Ann", "Bob"):
            gallery.enrol(name, [said_by(name, seed) for seed in range(2)])
        with Gallery.open(place, verifier) as elsewhere:
            elsewhere.identify(said_by("Ann", 9))
            steps = []
            assert gallery.re_embed(other, progress=lambda *step: steps.append(step)) == 4
            assert steps[-1] == (4, 4)
            with pytest.raises(GalleryError, match="of the model bbbbbbbb"):
                elsewhere.identify(said_by("Ann", 9))
        assert gallery.identify(said_by("Bob", 9)).speaker == "Bob"
        # The scores are those of a gallery that never had another model.
        test = gallery.voiceprint(said_by("Ann", 9))
        score = gallery.verify_claim("Ann", test).match.score
    with Gallery.open(place) as gallery:
        assert gallery.model == "b" * 32
    vectors = [other.model.embed([said_by("Ann", seed)[0]])[0] for seed in range(2)]
    mean = np.mean([each / np.linalg.norm(each) for each in vectors], axis=0)
    expected = mean @ test.vector / np.linalg.norm(mean) / np.linalg.norm(test.vector)
    # The recordings are kept at 16 bits.
    assert score == pytest.approx(expected, abs=0.1)


def test_voiceprints_without_recordings_are_dropped_only_where_it_is_said(place, verifier):
    other = pitch_verifier(digest="b" * 32)
    with Gallery.open(place, verifier) as gallery:
        gallery.enrol("Ann", said_by("Ann"))
        gallery.configure(GallerySettings(keep_audio=True))
        gallery.enrol("Bob", said_by("Bob"))
        with pytest.raises(GalleryError, match="1 of 2 voiceprints have no recording"):
            gallery.re_embed(other)
        assert gallery.identify(said_by("Ann", 9)).speaker == "Ann"
        assert gallery.re_embed(other, drop=True) == 1
        assert [each.name for each in gallery.speakers()] == ["Bob"]
