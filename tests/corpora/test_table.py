import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import trees
from contravox.corpora.table import table_recordings
from contravox.errors import ManifestError
from hostile import mutations, value_or_line

ROWS = {
    "path": ["a b/ö.wav", "a b/ö.wav", "c.flac"],
    "speaker": ["ann", "ann", "bob"],
    "utterance": ["first", "second", "third"],
    "start": [0.0, 0.5, 0.0],
    "duration": [0.5, 0.75, 0.25],
    "language": ["en", "en", "de"],
    # Names that preparing uses too.
    "seconds": ["a", "b", "c"],
    "digest": ["d", "e", "f"],
    "sample_rate": [1, 2, 3],
}


@pytest.fixture
def audio(tmp_path):
    trees.write_audio(tmp_path / "in" / "a b" / "ö.wav", 1.25)
    trees.write_audio(tmp_path / "in" / "c.flac", 0.25, seed=1)
    return tmp_path / "in"


@pytest.mark.parametrize("suffix", ["csv", "tsv", "parquet"])
def test_parts_of_files_and_columns_of_ones_own(prepare, audio, suffix):
    table, path = pl.DataFrame(ROWS), audio / f"mine.{suffix}"
    if suffix == "parquet":
        table.write_parquet(path)
    else:
        table.write_csv(path, separator="," if suffix == "csv" else "\t")
    done = prepare("table", path)
    columns = ("utterance", "speaker", "start", "duration", "language", "seconds", "corpus")
    assert done.table().select(columns).rows() == [
        ("first", "ann", 0.0, 0.5, "en", "a", "in"),
        ("second", "ann", 0.5, 0.75, "en", "b", "in"),
        ("third", "bob", 0.0, 0.25, "de", "c", "in"),
    ]
    assert done.column("path")[0] == str(audio / "a b" / "ö.wav")
    assert done.column("sample_rate") == [16_000] * 3
    assert all(digest.startswith("sha256:") for digest in done.column("digest"))
    assert done.counts["corpus"]["trials"] == 3


def test_parts_that_are_not_there_are_skipped(prepare, audio):
    rows = ROWS | {"duration": [0.5, 0.9, 0.25]}
    trees.write_audio(audio / "d.wav", seed=4)
    more = {"path": ["d.wav", "c.flac"], "speaker": ["ann", "ann"], "utterance": ["4", "5"]}
    more |= {"start": [0.0, 0.0], "duration": [0.3, 0.05]}
    both = [pl.DataFrame(rows), pl.DataFrame(more)]
    pl.concat(both, how="diagonal").write_csv(audio / "mine.csv")
    done = prepare("table", audio / "mine.csv")
    assert done.column("utterance") == ["4", "first", "third"]
    _, *skipped = (done.folder / "skipped.tsv").read_text().splitlines()
    assert skipped == [
        f"{audio}/a b/ö.wav\tends at 1.4 s, after the end of the file at 1.25 s",
        f"{audio}/c.flac\tonly 0.05 s long",
    ]


def test_names_default_to_the_paths(audio):
    pl.DataFrame(ROWS).select("path", "speaker").slice(1).write_csv(audio / "mine.csv")
    assert table_recordings(audio / "mine.csv")["utterance"].to_list() == ["a b/ö.wav", "c.flac"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("path,who\na.wav,ann\n", "has no column 'speaker', only path, who"),
        ("path,speaker\na.wav,ann\nb.wav,\n", "row 3: speaker is None"),
        ("path,speaker,start\na.wav,ann,soon\n", "row 2: start is 'soon'"),
        ("", "is empty"),
    ],
)
def test_tables_with_mistakes(tmp_path, text, reason):
    (tmp_path / "mine.csv").write_text(text)
    with pytest.raises(ManifestError, match=r"mine\.csv: ") as raised:
        table_recordings(tmp_path / "mine.csv")
    assert reason in str(raised.value)


def test_other_files_are_no_tables(tmp_path):
    with pytest.raises(ManifestError, match="no such table"):
        table_recordings(tmp_path)
    (tmp_path / "mine.xlsx").write_text("")
    with pytest.raises(ManifestError, match=r"not a \.csv, \.tsv or \.parquet table"):
        table_recordings(tmp_path / "mine.xlsx")


def test_parts_of_a_file_need_names(refused, audio):
    pl.DataFrame(ROWS).drop("utterance").write_csv(audio / "mine.csv")
    line = refused("table", audio / "mine.csv")
    assert "such as 'a b/ö.wav', both of " in line
    assert "give each part of a recording a name of its own" in line


