import json
from pathlib import Path

import polars as pl
import pytest
import torch
from pydantic import ValidationError

from contravox.cli import main
from contravox.errors import CheckpointError, RecipeError, TrainingWarning
from contravox.manifest import Manifest
from contravox.model import Model
from contravox.training.initial_run import cooldown_settings
from contravox.training.log import read_log
from contravox.training.recipe import Recipe
from contravox.training.trainer import Trainer


@pytest.fixture
def make_recipe(corpus):
    """Randomness in data, dropout and masks; margins that grow over four epochs."""

    def make(changes=None, **training):
        return Recipe.model_validate(
            {
                "data": {
                    "manifest": corpus / "train" / "manifest.tsv",
                    "segment_seconds": 0.4,
                    "workers": 0,
                },
                "sampler": {
                    "name": "speakers_utterances",
                    "speakers": 4,
                    "utterances": 2,
                    "utterances_per_speaker": 4,
                },
                "augmentation": {},
                "features": {"bins": 20},
                "spec_augment": {},
                "encoder": {
                    "name": "ecapa_tdnn",
                    "channels": 16,
                    "scale": 2,
                    "aggregation": 24,
                    "bottleneck": 8,
                    "embedding_size": 8,
                },
                "objectives": {
                    "classification": {"name": "aam_softmax"},
                    "contrast": {"name": "supcon"},
                },
                "balance": {"name": "mgda"},
                **(changes or {}),
                "training": {"epochs": 2, "margin_schedule": {"end": 4}, **training},
            }
        )

    return make


class _StopError(Exception):
    pass


def trained(recipe, folder, **more):
    trainer = Trainer(recipe, folder, **more)
    trainer.fit(resume=True)
    return trainer


def system(folder):
    return torch.load(folder / "checkpoint.pt", weights_only=True)["system"]


def same(one, other):
    return one.keys() == other.keys() and all(one[name].equal(other[name]) for name in one)


def losses(folder):
    return [entry["losses"] for entry in read_log(folder) if "losses" in entry]


