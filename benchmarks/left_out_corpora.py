"""What the parts of the default model's recipe are worth on corpora that it never heard.

    python benchmarks/left_out_corpora.py --teacher TEACHER [--output DIR] [--only NAME ...]

Trains each of VARIANTS on what `default_model.py` prepared in DIR, but for LEFT_OUT, and measures
it on these, all of their speakers: whole, 2 s of each, over the telephone and in noise. Runs are
short, of a thousand steps at most. The results are kept in DIR, and what was cut off goes on.
"""

import argparse
import json
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from contravox.commands.cpu import tune_process
from contravox.embeddings import Embeddings
from contravox.errors import AudioWarning
from contravox.files.writing import write_text
from contravox.inference.export import export_model
from contravox.manifest import Manifest
from contravox.model import Model
from contravox.training.log import read_log
from contravox.training.recipe import Recipe
from default_corpus import ANOTHER_WAY, PARTS
from default_rates import contravox_system, embed_conditions, rates_by_corpus
from default_run import RECIPE, files, train
from default_student import begin_student
from default_targets import embed_training

LEFT_OUT = ("librispeech", "dspspeech20")
CONDITIONS = ("as recorded", "2 s", "telephone", "noise, 10 dB")
MOST = 20
"""Recordings of a speaker that are tested."""
SHARES = "sampler.corpus_shares={an4: 0.25, arabic_commands: 0.2, speech_commands: 0.55}"
FROM_RANDOM = (
    "features={bins: 80, normalisation: mean}",
    "encoder={name: ecapa_tdnn, channels: 256, scale: 8, aggregation: 512, bottleneck: 64, "
    "embedding_size: 192}",
    "objectives={classification: {name: aam_softmax, margin: 0.2, scale: 30, weight: 0.1}, "
    "contrast: {name: supcon, temperature: 0.07, weight: 0.05}, "
    "teacher: {name: distillation, match: embeddings, weight: 5}, "
    "similarities: {name: distillation, match: similarities, weight: 8}}",
    "training.initial_model=null",
    "training.batchnorm=batch",
    "training.epochs=2",
    "training.optimiser.learning_rate=0.002",
    "training.schedule={name: cosine, warmup_steps: 100}",
    "training.margin_schedule={end: 1}",
)
"""The default model's recipe, of an ECAPA-TDNN that begins at random."""


class Variant(NamedTuple):
    """without: a regular expression of paths of training speech that are left out.

    overrides: of the recipe. once: whether the teacher heard every utterance once, clean and whole,
    in place of every segment. begun: whether the model begins as part of the teacher, as the
    default model does, and not at random. trained: or left as it began. after: the variant from
    whose model it goes on, in place of that.
    """

    without: str | None = None
    overrides: tuple[str, ...] = ()
    once: bool = False
    begun: bool = False
    trained: bool = True
    after: str | None = None


BABBLE = (
    "augmentation.babble=1",
    "augmentation.babble_voices=[3, 7]",
    "augmentation.babble_snr=[13, 20]",
)
"""Several voices far below the speaker's, as before there was a second one."""
TRAINED = "every other layer of the teacher, trained"
LABELS_ALONE = (
    "data.teacher=null",
    "objectives={classification: {name: aam_softmax, margin: 0.2, scale: 30, weight: 0.1}, "
    "contrast: {name: supcon, temperature: 0.07, weight: 0.05}}",
)
VARIANTS = {
    "recordings at three speeds, simulated rooms": Variant(
        r"@voice|\+\.wav",
        (
            "training.epochs=4",
            *("augmentation.rooms=null", "augmentation.codecs=[mu_law]"),
            *BABBLE,
        ),
        once=True,
    ),
    "and other voices, other ways to speak, devices, MP3": Variant(overrides=BABBLE, once=True),
    "the same by labels alone": Variant(overrides=(*BABBLE, *LABELS_ALONE)),
    "the same, and the teacher hears each segment": Variant(overrides=BABBLE),
    "and in a third of them a second voice": Variant(),
    "every other layer of the teacher, not trained": Variant(begun=True, trained=False),
    TRAINED: Variant(begun=True),
    "the same, and the teacher hears segments as they were recorded": Variant(
        overrides=("data.teacher_hears=recorded",), begun=True
    ),
    "every other layer of the teacher, trained again as long": Variant(begun=True, after=TRAINED),
}


