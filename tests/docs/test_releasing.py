"""Versions agree, the citation names the papers, and the scripts that are named are there."""

import os
import re
import tomllib
from pathlib import Path

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "releasing.md").read_text(encoding="utf-8")
CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def yaml(path):
    return YAML(typ="safe", pure=True).load((ROOT / path).read_text(encoding="utf-8"))


def test_one_version_stands_everywhere():
    assert yaml("CITATION.cff")["version"] == PROJECT["version"]
    first, *released = re.findall(r"^## \[(.+?)\]", CHANGELOG, flags=re.MULTILINE)
    assert first == "Unreleased"
    assert all(re.search(rf"^## \[{re.escape(each)}\] - \d{{4}}-\d\d-\d\d$", CHANGELOG, re.M)
               for each in released)  # fmt: skip
    if not released:
        assert f"The first release will be {PROJECT['version']}" in CHANGELOG


def test_the_papers_of_the_readme_are_cited():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    table = "".join(re.findall(r"^\|.*\|$", readme, flags=re.MULTILINE))
    papers = set(re.findall(r"https://arxiv\.org/abs/[\d.]+", table))
    references = yaml("CITATION.cff")["references"]
    assert {each["url"] for each in references} == papers
    for each in references:
        [identifier] = each["identifiers"]
        assert each["url"].endswith(identifier["value"].removeprefix("arXiv:"))
        # The README names the first author and the year.
        assert re.search(rf"{each['authors'][0]['family-names']}.*{each['year']}", table)


@pytest.mark.parametrize("job", ["check", "release"])
def test_the_public_ci_runs_the_same_scripts(job):
    steps = yaml(".github/workflows/ci.yml")["jobs"][job]["steps"]
    [command] = [step["run"] for step in steps if "run" in step]
    if command.startswith("make "):
        assert f"\n{command.removeprefix('make ')}: setup\n\t.ci/release\n" in (
            ROOT / "Makefile"
        ).read_text(encoding="utf-8")
        command = ".ci/release"
    assert os.access(ROOT / command, os.X_OK)


def test_python_of_the_public_ci_is_the_oldest_and_one_newer():
    versions = yaml(".github/workflows/ci.yml")["jobs"]["check"]["strategy"]["matrix"]["python"]
    assert PROJECT["requires-python"] == f">={versions[0]}"
    assert len(versions) > 1


def test_what_decides_embeddings_is_named():
    from contravox.embedding_model import EDITION

    assert "`contravox.embedding_model.EDITION`" in PAGE
    assert EDITION
