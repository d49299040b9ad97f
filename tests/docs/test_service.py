"""Every command of the page on the service, run as written; its tables are those of the code."""

import inspect
import re
import shlex
from pathlib import Path

import pytest
import soundfile
from fastapi.testclient import TestClient
from ruamel.yaml import YAML

from contravox.commands.serve import serve
from contravox.gallery.gallery import Gallery
from contravox.inference.verifier import Verifier
from contravox.service import limits, listening, refusals, server
from contravox.service.app import make_app
from contravox.service.service import Service
from voices import pitch_verifier, said_by

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "service.md").read_text(encoding="utf-8")


@pytest.fixture
def voices(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Verifier, "load", lambda path: pitch_verifier(threshold=0.5))
    (tmp_path / "ann").mkdir()
    for number in (1, 2):
        soundfile.write(f"ann/{number}.wav", *said_by("Ann", number))
    soundfile.write("who.wav", *said_by("Ann", 9))


def commands(program):
    blocks = re.findall(r"```sh\n(.*?)```", PAGE, flags=re.DOTALL)
    lines = [shlex.split(line) for block in blocks for line in block.splitlines()]
    return [arguments for name, *arguments in lines if name == program]


def test_commands(voices, run, monkeypatch):
    served = []
    monkeypatch.setattr(server, "serve", lambda service, host, port: served.append((host, port)))
    assert len(commands("contravox")) == 6
    for arguments in commands("contravox"):
        status, _, err = run(*arguments)
        assert status == 0, err
    assert served == [("127.0.0.1", 8080), ("0.0.0.0", 8080)]
    for arguments in commands("podman"):
        if "contravox" in arguments and "keys" in arguments:
            rest = arguments[arguments.index("contravox") + 1 :]
            assert run(*rest)[0] == 0


def test_requests(voices, tmp_path):
    gallery = Gallery.open("gallery.sqlite", pitch_verifier(threshold=0.5))
    with TestClient(make_app(Service(gallery, "x")), base_url="http://localhost") as client:
        answers = [ask(client, arguments) for arguments in commands("curl")]
    enrolled, verified, compared, identified, speakers, deleted, health = answers
    assert (enrolled.status_code, enrolled.json()["added"]) == (201, 2)
    assert verified.json()["accepted"] is True
    assert compared.json()["same_speaker"] is True
    assert identified.json()["speaker"] == "Ann"
    assert [each["name"] for each in speakers.json()["speakers"]] == ["Ann"]
    assert deleted.status_code == 204
    assert health.json()["status"] == "ok"


def ask(client, arguments):
    """What curl would ask."""
    method, fields, files = None, {}, []
    arguments = iter(arguments)
    for each in arguments:
        if each == "-X":
            method = next(arguments)
        elif each == "-F":
            name, _, value = next(arguments).partition("=")
            if value.startswith("@"):
                files.append((name, Path(value[1:]).read_bytes()))
            else:
                fields[name] = value
        else:
            path = each.removeprefix("http://127.0.0.1:8080")
    return client.request(
        method or ("POST" if files else "GET"), path, data=fields or None, files=files or None
    )


def test_limits_are_those_of_the_code():
    defaults = inspect.signature(serve).parameters
    for option, name in (("max-seconds", "max_seconds"), ("max-upload", "max_upload")):
        assert f"| `--{option}` | {defaults[name].default:g} |" in PAGE
    assert f"| `--queue` | {defaults['queue'].default} |" in PAGE
    known = limits.Limits()
    assert (known.longest, known.largest) == (120, 32 * limits.MEGABYTE)
    assert f"{known.most_recordings} recordings in an enrolment" in PAGE
    assert f"{limits.UPLOAD_SECONDS:g} s for a request to arrive" in PAGE
    assert f"{known.listeners} speakers listened to" in PAGE
    assert f"{server.MOST_CONNECTIONS:,}\nconnections" in PAGE
    assert f"within {server.STOP_SECONDS} s" in PAGE
    assert f'"{listening.PROTOCOL}", "{listening.KEY_PROTOCOL}"' in PAGE


def test_every_status_that_is_described_is_told():
    told = {int(each) for each in re.findall(r"^\| (\d{3}) \|", PAGE, flags=re.MULTILINE)}
    assert set(refusals.REFUSALS) <= told


def test_the_container_installs_extras_that_there_are_and_files_that_there_are():
    steps = (ROOT / "Containerfile").read_text(encoding="utf-8")
    [extras] = re.findall(r"'\.\[(.+)\]'", steps)
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for extra in extras.split(","):
        assert re.search(rf"^{extra} = \[", project, flags=re.MULTILINE)
    for copied in re.findall(r"^COPY (?!--from)(.+) \S+$", steps, flags=re.MULTILINE):
        assert all((ROOT / each).exists() for each in copied.split())


def test_the_compose_file_names_what_the_image_reads():
    [block] = re.findall(r"```yaml\n(.*?)```", PAGE, flags=re.DOTALL)
    composed = YAML(typ="safe", pure=True).load(block)
    steps = (ROOT / "Containerfile").read_text(encoding="utf-8")
    service = composed["services"]["service"]
    places = [mounted.split(":")[1] for mounted in service["volumes"]]
    for place in places:
        assert place in steps
    # Where the file itself is mounted, what replaces it is not seen.
    [keys] = re.findall(r"CONTRAVOX_KEYS=(\S+)", steps)
    assert str(Path(keys).parent) in places
    assert keys not in places
    assert "CONTRAVOX_GALLERY" in service["environment"]
    assert composed["services"]["proxy"]["command"].endswith("service:8080")
