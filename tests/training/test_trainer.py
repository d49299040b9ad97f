import contextlib
import json
import math
import signal
from typing import Annotated, Literal

import numpy as np
import polars as pl
import pytest
import soundfile
import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins import MixedPrecision
from pydantic import Field
from safetensors.torch import load_file

from contravox.data.sampling import Sampler
from contravox.errors import (
    AudioError,
    CheckpointError,
    ManifestError,
    ModelError,
    OverlapError,
    RecipeError,
    TrainingError,
    TrainingWarning,
)
from contravox.evaluation.validation import validate
from contravox.manifest import Manifest
from contravox.model import Model
from contravox.objectives import AnyObjectiveSettings, ObjectiveSettings
from contravox.objectives.objective import Objective
from contravox.trained_on import recording_digests, recordings_trained_on, speaker_digests
from contravox.training.loader import read_batches
from contravox.training.log import read_log
from contravox.training.recipe import Recipe
from contravox.training.speaker_centroids import SpeakerCentroids
from contravox.training.trainer import Trainer
from contravox.trials.making import make_trials


@pytest.fixture
def make_recipe(corpus):
    """A tiny recipe that uses dropout-like randomness everywhere: augmentation, masks, sampling."""

    def make(**training):
        return Recipe.model_validate(
            {
                "data": {
                    "manifest": corpus / "train" / "manifest.tsv",
                    "validation_trials": corpus / "validation" / "trials.tsv",
                    "segment_seconds": 0.4,
                    "workers": 0,
                },
                "sampler": {"name": "speakers_utterances", "speakers": 4, "utterances": 2},
                "augmentation": {},
                "features": {"bins": 20},
                "spec_augment": {},
                "encoder": {
                    "name": "mfa_conformer",
                    "blocks": 1,
                    "size": 16,
                    "heads": 2,
                    "feed_forward": 16,
                    "embedding_size": 8,
                },
                "objectives": {
                    "classification": {"name": "aam_softmax"},
                    "contrast": {"name": "supcon", "margin": 0.2, "attention": {}},
                },
                "balance": {"name": "mgda"},
                "training": {
                    "epochs": 4,
                    "optimiser": {"learning_rate": 0.01},
                    "margin_schedule": {"end": 2},
                    "gradient_clip": 1.0,
                    **training,
                },
            }
        )

    return make


def weights(folder):
    return torch.load(folder / "checkpoint.pt", weights_only=True)["system"]


def timeless_log(folder):
    """What was logged, but for how long it took."""
    return [{k: v for k, v in entry.items() if k != "time"} for entry in read_log(folder)]


def test_training_lowers_the_loss_and_writes_what_it_says(make_recipe, tmp_path):
    steps = []
    trainer = Trainer(
        make_recipe(epochs=15), tmp_path, progress=lambda done, total, text: steps.append(done)
    )
    model = trainer.fit()
    assert {path.name for path in tmp_path.iterdir()} == {
        *("checkpoint.pt", "log.jsonl", "recipe.yaml", "tensorboard"),
        *("model.safetensors", "objectives.safetensors", "trained_on.txt"),
    }
    assert Recipe.read(tmp_path / "recipe.yaml") == trainer.recipe
    assert steps[-1] == trainer.total_steps == 15 * trainer.steps_per_epoch
    entries = [entry for entry in read_log(tmp_path) if "losses" in entry]
    assert [entry["step"] for entry in entries] == list(range(trainer.total_steps))
    contrast = [entry["losses"]["contrast"] for entry in entries]
    assert np.mean(contrast[-5:]) < 0.9 * np.mean(contrast[:5])
    assert all(math.isclose(sum(entry["weights"].values()), 1, rel_tol=1e-5) for entry in entries)
    shares = {"another_utterance": 1, "same_utterance": 0}
    assert all(entry["positive_share"] == shares for entry in entries)
    assert 0 < sum(entry["time"]["seconds"] for entry in entries) < trainer.progress.seconds
    assert all(0 < entry["time"]["waiting"] < 1 for entry in entries)
    for entry in entries:
        assert entry["shares"].keys() == {"classification", "contrast"}
        assert math.isclose(sum(entry["shares"].values()), 1, rel_tol=1e-5)
    assert any((tmp_path / "tensorboard").iterdir())
    # The model kept is that of the best validation, with the threshold set there.
    rates = [e["validation"]["equal_error_rate"] for e in read_log(tmp_path) if "validation" in e]
    assert trainer.progress.best_rate == min(rates)
    rate, threshold, _ = validate(model, trainer.validation)
    assert rate == pytest.approx(min(rates))
    assert model.settings.threshold == pytest.approx(threshold, abs=1e-5)
    # And with what each objective gave until then.
    best = (rates.index(min(rates)) + 1) * trainer.steps_per_epoch
    given = [entry["shares"]["contrast"] for entry in entries[:best]]
    assert model.settings.objective_shares["contrast"] == pytest.approx(np.mean(given), abs=1e-4)


