"""What ``contravox train`` says beside what it writes."""

import pytest

from contravox.cli import main
from contravox.corpora.preparation import prepare_corpus

TINY = [
    "encoder={name: ecapa_tdnn, channels: 16, aggregation: 24, bottleneck: 8, embedding_size: 8}",
    *("features.bins=20", "data.segment_seconds=0.4", "data.workers=0", "training.epochs=1"),
    *("sampler.speakers=8", "data.validation_trials=null", "training.schedule.warmup_steps=1"),
]


@pytest.fixture
def errors_of(tone_corpus, tmp_path, monkeypatch, capsys):
    """Train in a folder with a prepared corpus; give the error stream's lines."""
    prepare_corpus("folder", tone_corpus, tmp_path / "corpus", split=True)
    monkeypatch.chdir(tmp_path)

    def run(*overrides):
        monkeypatch.setattr("sys.argv", ["contravox", "train", "small/mfcon", *TINY, *overrides])
        with pytest.raises(SystemExit) as ended:
            main()
        assert not ended.value.code
        lines = capsys.readouterr().err.splitlines()
        return [line for line in lines if not line.startswith("training: ")]

    return run


def test_a_corpus_that_is_not_what_the_recipe_says_is_warned_of(errors_of):
    as_stated = errors_of("data.speakers=8", "data.utterances=40", "--output", "one")
    assert as_stated == []
    [line] = errors_of("data.speakers=8", "data.utterances=1000", "--output", "two")
    assert line == "warning: the corpus holds 40 utterances where the recipe says 1,000"
