from pathlib import Path

import pytest
import torch

from contravox.errors import CheckpointError
from contravox.training.speaker_centroids import SpeakerCentroids

PATH = Path("run/checkpoint.pt")


def test_vectors_are_sums_of_unit_embeddings_of_the_epoch_before():
    centroids = SpeakerCentroids(classes=3, size=2)
    assert centroids.vectors is None
    centroids.add(torch.tensor([[3.0, 4.0], [0.0, 2.0]]), torch.tensor([2, 0]))
    centroids.add(torch.tensor([[-5.0, 0.0]], dtype=torch.bfloat16), torch.tensor([2]))
    # The epoch is not over yet.
    assert centroids.vectors is None
    centroids.begin_epoch()
    expected = torch.tensor([[0.0, 1.0], [0.0, 0.0], [-0.4, 0.8]])
    torch.testing.assert_close(centroids.vectors, expected)
    centroids.add(torch.tensor([[1.0, 0.0]]), torch.tensor([1]))
    torch.testing.assert_close(centroids.vectors, expected)
    centroids.begin_epoch()
    torch.testing.assert_close(centroids.vectors, torch.tensor([[0.0, 0], [1, 0], [0, 0]]))


def test_restored_goes_on_as_if_never_stopped():
    whole = SpeakerCentroids(classes=2, size=2)
    whole.add(torch.tensor([[1.0, 0.0]]), torch.tensor([0]))
    whole.begin_epoch()
    whole.add(torch.tensor([[0.0, 1.0]]), torch.tensor([1]))
    state = {name: value.clone() for name, value in whole.state().items()}
    other = SpeakerCentroids(classes=2, size=2)
    other.restore(state, PATH)
    for each in (whole, other):
        each.add(torch.tensor([[1.0, 1.0]]), torch.tensor([1]))
    torch.testing.assert_close(other.vectors, whole.vectors)
    for each in (whole, other):
        each.begin_epoch()
    torch.testing.assert_close(other.vectors, whole.vectors)


def test_an_epoch_that_was_cut_off_is_filled_from_the_one_before():
    centroids = SpeakerCentroids(classes=3, size=2)
    centroids.add(torch.tensor([[1.0, 0.0], [1.0, 0.0]]), torch.tensor([0, 1]))
    centroids.begin_epoch()
    centroids.add(torch.tensor([[0.0, 1.0]]), torch.tensor([1]))
    centroids.fill_epoch()
    centroids.begin_epoch()
    torch.testing.assert_close(centroids.vectors, torch.tensor([[1.0, 0], [0, 1], [0, 0]]))


@pytest.mark.parametrize(
    "changes",
    [{"now": None}, {"before": torch.zeros(3, 2)}, {"now": torch.full((2, 2), float("nan"))}],
)
def test_sums_of_others_are_refused(changes):
    state = SpeakerCentroids(classes=2, size=2).state() | changes
    state = {name: value for name, value in state.items() if value is not None}
    with pytest.raises(CheckpointError, match=r"checkpoint\.pt: .*of 2 speakers expected.*delete"):
        SpeakerCentroids(classes=2, size=2).restore(state, PATH)
