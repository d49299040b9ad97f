"""Make the model that comes with contravox, measure it, and write its card.

    python benchmarks/default_model.py --speech SPEECH --noise NOISE --teacher TEACHER
        [--output DIR] [KEY=VALUE ...]

SPEECH holds corpora, each a folder for every speaker and ``utterances.tsv``; NOISE a tree of
noises. TEACHER is a model that `contravox convert` made, which embeds the training speech once.
The recipe lies beside this file; KEY=VALUE changes it. Two short runs, by labels alone and with the
teacher, tell what that is worth. Everything is kept in DIR, and what was cut off goes on.

It writes src/contravox/default_model/model.onnx, docs/model-card.json and, from that, the card.
CAM++ is measured beside it, which TEACHER should be, and Resemblyzer where it is installed.
"""

import argparse
import importlib.util
import warnings
from pathlib import Path
from typing import Any

from contravox.commands.cpu import tune_process
from contravox.errors import AudioWarning
from contravox.evaluation.model_evaluation import ModelEvaluation
from contravox.files.writing import write_text
from contravox.inference.default_model import DEFAULT_MODEL
from contravox.inference.embed import embed_manifest
from contravox.inference.export import export_model
from contravox.inference.loading import load_model
from contravox.manifest import Manifest
from contravox.model import Model
from contravox.terminal.messages import note
from contravox.terminal.progress import progress_bar
from contravox.training.log import read_log
from contravox.training.recipe import Recipe
from contravox.training.trainer import Trainer
from contravox.trials.making import make_pooled_trials
from contravox.trials.trial_set import TrialSet
from default_card import write_card
from default_corpus import prepare_noises, prepare_parts
from default_rates import (
    contravox_system,
    embed_conditions,
    measure,
    rates_by_corpus,
    resemblyzer_system,
)

RECIPE = Path(__file__).with_suffix(".yaml")
OURS, TEACHER, RESEMBLYZER = "contravox", "CAM++", "Resemblyzer"
LICENCE = "Apache-2.0"
PROVENANCE = (
    "benchmarks/default_model.py: trained on AN4 (free for any purpose), LibriSpeech, Speech "
    "Commands and Arabic commands (CC BY 4.0) and DSP-speech-20 (MIT), and on what CAM++ of "
    "3D-Speaker (Apache-2.0) makes of the same recordings"
)
MAXIMUM = 5000
"""Trials of a kind from one corpus, to calibrate on."""
SHORT = [
    "training.epochs=2",
    "training.schedule.decay_epochs=1",
    "training.margin_schedule.end=1",
    "training.average=0.99",
]
"""Of the pair of runs that tells what the teacher is worth."""


def main() -> None:
    """Do what is not done yet."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE")
    parser.add_argument("--speech", type=Path, required=True)
    parser.add_argument("--noise", type=Path, required=True)
    parser.add_argument("--teacher", type=Path, required=True)
    parser.add_argument("--output", type=Path, default=Path("default_model"))
    arguments = parser.parse_intermixed_args()
    tune_process()
    warnings.simplefilter("ignore", AudioWarning)
    output: Path = arguments.output
    output.mkdir(parents=True, exist_ok=True)
    prepare_parts(arguments.speech, output)
    prepare_noises(arguments.noise, output)
    embed_training(arguments.teacher, output)
    recipe = Recipe.read(RECIPE, [*_files(output), *arguments.overrides])
    train(recipe, output / "run")
    results = {"ways": compare_ways(recipe, output), "run": describe(recipe, output / "run")}
    calibrate(output)
    results |= measure_all(arguments.teacher, output)
    write_card(results)
    note(f"{DEFAULT_MODEL} and its card are written")


def _files(output: Path) -> list[str]:
    """The recipe's files as keys and values."""
    return [
        f"data.manifest={output / 'train' / 'manifest.tsv'}",
        f"data.targets={output / 'teacher.npz'}",
        f"augmentation.noises={output / 'noises' / 'manifest.tsv'}",
    ]


