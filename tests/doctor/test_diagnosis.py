import pytest

from contravox.doctor import diagnosis as module
from contravox.doctor.diagnosis import diagnose
from contravox.doctor.libraries import Extra, Library
from contravox.doctor.model_check import ModelCheck


@pytest.fixture
def found(monkeypatch):
    """What the parts find; the tests change it."""
    found = {"libraries": [Library("numpy", "2", None)], "model": ModelCheck("m.onnx", 192, 9.0)}
    monkeypatch.setattr(module, "libraries", lambda: found["libraries"])
    monkeypatch.setattr(module, "extras", lambda: [Extra("train", "training", ("torch",))])
    monkeypatch.setattr(module, "check_model", lambda path: found["model"])
    return found


def test_an_extra_that_is_missing_is_no_problem(found):
    well = diagnose("m.onnx")
    assert well.problems == []
    assert well.model.size == 192
    assert [each.purpose for each in well.disks] == ["outputs", "embeddings that are kept"]
    assert diagnose(None).model is None


def test_a_library_that_is_missing_is_one_and_what_needs_it_is_not_tried(found, monkeypatch):
    found["libraries"] = [Library("numpy", None, "not installed")]
    monkeypatch.setattr(module, "check_model", None)
    unwell = diagnose("m.onnx")
    assert unwell.problems == [
        "numpy: not installed: install contravox into a fresh environment",
    ]
    assert unwell.model is None


def test_a_model_that_does_not_work_is_one(found):
    found["model"] = ModelCheck("m.onnx", problem="m.onnx: damaged: copy it again")
    assert diagnose("m.onnx").problems == ["m.onnx: damaged: copy it again"]
