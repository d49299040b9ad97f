"""Whether memory stays as it is over a long training, and in a service over many requests.

    python benchmarks/memory.py training [--steps 5000]
    python benchmarks/memory.py serving MODEL SPEECH [--requests 10000]

Prints what the process holds as the work goes on, and by how much it grows in 1,000 steps or
requests: the slope of a line through the means of twenty parts of the last two thirds, with an
interval of 95 %. In the first third caches fill. `training`: the losses of MFCon on synthetic
voices, validated and written to a checkpoint every few dozen steps. `serving`: claims of 1 s, of
recordings of the folder SPEECH, by eight clients.
"""

import argparse
import asyncio
import os
import resource
import tempfile
from contextlib import suppress
from pathlib import Path

import numpy as np
from scipy import stats

from contravox.commands.cpu import tune_process
from contravox.corpora.preparation import prepare_corpus
from contravox.demo.synthetic_voices import make_synthetic_voices
from contravox.training.recipe import Recipe
from contravox.training.trainer import Trainer
from service import Connection, checked, enrolled, recordings, running

PARTS = 20
CLIENTS = 8


class Watch:
    """Memory of a process as its work goes on; what: the work is counted in."""

    def __init__(self, what: str, total: int) -> None:
        self.what, self.total = what, total
        self.held: list[tuple[int, float]] = []

    def note(self, process: int, done: int) -> None:
        """After so much of the work; print it ten times."""
        pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
        self.held.append((done, pages * resource.getpagesize() / 1024))
        if len(self.held) == 1 or done * 10 // self.total > self.held[-2][0] * 10 // self.total:
            print(f"{done:7,} {self.what}: {self.held[-1][1] / 1024:7.1f} MB", flush=True)

    def tell(self) -> None:
        """Print how much it grows."""
        done, held = np.array(self.held).T
        late = done > self.total / 3
        parts = [np.array_split(values[late], PARTS) for values in (done / 1000, held)]
        line = stats.linregress(*([part.mean() for part in each] for each in parts))
        spread = float(stats.t.ppf(0.975, PARTS - 2)) * line.stderr
        print(f"growth: {line.slope:+.1f} ± {spread:.1f} kB in 1,000 {self.what}")


def training(steps: int) -> None:
    """Train a small system for so many steps."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        make_synthetic_voices(folder / "voices", voices=24, utterances=12)
        prepare_corpus("folder", folder / "voices", folder / "corpus", split=True)
        recipe = Recipe.read(
            "small/mfcon_ecapa",
            [
                f"data.manifest={folder}/corpus/train/manifest.tsv",
                f"data.validation_trials={folder}/corpus/validation/trials.tsv",
                "data.segment_seconds=0.5",
                "sampler.speakers=8",
                "features.bins=24",
                "encoder.channels=32",
                "training.epochs=100000",
                "training.checkpoint_steps=50",
            ],
        )
        watch = Watch("steps", steps)

        def note(done: int, _total: int, _line: str) -> None:
            watch.note(os.getpid(), done)
            if done >= steps:
                raise KeyboardInterrupt

        with suppress(KeyboardInterrupt):
            Trainer(recipe, folder / "run", progress=note).fit()
        watch.tell()


def serving(model: Path, speech: Path, requests: int) -> None:
    """Answer so many claims, and see that each answer is right."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder, "gallery.sqlite")
        known = enrolled(place, model, recordings(speech, 1))
        watch = Watch("requests", requests)
        with running(place, model) as service:

            async def ask() -> None:
                connections = [Connection(service.port) for _ in range(CLIENTS)]
                for done in range(CLIENTS, requests + 1, CLIENTS):
                    each = [known[(done + number) % len(known)] for number in range(CLIENTS)]
                    claims = zip(connections, each, strict=True)
                    answers = await asyncio.gather(*(one.claim(of.body) for one, of in claims))
                    for answer, of in zip(answers, each, strict=True):
                        if checked(answer, of) != 200:
                            raise SystemExit("refused, though the queue is long enough")
                    watch.note(service.process.pid, done)

            asyncio.run(ask())
        watch.tell()


def main() -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    what = parser.add_subparsers(dest="what", required=True)
    trained = what.add_parser("training")
    trained.add_argument("--steps", type=int, default=5000)
    served = what.add_parser("serving")
    served.add_argument("model", type=Path)
    served.add_argument("speech", type=Path, help="a folder of recordings")
    served.add_argument("--requests", type=int, default=10_000)
    given = parser.parse_args()
    if given.what == "training":
        tune_process()
        training(given.steps)
    else:
        serving(given.model, given.speech, given.requests)


if __name__ == "__main__":
    main()
