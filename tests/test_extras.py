"""The extras that messages name are those that pyproject.toml declares."""

import re
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from contravox.errors import MissingExtraError
from contravox.extras import EXTRAS, optional_packages

PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))


def packages(requirements):
    """Their normalised names, without versions and extras of their own."""
    names = (re.match(r"[\w.-]+", each)[0] for each in requirements)
    return {re.sub(r"[-_.]+", "-", name).lower() for name in names}


def test_each_module_is_brought_by_the_extra_that_is_named():
    of_extra = PROJECT["project"]["optional-dependencies"]
    brought_by = packages_distributions()
    for module, extra in EXTRAS.items():
        assert packages(brought_by[module]) & packages(of_extra[extra]), module


def test_each_package_of_an_extra_is_known():
    brought_by = packages_distributions()
    known = packages(name for module in EXTRAS for name in brought_by[module])
    for extra in set(EXTRAS.values()):
        needed = packages(PROJECT["project"]["optional-dependencies"][extra])
        assert needed - {"contravox"} <= known, extra


def test_what_comes_without_an_extra_is_of_none():
    always = packages(PROJECT["project"]["dependencies"])
    assert {"torch", "matplotlib", "safetensors"}.isdisjoint(always)
    assert not always & {re.sub("_", "-", module) for module in EXTRAS}


def test_a_missing_package_is_named_with_its_extra_and_what_to_do_without():
    with (
        pytest.raises(
            MissingExtraError,
            match=r"^m: needs torch, which is not installed: pip install '.*\[train\]', or x$",
        ),
        optional_packages("m:", "x"),
    ):
        raise ModuleNotFoundError("No module named 'torch.nn'", name="torch.nn")


def test_an_error_of_another_kind_stays_what_it_is():
    for error in (ModuleNotFoundError("", name="numpy"), ImportError("broken", name="torch")):
        with pytest.raises(type(error)) as caught, optional_packages("m"):
            raise error
        assert caught.value is error
