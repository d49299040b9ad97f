"""A store that speaks S3, on this machine: speech goes there, and embeddings of what is there."""

import io
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import boto3
import numpy as np
import polars as pl
import pytest
from safetensors.numpy import load_file

pytestmark = pytest.mark.cluster

RECIPE = [
    "small/aam_softmax",
    *("data.segment_seconds=0.4", "data.validation_trials=null", "features.bins=20"),
    "sampler={name: speakers_utterances, speakers: 4, utterances: 2}",
    "encoder={name: ecapa_tdnn, channels: 16, aggregation: 24, bottleneck: 8, embedding_size: 8}",
    "training.epochs=2",
]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """The process of the store, and a client of its only bucket."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    with (tmp_path_factory.mktemp("store") / "log").open("w") as log:
        process = subprocess.Popen([sys.executable, "-m", "moto.server", "-p", port], stderr=log)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "who")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "whatever")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        deadline = time.monotonic() + 120
        while True:
            with socket.socket() as client:
                if client.connect_ex(("127.0.0.1", int(port))) == 0:
                    break
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.2)
        client = boto3.client("s3")
        client.create_bucket(Bucket="bucket")
        yield process, client
    process.kill()
    process.wait()


@pytest.fixture(scope="module")
def shards(corpus, store, tmp_path_factory):
    """A folder with the manifest of speech in the store."""
    folder = tmp_path_factory.mktemp("shards")
    local = str(corpus / "train" / "manifest.tsv")
    command("shard", local, "-o", str(folder), "--store", "s3://bucket/shards", "--force")
    return folder


@pytest.fixture(scope="module")
def embedded(shards, store):
    """Names and embeddings of that speech, from the store to the store."""
    command("embed", str(shards / "manifest.tsv"), "-o", "s3://bucket/embeddings")
    return embeddings(store[1], "embeddings")


def command(*arguments, status=0):
    """Run one; give what it tells of errors."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "contravox", *arguments],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert done.returncode == status, done.stderr
    return done.stderr


def embeddings(client, folder):
    """What the parts in a folder of the bucket hold: utterance and embedding."""
    listed = client.list_objects_v2(Bucket="bucket", Prefix=f"{folder}/")["Contents"]
    bodies = [client.get_object(Bucket="bucket", Key=each["Key"])["Body"].read() for each in listed]
    table = pl.concat(pl.read_parquet(io.BytesIO(body)) for body in bodies).sort("utterance")
    return table["utterance"].to_list(), np.stack(table["embedding"].to_list())


def test_embeddings_of_speech_in_the_store_are_those_of_the_files(
    corpus, shards, embedded, tmp_path
):
    manifest = pl.read_csv(shards / "manifest.tsv", separator="\t")
    assert manifest["path"].str.starts_with("s3://bucket/shards/").all()
    command("embed", str(corpus / "train" / "manifest.tsv"), "-o", str(tmp_path / "local.parquet"))
    local = pl.read_parquet(tmp_path / "local.parquet").sort("utterance")
    names, vectors = embedded
    assert names == local["utterance"].to_list()
    np.testing.assert_allclose(vectors, np.stack(local["embedding"].to_list()), atol=1e-5)


def test_training_on_the_store_gives_the_weights_of_training_on_files(corpus, shards, tmp_path):
    for name, folder in {"store": shards, "files": corpus / "train"}.items():
        manifest = f"data.manifest={folder / 'manifest.tsv'}"
        command("train", *RECIPE, manifest, "-o", str(tmp_path / name))
    there, here = (load_file(tmp_path / name / "model.safetensors") for name in ("store", "files"))
    assert there.keys() == here.keys()
    for name, weights in there.items():
        np.testing.assert_array_equal(weights, here[name])


def test_a_store_that_answers_nothing_for_a_while_is_waited_for(shards, store, embedded):
    process, client = store
    process.send_signal(signal.SIGSTOP)
    # Longer than an attempt may take.
    threading.Timer(35, process.send_signal, [signal.SIGCONT]).start()
    command("embed", str(shards / "manifest.tsv"), "-o", "s3://bucket/waited")
    np.testing.assert_array_equal(embeddings(client, "waited")[1], embedded[1])


@pytest.mark.parametrize(
    "arguments", [("embed", "{manifest}", "-o"), ("shard", "{manifest}", "-o", "{out}", "--store")]
)
def test_a_bucket_that_is_not_there_is_told_before_the_work(corpus, store, tmp_path, arguments):
    given = {"manifest": corpus / "train" / "manifest.tsv", "out": tmp_path / "out"}
    filled = [argument.format(**given) for argument in arguments]
    told = command(*filled, "s3://no-such-bucket/folder", status=2)
    assert "error: s3://no-such-bucket/folder/" in told
    assert "bucket does not exist" in told
    assert "Traceback" not in told
    assert "embedding" not in told
    assert not (tmp_path / "out").exists()
