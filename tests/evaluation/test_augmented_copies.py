import numpy as np
import polars as pl
import pytest

from contravox.audio.quality import bandwidth_of
from contravox.audio.speech_activity import FRAME
from contravox.audio.waveform import SAMPLE_RATE, read_audio
from contravox.embedding_model import EmbeddingModel, ModelDescription
from contravox.evaluation import augmented_copies
from contravox.evaluation.augmented_copies import AugmentedCopies
from contravox.evaluation.bandwidths import measure_bandwidths
from contravox.evaluation.evaluation import TrialEmbeddings
from contravox.inference.embed import embed_manifest
from contravox.trials.enrolments import Enrolments
from contravox.trials.trial_set import TrialSet


class Measuring(EmbeddingModel):
    """Embeds a waveform as its length, its level and 1; heard: every waveform."""

    embedding_size, highest_frequency, parameter_count, digest = 3, 8000.0, 0, "0" * 32

    def __init__(self, **settings) -> None:
        self.settings = ModelDescription(**settings)
        self.heard = []

    def save(self, path) -> None:
        raise NotImplementedError

    def _encode(self, waveforms):
        self.heard += waveforms
        levels = [float(np.sqrt(np.mean(np.square(each)))) for each in waveforms]
        rows = zip(waveforms, levels, strict=True)
        return np.array([(len(each), level, 1) for each, level in rows], np.float32)


@pytest.fixture
def measuring():
    return Measuring()


@pytest.fixture
def test(corpus, measuring):
    trials = TrialSet.read(corpus / "test")
    return TrialEmbeddings(trials, embed_manifest(measuring, trials.manifest))


