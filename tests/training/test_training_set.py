import numpy as np
import polars as pl
import pytest
import torch

from contravox.data.batch import Batch
from contravox.data.settings import DataSettings
from contravox.embeddings import Embeddings
from contravox.errors import ManifestError, RecipeError, TrainingWarning
from contravox.trained_on import TrainedOn
from contravox.training.recipe import Recipe
from contravox.training.training_set import TrainingSet

ROWS = {"a": "ann", "b": "bob", "c": "ann", "d": "cat"}
"""Speaker by utterance."""


@pytest.fixture
def read(tmp_path):
    """A corpus of manifests, each given as its rows and columns that all of them have."""

    def read_corpus(*manifests, **data):
        paths = []
        for number, (rows, columns) in enumerate(manifests):
            paths.append(tmp_path / f"{number}.tsv")
            table = pl.DataFrame({"utterance": list(rows), "speaker": list(rows.values())})
            table = table.with_columns(
                path=pl.col("utterance") + ".wav",
                duration=1.0,
                **{key: pl.lit(value) for key, value in columns.items()},
            )
            table.write_csv(paths[-1], separator="\t")
        recipe = {
            "data": {"manifest": paths, **data},
            "sampler": {"name": "speakers_utterances", "speakers": 2, "utterances": 1},
            "encoder": {"name": "ecapa_tdnn"},
            "objectives": {"one": {"name": "aam_softmax"}},
        }
        return TrainingSet.read(Recipe.model_validate(recipe))

    return read_corpus


def test_speakers_are_labelled_in_the_order_of_their_names(read):
    corpus = read((ROWS, {}))
    assert corpus.dataset.labels.tolist() == [0, 1, 0, 2]
    assert corpus.classes == 3
    assert corpus.sampler.labels is corpus.dataset.labels


def test_without_labels_every_utterance_is_its_own(read):
    corpus = read((dict.fromkeys(ROWS), {}), labels="utterance")
    assert corpus.dataset.labels.tolist() == [0, 1, 2, 3]


def test_speakers_of_two_corpora_are_two_whatever_their_names(read):
    others = {"e": "ann", "f": "dan"}
    corpus = read((ROWS, {"corpus": "one"}), (others, {"corpus": "two"}))
    assert corpus.dataset.labels.tolist() == [0, 1, 0, 2, 3, 4]
    with pytest.warns(
        TrainingWarning, match="data.manifest: .* share 1 speakers, such as one/ann, "
    ):
        same = read((ROWS, {"corpus": "one"}), (others, {"corpus": "one"}))
    assert same.dataset.labels.tolist() == [0, 1, 0, 2, 0, 3]


def test_manifests_that_name_no_corpus_and_share_speakers_are_told(read, recwarn):
    read((ROWS, {}), ({"e": "ann", "f": "cat"}, {}), labels="utterance")
    read((ROWS, {}), ({"e": "ann", "f": "cat"}, NAMED), ({"g": "dan"}, {}))
    assert not recwarn
    with pytest.warns(TrainingWarning, match="share 2 speakers, such as ann, who are taken for"):
        read((ROWS, {}), ({"e": "ann", "f": "cat"}, {}))


def test_each_speed_has_rows_and_speakers_of_its_own(read):
    corpus = read((ROWS, {}), speeds=[0.9, 1.1])
    assert corpus.classes == 9
    assert corpus.dataset.labels.tolist() == [0, 1, 0, 2, 3, 4, 3, 5, 6, 7, 6, 8]
    assert corpus.utterances([9, 1, 4]) == ["a", "b"]


def batch(utterances):
    rows = torch.tensor(utterances)
    return Batch(torch.zeros(len(rows), 8), torch.full((len(rows),), 8), rows, rows, rows)


def test_targets_are_the_utterances_whatever_their_order(read, tmp_path):
    assert read((ROWS, {})).targets_of(batch([0])) is None
    path, vectors = tmp_path / "teacher.npz", np.arange(1, 11, dtype=np.float32).reshape(5, 2)
    Embeddings(["d", "x", "a", "c", "b"], vectors).save(path)
    corpus = read((ROWS, {}), targets=path)
    assert corpus.target_size == 2
    assert corpus.targets_of(batch([3, 0, 1])).tolist() == [[1, 2], [5, 6], [9, 10]]


