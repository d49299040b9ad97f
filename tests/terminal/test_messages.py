import io
import json
import sys

import pytest

from contravox.files.writing import json_text
from contravox.terminal.messages import LONGEST, note, prepare_streams, printable, tell


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, é, 話者, 95 %", "plain, é, 話者, 95 %"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("two\nlines\r", r"two\nlines\r"),
        ("\u202egnp.wav", r"\u202egnp.wav"),
        ("\x00\x07\x7f\x9b", r"\x00\x07\x7f\x9b"),
        ("not UTF-8: \udcff", r"not UTF-8: \udcff"),
    ],
)
def test_what_a_terminal_would_obey_is_shown(text, shown, capsys):
    assert printable(text) == shown
    tell(text)
    assert capsys.readouterr().out == f"{shown}\n"


def test_a_message_has_a_length_and_keeps_its_place_and_its_mend(capsys):
    note(f"error: {'deep/' * 1000}man.tsv: is wrong: mend it")
    line = capsys.readouterr().err
    assert len(line) <= LONGEST + 4
    assert line.startswith("error: deep/deep/")
    assert line.endswith("man.tsv: is wrong: mend it\n")
    note("one\nline")
    assert capsys.readouterr().err == "one line\n"


def test_names_can_be_written_to_a_terminal_of_another_encoding(monkeypatch):
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, "ascii"))
    prepare_streams()
    tell("B − A: 話")
    sys.stdout.flush()
    assert written.getvalue() == rb"B \u2212 A: \u8a71" + b"\n"


def test_a_closed_stream_takes_all(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    prepare_streams()
    tell("to nobody")
    note("to nobody")


def test_a_reader_that_has_gone_ends_no_work(monkeypatch):
    class Gone(io.StringIO):
        def write(self, text):
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stderr", Gone())
    note("to nobody")


def test_numbers_that_are_not_finite_are_null_in_json():
    value = {"a": [1.5, float("nan")], "b": (float("inf"), {"c": -float("inf")}), "d": None}
    assert json.loads(json_text(value)) == {"a": [1.5, None], "b": [None, {"c": None}], "d": None}