def embed_training(teacher: Path, output: Path) -> None:
    """What the teacher makes of every training utterance, written once."""
    if (output / "teacher.npz").exists():
        return
    manifest = Manifest.read(output / "train" / "manifest.tsv")
    with progress_bar("the teacher listens", "utterances") as report:
        embed_manifest(load_model(teacher), manifest, progress=report).save(output / "teacher.npz")


def train(recipe: Recipe, folder: Path) -> Model:
    """Train, or go on where it stopped."""
    with progress_bar(folder.name) as report:
        return Trainer(recipe, folder, progress=report).fit(resume=True)


def compare_ways(recipe: Recipe, output: Path) -> dict[str, Any]:
    """Error rates of calibration speakers, by labels alone and with the teacher."""
    raw = recipe.model_dump(mode="json")
    labels = {name: each for name, each in raw["objectives"].items() if "match" not in each}
    alone = {**raw, "objectives": labels, "data": {**raw["data"], "targets": None}}
    manifest = Manifest.read(output / "calibration" / "manifest.tsv")
    rates = {}
    for name, settings in {"labels": alone, "labels and teacher": raw}.items():
        folder = output / f"short, {name}"
        write_text(folder.with_suffix(".yaml"), Recipe.validate_keys(settings, name).to_yaml())
        short = Recipe.read(folder.with_suffix(".yaml"), SHORT)
        embeddings = embed_manifest(train(short, folder), manifest)
        steps = max(entry["step"] for entry in read_log(folder)) + 1
        rates[name] = {"steps": steps, "rates": rates_by_corpus(manifest, embeddings)}
    return rates


def describe(recipe: Recipe, folder: Path) -> dict[str, Any]:
    """What was trained, for how long."""
    model = Model.load(folder / "model.safetensors")
    return {
        "parameters": model.parameter_count,
        "embedding_size": model.embedding_size,
        "steps": max(entry["step"] for entry in read_log(folder)) + 1,
        "batch": recipe.sampler.batch_size,
        "segment_seconds": recipe.data.segment_seconds,
        "hours": model.settings.training_seconds / 3600,
        "speakers": recipe.data.speakers,
        "utterances": recipe.data.utterances,
    }


def calibrate(output: Path) -> None:
    """Give the model a calibration and a threshold of speakers of their own; export it."""
    folder = output / "calibration"
    manifest = Manifest.read(folder / "manifest.tsv")
    make_pooled_trials(manifest, maximum=MAXIMUM).write(folder / "trials.tsv")
    trials = TrialSet.read(folder)
    source = output / "run" / "model.safetensors"
    evaluation = ModelEvaluation(source)
    evaluation.calibrate(trials)
    model = evaluation.model
    assert isinstance(model, Model)
    calibration = model.settings.calibration
    assert calibration is not None
    # Where the ratio is even: what decides for those who do not ask for probabilities.
    [weight] = calibration.weights.values()
    model.annotate(
        threshold=-calibration.offset / weight,
        threshold_source="calibration speakers",
        calibration_source="calibration speakers",
        licence=LICENCE,
        provenance=PROVENANCE,
    )
    DEFAULT_MODEL.parent.mkdir(exist_ok=True)
    export_model(model, source).save(DEFAULT_MODEL)


def measure_all(teacher: Path, output: Path) -> dict[str, Any]:
    """Rates of the exported model on test speakers, beside those of others."""
    manifest = Manifest.read(output / "test" / "manifest.tsv")
    digest = load_model().digest
    systems = {OURS: contravox_system(DEFAULT_MODEL), TEACHER: contravox_system(teacher)}
    if importlib.util.find_spec("resemblyzer"):
        systems[RESEMBLYZER] = resemblyzer_system()
    for name, embed in systems.items():
        folder = output / "measured" / (digest if name == OURS else name)
        embed_conditions(name, embed, manifest, folder)
    folders = {name: output / "measured" / (digest if name == OURS else name) for name in systems}
    return {"digest": digest, "bytes": DEFAULT_MODEL.stat().st_size} | measure(
        manifest, folders, OURS
    )


if __name__ == "__main__":
    main()
