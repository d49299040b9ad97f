import io
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contravox.embeddings import Embeddings, labels_used, made_from
from contravox.errors import ModelError, TrialsError
from hostile import BEARABLE, mutations, value_or_line


@pytest.fixture
def embeddings():
    return Embeddings(["b", "a", "é c"], np.arange(6, dtype=np.float32).reshape(3, 2))


def test_saved_and_loaded_again(tmp_path, embeddings):
    embeddings.save(tmp_path / "e.npz")
    loaded = Embeddings.load(tmp_path / "e.npz")
    assert loaded.utterances == embeddings.utterances
    np.testing.assert_array_equal(loaded.vectors, embeddings.vectors)
    assert loaded.vectors.dtype == np.float32


def test_rows_follow_the_order_asked_for(embeddings):
    assert embeddings.rows(["é c", "b", "a", "b"]).tolist() == [2, 0, 1, 0]


def test_an_utterance_without_embedding(embeddings):
    with pytest.raises(TrialsError, match="1 utterances have no embedding, such as 'x'"):
        embeddings.rows(["a", "x"])


def test_an_utterance_that_many_trials_name_is_missed_once(embeddings):
    with pytest.raises(TrialsError, match="2 utterances have no embedding, such as 'y'"):
        embeddings.rows(["y", "a", "x", "y", "x", "y"])


def test_files_that_hold_no_embeddings(tmp_path, embeddings):
    with pytest.raises(ModelError, match="no such file"):
        Embeddings.load(tmp_path / "none.npz")
    path = tmp_path / "e.npz"
    embeddings.save(path)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ModelError, match="not a whole file of embeddings"):
        Embeddings.load(path)
    np.savez(path, other=np.zeros(2))
    with pytest.raises(ModelError, match="not a whole file of embeddings"):
        Embeddings.load(path)


@pytest.mark.parametrize("used", [True, False, None])
def test_whether_the_model_had_read_labels_is_noted(tmp_path, embeddings, used):
    path = tmp_path / "e.npz"
    embeddings.save(path, made_from="a model", labels_used=used)
    assert labels_used(path) is used
    assert made_from(path) == "a model"
    np.testing.assert_array_equal(Embeddings.load(path).vectors, embeddings.vectors)


@pytest.mark.parametrize("data", [b"\xff" * 8, b"\xff\xff\xff\0" * 2, b"\0\xd8\0\0" * 2])
def test_a_note_that_is_no_text_says_nothing(tmp_path, data):
    noted = np.frombuffer(data, "<U2")
    np.savez(tmp_path / "e.npz", utterances=NAMES, embeddings=VECTORS, made_from=noted.reshape(()))
    assert made_from(tmp_path / "e.npz") is None


@pytest.mark.parametrize("noted", [np.array("False"), np.array([False, False]), np.array(0)])
def test_what_was_noted_by_others_says_nothing(tmp_path, noted):
    np.savez(tmp_path / "e.npz", utterances=NAMES, embeddings=VECTORS, labels_used=noted)
    assert labels_used(tmp_path / "e.npz") is None
    assert labels_used(tmp_path / "none.npz") is None


def test_nothing_in_the_file_is_unpickled(tmp_path):
    path = tmp_path / "e.npz"
    np.savez(path, utterances=np.array([{"a": 1}], dtype=object), embeddings=np.zeros((1, 2)))
    with pytest.raises(ModelError, match="allow_pickle"):
        Embeddings.load(path)


def test_several_files_together(embeddings):
    other = Embeddings(["d"], np.ones((1, 2), np.float32))
    joined = Embeddings.joined([embeddings, other])
    assert joined.utterances == ["b", "a", "é c", "d"]
    np.testing.assert_array_equal(joined.vectors[3], [1, 1])
    with pytest.raises(ModelError, match="share names"):
        Embeddings.joined([embeddings, embeddings])
    with pytest.raises(ModelError, match="different sizes"):
        Embeddings.joined([embeddings, Embeddings(["d"], np.ones((1, 3), np.float32))])


