"""Every reader of a user's files, with whole files to begin with."""

import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from contravox.errors import ContravoxError
from fuzz import damage
from fuzz.damage import Damage


@dataclass(frozen=True)
class Reader:
    """read: what is tried, of the path of a file; names: what the file may be called.

    make: whole files to begin with, written within a folder where they must. damages: how files of
    the kind are made worse while they stay of the kind, beside changes of any bytes.
    """

    read: Callable[[Path], Any]
    make: Callable[[Path], Sequence[bytes]]
    names: Sequence[str]
    damages: Sequence[Damage] = field(default=())


def every(calls: Sequence[Callable[[], Any]]) -> None:
    """Make all the calls; raise the error of the last that had one."""
    last = None
    for call in calls:
        try:
            call()
        except ContravoxError as error:
            last = error
    if last is not None:
        raise last


def tone(seconds: float, rate: int, channels: int = 1) -> np.ndarray:
    """Something between a voice and noise."""
    times = np.arange(round(seconds * rate)) / rate
    noise = np.random.default_rng(0).normal(0, 0.02, (len(times), channels))
    return 0.3 * np.sin(2 * np.pi * 150 * times)[:, None] + noise


def audio_files(_: Path) -> list[bytes]:
    """Of every kind that libsndfile writes, one or two channels."""
    import soundfile

    kinds = [
        *(
            ("WAV", None),
            ("WAV", "FLOAT"),
            ("WAV", "GSM610"),
            ("WAV", "IMA_ADPCM"),
            ("WAV", "ULAW"),
        ),
        *(("WAVEX", "PCM_24"), ("RF64", None), ("W64", None), ("AIFF", None), ("AIFF", "FLOAT")),
        *(("AU", "ULAW"), ("AU", "G721_32"), ("CAF", None), ("CAF", "ALAC_16"), ("NIST", None)),
        *(("FLAC", None), ("OGG", None), ("OGG", "OPUS"), ("MP3", None), ("VOC", None)),
        *(
            ("PAF", None),
            ("SVX", None),
            ("IRCAM", None),
            ("AVR", None),
            ("SDS", None),
            ("MPC2K", None),
        ),
    ]
    files = []
    for number, (kind, coding) in enumerate(kinds):
        channels = (
            1 if coding in ("GSM610", "G721_32") or kind in ("SVX", "SDS") else 1 + number % 2
        )
        file = io.BytesIO()
        soundfile.write(file, tone(0.4, 8000, channels), 8000, format=kind, subtype=coding)
        files.append(file.getvalue())
    return files


def read_recordings(path: Path) -> None:
    from contravox.audio.audio_file import AudioBytes
    from contravox.audio.waveform import audio_info, check_speech, read_audio

    data = path.read_bytes()
    every(
        [
            lambda: audio_info(path),
            lambda: check_speech(read_audio(path), path),
            lambda: read_audio(path, start=0.1, duration=0.2, channel="right"),
            lambda: read_audio(AudioBytes(data, str(path), longest=30.0)),
            lambda: read_audio(f"{path}.tar#bytes=0-{len(data)}"),
        ]
    )


def read_to_compare(path: Path) -> None:
    from contravox.audio.audio_file import AudioBytes
    from contravox.inference.recording import read_recording

    read_recording(AudioBytes(path.read_bytes(), str(path), longest=30.0), speech_only=True)


def read_trials(path: Path) -> None:
    from contravox.trials.trials import Trials

    every([lambda: Trials.read(path), lambda: Trials.read(path, "first")])


def read_scores(path: Path) -> None:
    import polars as pl

    from contravox.trials.score_formats import read_scores
    from contravox.trials.scores import aligned_scores

    trials = pl.DataFrame({"enrolment": ["a", "a"], "test": ["b", "c"], "target": [True, False]})
    every(
        [
            lambda: read_scores(path, trials),
            lambda: read_scores(path, trials, ("enrolment", "test", "score")),
            lambda: aligned_scores(path, trials, str(path)),
        ]
    )


def read_manifest(path: Path) -> None:
    from contravox.manifest import Manifest

    manifest = Manifest.read(path)
    assert len(manifest.identities) == len(manifest)


