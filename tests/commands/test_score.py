"""``contravox score`` as a user types it."""

import json
from pathlib import Path

import numpy as np
import pytest

from contravox.embeddings import Embeddings


@pytest.fixture
def score(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run):
    """Score a list of two speakers, 0 2 4 and 1 3 5; give status, output and errors."""
    vectors = np.array([[1, 0], [0, 1]] * 3, np.float32)
    Embeddings([str(number) for number in range(6)], vectors).save(tmp_path / "e.npz")
    monkeypatch.chdir(tmp_path)

    def score(text: str, *options: str) -> tuple[int, str, str]:
        Path("list").write_text(text)
        return run("score", "list", "e.npz", "--json", *options)

    return score


PAIRS = [(one, two) for one in range(2) for two in range(2, 6)]
LAST = "".join(f"{one} {two} {int((one + two) % 2 == 0)}\n" for one, two in PAIRS)
FIRST = "".join(f"{int((one + two) % 2 == 0)} {two} {one}\n" for one, two in PAIRS)


@pytest.mark.parametrize(
    ("text", "style", "header"),
    [
        (LAST, "last", "enrolment test target\n"),
        (FIRST, "first", "target test enrolment\n"),
    ],
)
def test_names_that_are_numbers_turn_no_list_round(score, text, style, header) -> None:
    status, output, errors = score(text)
    assert (status, output, len(errors.splitlines())) == (2, "", 1)
    assert "--target-column" in errors
    for settled in ((text, "--target-column", style), (header + text,)):
        status, output, _ = score(*settled)
        assert status == 0
        assert json.loads(output)["equal_error_rate"] == 0