def test_utterances_without_a_target_are_told(read, tmp_path):
    path = tmp_path / "teacher.npz"
    Embeddings(["a", "c"], np.ones((2, 2), np.float32)).save(path)
    with pytest.raises(
        RecipeError, match=r"data\.targets: in .*npz 2 utterances have no .* 'b': make it with"
    ):
        read((ROWS, {}), targets=path)
    with pytest.raises(RecipeError, match=r"data\.targets: .*none\.npz: no such file"):
        read((ROWS, {}), targets=tmp_path / "none.npz")


def test_the_dataset_cuts_as_the_recipe_says(read):
    dataset = read((ROWS, {}), placement="together", segment_seconds=0.5).dataset
    assert (dataset.placement, dataset.samples) == ("together", 8_000)
    assert read((ROWS, {})).dataset.placement == "apart"


NAMED = {"corpus": "one"}


def test_the_digest_of_classes_names_who_has_which_label(read):
    digest = read((ROWS, NAMED)).class_digest
    assert read((ROWS, NAMED), speeds=[0.9]).class_digest == digest
    assert read(({**ROWS, "e": "bob"}, NAMED)).class_digest == digest
    for other in ({**ROWS, "d": "dan"}, {**ROWS, "e": "eve"}):
        assert read((other, NAMED)).class_digest != digest
    assert read((ROWS, {"corpus": "two"})).class_digest != digest


def test_classes_of_a_corpus_without_a_name_are_told_apart_by_their_utterances(read):
    digest = read((ROWS, {})).class_digest
    assert read((ROWS, {})).class_digest == digest
    # The same names in another corpus, which may be other people.
    others = {f"other {name}": speaker for name, speaker in ROWS.items()}
    assert read((others, {})).class_digest != digest
    assert read((ROWS, NAMED), ({"e": "dan"}, {})).class_digest != digest


@pytest.mark.parametrize(
    ("labels", "source", "teacher", "used"),
    [
        ("speaker", None, None, True),
        ("speaker", "clusters", None, False),
        ("speaker", "clusters of a model trained with labels", None, True),
        ("utterance", None, None, False),
        ("utterance", None, {"labels_used": False}, False),
        ("utterance", None, {"labels_used": True}, True),
        ("utterance", None, {}, True),
        ("speaker", "clusters", {"labels_used": True}, True),
    ],
)
def test_whether_labels_are_used(read, tmp_path, labels, source, teacher, used):
    data = {"labels": labels}
    if teacher is not None:
        data["targets"] = tmp_path / "teacher.npz"
        Embeddings(list(ROWS), np.ones((4, 2), np.float32)).save(data["targets"], **teacher)
    corpus = read((ROWS, {"speaker_source": source}), **data)
    learned = corpus.learned_from(TrainedOn(), speakers=labels == "speaker")
    assert learned.labels_used is used


def release(**stated):
    return DataSettings(manifest="m.tsv", **stated)


def test_what_differs_from_the_recipe_is_said(read):
    stated = {"speakers": 3, "utterances": 4}
    assert read((ROWS, {}), **stated).difference_from(release(**stated)) is None
    assert read((ROWS, {})).difference_from(release()) is None
    said = read((ROWS, {})).difference_from(release(speakers=3, utterances=1_500))
    assert said == "4 utterances where the recipe says 1,500"
    unlabelled = read((dict.fromkeys(ROWS), {}), labels="utterance")
    assert unlabelled.difference_from(release(**stated)) is None


def test_what_cannot_be_trained_on(read):
    with pytest.raises(ManifestError, match=r"0\.tsv: 4 utterances have no speaker: fill"):
        read((dict.fromkeys(ROWS), {}))
    with pytest.raises(RecipeError, match=r"0\.tsv: holds one speaker only"):
        read(({"a": "ann", "b": "ann"}, {}))
    with pytest.raises(ManifestError, match="utterance 'a' is in two of the manifests"):
        read((ROWS, {}), ({"a": "dan"}, {}))
