"""Two commands to see it all: the systems trained, compared, and a pair of recordings verified."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from rich.console import Console

from contravox.audio.waveform import read_audio
from contravox.corpora.preparation import prepare_corpus
from contravox.data.sampling import SpeakersUtterancesSettings
from contravox.demo.synthetic_voices import make_synthetic_voices
from contravox.embeddings import Embeddings
from contravox.errors import CheckpointError
from contravox.evaluation.result import ModelFacts, SystemResult, measure
from contravox.evaluation.validation import score_trials, validate
from contravox.features import FeatureSettings, LogMelFilterbank
from contravox.files.outputs import claimed_folder
from contravox.files.writing import json_text, write_text
from contravox.inference.embed import embed_manifest
from contravox.inference.verifier import Verifier
from contravox.manifest import MANIFEST, Manifest
from contravox.report.folder import PAGE
from contravox.report.page import write_report
from contravox.report.table import render_table
from contravox.terminal.messages import note, tell
from contravox.terminal.progress import progress_bar
from contravox.training.log import read_log
from contravox.training.recipe import Recipe
from contravox.training.shares import mean_shares, shares_in_words
from contravox.training.trainer import MODEL, Trainer
from contravox.trials.scores import METRICS
from contravox.trials.trial_set import TrialSet


@dataclass(frozen=True)
class DemoSystem:
    """One of the systems that are trained and compared.

    recipe: name of a shipped one; title: what to call it; steps: how long to train, about a
    minute; initial: the system whose encoder it starts from.
    """

    recipe: str
    title: str
    steps: int
    initial: str | None = None


SYSTEMS = (
    DemoSystem("aam_softmax", "AAM-softmax", 150),
    DemoSystem("mfcon", "MFCon", 150),
    DemoSystem("aamsupcon", "AAM-SupCon, MGDA by norm", 170),
    DemoSystem("cel", "CEL", 220),
    DemoSystem("cel_finetune", "CEL, fine-tuned", 150, initial="cel"),
)

FILES = (
    *(METRICS, PAGE, f"corpus/{MANIFEST}", f"corpus/*/{MANIFEST}"),
    *("*/model.safetensors", "*/checkpoint.pt"),
)
"""What a demo writes to its folder, beside what else preparation and trainings do."""


def run_demo(
    corpus: Path | None,
    output: Path,
    *,
    seed: int = 0,
    epochs: int | None = None,
    force: bool = False,
) -> list[dict[str, Any]]:
    """Train every system small, compare them on speakers they never heard, verify two pairs.

    What is already there is used again, so an interrupted demo goes on where it stopped.

    corpus: a folder per speaker; None for synthetic voices. output: folder for everything made.
    seed: of the split and the training. epochs: in place of those of the recipes. force: replace
    what is in the way, whoever wrote it.

    Returns the table's numbers. Raises what preparation, training and evaluation raise, and
    KeyboardInterrupt with everything finished so far kept.
    """
    name = "voices" if corpus is None else corpus.resolve().name
    folder = output / f"{name}-seed{seed}"
    speakers = "synthetic voices" if corpus is None else str(corpus.resolve())
    with claimed_folder(folder, "demo", FILES, made_from={"corpus": speakers}, force=force):
        if corpus is None:
            corpus = output / "voices"
            with progress_bar("speaking the corpus") as report:
                make_synthetic_voices(corpus, progress=report)
        return _run(corpus, folder, seed=seed, epochs=epochs)


def _run(corpus: Path, folder: Path, *, seed: int, epochs: int | None) -> list[dict[str, Any]]:
    """The demo of one corpus in one folder."""
    parts = folder / "corpus"
    with progress_bar("reading headers", "files") as report:
        counts = prepare_corpus("folder", corpus, parts, split=True, seed=seed, progress=report)
    for part in ("train", "validation", "test"):
        held = ", ".join(f"{value:,} {key}" for key, value in counts[part].items())
        note(f"{part}: {held}")

    validation = TrialSet.read(parts / "validation")
    test = TrialSet.read(parts / "test")
    results = [_untrained(test)]
    validation_rates = {}
    for system in SYSTEMS:
        result, validation_rates[system.recipe] = _train_and_evaluate(
            system, folder, validation, test, seed=seed, epochs=epochs
        )
        results.append(result)

    metrics = [result.metrics for result in results]
    write_text(folder / METRICS, json_text(metrics) + "\n")
    notes = {
        "Corpus": f"{corpus}, parts of different speakers, seed {seed}",
        "Trials": f"{len(test.trials):,}, of which {test.trials.targets.sum():,} targets",
        "Encoders": "MFA-Conformer (AAM-softmax, MFCon), ECAPA-TDNN (AAM-SupCon), "
        "Fast ResNet-34 (CEL), all small",
        "Untrained log-Mel": "mean and deviation over time of each band",
        "Enrolment": "one utterance; whole utterances embedded",
        "Score": "cosine, not normalised",
        "Threshold": "equal error rate on the validation part",
    }
    for system in SYSTEMS:
        shares = mean_shares(folder / system.recipe)
        if shares:
            notes[f"{system.title}: shares of the encoder's gradient"] = shares_in_words(shares)
    page = folder / PAGE
    write_report(page, "contravox demo", results, notes)
    Console().print(render_table(results))
    tell(f"report: {page}")
    best = min(validation_rates, key=lambda name: validation_rates[name])
    _verify_two_pairs(folder / best / MODEL, test, seed)
    return metrics


def _train_and_evaluate(
    system: DemoSystem,
    folder: Path,
    validation: TrialSet,
    test: TrialSet,
    *,
    seed: int,
    epochs: int | None,
) -> tuple[SystemResult, float]:
    """Train one system, or find it trained; evaluate it. Also gives its validation EER."""
    run = folder / system.recipe
    recipe = _demo_recipe(system, folder, seed=seed, epochs=epochs)
    with progress_bar(system.title, "steps") as report:
        try:
            trainer = Trainer(recipe, run, progress=report)
            model = trainer.fit(resume=True)
        except CheckpointError:
            # Left there by another version or with other settings, and the demo's own to replace.
            shutil.rmtree(run)
            trainer = Trainer(recipe, run, progress=report)
            model = trainer.fit()
    rate, threshold, _ = validate(model, {validation.name: validation})
    model.annotate(threshold=threshold, threshold_source=validation.name)
    model.save(run / MODEL)
    with progress_bar("embedding the test part", "utterances") as report:
        embeddings = embed_manifest(model, test.manifest, progress=report)
    result = measure(
        system.title,
        score_trials(embeddings, test),
        test,
        model=ModelFacts(
            labels_used=model.settings.labels_used,
            parameters=model.parameter_count,
            training_seconds=model.settings.training_seconds,
            losses=_loss_curves(run),
            threshold=threshold,
        ),
    )
    note(f"{system.title}: EER {result.equal_error_rate:.2%}")
    return result, rate


def _demo_recipe(system: DemoSystem, folder: Path, *, seed: int, epochs: int | None) -> Recipe:
    """The shipped recipe, on this corpus and as long as its size allows."""
    parts = folder / "corpus"
    train = parts / "train" / MANIFEST
    overrides = [f"data.manifest={train}", f"training.seed={seed}"]
    shipped = Recipe.read(f"small/{system.recipe}")
    if shipped.data.validation_trials:
        overrides.append(f"data.validation_trials={parts / 'validation' / 'trials.tsv'}")
    if system.initial is not None:
        overrides.append(f"training.initial_model={folder / system.initial / MODEL}")
    utterances = Manifest.read(train)
    # A batch of a small corpus is as large as the corpus allows.
    if isinstance(shipped.sampler, SpeakersUtterancesSettings):
        speakers = min(shipped.sampler.speakers, len(utterances.speakers))
        overrides.append(f"sampler.speakers={speakers}")
        batch = speakers * shipped.sampler.utterances
    else:
        batch = min(shipped.sampler.utterances, len(utterances))
        overrides.append(f"sampler.utterances={batch}")
    if epochs is None:
        epochs = max(1, round(system.steps * batch / len(utterances)))
    overrides.append(f"training.epochs={epochs}")
    return Recipe.read(f"small/{system.recipe}", overrides)


def _loss_curves(run: Path) -> dict[str, list[tuple[int, float]]]:
    """The losses of a training log by objective, as (step, loss)."""
    curves: dict[str, list[tuple[int, float]]] = {}
    for entry in read_log(run):
        for name, loss in entry.get("losses", {}).items():
            curves.setdefault(name, []).append((entry["step"], loss))
    return curves


def _untrained(test: TrialSet) -> SystemResult:
    """What no training at all gives: mean and deviation over time of each log-Mel band."""
    front_end = LogMelFilterbank(FeatureSettings(normalisation="none"))
    vectors = []
    for path in test.manifest.table["path"]:
        waveform = torch.from_numpy(read_audio(path))[None]
        features, _ = front_end(waveform, torch.tensor([waveform.shape[1]]))
        vectors.append(torch.cat([features[0].mean(1), features[0].std(1)]).numpy())
    # Centred, as the cosine of vectors that all point one way would tell nothing.
    stacked = np.stack(vectors)
    embeddings = Embeddings(
        test.manifest.table["utterance"].to_list(), stacked - stacked.mean(axis=0)
    )
    return measure(
        "Untrained log-Mel",
        score_trials(embeddings, test),
        test,
        model=ModelFacts(labels_used=False, parameters=0),
    )


def _verify_two_pairs(model: Path, test: TrialSet, seed: int) -> None:
    """Verify a pair of one speaker and a pair of two; then say what to try next."""
    verifier = Verifier.load(model)
    paths = dict(test.manifest.table.select("utterance", "path").iter_rows())
    tell(f"best on the validation part: {model}")
    pair = ("", "")
    for target in (True, False):
        trial = test.trials.table.filter(pl.col("target") == target).sample(1, seed=seed).row(0)
        pair = paths[trial[0]], paths[trial[1]]
        truth = "one speaker" if target else "two speakers"
        tell(f"  {trial[0]} and {trial[1]}, of {truth}: {verifier.verify(*pair, allow_unfit=True)}")
    tell("next:")
    tell(f"  contravox verify {model} {pair[0]} {pair[1]}")
    tell("  contravox prepare folder YOUR_SPEAKERS -o corpus --split")
    tell("  contravox train small/mfcon training.epochs=20 -o runs/mine")
    tell("  contravox evaluate runs/mine/model.safetensors corpus/test/trials.tsv -o runs/mine")
