import tomllib
from importlib import metadata
from pathlib import Path

import pytest

from contravox.doctor import libraries as module
from contravox.doctor.libraries import PURPOSES, Extra, Library, extras, libraries

ROOT = Path(__file__).parents[2]
REQUIRED = [
    "json>=2",
    "Soft-Ware>=1,<2",
    "absent",
    'windows; sys_platform == "none"',
    'torch>=2; extra == "train"',
    'drawing>=3; extra == "report"',
    'tables; extra == "report"',
    'contravox[report,train]; extra == "demo"',
    'voices; extra == "demo"',
]
VERSIONS = {"json": "2.0", "Soft-Ware": "2.1", "torch": "2.7+cpu", "drawing": "2.9", "voices": "1"}


@pytest.fixture
def installed(monkeypatch):
    """What the metadata of an environment say; change it by the test."""
    versions = dict(VERSIONS)

    def version(name):
        if name not in versions:
            raise metadata.PackageNotFoundError(name)
        return versions[name]

    monkeypatch.setattr(metadata, "requires", lambda name: REQUIRED)
    monkeypatch.setattr(metadata, "version", version)
    monkeypatch.setattr(module, "import_module", lambda name: name)
    return versions


def test_what_is_missing_too_old_or_of_another_system(installed):
    assert libraries() == [
        Library("json", "2.0", None),
        Library("Soft-Ware", "2.1", "contravox needs <2,>=1"),
        Library("absent", None, "not installed"),
        Library("torch", "2.7+cpu", None),
    ]
    # It is an extra's: where it is not, contravox works.
    del installed["torch"]
    assert [each.name for each in libraries()] == ["json", "Soft-Ware", "absent"]


def test_what_cannot_be_imported(installed, monkeypatch):
    def refuse(name):
        if name == "torch":
            raise OSError("libcudart.so.12: no such file")
        return name

    monkeypatch.setattr(module, "import_module", refuse)
    problem = {each.name: each.problem for each in libraries()}["torch"]
    assert problem == "cannot be imported (OSError: libcudart.so.12: no such file)"


def test_extras_and_what_they_lack(installed):
    found = {each.name: each for each in extras()}
    assert found["train"] == Extra("train", PURPOSES["train"], ())
    assert found["report"].missing == ("drawing", "tables")
    # It takes in both.
    assert found["demo"].missing == ("drawing", "tables")
    del installed["voices"], installed["torch"]
    assert {each.name: each for each in extras()}["demo"].missing == (
        *("drawing", "tables", "torch", "voices"),
    )


def test_every_extra_for_users_has_a_purpose():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert set(PURPOSES) == set(project["optional-dependencies"]) - {"gallery", "test", "docs"}


def test_the_libraries_of_the_tests_are_whole():
    assert not [each for each in libraries() if each.problem]
    assert not [each for each in extras() if each.missing]
