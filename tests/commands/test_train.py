"""What ``contravox train`` says beside what it writes."""

import re

import pytest

TINY = [
    "encoder={name: ecapa_tdnn, channels: 16, aggregation: 24, bottleneck: 8, embedding_size: 8}",
    *("features.bins=20", "data.segment_seconds=0.4", "data.workers=0", "training.epochs=1"),
    *("sampler.speakers=8", "data.validation_trials=null", "training.schedule.warmup_steps=1"),
]


@pytest.fixture
def errors_of(corpus, run, monkeypatch, tmp_path):
    """Train in a folder with a prepared corpus; give the error stream's lines."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "corpus").symlink_to(corpus)

    def train(*overrides):
        status, _, errors = run("train", "small/mfcon", *TINY, *overrides)
        assert not status, errors
        return [line for line in errors.splitlines() if not line.startswith("training: ")]

    return train


def test_a_corpus_that_is_not_what_the_recipe_says_is_warned_of(errors_of):
    as_stated = errors_of("data.speakers=8", "data.utterances=40", "--output", "one")
    assert as_stated == []
    [line] = errors_of("data.speakers=8", "data.utterances=1000", "--output", "two")
    assert line == "warning: the corpus holds 40 utterances where the recipe says 1,000"


def test_whose_the_sampled_positives_were_is_said(corpus, run, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "corpus").symlink_to(corpus)
    small = [
        *("encoder.embedding_size=8", "data.segment_seconds=0.3", "data.workers=0"),
        *("sampler.utterances=20", "features.bins=20", "training.epochs=2"),
        *("training.schedule.warmup_steps=1", "sampler.positives={from_epoch: 1}"),
    ]
    status, out, errors = run("train", "small/cel", *small, "--output", "run")
    assert not status, errors
    [line] = [each for each in out.splitlines() if each.startswith("positives")]
    share = r"\d+\.\d%"
    assert re.fullmatch(
        f"positives in the last epoch: of another utterance {share}, of those of the same speaker "
        f"{share}, of the same session {share}",
        line,
    )
