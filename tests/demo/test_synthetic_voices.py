import numpy as np
import pytest
import soundfile

from contravox.corpora.folder import folder_recordings
from contravox.demo.sentences import SENTENCES
from contravox.demo.synthetic_voices import Session, make_synthetic_voices, record
from contravox.errors import ManifestError


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    make_synthetic_voices(folder, voices=3, utterances=6, seed=1)
    return folder


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def mean_spectrum(path):
    """Mean log spectrum in 40 bands, without its own mean, so that level does not count."""
    samples, _ = soundfile.read(path)
    frames = np.lib.stride_tricks.sliding_window_view(samples, 512)[::160] * np.hanning(512)
    power = np.abs(np.fft.rfft(frames)) ** 2
    bands = np.log(power[:, 1:241].reshape(len(frames), 40, 6).mean(axis=2) + 1e-8).mean(axis=0)
    return bands - bands.mean()


def test_files_are_speech_at_16_khz_where_the_docstring_says(corpus):
    names = [
        f"voice{voice:03d}/session{index // 2}/{index:02d}.flac"
        for voice in range(3)
        for index in range(6)
    ]
    assert set(contents(corpus)) == {*names, "corpus.json"}
    for name in names:
        info = soundfile.info(corpus / name)
        assert (info.samplerate, info.channels, info.subtype) == (16_000, 1, "PCM_16")
        assert 1.5 < info.duration < 6
        samples, _ = soundfile.read(corpus / name)
        assert 0.005 < np.sqrt(np.mean(samples**2)) < 0.5
        assert np.abs(samples).max() < 1


def test_the_folder_corpus_reads_voices_as_speakers_and_sessions_as_sessions(corpus):
    found = set(folder_recordings(corpus).select("speaker", "session").rows())
    assert found == {(f"voice{v:03d}", f"session{s}") for v in range(3) for s in range(3)}


def test_a_voice_is_more_like_itself_than_like_others(corpus):
    voices = [
        np.array([mean_spectrum(path) for path in sorted(folder.rglob("*.flac"))])
        for folder in sorted(corpus.glob("voice*"))
    ]
    within = np.mean([np.linalg.norm(voice - voice.mean(axis=0), axis=1) for voice in voices])
    means = np.array([voice.mean(axis=0) for voice in voices])
    between = [np.linalg.norm(means[i] - means[j]) for i, j in ((0, 1), (0, 2), (1, 2))]
    assert min(between) > within


def test_sessions_of_a_voice_differ_in_level(corpus):
    for voice in sorted(corpus.glob("voice*")):
        peaks = [
            [np.abs(soundfile.read(path)[0]).max() for path in sorted(session.iterdir())]
            for session in sorted(voice.iterdir())
        ]
        np.testing.assert_allclose(peaks, np.array(peaks)[:, :1] * [1, 1], atol=1e-4)
        assert len({round(peak[0], 3) for peak in peaks}) == 3


def test_a_second_call_rewrites_nothing(corpus):
    before = {path: path.stat().st_mtime_ns for path in corpus.rglob("*")}
    done = []
    make_synthetic_voices(
        corpus, voices=3, utterances=6, seed=1, progress=lambda *now: done.append(now)
    )
    assert {path: path.stat().st_mtime_ns for path in corpus.rglob("*")} == before
    assert done == [(6, 18), (12, 18), (18, 18)]


def test_an_interrupted_corpus_is_not_stamped_and_is_finished_to_the_same_files(corpus, tmp_path):
    def interrupt(done, total):
        if done == 12:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_synthetic_voices(tmp_path, voices=3, utterances=6, seed=1, progress=interrupt)
    assert not (tmp_path / "corpus.json").exists()
    (tmp_path / "voice001" / "session1" / "02.flac").unlink()
    make_synthetic_voices(tmp_path, voices=3, utterances=6, seed=1)
    assert contents(tmp_path) == contents(corpus)


def test_another_seed_gives_other_audio(corpus, tmp_path):
    make_synthetic_voices(tmp_path, voices=1, utterances=1, seed=2)
    name = "voice000/session0/00.flac"
    assert contents(tmp_path)[name] != contents(corpus)[name]


def test_a_folder_of_other_parameters_is_refused(corpus, tmp_path):
    with pytest.raises(ManifestError, match=r"corpus\.json: .*other parameters"):
        make_synthetic_voices(corpus, voices=3, utterances=6, seed=2)
    (tmp_path / "corpus.json.unfinished").write_text("{}\n")
    with pytest.raises(ManifestError, match=r"unfinished: .*other parameters"):
        make_synthetic_voices(tmp_path, voices=1, utterances=1)


@pytest.mark.parametrize("wrong", [{"voices": 0}, {"voices": 10_000}, {"utterances": 1000}])
def test_impossible_sizes_are_refused(wrong, tmp_path):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} is"):
        make_synthetic_voices(tmp_path, **wrong)


def test_a_session_adds_its_room_and_noise_at_its_levels():
    speech = np.random.default_rng(0).standard_normal(8000).astype(np.float32)
    noise = np.random.default_rng(1).standard_normal(8000).astype(np.float32)
    response = np.array([0.8, 0.0, 0.6], np.float32)
    session = Session(response, lambda generator, samples: noise, snr=10.0, peak=0.25)
    heard = np.convolve(speech, response)[:8000]
    heard = heard + noise * np.linalg.norm(heard) / np.linalg.norm(noise) / np.sqrt(10)
    expected = 0.25 * heard / np.abs(heard).max()
    np.testing.assert_allclose(
        record(speech, session, np.random.default_rng(0)), expected, atol=1e-5
    )


def test_sentences_are_different_and_take_two_to_four_seconds():
    assert len(set(SENTENCES)) == len(SENTENCES) >= 60
    # At 145 to 195 words a minute.
    assert all(7 <= len(sentence.split()) <= 14 for sentence in SENTENCES)