NAMES = np.array(["a", "b", "c"])
VECTORS = np.arange(6.0).reshape(3, 2) + 1


def foreign(path, utterances=NAMES, embeddings=VECTORS, write=np.savez):
    write(path, utterances=utterances, embeddings=embeddings)
    return Embeddings.load(path)


@pytest.mark.parametrize(
    "vectors",
    [
        VECTORS.astype(np.float16),
        VECTORS.astype(">f8"),
        np.asfortranarray(VECTORS),
        VECTORS.astype(np.int8),
        VECTORS[::-1][::-1],
        VECTORS.astype(np.longdouble),
    ],
)
@pytest.mark.parametrize("write", [np.savez, np.savez_compressed])
def test_numbers_of_any_precision_and_order(tmp_path, vectors, write):
    read = foreign(tmp_path / "e.npz", embeddings=vectors, write=write)
    assert read.utterances == ["a", "b", "c"]
    np.testing.assert_array_equal(read.vectors, VECTORS)
    assert read.vectors.dtype == np.float32
    assert read.vectors.flags.c_contiguous


def test_names_in_bytes_are_utf8(tmp_path):
    names = np.array([name.encode() for name in ("ä", "b", "王")])
    assert foreign(tmp_path / "e.npz", names).utterances == ["ä", "b", "王"]


@pytest.mark.parametrize(
    ("vectors", "reason"),
    [
        (VECTORS.T, r"3 utterances, but embeddings of the shape \(2, 3\): it is transposed"),
        (VECTORS[:2], r"3 utterances, but embeddings of the shape \(2, 2\): give a row"),
        (np.vstack([VECTORS, VECTORS]), r"3 utterances, but embeddings of the shape \(6, 2\)"),
        (VECTORS[:, None], r"of the shape \(3, 1, 2\): give \(n, d\)"),
        (VECTORS[:, 0], r"of the shape \(3,\)"),
        (np.float32(1), r"of the shape \(\)"),
        (np.zeros((3, 0)), r"of the shape \(3, 0\)"),
        (VECTORS + 1j, "an array of complex128 .*: give real numbers"),
        (VECTORS.astype(str), "an array of <U"),
        (VECTORS > 0, "an array of bool"),
        (np.zeros((3, 2), "M8[s]"), "an array of datetime64"),
        (np.zeros(3, [("x", "f4"), ("y", "f4")]), "an array of .*x"),
        (np.zeros((3, 2), [(f"field {number}", "f4") for number in range(99)]), "an array of"),
        (VECTORS.astype(object), "allow_pickle"),
        (np.where(VECTORS == 4, np.nan, VECTORS), "the embedding of 'b' is not finite"),
        (np.where(VECTORS == 5, -np.inf, VECTORS), "the embedding of 'c' is not finite"),
        (np.where(VECTORS == 6, 1e300, VECTORS), "the embedding of 'c' is not finite in 32 bits"),
        (np.where(VECTORS > 4, 0, VECTORS), "the embedding of 'c' is zero and has no direction"),
        (VECTORS * 1e-60, "the embedding of 'a' is zero"),
    ],
)
def test_arrays_that_are_no_embeddings_are_one_line(tmp_path, vectors, reason):
    with pytest.raises(ModelError, match=rf"e\.npz: .*{reason}") as raised:
        foreign(tmp_path / "e.npz", embeddings=vectors)
    assert len(str(raised.value).replace(str(tmp_path), "")) < BEARABLE


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (["a", "b", "a"], "utterance 'a' is there twice"),
        (["a", " ", "c"], "utterance 1 has a blank name"),
        ([b"a", b"\xff", b"c"], "utterances are not UTF-8"),
        (["a", "\udc80", "c"], "utterances are not UTF-8"),
        (np.array([97, 0x110000, 98], "<u4").view("<U1"), "utterances are not UTF-8"),
        ([1, 2, 3], "an array of int64 .*: give .* names as text"),
        ([["a", "b", "c"]], r"of the shape \(1, 3\)"),
        ("a", r"of the shape \(\)"),
    ],
)
def test_names_that_name_nothing(tmp_path, names, reason):
    with pytest.raises(ModelError, match=rf"e\.npz: .*{reason}"):
        foreign(tmp_path / "e.npz", np.array(names))


