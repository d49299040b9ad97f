import json
import shutil
from pathlib import Path
from statistics import mean, stdev

import polars as pl
import pytest

from contravox.cli import main
from contravox.errors import CheckpointError, OverlapError, RecipeError, TrialsError
from contravox.model import Model
from contravox.training.shipped import shipped_sweeps
from contravox.training.sweep import Sweep, plan_runs, run_sweep
from contravox.training.sweep_results import read_results

RECIPE = """
data: {manifest: corpus/train/manifest.tsv, segment_seconds: 0.4, workers: 0}
sampler: {name: speakers_utterances, speakers: 4, utterances: 2}
features: {bins: 20}
encoder: {name: ecapa_tdnn, channels: 16, aggregation: 24, bottleneck: 8, embedding_size: 8}
objectives:
  classification: {name: aam_softmax}
  contrast: {name: supcon}
training: {epochs: 1}
"""
SWEEP = """
recipe: recipe.yaml
trials: corpus/test
seeds: [3, 4]
variants:
  as_it_is: []
  heavier: [objectives.contrast.weight=2]
"""


@pytest.fixture(autouse=True)
def work(corpus, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "corpus").symlink_to(corpus)
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    (tmp_path / "sweep.yaml").write_text(SWEEP)


OUT = Path("out")
ALL = [
    *("out/as_it_is/seed3", "out/heavier/seed3"),
    *("out/as_it_is/seed4", "out/heavier/seed4"),
]


