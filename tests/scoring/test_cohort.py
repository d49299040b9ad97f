import numpy as np
import pytest

from contravox.errors import ScoringError
from contravox.scoring.cohort import Cohort, cohort_vectors


def test_members_are_means_of_speakers_at_length_one():
    vectors = np.array([[0, 5], [3, 4], [2, 0], [0, 0.5]])
    members = cohort_vectors(vectors, ["b", "a", "a", "b"])
    # Of a: (0.6, 0.8) and (1, 0), of b: (0, 1) twice.
    np.testing.assert_allclose(members, [np.array([0.8, 0.4]) / np.sqrt(0.8), [0, 1]], rtol=1e-6)
    assert members.dtype == np.float32


def test_members_may_be_utterances():
    members = cohort_vectors(np.array([[0, 5], [3, 4]]), np.array([4, 2]), "utterances")
    np.testing.assert_allclose(members, [[0, 1], [0.6, 0.8]], rtol=1e-6)
    cohort = Cohort.of(members)
    assert len(cohort) == 2
    assert cohort.as_tests is cohort.as_enrolments


@pytest.mark.parametrize("members", ["speakers", "utterances"])
def test_one_speaker_is_refused(members):
    with pytest.raises(ScoringError, match="a cohort of 1 speaker"):
        cohort_vectors(np.ones((3, 2)), ["a", "a", "a"], members)


def test_bad_embeddings_and_missing_speakers_are_refused():
    vectors = np.array([[1, 0], [np.nan, 1], [0, 1]])
    with pytest.raises(ScoringError, match="cohort: row 1 is not finite"):
        cohort_vectors(vectors, ["a", "b", "b"])
    with pytest.raises(ScoringError, match="utterance 1 has no speaker"):
        cohort_vectors(np.ones((3, 2)), ["a", None, "b"])
    # Two voices that cancel out leave a speaker without direction.
    with pytest.raises(ScoringError, match="cohort speakers: row 0 is zero"):
        cohort_vectors(np.array([[1, 0], [-1, 0], [0, 1]]), ["a", "a", "b"])
