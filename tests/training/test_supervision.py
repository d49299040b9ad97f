import itertools
import warnings

import numpy as np
import polars as pl
import pytest
from pydantic import ValidationError

from contravox.data.sampling import Sampler
from contravox.errors import RecipeError, TrainingWarning
from contravox.training.dry_run import dry_run
from contravox.training.recipe import Recipe
from contravox.training.supervision import Supervision, check_supervision
from contravox.training.trainer import Trainer

CLASSIFY = {"classification": {"name": "aam_softmax"}}
CONTRASTS = (
    *("supcon", "nt_xent", "triplet", "multiscale"),
    *("angular_contrastive", "angular_prototypical", "prototypical", "ge2e"),
)
RANDOM, SPEAKERS = "random_utterances", "speakers_utterances"


def make_recipe(sampler, objectives, labels="speaker", **training):
    return Recipe.model_validate(
        {
            "data": {"manifest": "none.tsv", "labels": labels},
            "sampler": sampler,
            "encoder": {"name": "ecapa_tdnn"},
            "objectives": objectives,
            "training": {"epochs": 2, **training},
        }
    )


def check(label_of, sampler, objectives, **settings):
    recipe = make_recipe(sampler, objectives, **settings)
    label_of = np.array(label_of)
    sampler = Sampler(recipe.sampler, label_of)
    check_supervision(recipe, sampler.batches(0), label_of)


def slow_supervision(batches, labels):
    """``Supervision`` by looking at every pair."""
    positive, across, negatives = [], False, False
    for batch in batches:
        have = set()
        for (i, one), (j, other) in itertools.permutations(enumerate(batch), 2):
            if labels[one.utterance] == labels[other.utterance]:
                have |= {i, j}
                across |= one.utterance != other.utterance
            else:
                negatives = True
        positive += [i in have for i in range(len(batch))]
    return Supervision(pytest.approx(np.mean(positive)), across, negatives)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    "sampler",
    [
        {"name": RANDOM, "utterances": 4},
        {"name": RANDOM, "utterances": 2, "segments": 2},
        {"name": RANDOM, "utterances": 1, "segments": 3},
        {"name": SPEAKERS, "speakers": 2, "utterances": 1},
        {"name": SPEAKERS, "speakers": 2, "utterances": 2, "segments": 2},
    ],
)
def test_supervision_is_that_of_every_pair(sampler, seed):
    labels = np.random.default_rng(seed).integers(8, size=12)
    batches = Sampler(make_recipe(sampler, CLASSIFY).sampler, labels, seed=seed).batches(0)
    assert Supervision.of(batches, labels) == slow_supervision(batches, labels)


WITHOUT_POSITIVES = {
    "one utterance of each speaker": (
        [0, 0, 1, 1, 2, 2],
        {"name": SPEAKERS, "speakers": 2, "utterances": 1},
    ),
    "a corpus of one utterance each": (range(6), {"name": RANDOM, "utterances": 3}),
    "batches too small for the corpus": (range(3000), {"name": RANDOM, "utterances": 20}),
}


@pytest.mark.parametrize("objective", CONTRASTS)
@pytest.mark.parametrize(("labels", "sampler"), WITHOUT_POSITIVES.values(), ids=WITHOUT_POSITIVES)
def test_contrasts_without_a_positive_are_refused(labels, sampler, objective):
    objectives = CLASSIFY | {"contrast": {"name": objective}}
    with pytest.raises(
        RecipeError, match=r"no batch .* so objectives\.contrast would learn nothing"
    ):
        check(labels, sampler, objectives)
    # Nothing is asked of one that does not count, and classifiers need no pairs.
    check(labels, sampler, CLASSIFY | {"contrast": {"name": objective, "weight": 0}})
    check(labels, sampler, CLASSIFY)


@pytest.mark.parametrize("objective", CONTRASTS)
def test_contrasts_without_a_negative_are_refused(objective):
    sampler = {"name": RANDOM, "utterances": 1, "segments": 2}
    with pytest.raises(RecipeError, match="every batch holds segments of one utterance only"):
        check(range(6), sampler, {"contrast": {"name": objective}}, labels="utterance")