def test_a_longer_run_is_the_shorter_one_resumed_and_one_that_goes_on_from_it(
    make_recipe, tmp_path
):
    trained(make_recipe(epochs=4), tmp_path / "whole")
    trained(make_recipe(), tmp_path / "short")
    later = trained(make_recipe(initial_run=tmp_path / "short"), tmp_path / "later")
    trained(make_recipe(epochs=4), tmp_path / "short")
    whole = losses(tmp_path / "whole")
    assert losses(tmp_path / "short") == whole
    # Its data, margins, dropout and the optimiser's memory are those of the next epochs.
    assert losses(tmp_path / "later") == whole[len(whole) // 2 :]
    assert same(system(tmp_path / "whole"), system(tmp_path / "short"))
    assert same(system(tmp_path / "whole"), system(tmp_path / "later"))
    assert later.progress.epochs_begun == 4
    assert (later.progress.epochs_before, later.progress.step) == (2, later.total_steps)
    # From the middle of an epoch, the next one begins.
    third = trained(make_recipe(initial_run=tmp_path / "later", epochs=1), tmp_path / "third")
    assert third.progress.epochs_begun == 5


def test_sampled_positives_go_on_as_in_one_run(make_recipe, tmp_path):
    data = make_recipe().data.model_copy(update={"labels": "utterance"})
    positives = {"from_epoch": 1, "neighbours": 2}
    changes = {
        "data": data,
        "sampler": {
            "name": "random_utterances",
            "utterances": 8,
            "segments": 2,
            "positives": positives,
        },
        "objectives": {"contrast": {"name": "supcon"}},
    }
    trained(make_recipe(changes, epochs=3), tmp_path / "whole")
    trained(make_recipe(changes), tmp_path / "short")
    later = make_recipe(changes, initial_run=tmp_path / "short", epochs=1)
    trained(later, tmp_path / "later")

    def shares(run):
        log = read_log(tmp_path / run)
        return [each["sampled_positives"]["share"] for each in log if "sampled_positives" in each]

    assert shares("later") == shares("whole")[1:]
    assert shares("later")[0] > 0
    assert (
        losses(tmp_path / "later") == losses(tmp_path / "whole")[-len(losses(tmp_path / "later")) :]
    )


def test_a_decay_begins_sooner_in_a_run_made_shorter(make_recipe, tmp_path):
    schedule = {"name": "warmup_stable_decay", "decay_epochs": 1}

    def stop(done, total, text):
        if done == 3:
            raise _StopError

    trained(make_recipe(epochs=3, schedule=schedule), tmp_path / "whole")
    long = make_recipe(epochs=9, schedule=schedule, checkpoint_steps=1)
    with pytest.raises(_StopError):
        Trainer(long, tmp_path / "cut", progress=stop).fit()
    short = make_recipe(epochs=3, schedule=schedule, checkpoint_steps=1)
    trained(short, tmp_path / "cut")
    assert same(system(tmp_path / "whole"), system(tmp_path / "cut"))
    rates = [entry["learning_rate"] for entry in read_log(tmp_path / "cut")]
    assert rates[0] == rates[-4] > rates[-3] > rates[-2] > rates[-1] > 0


def test_an_interrupted_cooldown_is_resumed_to_the_same_weights(make_recipe, tmp_path):
    run = tmp_path / "run"
    trained(make_recipe(schedule={"name": "cosine", "final": 0.5}), run)
    last = read_log(run)[-1]["learning_rate"]
    recipe = Recipe.read(run / "recipe.yaml", cooldown_settings(run, 2))
    assert recipe.training.optimiser.learning_rate == last

    def stop(done, total, text):
        if done == 2:
            raise _StopError

    trained(recipe, tmp_path / "whole")
    training = recipe.training.model_copy(update={"checkpoint_steps": 1})
    recipe = recipe.model_copy(update={"training": training})
    with pytest.raises(_StopError):
        Trainer(recipe, tmp_path / "cut", progress=stop).fit()
    trained(recipe, tmp_path / "cut")
    assert same(system(tmp_path / "whole"), system(tmp_path / "cut"))
    rates = [entry["learning_rate"] for entry in read_log(tmp_path / "cut")]
    steps = len(rates)
    assert rates == pytest.approx([last * (1 - step / steps) for step in range(steps)])


def test_a_run_stopped_before_it_wrote_a_model_is_gone_on_with(make_recipe, tmp_path):
    """What it began with is known to have been learned, and how long it took."""
    trained(make_recipe(epochs=1), tmp_path / "first")
    first = Model.load(tmp_path / "first" / "model.safetensors").settings

    def stop(done, total, text):
        if done == 2:
            raise _StopError

    begun = make_recipe(initial_model=tmp_path / "first" / "model.safetensors", checkpoint_steps=1)
    with pytest.raises(_StopError):
        Trainer(begun, tmp_path / "run", progress=stop).fit()
    assert not (tmp_path / "run" / "model.safetensors").exists()
    trainer = Trainer(make_recipe(initial_run=tmp_path / "run"), tmp_path / "next")
    assert trainer.trained_on.speakers == set(first.trained_on)
    assert trainer.trained_on.training_seconds > first.training_seconds > 0
    trainer.fit()


def test_what_could_not_be_read_is_tried_again(make_recipe, corpus, tmp_path):
    table = Manifest.read(corpus / "train" / "manifest.tsv").table
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"RIFF")
    first = pl.col("utterance") == table["utterance"][0]
    path = pl.when(first).then(pl.lit(str(broken))).otherwise("path")
    Manifest(table.with_columns(path=path)).write(tmp_path / "m.tsv")
    data = make_recipe().data.model_copy(
        update={"manifest": (tmp_path / "m.tsv",), "unreadable_share": 0.1}
    )
    with pytest.warns(TrainingWarning, match=r"left out, all in .*broken\.wav"):
        run = trained(make_recipe({"data": data}, epochs=1), tmp_path / "run")
    assert len(run.left_out) == 1
    broken.write_bytes(Path(table["path"][0]).read_bytes())
    data = data.model_copy(update={"unreadable_share": 0.0})
    later = make_recipe({"data": data}, initial_run=tmp_path / "run", epochs=1)
    assert len(trained(later, tmp_path / "later").left_out) == 0
    assert not (tmp_path / "later" / "unreadable.tsv").exists()