def test_several_lists_choose_the_epoch_by_their_mean(make_recipe, corpus, tmp_path):
    lists = [corpus / part / "trials.tsv" for part in ("validation", "test")]
    recipe = make_recipe(epochs=3)
    data = recipe.data.model_copy(update={"validation_trials": tuple(lists)})
    trainer = Trainer(recipe.model_copy(update={"data": data}), tmp_path)
    model = trainer.fit()
    logged = [entry for entry in read_log(tmp_path) if "validation" in entry]
    assert all(list(entry["equal_error_rate"]) == [str(path) for path in lists] for entry in logged)
    means = [sum(entry["equal_error_rate"].values()) / 2 for entry in logged]
    assert [entry["validation"]["equal_error_rate"] for entry in logged] == pytest.approx(means)
    assert trainer.progress.best_rate == pytest.approx(min(means))
    alone = [validate(model, {"one": trainer.validation[str(path)]}).rate for path in lists]
    best = logged[int(np.argmin(means))]["equal_error_rate"]
    assert list(best.values()) == pytest.approx(alone)
    assert model.settings.threshold_source == ", ".join(map(str, lists))
    Trainer(trainer.recipe, tmp_path).fit(resume=True)
    only_one = data.model_copy(update={"validation_trials": (lists[0],)})
    with pytest.raises(CheckpointError, match=r"data\.validation_trials held something else"):
        Trainer(recipe.model_copy(update={"data": only_one}), tmp_path).fit(resume=True)


def test_shares_on_feature_maps_are_measured_now_and_then(make_recipe, tmp_path, monkeypatch):
    monkeypatch.setattr("contravox.training.trainer.EVERY", 2)
    recipe = make_recipe(epochs=1, chunk_size=4).model_dump()
    recipe["objectives"]["contrast"] = {"name": "multiscale", "weight": 0.3, "head_size": 8}
    logged = {}
    for balance in ("fixed", "mgda"):
        changed = Recipe.model_validate(recipe | {"balance": {"name": balance}})
        Trainer(changed, tmp_path / balance).fit()
        logged[balance] = [
            entry["shares"]["contrast"] if "shares" in entry else None
            for entry in read_log(tmp_path / balance)
            if "losses" in entry
        ]
    assert all(0.01 < share <= 1 for share in logged["mgda"])
    assert all(
        (share is None) if step % 2 else (0.01 < share < 0.99)
        for step, share in enumerate(logged["fixed"])
    )


def test_an_objective_that_hardly_trains_the_encoder_is_named(make_recipe, tmp_path):
    recipe = make_recipe(epochs=1).model_dump()
    recipe["objectives"]["contrast"]["weight"] = 1e-4
    recipe["balance"] = {"name": "fixed"}
    with pytest.warns(TrainingWarning, match=r"objectives\.contrast: gave 0\.0\d% of the encoder"):
        Trainer(Recipe.model_validate(recipe), tmp_path).fit()


def test_margins_follow_their_schedule(make_recipe, tmp_path):
    trainer = Trainer(make_recipe(epochs=1), tmp_path)
    trainer.fit()
    steps = trainer.steps_per_epoch
    expected = (steps - 1) / steps / 2
    shares = [each.margin_share for each in trainer.module.objectives.by_name.values()]
    assert shares == pytest.approx([expected, expected])


class CentreSettings(ObjectiveSettings):
    name: Literal["centre"] = "centre"
    margin: float = 0.5

    def build(self, site):
        return Centre(self, site)


class Centre(Objective[CentreSettings]):
    """A loss that contravox does not know: segments are drawn near their speaker's centre."""

    def __init__(self, settings, site):
        super().__init__(settings)
        self.centres = torch.nn.Parameter(torch.zeros(site.classes, site.embedding_size))

    def forward(self, segments):
        distances = (segments.embeddings - self.centres[segments.labels]).norm(dim=1)
        return (distances - 0.1 + self.margin_share * self.settings.margin).relu().mean()


class RecipeWithCentre(Recipe):
    objectives: dict[
        str, Annotated[AnyObjectiveSettings | CentreSettings, Field(discriminator="name")]
    ]


def test_a_loss_trains_that_is_named_nowhere_but_among_the_settings(make_recipe, tmp_path):
    raw = make_recipe(epochs=3).model_dump()
    raw["objectives"] = {"own": {"name": "centre"}, "contrast": {"name": "supcon"}}
    raw["balance"]["normalise"] = "norm"
    trainer = Trainer(RecipeWithCentre.model_validate(raw), tmp_path)
    trainer.fit()
    steps = [line for line in read_log(tmp_path) if "weights" in line]
    assert all(0 < step["weights"]["own"] < 1 for step in steps)
    own = trainer.module.objectives.by_name["own"]
    assert own.margin_share == 1
    assert own.centres.abs().sum(dim=1).gt(0).all()
    kept = load_file(tmp_path / "objectives.safetensors")
    assert kept["own.centres"].shape == own.centres.shape


