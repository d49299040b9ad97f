import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from contravox.errors import OutputError
from contravox.manifest import Manifest
from contravox.model import Model
from contravox.training.recipe import Recipe
from contravox.training.trainer import Trainer
from contravox.trials.scores import aligned_scores
from reproduction.claims import Claim, Grid
from reproduction.runs import Finished, Place, key_of_folder, plan_runs, refuse_others

OUT = Path("output/quick")
QUICK = Grid(folds=2, seeds=1, epochs=1)


def planned(folds, *comparisons, grid=QUICK, overrides=()):
    """Runs of comparisons, each of two variants and perhaps a share of labels."""
    raw = [
        {"better": better, "than": than, "says": "", "labelled": share[0] if share else 1}
        for better, than, *share in comparisons
    ]
    about = {"title": "T", "sentence": "S", "paper": "P", "sweep": "sweep.yaml"}
    return plan_runs(Claim(name="claim", comparisons=raw, **about), grid, folds, OUT, overrides)


@pytest.fixture
def fitted(monkeypatch):
    """The folders of trainings."""
    folders = []
    fit = Trainer.fit

    def noted(trainer, **keywords):
        folders.append(trainer.folder)
        return fit(trainer, **keywords)

    monkeypatch.setattr(Trainer, "fit", noted)
    return folders


def test_every_variant_has_a_run_for_each_seed_and_fold(folds):
    runs = planned(folds, ("contrast", "plain"), grid=Grid(folds=2, seeds=3))
    assert len(runs) == len({run.key for run in runs.values()}) == 2 * 3 * 2
    seeds = {place: run.recipe.training.seed for place, run in runs.items()}
    for seed in range(3):
        for fold in range(2):
            pair = {seeds[Place(name, 1.0, seed, fold)] for name in ("contrast", "plain")}
            assert pair == {2 * seed + fold}
    assert {run.recipe.training.epochs for run in runs.values()} == {3}
    assert {
        run.recipe.training.epochs for run in planned(folds, ("contrast", "plain")).values()
    } == {1}


def test_fewer_labels_are_other_speakers_and_as_many_steps(folds):
    runs = planned(folds, ("contrast", "plain"), ("contrast", "plain", 0.5))
    halves = [place for place in runs if place.labelled == 0.5]
    assert len(halves) == len(runs) - len(halves) == 4
    for place in halves:
        more, fewer = runs[replace(place, labelled=1.0)], runs[place]
        assert fewer.recipe.training.epochs == 2 * more.recipe.training.epochs
        speakers = [Manifest.read(run.recipe.data.manifest[0]).speakers for run in (more, fewer)]
        # Of three speakers of each corpus, 1.5 are two.
        assert (len(speakers[0]), len(speakers[1])) == (6, 4)
        assert more.fold is fewer.fold
        assert more.folder != fewer.folder


def test_the_same_settings_are_one_run_whatever_they_are_called(folds):
    runs = planned(folds, ("contrast", "also_contrast"), ("contrast", "plain"))
    by_name = {
        name: runs[Place(name, 1.0, 0, 0)] for name in ("contrast", "also_contrast", "plain")
    }
    assert by_name["contrast"].key == by_name["also_contrast"].key != by_name["plain"].key
    assert by_name["contrast"].key != runs[Place("contrast", 1.0, 0, 1)].key


def test_how_many_processes_read_is_no_other_run(folds):
    runs = [planned(folds, ("contrast", "plain"), overrides=[f"data.workers={n}"]) for n in (0, 1)]
    assert {run.key for run in runs[0].values()} == {run.key for run in runs[1].values()}


