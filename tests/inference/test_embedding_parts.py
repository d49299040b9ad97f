import numpy as np
import polars as pl
import pytest

from contravox.audio.stored_folder import StoredFolder
from contravox.corpora.folder import folder_recordings
from contravox.corpora.scan import scan_recordings
from contravox.errors import AudioError, OutputError
from contravox.inference import embedding_parts
from contravox.inference.embed import embed_manifest
from contravox.inference.embedding_parts import embed_parts, plan_parts
from contravox.manifest import Manifest
from small_models import small_model
from stores import TroubledStore


@pytest.fixture(scope="module")
def model():
    return small_model()


@pytest.fixture(scope="module")
def manifest(tone_corpus):
    """30 utterances, 33 s."""
    return Manifest(scan_recordings(folder_recordings(tone_corpus)).manifest.table[::2])


@pytest.fixture(autouse=True)
def short_parts(monkeypatch):
    """Of 5 s and more, until an utterance goes beyond."""
    monkeypatch.setattr(embedding_parts, "SHORTEST", 5.0)


@pytest.fixture
def embedded(monkeypatch):
    """How many utterances each call has embedded."""
    counts = []
    real = embedding_parts.embed_readable

    def counting(model, manifest, **keywords):
        counts.append(len(manifest))
        return real(model, manifest, **keywords)

    monkeypatch.setattr(embedding_parts, "embed_readable", counting)
    return counts


def with_path(manifest, utterance, path):
    changed = pl.when(pl.col("utterance") == utterance).then(pl.lit(str(path))).otherwise("path")
    return Manifest(manifest.table.with_columns(path=changed))


def test_a_plan_takes_every_utterance_once_and_the_longest_first(model, manifest):
    parts = plan_parts(manifest, model)
    tables = [part.manifest.table for part in parts]
    assert pl.concat(tables).sort("utterance").equals(manifest.table)
    durations = pl.concat(tables)["duration"]
    assert durations.equals(durations.sort(descending=True))
    for table in tables[:-1]:
        # Filled up, and no more than one utterance beyond.
        assert 5 - 1.3 <= table["duration"].sum() <= 5 + 1.3
    shuffled = Manifest(manifest.table.sample(fraction=1, shuffle=True, seed=0))
    assert [part.stem for part in plan_parts(shuffled, model)] == [part.stem for part in parts]


def test_parts_have_at_least_a_minute_and_at_most_an_hour(model, monkeypatch):
    monkeypatch.setattr(embedding_parts, "SHORTEST", 60.0)
    for hours, count in ((0.01, 1), (1, 60), (10, 200), (300, 300)):
        durations = np.full(round(100 * hours), 36.0)
        names = [f"u{number:06}" for number in range(len(durations))]
        table = pl.DataFrame({"utterance": names, "duration": durations}).with_columns(
            speaker=pl.lit("s"), path=pl.lit("/a.wav"), start=0.0
        )
        assert len(plan_parts(Manifest(table), model)) == count


def test_the_parts_hold_what_embed_manifest_gives(model, manifest, tmp_path):
    seen = []
    folder = StoredFolder.at(tmp_path / "out")
    written = embed_parts(model, manifest, folder, progress=lambda *done: seen.append(done))
    assert written == (30, 0)
    assert seen[0] == (0, 30)
    assert seen[-1] == (30, 30)
    table = pl.read_parquet(tmp_path / "out" / "*.parquet").sort("utterance")
    assert table["utterance"].equals(manifest.table["utterance"])
    assert table["speaker"].equals(manifest.table["speaker"])
    assert set(table["model"]) == {model.digest}
    vectors = embed_manifest(model, manifest).vectors
    np.testing.assert_allclose(table["embedding"].to_numpy(), vectors, atol=1e-4)
    # The recordings are speech from end to end, up to what a frame leaves.
    share = table["speech_seconds"] / manifest.table["duration"]
    assert share.min() > 0.5
    assert share.max() <= 1


