import pytest

from contravox.errors import TrialsError
from contravox.trials.protocol import Protocol, find_protocol
from hostile import BEARABLE


def test_written_and_read_again(tmp_path):
    assert Protocol.read(tmp_path) is None
    protocol = Protocol("voxceleb1-o", "voxceleb1", "veri_test2.txt", 37611, 3)
    protocol.write(tmp_path)
    assert Protocol.read(tmp_path) == protocol


@pytest.mark.parametrize(
    "text",
    [
        "{",
        '{"name": "a", "new": 1}',
        "{}",
        "[]",
        "null",
        "NaN",
        '{"name": 5}',
        '{"name": "a", "trials_dropped": NaN}',
        '{"name": "a", "trials_dropped": null}',
        '{"name": "a", "enrolment": "anything"}',
        '{"name": "a", "trials_in_release": [1]}',
        "[" * 100_000,
        f'{{"name": {"9" * 6_000}}}',
    ],
)
def test_another_file_is_refused_by_name(tmp_path, text):
    (tmp_path / "protocol.json").write_text(text)
    with pytest.raises(TrialsError, match=r"protocol\.json: not a protocol") as raised:
        Protocol.read(tmp_path)
    assert len(str(raised.value).replace(str(tmp_path), "")) < BEARABLE


def test_official_lists_are_found_by_name(tmp_path):
    with pytest.raises(TrialsError, match="contravox prepare"):
        find_protocol("voxceleb1-o", tmp_path)
    for name in ("voxceleb1-o", "voxceleb1-e"):
        Protocol(name).write(tmp_path / "voxceleb1" / name)
    assert find_protocol("voxceleb1-e", tmp_path) == tmp_path / "voxceleb1" / "voxceleb1-e"
    with pytest.raises(TrialsError, match="did you mean voxceleb1-o"):
        find_protocol("voxceleb-o", tmp_path)
    with pytest.raises(TrialsError, match="there are voxceleb1-e, voxceleb1-o"):
        find_protocol("xyz", tmp_path)


def test_several_lists_of_a_name_are_refused(tmp_path):
    for corpus in "ab":
        Protocol("x").write(tmp_path / corpus / "x")
    with pytest.raises(TrialsError, match=r"^x: there are several .*, a/x, b/x: give the folder"):
        find_protocol("x", tmp_path)
