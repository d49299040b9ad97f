import os
import sys
from types import SimpleNamespace

import torch

from contravox.doctor.devices import Device, devices


def test_the_processor_of_a_container_and_its_memory(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {3}, raising=False)
    monkeypatch.setattr(os, "sysconf", {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 10}.get)
    first = devices()[0]
    assert (first.name, first.memory) == ("cpu", 40_960)
    assert first.model.endswith(", 1 core")


def test_accelerators_are_those_of_pytorch(monkeypatch):
    card = SimpleNamespace(name="H100", total_memory=80 * 10**9)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda number: card)
    assert devices()[1] == Device("cuda:0", "H100", 80 * 10**9)


def test_without_pytorch_there_is_the_processor(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    assert [each.name for each in devices()] == ["cpu"]