@pytest.mark.parametrize("place", ["here", "store"])
def test_a_second_start_embeds_what_is_not_there(model, manifest, tmp_path, embedded, place):
    TroubledStore.begin()
    folder = StoredFolder.at(tmp_path / "out" if place == "here" else "troubled://bucket/out")
    parts = plan_parts(manifest, model)

    def stopped(waiting):
        writer = embedding_parts.PartWriter(model, folder)
        for part in waiting[:3]:
            yield writer(part)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        embed_parts(model, manifest, folder, engine=stopped)
    before = {name: folder.read(name) for name in folder.names()}
    assert set(before) == {part.file for part in parts[:3]}
    embed_parts(model, manifest, folder)
    assert embedded == [len(part.manifest) for part in parts]
    assert all(folder.read(name) == data for name, data in before.items())
    assert folder.names() == {part.file for part in parts}
    # A worker that was killed after it wrote, and given the part again, writes nothing.
    assert embedding_parts.PartWriter(model, folder)(parts[0]) == (len(parts[0].manifest), 0)
    embed_parts(model, manifest, folder)
    assert sum(embedded) == 30


def test_what_cannot_be_read_is_tried_again_alone(model, manifest, tmp_path, embedded):
    folder = StoredFolder.at(tmp_path / "out")
    name, path = manifest.table.select("utterance", "path").row(7)
    gone = tmp_path / "gone.wav"
    broken = with_path(manifest, name, gone)
    assert embed_parts(model, broken, folder) == (29, 1)
    [listed] = (tmp_path / "out").glob("*.skipped.tsv")
    assert pl.read_csv(listed, separator="\t").rows() == [
        (name, str(gone), f"{gone}: no such file")
    ]
    del embedded[:]
    assert embed_parts(model, broken, folder) == (29, 1)
    gone.symlink_to(path)
    assert embed_parts(model, broken, folder) == (30, 0)
    assert embedded == [1, 1]
    assert not list((tmp_path / "out").glob("*.skipped.tsv"))
    whole = StoredFolder.at(tmp_path / "whole")
    embed_parts(model, broken, whole)
    one, other = (
        pl.read_parquet(tmp_path / each / "*.parquet").sort("utterance")
        for each in ("out", "whole")
    )
    np.testing.assert_allclose(
        one["embedding"].to_numpy(), other["embedding"].to_numpy(), atol=1e-4
    )
    assert one.drop("embedding").equals(other.drop("embedding"))


def test_where_nothing_can_be_read(model, manifest, tmp_path):
    table = manifest.table.with_columns(path=pl.lit("/nowhere.wav"))
    with pytest.raises(AudioError, match=r"skipped\.tsv: none of 30 utterances can be read"):
        embed_parts(model, Manifest(table), StoredFolder.at(tmp_path / "out"))


def test_what_is_of_another_model_or_manifest_is_not_mixed_with(model, manifest, tmp_path):
    folder = StoredFolder.at(tmp_path / "out")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "part-of-mine.parquet").write_text("mine")
    embed_parts(model, manifest, folder)
    before = folder.names()
    other = small_model()
    other.settings = other.settings.model_copy(update={"maximum_seconds": 1.0})
    fewer = Manifest(manifest.table[1:])
    for changed, utterances, which in ((other, manifest, "model"), (model, fewer, "manifest")):
        with pytest.raises(OutputError, match=rf"part-\d+-\w+-\w+\.parquet: .* another {which}"):
            embed_parts(changed, utterances, folder)
    assert folder.names() == before
    embed_parts(other, manifest, folder, force=True)
    assert folder.names() == {
        *(part.file for part in plan_parts(manifest, other)),
        "part-of-mine.parquet",
    }


def test_parts_that_workers_wrote_elsewhere_are_missed(model, manifest, tmp_path):
    def elsewhere(waiting):
        writer = embedding_parts.PartWriter(model, StoredFolder.at(tmp_path / "elsewhere"))
        return map(writer, waiting)

    with pytest.raises(OutputError, match=r"7 of 7 parts .* a folder that all machines share"):
        embed_parts(model, manifest, StoredFolder.at(tmp_path / "out"), engine=elsewhere)


def test_a_damaged_part_is_named(model, manifest, tmp_path):
    folder = StoredFolder.at(tmp_path / "out")
    part = plan_parts(manifest, model)[0]
    folder.write(part.file, b"PAR1")
    with pytest.raises(Exception, match=rf"{part.file}: not a whole Parquet file"):
        embedding_parts.PartWriter(model, folder)(part)
