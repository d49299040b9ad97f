import io
import json
import os
import tarfile
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import soundfile

from contravox.audio import storage
from contravox.audio.storage import Location, read_bytes
from contravox.audio.waveform import audio_info, read_audio
from contravox.corpora import shards as sharding
from contravox.corpora.shards import shard_manifest
from contravox.data.dataset import SegmentDataset
from contravox.data.sampling import SegmentRequest
from contravox.errors import AudioError, ManifestError, StorageError
from contravox.manifest import COLUMNS, START_IN_ORIGINAL, Manifest
from contravox.trained_on import recording_digests
from stores import TroubledStore
from tones import tone


def manifest_of(folder):
    """Every WAV file below a folder, of the speaker that its first folder names."""
    rows = []
    for path in sorted(folder.rglob("*.wav")):
        name, info = str(path.relative_to(folder)), audio_info(path)
        speaker, session = name.split("/")[0], path.parent.name
        rows.append((name, speaker, session, str(path), 0.0, info.seconds, info.sample_rate))
    return Manifest(pl.DataFrame(rows, schema=COLUMNS, orient="row"))


@pytest.fixture
def manifest(tone_corpus):
    """60 utterances of tones, with a column of the corpus."""
    return Manifest(manifest_of(tone_corpus).table.with_columns(corpus=pl.lit("tones")))


@pytest.fixture
def small_shards(monkeypatch):
    """Shards that are full a hundred times sooner: 30 MB are then 9.4 s of speech."""
    monkeypatch.setattr(sharding, "PCM_BYTES_PER_SECOND", 100 * sharding.PCM_BYTES_PER_SECOND)


def waveforms(manifest):
    """Every utterance's samples, by its name."""
    columns = manifest.table.select("utterance", "path", "start", "duration").iter_rows()
    return {
        name: read_audio(path, start=start, duration=duration)
        for name, path, start, duration in columns
    }


def test_shards_hold_the_same_samples_and_the_manifest_all_else(manifest, tmp_path, small_shards):
    sharded = shard_manifest(manifest, tmp_path, megabytes=30)
    read = Manifest.read(tmp_path / "manifest.tsv")
    assert sharded.shards == len(list(tmp_path.glob("*.tar"))) == 7
    originals, copies = waveforms(manifest), waveforms(read)
    assert originals.keys() == copies.keys()
    for name, waveform in originals.items():
        np.testing.assert_array_equal(copies[name], waveform)
    kept = ["utterance", "speaker", "session", "duration", "sample_rate", "corpus"]
    assert read.table.select(kept).equals(manifest.table.select(kept))
    assert read.table["start"].unique().to_list() == [0.0]
    # Random order: the utterances of a speaker are in most of the shards.
    tars = read.table["path"].str.extract(r"(shard-\d+)")
    spread = read.table.with_columns(tar=tars).group_by("speaker").agg(pl.col("tar").n_unique())
    assert spread["tar"].mean() > 3


def test_columns_of_ones_own_may_have_any_name(manifest, tmp_path):
    names = ("shard", "first", "last", "reason", "tar", "duration_read")
    own = Manifest(manifest.table.with_columns(pl.lit("mine").alias(name) for name in names))
    shard_manifest(own, tmp_path)
    read = Manifest.read(tmp_path / "manifest.tsv")
    assert read.table.select(names).unique().rows() == [("mine",) * len(names)]
    assert len(read) == len(waveforms(read)) == len(own)


def test_training_cuts_the_same_segments_from_shards(tmp_path, small_shards):
    # Lengths that a manifest rounds, up and down.
    for number, samples in enumerate((16_001, 16_002, 17_003, 20_007)):
        path = tmp_path / "odd" / "s" / f"{number}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, tone(2.0, 150, seed=number)[:samples], 16_000)
    manifest_of(tmp_path / "odd").write(tmp_path / "odd.tsv")
    files = Manifest.read(tmp_path / "odd.tsv")
    shard_manifest(files, tmp_path / "shards", megabytes=5)
    shards = Manifest.read(tmp_path / "shards/manifest.tsv")
    requests = [
        SegmentRequest(row, segment, 0, seed)
        for row in range(4)
        for seed in range(50)
        for segment in range(2)
    ]
    labels = np.zeros(4, np.int64)
    of_files, of_shards = (
        SegmentDataset(manifest, labels, seconds=0.3, segments=2) for manifest in (files, shards)
    )
    for request in requests:
        np.testing.assert_array_equal(of_files[request][0], of_shards[request][0])


