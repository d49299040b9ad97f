import json
from importlib import metadata

from small_models import small_model


def test_what_it_tells(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CONTRAVOX_MODEL", raising=False)
    small_model().save("model.safetensors")
    status, out, err = run("doctor", "--model", "model.safetensors", "--json")
    told = json.loads(out)
    assert (status, err, told["problems"]) == (0, "", [])
    assert told["contravox"] == metadata.version("contravox")
    assert {each["name"]: each["version"] for each in told["libraries"]}["numpy"]
    assert told["model"]["size"] == 12
    status, out, err = run("doctor", "--model", "model.safetensors")
    assert (status, err) == (0, "")
    assert "  ✓ model.safetensors    d = 12, " in out
    monkeypatch.setenv("CONTRAVOX_MODEL", "gone.onnx")
    status, out, err = run("doctor")
    assert status == 2
    assert "  ! gone.onnx" in out
    assert err.startswith("error: gone.onnx: ")
    assert len(err.splitlines()) == 1
