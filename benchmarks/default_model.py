"""Make the model that comes with contravox, measure it, and write its card.

    pip install praat-parselmouth
    python benchmarks/default_model.py --speech SPEECH --noise NOISE --responses RESPONSES
        --teacher TEACHER [--output DIR] [--further [--kept SHARE]] [KEY=VALUE ...]

SPEECH holds corpora, each a folder for every speaker and ``utterances.tsv``; NOISE and RESPONSES
are trees of noises and of impulse responses. TEACHER is the CAM++ that `contravox convert` made, of
the kind .safetensors. The recipe lies beside this file; KEY=VALUE changes it. Short runs, on all
but two of the corpora, tell what its parts are worth on these two. Everything is kept in DIR, and
what was cut off goes on.

With --further training starts from the model that there is, and --kept says how much of the way
from its weights to those at the end is taken.

It writes src/contravox/default_model/model.onnx, docs/model-card.json and, from that, the card.
CAM++ is measured beside it, which TEACHER is, and Resemblyzer where it is installed.
"""

import argparse
import importlib.util
import json
import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from contravox.commands.cpu import tune_process
from contravox.data.settings import DataSettings
from contravox.encoders.cam_plus_plus import CamPlusPlusSettings
from contravox.errors import AudioWarning
from contravox.evaluation.augmented_copies import AugmentedCopies
from contravox.evaluation.model_evaluation import ModelEvaluation
from contravox.files.writing import write_bytes, write_text
from contravox.inference.default_model import DEFAULT_MODEL
from contravox.inference.export import export_model
from contravox.inference.graph_weights import take_weights
from contravox.inference.half_weights import halve_weights
from contravox.inference.loading import load_model
from contravox.manifest import Manifest
from contravox.model import Model
from contravox.terminal.messages import note
from contravox.terminal.progress import progress_bar
from contravox.training.log import read_log
from contravox.training.recipe import Recipe
from contravox.trials.making import make_pooled_trials
from contravox.trials.trial_set import TrialSet
from default_card import CARD, write_card
from default_corpus import prepare_noises, prepare_parts
from default_decisions import decide
from default_rates import contravox_system, embed_conditions, measure, resemblyzer_system
from default_rooms import prepare_rooms
from default_run import RECIPE, files, train
from default_student import begin_student
from left_out_corpora import measure_left_out

OURS, TEACHER, RESEMBLYZER = "contravox", "CAM++", "Resemblyzer"
LICENCE = "Apache-2.0"
PROVENANCE = (
    "benchmarks/default_model.py: began as half of the layers of 3D-Speaker's CAM++ (Apache-2.0); "
    "trained on AN4 (free for any purpose), LibriSpeech, Speech Commands and Arabic commands "
    "(CC BY 4.0) and DSP-speech-20 (MIT), and on what that CAM++ makes of the same recordings"
)
MAXIMUM = 5000
"""Trials of a kind from one corpus, to calibrate on."""
COPIES = 2
"""Of every recording, to calibrate on."""


