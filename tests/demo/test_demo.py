import json
import sys

import pytest

from contravox.cli import main
from contravox.demo.demo import SYSTEMS, run_demo
from contravox.training.log import read_log


@pytest.fixture(scope="module")
def shown(tone_corpus, tmp_path_factory):
    """A demo of one epoch each on tones, and the folder it wrote."""
    output = tmp_path_factory.mktemp("demo")
    return run_demo(tone_corpus, output, epochs=1), output / "tones-seed0"


def test_every_system_is_trained_evaluated_and_reported(shown):
    metrics, folder = shown
    assert [each["system"] for each in metrics[1:]] == [system.title for system in SYSTEMS]
    assert [each["labels_used"] for each in metrics] == [False, True, True, True, False, True]
    assert json.loads(json.dumps(metrics)) == json.loads((folder / "metrics.json").read_text())
    assert all(0 <= each["equal_error_rate"] <= 1 for each in metrics)
    # Fine-tuning counts the pre-training that it starts from.
    assert metrics[5]["training_seconds"] > metrics[4]["training_seconds"] > 0
    page = (folder / "report.html").read_text()
    assert all(system.title in page for system in SYSTEMS)


def test_a_second_run_trains_nothing_again_and_says_the_same(shown, tone_corpus, capsys):
    metrics, folder = shown
    logs = {system.recipe: read_log(folder / system.recipe) for system in SYSTEMS}
    assert run_demo(tone_corpus, folder.parent, epochs=1) == metrics
    for system in SYSTEMS:
        assert read_log(folder / system.recipe) == logs[system.recipe]
    output = capsys.readouterr().out
    assert output.count("speaker (score") + output.count("speakers (score") == 2
    assert str(folder / "report.html") in output.replace("\n", "")


def test_the_command_prints_only_json_where_asked(shown, tone_corpus, capsys, monkeypatch):
    metrics, folder = shown
    command = ["contravox", "demo", "--corpus", tone_corpus, "-o", folder.parent, "--json"]
    monkeypatch.setattr(sys, "argv", [*map(str, command), "--epochs", "1"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    captured = capsys.readouterr()
    assert json.loads(captured.out) == json.loads(json.dumps(metrics))
    assert "best on the validation part" in captured.err


def test_what_another_recipe_left_is_trained_again(shown, tone_corpus):
    _, folder = shown
    before = read_log(folder / "cel")
    again = run_demo(tone_corpus, folder.parent, epochs=2)
    assert len(read_log(folder / "cel")) > len(before)
    assert again[4]["training_seconds"] > 0