def main() -> None:
    """Read the options; measure what is not measured yet."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--teacher", type=Path, required=True)
    parser.add_argument("--output", type=Path, default=Path("default_model"))
    parser.add_argument("--only", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    arguments = parser.parse_args()
    tune_process()
    warnings.simplefilter("ignore", AudioWarning)
    measured = measure_left_out(arguments.output, arguments.teacher, arguments.only)
    print(json.dumps(measured, indent=1))


def measure_left_out(
    output: Path, teacher: Path, names: Sequence[str] = tuple(VARIANTS)
) -> dict[str, Any]:
    """Steps and rates of each variant, the rates by condition and corpus left out."""
    heard = heard_of_left_out(output)
    results = {}
    for name in names:
        folder = output / "left_out" / name
        known = folder / "rates.json"
        if not known.exists():
            model, steps = _model(output, teacher, folder, VARIANTS[name])
            rates = _rates(name, model, folder, heard)
            write_text(known, json.dumps({"steps": steps, "rates": rates}))
        results[name] = json.loads(known.read_text(encoding="utf-8"))
    return results


def _model(output: Path, teacher: Path, folder: Path, variant: Variant) -> tuple[Path, int]:
    """The file of a variant's model, and the steps that it was trained."""
    if variant.after is not None:
        before = output / "left_out" / variant.after
        _model(output, teacher, before, VARIANTS[variant.after])
    recipe = _recipe(output, teacher, folder, variant)
    if variant.begun and not (begun := _begun(output)).exists():
        begin_student(teacher, recipe).save(begun)
    if not variant.trained:
        return _begun(output), 0
    train(recipe, folder / "run")
    return _trained(folder), _steps(output, folder, variant)


def _trained(folder: Path) -> Path:
    return folder / "run" / "model.safetensors"


def _steps(output: Path, folder: Path, variant: Variant) -> int:
    """Those of the variant that it goes on from, too."""
    steps = max(entry["step"] for entry in read_log(folder / "run")) + 1
    if variant.after is None:
        return steps
    return steps + _steps(output, output / "left_out" / variant.after, VARIANTS[variant.after])


def _begun(output: Path) -> Path:
    """The part of the teacher that models begin as, fitted without what is left out."""
    return output / "left_out" / "student.safetensors"


def _start(output: Path, variant: Variant) -> Path:
    """What the model of a variant begins as."""
    if variant.after is None:
        return _begun(output)
    return _trained(output / "left_out" / variant.after)


def _recipe(output: Path, teacher: Path, folder: Path, variant: Variant) -> Recipe:
    folder.mkdir(parents=True, exist_ok=True)
    table = Manifest.read(output / "train" / "manifest.tsv").table
    table = table.filter(~pl.col("corpus").is_in(LEFT_OUT))
    if variant.without:
        table = table.filter(~pl.col("path").str.contains(variant.without))
    rest = Manifest(table)
    rest.write(folder / "manifest.tsv")
    own = [
        f"data.manifest={folder / 'manifest.tsv'}",
        f"data.speakers={len(rest.speakers)}",
        f"data.utterances={len(rest)}",
    ]
    if variant.once:
        own += ["data.teacher=null", f"data.targets={embed_training(teacher, output)}"]
    begun = (f"training.initial_model={_start(output, variant)}",)
    start = begun if variant.begun else FROM_RANDOM
    given = [*files(output, teacher), *start, SHARES, *own, *variant.overrides]
    return Recipe.read(RECIPE, given)


def heard_of_left_out(output: Path) -> Manifest:
    """Recordings of all speakers of the corpora left out, as they are."""
    tables = [Manifest.read(output / part / "manifest.tsv").table for part in PARTS]
    table = pl.concat(tables, how="diagonal").filter(pl.col("corpus").is_in(LEFT_OUT))
    changed = pl.col("speaker").str.contains("@", literal=True)
    changed |= pl.col("path").str.ends_with(f"{ANOTHER_WAY}.wav")
    # The first of some speakers would all be of their first session.
    drawn = pl.int_range(pl.len()).shuffle(seed=0).over("corpus", "speaker") < MOST
    return Manifest(table.filter(~changed).filter(drawn))


def _rates(
    name: str, model: Path, folder: Path, heard: Manifest
) -> Mapping[str, Mapping[str, float]]:
    exported = folder / "model.onnx"
    export_model(Model.load(model), model).save(exported)
    system = contravox_system(exported)
    embed_conditions(name, system, heard, folder / "measured", CONDITIONS)
    return {
        condition: rates_by_corpus(heard, Embeddings.load(folder / "measured" / f"{condition}.npz"))
        for condition in CONDITIONS
    }


if __name__ == "__main__":
    main()
