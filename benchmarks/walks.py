"""How many files of contravox a trip enters: how far its reader has to walk.

    python benchmarks/walks.py SPEECH

SPEECH is a folder with a sub-folder of recordings per speaker. The trips: a training step of
small/aamsupcon (one step more of the same training, batch read to weights moved), ``evaluate`` of
what was trained, one verification, and one supervised contrastive loss with its gradient. Loading
code is not a trip: everything is imported before.
"""

import argparse
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import torch
from typer.testing import CliRunner

import contravox
from contravox import Recipe, Trainer, Verifier
from contravox.cli import app
from contravox.corpora.preparation import prepare_corpus
from contravox.objectives.functional import supcon_loss

HOME = str(Path(contravox.__file__).parent)
TINY = [
    "encoder={name: ecapa_tdnn, channels: 16, aggregation: 24, bottleneck: 8, embedding_size: 8}",
    "sampler={name: speakers_utterances, speakers: 4, utterances: 2}",
    *("data.workers=0", "training.epochs=2", "training.schedule.warmup_steps=1"),
    *("training.validate_every=2", "data.validation_trials=null"),
]


def files_entered(trip: Callable[[], object]) -> set[str]:
    """Files of the package in which a function was called."""
    entered = set()

    def note(frame: FrameType, event: str, argument: object) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(HOME):
            entered.add(frame.f_code.co_filename[len(HOME) + 1 :])

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        trip()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    return entered


def a_step(recipe: Recipe, folder: Path) -> set[str]:
    """From reading a batch to the moved weights."""
    trainer = Trainer(recipe, folder)
    entered: set[str] = set()
    step, batches = trainer._step, trainer._batches

    def first(*arguments):  # type: ignore[no-untyped-def]
        """Hand on the batches, and read the second of the epoch as part of the trip."""
        reading = batches(*arguments)
        yield next(reading)
        holder = []
        entered.update(files_entered(lambda: holder.append(next(reading))))
        yield holder[0]
        yield from reading

    def stepped(*arguments):  # type: ignore[no-untyped-def]
        holder = []
        entered.update(files_entered(lambda: holder.append(step(*arguments))))
        return holder[0]

    trainer._batches, trainer._step = first, stepped  # type: ignore[method-assign]
    trainer.fit()
    return entered


def invoke(*arguments: object) -> None:
    """Run a command here, so that what it enters is seen."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exit_code:
        raise SystemExit(f"{result.output}{result.exception}")


def main() -> None:
    """Read the options, measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("speech", type=Path)
    parser.add_argument("--names", action="store_true", help="print the files too")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        corpus, run = Path(folder, "corpus"), Path(folder, "run")
        prepare_corpus("folder", arguments.speech, corpus, split=True)
        manifest = corpus / "train" / "manifest.tsv"
        recipe = Recipe.read("small/aamsupcon", [*TINY, f"data.manifest={manifest}"])
        recordings = sorted(arguments.speech.rglob("*.flac"))[:2]
        trips = {"a training step of small/aamsupcon": a_step(recipe, run)}
        model = run / "model.safetensors"
        trials, verified = corpus / "test" / "trials.tsv", Verifier.load(model).verify
        verified(*recordings)
        invoke("evaluate", model, trials, "-o", Path(folder, "first"))
        evaluate = ("evaluate", model, trials, "-o", Path(folder, "out"), "--no-cache")
        trips["evaluate -o"] = files_entered(lambda: invoke(*evaluate))
        trips["Verifier.load and verify"] = files_entered(
            lambda: Verifier.load(model).verify(*recordings)
        )
        embeddings = torch.randn(8, 4, requires_grad=True)
        labels = torch.arange(4).repeat(2)
        trips["supcon_loss and its gradient"] = files_entered(
            lambda: supcon_loss(embeddings, labels).backward()
        )
    for trip, entered in trips.items():
        print(f"{trip}: {len(entered)} files")
        if arguments.names:
            print("   ", " ".join(sorted(entered)))


if __name__ == "__main__":
    main()