def test_shards_are_tar_files_as_webdataset_reads_them(manifest, tmp_path):
    shard_manifest(manifest, tmp_path)
    with tarfile.open(tmp_path / "shard-000000.tar") as archive:
        members = {member.name: archive.extractfile(member).read() for member in archive}
    keys = {name.partition(".")[0] for name in members}
    assert len(members) == 2 * len(keys) == 120
    facts = [json.loads(members[f"{key}.json"]) for key in sorted(keys)]
    assert {fact["utterance"] for fact in facts} == set(manifest.table["utterance"])
    for key, fact in zip(sorted(keys), facts, strict=True):
        samples, rate = soundfile.read(io.BytesIO(members[f"{key}.flac"]))
        assert rate == fact["sample_rate"] == 16_000
        assert len(samples) / rate == fact["duration"]
        assert fact["speaker"] == fact["utterance"].partition("/")[0]
        assert "path" not in fact
    # The manifest points at exactly the FLAC file.
    table = Manifest.read(tmp_path / "manifest.tsv").table
    paths = dict(table.select("utterance", "path").iter_rows())
    for key, fact in zip(sorted(keys), facts, strict=True):
        flac = read_bytes(Location.parse(paths[fact["utterance"]]))
        assert flac == members[f"{key}.flac"]


def test_only_the_utterance_is_taken_at_16_khz_and_16_bits(tmp_path):
    path = tmp_path / "ä b.wav"
    long = tone(3.0, 150, rate=44_100)
    soundfile.write(path, np.stack([long, long], axis=1), 44_100, subtype="PCM_24")
    row = ("a.b/c.wav", None, None, str(path), 1.0, 0.5, 44_100)
    # Half of what this one is to hold is there.
    past_the_end = ("d", None, None, str(path), 2.5, 1.0, 44_100)
    table = pl.DataFrame([row, past_the_end], schema=COLUMNS, orient="row")
    shard_manifest(Manifest(table), tmp_path / "shards")
    (name, location, start, seconds, rate), (_, _, *short) = (
        Manifest.read(tmp_path / "shards/manifest.tsv")
        .table.select("utterance", "path", "start", "duration", "sample_rate")
        .iter_rows()
    )
    assert (name, start, seconds, rate) == ("a.b/c.wav", 0.0, 0.5, 16_000)
    assert short == [0.0, 0.5, 16_000]
    with tarfile.open(tmp_path / "shards/shard-000000.tar") as archive:
        for name in ("a%2Eb/c%2Ewav.json", "d.json"):
            facts = json.load(archive.extractfile(name))
            assert (facts["duration"], facts["sample_rate"]) == (0.5, 16_000)
    info = audio_info(location)
    assert (info.seconds, info.sample_rate, info.channels) == (0.5, 16_000, 1)
    expected = read_audio(path, start=1.0, duration=0.5)
    np.testing.assert_allclose(read_audio(location), expected, atol=0.51 / 32768)


def test_parts_of_a_file_are_recordings_of_their_own_in_shards_too(tmp_path):
    soundfile.write(tmp_path / "long.wav", tone(4.0, 150), 16_000)
    rows = [
        (name, "s", None, str(tmp_path / "long.wav"), start, 1.0, 16_000, "sha256:0")
        for name, start in (("a", 0.0), ("b", 1.5), ("c", 3.0), ("once more c", 3.0))
    ]
    files = Manifest(pl.DataFrame(rows, schema={**COLUMNS, "digest": pl.String}, orient="row"))
    # Shards of shards, too.
    manifest = files
    for name in ("shards", "again"):
        shard_manifest(manifest, tmp_path / name)
        manifest = Manifest.read(tmp_path / name / "manifest.tsv")
        assert manifest.table["start"].to_list() == [0.0] * 4
        assert manifest.table[START_IN_ORIGINAL].to_list() == [0.0, 1.5, 3.0, 3.0]
        assert manifest.recordings.equals(files.recordings)
        # It still is of the whole file that somebody may have trained on.
        assert recording_digests(manifest).to_list() == ["sha256:0"]


