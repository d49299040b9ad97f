import numpy as np
import pytest

from contravox.errors import ScoringError
from contravox.scoring import cohort_statistics
from contravox.scoring.cohort import Cohort
from contravox.scoring.cohort_statistics import closest_members, own_statistics
from contravox.scoring.cosine import unit_rows
from contravox.scoring.inner_products import inner_products
from contravox.scoring.normalisation import NormalisationSettings, ScoreNormaliser

TOP = 4


def normalise_scores(scores, enrolment, test, pairs, cohort, settings, **options):
    """Of all trials at once."""
    return ScoreNormaliser(enrolment, test, cohort, settings, **options).normalise(scores, pairs)


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
@pytest.mark.parametrize(
    ("block", "members"), [(1, 1), (1, 2**13), (60, 3), (60, 5), (60, 10), (2**20, 2**13)]
)
def test_scores_are_those_of_the_loop(monkeypatch, method, block, members):
    monkeypatch.setattr(cohort_statistics, "BLOCK", block)
    monkeypatch.setattr(cohort_statistics, "MEMBERS", members)
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
@pytest.mark.parametrize("alike", [True, False])
def test_trials_may_come_in_blocks_and_each_row_meets_the_cohort_once(method, alike):
    enrolment, test, pairs, as_tests, as_enrolments = made(enrolments=14)
    cohort = Cohort(as_tests, as_enrolments)
    if alike:
        test, cohort = enrolment, Cohort.of(as_tests)
    scores = inner_products(enrolment, test, pairs)
    settings = NormalisationSettings(method=method, top=TOP)
    slow = slow_normalised(
        scores, enrolment, test, pairs, cohort.as_tests, cohort.as_enrolments, method
    )
    rows = []
    normaliser = ScoreNormaliser(
        enrolment, test, cohort, settings, progress=lambda done, total: rows.append((done, total))
    )
    for block in (slice(0, 20), slice(20, 21), slice(21, 70)):
        found = normaliser.normalise(scores[block], pairs[block])
        np.testing.assert_allclose(found.scores, slow[0][block], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(found.enrolment_means, slow[1][block], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(found.test_means, slow[2][block], rtol=1e-5, atol=1e-6)
    if method != "AS-norm2":
        named = len(np.unique(pairs)) if alike else sum(len(set(side)) for side in pairs.T.tolist())
        assert sum(done for done, total in rows if done == total) == named


def test_a_large_cohort_is_met_in_parts_without_losing_digits():
    """Means far from 0: the naive sum of squares would lose the deviation in float32."""
    generator = np.random.default_rng(6)
    members = np.stack([np.ones(20_000), 1e-3 * generator.normal(size=20_000)], axis=1)
    members = members.astype(np.float32)
    rows, vectors = np.arange(2), np.array([[1, 1], [1, 2]], np.float32)
    scores = vectors.astype(np.float64) @ members.T
    for top in (20_000, 19_000, 50):
        found = own_statistics(vectors, rows, members, top, lambda _: None)
        highest = np.sort(scores, axis=1)[:, -top:]
        np.testing.assert_allclose(found.means, highest.mean(axis=1), rtol=1e-6)
        np.testing.assert_allclose(found.deviations, highest.std(axis=1), rtol=2e-3)
        chosen = closest_members(vectors, rows, members, top, lambda _: None)
        picked = np.take_along_axis(scores, chosen.astype(int), axis=1)
        np.testing.assert_allclose(np.sort(picked, axis=1), highest, atol=2e-7)


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