def test_mixed_precision_balances_as_full_precision_does(make_recipe, tmp_path):
    shares = []
    for precision in ("32-true", "bf16-mixed"):
        Trainer(make_recipe(epochs=1, precision=precision), tmp_path / precision).fit()
        shares.append(read_log(tmp_path / precision)[0]["weights"]["contrast"])
    # Where no gradient reached the embeddings, both weights would be 1.
    assert 0.01 < shares[0] < 0.99
    assert shares[1] == pytest.approx(shares[0], abs=0.05)


class _StopError(Exception):
    pass


@pytest.mark.parametrize(
    ("stop_at", "normalise", "average"),
    [(3, "none", None), (4, "initial_loss", 0.5), (5, "norm", None)],
)
def test_resuming_gives_the_weights_of_an_uninterrupted_run(
    make_recipe, tmp_path, stop_at, normalise, average
):
    recipe = make_recipe(checkpoint_steps=1, epochs=3, average=average)
    balance = recipe.balance.model_copy(update={"normalise": normalise})
    recipe = recipe.model_copy(update={"balance": balance})
    Trainer(recipe, tmp_path / "whole").fit()

    def stop(done, total, text):
        if done == stop_at:
            raise _StopError

    with pytest.raises(_StopError):
        Trainer(recipe, tmp_path / "cut", progress=stop).fit()
    resumed = Trainer(recipe, tmp_path / "cut")
    resumed.fit(resume=True)
    whole, cut = weights(tmp_path / "whole"), weights(tmp_path / "cut")
    assert whole.keys() == cut.keys()
    for name, value in whole.items():
        assert torch.equal(value, cut[name]), name
    model = Model.load(tmp_path / "cut" / "model.safetensors")
    for name, value in Model.load(tmp_path / "whole" / "model.safetensors").state_dict().items():
        assert torch.equal(value, model.state_dict()[name])
    kept = [(tmp_path / name / "objectives.safetensors").read_bytes() for name in ("whole", "cut")]
    assert kept[0] == kept[1]
    logs = [timeless_log(tmp_path / name) for name in ("whole", "cut")]
    assert logs[0] == logs[1]


def test_speakers_who_sound_alike_meet_and_a_resumed_epoch_keeps_its_batches(
    make_recipe, tmp_path, monkeypatch
):
    recipe = make_recipe(epochs=3)
    sampler = recipe.sampler.model_copy(update={"similar_share": 0.5})
    recipe = recipe.model_copy(update={"sampler": sampler})
    given = []
    draw = Sampler.batches

    def batches(self, epoch, vectors=None, positives=None):
        assert positives is None
        given.append((epoch, vectors))
        return draw(self, epoch, vectors)

    monkeypatch.setattr(Sampler, "batches", batches)
    whole = Trainer(recipe, tmp_path / "whole")
    whole.fit()
    # Once to count them; then in every epoch, from the second on by embeddings of the one before.
    assert [(epoch, vectors is None) for epoch, vectors in given] == [
        *((0, True), (0, True)),
        *((1, False), (2, False)),
    ]
    assert given[2][1].shape == (whole.training_set.classes, 8)
    assert not np.array_equal(given[2][1], given[3][1])

    def press(done, total, text):
        if done == 8 and "validation" not in text:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        Trainer(recipe, tmp_path / "cut", progress=press).fit()
    resumed = len(given)
    Trainer(recipe, tmp_path / "cut").fit(resume=True)
    for after, before in zip(given[resumed + 1 :], given[2:4], strict=True):
        np.testing.assert_array_equal(after[1], before[1])
    assert timeless_log(tmp_path / "cut") == timeless_log(tmp_path / "whole")


@pytest.fixture
def make_unlabelled(make_recipe):
    """A recipe that learns from pairs of segments of utterances, or with sampled positives."""

    def make(positives=None, **training):
        raw = make_recipe(**training).model_dump()
        raw["data"]["labels"] = "utterance"
        sampler = {"name": "random_utterances", "utterances": 8, "segments": 2}
        raw["sampler"] = sampler | {"positives": positives}
        raw["objectives"] = {
            "uniformity": {"name": "uniformity"},
            "similarity": {"name": "angular_contrastive"},
        }
        raw["balance"] = {"name": "fixed"}
        return Recipe.model_validate(raw)

    return make


POSITIVES = {"from_epoch": 2, "clusters": 12, "neighbours": 1}


