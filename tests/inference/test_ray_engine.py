"""On a cluster of Ray on this machine: two nodes of one CPU each."""

import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl
import psutil
import pytest

from contravox.errors import ContravoxError
from contravox.inference.ray_engine import check_address

pytestmark = pytest.mark.cluster

COMMAND = [sys.executable, "-m", "contravox", "embed", "manifest.tsv"]
WORKER = "ray::MapWorker"
"""How Ray calls the processes that hold the model, once they have begun."""


@pytest.fixture(scope="module")
def work(tone_corpus, tmp_path_factory):
    """A folder with a manifest of 17 minutes in 18 parts, and its embeddings by this process."""
    folder = tmp_path_factory.mktemp("work")
    paths = sorted(map(str, tone_corpus.rglob("*.wav")))
    rows = [
        (f"{number:02}/{Path(path).parts[-3]}/{Path(path).stem}", Path(path).parts[-3], path, 0.9)
        for number in range(20)
        for path in paths
    ]
    table = pl.DataFrame(rows, schema=["utterance", "speaker", "path", "duration"], orient="row")
    table.write_csv(folder / "manifest.tsv", separator="\t")
    subprocess.run([*COMMAND, "-o", "plain.parquet"], cwd=folder, check=True)
    return folder


@pytest.fixture(scope="module")
def cluster():
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    made.add_node(num_cpus=1)
    yield made
    made.shutdown()


@pytest.fixture
def begin(work, cluster):
    """Begin the command on the cluster; it is gone when the test ends."""
    begun = []

    def begin(output):
        environment = {**os.environ, "RAY_ADDRESS": cluster.address, "OMP_NUM_THREADS": "1"}
        command = [*COMMAND, "-o", output, "--engine", "ray"]
        process = subprocess.Popen(command, cwd=work, env=environment, stderr=-1, text=True)
        begun.append(process)
        return process

    yield begin
    for process in begun:
        process.kill()
        process.wait()
        process.stderr.close()


def parts(folder):
    """When each part that is there was written."""
    return {path.name: path.stat().st_mtime_ns for path in folder.glob("part-*.parquet")}


def wait_for(count, folder, process):
    """Wait until so many parts are there; give them."""
    deadline = time.monotonic() + 300
    while len(parts(folder)) < count:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, f"{len(parts(folder))} of {count} parts"
        time.sleep(0.01)
    return parts(folder)


def workers():
    return [each for each in psutil.process_iter(["cmdline"]) if is_worker(each)]


def is_worker(process):
    return any(word.startswith(WORKER) for word in process.info["cmdline"] or ())


def embeddings(path):
    return pl.read_parquet(path).sort("utterance")


def test_who_is_killed_loses_nothing_and_nothing_is_written_twice(work, begin):
    folder = work / "out"
    command = begin("out")
    before = wait_for(2, folder, command)
    assert len(before) < 10
    running = workers()
    assert len(running) == 2
    running[0].kill()
    later = wait_for(len(before) + 4, folder, command)
    assert before.items() <= later.items()
    command.kill()
    command.wait()
    while workers():
        time.sleep(0.1)
    stopped = parts(folder)
    assert len(stopped) < 18
    again = begin("out")
    errors = again.communicate()[1]
    assert again.returncode == 0, errors
    assert len(parts(folder)) == 18
    assert stopped.items() <= parts(folder).items()
    # Nothing is left of the files that the killed were at.
    assert {path.suffix for path in folder.iterdir()} == {".parquet", ".json"}
    found, plain = embeddings(folder / "*.parquet"), embeddings(work / "plain.parquet")
    assert found.drop("embedding").equals(plain.drop("embedding"))
    np.testing.assert_allclose(
        found["embedding"].to_numpy(), plain["embedding"].to_numpy(), rtol=1e-4, atol=1e-4
    )


def test_a_store_that_each_process_has_for_itself_is_found_out(begin):
    command = begin("memory://out")
    errors = command.communicate()[1]
    assert command.returncode == 2
    assert "18 of 18 parts were written where this machine does not see them" in errors
    assert "Traceback" not in errors


@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:1", "nowhere", "a:b", "[::"])
def test_an_address_at_which_nothing_answers_is_refused_at_once(address):
    with pytest.raises(ContravoxError, match=rf"RAY_ADDRESS={re.escape(address)}: no Ray cluster"):
        check_address(address)


def test_an_address_at_which_something_answers_is_taken():
    with socket.create_server(("127.0.0.1", 0)) as server:
        check_address(f"127.0.0.1:{server.getsockname()[1]}")
        check_address(f"ray://127.0.0.1:{server.getsockname()[1]}")
    check_address("auto")
    check_address("")
