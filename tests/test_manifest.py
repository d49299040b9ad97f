import os
import re

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contravox.errors import ManifestError
from contravox.manifest import (
    CLUSTERS,
    CLUSTERS_OF_LABELS,
    COLUMNS,
    SPEAKER_SOURCE,
    START_IN_ORIGINAL,
    Manifest,
)
from hostile import mutations, value_or_line
from manifests import manifest, pooled
from profiles import examples


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
        ("utterance\tpath\tduration\na\tb\t0\n", "row 2: duration is '0', but must be above 0"),
        ("utterance\tpath\tduration\n", "no utterance"),
        ("utterance\tpath\tduration\tpath\na\tb\t1\tc\n", "has the column 'path' twice"),
        ("utterance\tpath\tduration\n \tb\t1\n", "row 2: utterance is ' ', not a name"),
        ("utterance\tpath\tduration\tspeaker\na\tb\t1\t \n", "row 2: speaker is ' ', not"),
        ("", "is empty"),
    ],
)
def test_mistakes_name_the_file_and_row(tmp_path, text, reason):
    path = tmp_path / "m.tsv"
    path.write_text(text)
    with pytest.raises(ManifestError, match=reason) as caught:
        Manifest.read(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("column", ["start", "duration", "sample_rate"])
@pytest.mark.parametrize(
    "value",
    ["nan", "inf", "-inf", "-1", "1e300", "1e400", "1_000", "0x10", " 5", "5 ", "１２", "1,5", ""],
)
def test_numbers_that_are_none_are_refused(tmp_path, column, value):
    row = {"utterance": "a", "path": "b", "start": "0", "duration": "1", "sample_rate": "16000"}
    row[column] = value
    text = "\t".join(row) + "\n" + "\t".join(row.values()) + "\n"
    (tmp_path / "m.tsv").write_text(text)
    with pytest.raises(ManifestError, match=rf"m\.tsv: row 2: {column} is "):
        Manifest.read(tmp_path / "m.tsv")


@pytest.mark.parametrize("value", ["nan", "-1", "00:12"])
def test_a_start_in_an_original_may_be_unknown_but_is_a_number(tmp_path, value):
    text = f"utterance\tpath\tduration\t{START_IN_ORIGINAL}\na\tb\t1\t\nc\tb\t1\t2.5\n"
    (tmp_path / "m.tsv").write_text(text)
    assert Manifest.read(tmp_path / "m.tsv").starts.to_list() == [0.0, 2.5]
    (tmp_path / "m.tsv").write_text(text.replace("2.5", value))
    with pytest.raises(ManifestError, match=rf"m\.tsv: row 3: {START_IN_ORIGINAL} is '{value}'"):
        Manifest.read(tmp_path / "m.tsv")


def test_a_part_of_what_was_cut_out_is_told_by_where_it_is_in_the_original():
    table = manifest(speakers=1, utterances=3).table.with_columns(digest=pl.lit("sha256:0"))
    cut = table.with_columns(
        pl.Series("start", [0.3, 0.2, 0.2]), pl.Series(START_IN_ORIGINAL, [None, 0.1, 0.2])
    )
    assert Manifest(cut).recordings["number"].to_list() == [1, 1, 2]
    assert Manifest(table).recordings["number"].n_unique() == 1


@pytest.mark.parametrize(("value", "number"), [("+1", 1.0), ("2e3", 2000.0), ("16000.0", 16000.0)])
def test_numbers_as_programs_write_them(tmp_path, value, number):
    (tmp_path / "m.tsv").write_text(f"utterance\tpath\tduration\tsample_rate\na\tb\t1\t{value}\n")
    assert Manifest.read(tmp_path / "m.tsv").table["sample_rate"].to_list() == [number]


def test_a_name_with_quotation_marks_does_not_swallow_the_rows_after_it(tmp_path):
    text = 'utterance\tpath\tduration\n"a\tb\t1\nc\td\t1\ne"\tf\t1\n'
    (tmp_path / "m.tsv").write_text(text)
    with pytest.raises(ManifestError, match="row 2: a quotation mark"):
        Manifest.read(tmp_path / "m.tsv")


names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n\r\0"), min_size=1)


@given(names=st.sets(names.filter(lambda name: re.search(r"\S", name)), min_size=1, max_size=5))
def test_any_names_come_back_as_they_were(tmp_path_factory, names):
    path = tmp_path_factory.getbasetemp() / "any.tsv"
    rows = [(name, name, name, f"/{name}", 0.5, 1.5, 16_000) for name in sorted(names)]
    Manifest(pl.DataFrame(rows, schema=COLUMNS, orient="row").sort("utterance")).write(path)
    assert sorted(Manifest.read(path).table.rows()) == sorted(rows)


@st.composite
def manifests(draw):
    """Any names, times to the tenth of a millisecond, and what a corpus knows besides."""
    known = names.filter(lambda name: re.search(r"\S", name))
    named = draw(st.lists(known, min_size=1, max_size=8, unique=True))
    seconds = st.integers(1, 10**9).map(lambda number: number / 10_000)
    rows = [
        (
            name,
            draw(st.none() | known),
            draw(st.none() | known),
            f"/{draw(names)}",
            draw(st.just(0.0) | seconds),
            draw(seconds),
            draw(st.integers(1, 10**7)),
            draw(st.none() | known),
            draw(st.none() | names),
        )
        for name in named
    ]
    schema = {**COLUMNS, "corpus": pl.String, "what it knows": pl.String}
    return Manifest(pl.DataFrame(rows, schema=schema, orient="row").sort("utterance"))


@examples(20)
@given(whole=manifests())
def test_every_column_comes_back_and_everybody_is_who_they_were(tmp_path_factory, whole):
    path = tmp_path_factory.getbasetemp() / "whole.tsv"
    whole.write(path)
    again = Manifest.read(path)
    assert again.table.equals(whole.table)
    assert again.identities.equals(whole.identities)
    # Whatever the order of the rows in a file.
    Manifest(whole.table.reverse()).write(path)
    assert Manifest.read(path).table.equals(whole.table)


VALID = (
    b"utterance\tspeaker\tpath\tstart\tduration\tsample_rate\n"
    b'a\tann\t/a.wav\t0.0\t1.5\t16000\n"b ""c\td"""\tbob\tb.wav\t0.5\t2.5\t8000\n'
)


@given(data=st.one_of(st.binary(), mutations(VALID)))
def test_any_bytes_are_a_manifest_or_one_line_of_error(tmp_path_factory, data):
    read = value_or_line(Manifest.read, tmp_path_factory.getbasetemp() / "any.tsv", data)
    if read is not None:
        assert 0 < len(read) <= data.count(b"\n")
        numbers = read.table.select("start", "duration", "sample_rate")
        assert numbers.select(pl.all_horizontal(pl.all().is_between(0, 1e7))).to_series().all()


def test_a_folder_whose_name_is_not_utf8(tmp_path):
    folder = tmp_path / os.fsdecode(b"\xe9")
    folder.mkdir()
    (folder / "m.tsv").write_text("utterance\tpath\tduration\na\tb\t1\n")
    with pytest.raises(ManifestError, match="its name is not UTF-8"):
        Manifest.read(folder / "m.tsv")


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


def test_speakers_of_two_corpora_are_different_people():
    both = pooled(("a", "0", "A"), ("b", "0", "B"), ("c", "1", "A"), ("d", None, "A"))
    assert both.identities.to_list() == ["A/0", "B/0", "A/1", None]
    assert both.speakers == ["A/0", "A/1", "B/0"]
    assert both.speakers_of(["b", "d", "a"]).to_list() == ["B/0", None, "A/0"]
    assert both.of_speakers(["B/0"]).table["utterance"].to_list() == ["b"]


@given(
    st.lists(
        st.tuples(st.text("aB/\\\t ", max_size=3), st.text("aB/\\\t ", min_size=1, max_size=3))
    )
)
def test_no_two_speakers_look_alike(names):
    rows = [(f"u{row}", speaker, corpus or None) for row, (corpus, speaker) in enumerate(names)]
    if rows:
        assert len(pooled(*rows).speakers) == len(set(names))


def test_a_name_is_the_same_in_every_unicode_form_but_not_in_another_case():
    composed, decomposed = "Zo\u00eb", "Zoe\u0308"
    names = pooled(("a", composed, None), ("b", decomposed, None), ("c", "zo\u00eb", None))
    assert names.speakers == [composed, "zo\u00eb"]


def test_a_split_parts_people_not_names():
    rows = [
        (f"{corpus}{name}{u}", name, corpus) for corpus in "AB" for name in "0123" for u in "xy"
    ]
    parts = pooled(*rows).split([0.5, 0.5], seed=3)
    assert [len(part.speakers) for part in parts] == [4, 4]
    assert not set(parts[0].speakers) & set(parts[1].speakers)
    # Some name is on both sides, of two people.
    assert set(parts[0].table["speaker"]) & set(parts[1].table["speaker"])


def test_manifests_of_corpora_that_share_names_of_utterances_are_joined():
    joined = Manifest.joined([pooled(("0/1", "0", "A")), pooled(("0/1", "0", "B"))])
    assert joined.table["utterance"].to_list() == ["A/0/1", "B/0/1"]
    with pytest.raises(ManifestError, match="'A/0/1' is in two of the manifests"):
        Manifest.joined([pooled(("0/1", "0", "A"))] * 2)
    with pytest.raises(ManifestError, match="'0/1' is in two of the manifests"):
        Manifest.joined([pooled(("0/1", "0", None))] * 2)


@pytest.mark.parametrize(
    ("sources", "clustered", "told"),
    [
        ([CLUSTERS, CLUSTERS], [True, True], False),
        ([CLUSTERS, CLUSTERS_OF_LABELS], [True, True], True),
        ([CLUSTERS, None], [True, False], True),
        ([CLUSTERS, "of an oracle"], [True, True], True),
        (None, [False, False], True),
    ],
)
def test_whether_somebody_told_who_speaks(tmp_path, sources, clustered, told):
    known = Manifest(manifest(speakers=2, utterances=1).table)
    if sources is not None:
        known = Manifest(known.table.with_columns(pl.Series(SPEAKER_SOURCE, sources)))
    known.write(tmp_path / "m.tsv")
    for each in (known, Manifest.read(tmp_path / "m.tsv")):
        assert each.clustered.to_list() == clustered
        assert each.labels_told is told


def test_clusters_joined_with_speakers_stay_clusters():
    clusters = manifest(speakers=2, utterances=1).table.with_columns(
        utterance=pl.format("c{}", "utterance"), speaker_source=pl.lit(CLUSTERS)
    )
    both = Manifest.joined([manifest(speakers=2, utterances=1), Manifest(clusters)])
    assert both.table.filter(both.clustered)["utterance"].str.starts_with("c").to_list() == [
        *(True, True)
    ]
    assert both.labels_told