def test_samples_at_full_scale_are_neither_wrapped_nor_scaled(tmp_path):
    pcm = np.array([-32768, -32767, -1, 0, 1, 32767] * 500, np.int16)
    soundfile.write(tmp_path / "a.wav", pcm, 16_000)
    soundfile.write(tmp_path / "over.wav", 1.5 * np.ones(3000), 16_000, subtype="FLOAT")
    shard_manifest(manifest_of(tmp_path), tmp_path / "shards")
    same, over = waveforms(Manifest.read(tmp_path / "shards/manifest.tsv")).values()
    np.testing.assert_array_equal(same, pcm / np.float32(32768))
    np.testing.assert_array_equal(over, np.full(3000, 32767 / 32768, np.float32))


def test_an_interrupted_run_goes_on_with_the_next_shard(manifest, tmp_path, small_shards):
    whole = tmp_path / "whole"
    shard_manifest(manifest, whole, megabytes=30)

    def interrupt(done, total):
        if done == 25:
            raise KeyboardInterrupt

    parts = tmp_path / "parts"
    with pytest.raises(KeyboardInterrupt):
        shard_manifest(manifest, parts, megabytes=30, progress=interrupt)
    finished = sorted(path.name for path in parts.iterdir())
    assert finished == [
        "plan.digest",
        *(f"shard-00000{number}.{ending}" for number in range(2) for ending in ("tar", "tsv")),
    ]
    before = {path: path.stat().st_mtime_ns for path in parts.glob("*.tar")}
    calls = []
    shard_manifest(manifest, parts, megabytes=30, progress=lambda *call: calls.append(call))
    assert before == {path: path.stat().st_mtime_ns for path in before}
    assert calls[0][0] == len(pl.read_csv(parts / "shard-000000.tsv", separator="\t"))
    assert calls[-1] == (60, 60)
    assert calls == sorted(calls)
    for path in whole.iterdir():
        assert path.read_bytes() == (parts / path.name).read_bytes()


def cut_shard(folder):
    path = folder / "shard-000001.tar"
    path.write_bytes(path.read_bytes()[:-20_000])


def empty_shard(folder):
    (folder / "shard-000001.tar").write_bytes(b"")


def no_shard(folder):
    (folder / "shard-000001.tar").unlink()


def fewer_rows(folder):
    path = folder / "shard-000001.tsv"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-3]))


def cut_index(folder):
    path = folder / "shard-000001.tsv"
    path.write_bytes(path.read_bytes()[:-2])


def noise_for_index(folder):
    (folder / "shard-000001.tsv").write_bytes(np.random.default_rng(0).bytes(500))


def no_index(folder):
    (folder / "shard-000001.tsv").unlink()


def other_places(folder):
    path = folder / "shard-000001.tsv"
    rows = pl.read_csv(path, separator="\t")
    rows.with_columns(first=pl.col("first").reverse()).write_csv(path, separator="\t")


@pytest.mark.parametrize(
    "damage",
    [
        *(cut_shard, empty_shard, no_shard, no_index),
        *(fewer_rows, cut_index, noise_for_index, other_places),
    ],
)
def test_a_shard_that_does_not_agree_with_its_index_is_made_again(
    manifest, tmp_path, small_shards, damage
):
    shard_manifest(manifest, tmp_path, megabytes=30)
    whole = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    others = {path: path.stat().st_mtime_ns for path in tmp_path.glob("shard-*[02-9].t*")}
    damage(tmp_path)
    sharded = shard_manifest(manifest, tmp_path, megabytes=30)
    assert len(sharded.manifest) == 60
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == whole
    assert others == {path: path.stat().st_mtime_ns for path in others}
    assert len(waveforms(Manifest.read(tmp_path / "manifest.tsv"))) == 60


@pytest.mark.parametrize("trouble", ["gone", "cut"])
def test_a_shard_that_is_not_whole_in_its_store_is_made_again(
    manifest, tmp_path, small_shards, trouble
):
    TroubledStore.begin()
    url = "troubled://bucket/shards"
    shard_manifest(manifest, tmp_path, store=url, megabytes=30)
    store, path = TroubledStore(), "/bucket/shards/shard-000001.tar"
    whole = store.cat_file(path)
    TroubledStore.requests.clear()
    if trouble == "gone":
        store.rm_file(path)
    else:
        store.pipe_file(path, whole[:-10_000])
    shard_manifest(manifest, tmp_path, store=url, megabytes=30)
    claim, *others = TroubledStore.requests
    assert "contravox-claim" in claim[1]
    assert others == [("write", path)]
    assert store.cat_file(path) == whole


