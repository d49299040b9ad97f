import pytest
from hypothesis import given
from hypothesis import strategies as st

import trees
from contravox.corpora.kaldi import kaldi_recordings
from contravox.errors import ManifestError
from hostile import BEARABLE, mutations


@pytest.fixture
def data(tmp_path):
    for seed, name in enumerate(("a 1", "a2", "b1")):
        trees.write_audio(tmp_path / "in" / f"{name}.wav", seed=seed)
    folder = tmp_path / "in"
    trees.write_lines(folder / "wav.scp", "a-1 a 1.wav", f"a-2  {folder}/a2.wav", "b-1\tb1.wav")
    trees.write_lines(folder / "utt2spk", "a-1 ann", "a-2 ann", "b-1 bob")
    return folder


def test_a_data_folder(prepare, data):
    trees.write_lines(data / "spk2gender", "ann f", "bob m")
    done = prepare("kaldi", data)
    assert done.table().select("utterance", "speaker", "sex", "corpus").rows() == [
        ("a-1", "ann", "f", "in"),
        ("a-2", "ann", "f", "in"),
        ("b-1", "bob", "m", "in"),
    ]
    assert done.column("path")[0] == str(data / "a 1.wav")
    assert done.counts["corpus"]["trials"] == 3


def test_relative_paths_start_from_the_working_folder(data, tmp_path, monkeypatch):
    trees.write_audio(tmp_path / "in" / "in" / "a 1.wav")
    monkeypatch.chdir(data / "in")
    assert kaldi_recordings(data)["path"][0] == str(data / "in" / "a 1.wav")


def test_segments_are_parts_of_recordings(prepare, data):
    trees.write_lines(data / "segments", "x a-1 0.0 0.1", "y a-1 0.1 0.25", "z b-1 0.05 0.3")
    trees.write_lines(data / "utt2spk", "x ann", "y ann", "z bob")
    done = prepare("kaldi", data)
    table = done.table()
    assert table["utterance"].to_list() == ["x", "y", "z"]
    assert table["start"].to_list() == [0.0, 0.1, 0.05]
    assert table["duration"].to_list() == pytest.approx([0.1, 0.15, 0.25])


@pytest.mark.parametrize(
    ("name", "lines", "reason"),
    [
        ("wav.scp", ["a-1 sph2pipe -f wav a.sph |"], r"a-1: `sph2pipe .* is a command"),
        ("wav.scp", ["a-1 a.wav", "a-2"], r"wav\.scp: line 2: 'a-2' is not `utterance path`"),
        ("utt2spk", ["a-1 ann"], r"utt2spk: 2 of 3 utterances have no speaker, such as 'a-2'"),
        ("segments", ["x nobody 0 1"], r"segments: 1 of 1 utterances have no path, such as 'x'"),
        ("segments", ["x a-1 0"], r"segments: line 1: 'x a-1 0' is not `utterance recording"),
    ],
)
def test_data_folders_with_mistakes(data, name, lines, reason):
    trees.write_lines(data / name, *lines)
    with pytest.raises(ManifestError, match=reason):
        kaldi_recordings(data)


def test_another_folder(tmp_path):
    with pytest.raises(ManifestError, match=r"no wav\.scp, so not a data folder of Kaldi"):
        kaldi_recordings(tmp_path)


@pytest.mark.parametrize(
    ("name", "lines", "reason"),
    [
        ("utt2spk", ["a-1 ann", "a-2 ann", "b-1 bob", "a-1 eve"], r"line 4: utterance 'a-1' is"),
        ("wav.scp", ["a-1 a.wav", "a-2 a2.wav", "", "a-2 b1.wav"], r"line 4: utterance 'a-2' is"),
        ("segments", ["x a-1 0 0.1", "x a-1 0.1 0.2"], r"line 2: utterance 'x' is there already"),
        (
            "segments",
            ["x a-1 ０ 1"],
            r"line 1: 'x a-1 ０ 1' is not `utterance recording start end`",
        ),
        ("segments", ["x a-1 0.1.2 1"], r"line 1: 'x a-1 0.1.2 1' is not"),
    ],
)
def test_a_line_that_says_something_else_is_named(data, name, lines, reason):
    trees.write_lines(data / name, *lines)
    with pytest.raises(ManifestError, match=rf"{name}: {reason}"):
        kaldi_recordings(data)


def test_a_line_twice_is_a_line(data):
    expected = kaldi_recordings(data)
    for name in ("wav.scp", "utt2spk"):
        text = (data / name).read_text()
        (data / name).write_text(text + text)
    assert kaldi_recordings(data).equals(expected)


def test_byte_order_marks_and_line_ends_of_windows(data):
    trees.write_lines(data / "spk2gender", "ann f", "bob m")
    expected = kaldi_recordings(data)
    for name in ("wav.scp", "utt2spk", "spk2gender"):
        text = (data / name).read_text()
        (data / name).write_bytes(("\ufeff" + text.replace("\n", "\r\n")).encode())
    assert kaldi_recordings(data).equals(expected)
    assert expected["sex"].to_list() == ["f", "f", "m"]


def test_blanks_of_other_scripts_are_part_of_a_name(data):
    name = "王\u3000小明\xa0\u2028x"
    trees.write_lines(data / "wav.scp", f"{name}  a 1.wav", f"{name}2\ta2.wav\t")
    trees.write_lines(data / "utt2spk", f"{name} {name}", f"{name}2 {name}")
    found = kaldi_recordings(data).select("utterance", "speaker").rows()
    assert found == [(name, name), (f"{name}2", name)]


def test_a_list_without_a_line(refused, data):
    (data / "wav.scp").write_text("\n")
    assert "wav.scp: names no recording" in refused("kaldi", data)


KALDI = {
    "wav.scp": b"a-1 a 1.wav\nb-1 b1.wav\n",
    "utt2spk": b"a-1 ann\nb-1 bob\n",
    "segments": b"a-1 a-1 0.0 0.1\nb-1 b-1 0.5 1.25\n",
}


@pytest.mark.parametrize("name", KALDI)
@given(content=st.data())
def test_any_bytes_are_recordings_or_one_line_of_error(tmp_path_factory, name, content):
    """In one of the lists, beside others that are whole."""
    folder = tmp_path_factory.getbasetemp()
    for each, lines in KALDI.items():
        (folder / each).write_bytes(lines)
    data = content.draw(st.one_of(st.binary(), mutations(KALDI[name])))
    try:
        (folder / name).write_bytes(data)
        table = kaldi_recordings(folder)
    except ManifestError as error:
        message = str(error)
    else:
        assert sum(table.select("utterance", "path", "speaker", "start").null_count().row(0)) == 0
        return
    assert str(folder) in message
    assert len(message.replace(str(folder), "")) < BEARABLE
