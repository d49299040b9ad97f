import pytest

from contravox.errors import TrialsError
from contravox.trials import Trials

EXPECTED = [("a/1.wav", "a/2.wav", True), ("a/1.wav", "b/1.wav", False)]


@pytest.mark.parametrize(
    "text",
    [
        "1 a/1.wav a/2.wav\n0 a/1.wav b/1.wav\n",
        "a/1.wav a/2.wav 1\na/1.wav b/1.wav 0\n",
        "a/1.wav a/2.wav target\na/1.wav b/1.wav nontarget\n",
        "a/1.wav   a/2.wav tgt  \n\na/1.wav b/1.wav imp",
        "enrolment\ttest\ttarget\na/1.wav\ta/2.wav\t1\na/1.wav\tb/1.wav\t0\n",
    ],
)
def test_every_public_style_is_recognised(tmp_path, text):
    path = tmp_path / "trials"
    path.write_text(text)
    assert Trials.read(path).table.rows() == EXPECTED


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("1 a b\n0 a\n", "line 2: '0 a' is not a trial"),
        ("\n1 a b\nmaybe a b\n", "line 3: 'maybe a b' is not a trial"),
        ("a b c\n", "line 1"),
        ("enrolment test target\n", "holds no trial"),
        ("", "holds no trial"),
    ],
)
def test_mistakes_name_the_file_and_line(tmp_path, text, reason):
    path = tmp_path / "trials"
    path.write_text(text)
    with pytest.raises(TrialsError, match=reason) as caught:
        Trials.read(path)
    assert str(path) in str(caught.value)


def test_regular_lists_are_read_as_irregular_ones(tmp_path):
    regular, irregular = tmp_path / "regular", tmp_path / "irregular"
    regular.write_text("a/1.wav a/2.wav 1\na/1.wav b/1.wav 0\n")
    irregular.write_text("\na/1.wav  a/2.wav 1\r\n\na/1.wav\tb/1.wav 0 \n".replace("\t", " "))
    for path in (regular, irregular):
        assert Trials.read(path).table.rows() == EXPECTED