def test_a_shard_of_recordings_that_were_replaced_is_made_again(manifest, tmp_path, small_shards):
    shard_manifest(manifest, tmp_path, megabytes=30)
    path = Path(manifest.table["path"][17])
    before, kept = path.stat(), path.read_bytes()
    samples, rate = soundfile.read(path, dtype="int16")
    soundfile.write(path, samples[::-1], rate)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    try:
        shard_manifest(manifest, tmp_path, megabytes=30)
        originals = waveforms(manifest)
        for name, waveform in waveforms(Manifest.read(tmp_path / "manifest.tsv")).items():
            np.testing.assert_array_equal(waveform, originals[name])
    finally:
        path.write_bytes(kept)


def test_shards_outlive_the_recordings_that_they_are_made_of(tmp_path):
    path = tmp_path / "in" / "s" / "u.wav"
    path.parent.mkdir(parents=True)
    soundfile.write(path, tone(1.0, 150), 16_000)
    files = manifest_of(tmp_path / "in")
    shard_manifest(files, tmp_path / "shards")
    tar = tmp_path / "shards" / "shard-000000.tar"
    before = tar.read_bytes()
    path.unlink()
    assert len(shard_manifest(files, tmp_path / "shards").manifest) == 1
    assert tar.read_bytes() == before
    # And what could not be read is read as soon as it can be.
    tar.unlink()
    soundfile.write(path, tone(1.0, 150), 16_000)
    assert len(shard_manifest(files, tmp_path / "shards").manifest) == 1


def test_a_recording_of_another_scale_is_left_out_rather_than_clipped(tmp_path):
    soundfile.write(tmp_path / "a.wav", 20_000 * tone(1.0, 150), 16_000, subtype="FLOAT")
    soundfile.write(tmp_path / "b.wav", tone(1.0, 150), 16_000, subtype="FLOAT")
    sharded = shard_manifest(manifest_of(tmp_path), tmp_path / "shards")
    assert sharded.manifest.table["utterance"].to_list() == ["b.wav"]
    [reason] = sharded.skipped["reason"]
    assert "where full scale is 1, which 16 bits cannot hold" in reason


def test_a_folder_of_something_else_is_left_alone(manifest, tmp_path):
    shard_manifest(manifest, tmp_path / "shards")
    before = (tmp_path / "shards/manifest.tsv").read_bytes()
    fewer = Manifest(manifest.table.head(50))
    with pytest.raises(StorageError, match=r"shards: holds shards of another manifest, size"):
        shard_manifest(fewer, tmp_path / "shards")
    manifest.write(tmp_path / "prepared/manifest.tsv")
    with pytest.raises(StorageError, match="prepared: holds another manifest"):
        shard_manifest(manifest, tmp_path / "prepared")
    assert (tmp_path / "shards/manifest.tsv").read_bytes() == before


def test_utterances_that_cannot_be_read_are_listed_and_left_out(manifest, tmp_path):
    bad = tmp_path / "bad.wav"
    bad.write_text("no audio")
    spoilt = manifest.table.with_columns(
        path=pl.when(pl.int_range(pl.len()) == 7).then(pl.lit(str(bad))).otherwise("path")
    )
    sharded = shard_manifest(Manifest(spoilt), tmp_path / "shards")
    assert len(sharded.manifest) == 59
    skipped = pl.read_csv(tmp_path / "shards/skipped.tsv", separator="\t")
    assert skipped.rows() == sharded.skipped.rows()
    assert skipped["utterance"].to_list() == [spoilt["utterance"][7]]
    assert skipped["path"].to_list() == [str(bad)]
    assert skipped["reason"][0].startswith("cannot be read as audio")
    with pytest.raises(
        ManifestError, match=r"none of 1 utterances can be read, such as .*bad\.wav"
    ):
        shard_manifest(Manifest(spoilt[7:8]), tmp_path / "none")


