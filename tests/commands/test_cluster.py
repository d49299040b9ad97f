"""``contravox cluster``, and training on what it makes."""

import json

import numpy as np
import polars as pl
import pytest

from contravox.embeddings import Embeddings, labels_used
from contravox.manifest import Manifest
from contravox.model import Model

SMALL = [
    *("training.epochs=1", "data.segment_seconds=0.4", "data.workers=0", "features.bins=20"),
    *("encoder.channels=8", "encoder.embedding_size=8", "training.schedule.warmup_steps=1"),
]


@pytest.fixture
def place(corpus, tmp_path, monkeypatch):
    """A folder with the corpus, and embeddings that know the speakers of its training part."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "corpus").symlink_to(corpus)
    table = Manifest.read("corpus/train/manifest.tsv").table
    numbers = table["speaker"].rank("dense").to_numpy().astype(int) - 1
    vectors = np.eye(8, dtype=np.float32)[numbers]
    Embeddings(table["utterance"].to_list(), vectors).save("train.npz", labels_used=False)
    return tmp_path


ARGUMENTS = ("cluster", "corpus/train/manifest.tsv", "train.npz", "-o", "clustered")


def test_what_is_written_and_said(place, run):
    status, output, errors = run(*ARGUMENTS, "--clusters", 8, "--centroids", 20)
    assert (status, errors) == (0, "")
    first, second = output.splitlines()
    assert first == "clustered/manifest.tsv: 40 utterances in 8 clusters of 5 to 5"
    assert second == (
        "the manifest's 8 speakers, of whom the clusters know nothing: purity 100.0%, "
        "normalised mutual information 1.000"
    )
    made, given = Manifest.read("clustered/manifest.tsv"), Manifest.read(ARGUMENTS[1])
    pairs = pl.DataFrame({"cluster": made.identities, "speaker": given.identities}).unique()
    assert len(pairs) == 8
    # The same again, for programs; and others are not put in their place.
    before = (place / "clustered/manifest.tsv").read_bytes()
    status, output, _ = run(*ARGUMENTS, "--clusters", 8, "--centroids", 20, "--json")
    assert (status, (place / "clustered/manifest.tsv").read_bytes()) == (0, before)
    said = json.loads(output)
    assert said.pop("agreement") == {
        "purity": 1.0,
        "normalised_mutual_information": pytest.approx(1.0),
        "speakers": 8,
    }
    sizes = {"utterances": 40, "clusters": 8, "smallest": 5, "largest": 5, "skipped": 0}
    assert said == {"manifest": "clustered/manifest.tsv", **sizes}
    status, _, errors = run(*ARGUMENTS, "--clusters", 7)
    assert status == 2
    assert "was made from another choice of options" in errors


def test_utterances_left_out_are_listed(place, run):
    status, output, errors = run(*ARGUMENTS, "--clusters", 8, "--smallest", 6, "--leave-out", 0.1)
    assert status == 2
    assert "only 0 of 8 clusters has 6 utterances or more" in errors
    assert not (place / "clustered").exists()
    status, output, errors = run(
        *ARGUMENTS, "--clusters", 4, "--centroids", 40, "--leave-out", 0.1, "--json"
    )
    assert (status, json.loads(output)["skipped"]) == (0, 4)
    assert "4 utterances left out: see clustered/skipped.tsv" in errors
    listed = pl.read_csv("clustered/skipped.tsv", separator="\t")
    assert listed["reason"].to_list() == ["far from the mean of its cluster"] * 4


def test_a_model_of_clusters_used_no_labels_and_knows_its_recordings(place, run):
    given = Manifest.read(ARGUMENTS[1]).table
    # Of an unknown corpus nobody can be known by name: recordings alone tell.
    Manifest(given.drop("corpus")).write("unnamed.tsv")
    assert run("train", "small/cel", "data.manifest=unnamed.tsv", *SMALL, "-o", "cel")[0] == 0
    assert run("embed", "cel/model.safetensors", "unnamed.tsv", "-o", "cel.npz")[0] == 0
    assert labels_used(place / "cel.npz") is False
    assert run("cluster", "unnamed.tsv", "cel.npz", "-o", "clustered", "--clusters", 4)[0] == 0
    command = ("train", "small/cel_finetune", "data.manifest=clustered/manifest.tsv", *SMALL)
    command += ("data.validation_trials=null", "sampler.speakers=2")
    for name, first in (("next", "cel/model.safetensors"), ("alone", "null")):
        status, _, errors = run(*command, f"training.initial_model={first}", "-o", name)
        assert (status, errors) == (0, "")
        settings = Model.load(f"{name}/model.safetensors").settings
        assert settings.labels_used is False
        assert settings.trained_on == ()
        status, _, errors = run("evaluate", f"{name}/model.safetensors", "corpus/test")
        assert status == 0, errors
        run("prepare", "trials", "corpus/train/manifest.tsv", "-o", "heard")
        status, _, errors = run("evaluate", f"{name}/model.safetensors", "heard")
        assert status == 2
        assert "of its 40 recordings were trained on" in errors
    # A step that reads a speaker, before clusters or after them, is one of labels.
    command = ("train", "small/cel_finetune", *SMALL, "data.validation_trials=null")
    command += ("sampler.speakers=2", "-o", "told")
    assert run(*command, "training.initial_model=next/model.safetensors")[0] == 0
    assert Model.load("told/model.safetensors").settings.labels_used is True
    assert run("embed", "told/model.safetensors", "unnamed.tsv", "-o", "told.npz")[0] == 0
    assert labels_used(place / "told.npz") is True


def test_embeddings_of_which_nothing_is_known(place, run):
    embeddings = Embeddings.load("train.npz")
    embeddings.save("train.npz")
    status, _, errors = run(*ARGUMENTS, "--clusters", 8)
    assert status == 0
    assert "train.npz does not say whether its model was trained with speaker labels" in errors
    assert Manifest.read("clustered/manifest.tsv").labels_told


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--clusters", 41), "40 utterances make no 41 clusters: set --clusters lower"),
        (("--clusters", 8, "--centroids", 41), "40 utterances make no 41 clusters: set --centroid"),
        (("--clusters", 8, "--centroids", 7), "--centroids are 7, of which no 8 clusters can be"),
        (("--clusters", 8, "--leave-out", 1), "--leave-out is a share: from 0 up to 1"),
        (("--clusters", 8, "--leave-out", -0.1), "--leave-out is a share: from 0 up to 1"),
        (("--clusters", 1), "'--clusters': Input should be greater than or equal to 2"),
    ],
)
def test_what_makes_no_clusters(place, run, arguments, reason):
    status, output, errors = run(*ARGUMENTS, *arguments)
    assert (status, output) == (2, "")
    [line] = errors.splitlines()
    assert reason in line
    assert not (place / "clustered").exists()


def test_embeddings_of_others(place, run):
    command = ("cluster", "corpus/test/manifest.tsv", "train.npz", "-o", "out", "--clusters", 2)
    status, _, errors = run(*command)
    assert status == 2
    assert errors.startswith("error: train.npz: 10 utterances have no embedding, such as ")
    assert errors.endswith("make it with `contravox embed MODEL corpus/test/manifest.tsv`\n")
    status, _, errors = run(*ARGUMENTS[:2], "absent.npz", *ARGUMENTS[3:], "--clusters", 2)
    assert status == 2
    assert "absent.npz: no such file of embeddings" in errors
    assert not (place / "out").exists()
    # What is read is never replaced.
    command = (*ARGUMENTS[:3], "-o", "corpus/train", "--clusters", 8, "--force")
    status, _, errors = run(*command)
    assert status == 2
    assert "is read by the same command" in errors


def test_clusters_are_not_measured_by(place, run):
    assert run(*ARGUMENTS, "--clusters", 8)[0] == 0
    status, _, errors = run("prepare", "trials", "clustered/manifest.tsv", "-o", "out")
    assert status == 2
    assert "its speakers are clusters, by which nothing can be measured" in errors
