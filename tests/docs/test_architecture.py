import importlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "contravox"
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
PUBLIC = ("contravox", "contravox.metrics", "contravox.objectives.functional")


def rooms():
    return {
        path.stem
        for path in PACKAGE.iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    }


def checked(source):
    """The layers of a copy of the package."""
    lint = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [lint, "--no-logo", "--no-cache", ROOT / "pyproject.toml"],
        env={**os.environ, "PYTHONPATH": str(source)},
        capture_output=True,
        text=True,
        cwd=source,
    )


def test_every_room_is_drawn():
    picture = PAGE.split("```")[1]
    # The walks and the picture are of what holds logic; these are doors and small change.
    small = {"__init__", "__main__", "numbering", "precision", "threads"}
    assert rooms() - small <= set(picture.replace(",", " ").split())


def test_the_page_is_one_screen():
    assert len(PAGE.splitlines()) <= 60


def test_a_breach_of_the_layers_is_told(tmp_path):
    shutil.copytree(PACKAGE, tmp_path / "contravox", ignore=shutil.ignore_patterns("__pycache__"))
    sound = checked(tmp_path)
    assert sound.returncode == 0, sound.stdout
    with (tmp_path / "contravox" / "training" / "log.py").open("a") as file:
        file.write("\nimport contravox.report.page\n")
    broken = checked(tmp_path)
    assert broken.returncode == 1
    assert "contravox.training.log -> contravox.report.page" in broken.stdout


@pytest.mark.parametrize("name", PUBLIC)
def test_what_is_public_is_listed_exists_and_is_explained(name):
    module = importlib.import_module(name)
    assert f"`{name}`" in PAGE
    assert module.__all__
    for public in module.__all__:
        assert getattr(module, public).__doc__, public
