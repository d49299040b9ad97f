import numpy as np
import pytest

from contravox.errors import ScoringError
from contravox.scoring import cohort_statistics
from contravox.scoring.cohort import Cohort
from contravox.scoring.cosine import unit_rows
from contravox.scoring.inner_products import inner_products
from contravox.scoring.normalisation import NormalisationSettings, normalise_scores

TOP = 4


def slow_normalised(scores, enrolment, test, pairs, as_tests, as_enrolments, method):
    """The definition, a trial at a time."""
    normalised = []
    for score, (i, j) in zip(scores, pairs, strict=True):
        of_enrolment = [float(enrolment[i] @ member) for member in as_tests]
        of_test = [float(test[j] @ member) for member in as_enrolments]
        members = range(len(as_tests))
        own = sorted(members, key=lambda c: -of_enrolment[c])
        other = sorted(members, key=lambda c: -of_test[c])
        if method == "AS-norm2":
            own, other = other, own
        if method != "S-norm":
            own, other = own[:TOP], other[:TOP]
        a = np.array([of_enrolment[c] for c in own])
        b = np.array([of_test[c] for c in other])
        standard = (score - a.mean()) / a.std(), (score - b.mean()) / b.std()
        normalised.append((sum(standard) / 2, a.mean(), b.mean()))
    return np.array(normalised).T


def made(seed=0, enrolments=9, tests=14, trials=70, members=11):
    generator = np.random.default_rng(seed)

    def units(count):
        return unit_rows(generator.normal(size=(count, 6)))

    pairs = np.stack(
        [generator.integers(enrolments, size=trials), generator.integers(tests, size=trials)],
        axis=1,
    )
    return units(enrolments), units(tests), pairs, units(members), units(members)


@pytest.mark.parametrize("method", ["S-norm", "AS-norm1", "AS-norm2"])
@pytest.mark.parametrize("block", [1, 60, 2**20])
def test_scores_are_those_of_the_loop(monkeypatch, method, block):
    monkeypatch.setattr(cohort_statistics, "BLOCK", block)
    enrolment, test, pairs, as_tests, as_enrolments = made()
    scores = inner_products(enrolment, test, pairs)
    settings = NormalisationSettings(method=method, top=TOP)
    found = normalise_scores(
        scores, enrolment, test, pairs, Cohort(as_tests, as_enrolments), settings
    )
    slow = slow_normalised(scores, enrolment, test, pairs, as_tests, as_enrolments, method)
    np.testing.assert_allclose(found.scores, slow[0], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found.enrolment_means, slow[1], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found.test_means, slow[2], rtol=1e-5, atol=1e-6)
    assert found.scores.dtype == np.float32


@pytest.mark.parametrize("method", ["S-norm", "AS-norm1", "AS-norm2"])
def test_sides_that_are_alike_share_their_work(method):
    utterances, _, pairs, members, _ = made(seed=1)
    pairs = pairs % len(utterances)
    scores = inner_products(utterances, utterances, pairs)
    settings = NormalisationSettings(method=method, top=TOP)
    cohort = Cohort.of(members)
    steps = []
    alike = normalise_scores(
        scores, utterances, utterances, pairs, cohort, settings, progress=lambda *s: steps.append(s)
    )
    apart = normalise_scores(scores, utterances, utterances.copy(), pairs, cohort, settings)
    np.testing.assert_allclose(alike.scores, apart.scores, rtol=1e-5)
    slow = slow_normalised(scores, utterances, utterances, pairs, members, members, method)
    np.testing.assert_allclose(alike.scores, slow[0], rtol=1e-4, atol=1e-5)
    swapped = normalise_scores(scores, utterances, utterances, pairs[:, ::-1], cohort, settings)
    np.testing.assert_allclose(alike.scores, swapped.scores, rtol=1e-5)
    named = len(np.unique(pairs))
    crosswise = sum(len(np.unique(side)) for side in pairs.T)
    total = named + (crosswise if method == "AS-norm2" else 0)
    assert steps[-1] == (total, total)


