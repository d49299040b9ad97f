import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import quote

import pytest
from websockets.sync.client import connect

from contravox.errors import ContravoxError
from contravox.service.server import serve

TESTS = Path(__file__).parents[1]
SLOW = """
import sys, time
from pathlib import Path
from contravox.gallery.gallery import Gallery
from contravox.inference.verifier import Verifier
from contravox.service.limits import Limits
from contravox.service.server import serve
from contravox.service.service import Service
from voices import PitchModel

class Slow(PitchModel):
    def _encode(self, waveforms):
        if Path(sys.argv[1], "slow").exists():
            Path(sys.argv[1], "working").touch()
            time.sleep(2)
        return super()._encode(waveforms)

gallery = Gallery.open(Path(sys.argv[1], "gallery.sqlite"), Verifier(Slow(threshold=0.5)))
serve(Service(gallery, "slow.onnx", Limits(at_work=1)), "127.0.0.1", 0)
"""


@pytest.fixture
def server(tmp_path):
    """A service in a process of its own, and its port."""
    path = os.pathsep.join([str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])])
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW, tmp_path],
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    yield process, json.loads(process.stdout.readline())["port"]
    process.kill()
    process.communicate()


def post(port, path, fields, files):
    body = b""
    for name, value in [*fields.items(), *files.items()]:
        kind = b'; filename="a"' if isinstance(value, bytes) else b""
        value = value if isinstance(value, bytes) else value.encode()
        head = b'--x\r\nContent-Disposition: form-data; name="' + name.encode() + b'"' + kind
        body += head + b"\r\n\r\n" + value + b"\r\n"
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    connection.request("POST", path, body + b"--x--\r\n", headers)
    response = connection.getresponse()
    return response.status, json.loads(response.read())


def test_what_runs_is_finished_when_it_is_asked_to_stop(server, wav, tmp_path):
    process, port = server
    assert post(port, "/v1/enrol", {"speaker": "Ann"}, {"recordings": wav("Ann", 1)})[0] == 201
    (tmp_path / "slow").touch()
    answers = []
    ask = threading.Thread(
        target=lambda: answers.append(
            post(port, "/v1/verify", {"speaker": "Ann"}, {"recording": wav("Ann", 2)})
        )
    )
    ask.start()
    while not (tmp_path / "working").exists():
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    ask.join()
    [(status, told)] = answers
    assert (status, told["accepted"]) == (200, True)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert err == ""
    *_, verified, stopped = map(json.loads, out.splitlines())
    assert (verified["route"], verified["status"]) == ("/v1/verify", 200)
    assert stopped["event"] == "stopped"


def test_a_name_is_decoded_once(server, wav):
    _, port = server
    name = "100%25 %2F"
    assert post(port, "/v1/enrol", {"speaker": name}, {"recordings": wav("Ann", 1)})[0] == 201
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("DELETE", f"/v1/speakers/{quote(name, safe='')}")
    assert connection.getresponse().status == 204


def test_no_name_is_written_down_by_the_server_itself(server, tmp_path):
    process, port = server
    with connect(f"ws://127.0.0.1:{port}/v1/listen?speaker=Secret") as socket:
        socket.send("end")
        assert "error" in json.loads(socket.recv())
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert "/v1/listen" in out
    assert "Secret" not in out + err


def test_others_are_not_answered_without_keys(client):
    for host in ("0.0.0.0", "192.0.2.1", "::", "voices.example"):
        with pytest.raises(ContravoxError, match="keys are needed"):
            serve(client.app.state.service, host, 0)