def test_seldom_positives_are_said():
    labels = np.arange(2000) % 1000
    sampler = {"name": RANDOM, "utterances": 50}
    with pytest.warns(TrainingWarning, match=r"only 1\.\d% of segments meet another"):
        check(labels, sampler, {"contrast": {"name": "supcon"}})


@pytest.mark.parametrize(
    ("labels", "sampler"),
    [
        ([0, 0, 1, 1, 2, 2], {"name": SPEAKERS, "speakers": 2, "utterances": 1, "segments": 2}),
        (range(6), {"name": SPEAKERS, "speakers": 2, "utterances": 2}),
    ],
)
def test_positives_of_one_utterance_only_are_said(labels, sampler):
    with pytest.warns(TrainingWarning, match="may learn recordings, not voices"):
        check(labels, sampler, {"contrast": {"name": "supcon"}})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check(
            range(6),
            {"name": RANDOM, "utterances": 2, "segments": 2},
            UNLABELLED,
            labels="utterance",
        )


UNLABELLED = {"contrast": {"name": "angular_contrastive"}}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"schedule": {"warmup_steps": 6}}, r"warmup_steps: 6 are not over after all 6 steps"),
        ({"margin_schedule": {"start": 2, "end": 3}}, r"start: 2 is not reached in 2 epochs"),
        ({"labels": "utterance"}, r"objectives\.classification: every utterance is a class"),
    ],
)
def test_what_hardly_trains_is_said(settings, said):
    sampler = {"name": SPEAKERS, "speakers": 2, "utterances": 1}
    with pytest.warns(TrainingWarning, match=said):
        check([0, 0, 1, 1, 2, 2], sampler, CLASSIFY, **settings)


def test_positives_that_are_never_sampled_are_said():
    sampler = {"name": RANDOM, "utterances": 3, "segments": 2, "positives": {"from_epoch": 2}}
    contrast = {"contrast": {"name": "nt_xent"}}
    with pytest.warns(TrainingWarning, match=r"from_epoch: 2 is not reached in 2 epochs"):
        check(range(6), sampler, contrast, labels="utterance")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check(range(6), sampler, contrast, labels="utterance", epochs=3)
        # Epochs go on after those of the run that is gone on from.
        check(range(6), sampler, contrast, labels="utterance", initial_run="run")


@pytest.mark.parametrize(
    ("objectives", "training", "reason"),
    [
        ({"one": {"name": "softmax", "weight": 0}}, {}, "every weight is 0"),
        (
            CLASSIFY | {"maps": {"name": "multiscale", "map_weights": [0, 0]}},
            {},
            "map_weights: every one is 0",
        ),
        (CLASSIFY, {"optimiser": {"learning_rate": 0}}, "learning_rate"),
        (CLASSIFY, {"margin_schedule": {"start": 1, "end": 1}}, "start 1 is not before end 1"),
    ],
)
def test_recipes_that_cannot_train_are_refused(objectives, training, reason):
    with pytest.raises(ValidationError, match=reason):
        make_recipe({"name": RANDOM}, objectives, **training)


def test_trainer_and_dry_run_refuse_before_anything_is_written(tmp_path):
    table = pl.DataFrame({"utterance": [f"u{n}" for n in range(6)]})
    table = table.with_columns(speaker="utterance", path=pl.col("utterance") + ".wav", duration=1.0)
    table.write_csv(tmp_path / "m.tsv", separator="\t")
    recipe = make_recipe({"name": RANDOM, "utterances": 3}, {"contrast": {"name": "supcon"}})
    data = recipe.data.model_copy(update={"manifest": (tmp_path / "m.tsv",)})
    recipe = recipe.model_copy(update={"data": data})
    for begin in (dry_run, lambda recipe: Trainer(recipe, tmp_path / "run")):
        with pytest.raises(RecipeError, match="no batch of the first epoch"):
            begin(recipe)
    assert not (tmp_path / "run").exists()
