import polars as pl
import pytest

from contravox.corpora.preparation import prepare_corpus
from contravox.errors import CheckpointError
from contravox.training.recipe import Recipe
from contravox.training.trainer import Trainer


@pytest.fixture
def prepared(tone_corpus, tmp_path):
    """Parts of 8, 2 and 2 speakers, with trials, that a test may change."""
    prepare_corpus("folder", tone_corpus, tmp_path / "corpus", split=True)
    # As a manifest of noises is, too.
    table = pl.read_csv(tmp_path / "corpus" / "test" / "manifest.tsv", separator="\t")
    table.with_columns(kind=pl.lit("noise")).write_csv(tmp_path / "noises.tsv", separator="\t")
    return tmp_path


def make_trainer(folder, run="run", corpus="corpus", data=None, sampler=None, **training):
    recipe = {
        "data": {
            "manifest": folder / corpus / "train" / "manifest.tsv",
            "validation_trials": folder / corpus / "validation" / "trials.tsv",
            "segment_seconds": 0.4,
            "workers": 0,
            **(data or {}),
        },
        "sampler": sampler or {"name": "speakers_utterances", "speakers": 4, "utterances": 2},
        "augmentation": {"noises": folder / "noises.tsv", "music": 0, "babble": 0},
        "features": {"bins": 20},
        "encoder": {"name": "ecapa_tdnn", "channels": 16, "aggregation": 24, "embedding_size": 8},
        "objectives": {"classification": {"name": "aam_softmax"}},
        "training": {"epochs": 1, **training},
    }
    return Trainer(Recipe.model_validate(recipe), folder / run)


def change(path, how):
    table = pl.read_csv(path, separator="\t", infer_schema=False)
    how(table.sort("utterance")).write_csv(path, separator="\t")


def named(table, old, new):
    return table.with_columns(pl.col("speaker").replace({old: new}))


FIRST = pl.col("utterance") == pl.col("utterance").min()
TRAIN = "corpus/train/manifest.tsv"
VALIDATION = "corpus/validation"
CHANGES = {
    "a speaker replaced": (
        TRAIN,
        lambda table: named(table, table["speaker"][0], "zoe"),
        "data.manifest",
    ),
    "two speakers exchanged": (
        TRAIN,
        lambda table: table.with_columns(
            pl.col("speaker").replace(
                {table["speaker"][0]: table["speaker"][-1], table["speaker"][-1]: "x"}
            )
        ),
        "data.manifest",
    ),
    "a speaker fewer": (
        TRAIN,
        lambda table: table.filter(pl.col("speaker") != table["speaker"][0]),
        "data.manifest",
    ),
    "an utterance fewer": (TRAIN, lambda table: table.filter(~FIRST), "data.manifest"),
    "the corpus renamed": (
        TRAIN,
        lambda table: table.with_columns(corpus=pl.lit("another")),
        "data.manifest",
    ),
    "another recording under a name": (
        TRAIN,
        lambda table: table.with_columns(digest=pl.col("digest").shift(1).backward_fill()),
        "data.manifest",
    ),
    "another recording, without digests": (
        TRAIN,
        lambda table: table.drop("digest").with_columns(path=pl.col("path").reverse()),
        "data.manifest",
    ),
    "another place in a recording": (
        TRAIN,
        lambda table: table.with_columns(
            start=pl.when(FIRST).then(pl.lit("0.1")).otherwise("start")
        ),
        "data.manifest",
    ),
    "a shorter utterance": (
        TRAIN,
        lambda table: table.with_columns(
            duration=pl.when(FIRST).then(pl.lit("0.5")).otherwise("duration")
        ),
        "data.manifest",
    ),
    "other noises": ("noises.tsv", lambda table: table.head(3), "augmentation.noises"),
    "fewer trials": (
        f"{VALIDATION}/trials.tsv",
        lambda table: pl.concat([part.head(2) for part in table.partition_by("target")]),
        "data.validation_trials",
    ),
    "another recording to validate on": (
        f"{VALIDATION}/manifest.tsv",
        lambda table: table.with_columns(digest=pl.col("digest").reverse()),
        "data.validation_trials",
    ),
}