def read_table(path: Path) -> None:
    from contravox.corpora.table import table_recordings

    table_recordings(path)


def read_enrolments(path: Path) -> None:
    from contravox.trials.enrolments import Enrolments

    Enrolments.read(path)


def read_protocols(path: Path) -> None:
    from contravox.trials.protocol import Protocol
    from contravox.trials.scores import protocol_beside

    every([lambda: Protocol.read(path.parent), lambda: protocol_beside(path)])


def read_kaldi(path: Path) -> None:
    from contravox.corpora.kaldi import kaldi_recordings

    for name, lines in {"wav.scp": "a-1 a.wav\nb-1 b.wav\n", "utt2spk": "a-1 a\nb-1 b\n"}.items():
        if name != path.name:
            (path.parent / name).write_text(lines)
    kaldi_recordings(path.parent)
    path.unlink()


def embedding_files(_: Path) -> list[bytes]:
    names, vectors = np.array(["a", "b", "ü"]), np.eye(3, 4)
    files = []
    for write in (np.savez, np.savez_compressed):
        for kind in (np.float32, ">f8", np.int16):
            file = io.BytesIO()
            noted = {"made_from": np.array("x"), "labels_used": np.array(False)}
            write(file, utterances=names, embeddings=vectors.astype(kind), **noted)
            files.append(file.getvalue())
    return files


def read_embeddings(path: Path) -> None:
    from contravox.embeddings import Embeddings, labels_used, made_from

    made_from(path)
    labels_used(path)
    loaded = Embeddings.load(path)
    assert np.isfinite(loaded.vectors).all()


def models_of_pytorch(folder: Path) -> list[bytes]:
    from small_models import ENCODERS, small_model

    files = []
    for encoder in ENCODERS:
        small_model(encoder).save(folder / "m.safetensors")
        files.append((folder / "m.safetensors").read_bytes())
    return files


def use_model(path: Path) -> None:
    from contravox.inference.loading import load_model

    model = load_model(path)
    vectors = model.embed([tone(0.3, 16_000)[:, 0].astype(np.float32)])
    assert np.isfinite(vectors).all()


def models_of_onnx(folder: Path) -> list[bytes]:
    from contravox.inference.export import export_model
    from small_models import ENCODERS, small_model

    files = []
    for encoder in (ENCODERS[0], ENCODERS[2]):
        export_model(small_model(encoder), "m.safetensors").save(folder / "m.onnx")
        files.append((folder / "m.onnx").read_bytes())
    return files


def checkpoints_of_others(_: Path) -> list[bytes]:
    import torch

    from small_models import ENCODERS, small_model

    files = []
    for zipped in (True, False):
        weights = small_model(ENCODERS[2]).encoder.state_dict()
        for wrapped in (weights, {"state_dict": weights, "epoch": 3}):
            file = io.BytesIO()
            torch.save(wrapped, file, _use_new_zipfile_serialization=zipped)
            files.append(file.getvalue())
    return files


def read_checkpoint_of_others(path: Path) -> None:
    from contravox.inference.foreign_models.checkpoint import read_checkpoint
    from contravox.inference.foreign_models.recognition import recognise

    weights = read_checkpoint(path)
    try:
        recognise(weights)
    except ContravoxError as error:
        raise type(error)(f"{path}: {error}") from error


def checkpoints(folder: Path) -> list[bytes]:
    import torch
    from lightning_fabric.plugins import Precision

    from contravox.training.checkpoint import Progress, save_checkpoint
    from contravox.training.processes import random_states
    from contravox.training.recipe import Recipe

    recipe = Recipe.model_validate(
        {
            "data": {"manifest": "none.tsv"},
            "encoder": {"name": "ecapa_tdnn"},
            "objectives": {"one": {"name": "aam_softmax"}},
        }
    )
    module = torch.nn.Linear(2, 1)
    optimiser = torch.optim.SGD(module.parameters(), 0.1, momentum=0.9)
    module(torch.ones(2)).backward()
    optimiser.step()
    progress = Progress(step=3, best_rate=0.2)
    save_checkpoint(
        folder,
        recipe,
        {"data.manifest": "x"},
        progress,
        module,
        optimiser,
        Precision(),
        random_states(),
        {},
    )
    return [(folder / "checkpoint.pt").read_bytes()]


