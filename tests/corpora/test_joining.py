import numpy as np
import polars as pl
import soundfile

from contravox.corpora.joining import join_short
from contravox.manifest import COLUMNS, Manifest
from tones import tone


def test_recordings_without_digests_are_joined_every_time(tmp_path):
    """Those in a store have none, and no digests are equal to no digests."""
    paths = [str(tmp_path / f"{number}.wav") for number in range(2)]
    rows = [(f"u{n}", "ann", "home", path, 0.0, 0.5, 16_000) for n, path in enumerate(paths)]
    table = pl.DataFrame(rows, schema=COLUMNS, orient="row")
    manifest = Manifest(table.with_columns(digest=pl.lit(None, pl.String)))
    contents = []
    for pitch in (100, 200):
        for path in paths:
            soundfile.write(path, tone(0.5, pitch), 16_000)
        joined = join_short(manifest, tmp_path / "joined", seconds=2.0).manifest
        [path] = joined.table["path"]
        contents.append(soundfile.read(path)[0])
    assert abs(contents[0] - contents[1]).max() > 0.1


def test_no_name_leads_to_another_folder_or_to_anothers_file(tmp_path):
    people = [
        ("../evil", ".."),
        ("..", "x"),
        ("a", "b/c"),
        ("a/b", "c"),
        ("a%2Fb", "c"),
        ("%", "."),
    ]
    rows = []
    for pitch, (speaker, session) in enumerate(people, start=1):
        for number in range(2):
            path = tmp_path / f"{pitch}-{number}.wav"
            soundfile.write(path, tone(0.5, 100 * pitch), 16_000)
            rows.append((path.stem, speaker, session, str(path), 0.0, 0.5, 16_000))
    table = pl.DataFrame(rows, schema=COLUMNS, orient="row").with_columns(
        digest=pl.col("utterance")
    )
    joined = join_short(Manifest(table), tmp_path / "joined", seconds=5.0).manifest
    assert sorted(joined.table.select("speaker", "session").rows()) == sorted(people)
    made = {str(path) for path in tmp_path.rglob("*.flac")}
    assert {str(path) for path in (tmp_path / "joined").glob("*/*.flac")} == made
    assert set(joined.table["path"]) == made
    assert len(made) == len(people)


def test_speakers_of_two_corpora_are_not_joined(tmp_path):
    rows = []
    for corpus, pitch in (("A", 100), ("B", 200)):
        for number in range(2):
            path = tmp_path / f"{corpus}{number}.wav"
            soundfile.write(path, tone(0.5, pitch), 16_000)
            rows.append((f"{corpus}{number}", "0", "home", str(path), 0.0, 0.5, 16_000, corpus))
    schema = {**COLUMNS, "corpus": pl.String}
    table = pl.DataFrame(rows, schema=schema, orient="row").with_columns(digest=pl.col("utterance"))
    made = join_short(Manifest(table), tmp_path / "joined", seconds=5.0)
    assert not made.unreadable
    joined = made.manifest
    assert joined.speakers == ["A/0", "B/0"]
    assert joined.table["duration"].to_list() == [1.0, 1.0]
    first, second = (soundfile.read(path)[0] for path in joined.table["path"])
    assert abs(first - second).max() > 0.1


def test_parts_of_files_are_joined_and_nothing_around_them(tmp_path):
    """Two people talk in turns of half a second in one recording."""
    path = tmp_path / "interview.wav"
    pitches = {"ann": 200, "bob": 700}
    turns = [tone(0.5, pitches[who]) for who in ("ann", "bob") * 4]
    soundfile.write(path, np.concatenate(turns), 16_000)

    def joined(first):
        rows = [
            (f"{turn}", ("ann", "bob")[turn % 2], "home", str(path), 0.5 * turn, 0.5, 16_000)
            for turn in range(first, 8)
        ]
        table = pl.DataFrame(rows, schema=COLUMNS, orient="row").with_columns(digest=pl.lit("d"))
        manifest = join_short(Manifest(table), tmp_path / "joined", seconds=5.0).manifest
        return {
            speaker: soundfile.read(place, dtype="float32")[0]
            for speaker, place in manifest.table.select("speaker", "path").iter_rows()
        }

    for first, seconds in ((0, 2.0), (2, 1.5)):
        for who, samples in joined(first).items():
            assert len(samples) == 16_000 * seconds
            expected = np.tile(tone(0.5, pitches[who]), int(2 * seconds))
            np.testing.assert_allclose(samples, expected, atol=1e-4)