def test_positives_are_sampled_from_their_epoch_on_and_a_resumed_epoch_keeps_them(
    make_unlabelled, tmp_path
):
    recipe = make_unlabelled(POSITIVES)
    trainer = Trainer(recipe, tmp_path / "whole")
    trainer.fit()
    Trainer(make_unlabelled(), tmp_path / "plain").fit()
    whole, plain = timeless_log(tmp_path / "whole"), timeless_log(tmp_path / "plain")
    begun = 2 * trainer.steps_per_epoch
    assert [each for each in whole if each["step"] < begun] == [
        each for each in plain if each["step"] < begun
    ]
    told = {
        each["step"]: each["sampled_positives"] for each in whole if "sampled_positives" in each
    }
    assert list(told) == [begun, begun + trainer.steps_per_epoch]
    for entry in (each for each in whole if "losses" in each):
        epoch = entry["step"] // trainer.steps_per_epoch
        shares = told.get(epoch * trainer.steps_per_epoch, {"share": 0.0})
        # Its own utterance's, where its positive was in the batch already.
        assert (entry["positive_share"]["another_utterance"] > 0) == (shares["share"] > 0)
        assert sum(entry["positive_share"].values()) == 1
    assert all(each.keys() == {"share", "same_speaker", "same_session"} for each in told.values())

    def press(done, total, text):
        if done == begun + 3 and "losses" not in text:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        Trainer(recipe, tmp_path / "cut", progress=press).fit()
    Trainer(recipe, tmp_path / "cut").fit(resume=True)
    assert timeless_log(tmp_path / "cut") == whole
    for name, value in weights(tmp_path / "whole").items():
        assert torch.equal(value, weights(tmp_path / "cut")[name])


def test_sampled_positives_know_nobody(make_unlabelled, corpus, tmp_path):
    """Other speakers, or none, change what is told and nothing that is learned."""
    manifest = Manifest.read(corpus / "train" / "manifest.tsv")
    speakers = manifest.table["speaker"]
    logs = {}
    for name, given in {"own": speakers, "others": speakers.shuffle(seed=1), "none": None}.items():
        path = tmp_path / f"{name}.tsv"
        Manifest(
            manifest.table.with_columns(speaker=pl.lit(None) if given is None else given)
        ).write(path)
        recipe = make_unlabelled(POSITIVES, epochs=3)
        data = recipe.data.model_copy(update={"manifest": (path,), "allow_overlap": True})
        Trainer(recipe.model_copy(update={"data": data}), tmp_path / name).fit()
        logs[name] = timeless_log(tmp_path / name)
    told = {
        name: next(each["sampled_positives"] for each in log if "sampled_positives" in each)
        for name, log in logs.items()
    }
    assert told["none"].keys() == {"share"}
    assert told["own"]["same_speaker"] != told["others"]["same_speaker"]
    assert told["own"]["share"] == told["others"]["share"] == told["none"]["share"]
    own, others, none = (
        [each for each in log if "sampled_positives" not in each] for log in logs.values()
    )
    assert own == others == none


def test_the_memory_holds_an_utterance_s_own_segments(make_unlabelled, tmp_path, monkeypatch):
    """A positive that passes as its anchor's is still heard from its own utterance."""
    added = []
    add = SpeakerCentroids.add
    monkeypatch.setattr(
        SpeakerCentroids,
        "add",
        lambda self, embeddings, labels: (added.append(labels), add(self, embeddings, labels)),
    )
    cut = []
    monkeypatch.setattr(
        "contravox.training.trainer.read_batches",
        lambda dataset, batches, *rest: (
            cut.extend(batches),
            read_batches(dataset, batches, *rest),
        )[1],
    )
    Trainer(make_unlabelled(POSITIVES, epochs=3), tmp_path).fit()
    assert any(each.anchor is not None for batch in cut for each in batch)
    for batch, labels in zip(cut, added, strict=True):
        assert labels.tolist() == [each.utterance for each in batch]


def test_resuming_in_float16_goes_on_with_the_scale_of_the_loss(make_recipe, tmp_path, monkeypatch):
    def on_cpu(recipe):
        # Far too large a scale: the first steps are left out.
        scaler = torch.amp.GradScaler("cpu", init_scale=2.0**22)
        return Fabric(
            accelerator="cpu", devices=1, plugins=MixedPrecision("16-mixed", "cpu", scaler)
        )

    monkeypatch.setattr("contravox.training.trainer.join_processes", on_cpu)
    recipe = make_recipe(checkpoint_steps=1, epochs=3, precision="16-mixed")
    whole = Trainer(recipe, tmp_path / "whole")
    whole.fit()

    def stop(done, total, text):
        if done == 8:
            raise _StopError

    with pytest.raises(_StopError):
        Trainer(recipe, tmp_path / "cut", progress=stop).fit()
    cut = Trainer(recipe, tmp_path / "cut")
    cut.fit(resume=True)
    assert cut.precision.state_dict() == whole.precision.state_dict()
    # JSON has no word for a norm that is not finite: the step has none.
    finite = ["gradient_norm" in entry for entry in read_log(tmp_path / "cut") if "losses" in entry]
    assert not finite[0]
    assert any(finite)
    ends = [weights(tmp_path / name) for name in ("whole", "cut")]
    assert all(value.equal(ends[1][name]) for name, value in ends[0].items())


