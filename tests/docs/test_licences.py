"""The list of licences is of what is asked for, and says what the libraries say."""

import importlib.util
import re
import tomllib
from email import message_from_string
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "licences.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| ([\w.-]+) \| (.+?) \| (.+?) \|$", flags=re.MULTILINE)


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("licences", ROOT / "docs" / "licences.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rows(text):
    return {name: (licence, by) for name, licence, by in ROW.findall(text) if name != "library"}


def test_it_is_up_to_date(script):
    # Other systems and versions of Python need a few libraries less.
    here = rows(script.licences())
    assert {name: rows(PAGE).get(name) for name in here} == here, "run python docs/licences.py"


def test_what_is_asked_for_has_a_row():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    listed = rows(PAGE)
    for line in project["dependencies"]:
        assert listed[canonicalize_name(Requirement(line).name)][1] == "every install"
    for extra, lines in project["optional-dependencies"].items():
        for name in {canonicalize_name(Requirement(line).name) for line in lines} - {"contravox"}:
            if extra not in ("test", "docs"):
                assert listed[name][1] == "every install" or f"`{extra}`" in listed[name][1]


@pytest.mark.parametrize(
    ("lines", "licence"),
    [
        (["License-Expression: MIT OR ISC", "License: other"], "MIT OR ISC"),
        (["Classifier: License :: OSI Approved :: MIT License", "License: long text"], "MIT"),
        (["License: Apache License 2.0"], "Apache-2.0"),
        (["Classifier: License :: OSI Approved", "License: Own words\n  and more"], "Own words"),
    ],
)
def test_where_a_licence_stands(script, monkeypatch, lines, licence):
    about = message_from_string("\n".join(lines))
    monkeypatch.setattr(script.metadata, "metadata", lambda name: about)
    assert script.licence_of("some-library") == licence


def test_a_library_that_says_none_must_be_looked_at(script, monkeypatch):
    monkeypatch.setattr(script.metadata, "metadata", lambda name: message_from_string("Name: x"))
    with pytest.raises(KeyError, match="some-library"):
        script.licence_of("some-library")