def test_what_cannot_be_gone_on_with(make_recipe, corpus, tmp_path):
    run = tmp_path / "run"
    trained(make_recipe(), run)

    def begin(changes=None, **training):
        Trainer(make_recipe(changes, initial_run=run, **training), tmp_path / "next").fit()

    with pytest.raises(RecipeError, match=r"objectives\.contrast=.*, this recipe says None: set"):
        begin({"objectives": {"classification": {"name": "aam_softmax"}}})
    with pytest.raises(RecipeError, match=r"training\.optimiser\.name=adam, this recipe says sgd"):
        begin(optimiser={"name": "sgd"})
    with pytest.raises(RecipeError, match=r"training\.average=None, this recipe says 0\.9: set it"):
        begin(average=0.9)
    table = pl.read_csv(corpus / "train" / "manifest.tsv", separator="\t")
    located = table.with_columns(path=pl.lit(f"{corpus}/train/") + pl.col("path"))
    located.head(39).write_csv(tmp_path / "fewer.tsv", separator="\t")
    data = make_recipe().data.model_copy(update={"manifest": (tmp_path / "fewer.tsv",)})
    with pytest.raises(RecipeError, match="was trained on other utterances"):
        begin({"data": data})
    with pytest.raises(ValidationError, match="leave initial_model and initial_objectives out"):
        begin(initial_model=run / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"none: holds no checkpoint\.pt to go on from"):
        Trainer(make_recipe(initial_run=tmp_path / "none"), tmp_path / "next")
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "model.safetensors").write_bytes((run / "model.safetensors").read_bytes())
    with pytest.raises(CheckpointError, match=r"empty: holds no checkpoint\.pt to go on from"):
        Trainer(make_recipe(initial_run=tmp_path / "empty"), tmp_path / "next").fit()
    assert not (tmp_path / "next" / "checkpoint.pt").exists()


def command(monkeypatch, capsys, *arguments):
    """Exit status, and what was said."""
    monkeypatch.setattr("sys.argv", ["contravox", "train", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    out, errors = capsys.readouterr()
    return ended.value.code or 0, out, errors.strip().splitlines()


def test_from_the_command_line(make_recipe, tmp_path, monkeypatch, capsys):
    run = tmp_path / "run"
    (tmp_path / "recipe.yaml").write_text(
        make_recipe(schedule={"name": "cosine", "final": 0.2}).to_yaml()
    )
    code, *_ = command(monkeypatch, capsys, tmp_path / "recipe.yaml", "-o", run)
    assert code == 0
    before = (run / "checkpoint.pt").read_bytes()
    code, _, errors = command(monkeypatch, capsys, run, "--resume", "training.epochs=3")
    assert code == 2
    assert f"go on in a folder of its own by training.initial_run={run}" in errors[-1]
    code, out, _ = command(monkeypatch, capsys, run, "--cooldown", 1, "--json")
    assert code == 0
    assert json.loads(out)["model"] == str(tmp_path / "run_cooldown" / "model.safetensors")
    assert Recipe.read(tmp_path / "run_cooldown").training.initial_run == run
    # Nothing of the run that it goes on from is replaced, whatever is asked for.
    more = [f"training.initial_run={run}", "training.epochs=1"]
    for options in ([], ["--force"], ["--resume"]):
        code, _, errors = command(monkeypatch, capsys, run, *more, *options)
        assert code == 2
    assert (run / "checkpoint.pt").read_bytes() == before
    code, _, errors = command(monkeypatch, capsys, "small/mfcon", "--cooldown", 1)
    assert code == 2
    assert errors == ["error: --cooldown: small/mfcon is no folder of a run: name the run's"]
    code, _, errors = command(monkeypatch, capsys, tmp_path / "run_cooldown", "--cooldown", 1)
    assert code == 0
    schedule = "training.schedule={name: exponential, final: 1.0e-9}"
    code, *_ = command(
        monkeypatch, capsys, tmp_path / "recipe.yaml", schedule, "-o", tmp_path / "fallen"
    )
    code, _, errors = command(monkeypatch, capsys, tmp_path / "fallen", "--cooldown", 1)
    assert code == 2
    assert "its learning rate has fallen to" in errors[-1]