def test_a_gradient_that_is_not_finite_leaves_the_weights_as_they_are(make_recipe, tmp_path):
    trainer = Trainer(make_recipe(checkpoint_steps=1), tmp_path)
    weight = next(trainer.module.model.encoder.parameters())
    steps = []

    def overflow(gradient):
        steps.append(trainer.progress.step)
        return gradient * float("inf") if trainer.progress.step == 2 else gradient

    weight.register_hook(overflow)
    with pytest.raises(TrainingError, match=r"step 2: the gradient's norm is (nan|inf) on s\d+/"):
        trainer.fit()
    assert steps == [0, 1, 2]
    assert all(value.isfinite().all() for value in trainer.module.parameters())
    assert [entry["step"] for entry in read_log(tmp_path)] == [0, 1]


def test_an_epoch_without_a_gradient_ends_the_training(make_recipe, tmp_path):
    trainer = Trainer(make_recipe(), tmp_path)
    for parameter in trainer.module.parameters():
        parameter.register_hook(lambda gradient: gradient * 0)
    with pytest.raises(TrainingError, match="epoch 0: the gradient of every step was 0"):
        trainer.fit()
    assert not (tmp_path / "model.safetensors").exists()


def test_the_number_of_workers_changes_nothing(make_recipe, tmp_path):
    recipe = make_recipe(epochs=1)
    Trainer(recipe, tmp_path / "none").fit()
    data = recipe.data.model_copy(update={"workers": 2})
    Trainer(recipe.model_copy(update={"data": data}), tmp_path / "two").fit()
    none, two = weights(tmp_path / "none"), weights(tmp_path / "two")
    assert all(torch.equal(value, two[name]) for name, value in none.items())


def test_a_finished_training_is_not_trained_again(make_recipe, tmp_path):
    recipe = make_recipe(epochs=1)
    Trainer(recipe, tmp_path).fit()
    before = (tmp_path / "checkpoint.pt").read_bytes()
    Trainer(recipe, tmp_path).fit(resume=True)
    assert (tmp_path / "checkpoint.pt").read_bytes() == before
    with pytest.raises(TrainingError, match="holds a training already: continue it with --resume"):
        Trainer(recipe, tmp_path).fit()


def test_a_checkpoint_of_another_recipe_or_cut_short(make_recipe, tmp_path):
    Trainer(make_recipe(epochs=1), tmp_path).fit()
    with pytest.raises(CheckpointError, match=r"gradient_clip=1\.0, this recipe says 2\.0"):
        Trainer(make_recipe(epochs=1, gradient_clip=2.0), tmp_path).fit(resume=True)
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match="not a whole checkpoint"):
        Trainer(make_recipe(epochs=1), tmp_path).fit(resume=True)


@pytest.mark.parametrize("step", [4, 6])
def test_interrupted_after_any_step_and_resumed_as_if_never(make_recipe, tmp_path, step):
    recipe = make_recipe(epochs=2)
    Trainer(recipe, tmp_path / "whole").fit()

    def press(done, total, text):
        if done == step and "validation" not in text:
            signal.raise_signal(signal.SIGINT)

    cut = Trainer(recipe, tmp_path / "cut", progress=press)
    # After the last of an epoch's six steps its validation is done first.
    assert cut.steps_per_epoch == 6
    with pytest.raises(KeyboardInterrupt):
        cut.fit()
    Trainer(recipe, tmp_path / "cut").fit(resume=True)
    assert timeless_log(tmp_path / "cut") == timeless_log(tmp_path / "whole")
    kept = [(tmp_path / name / "objectives.safetensors").read_bytes() for name in ("whole", "cut")]
    assert kept[0] == kept[1]


def test_interrupted_after_the_very_last_step_the_training_is_done(make_recipe, tmp_path):
    trainer = Trainer(make_recipe(epochs=2), tmp_path)

    def press(done, total, text):
        if done == total and "validation" not in text:
            signal.raise_signal(signal.SIGINT)

    trainer.report = press
    trainer.fit()
    assert trainer.progress.finished
    assert [entry["step"] for entry in read_log(tmp_path) if "validation" in entry] == [5, 11]


@pytest.mark.parametrize("step", [7, None])
def test_a_training_whose_best_model_is_gone_is_not_resumed(make_recipe, tmp_path, step):
    recipe = make_recipe(epochs=2, checkpoint_steps=1)

    def stop(done, total, text):
        if done == step:
            raise _StopError

    with contextlib.suppress(_StopError):
        Trainer(recipe, tmp_path, progress=stop).fit()
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"model\.safetensors: gone, .* or delete"):
        Trainer(recipe, tmp_path).fit(resume=True)