def test_a_name_given_twice(refused, audio):
    table = pl.DataFrame(ROWS | {"utterance": ["same", "same", "third"]})
    table.write_csv(audio / "mine.csv")
    assert "1 utterances are there twice, such as 'same'" in refused("table", audio / "mine.csv")


@pytest.mark.parametrize("suffix", ["csv", "tsv", "parquet"])
@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("start", "nan", "start is 'nan', not a number"),
        ("duration", "inf", "duration is 'inf', but must be from 0 to 10,000,000"),
        ("duration", "0", "duration is '0', but must be above 0 s"),
        ("speaker", " ", "speaker is ' ', not a name"),
        ("path", "", "path is None, not a name"),
    ],
)
def test_values_are_looked_at(tmp_path, suffix, column, value, reason):
    table = pl.DataFrame({name: [str(ROWS[name][0])] for name in ("path", "speaker", "duration")})
    table = table.with_columns(pl.lit(value or None, pl.String).alias(column))
    path = tmp_path / f"mine.{suffix}"
    if suffix == "parquet":
        table.write_parquet(path)
    else:
        table.write_csv(path, separator="," if suffix == "csv" else "\t")
    row = 1 if suffix == "parquet" else 2
    with pytest.raises(ManifestError, match=rf"mine\.{suffix}: row {row}: {reason}"):
        table_recordings(path)


@pytest.mark.parametrize("damage", [b"", b"PAR1", b"PAR1" + bytes(100) + b"PAR1"])
def test_a_damaged_parquet_file_is_one_line(tmp_path, damage):
    (tmp_path / "mine.parquet").write_bytes(damage)
    with pytest.raises(
        ManifestError, match=r"mine\.parquet: cannot be read as a Parquet table: ."
    ) as e:
        table_recordings(tmp_path / "mine.parquet")
    assert len(str(e.value)) < 400


def test_a_parquet_file_without_a_column(tmp_path):
    pl.DataFrame({"path": ["a"], "who": ["b"]}).write_parquet(tmp_path / "mine.parquet")
    with pytest.raises(ManifestError, match="has no column 'speaker', only path, who"):
        table_recordings(tmp_path / "mine.parquet")


@pytest.mark.parametrize("values", [[[1, 2]], [{"a": 1}], [b"\xff"]])
def test_a_parquet_column_of_anything_but_texts_and_numbers(tmp_path, values):
    table = pl.DataFrame({"path": ["a"], "speaker": ["b"], "more": values})
    table.write_parquet(tmp_path / "mine.parquet")
    with pytest.raises(
        ManifestError, match=r"mine\.parquet: .*column 'more' is of type .* leave it"
    ):
        table_recordings(tmp_path / "mine.parquet")


def test_a_cell_of_several_lines_with_separators_is_refused(tmp_path):
    (tmp_path / "mine.csv").write_text('path,speaker,note\na.wav,ann,"one, or\ntwo"\n')
    with pytest.raises(ManifestError, match="row 2: a quotation mark"):
        table_recordings(tmp_path / "mine.csv")


def test_a_parquet_file_may_hold_names_that_no_manifest_can(tmp_path):
    table = pl.DataFrame({"path": ["a.wav", "b.wav"], "speaker": ["ann", "b\0b"]})
    table.write_parquet(tmp_path / "mine.parquet")
    with pytest.raises(ManifestError, match=r"mine\.parquet: speaker 'b.x00b' holds a carriage"):
        table_recordings(tmp_path / "mine.parquet")


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_table_without_rows(refused, tmp_path, suffix):
    table = pl.DataFrame(schema={"path": pl.String, "speaker": pl.String})
    path = tmp_path / f"mine.{suffix}"
    table.write_csv(path) if suffix == "csv" else table.write_parquet(path)
    assert f"mine.{suffix}: holds no recording" in refused("table", path)


VALID = b'path,speaker,utterance,start,duration\na.wav,ann,"a, ""1""",0,1.5\nb.wav,bob,b,1,2e0\n'


@given(data=st.one_of(st.binary(), mutations(VALID)))
def test_any_bytes_are_recordings_or_one_line_of_error(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "any.csv"
    table = value_or_line(table_recordings, path, data)
    if table is not None:
        assert 0 < len(table) <= data.count(b"\n")
        assert sum(table.select("path", "speaker", "utterance").null_count().row(0)) == 0
