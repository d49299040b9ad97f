import os
import pickle
import struct
import zipfile

import pytest
import torch
from hypothesis import given
from safetensors.torch import save_file

from contravox.errors import ModelError
from contravox.inference.foreign_models.checkpoint import read_checkpoint
from hostile import mutations, value_or_line
from profiles import examples

WEIGHTS = {"a.weight": torch.arange(4.0).view(2, 2), "a.steps": torch.tensor(3)}


class Code:
    """What runs when it is unpickled."""

    def __reduce__(self):
        return os.mkdir, ("ran",)


@pytest.mark.parametrize(
    "wrapped",
    [
        WEIGHTS,
        {"state_dict": WEIGHTS, "epoch": 3},
        {"model": {"state_dict": WEIGHTS}, "optimiser": {"lr": 0.1}},
        {f"module.__S__.{name}": each for name, each in WEIGHTS.items()}
        | {"module.__L__.W": torch.ones(3)},
        WEIGHTS | {"projection.weight": torch.ones(3, 2)},
        {name: each.double() if each.ndim else each for name, each in WEIGHTS.items()},
        {"names": ["x"], **WEIGHTS},
    ],
)
def test_weights_are_found_whatever_wraps_them(wrapped, tmp_path) -> None:
    torch.save(wrapped, tmp_path / "model.pt")
    weights = read_checkpoint(tmp_path / "model.pt")
    assert weights.keys() == WEIGHTS.keys()
    for name, expected in WEIGHTS.items():
        assert weights[name].dtype == expected.dtype
        assert weights[name].equal(expected)


def test_a_safetensors_file_is_a_checkpoint_too(tmp_path) -> None:
    save_file(WEIGHTS, tmp_path / "model.safetensors")
    assert read_checkpoint(tmp_path / "model.safetensors")["a.weight"].equal(WEIGHTS["a.weight"])


@pytest.mark.parametrize("zipped", [True, False])
def test_code_in_a_checkpoint_never_runs(zipped, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save(
        {"a.weight": torch.ones(2), "extra": Code()},
        "model.pt",
        _use_new_zipfile_serialization=zipped,
    )
    with pytest.raises(
        ModelError, match=r"^model\.pt: a checkpoint that would run posix\.mkdir"
    ) as e:
        read_checkpoint(type(tmp_path)("model.pt"))
    assert len(str(e.value).splitlines()) == 1
    assert not os.path.exists("ran")
    (tmp_path / "plain.pkl").write_bytes(pickle.dumps(Code()))
    with pytest.raises(ModelError, match=r"with code in it|would run"):
        read_checkpoint(tmp_path / "plain.pkl")
    assert not os.path.exists("ran")


def test_a_program_is_not_run(tmp_path) -> None:
    with zipfile.ZipFile(tmp_path / "model.pt", "w") as file:
        file.writestr("model/constants.pkl", b"")
        file.writestr("model/code/a.py", "import os")
        file.writestr("model/data.pkl", b"")
        file.writestr("model/version", "3")
    with pytest.raises(ModelError, match="a TorchScript program, which is not run"):
        read_checkpoint(tmp_path / "model.pt")


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (
            {"a.weight": torch.tensor([1.0, torch.nan])},
            r"a\.weight holds numbers that are not finite",
        ),
        ({"epoch": 3}, "without the weights of a model"),
        ([1, 2], "without the weights of a model"),
    ],
)
def test_what_is_no_models_is_one_line(weights, message, tmp_path) -> None:
    torch.save(weights, tmp_path / "model.pt")
    with pytest.raises(ModelError, match=message):
        read_checkpoint(tmp_path / "model.pt")


def test_nothing_is_no_checkpoint(tmp_path) -> None:
    with pytest.raises(ModelError, match="no such file"):
        read_checkpoint(tmp_path / "model.pt")


def test_an_archive_that_says_it_is_of_several_disks_is_one_line(tmp_path) -> None:
    # Of which zipfile.is_zipfile raises an error of its own.
    whole, end = saved(tmp_path), 22
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, 0, 2)
    (tmp_path / "model.pt").write_bytes(whole[:100] + locator + whole[-end:])
    with pytest.raises(ModelError, match=r"damaged or cut short .*: copy it again$"):
        read_checkpoint(tmp_path / "model.pt")


def saved(folder, **how) -> bytes:
    torch.save(WEIGHTS, folder / "whole.pt", **how)
    return (folder / "whole.pt").read_bytes()


@examples(60)
@given(data=mutations(pickle.dumps([1, 2])))
def test_any_bytes_are_weights_or_one_line(data, tmp_path) -> None:
    for zipped in (True, False):
        whole = saved(tmp_path, _use_new_zipfile_serialization=zipped)
        value_or_line(read_checkpoint, tmp_path / "model.pt", data)
        value_or_line(read_checkpoint, tmp_path / "model.pt", whole[: len(whole) // 2] + data)
        value_or_line(read_checkpoint, tmp_path / "model.pt", whole[: len(data) * 7])
