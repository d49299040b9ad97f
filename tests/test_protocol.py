import pytest

from contravox.errors import TrialsError
from contravox.protocol import Protocol


def test_written_and_read_again(tmp_path):
    assert Protocol.read(tmp_path) is None
    protocol = Protocol("voxceleb1-o", "voxceleb1", "veri_test2.txt", 37611, 3)
    protocol.write(tmp_path)
    assert Protocol.read(tmp_path) == protocol


@pytest.mark.parametrize("text", ["{", '{"name": "a", "new": 1}', "{}"])
def test_another_file_is_refused_by_name(tmp_path, text):
    (tmp_path / "protocol.json").write_text(text)
    with pytest.raises(TrialsError, match=r"protocol\.json: not a protocol"):
        Protocol.read(tmp_path)
