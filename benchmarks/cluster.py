"""Embedding by workers of a Ray cluster: `python benchmarks/cluster.py MANIFEST`.

Two nodes on this machine, each held to a core of its own. Prints, in Markdown, the seconds of audio
that this process, held to one core, embeds in a second, and that one and two workers do: from the
first part that is done to the last, as beginning a cluster takes the same for a million hours. The
processors that they had is beside it, as a busy machine gives less.
"""

import argparse
import os
import tempfile
import time
from functools import partial
from pathlib import Path

import psutil

from contravox.audio.stored_folder import StoredFolder
from contravox.inference.default_model import DEFAULT_MODEL
from contravox.inference.embedding_parts import Engine, PartWriter, embed_parts
from contravox.inference.loading import load_model
from contravox.inference.ray_engine import RayEngine
from contravox.manifest import Manifest


def main() -> None:
    """Print a row of this process, and of one and two workers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("manifest", type=Path)
    manifest = Manifest.read(parser.parse_args().manifest)
    # Before Ray and ONNX Runtime are imported.
    os.environ["OMP_NUM_THREADS"] = "1"
    print("| | audio seconds a second | processors in use |\n|---|---|---|")
    model = load_model()
    with tempfile.TemporaryDirectory() as place:
        folder = StoredFolder.at(Path(place) / "here")
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, cores[:1])
        _tell("this process", manifest, folder, partial(map, PartWriter(model, folder)))
        from ray.cluster_utils import Cluster

        # What a process begins inherits the core that it is held to.
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
        os.sched_setaffinity(0, cores[1:2])
        cluster.add_node(num_cpus=1)
        os.sched_setaffinity(0, cores)
        os.environ["RAY_ADDRESS"] = cluster.address
        for workers in (1, 2):
            folder = StoredFolder.at(Path(place) / str(workers))
            engine = RayEngine(DEFAULT_MODEL, model.digest, folder, workers)
            _tell(f"{workers} of Ray", manifest, folder, engine)
        cluster.shutdown()


def _tell(title: str, manifest: Manifest, folder: StoredFolder, engine: Engine) -> None:
    """Embed a manifest and print a row."""
    marks: list[tuple[int, float, float]] = []

    def note(done: int, _: int) -> None:
        if done:
            marks.append((done, time.monotonic(), _processor_seconds()))

    embed_parts(load_model(), manifest, folder, engine=engine, progress=note)
    (first, begin, before), (last, end, after) = marks[0], marks[-1]
    durations = manifest.table.sort("duration", descending=True)["duration"]
    seconds = float(durations[first:last].sum())
    used = (after - before) / (end - begin)
    print(f"| {title} | {seconds / (end - begin):.0f} | {used:.2f} |", flush=True)


def _processor_seconds() -> float:
    """Taken so far by this process and those of Ray's workers."""
    total = 0.0
    for process in psutil.process_iter(["pid", "cmdline", "cpu_times"]):
        words = process.info["cmdline"] or [""]
        if process.info["pid"] == os.getpid() or words[0].startswith("ray::MapWorker"):
            times = process.info["cpu_times"]
            total += times.user + times.system
    return total


if __name__ == "__main__":
    main()
