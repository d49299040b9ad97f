"""``contravox score`` as a user types it."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from contravox.embeddings import Embeddings
from contravox.files import tables
from contravox.manifest import Manifest
from contravox.trials import formats, trials
from contravox.trials.enrolments import Enrolments


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


@pytest.fixture
def long_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A list of 500 trials among 40 utterances, embeddings of these, and of training data."""
    monkeypatch.chdir(tmp_path)
    generator = np.random.default_rng(0)
    for name, count in (("e", 40), ("training", 60)):
        vectors = generator.normal(size=(count, 8)).astype(np.float32)
        names = [f"{name}{number}" for number in range(count)]
        Embeddings(names, vectors).save(tmp_path / f"{name}.npz")
    speakers = pl.Series([f"s{number % 20}" for number in range(60)])
    known = Manifest.of_names(pl.Series(names)).table.with_columns(
        path="utterance", start=0.0, duration=1.0, sample_rate=16000, speaker=speakers
    )
    Manifest(known).write(tmp_path / "training.tsv")
    pairs = generator.integers(40, size=(500, 2))
    targets = [int(one % 4 == other % 4) for one, other in pairs]
    lines = [f"e{one} e{two} {same}" for (one, two), same in zip(pairs, targets, strict=True)]
    (tmp_path / "list").write_text("\n".join(lines) + "\n")
    return tmp_path


TRAINING = ("--training", "training.npz", "--training-manifest", "training.tsv", "--top", "5")


@pytest.mark.filterwarnings("ignore::contravox.errors.ContravoxWarning")
@pytest.mark.parametrize(
    "options",
    [
        (),
        (*TRAINING[:-2], "--plda", "--normalise", "s"),
        (*TRAINING, "--normalise", "as1", "--calibrate-on", "learning/list", "--allow-overlap"),
        (*TRAINING, "--normalise", "as2", "--whiten", "all"),
    ],
)
@pytest.mark.parametrize("enrolled", [False, True])
def test_scores_only_are_those_of_the_whole_evaluation(
    long_list, monkeypatch, run, options, enrolled
) -> None:
    monkeypatch.setattr(trials, "BLOCK", 64)
    monkeypatch.setattr(
        formats, "read_text_blocks", lambda path, error: tables.read_text_blocks(path, error, 300)
    )
    Path("learning").mkdir()
    Path("learning/list").write_text("\n".join(Path("list").read_text().splitlines()[:99]))
    if enrolled:
        rows = [(f"e{n}", f"e{behind}") for n in range(40) for behind in (n, (7 * n + 1) % 40)]
        table = pl.DataFrame(rows, schema=["enrolment", "utterance"], orient="row")
        Enrolments(table).write(Path("enrolments.tsv"))
    for folder, *more in (("whole",), ("only", "--scores-only")):
        status, _, errors = run("score", "list", "e.npz", "-o", folder, *more, *options)
        assert status == 0, errors
    written = Path("only/scores.tsv").read_bytes()
    assert written == Path("whole/scores.tsv").read_bytes()
    assert len(written.splitlines()) == 501
    assert sorted(path.name for path in Path("only").glob("[!.]*")) == [
        "metrics.json",
        "scores.tsv",
    ]
    whole, only = (
        json.loads(Path(folder, "metrics.json").read_text()) for folder in ("whole", "only")
    )
    assert list(only) == ["protocol"]
    assert only["protocol"].items() <= whole["protocol"].items()
    assert only["protocol"]["targets"] + only["protocol"]["non-targets"] == 500


def test_nothing_is_written_of_a_list_that_turns_out_wrong(long_list, run) -> None:
    def refused(*options: str) -> str:
        before = sorted(Path("out").rglob("*"))
        status, output, errors = run("score", "list", "e.npz", "--scores-only", *options)
        # Trials of a recording with itself are warned of where it gets so far.
        [error] = [line for line in errors.splitlines() if not line.startswith("warning: list: ")]
        assert (status, output) == (2, "")
        assert sorted(Path("out").rglob("*")) == before
        return error

    text = Path("list").read_text()
    Path("list").write_text(f"{text}e1 e2\n")
    assert "line 501: 'e1 e2' is not a trial" in refused("-o", "out")
    Path("list").write_text(f"{text}e1 unknown 1\n")
    assert "1 utterances have no embedding, such as 'unknown'" in refused("-o", "out")
    Path("enrolments.tsv").write_text("enrolment\tutterance\ne1\te1\n")
    assert "no utterance is known of enrolment" in refused("-o", "out")
    Path("enrolments.tsv").unlink()
    Path("list").write_text(f"{text}e1 e1 0\n")
    assert "1 of 501 trials cannot be true together" in refused("-o", "out")
    assert "--output" in run("score", "list", "e.npz", "--scores-only")[2]
    assert (
        "--p-target"
        in run("score", "list", "e.npz", "--scores-only", "-o", "out", "--p-target", "0.1")[2]
    )


def test_scores_only_leave_no_report_of_other_scores(long_list, run) -> None:
    assert run("score", "list", "e.npz", "-o", "out")[0] == 0
    assert Path("out/report.html").exists()
    status, output, _ = run("score", "list", "e.npz", "-o", "out", "--scores-only", "--json")
    assert status == 0
    assert json.loads(output)["protocol"]["score"] == "cosine"
    assert not Path("out/report.html").exists()


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--top", "5"), "give --normalise as1 too"),
        (("--top", "5", "--normalise", "s"), "give --normalise as1 too"),
        (TRAINING[:-2], "give one of these too"),
    ],
)
def test_what_would_change_nothing_is_refused(long_list, run, options, reason) -> None:
    status, _, errors = run("score", "list", "e.npz", *options)
    assert (status, reason in errors) == (2, True), errors
