import polars as pl
import pytest

from contravox.errors import ManifestError
from contravox.manifest import COLUMNS, Manifest


def manifest(speakers=10, utterances=3):
    rows = [
        (f"s{s}/u{u}", f"s{s}", None, f"/audio/s{s}/u{u}.wav", 0.0, 1.5, 16_000)
        for s in range(speakers)
        for u in range(utterances)
    ]
    return Manifest(pl.DataFrame(rows, schema=COLUMNS, orient="row"))


def test_written_and_read_again(tmp_path):
    table = manifest().table.with_columns(
        pl.Series("path", [f"/a b/ü{i}\t.wav" for i in range(30)]), pl.lit("F").alias("sex")
    )
    Manifest(table).write(tmp_path / "m.tsv")
    assert Manifest.read(tmp_path / "m.tsv").table.equals(table)
    assert [path.name for path in tmp_path.iterdir()] == ["m.tsv"]


def test_relative_paths_are_from_the_manifests_folder(tmp_path):
    (tmp_path / "m.tsv").write_text("utterance\tpath\tduration\na\twav/a.wav\t1.0\n")
    read = Manifest.read(tmp_path / "m.tsv")
    assert read.table["path"][0] == str(tmp_path / "wav/a.wav")
    assert read.table.row(0)[1:3] == (None, None)
    assert read.table.row(0)[4:] == (0.0, 1.0, 16_000)


def test_urls_and_shards_keep_their_place(tmp_path):
    paths = ["s3://bucket/a.tar#bytes=0-9", "/data/a.wav", "a.tar#bytes=0-9"]
    lines = "".join(f"{name}\t{path}\t1\n" for name, path in zip("abc", paths, strict=True))
    (tmp_path / "m.tsv").write_text("utterance\tpath\tduration\n" + lines)
    read = Manifest.read(tmp_path / "m.tsv").table["path"].to_list()
    assert read == [*paths[:2], str(tmp_path / paths[2])]


def test_manifests_together():
    one, other = manifest().of_speakers(["s3"]), manifest().of_speakers(["s1"])
    other = Manifest(other.table.with_columns(sex=pl.lit("F")))
    joined = Manifest.joined([one, other])
    assert joined.table["utterance"].to_list() == [f"s{s}/u{u}" for s in (1, 3) for u in range(3)]
    assert joined.table["sex"].to_list() == ["F"] * 3 + [None] * 3
    with pytest.raises(ManifestError, match="'s3/u0' is in two"):
        Manifest.joined([one, one])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("utterance\tpath\na\tb\n", "no column 'duration'"),
        ("utterance\tpath\tduration\na\tb\tlong\n", "row 2: duration is 'long', not a number"),
        ("utterance\tpath\tduration\na\tb\t1\nc\t\t1\n", "row 3: path is None"),
        ("utterance\tpath\tduration\na\tb\t1\na\tc\t1\n", "row 3: utterance 'a' is there twice"),
        ("utterance\tpath\tduration\na\tb\t0\n", "row 2: duration must be above 0"),
        ("utterance\tpath\tduration\n", "no utterance"),
        ("", "not a tab-separated table"),
    ],
)
def test_mistakes_name_the_file_and_row(tmp_path, text, reason):
    path = tmp_path / "m.tsv"
    path.write_text(text)
    with pytest.raises(ManifestError, match=reason) as caught:
        Manifest.read(path)
    assert str(path) in str(caught.value)


def test_a_missing_manifest_says_how_to_make_one(tmp_path):
    with pytest.raises(ManifestError, match="contravox prepare"):
        Manifest.read(tmp_path / "m.tsv")


def test_parts_share_no_speaker_and_lose_no_utterance():
    whole = manifest(speakers=20)
    parts = whole.split([0.6, 0.2, 0.2], seed=3)
    assert [len(part.speakers) for part in parts] == [12, 4, 4]
    assert sorted(speaker for part in parts for speaker in part.speakers) == whole.speakers
    assert sum(map(len, parts)) == len(whole)
    assert parts[0].table.equals(whole.split([0.6, 0.2, 0.2], seed=3)[0].table)
    assert parts[0].speakers != whole.split([0.6, 0.2, 0.2], seed=4)[0].speakers


def test_too_few_speakers_for_the_parts():
    with pytest.raises(ManifestError, match="5 speakers cannot be split"):
        manifest(speakers=5).split([0.65, 0.15, 0.2])


def test_speakers_of_some_utterances():
    assert manifest().speakers_of(["s3/u0", "s0/u2", "s3/u0"]).to_list() == ["s3", "s0", "s3"]
    with pytest.raises(ManifestError, match=r"1 of 2 utterances .* such as 'x'"):
        manifest().speakers_of(["s0/u0", "x"])
    alone = Manifest.of_names(pl.Series(["a", "b"]))
    assert alone.speakers_of(["b"]).to_list() == [None]
    assert alone.table.columns == list(COLUMNS)