@pytest.mark.parametrize(("file", "how", "key"), CHANGES.values(), ids=CHANGES)
def test_nothing_is_resumed_over_files_that_hold_something_else(file, how, key, prepared):
    make_trainer(prepared).fit()
    if file.endswith("trials.tsv"):
        table = pl.read_csv(prepared / file, separator="\t", infer_schema=False)
        how(table).write_csv(prepared / file, separator="\t")
    else:
        change(prepared / file, how)
    with pytest.raises(CheckpointError, match=f"{key} held something else when this was trained"):
        make_trainer(prepared).fit(resume=True)


@pytest.mark.parametrize("columns", [[], ["digest"]])
def test_a_corpus_may_move_to_another_folder(columns, prepared, tmp_path):
    for file in (TRAIN, f"{VALIDATION}/manifest.tsv"):
        change(prepared / file, lambda table: table.drop(columns))
    make_trainer(prepared).fit()
    moved = tmp_path / "moved" / "far away"
    moved.parent.mkdir()
    table = pl.read_csv(prepared / TRAIN, separator="\t", infer_schema=False)
    folder = table["path"][0].rpartition("/tones/")[0] + "/tones"
    moved.symlink_to(folder)
    (prepared / "corpus").rename(prepared / "corpora")
    for file in (TRAIN, f"{VALIDATION}/manifest.tsv"):
        change(
            prepared / file.replace("corpus", "corpora"),
            lambda table: table.with_columns(
                pl.col("path").str.replace(folder, str(moved), literal=True)
            ),
        )
    make_trainer(prepared, corpus="corpora").fit(resume=True)


def test_a_second_stage_is_not_resumed_over_another_first_one(prepared):
    make_trainer(prepared, "first").fit()
    files = {
        "initial_model": prepared / "first" / "model.safetensors",
        "initial_objectives": prepared / "first" / "objectives.safetensors",
    }
    make_trainer(prepared, **files).fit()
    make_trainer(prepared, **files).fit(resume=True)
    make_trainer(prepared, "another", seed=1).fit()
    for key, file in files.items():
        kept = file.read_bytes()
        file.write_bytes((prepared / "another" / file.name).read_bytes())
        with pytest.raises(CheckpointError, match=f"training.{key} held something else"):
            make_trainer(prepared, **files).fit(resume=True)
        file.write_bytes(kept)


def test_a_run_is_not_resumed_where_the_one_that_it_goes_on_from_went_on(prepared):
    make_trainer(prepared, "first").fit()
    first = prepared / "first"
    begun = make_trainer(prepared, initial_run=first)
    begun.fit()
    make_trainer(prepared, initial_run=first).fit(resume=True)
    make_trainer(prepared, "first", epochs=2, schedule={"name": "constant"}).fit(resume=True)
    again = make_trainer(prepared, initial_run=first)
    assert {key for key in again.inputs if again.inputs[key] != begun.inputs[key]} == {
        "training.initial_run"
    }
    with pytest.raises(CheckpointError, match=r"training\.initial_run held something else"):
        again.fit(resume=True)


def test_without_labels_the_corpora_that_an_epoch_is_drawn_by_stay_the_same(prepared):
    data = {"labels": "utterance", "validation_trials": None}
    plain = {"name": "random_utterances", "utterances": 4}
    shared = {**plain, "corpus_shares": {"one": 0.5}}

    def name_corpora(first, other):
        of_first = pl.col("speaker") == pl.col("speaker").min()
        corpus = pl.when(of_first).then(pl.lit(first)).otherwise(pl.lit(other))
        change(prepared / TRAIN, lambda table: table.with_columns(corpus=corpus))

    name_corpora("one", "two")
    make_trainer(prepared, "plain", data=data, sampler=plain).fit()
    make_trainer(prepared, "shared", data=data, sampler=shared).fit()
    make_trainer(prepared, "shared", data=data, sampler=shared).fit(resume=True)
    name_corpora("two", "one")
    make_trainer(prepared, "plain", data=data, sampler=plain).fit(resume=True)
    again = make_trainer(prepared, "shared", data=data, sampler=shared)
    with pytest.raises(CheckpointError, match=r"data\.manifest: column corpus held something else"):
        again.fit(resume=True)
