import subprocess
import sys

import pytest

import contravox


def test_every_public_name_is_there():
    for name in contravox.__all__:
        assert getattr(contravox, name).__name__ == name
    assert set(contravox.__all__) <= set(dir(contravox))
    with pytest.raises(AttributeError, match="no attribute 'Verifer'"):
        contravox.Verifer  # noqa: B018


def test_importing_the_package_or_its_command_line_does_not_import_torch():
    code = "import contravox, contravox.cli, sys; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_training_draws_and_renders_nothing():
    code = "import contravox.training.trainer, contravox.training.sweep, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    assert "contravox.training.sweep" in loaded
    presentation = ("contravox.report", "jinja2", "matplotlib", "contravox.commands")
    assert not [name for name in loaded if name.startswith(presentation)]
