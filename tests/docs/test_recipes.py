"""docs/recipes.md: its commands can be typed, and its figures are those of the recipes."""

import re
import shlex
from pathlib import Path

import pytest
import typer
from ruamel.yaml import YAML

from contravox.cli import app, main
from contravox.corpora.preparation import CORPORA, prepare_corpus
from contravox.data.sampling import RandomUtterancesSettings, SpeakersUtterancesSettings
from contravox.inference.default_model import DEFAULT_MODEL
from contravox.training.log import read_log
from contravox.training.recipe import Recipe
from contravox.training.settings_file import validate_settings
from contravox.training.shipped import shipped_recipes, shipped_sweeps
from contravox.training.sweep import Sweep, plan_runs
from contravox.training.trainer import Trainer

PAGE = (Path(__file__).parents[2] / "docs" / "recipes.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, flags=re.DOTALL | re.MULTILINE)


def commands(verb):
    """The arguments of every command of a verb, lines that go on joined."""
    lines = "".join(blocks("sh")).replace("\\\n", " ").splitlines()
    split = [shlex.split(line) for line in lines]
    assert all(each[0] == "contravox" for each in split)
    return [each[2:] for each in split if each[1] == verb]


def parsed(verb, arguments):
    """What the command line understands, without doing it. Exits where it does not."""
    command = typer.main.get_command(app).commands[verb]
    return command.make_context(verb, list(arguments)).params


def of_recipes():
    """The commands that train recipes, and not runs."""
    return [each for each in commands("train") if not each[0].startswith("runs/")]


@pytest.mark.parametrize("verb", ["prepare", "transcode", "evaluate", "embed", "cluster"])
def test_other_commands_are_understood(verb):
    assert commands(verb)
    for arguments in commands(verb):
        assert parsed(verb, arguments)


def test_every_corpus_of_a_recipe_is_prepared():
    written = {str(parsed("prepare", each)["output"]) for each in commands("prepare")}
    for name in shipped_recipes():
        recipe = Recipe.read(name)
        augmentation = recipe.augmentation
        files = [*recipe.data.manifest]
        files += [augmentation.noises, augmentation.rooms] if augmentation else []
        for path in filter(None, files):
            folder = path.parent.parent if path.parent.name == "train" else path.parent
            assert str(folder) in written, (name, path)
    prepared = {parsed("prepare", each)["corpus"].value for each in commands("prepare")}
    assert prepared <= {*CORPORA, "trials"}


def test_every_shipped_recipe_is_trained_and_what_is_trained_is_a_recipe():
    assert {arguments[0] for arguments in of_recipes()} == set(shipped_recipes())
    for arguments in of_recipes():
        params = parsed("train", arguments)
        Recipe.read(params["recipe"], params["overrides"] or [])


def test_a_later_stage_is_trained_after_the_one_it_starts_from():
    trained = set()
    for arguments in of_recipes():
        params = parsed("train", arguments)
        initial = Recipe.read(params["recipe"], params["overrides"] or []).training.initial_model
        if initial not in (None, DEFAULT_MODEL):
            assert str(initial.parent) in trained
        trained.add(str(params["output"] or Path("runs") / Path(params["recipe"]).name))


def test_what_is_evaluated_was_trained():
    outputs = set()
    for arguments in of_recipes():
        params = parsed("train", arguments)
        outputs.add(str(params["output"] or Path("runs") / Path(params["recipe"]).stem))
    for arguments in commands("evaluate"):
        assert str(parsed("evaluate", arguments)["model"].parent) in outputs


def test_a_run_is_ended_and_prolonged_as_shown(tone_corpus, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    prepare_corpus("folder", tone_corpus, tmp_path / "corpus", split=True)
    tiny = "{name: ecapa_tdnn, channels: 16, aggregation: 24, bottleneck: 8, embedding_size: 8}"
    small = ["data.segment_seconds=0.4", "features.bins=20", "data.workers=0", f"encoder={tiny}"]
    small += ["sampler.speakers=8", "training.epochs=3", "training.schedule.warmup_steps=1"]
    Trainer(Recipe.read("small/mfcon", small), tmp_path / "runs" / "mfcon").fit()
    shown = [each for each in commands("train") if each not in of_recipes()]
    for arguments in shown:
        monkeypatch.setattr("sys.argv", ["contravox", "train", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        assert not ended.value.code
    epochs = {}
    for name in ("mfcon_cooldown", "mfcon_longer"):
        rates = [
            each["learning_rate"]
            for each in read_log(tmp_path / "runs" / name)[1:-1]
            if "losses" in each
        ]
        epochs[name] = Recipe.read(f"runs/{name}").training.epochs
        assert rates[-1] < 0.2 * rates[0]
    assert epochs == {"mfcon_cooldown": 5, "mfcon_longer": 20}


def test_every_shipped_sweep_is_run():
    assert {arguments[0] for arguments in commands("sweep")} == set(shipped_sweeps())
    for arguments in commands("sweep"):
        params = parsed("sweep", arguments)
        sweep = Sweep.read(params["file"])
        recipe = params["recipe"] or sweep.recipe
        assert plan_runs(sweep.model_copy(update={"recipe": recipe}), Path("out"))


def test_every_variant_of_a_full_size_sweep_is_a_row_and_every_row_is_one():
    """In a row, variants follow the name of their sweep, which the table's head may say."""
    shown = {name: set() for name in shipped_sweeps() if "small" not in name}
    for table in re.findall(r"^\|[^\n]*full size, ours[^\n]*\n(?:\|[^\n]*\n)+", PAGE, re.M):
        head, _, *rows = table.splitlines()
        of_table = re.search(r"`(ablations/\w+)`", head)
        for row in rows:
            sweep = of_table and of_table[1]
            for name in re.findall(r"`([\w./]+)`", row.split("|")[2]):
                if name in shown:
                    sweep = name
                elif name not in shipped_recipes():
                    shown[sweep].add(name)
    assert shown == {name: set(Sweep.read(name).variants) for name in shown}


def test_the_sweep_that_is_shown_can_be_run():
    [block] = [block for block in blocks("yaml") if block.startswith("recipe:")]
    shown = validate_settings(Sweep, YAML(typ="safe", pure=True).load(block), "docs/recipes.md")
    assert len(plan_runs(shown, Path("out"))) == 9


def test_the_samplers_that_are_shown_are_some():
    shown = [block for block in blocks("yaml") if block.startswith("sampler:")]
    read = [YAML(typ="safe", pure=True).load(block)["sampler"] for block in shown]
    shares, similar = map(SpeakersUtterancesSettings.model_validate, read[:2])
    [positives] = map(RandomUtterancesSettings.model_validate, read[2:])
    assert shares.utterances_per_speaker == 40
    assert set(shares.corpus_shares) <= set(CORPORA)
    assert similar.similar_share == 0.5
    assert positives.positives.clusters == 25_000


def test_the_sum_of_the_batch():
    recipe = Recipe.read("aamsupcon_voxceleb1")
    sampler = recipe.sampler
    product = f"{sampler.speakers} speakers × {sampler.utterances} utterances × {sampler.segments}"
    assert f"{product} views = {sampler.batch_size:,}" in PAGE
    assert abs(sampler.batch_size - 3_072) <= 8
    assert all(sampler.batch_size % processes == 0 for processes in (2, 4, 8))
    size, chunks = re.search(r"Chunks of (\d+)\s+segments, (\d+) of them", PAGE).groups()
    assert int(size) == recipe.training.chunk_size
    assert int(chunks) * int(size) == sampler.batch_size


def test_every_key_in_a_sentence_is_one_of_a_recipe():
    keys = re.findall(r"`(data|balance|training)\.(\w+)", PAGE)
    assert len(set(keys)) >= 4
    for group, key in keys:
        assert key in Recipe.model_fields[group].annotation.model_fields, key


def test_what_was_not_run_is_not_claimed():
    """Each row of a table of results says so for full size, until somebody ran it."""
    tables = re.findall(r"^\|[^\n]*full size, ours[^\n]*\n\|[-| ]+\n((?:\|[^\n]*\n)+)", PAGE, re.M)
    assert len(tables) >= 5
    rows = [row for table in tables for row in table.splitlines()]
    assert all("not run" in row for row in rows)