@pytest.mark.parametrize("method", ["AS-norm1", "AS-norm2"])
def test_sides_of_one_size_are_not_alike_for_that(method):
    enrolment, test, pairs, as_tests, as_enrolments = made(tests=9, members=300)
    scores = inner_products(enrolment, test, pairs)
    settings = NormalisationSettings(method=method, top=TOP)
    for other_test, as_enrolment in [(test, as_tests), (enrolment, as_enrolments)]:
        cohort = Cohort(as_tests, as_enrolment)
        found = normalise_scores(scores, enrolment, other_test, pairs, cohort, settings)
        slow = slow_normalised(scores, enrolment, other_test, pairs, as_tests, as_enrolment, method)
        np.testing.assert_allclose(found.scores, slow[0], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("method", ["AS-norm1", "AS-norm2"])
def test_all_of_the_cohort_at_the_top_is_s_norm(method):
    enrolment, test, pairs, members, _ = made(seed=2)
    scores, cohort = inner_products(enrolment, test, pairs), Cohort.of(members)
    adaptive = NormalisationSettings(method=method, top=len(members))
    plain = NormalisationSettings(method="S-norm")
    np.testing.assert_allclose(
        normalise_scores(scores, enrolment, test, pairs, cohort, adaptive).scores,
        normalise_scores(scores, enrolment, test, pairs, cohort, plain).scores,
        rtol=1e-4,
    )


def test_normalised_scores_do_not_change_with_the_scale_of_scores():
    enrolment, test, pairs, members, _ = made(seed=3)
    scores = inner_products(enrolment, test, pairs)
    settings = NormalisationSettings(top=TOP)
    once = normalise_scores(scores, enrolment, test, pairs, Cohort.of(members), settings)
    # Scaling all enrolments and the cohort as an enrolment scales every score.
    cohort = Cohort(members, 7 * members)
    again = normalise_scores(7 * scores, 7 * enrolment, test, pairs, cohort, settings)
    np.testing.assert_allclose(once.scores, again.scores, rtol=1e-4)


def test_no_row_is_compared_that_no_trial_names():
    enrolment, test, pairs, members, _ = made(seed=4)
    test[5] = np.nan
    pairs = pairs[pairs[:, 1] != 5]
    scores = inner_products(enrolment, test, pairs)
    settings = NormalisationSettings(top=TOP)
    found = normalise_scores(scores, enrolment, test, pairs, Cohort.of(members), settings)
    assert np.isfinite(found.scores).all()


def test_a_small_cohort_is_refused():
    enrolment, test, pairs, members, _ = made()
    scores = inner_products(enrolment, test, pairs)
    with pytest.raises(ScoringError, match="the cohort has 11 members, fewer than top = 300"):
        normalise_scores(
            scores, enrolment, test, pairs, Cohort.of(members), NormalisationSettings()
        )
    with pytest.raises(ScoringError, match="the cohort has 1 members"):
        normalise_scores(
            scores,
            enrolment,
            test,
            pairs,
            Cohort.of(members[:1]),
            NormalisationSettings(method="S-norm"),
        )


@pytest.mark.parametrize("method", ["S-norm", "AS-norm1", "AS-norm2"])
def test_a_cohort_without_spread_is_refused(method):
    enrolment, test, pairs, members, _ = made()
    copies = Cohort.of(np.repeat(members[:1], 8, axis=0))
    scores = inner_products(enrolment, test, pairs)
    settings = NormalisationSettings(method=method, top=TOP)
    with pytest.raises(ScoringError, match=r"enrolment: row \d+ scores alike against all"):
        normalise_scores(scores, enrolment, test, pairs, copies, settings)


def test_embeddings_that_are_not_finite_are_refused():
    enrolment, test, pairs, members, _ = made()
    test[pairs[3, 1]] = np.nan
    settings = NormalisationSettings(top=TOP)
    scores = np.zeros(len(pairs), np.float32)
    with pytest.raises(ScoringError, match=f"test: row {pairs[3, 1]} .* not finite"):
        normalise_scores(scores, enrolment, test, pairs, Cohort.of(members), settings)


def test_scores_must_be_those_of_the_pairs():
    enrolment, test, pairs, members, _ = made()
    settings = NormalisationSettings(top=TOP)
    with pytest.raises(ValueError, match="one length"):
        normalise_scores(
            np.zeros(3, np.float32), enrolment, test, pairs, Cohort.of(members), settings
        )


def test_settings_say_what_was_done():
    assert NormalisationSettings().describe(6000) == "AS-norm1, top 300 of 6,000 means of speakers"
    plain = NormalisationSettings(method="S-norm", members="utterances")
    assert plain.describe(50) == "S-norm, 50 utterances"