def test_damaged_files_beside_a_checkpoint_are_mended(make_recipe, tmp_path):
    recipe = make_recipe(epochs=2, checkpoint_steps=1)
    Trainer(recipe, tmp_path / "whole").fit()

    def stop(done, total, text):
        if done == 7:
            raise _StopError

    run = tmp_path / "run"
    with pytest.raises(_StopError):
        Trainer(recipe, run, progress=stop).fit()
    lines = (run / "log.jsonl").read_bytes().splitlines(keepends=True)
    damage = [b"\xff\xfe\n", b"3\n", b"[" * 100_000 + b"\n", b'{"step": "x"}\n', b"\0\0"]
    (run / "log.jsonl").write_bytes(b"".join([*lines[:4], *damage[:4], *lines[4:], damage[4]]))
    for file in ("recipe.yaml", "trained_on.txt", "objectives.safetensors"):
        (run / file).write_bytes(b"\xff\0")
    Trainer(recipe, run).fit(resume=True)
    assert timeless_log(run) == timeless_log(tmp_path / "whole")
    for file in ("recipe.yaml", "trained_on.txt"):
        assert (run / file).read_bytes() == (tmp_path / "whole" / file).read_bytes()


def test_early_stopping(make_recipe, tmp_path):
    recipe = make_recipe(epochs=50, patience=2, optimiser={"learning_rate": 1e-9})
    trainer = Trainer(recipe, tmp_path)
    trainer.fit()
    rates = [e["validation"]["equal_error_rate"] for e in read_log(tmp_path) if "validation" in e]
    assert trainer.progress.step < trainer.total_steps
    assert min(rates[-2:]) >= min(rates[:-2])


def test_a_loss_that_is_not_finite_names_the_utterances(make_recipe, tmp_path):
    trainer = Trainer(make_recipe(), tmp_path)
    with torch.no_grad():
        next(trainer.module.model.encoder.parameters()).fill_(float("nan"))
    with pytest.raises(TrainingError, match=r"step 0: .* on s\d+/.* and 5 more") as caught:
        trainer.fit()
    assert "\n" not in str(caught.value)
    names = (tmp_path / "not_finite.txt").read_text().split()
    assert len(names) == 8
    assert set(names) <= set(trainer.training_set.manifest.table["utterance"])


def test_without_labels_no_speaker_is_read(make_recipe, corpus, tmp_path):
    recipe = make_recipe(epochs=1)
    table = pl.read_csv(corpus / "train" / "manifest.tsv", separator="\t")
    table.with_columns(speaker=pl.lit(None)).write_csv(tmp_path / "m.tsv", separator="\t")
    unlabelled = {
        **recipe.model_dump(),
        "data": {**recipe.data.model_dump(), "manifest": tmp_path / "m.tsv", "labels": "utterance"},
        "sampler": {"name": "random_utterances", "utterances": 10, "segments": 2},
        "objectives": {"u": {"name": "uniformity"}, "s": {"name": "angular_contrastive"}},
    }
    model = Trainer(Recipe.model_validate(unlabelled), tmp_path / "run").fit()
    assert model.settings.labels_used is False
    unlabelled["data"]["labels"] = "speaker"
    with pytest.raises(ManifestError, match=r"utterances have no speaker"):
        Trainer(Recipe.model_validate(unlabelled), tmp_path / "run2")


def test_starting_from_a_trained_model(make_recipe, tmp_path):
    Trainer(make_recipe(epochs=1), tmp_path / "first").fit()
    path = tmp_path / "first" / "model.safetensors"
    trainer = Trainer(make_recipe(initial_model=path), tmp_path / "second")
    for name, value in Model.load(path).state_dict().items():
        assert torch.equal(trainer.module.model.state_dict()[name], value)
    other = make_recipe(initial_model=path).model_dump()
    other["encoder"]["size"] = 32
    with pytest.raises(RecipeError, match=r"training\.initial_model: .* has another encoder"):
        Trainer(Recipe.model_validate(other), tmp_path / "third")
    with pytest.raises(ModelError, match="no such model"):
        Trainer(make_recipe(initial_model=tmp_path / "none"), tmp_path / "third")


def test_a_second_stage_goes_on_with_the_classes_of_the_first(make_recipe, tmp_path):
    first = make_recipe(epochs=1)
    data = first.data.model_copy(update={"speeds": (0.9, 1.1)})
    trainer = Trainer(first.model_copy(update={"data": data}), tmp_path / "first")
    trainer.fit()
    vectors = trainer.module.objectives.by_name["classification"].prototypes
    assert len(vectors) == 3 * 8
    files = {
        "initial_model": tmp_path / "first" / "model.safetensors",
        "initial_objectives": tmp_path / "first" / "objectives.safetensors",
    }
    second = Trainer(make_recipe(epochs=1, **files), tmp_path / "second")
    assert second.module.objectives.by_name["classification"].prototypes.equal(vectors[:8])
    second.fit()


