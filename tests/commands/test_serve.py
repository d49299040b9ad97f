import pytest

from contravox.inference.verifier import Verifier
from contravox.service import server
from contravox.service.keys import add_key
from voices import pitch_verifier


@pytest.fixture
def served(monkeypatch):
    """What would be served, instead of serving it."""
    found = []
    monkeypatch.setattr(Verifier, "load", lambda path: pitch_verifier(threshold=0.5))
    monkeypatch.setattr(server, "serve", lambda *what: found.append(what))
    return found


def test_options_reach_the_service(run, served, tmp_path):
    add_key(tmp_path / "keys.json", "a", ["verify"])
    gallery = ("--gallery", tmp_path / "gallery.sqlite", "--model", "models/my.onnx")
    assert run("serve", *gallery) == (0, "", "")
    more = ("--host", "0.0.0.0", "--port", 9000, "--keys", tmp_path / "keys.json")
    more += ("--max-seconds", 30, "--max-upload", 5, "--queue", 7, "--threads", 3)
    assert run("serve", *gallery, *more) == (0, "", "")
    (plain, host, port), (service, *where) = served
    assert (host, port, plain.keys, plain.model) == ("127.0.0.1", 8080, None, "my.onnx")
    assert where == ["0.0.0.0", 9000]
    assert [each.name for each in service.keys.known()] == ["a"]
    limits = service.limits
    assert (limits.longest, limits.largest) == (30, 5 * 2**20)
    assert (limits.queue, limits.at_work) == (7, 3)


def test_what_is_wrong_is_a_line(run, served, tmp_path):
    for arguments, said in (
        (("--model", "a.onnx", "--keys", tmp_path / "none.json"), "cannot be read"),
        (("--model", "a.onnx", "--port", "99999"), "--port"),
        (("--model", "a.onnx", "--gallery", "mysql://x/y"), "not a database"),
    ):
        status, _, err = run("serve", *arguments)
        assert status == 2
        assert said in err
        assert len(err.splitlines()) == 1
    assert not served


def test_without_keys_it_listens_to_this_machine_alone(run, monkeypatch, tmp_path):
    monkeypatch.setattr(Verifier, "load", lambda path: pitch_verifier(threshold=0.5))
    gallery = ("--gallery", tmp_path / "gallery.sqlite", "--model", "a.onnx")
    status, _, err = run("serve", *gallery, "--host", "0.0.0.0")
    assert status == 2
    assert "keys are needed" in err


def test_without_a_model_it_serves_the_one_of_contravox(run, served, tmp_path, monkeypatch):
    monkeypatch.delenv("CONTRAVOX_MODEL", raising=False)
    assert run("serve", "--gallery", tmp_path / "gallery.sqlite") == (0, "", "")
    [(service, *_)] = served
    assert service.model == "default"
