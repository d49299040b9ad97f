"""Models of the hub, found in a cache that is made here: nothing is fetched."""

import pytest

from contravox.errors import ModelError
from contravox.inference.hub import fetch_from_hub

COMMIT, OLDER = "a" * 40, "b" * 40


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """Of the hub, as it lays it; without network."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    for repository, commit, names in (
        ("one", COMMIT, ["model.safetensors", "README.md"]),
        ("two", COMMIT, ["onnx/a.onnx", "b.safetensors"]),
        ("two", OLDER, ["b.safetensors"]),
        ("none", COMMIT, ["model.bin"]),
    ):
        folder = tmp_path / f"models--owner--{repository}"
        (folder / "refs").mkdir(parents=True, exist_ok=True)
        (folder / "refs" / "main").write_text(COMMIT)
        for name in names:
            path = folder / "snapshots" / commit / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{repository} {commit} {name}")
    return tmp_path


@pytest.mark.parametrize(
    ("address", "content", "pinned"),
    [
        (
            "hf://owner/one",
            f"one {COMMIT} model.safetensors",
            f"hf://owner/one@{COMMIT}/model.safetensors",
        ),
        (
            "hf://owner/two/onnx/a.onnx",
            f"two {COMMIT} onnx/a.onnx",
            f"hf://owner/two@{COMMIT}/onnx/a.onnx",
        ),
        (
            f"hf://owner/two@{OLDER}",
            f"two {OLDER} b.safetensors",
            f"hf://owner/two@{OLDER}/b.safetensors",
        ),
    ],
)
def test_a_file_is_found_in_the_cache_and_its_commit_written_down(
    address, content, pinned, cache
) -> None:
    found = fetch_from_hub(address, cache)
    assert found.path.read_text() == content
    assert found.address == pinned
    # What is written down leads to the same file, whatever becomes of the branch.
    (cache / "models--owner--two" / "refs" / "main").write_text("c" * 40)
    assert fetch_from_hub(found.address, cache) == found


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("hf://owner/two", r"holds b\.safetensors, onnx/a\.onnx of the kind .*: name one"),
        ("hf://owner/none", r"holds no file of the kind"),
        ("hf://owner/none/model.bin", r"only files of the kind \.onnx or \.safetensors are taken"),
        ("hf://owner/one/other.onnx", r"cannot be had"),
        ("hf://owner/nothing", r"cannot be had"),
        ("hf://owner", r"is not hf://OWNER/NAME"),
        ("hf://owner/../x/model.onnx", r"cannot be had|is not hf"),
    ],
)
def test_what_is_not_there_or_might_hold_code_is_one_line(address, message, cache) -> None:
    with pytest.raises(ModelError, match=message) as error:
        fetch_from_hub(address, cache)
    assert len(str(error.value).splitlines()) == 1
    assert str(error.value).startswith(address)
