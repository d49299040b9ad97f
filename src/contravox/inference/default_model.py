"""The model that comes with contravox, taken where no other is named."""

from pathlib import Path

DEFAULT_MODEL = Path(__file__).parent.parent / "default_model" / "model.onnx"
"""docs/model-card.md says what it is and what it is worth."""


USED = "by the model that comes with contravox (docs/model-card.md says what it is worth)"
"""What people are told where it decides."""


NAME = "default"
"""What it is called where a model's file is named."""


def told_of(path: str | Path) -> str:
    """What people and programs are told of a model: its file, or that it is this one."""
    return NAME if Path(path) == DEFAULT_MODEL else str(path)