def main() -> None:
    """Do what is not done yet."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE")
    parser.add_argument("--speech", type=Path, required=True)
    parser.add_argument("--noise", type=Path, required=True)
    parser.add_argument("--responses", type=Path, required=True)
    parser.add_argument("--teacher", type=Path, required=True)
    parser.add_argument("--output", type=Path, default=Path("default_model"))
    parser.add_argument("--further", action="store_true", help="train the one there is further")
    parser.add_argument("--kept", type=float, default=1.0, metavar="SHARE")
    arguments = parser.parse_intermixed_args()
    tune_process()
    warnings.simplefilter("ignore", AudioWarning)
    output: Path = arguments.output
    output.mkdir(parents=True, exist_ok=True)
    prepare_parts(arguments.speech, output)
    prepare_noises(arguments.noise, output)
    prepare_rooms(arguments.responses, output)
    given = [*files(output, arguments.teacher), *arguments.overrides]
    start, goes = begin_again(output) if arguments.further else (begin(output, given), [])
    recipe = Recipe.read(RECIPE, [*given, start])
    train(recipe, output / "run")
    kept = arguments.kept if arguments.further else 1.0
    goes.append({**describe(recipe, output / "run", goes), "kept": kept})
    finish(output, kept)
    results = {"left_out": measure_left_out(output, arguments.teacher), "goes": goes}
    calibrate(output)
    results |= measure_all(arguments.teacher, output)
    write_card(results)
    note(f"{DEFAULT_MODEL} and its card are written")


def begin(output: Path, given: Sequence[str]) -> str:
    """The setting by which training starts from part of the teacher, which is made once."""
    student = output / "student.safetensors"
    start = f"training.initial_model={student}"
    if not student.exists():
        recipe = Recipe.read(RECIPE, [*given, start])
        assert recipe.data.teacher is not None
        begin_student(recipe.data.teacher, recipe).save(student)
    return start


def begin_again(output: Path) -> tuple[str, list[dict[str, Any]]]:
    """The setting by which training starts from the model that there is, and how that was trained.

    They are copied: the end writes others in their place, after which this may be called again.
    """
    model, goes = output / "before.onnx", output / "before.json"
    if not goes.exists():
        write_bytes(model, DEFAULT_MODEL.read_bytes())
        card = json.loads(CARD.read_text(encoding="utf-8"))
        write_text(goes, json.dumps(card["goes"]))
    return f"training.initial_model={model}", json.loads(goes.read_text(encoding="utf-8"))


def finish(output: Path, kept: float) -> None:
    """Write the model that was trained, or what is part of the way to it from where it began."""
    model = Model.load(output / "run" / "model.safetensors")
    if kept < 1:
        before = Model(model.settings)
        take_weights(before, output / "before.onnx")
        with torch.no_grad():
            for old, new in zip(
                before.state_dict().values(), model.state_dict().values(), strict=True
            ):
                if new.is_floating_point():
                    new.lerp_(old, 1 - kept)
    model.save(output / "model.safetensors")


def describe(recipe: Recipe, folder: Path, before: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What was trained in one go, for how long. before: earlier goes, which its seconds count."""
    model = Model.load(folder / "model.safetensors")
    encoder = model.settings.encoder
    assert isinstance(encoder, CamPlusPlusSettings)
    hours = model.settings.training_seconds / 3600 - sum(each["hours"] for each in before)
    return {
        "parameters": model.parameter_count,
        "layers": list(encoder.layers),
        "embedding_size": model.embedding_size,
        "steps": max(entry["step"] for entry in read_log(folder)) + 1,
        "batch": recipe.sampler.batch_size,
        "segment_seconds": recipe.data.segment_seconds,
        "hours": hours,
        "speakers": recipe.data.speakers,
        "utterances": recipe.data.utterances,
        "cores": torch.get_num_threads(),
        "processor": _processor(),
        "heard": _heard(recipe.data),
    }


def _heard(data: DataSettings) -> str:
    """What the teacher was asked about."""
    if data.teacher is None:
        return "whole utterances, once"
    recorded = data.teacher_hears == "recorded"
    return "every segment, as it was recorded" if recorded else "every segment"


def _processor() -> str:
    """What Linux calls it."""
    names = re.findall(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return str(names[0]) if names else "an unknown processor"


def calibrate(output: Path) -> None:
    """Give the model a calibration and a threshold of speakers of their own; export it.

    The calibration looks at durations and bandwidths, and learns from augmented copies too, as
    ``verify`` hears shorter and worse recordings than those of corpora.
    """
    folder = output / "calibration"
    manifest = Manifest.read(folder / "manifest.tsv")
    make_pooled_trials(manifest, maximum=MAXIMUM).write(folder / "trials.tsv")
    trials = TrialSet.read(folder)
    source = output / "model.safetensors"
    evaluation = ModelEvaluation(source, stage=progress_bar)
    # Where the ratio is even by the score alone: what decides where nothing else is looked at.
    plain = evaluation.calibrate(trials)
    copies = AugmentedCopies(COPIES)
    evaluation.calibrate(trials, ["duration", "bandwidth"], copies)
    model = evaluation.model
    assert isinstance(model, Model)
    model.annotate(
        threshold=-plain.offset / plain.weights["score"],
        threshold_source="calibration speakers",
        calibration_source=f"calibration speakers, with {copies}",
        licence=LICENCE,
        provenance=PROVENANCE,
    )
    DEFAULT_MODEL.parent.mkdir(exist_ok=True)
    halve_weights(export_model(model, source)).save(DEFAULT_MODEL)


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
    calibration = load_model().settings.calibration
    assert calibration is not None
    return {
        "digest": digest,
        "bytes": DEFAULT_MODEL.stat().st_size,
        "decisions": decide(manifest, folders[OURS], calibration),
        **measure(manifest, folders, OURS),
    }


if __name__ == "__main__":
    main()
