"""The command: it trains what is missing, goes on, reuses, refuses, and writes the page."""

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from contravox.errors import TrainingError
from contravox.training.trainer import Trainer
from reproduce import main, read_options
from reproduction.page import page
from reproduction.results import Results

QUICK = ["--speech", "speech", "--quick", "--claims", "claims.yaml", "--page", "page"]
QUICK += ["--workers", "0"]


def refused(capsys, *arguments):
    """The one line with which it ends."""
    with pytest.raises(SystemExit) as ended:
        main([*QUICK, *arguments])
    assert ended.value.code == 2
    return capsys.readouterr().err.splitlines()[-1]


def test_one_command_gives_the_page_and_another_goes_on(speech, trained, tmp_path, capsys):
    main([*QUICK, "--output", "out"])
    place = "out/quick/sweep.yaml"
    # All variants of a fold before the next.
    assert trained == [
        f"{place}/{variant}/seed0/fold{fold}"
        for fold in (0, 1)
        for variant in ("contrast", "plain")
    ]
    results = Results.read(tmp_path / "page" / "results.json")
    assert results.grid == "quick"
    assert results.corpora == {"first": (6, 12), "second": (6, 12)}
    assert results.claims[0].comparisons[0].folds == 2
    assert (tmp_path / "page" / "results.md").read_text(encoding="utf-8") == page(results)

    written = (tmp_path / "page" / "results.json").read_bytes()
    main([*QUICK, "--output", "out"])
    main([*QUICK, "--output", "other", "--reuse", "out/quick"])
    assert len(trained) == 4
    assert (tmp_path / "page" / "results.json").read_bytes() == written

    # Changed settings: nothing is trained, and nothing of the page is lost.
    claims = tmp_path / "claims.yaml"
    claims.write_text(claims.read_text().replace("epochs: 1", "epochs: 2"))
    line = refused(capsys, "--output", "out")
    assert "was trained with training.epochs=1, and is now to be with 2" in line
    assert len(trained) == 4
    assert (tmp_path / "page" / "results.json").read_bytes() == written


def test_what_the_page_has_is_kept_where_its_runs_are_gone(speech, trained, tmp_path, capsys):
    main([*QUICK, "--output", "out"])
    whole = (tmp_path / "page" / "results.json").read_bytes()
    main([*QUICK, "--output", "elsewhere", "--keep"])
    assert len(trained) == 4
    assert (tmp_path / "page" / "results.json").read_bytes() == whole

    # Of speech that is not the same nothing is kept, and the page is left as it was.
    shutil.rmtree(tmp_path / "speech" / "first")
    line = refused(capsys, "--output", "third", "--keep")
    assert line.startswith("reproduce: --keep: corpora was {'first': (6, 12), 'second': (6, 12)}")
    assert (tmp_path / "page" / "results.json").read_bytes() == whole


def test_headlines_are_the_first_comparison_of_each_claim(speech, trained, tmp_path):
    claims = tmp_path / "claims.yaml"
    more = ", says: contrast against none}, {better: from_first, than: plain, says: later}]"
    claims.write_text(claims.read_text().replace(", says: contrast against none}]", more))
    main([*QUICK, "--output", "out", "--headlines"])
    assert {Path(folder).parts[3] for folder in trained} == {"contrast", "plain"}
    verdicts = Results.read(tmp_path / "page" / "results.json").claims[0].comparisons
    assert [each.verdict == "not run" for each in verdicts] == [False, True]


def test_a_mistake_is_one_line(speech, capsys):
    line = refused(capsys, "--only", "contrst")
    assert line == "reproduce: --only contrst: no such claim: did you mean contrast?"


def test_one_that_fails_is_named_and_the_others_go_on(speech, tmp_path, capsys, monkeypatch):
    fit = Trainer.fit

    def not_finite(trainer, **keywords):
        if "plain/seed0/fold0" in str(trainer.folder):
            raise TrainingError("step 3: the loss is not finite")
        return fit(trainer, **keywords)

    monkeypatch.setattr(Trainer, "fit", not_finite)
    main([*QUICK, "--output", "out"])
    line = "sweep.yaml/plain/seed0/fold0: failed: step 3: the loss is not finite"
    assert line in capsys.readouterr().err
    [comparison] = Results.read(tmp_path / "page" / "results.json").claims[0].comparisons
    assert comparison.folds == 1


def test_an_interrupt_is_one_line(speech, capsys, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(Trainer, "fit", interrupted)
    with pytest.raises(SystemExit) as ended:
        main([*QUICK, "--output", "out"])
    assert ended.value.code == 130
    assert "the same command goes on from here" in capsys.readouterr().err.splitlines()[-1]


def test_make_gives_the_options_that_it_says():
    root = Path(__file__).parents[2]
    command = ["make", "--dry-run", "-C", str(root), "reproduce", "SPEECH=DIR", "ARGS=--quick"]
    last = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    [line] = [each for each in last.splitlines() if "reproduce.py" in each]
    python, script, *arguments = shlex.split(line)
    assert (python, script) == (".venv/bin/python", "benchmarks/reproduce.py")
    options = read_options(arguments)
    assert (options.speech, options.quick) == (Path("DIR"), True)
    said = "make " + " ".join(command[4:])
    for place in ("CONTRIBUTING.md", "docs/results.md"):
        assert said in " ".join((root / place).read_text(encoding="utf-8").split())


def test_finished_trains_nothing(speech, trained, tmp_path):
    main([*QUICK, "--output", "out", "--finished"])
    assert trained == []
    assert "not run" in (tmp_path / "page" / "results.md").read_text(encoding="utf-8")