def resume(path: Path) -> None:
    import torch
    from lightning_fabric.plugins import Precision

    from contravox.training.checkpoint import read_state, restore

    state, _ = read_state(path)
    module = torch.nn.Linear(2, 1)
    optimiser = torch.optim.SGD(module.parameters(), 0.1, momentum=0.9)
    restore(path.parent, state, module, optimiser, Precision())


def recipes(_: Path) -> list[bytes]:
    from contravox.training.shipped import __file__ as beside

    shipped = sorted((Path(beside).parents[1] / "recipes").rglob("*.yaml"))
    return [path.read_bytes() for path in shipped if b"variants:" not in path.read_bytes()]


def sweeps(_: Path) -> list[bytes]:
    return [b"recipe: demo\nvariants:\n  a: [training.epochs=2]\n  b: []\nseeds: [1, 2]\n"]


def read_recipe(path: Path) -> None:
    from contravox.training.recipe import Recipe

    Recipe.read(path, ["training.epochs=3"])


def read_sweep(path: Path) -> None:
    from contravox.training.sweep import Sweep

    Sweep.read(path)


def read_runs(path: Path) -> None:
    from contravox.training.log import read_log
    from contravox.training.sweep_results import read_results, render_results, summarise

    path.with_name("log.jsonl").write_bytes(path.read_bytes())
    read_log(path.parent)
    render_results(summarise(read_results(path.parent)))


def run_files(_: Path) -> list[bytes]:
    from contravox.training.sweep_results import RunResult

    known = dict.fromkeys(RunResult.__dataclass_fields__)
    known |= {"variant": "a", "seed": 1, "equal_error_rate": 0.1, "minimum_detection_cost": 0.5}
    return [
        json.dumps({"runs": [known, known | {"seed": 2}]}).encode(),
        b'{"step": 1, "loss": 2.0}\n',
    ]


def galleries(folder: Path) -> list[bytes]:
    from contravox.gallery.gallery import Gallery
    from voices import pitch_verifier, said_by

    with Gallery.open(folder / "seed.sqlite", pitch_verifier()) as gallery:
        for name in ("Ann", "Bob"):
            gallery.enrol(name, [said_by(name, seed) for seed in range(2)])
        gallery.export(folder / "export.sqlite", force=True)
    return [(folder / "export.sqlite").read_bytes()]


def use_gallery(path: Path) -> None:
    from contravox.gallery.gallery import Gallery
    from voices import pitch_verifier, said_by

    for each in path.parent.glob("*.sqlite*"):
        if each != path:
            each.unlink()
    verifier = pitch_verifier()

    def own() -> None:
        with Gallery.open(path, verifier, create=False) as gallery:
            gallery.speakers()
            gallery.identify(said_by("Ann", 3, 1.0))

    def imported() -> None:
        with Gallery.open(path.with_name("target.sqlite"), verifier) as target:
            target.import_(path, audio=True)
            target.speakers()
            target.identify(said_by("Ann", 3, 1.0))

    every([imported, own])


def key_files(folder: Path) -> list[bytes]:
    from contravox.service.keys import add_key

    path = folder / "keys.json"
    path.unlink(missing_ok=True)
    add_key(path, "ann", ["verify"])
    return [path.read_bytes()]


def read_keys(path: Path) -> None:
    from contravox.service.keys import read_keys

    read_keys(path)


def index_files(_: Path) -> list[bytes]:
    from contravox.corpora.shard_index import INDEX

    return [
        "\t".join(INDEX).encode() + b"\na\t1:2:3:4\t512\t999\t1.5\t\t2048\nb\t\t\t\t\tshort\t2048\n"
    ]


def read_index(path: Path) -> None:
    import polars as pl

    from contravox.corpora.shard_index import ShardIndex

    shard = path.with_name("shard")
    shard.write_bytes(bytes(2048))
    utterances = pl.DataFrame({"utterance": ["a", "b"], "path": ["a.wav", "b.wav"]})
    ShardIndex(path, str(shard), utterances).read()


