"""Every variant of every shipped sweep takes a step, cut short to a tiny encoder and batch."""

from pathlib import Path

import pytest

from contravox.training.dry_run import dry_run
from contravox.training.recipe import Recipe
from contravox.training.shipped import shipped_sweeps
from contravox.training.sweep import Sweep, plan_runs

TINY = {
    "ecapa_tdnn": {"channels": 16, "aggregation": 8, "bottleneck": 4, "embedding_size": 6},
    # As many blocks as there are, for variants name them.
    "mfa_conformer": {"size": 8, "heads": 2, "feed_forward": 8, "subsampling_channels": 2},
    "fast_resnet34": {"channels": 8, "blocks": [1, 1, 1, 1], "embedding_size": 6},
}


def variants(name, **changes):
    """The recipe of each variant, by its name."""
    sweep = Sweep.read(name).model_copy(update={"seeds": (0,), **changes})
    return {run.variant: run.recipe for run in plan_runs(sweep, Path("out"))}


def tiny(recipe):
    """The same recipe on 4 speakers, whose batch still holds positives and negatives."""
    raw = recipe.model_dump(mode="json")
    raw["encoder"] |= TINY[raw["encoder"]["name"]]
    raw["features"]["bins"] = 20
    raw["data"] |= {"speakers": 4, "utterances": 24, "segment_seconds": 0.3, "workers": 0}
    if raw["sampler"]["name"] == "speakers_utterances":
        raw["sampler"]["speakers"] = 3
    else:
        raw["sampler"]["utterances"] = 8
        if raw["sampler"]["positives"]:
            raw["sampler"]["positives"] |= {"clusters": 4, "neighbours": 1}
    if raw["training"]["chunk_size"]:
        raw["training"]["chunk_size"] = 8
    return Recipe.validate_keys(raw, "tiny")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """No corpora and no trained models."""
    monkeypatch.chdir(tmp_path)


@pytest.mark.filterwarnings("ignore::contravox.errors.TrainingWarning")
@pytest.mark.parametrize("name", shipped_sweeps())
def test_every_variant_takes_a_step(name):
    for variant, recipe in variants(name).items():
        assert dry_run(tiny(recipe)).seconds > 0, variant


def test_the_first_system_is_swept_on_any_corpus():
    here, there = (
        variants("ablations/aamsupcon"),
        variants("ablations/aamsupcon", recipe="aamsupcon_cnceleb"),
    )
    assert here.keys() == there.keys()
    for variant, recipe in there.items():
        assert recipe.data.speakers == 2793
        assert recipe.objectives == here[variant].objectives
        assert recipe.sampler == here[variant].sampler


def test_batches_of_the_first_system_are_of_the_published_sizes():
    swept = variants("ablations/aamsupcon")
    for size in (128, 512, 1024):
        whole, margin = swept[f"batch_{size}"], swept[f"margin_batch_{size}"]
        assert abs(whole.sampler.batch_size - size) <= 8
        assert margin.sampler == whole.sampler
        assert margin.objectives["contrast"].attention is None
        assert margin.balance.name == "fixed"


def test_the_second_stage_has_eight_losses_from_random_and_from_pre_trained_weights():
    for name in ("ablations/cel_finetune", "ablations/small/cel_finetune"):
        swept = variants(name)
        pre_trained = [variant for variant in swept if not variant.startswith("random_")]
        assert len(pre_trained) == 8
        for variant in pre_trained:
            from_random = swept[f"random_{variant}"]
            assert from_random.training.initial_model is None
            assert swept[variant].training.initial_model is not None
            assert from_random.objectives == swept[variant].objectives
            assert from_random.sampler == swept[variant].sampler


@pytest.mark.parametrize("name", ["ablations/combined", "ablations/small/combined"])
def test_the_combination_and_its_parts_are_compared_at_equal_cost(name):
    same = {
        (
            recipe.encoder.model_dump_json(),
            recipe.data.model_dump_json(),
            recipe.sampler.model_dump_json(),
            recipe.training.epochs,
        )
        for recipe in variants(name).values()
    }
    assert len(same) == 1