def all_speech(waveform):
    return np.ones(-(-len(waveform) // FRAME), bool)


@pytest.fixture(autouse=True)
def short(monkeypatch):
    """The tones last about a second, so that nothing would be cut; all of it is speech."""
    monkeypatch.setattr(augmented_copies, "SHORTEST", 0.3)
    monkeypatch.setattr(augmented_copies, "speech_frames", all_speech)


def original(name: str) -> str:
    return name.partition(" (copy ")[0]


def test_trials_stand_as_they_are_and_once_more_for_each_copy(test, measuring) -> None:
    more = AugmentedCopies(3).add_to(test, measuring)
    before, after = test.trial_set.trials.table, more.trial_set.trials.table
    count = len(before)
    assert after[:count].equals(before)
    added = after[count:]
    # Some were drawn twice, and stand once.
    assert 2.5 * count < len(added) <= 3 * count
    assert not after.select("enrolment", "test").is_duplicated().any()
    pairs = {(enrolment, tested): target for enrolment, tested, target in before.rows()}
    for enrolment, tested, target in added.rows():
        assert pairs[original(enrolment), original(tested)] == target
    sides = pl.concat([added["enrolment"], added["test"]])
    shares = sides.str.extract(r"\(copy (\d)\)$").fill_null("0").value_counts(normalize=True)
    assert sorted(shares.columns) == ["enrolment", "proportion"]
    assert shares["proportion"].to_list() == pytest.approx([0.25] * 4, abs=0.1)
    by_name = dict(test.trial_set.manifest.table.select("utterance", "speaker").rows())
    for name, speaker in more.trial_set.manifest.table.select("utterance", "speaker").rows():
        assert by_name[original(name)] == speaker


def test_a_copy_is_told_by_its_own_length(test, measuring) -> None:
    more = AugmentedCopies(4).add_to(test, measuring)
    table = more.trial_set.manifest.table
    rows = more.embeddings.rows(table["utterance"])
    np.testing.assert_allclose(
        table["duration"].to_numpy() * SAMPLE_RATE, more.embeddings.vectors[rows, 0], atol=0.5
    )
    whole = dict(test.trial_set.manifest.table.select("utterance", "duration").rows())
    copies = table.filter(pl.col("utterance").str.contains("(copy", literal=True))
    lengths = copies["duration"].to_numpy()
    of = np.array([whole[original(name)] for name in copies["utterance"]])
    assert (lengths >= 0.3 - 1e-4).all()
    assert (lengths <= of + 1e-4).all()
    assert np.mean(np.isclose(lengths, of, atol=1e-4)) == pytest.approx(1 / 3, abs=0.12)
    assert lengths.min() < 0.45


def test_originals_keep_their_embeddings_and_copies_differ_in_level(test, measuring) -> None:
    more = AugmentedCopies(2).add_to(test, measuring)
    names = test.embeddings.utterances
    kept = more.embeddings.vectors[more.embeddings.rows(pl.Series(names))]
    np.testing.assert_array_equal(kept, test.embeddings.vectors)
    rows = more.embeddings.rows(pl.Series([f"{name} (copy 2)" for name in names]))
    louder = 20 * np.log10(more.embeddings.vectors[rows, 1] / test.embeddings.vectors[:, 1])
    assert louder.min() < -10
    assert louder.max() > 0


def test_the_same_copies_are_drawn_each_time(test) -> None:
    one, other = (AugmentedCopies(2).add_to(test, Measuring()) for _ in range(2))
    np.testing.assert_array_equal(one.embeddings.vectors, other.embeddings.vectors)
    assert one.trial_set.trials.table.equals(other.trial_set.trials.table)


def half_speech(waveform):
    """The first half of what lasts half a second or longer, nothing of the rest."""
    found = all_speech(waveform)
    found[len(found) // 2 if len(waveform) >= SAMPLE_RATE // 2 else 0 :] = False
    return found


@pytest.mark.parametrize("speech_only", [True, False])
def test_a_copy_with_too_little_speech_is_left_out(test, monkeypatch, speech_only) -> None:
    """Seconds are of the whole copy, as in use, whatever of it is embedded."""
    monkeypatch.setattr(augmented_copies, "speech_frames", half_speech)
    more = AugmentedCopies(3).add_to(test, Measuring(speech_only=speech_only))
    copies = more.trial_set.manifest.table.filter(pl.col("utterance").str.ends_with(")"))
    seconds = copies["duration"].to_numpy()
    # Of half a second a half is just enough, but for whole frames.
    assert 0.5 <= seconds.min() < 0.62
    embedded = more.embeddings.vectors[more.embeddings.rows(copies["utterance"]), 0] / SAMPLE_RATE
    # Speech is kept with what is around it.
    expected = seconds / 2 + 3 * FRAME / SAMPLE_RATE if speech_only else seconds
    np.testing.assert_allclose(embedded, expected, atol=FRAME / SAMPLE_RATE)
    dropped = more.trial_set.protocol.trials_dropped
    assert len(more.trial_set.trials) + dropped <= 4 * len(test.trial_set.trials)
    assert dropped > 0


def test_bandwidths_are_those_of_what_is_heard(test, measuring) -> None:
    manifest = test.trial_set.manifest
    known = TrialEmbeddings(test.trial_set, test.embeddings, measure_bandwidths(manifest))
    more = AugmentedCopies(2).add_to(known, measuring)
    assert more.bandwidths is not None
    count = len(manifest)
    np.testing.assert_array_equal(more.bandwidths.vectors[:count], known.bandwidths.vectors)
    copies = more.bandwidths.vectors[count:, 0]
    heard = [bandwidth_of(each) for each in measuring.heard[count:]]
    assert sorted(copies.tolist()) == pytest.approx(sorted(heard))
    assert AugmentedCopies(2).add_to(test, measuring).bandwidths is None


def test_an_enrolment_of_several_recordings_is_copied_whole(test, measuring) -> None:
    trials = test.trial_set
    names = trials.manifest.table.select("speaker", "utterance").rows()
    by_speaker = {}
    for speaker, name in names:
        by_speaker.setdefault(speaker, []).append(name)
    rows = [(speaker, name) for speaker, held in by_speaker.items() for name in held[:2]]
    enrolments = Enrolments(pl.DataFrame(rows, ["enrolment", "utterance"], orient="row"))
    people = dict(trials.manifest.table.select("utterance", "speaker").rows())
    table = trials.trials.table.with_columns(pl.col("enrolment").replace_strict(people)).unique(
        ["enrolment", "test"]
    )
    several = TrialSet.of(type(trials.trials)(table), trials.manifest, trials.protocol, enrolments)
    more = AugmentedCopies(2).add_to(TrialEmbeddings(several, test.embeddings), measuring)
    held = more.trial_set.enrolments.table
    assert len(held) == 3 * len(rows)
    for enrolment, utterance in held.rows():
        assert enrolment.removeprefix(original(enrolment)) == utterance.removeprefix(
            original(utterance)
        )
        assert original(utterance) in by_speaker[original(enrolment)]


def test_a_copy_is_heard_through_noise_and_not_beside_other_speakers(test, measuring) -> None:
    """No copy is its recording at another level: all but clean ones differ otherwise."""
    AugmentedCopies(6).add_to(test, measuring)
    table = test.trial_set.manifest.table
    same = 0
    whole = {name: read_audio(path) for name, path in table.select("utterance", "path").rows()}
    lengths = {len(each): each for each in whole.values()}
    copies = [each for each in measuring.heard[len(table) :] if len(each) in lengths]
    for copy in copies:
        likely = [each for each in whole.values() if len(each) == len(copy)]
        same += any(abs(np.corrcoef(copy, each)[0, 1]) > 0.9999 for each in likely)
    assert 0 < same < 0.5 * len(copies)


def test_one_or_more_are_named() -> None:
    assert str(AugmentedCopies(1)) == "1 augmented copy of each recording"
    assert str(AugmentedCopies(3)) == "3 augmented copies of each recording"
