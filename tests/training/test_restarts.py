"""Training on two machines, as two agents of torchrun on this one, of which one loses a process."""

import json
import os
import socket
import subprocess
import sys
import time

import psutil
import pytest
import torch
from safetensors.torch import load_file

pytestmark = pytest.mark.cluster

RECIPE = [
    "small/aamsupcon",
    *("data.segment_seconds=0.4", "data.workers=1", "features.bins=20"),
    "sampler={name: speakers_utterances, speakers: 4, utterances: 2}",
    "encoder={name: ecapa_tdnn, channels: 16, aggregation: 24, bottleneck: 8, embedding_size: 8}",
    *("training.epochs=6", "training.validate_every=3", "training.checkpoint_steps=1"),
]
STEPS = 6 * 6
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=1"]


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture(scope="module")
def begin(corpus, tmp_path_factory):
    """Begin training into a folder on two machines; who still runs in the end is killed."""
    agents = []

    def begin():
        folder = tmp_path_factory.mktemp("machines")
        meeting = [
            *("--nnodes=2", "--max-restarts=1", "--rdzv-backend=c10d", f"--rdzv-id={folder.name}"),
            *(f"--rdzv-endpoint=127.0.0.1:{free_port()}", "--local-addr=127.0.0.1"),
        ]
        train = ["-m", "contravox", "train", *RECIPE, "-o", folder / "run", "--json"]
        data = [
            f"data.manifest={corpus}/train/manifest.tsv",
            f"data.validation_trials={corpus}/validation/trials.tsv",
        ]
        command = [*TORCHRUN, *meeting, *train, *data]
        own = {"OMP_NUM_THREADS": "1", "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1"}
        environment = {**os.environ, **own}
        begun = []
        for number in range(2):
            with open(folder / f"{number}.errors", "w") as errors:
                begun.append(
                    subprocess.Popen(command, env=environment, stdout=-1, stderr=errors, text=True)
                )
        agents.extend(begun)
        return folder, begun

    yield begin
    for agent in agents:
        if agent.poll() is None:
            for process in [*psutil.Process(agent.pid).children(recursive=True), agent]:
                process.kill()
        agent.communicate()


@pytest.fixture(scope="module")
def undisturbed(begin):
    """The weights of a training in which nobody was killed."""
    folder, agents = begin()
    assert finished(folder, agents)["steps"] == STEPS
    return load_file(folder / "run" / "model.safetensors")


def finished(folder, agents):
    """What the leading process said in the end."""
    said = [agent.communicate(timeout=500)[0] for agent in agents]
    errors = [path.read_text() for path in sorted(folder.glob("*.errors"))]
    assert [agent.returncode for agent in agents] == [0, 0], "\n".join(errors)
    [result] = filter(None, said)
    return json.loads(result)


def steps(folder):
    """Of the training so far, the numbers that were logged."""
    log = folder / "run" / "log.jsonl"
    lines = log.read_text().splitlines() if log.is_file() else []
    return [json.loads(line)["step"] for line in lines if '"losses"' in line]


@pytest.mark.parametrize("leads", [True, False])
def test_a_process_that_is_killed_comes_back_from_the_checkpoint(begin, undisturbed, leads):
    folder, agents = begin()
    while len(steps(folder)) < 8:
        assert all(agent.poll() is None for agent in agents)
        time.sleep(0.05)
    training = [psutil.Process(agent.pid).children()[0] for agent in agents]
    [chosen] = [each for each in training if (each.environ()["RANK"] == "0") == leads]
    chosen.kill()
    assert finished(folder, agents)["steps"] == STEPS
    # It went on where it was, and did not begin anew: the log, which goes on too, tells no step
    # before the kill twice.
    logged = steps(folder)
    assert sorted(set(logged)) == list(range(STEPS))
    assert len(logged) <= STEPS + 2
    ended = load_file(folder / "run" / "model.safetensors")
    assert ended.keys() == undisturbed.keys()
    for name, values in undisturbed.items():
        assert torch.equal(values, ended[name]), name