def test_nothing_is_validated_on_what_any_stage_was_trained_on(make_recipe, corpus, tmp_path):
    train = corpus / "train" / "manifest.tsv"
    make_trials(Manifest.read(train)).write(tmp_path / "trials.tsv")

    def stage(name, *manifests, validate=True, allow_overlap=False, **training):
        recipe = make_recipe(epochs=1, **training)
        update = {
            "manifest": manifests,
            "validation_trials": (tmp_path / "trials.tsv",) if validate else (),
            "validation_manifest": (train,),
            "allow_overlap": allow_overlap,
        }
        data = recipe.data.model_copy(update=update)
        return Trainer(recipe.model_copy(update={"data": data}), tmp_path / name)

    with pytest.raises(OverlapError, match=r"8 of its 8 speakers .* data\.allow_overlap=true"):
        stage("first", train)
    stage("first", train, allow_overlap=True)
    stage("first", train, validate=False).fit()
    model = tmp_path / "first" / "model.safetensors"
    others = [corpus / part / "manifest.tsv" for part in ("validation", "test")]
    stage("second", *others)
    with pytest.raises(OverlapError, match="8 of its 8 speakers"):
        stage("second", *others, initial_model=model)
    stage("second", *others, validate=False, initial_model=model).fit()
    model = tmp_path / "second" / "model.safetensors"
    heard = Manifest.joined([Manifest.read(path) for path in (train, *others)])
    assert set(Model.load(model).settings.trained_on) == set(speaker_digests(heard))
    digests = recording_digests(heard).to_list()
    assert recordings_trained_on(model).to_list() == digests
    assert Model.load(model).settings.recordings_trained_on == len(digests)


def test_on_the_device_is_augmented_as_by_the_workers(make_recipe, tmp_path):
    losses = []
    for place in ("workers", "device"):
        recipe = make_recipe(epochs=1)
        augmentation = recipe.augmentation.model_copy(update={"on": place})
        Trainer(recipe.model_copy(update={"augmentation": augmentation}), tmp_path / place).fit()
        losses.append(read_log(tmp_path / place)[0]["losses"])
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)


def test_an_unreadable_utterance_is_named_whatever_the_workers(make_recipe, corpus, tmp_path):
    table = pl.read_csv(corpus / "train" / "manifest.tsv", separator="\t")
    broken = tmp_path / "broken.wav"
    broken.write_text("not audio")
    table = table.with_columns(path=pl.lit(str(broken)))
    table.write_csv(tmp_path / "m.tsv", separator="\t")
    recipe = make_recipe(epochs=1)
    for workers in (0, 1):
        data = recipe.data.model_copy(
            update={"manifest": (tmp_path / "m.tsv",), "workers": workers}
        )
        trainer = Trainer(recipe.model_copy(update={"data": data}), tmp_path / str(workers))
        with pytest.raises(TrainingError, match=rf"^{broken}: cannot be read as audio") as caught:
            trainer.fit()
        assert "\n" not in str(caught.value)


@pytest.fixture
def damaged(make_recipe, corpus, tmp_path):
    """A recipe whose corpus lacks a file and holds two that end too early."""
    table = pl.read_csv(corpus / "train" / "manifest.tsv", separator="\t")
    paths = table["path"].to_list()
    paths[3] = str(tmp_path / "absent.wav")
    for row in (11, 27):
        cut = tmp_path / f"cut{row}.wav"
        # Which can be read up to there.
        cut.write_bytes((corpus / "train" / paths[row]).read_bytes()[:20_000])
        paths[row] = str(cut)
    table.with_columns(path=pl.Series(paths)).write_csv(tmp_path / "m.tsv", separator="\t")
    recipe = make_recipe(checkpoint_steps=1, epochs=3)
    data = recipe.data.model_copy(
        update={"manifest": (tmp_path / "m.tsv",), "unreadable_share": 0.1}
    )
    sampler = recipe.sampler.model_copy(
        update={"utterances_per_speaker": 4, "corpus_shares": {"tones": 1.0}}
    )
    return recipe.model_copy(update={"data": data, "sampler": sampler})


def test_what_cannot_be_read_is_left_out(damaged, tmp_path):
    trainer = Trainer(damaged, tmp_path / "run")
    with pytest.warns(TrainingWarning, match="left out"):
        trainer.fit()
    listed = pl.read_csv(tmp_path / "run" / "unreadable.tsv", separator="\t")
    names = trainer.training_set.manifest.table["utterance"]
    assert sorted(listed["utterance"]) == sorted(names[row] for row in (3, 11, 27))
    assert trainer.progress.step == trainer.total_steps
    assert len(trainer.left_out) == 3


