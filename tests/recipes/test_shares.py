"""In every shipped recipe of several objectives, each of them really trains the encoder.

The recipes are cut short and made small: their encoders, batches and segments, never their
objectives or balance.
"""

from statistics import fmean

import pytest

from contravox.training.log import read_log
from contravox.training.recipe import Recipe
from contravox.training.shipped import shipped_recipes
from contravox.training.trainer import Trainer

LEAST = {
    # The public code of MFCon weighs its contrast 0.01.
    **dict.fromkeys(("mfcon_voxceleb1", "mfcon_ecapa_voxceleb1"), 0.002),
}
"""What share of the encoder's gradient each objective gives at least, where it is not 0.05."""
SIZES = {
    "ecapa_tdnn": {"channels": 16, "scale": 2, "aggregation": 24, "bottleneck": 8},
    "mfa_conformer": {
        "blocks": 2,
        "size": 16,
        "heads": 2,
        "feed_forward": 16,
        "subsampling_channels": 8,
    },
    "fast_resnet34": {"channels": 8, "blocks": [1, 1, 1, 1]},
    "cam_plus_plus": {"channels": 16, "growth": 8, "bottleneck": 16, "layers": [1, 1, 1]},
}


@pytest.fixture
def manifest(corpus):
    return corpus / "train" / "manifest.tsv"


def small(recipe, manifest):
    """Nine epochs of three steps, or of two without labels."""
    raw = recipe.model_dump()
    raw["data"] |= {"manifest": manifest, "segment_seconds": 0.4, "workers": 0}
    raw["data"] |= {"validation_trials": None, "validation_manifest": None}
    raw["sampler"] |= (
        {"speakers": 8} if recipe.sampler.name == "speakers_utterances" else {"utterances": 16}
    )
    raw["sampler"]["segments"] = min(recipe.sampler.segments, 2)
    raw["augmentation"] = None
    raw["encoder"] |= {**SIZES[recipe.encoder.name], "embedding_size": 16}
    raw["training"] |= {"epochs": 9, "chunk_size": None, "initial_model": None}
    raw["training"] |= {"batchnorm": "batch"}
    raw["training"] |= {"initial_objectives": None, "margin_schedule": None}
    # A step at full speed from the first on, for the small encoder.
    raw["training"] |= {"optimiser": {"learning_rate": 0.003}, "schedule": {}}
    return Recipe.model_validate(raw)


def last_shares(recipe, folder, monkeypatch):
    """Each objective's mean share over the last third of the steps."""
    monkeypatch.setattr("contravox.training.trainer.EVERY", 1)
    Trainer(recipe, folder).fit()
    steps = [entry["shares"] for entry in read_log(folder) if "shares" in entry]
    steps = steps[-len(steps) // 3 :]
    return {name: fmean(shares[name] for shares in steps) for name in steps[0]}


SEVERAL = [name for name in shipped_recipes() if len(Recipe.read(name).objectives) > 1]


@pytest.mark.parametrize("name", SEVERAL)
@pytest.mark.filterwarnings("ignore::contravox.errors.TrainingWarning")
def test_every_objective_trains_the_encoder(name, manifest, tmp_path, monkeypatch):
    shares = last_shares(small(Recipe.read(name), manifest), tmp_path, monkeypatch)
    assert len(shares) > 1
    assert min(shares.values()) > LEAST.get(name, 0.05), shares


@pytest.mark.filterwarnings("ignore::contravox.errors.TrainingWarning")
def test_the_shortest_combination_of_gradients_leaves_an_objective_out(
    manifest, tmp_path, monkeypatch
):
    # What the test above is to notice: what the recipe was before its gradients were normalised.
    before = ["balance={name: mgda}", "objectives.classification.weight=0.2"]
    recipe = small(Recipe.read("small/aamsupcon", before), manifest)
    shares = last_shares(recipe, tmp_path, monkeypatch)
    assert min(shares.values()) < 0.05, shares