def test_what_is_finished_is_found_elsewhere_and_not_trained_again(folds, fitted, tmp_path):
    run = next(iter(planned(folds, ("contrast", "plain")).values()))
    Finished([OUT]).train(run)
    assert fitted == [run.folder]
    table = run.fold.trials.trials.table
    assert len(aligned_scores(run.folder, table, "fold")) == len(table)
    assert key_of_folder(run.folder) == run.key

    shutil.move(run.folder, tmp_path / "elsewhere" / "a" / "run")
    finished = Finished([tmp_path / "elsewhere"])
    assert finished.has(run)
    finished.train(run)
    assert fitted == [run.folder]
    assert finished.folder(run) == tmp_path / "elsewhere" / "a" / "run"


def test_one_that_was_cut_off_goes_on_to_the_same_scores(folds, monkeypatch):
    run = next(iter(planned(folds, ("contrast", "plain"), grid=Grid(folds=2, seeds=1)).values()))
    Finished([]).train(run)
    scores = (run.folder / "scores.tsv").read_bytes()
    shutil.rmtree(run.folder)

    def cut_off(trainer, *_):
        raise KeyboardInterrupt

    steps: list[int] = []
    with monkeypatch.context() as patch:
        patch.setattr("reproduction.runs.embed_manifest", cut_off)
        with pytest.raises(KeyboardInterrupt):
            Finished([]).train(run)
    assert (run.folder / "checkpoint.pt").exists()
    assert not Finished([OUT]).has(run)
    monkeypatch.setattr(
        "reproduction.runs.progress_bar",
        lambda title: _Counting(steps),
    )
    Finished([OUT]).train(run)
    assert steps == []
    assert (run.folder / "scores.tsv").read_bytes() == scores


class _Counting:
    """A bar that notes the steps it is told of."""

    def __init__(self, steps):
        self.steps = steps

    def __enter__(self):
        return lambda done, total, text="": self.steps.append(done)

    def __exit__(self, *_):
        return None


def test_changed_settings_are_refused_by_their_key(folds):
    run = next(iter(planned(folds, ("contrast", "plain")).values()))
    run.folder.mkdir(parents=True)
    (run.folder / "recipe.yaml").write_text(run.recipe.to_yaml())
    refuse_others([run], Finished([]))
    [other] = (
        each
        for each in planned(folds, ("contrast", "plain"), grid=Grid(folds=2, seeds=1)).values()
        if each.folder == run.folder
    )
    with pytest.raises(OutputError, match=r"was trained with training.epochs=1, .* to be with 3"):
        refuse_others([other], Finished([]))


def test_changed_speech_is_refused(folds, tmp_path):
    run = next(iter(planned(folds, ("contrast", "plain")).values()))
    run.folder.mkdir(parents=True)
    path = tmp_path / "other.tsv"
    whole = Manifest.read(run.recipe.data.manifest[0])
    whole.of_speakers(whole.speakers[1:]).write(path)
    data = run.recipe.data.model_copy(update={"manifest": (path,)})
    (run.folder / "recipe.yaml").write_text(run.recipe.model_copy(update={"data": data}).to_yaml())
    with pytest.raises(OutputError, match="was trained on other utterances"):
        refuse_others([run], Finished([]))


def test_a_second_stage_starts_from_the_first_of_its_own_fold(folds, fitted):
    run = planned(folds, ("from_first", "plain"))[Place("from_first", 1.0, 0, 1)]
    finished = Finished([OUT])
    finished.train(run)
    assert fitted == [run.first.folder, run.folder]
    begun = Recipe.read(str(run.folder)).training.initial_model
    assert begun == run.first.folder / "model.safetensors"
    assert Recipe.read(str(run.first.folder)).data.manifest == run.recipe.data.manifest
    assert Model.load(begun)
    again = Finished([OUT])
    assert again.has(run)
    assert again.has(run.first)


def test_a_damaged_run_is_left_out_by_name(folds, capsys):
    run = next(iter(planned(folds, ("contrast", "plain")).values()))
    run.folder.mkdir(parents=True)
    (run.folder / "recipe.yaml").write_text("data: 3")
    (run.folder / "scores.tsv").write_text("")
    assert not Finished([OUT]).folders
    assert f"{run.folder}: is left out" in capsys.readouterr().err