def command(monkeypatch, *arguments):
    monkeypatch.setattr("sys.argv", ["contravox", "sweep", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code or 0


@pytest.mark.parametrize("name", shipped_sweeps())
def test_every_variant_of_a_shipped_sweep_is_a_recipe_of_its_own(name):
    runs = plan_runs(Sweep.read(name), OUT)
    recipes = [run.recipe.to_yaml() for run in runs]
    assert len(set(recipes)) == len(recipes) >= 6


def test_overrides_are_for_all_variants_and_variants_go_over_them():
    sweep = Sweep.read("sweep.yaml")
    changes = ["training.epochs=5", "objectives.contrast.weight=7"]
    one, other = plan_runs(sweep, OUT, changes)[:2]
    assert one.recipe.training.epochs == other.recipe.training.epochs == 5
    assert one.recipe.objectives["contrast"].weight == 7
    assert other.recipe.objectives["contrast"].weight == 2
    assert (one.recipe.training.seed, other.recipe.training.seed) == (3, 3)


def test_variants_and_seeds_are_trained_evaluated_and_summed_up(trained, monkeypatch, capsys):
    assert command(monkeypatch, "sweep.yaml", "-o", "out", "--json") == 0
    assert trained == ALL
    variants = json.loads(capsys.readouterr().out)
    rows = pl.read_csv("out/results.tsv", separator="\t").to_dicts()
    assert [(row["variant"], row["seed"]) for row in rows] == [
        *(("as_it_is", 3), ("heavier", 3), ("as_it_is", 4), ("heavier", 4))
    ]
    for variant in variants:
        for measure in ("equal_error_rate", "minimum_detection_cost"):
            values = [row[measure] for row in rows if row["variant"] == variant["variant"]]
            assert variant[measure] == pytest.approx(mean(values))
            assert variant[f"{measure}_deviation"] == pytest.approx(stdev(values))
    whole = json.loads(Path("out/results.json").read_text())
    assert whole["variants"] == variants
    # A second call trains nothing; another seed only what is missing.
    del trained[:]
    assert command(monkeypatch, "sweep.yaml", "-o", "out") == 0
    assert trained == []
    table = capsys.readouterr().out
    shown = 100 * variants[0]["equal_error_rate"]
    assert f"{shown:.2f} ± " in table
    Path("sweep.yaml").write_text(SWEEP.replace("[3, 4]", "[3, 4, 5]"))
    run_sweep(Sweep.read("sweep.yaml"), OUT)
    assert trained == ["out/as_it_is/seed5", "out/heavier/seed5"]
    # Reading is done by as many processes as one likes.
    run_sweep(Sweep.read("sweep.yaml"), OUT, ["data.workers=1"])
    assert len(trained) == 2


@pytest.fixture
def one_seed():
    """A sweep of two runs."""
    sweep = SWEEP.replace("[3, 4]", "[3]")
    Path("sweep.yaml").write_text(sweep)
    return sweep


def test_other_trials_are_evaluated_without_training_again(one_seed):
    run_sweep(Sweep.read("sweep.yaml"), OUT)
    steps = Path("out/heavier/seed3/log.jsonl").read_text()
    Path("sweep.yaml").write_text(one_seed.replace("corpus/test", "corpus/validation"))
    results = run_sweep(Sweep.read("sweep.yaml"), OUT)
    assert {result.trials for result in results} == {"corpus/validation"}
    assert Path("out/heavier/seed3/log.jsonl").read_text() == steps


@pytest.fixture
def own_corpus(corpus):
    """The corpus' tables, to be changed by a test."""
    Path("corpus").unlink()
    shutil.copytree(corpus, "corpus")


def change(path, **columns):
    table = pl.read_csv(path, separator="\t", infer_schema=False).sort("utterance")
    table.with_columns(**columns).write_csv(path, separator="\t")


def test_no_row_is_kept_of_a_corpus_that_holds_something_else(one_seed, own_corpus, trained):
    run_sweep(Sweep.read("sweep.yaml"), OUT)
    change("corpus/train/manifest.tsv", digest=pl.col("digest").reverse())
    with pytest.raises(CheckpointError, match=r"data\.manifest held something else"):
        run_sweep(Sweep.read("sweep.yaml"), OUT)


def test_trials_that_hold_something_else_are_evaluated_again(one_seed, own_corpus):
    before = run_sweep(Sweep.read("sweep.yaml"), OUT)
    steps = Path("out/heavier/seed3/log.jsonl").read_text()
    table = pl.read_csv("corpus/test/trials.tsv", separator="\t")
    fewer = [part.head(1) for part in table.partition_by("target")]
    pl.concat(fewer).write_csv("corpus/test/trials.tsv", separator="\t")
    after = run_sweep(Sweep.read("sweep.yaml"), OUT)
    assert Path("out/heavier/seed3/log.jsonl").read_text() == steps
    # Of one target and one non-target, no other rates are possible.
    assert {result.equal_error_rate for result in after} <= {0.0, 0.5, 1.0}
    assert all(one.digest != other.digest for one, other in zip(before, after, strict=True))


def test_no_row_is_kept_of_another_version(one_seed, monkeypatch):
    run_sweep(Sweep.read("sweep.yaml"), OUT)
    for module in ("contravox.training.sweep", "contravox.training.checkpoint"):
        monkeypatch.setattr(f"{module}.version", lambda name: "1000.0")
    with pytest.raises(CheckpointError, match="of another version of contravox"):
        run_sweep(Sweep.read("sweep.yaml"), OUT)


def test_what_was_cut_off_is_resumed(trained, one_seed):
    def stop_in_the_second(done, total, text):
        if text.startswith("heavier, seed 3 (2 of 2):") and done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_sweep(Sweep.read("sweep.yaml"), OUT, progress=stop_in_the_second)
    assert len(read_results(OUT)) == 1
    del trained[:]
    results = run_sweep(Sweep.read("sweep.yaml"), OUT)
    assert trained == ["out/heavier/seed3"]
    assert all(result.equal_error_rate is not None for result in results)
    # As if never cut off.
    whole = run_sweep(Sweep.read("sweep.yaml"), Path("whole"))
    for one, other in zip(results, whole, strict=True):
        assert one.equal_error_rate == other.equal_error_rate
        path = Path(one.variant) / f"seed{one.seed}" / "model.safetensors"
        ours, theirs = (Model.load(folder / path).state_dict() for folder in (OUT, Path("whole")))
        assert all(value.equal(theirs[name]) for name, value in ours.items())


def test_a_run_that_fails_is_said_and_the_others_go_on(one_seed, monkeypatch, capsys):
    diverging = one_seed.replace(
        "as_it_is: []", "as_it_is: [objectives.contrast.temperature=1e-45]"
    )
    Path("sweep.yaml").write_text(diverging)
    assert command(monkeypatch, "sweep.yaml", "-o", "out") == 2
    out, errors = capsys.readouterr()
    assert "as_it_is, seed 3 failed: step 0: " in errors
    [row] = [line.split() for line in out.splitlines() if line.startswith("as_it_is")]
    assert row[1:] == ["0", "1", "–", "–"]
    assert [bool(result.error) for result in read_results(OUT)] == [True, False]


@pytest.mark.parametrize(
    ("old", "new", "error", "reason"),
    [
        ("seeds:", "seds:", RecipeError, r"seds: no such key: did you mean seeds\?"),
        ("weight=2", "wieght=2", RecipeError, r"^variant heavier: .*wieght: no such key"),
        ("recipe.yaml", "none.yaml", RecipeError, "none.yaml: no such recipe"),
        ("corpus/test", "corpus/none", TrialsError, "corpus/none.*: no such trial list"),
        ("heavier", "a/b", RecipeError, r"variants\.a/b"),
        ("[3, 4]", "[]", RecipeError, "seeds: "),
        ("[3, 4]", "[3, 3]", RecipeError, "seeds: one is there twice"),
        ("[3, 4]", "[-1]", RecipeError, r"seeds\.0: -1: "),
        ("heavier", "AS_it_is", RecipeError, "variants: .* differs from .* by case only"),
        ("as_it_is: []\n  heavier", "é: []\n  e\u0301", RecipeError, "variants: .* differs from"),
        *(
            ("heavier", name, RecipeError, r"variants\.")
            for name in ("..", ".", ".hidden", "-o", "a..", "CON", "com1.x", '""', "a" * 65, "ä/b")
        ),
        *(("heavier", f'"a{mark}b"', RecipeError, r"variants\.") for mark in (r"\n", r"\e", r"\0")),
    ],
)
def test_mistakes_are_found_before_anything_is_trained(trained, old, new, error, reason):
    Path("sweep.yaml").write_text(SWEEP.replace(old, new))
    with pytest.raises(error, match=reason) as caught:
        run_sweep(Sweep.read("sweep.yaml"), OUT)
    assert "\n" not in str(caught.value)
    assert not trained
    assert not OUT.exists()


def test_trials_of_speakers_that_are_trained_on_are_refused(trained):
    with pytest.raises(OverlapError, match="2 of its 2 speakers were trained on"):
        run_sweep(Sweep.read("sweep.yaml"), OUT, ["data.manifest=corpus/manifest.tsv"])
    assert not trained


def test_a_folder_of_another_sweep_is_refused(one_seed):
    run_sweep(Sweep.read("sweep.yaml"), OUT)
    with pytest.raises(CheckpointError, match=r"was trained with training\.gradient_clip=None"):
        run_sweep(Sweep.read("sweep.yaml"), OUT, ["training.gradient_clip=2"])


def test_another_recipe_and_other_trials_than_the_files(trained, one_seed, monkeypatch, capsys):
    Path("other.yaml").write_text(RECIPE.replace("epochs: 1", "epochs: 2"))
    options = ["--recipe", "other.yaml", "--trials", "corpus/validation"]
    assert command(monkeypatch, "sweep.yaml", *options, "-o", "out") == 0
    assert len(trained) == 2
    results = read_results(OUT)
    assert {result.trials for result in results} == {"corpus/validation"}
    assert "epochs: 2" in Path("out/heavier/seed3/recipe.yaml").read_text()