@pytest.mark.filterwarnings("ignore::contravox.errors.TrainingWarning")
@pytest.mark.parametrize("stop_at", [1, 5])
def test_resuming_leaves_out_what_an_uninterrupted_run_does(damaged, tmp_path, stop_at):
    Trainer(damaged, tmp_path / "whole").fit()

    def stop(done, total, text):
        if done == stop_at:
            raise _StopError

    with pytest.raises(_StopError):
        Trainer(damaged, tmp_path / "cut", progress=stop).fit()
    # Read ahead by other processes, too.
    data = damaged.data.model_copy(update={"workers": 2})
    Trainer(damaged.model_copy(update={"data": data}), tmp_path / "cut").fit(resume=True)
    whole, cut = weights(tmp_path / "whole"), weights(tmp_path / "cut")
    assert all(torch.equal(value, cut[name]) for name, value in whole.items())
    assert timeless_log(tmp_path / "whole") == timeless_log(tmp_path / "cut")
    lists = [
        sorted(pl.read_csv(tmp_path / name / "unreadable.tsv", separator="\t").rows())
        for name in ("whole", "cut")
    ]
    assert lists[0] == lists[1]


@pytest.mark.filterwarnings("ignore::contravox.errors.TrainingWarning")
def test_speech_alone_is_trained_on_whatever_the_workers_and_when_resumed(
    make_recipe, corpus, tmp_path
):
    """One utterance is silent but for the first 0.6 s, another all over: that is left out."""
    table = pl.read_csv(corpus / "train" / "manifest.tsv", separator="\t")
    paths = table["path"].to_list()
    for row, spoken in ((3, 0), (11, 9_600)):
        waveform, rate = soundfile.read(corpus / "train" / paths[row])
        waveform[spoken:] = 0
        paths[row] = str(tmp_path / f"silent{row}.wav")
        soundfile.write(paths[row], waveform, rate)
    table.with_columns(path=pl.Series(paths)).write_csv(tmp_path / "m.tsv", separator="\t")
    recipe = make_recipe(checkpoint_steps=1, epochs=2)

    def with_data(**data):
        return recipe.model_copy(update={"data": recipe.data.model_copy(update=data)})

    data = {"manifest": (tmp_path / "m.tsv",), "unreadable_share": 0.1, "speech_only": True}
    trainer = Trainer(with_data(**data), tmp_path / "whole")
    assert trainer.fit().settings.speech_only
    listed = pl.read_csv(tmp_path / "whole" / "unreadable.tsv", separator="\t")
    assert listed["utterance"].to_list() == [trainer.training_set.manifest.table["utterance"][3]]
    assert "no speech found" in listed["reason"][0]

    def stop(done, total, text):
        if done == 2:
            raise _StopError

    # A resumed run has to find all speech again, in other processes.
    with pytest.raises(_StopError):
        Trainer(with_data(**data, workers=2), tmp_path / "cut", progress=stop).fit()
    Trainer(with_data(**data), tmp_path / "cut").fit(resume=True)
    whole, cut = weights(tmp_path / "whole"), weights(tmp_path / "cut")
    assert all(torch.equal(value, cut[name]) for name, value in whole.items())
    other = Trainer(with_data(**data | {"speech_only": False}), tmp_path / "all")
    other.fit()
    assert not len(other.left_out)
    trained_on_all = weights(tmp_path / "all")
    assert not all(torch.equal(value, trained_on_all[name]) for name, value in whole.items())


def test_validation_is_without_what_cannot_be_read(make_recipe, corpus, tmp_path):
    path = corpus / "validation" / "manifest.tsv"
    table = pl.read_csv(path, separator="\t", infer_schema=False)
    lost = pl.col("utterance") == table["utterance"][4]
    table.with_columns(path=pl.when(lost).then(pl.lit("absent.wav")).otherwise("path")).write_csv(
        tmp_path / "m.tsv", separator="\t"
    )
    recipe = make_recipe(epochs=1)
    data = recipe.data.model_copy(
        update={"validation_manifest": (tmp_path / "m.tsv",), "unreadable_share": 0.2}
    )
    trainer = Trainer(recipe.model_copy(update={"data": data}), tmp_path / "run")
    with pytest.warns(TrainingWarning, match="validated without 1 utterances: .*absent"):
        model = trainer.fit()
    [(name, trials)] = trainer.validation.items()
    rest = {name: trials.without([table["utterance"][4]])}
    assert trainer.progress.best_rate == validate(model, rest).rate
    with pytest.raises(AudioError, match=r"absent\.wav: no such file"):
        validate(model, trainer.validation)


def test_a_log_cut_short_is_read_up_to_there(tmp_path):
    entries = [{"step": step, "losses": {"a": 1.0}} for step in range(3)]
    text = "\n".join(json.dumps(entry) for entry in entries)
    (tmp_path / "log.jsonl").write_text(text[:-5])
    assert read_log(tmp_path) == entries[:2]