def test_a_shard_cut_short_and_a_part_that_is_no_audio_are_one_line(manifest, tmp_path):
    shard_manifest(manifest, tmp_path)
    table = Manifest.read(tmp_path / "manifest.tsv").table
    tar = tmp_path / "shard-000000.tar"
    with pytest.raises(AudioError, match=r"bytes=0-511: cannot be read as audio") as caught:
        read_audio(f"{tar}#bytes=0-511")
    assert "\n" not in str(caught.value)
    tar.write_bytes(tar.read_bytes()[: tar.stat().st_size // 2])
    cut = table.filter(pl.col("path").str.extract(r"-(\d+)$").cast(pl.Int64) >= tar.stat().st_size)[
        "path"
    ]
    assert 20 < len(cut) < 40
    for path in cut:
        with pytest.raises(AudioError, match="cut short") as caught:
            read_audio(path)
        assert path in str(caught.value)
    whole = set(table["path"]) - set(cut)
    assert all(len(read_audio(path)) for path in whole)


def test_shards_in_a_store(manifest, tmp_path, small_shards, monkeypatch):
    monkeypatch.setattr(storage, "PAUSES", (0.0,))
    # The store is claimed, the first shard is written.
    TroubledStore.begin(None, None, OSError("throttled"), OSError("throttled"))
    url = "troubled://bucket/shards"
    # The second shard fails twice, which is as often as it is tried.
    with pytest.raises(StorageError, match=r"shards/shard-000001\.tar: no answer after 2 attempts"):
        shard_manifest(manifest, tmp_path, store=f"{url}/", megabytes=30)
    assert [path.name for path in tmp_path.glob("*.tsv")] == ["shard-000000.tsv"]
    shard_manifest(manifest, tmp_path, store=url, megabytes=30)
    assert not list(tmp_path.glob("*.tar"))
    writes = [path for what, path, *_ in TroubledStore.requests if what == "write"]
    assert sum("shard-000000" in path for path in writes) == 1
    read = Manifest.read(tmp_path / "manifest.tsv")
    assert read.table["path"].str.starts_with(f"{url}/shard-00000").all()
    originals = waveforms(manifest)
    TroubledStore.requests.clear()
    for name, waveform in waveforms(read).items():
        np.testing.assert_array_equal(waveform, originals[name])
    assert len(TroubledStore.requests) == 60


def test_shards_of_another_folder_in_a_store_are_not_replaced(manifest, tmp_path, small_shards):
    TroubledStore.begin()
    url = "troubled://bucket/shards"
    shard_manifest(manifest, tmp_path / "one", store=url, megabytes=30)
    before = TroubledStore().cat_file("/bucket/shards/shard-000000.tar")
    few = Manifest(manifest.table.head(20))
    with pytest.raises(StorageError, match=r"holds shards that .* --store, or pass --force"):
        shard_manifest(few, tmp_path / "two", store=url, megabytes=30)
    assert TroubledStore().cat_file("/bucket/shards/shard-000000.tar") == before
    shard_manifest(few, tmp_path / "two", store=url, megabytes=30, again=True)
    assert TroubledStore().cat_file("/bucket/shards/shard-000000.tar") != before


def test_the_command(manifest, tmp_path, run):
    manifest.write(tmp_path / "manifest.tsv")

    contravox = partial(run, "shard")
    shards = tmp_path / "shards"
    status, output, _ = contravox(tmp_path / "manifest.tsv", "-o", shards, "--json")
    assert status == 0
    counts = {"utterances": 60, "shards": 1, "skipped": 0}
    assert json.loads(output) == {"manifest": str(shards / "manifest.tsv"), **counts}
    status, output, _ = contravox(tmp_path / "manifest.tsv", "-o", shards)
    assert (status, output) == (0, f"{shards}/manifest.tsv: 60 utterances in 1 shards\n")
    status, _, error = contravox(tmp_path / "manifest.tsv", "-o", tmp_path)
    assert status == 2
    assert error.count("\n") == 1
    assert "is read by the same command" in error
    status, _, error = contravox(tmp_path / "manifest.tsv", "-o", tmp_path / "x", "--store", "b/c")
    assert status == 2
    assert "b/c: is no URL of a store" in error
    assert not (tmp_path / "x").exists()
