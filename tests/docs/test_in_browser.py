"""The site's page that runs the model: gathered whole, alike to Python, and silent to others."""

import base64
import hashlib
import io
import json
import re
import tarfile
from pathlib import Path
from types import SimpleNamespace

import onnx
import pytest
from mkdocs.exceptions import PluginError

from contravox.inference.default_model import DEFAULT_MODEL
from contravox.inference.onnx_model import OnnxModel
from docs_scripts import docs_script

ROOT = Path(__file__).parents[2]


@pytest.fixture
def script():
    return docs_script("in_browser")


@pytest.fixture
def without(script, tmp_path, monkeypatch):
    """The script where nothing was fetched."""
    monkeypatch.setattr(script, "FETCHED", tmp_path / "runtime")
    return script


@pytest.fixture
def gathered(without):
    """The page's files, with a runtime that is none."""
    without.FETCHED.mkdir()
    for name in without.RUNTIME:
        (without.FETCHED / name).write_bytes(b"\0" * 2_000_000)
    return dict(without.contents())


def test_every_file_that_a_module_asks_for_is_there(gathered):
    asked = {"page/settings.json", "page/capture.js"}
    for name, content in gathered.items():
        if name.endswith(".js"):
            found = re.findall(r'(?:from|import|URL\()\s*"(?:\./)?([\w.-]+)"', content.decode())
            asked |= {f"page/{each}" for each in found}
    assert len(asked) > 20
    asked |= set(re.findall(r'(?:href|src)="(page/[^"]+)"', gathered["index.html"].decode()))
    asked |= {f"page/{each}" for each in re.findall(r'"([\w.-]+\.(?:wasm|onnx))"', str(gathered))}
    assert asked <= set(gathered)


def test_the_page_has_the_service_s_tasks_and_no_address_of_another_host(gathered, script):
    page = gathered["index.html"].decode()
    service = (script.SERVICE / "index.html").read_text(encoding="utf-8")
    panels = re.findall(r"<(?:section|template) .*?</(?:section|template)>", service, re.DOTALL)
    assert len(panels) == 7
    assert all(panel in page for panel in panels)
    assert "//" not in page
    assert not re.findall(r"\{\w+\}", page)


def test_what_decides_is_the_model_s(gathered):
    settings = json.loads(gathered["page/settings.json"])
    entries = {each.key: each.value for each in onnx.load(DEFAULT_MODEL).metadata_props}
    said = json.loads(entries["contravox"])["settings"]
    assert settings["calibration"]["offset"] == said["calibration"]["offset"]
    learned = said["calibration"]["weights"]
    assert settings["calibration"]["weights"] == {
        "score": learned["score"],
        "duration": learned["log duration"],
        "lower_bandwidth": learned["lower bandwidth"],
        "higher_bandwidth": learned["higher bandwidth"],
    }
    assert settings["calibration"]["source"].endswith(said["calibration_source"])
    assert settings["maximum_seconds"] == said["maximum_seconds"]
    loaded = ("page/model.onnx", "page/silero_vad.onnx", "page/ort-wasm-simd-threaded.wasm")
    assert settings["bytes"] == sum(len(gathered[name]) for name in loaded)
    assert gathered["page/model.onnx"] == DEFAULT_MODEL.read_bytes()


def test_a_model_that_needs_more_than_the_page_does_is_refused(script):
    model = OnnxModel.load(DEFAULT_MODEL)
    for calibration in (None, {"offset": 0, "weights": {"score": 1, "lower magnitude": 1}}):
        model.annotate(calibration=calibration)
        with pytest.raises(PluginError, match="by score, duration and bandwidth at most"):
            script.settings_of(model)
    model.annotate(calibration={"offset": 0, "weights": {"score": 2}})
    weights = script.settings_of(model)["calibration"]["weights"]
    assert weights == {"score": 2, "duration": 0, "lower_bandwidth": 0, "higher_bandwidth": 0}


def test_without_a_runtime_the_site_goes_without_the_page_and_says_so(without):
    kept, gone = SimpleNamespace(src_uri="index.md"), SimpleNamespace(src_uri="in_browser/page.js")
    assert without.on_files([kept, gone], None) == [kept]
    page = SimpleNamespace(file=SimpleNamespace(src_uri="in_browser.md"))
    text = (ROOT / "docs" / "in_browser.md").read_text(encoding="utf-8")
    shown = without.on_page_markdown(text, page=page)
    assert "](in_browser/index.html)" in text
    assert "](in_browser/index.html)" not in shown
    assert without.LEFT_OUT in shown


@pytest.mark.parametrize("npm", [None, "#!/bin/sh\nexit 1\n"])
def test_without_npm_or_a_registry_it_is_one_line(without, tmp_path, monkeypatch, capsys, npm):
    if npm is not None:
        (tmp_path / "npm").write_text(npm)
        (tmp_path / "npm").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    without.fetch()
    [line] = capsys.readouterr().err.splitlines()
    assert "is left out: npm" in line
    assert not without.is_fetched()


@pytest.fixture
def packed(without, tmp_path):
    """A package of npm's form."""
    path = tmp_path / "package.tgz"
    with tarfile.open(path, "w:gz") as archive:
        for name in (*without.RUNTIME, "another.js"):
            entry = tarfile.TarInfo(f"package/dist/{name}")
            entry.size = len(name)
            archive.addfile(entry, io.BytesIO(name.encode()))
    return path


def test_another_package_than_the_one_pinned_is_refused(without, packed):
    with pytest.raises(SystemExit, match="is not the one"):
        without.unpack(packed)
    assert not without.is_fetched()


def test_of_the_package_pinned_the_runtime_is_taken(without, packed, monkeypatch):
    digest = base64.b64encode(hashlib.sha512(packed.read_bytes()).digest()).decode()
    monkeypatch.setattr(without, "INTEGRITY", f"sha512-{digest}")
    without.unpack(packed)
    assert without.is_fetched()
    taken = {path.name: path.read_text() for path in without.FETCHED.iterdir()}
    assert taken == {name: name for name in without.RUNTIME}