def parquet_files(_: Path) -> list[bytes]:
    import polars as pl

    files = []
    for compression in ("uncompressed", "zstd"):
        file = io.BytesIO()
        table = {"path": ["a.wav", "b.wav"], "speaker": ["a", "b"], "start": [0.0, 1.5]}
        pl.DataFrame(table).write_parquet(file, compression=compression)
        files.append(file.getvalue())
    return files


def of(*texts: str) -> Callable[[Path], list[bytes]]:
    return lambda _: [text.encode() for text in texts]


MANIFEST = (
    "utterance\tspeaker\tsession\tpath\tstart\tduration\tsample_rate\tcorpus\n"
    'a\tann\ts\t/a.wav\t0.0\t1.5\t16000\tA\n"b ""c\td"""\tbob\t\tb.tar#bytes=0-9\t0.5\t2\t8000\tA\n'
)
PROTOCOL = {"name": "o", "corpus": "c", "trials_in_release": 4, "enrolment": "one utterance"}
JSON_DAMAGE = (damage.within_json,)

READERS = {
    "audio": Reader(
        read_recordings,
        audio_files,
        ["a.wav", "a.flac", "a.ogg", "a.mp3", "a.raw", "a.sph", "a.aiff", "a", "a.txt"],
        (damage.within_ogg,),
    ),
    "recordings": Reader(read_to_compare, audio_files, ["a.wav"], (damage.within_ogg,)),
    "manifest": Reader(read_manifest, of(MANIFEST), ["m.tsv"]),
    "trials": Reader(
        read_trials,
        of(
            "enrolment\ttest\ttarget\na\tb\t1\na\tc\t0\n",
            "1 a b\n0 a c\n",
            "a b target\na c nontarget\n",
        ),
        ["t.txt"],
    ),
    "enrolments": Reader(
        read_enrolments, of("enrolment\tutterance\na\tu1\na\tu2\nb\tu3\n"), ["e.tsv"]
    ),
    "protocols": Reader(
        read_protocols,
        of(json.dumps(PROTOCOL), json.dumps({"protocol": PROTOCOL, "EER": 0.1})),
        ["protocol.json", "metrics.json"],
        JSON_DAMAGE,
    ),
    "scores": Reader(
        read_scores,
        of(
            "enrolment\ttest\ttarget\tscore\na\tb\t1\t0.5\na\tc\t0\t-0.25\n", "a b 0.5\na c -1e-3\n"
        ),
        ["s.tsv"],
    ),
    "tables": Reader(
        read_table, of("path,speaker,start\na.wav,ann,0\nb.wav,bob,1.5\n"), ["t.csv", "t.tsv"]
    ),
    "parquet": Reader(read_table, parquet_files, ["t.parquet"]),
    "kaldi": Reader(
        read_kaldi,
        of("a-1 a.wav\nb-1 b.wav\n", "a-1 ann\nb-1 bob\n", "a-1 a-1 0.0 0.1\nb-1 b-1 0.5 1\n"),
        ["wav.scp", "utt2spk", "segments", "spk2gender"],
    ),
    "embeddings": Reader(read_embeddings, embedding_files, ["e.npz"], (damage.within_zip,)),
    "models of PyTorch": Reader(
        use_model, models_of_pytorch, ["m.safetensors"], (damage.within_safetensors,)
    ),
    "models of ONNX": Reader(use_model, models_of_onnx, ["m.onnx"], (damage.within_onnx,)),
    "checkpoints": Reader(resume, checkpoints, ["checkpoint.pt"], (damage.within_zip,)),
    "checkpoints of others": Reader(
        read_checkpoint_of_others, checkpoints_of_others, ["c.pt", "c.ckpt"]
    ),
    "recipes": Reader(read_recipe, recipes, ["r.yaml"]),
    "sweeps": Reader(read_sweep, sweeps, ["s.yaml"]),
    "runs": Reader(read_runs, run_files, ["results.json"], JSON_DAMAGE),
    "galleries": Reader(use_gallery, galleries, ["g.sqlite"], (damage.within_sqlite,)),
    "keys": Reader(read_keys, key_files, ["k.json"], JSON_DAMAGE),
    "shard indices": Reader(read_index, index_files, ["i.tsv"]),
}