def archive(path, members, *, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return path


def header(shape, dtype="<f4"):
    file = io.BytesIO()
    described = {"descr": dtype, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, described)
    return file.getvalue()


def test_a_header_that_claims_petabytes(tmp_path):
    names = header((3,), "<U1") + np.array(["a", "b", "c"]).tobytes()
    members = {"utterances.npy": names, "embeddings.npy": header((10**12, 192)) + b"few"}
    with pytest.raises(ModelError, match=r"claims 7.68e\+14 bytes and holds"):
        Embeddings.load(archive(tmp_path / "e.npz", members))


def test_a_file_that_would_unpack_to_far_more(tmp_path, monkeypatch):
    monkeypatch.setattr("contravox.embeddings.MOST_UNPACKED", 10_000)
    with pytest.raises(ModelError, match=r"embeddings.npy would unpack from .* to 399,996 bytes"):
        foreign(
            tmp_path / "e.npz",
            embeddings=np.zeros((3, 33_333), np.float32),
            write=np.savez_compressed,
        )


@pytest.mark.parametrize("suffix", ["ark", "scp", "h5", "txt", "npy", "parquet"])
def test_files_of_other_kinds(tmp_path, suffix):
    path = tmp_path / f"x.{suffix}"
    if suffix == "npy":
        np.save(path, VECTORS)
    else:
        path.write_bytes(b"a  [ 1 2 3 ]\n")
    kinds = r": not a \.npz archive, the only kind of embeddings that is read: write it by"
    with pytest.raises(ModelError, match=rf"x\.{suffix}{kinds} `contravox embed -o NAME\.npz`"):
        Embeddings.load(path)


def test_nothing_is_saved_that_is_not_finite(tmp_path):
    vectors = np.array([[1, 2], [3, np.nan]], np.float32)
    with pytest.raises(ModelError, match="the embedding of 'b' is not finite"):
        Embeddings(["a", "b"], vectors).save(tmp_path / "e.npz")
    assert not list(tmp_path.iterdir())


def test_no_embeddings_are_saved_and_loaded_again(tmp_path):
    Embeddings([], np.empty((0, 4), np.float32)).save(tmp_path / "e.npz")
    none = Embeddings.load(tmp_path / "e.npz")
    assert none.vectors.shape == (0, 4)
    with pytest.raises(TrialsError, match="1 utterances have no embedding, such as 'a'"):
        none.rows(["a"])


@pytest.mark.parametrize("shape", [(2, 3), (3,), (3, 1, 2)])
def test_rows_and_names_agree_whoever_makes_them(shape):
    with pytest.raises(ModelError, match="of the shape"):
        Embeddings(["a", "b", "c"], np.ones(shape, np.float32))


@pytest.fixture(scope="module")
def valid(tmp_path_factory):
    path = tmp_path_factory.mktemp("valid") / "e.npz"
    np.savez(path, utterances=NAMES, embeddings=VECTORS)
    return path


@given(data=st.data())
def test_any_bytes_are_embeddings_or_one_line_of_error(valid, data):
    content = data.draw(st.one_of(st.binary(), mutations(valid.read_bytes())))
    read = value_or_line(Embeddings.load, valid.with_name("any.npz"), content)
    if read is not None:
        assert read.vectors.shape == (len(read.utterances), 2)
        assert np.isfinite(read.vectors).all()
