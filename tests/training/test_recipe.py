from pathlib import Path

import pytest
from ruamel.yaml import YAML

from contravox.errors import RecipeError
from contravox.training.recipe import Recipe

SMALL = {
    "data": {"manifest": "m.tsv"},
    "encoder": {"name": "ecapa_tdnn", "channels": 16},
    "objectives": {"classification": {"name": "aam_softmax"}},
}


@pytest.fixture
def write(tmp_path):
    def write_recipe(**changes):
        path = tmp_path / "recipe.yaml"
        YAML(typ="safe").dump({**SMALL, **changes}, path)
        return path

    return write_recipe


def test_what_is_written_is_read_back(write, tmp_path):
    recipe = Recipe.read(write(), ["training.epochs=7", "augmentation={}", "data.workers=0"])
    assert (recipe.training.epochs, recipe.data.workers) == (7, 0)
    assert recipe.augmentation is not None
    (tmp_path / "again.yaml").write_text(recipe.to_yaml())
    assert Recipe.read(tmp_path / "again.yaml") == recipe


def test_overrides_make_the_groups_they_need(write):
    recipe = Recipe.read(write(), ["training.optimiser.learning_rate=0.5", "features.bins=40"])
    assert recipe.training.optimiser.learning_rate == 0.5
    assert recipe.features.bins == 40


@pytest.mark.parametrize(
    ("overrides", "reason"),
    [
        (["training.epoch=3"], r"training\.epoch: no such key: did you mean epochs\?"),
        (["encoder.chanels=3"], r"encoder\.chanels: no such key: did you mean channels\?"),
        (["training.epochs=many"], r"training\.epochs: 'many': input should be a valid integer"),
        (["training.epochs=0"], r"training\.epochs: 0: input should be greater than"),
        (["encoder.name=ecapa"], r"encoder: .*'ecapa_tdnn', 'mfa_conformer'"),
        (["objectives.classification.margn=1"], r"\.margn: no such key: did you mean margin\?"),
        (["objectives.classification.sub_centre=1"], r"did you mean sub_centres\?"),
        (["objectives={}"], r"objectives: "),
        (["data=null"], r"data: "),
        (["objectives.teacher={name: distillation}"], r"objectives\.teacher: .* set data\.teacher"),
        (["data.targets=t.npz", "data.teacher=t.onnx"], r"data\.targets: .* leave one of them out"),
        (["data.targets=t.npz", "data.speeds=[0.9]"], r"data\.speeds: at another speed"),
        (["clean_first=true"], "clean_first: no such key"),
        (["data.manifest=[]"], r"data\.manifest: "),
        (["data.speeds=[1.0]"], r"data\.speeds: 1 changes nothing"),
        (["augmentation.views=[clean, any]"], r"augmentation\.views: names 2 .*segments=1"),
        (["training.epochs"], "'training.epochs' is no setting: write key=value"),
        (["training.epochs=3", "training.epochs.x=1"], "epochs holds a value"),
        (["training.epochs=[3"], r"training\.epochs: not YAML"),
        (["balance.name=mdga"], r"balance\.name: mdga .* did you mean mgda\?"),
    ],
)
def test_mistakes_are_one_line_that_names_the_key(write, overrides, reason):
    with pytest.raises(RecipeError, match=reason) as caught:
        Recipe.read(write(), overrides)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("overrides", "reason"),
    [
        (["data.labels=speaker"], r"sampler\.positives: with data\.labels=speaker it is known"),
        (["data.speeds=[0.9]"], r"sampler\.positives: at another speed .*leave data\.speeds out"),
        (["sampler.segments=1"], r"sampler: positives: with segments=1 there are no pairs"),
        (["sampler.positives.neighbours=0"], r"sampler\.positives: neighbours=0 draws from"),
        (
            ["sampler.positives.cluster=9"],
            r"positives\.cluster: no such key: did you mean clusters",
        ),
    ],
)
def test_positives_that_cannot_be_sampled_are_refused(overrides, reason):
    sampled = "sampler.positives={from_epoch: 3}"
    Recipe.read("small/cel", [sampled])
    with pytest.raises(RecipeError, match=reason) as caught:
        Recipe.read("small/cel", [sampled, *overrides])
    assert "\n" not in str(caught.value)


def test_a_missing_key_is_named(write):
    with pytest.raises(RecipeError, match=r"recipe\.yaml: data\.manifest: field required"):
        Recipe.read(write(data={}))


def test_a_file_that_is_no_recipe(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text("just text")
    with pytest.raises(RecipeError, match="not a recipe"):
        Recipe.read(path)
    path.write_text("a: [1")
    with pytest.raises(RecipeError, match="not YAML"):
        Recipe.read(path)


def test_one_manifest_or_several(write):
    assert Recipe.read(write()).data.manifest == (Path("m.tsv"),)
    several = Recipe.read(write(), ["data.manifest=[a.tsv, b/c.tsv]"])
    assert several.data.manifest == (Path("a.tsv"), Path("b/c.tsv"))
