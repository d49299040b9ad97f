import json
from contextlib import contextmanager
from mmap import mmap

import pytest
import torch

from contravox.cli import main
from contravox.corpora.preparation import prepare_corpus
from contravox.errors import RecipeError
from contravox.training import dry_run as module
from contravox.training.dry_run import PeakMemory, dry_run
from contravox.training.recipe import Recipe
from contravox.training.shipped import shipped_recipes
from contravox.training.start import start_module
from contravox.training.trainer import Trainer

CPU = torch.device("cpu")
TINY = [
    "encoder={name: ecapa_tdnn, channels: 16, aggregation: 24, bottleneck: 8, embedding_size: 8}",
    "features.bins=20",
    "data.segment_seconds=0.4",
    "data.workers=0",
]


def cut(name):
    """A shipped recipe with the fewest segments of which each loss has its positives.

    Cut are the batch, its chunks, the length of a segment, and the corpus, which decides how many
    class vectors there are. The encoder stays as it is.
    """
    recipe = Recipe.read(name)
    sizes = ["data.speakers=20", "data.utterances=120", "data.segment_seconds=1"]
    if recipe.sampler.name == "speakers_utterances":
        several = 1 if recipe.sampler.segments > 1 else 2
        sizes += ["sampler.speakers=2", f"sampler.utterances={several}"]
    else:
        sizes.append("sampler.utterances=3")
    if recipe.training.chunk_size is not None:
        sizes.append("training.chunk_size=2")
    return Recipe.read(name, sizes)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """No corpora and no trained models."""
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", shipped_recipes())
def test_every_shipped_recipe_at_the_size_of_its_encoder(name):
    recipe = cut(name)
    run = dry_run(recipe)
    system, _ = start_module(without_files(recipe), 20 * (1 + len(recipe.data.speeds)), None)
    assert run.encoder_parameters == system.model.parameter_count
    trained = sum(each.numel() for each in system.parameters() if each.requires_grad)
    assert run.training_parameters == trained - run.encoder_parameters
    assert run.batch == recipe.sampler.batch_size
    assert run.steps == run.steps_per_epoch * recipe.training.epochs > 0
    assert run.seconds > 0
    assert str(recipe.data.manifest[0]) in run.absent


def without_files(recipe):
    training = recipe.training.model_copy(
        update={"initial_model": None, "initial_objectives": None}
    )
    return recipe.model_copy(update={"training": training})


@pytest.mark.parametrize("name", [name for name in shipped_recipes() if "/" not in name])
def test_full_size_recipes_say_how_large_their_corpus_is(name):
    data = Recipe.read(name).data
    assert (data.speakers, data.utterances) in {
        (1_211, 148_642),
        (5_994, 1_092_009),
        (2_793, 640_745),
    }


def test_full_size_recipes_choose_no_epoch_by_a_test_list():
    for name in shipped_recipes():
        if "/" not in name:
            assert not Recipe.read(name).data.validation_trials


def test_steps_without_the_corpus():
    """VoxCeleb1 has 148,642 utterances: 743 batches of 200, and 42 left over."""
    run = dry_run(Recipe.read("mfa_conformer_voxceleb1", [*TINY, "data.speeds=[]"]))
    assert (run.batch, run.steps_per_epoch, run.steps) == (200, 743, 30 * 743)
    perturbed = dry_run(
        Recipe.read(
            "mfa_conformer_voxceleb1",
            [*TINY, "data.speeds=[0.9, 1.1]", "data.speakers=50", "data.utterances=500"],
        )
    )
    # 1,500 utterances, and a class vector of 8 numbers for each of 150 speakers.
    assert perturbed.steps_per_epoch == 7
    assert perturbed.training_parameters == 8 * 150


def test_where_the_corpus_is_its_sizes_count(tone_corpus, tmp_path):
    prepare_corpus("folder", tone_corpus, tmp_path / "corpus", split=True)
    recipe = Recipe.read("small/mfcon_ecapa", [*TINY, "sampler.speakers=8"])
    run = dry_run(recipe)
    assert run.absent == ()
    assert run.steps_per_epoch == Trainer(recipe, tmp_path / "run").steps_per_epoch
    assert list(tmp_path.iterdir()) == [tmp_path / "corpus"]


def test_what_an_epoch_holds_is_said(tone_corpus, tmp_path, monkeypatch, capsys):
    prepare_corpus("folder", tone_corpus, tmp_path / "corpus", split=True)
    command = ["contravox", "train", "small/mfcon_ecapa", *TINY, "sampler.speakers=8"]
    cap = ["sampler.utterances_per_speaker=2", "--dry-run"]
    monkeypatch.setattr("sys.argv", [*command, *cap])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    assert (
        "an epoch has of tones: 16 segments (100.0%) of 16 utterances, 8 speakers, at most 12.50% "
        "of one speaker\n"
    ) in capsys.readouterr().out
    monkeypatch.setattr("sys.argv", [*command, *cap, "--json"])
    with pytest.raises(SystemExit):
        main()
    assert json.loads(capsys.readouterr().out)["corpora"]["tones"]["utterances"] == 16


def test_a_corpus_of_unknown_size_is_asked_for():
    with pytest.raises(RecipeError, match=r"manifest\.tsv: not there, .* set data\.speakers and"):
        dry_run(Recipe.read("small/mfcon", TINY))


def test_from_the_command_line(monkeypatch, capsys):
    command = ["contravox", "train", "cel_voxceleb2", *TINY, "sampler.utterances=4"]
    sizes = ["data.utterances=100", "--dry-run"]
    monkeypatch.setattr("sys.argv", [*command, *sizes, "--json"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    run = json.loads(capsys.readouterr().out)
    assert (run["batch"], run["steps_per_epoch"], run["steps"]) == (8, 25, 12_500)
    assert "corpora/musan/manifest.tsv" in run["absent"]
    monkeypatch.setattr("sys.argv", [*command, *sizes])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    out, errors = capsys.readouterr()
    assert "batch: 8 segments of 0.4 s\nsteps: 25 an epoch, 12,500 in all\n" in out
    assert "not there, left out: corpora/voxceleb2/train/manifest.tsv" in errors


@contextmanager
def touched(size):
    """Memory that is given back at once, which malloc's need not be."""
    with mmap(-1, size) as memory:
        memory[::4096] = b"1" * (size // 4096)
        yield


@pytest.mark.skipif(not module.STATUS.exists(), reason="the system does not say")
def test_what_is_let_go_counts_and_what_came_before_does_not():
    with touched(2**25):
        with touched(2**26):
            pass
        memory = PeakMemory(CPU)
        assert memory.bytes() < 2**22
        with touched(2**24):
            pass
    assert 0.95 * 2**24 < memory.bytes() < 1.5 * 2**24


def test_a_system_that_does_not_say(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "STATUS", tmp_path / "none")
    monkeypatch.setattr(module, "FORGET", tmp_path / "no" / "folder")
    assert PeakMemory(CPU).bytes() is None
