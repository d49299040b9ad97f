"""What to train, on what, and how: one YAML file."""

import difflib
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, ValidationError, model_validator
from ruamel.yaml import YAML, YAMLError

from contravox.balance import BalanceSettings
from contravox.data.augmentation import AugmentationSettings
from contravox.data.sampling import RandomUtterancesSettings, SamplerSettings
from contravox.encoders import EncoderSettings
from contravox.errors import RecipeError
from contravox.features import FeatureSettings
from contravox.objectives import ObjectiveSettings
from contravox.settings import Settings
from contravox.spec_augment import SpecAugmentSettings
from contravox.training.schedule import MarginSchedule, ScheduleSettings

SHIPPED = Path(__file__).parent.parent / "recipes"
"""Recipes that come with contravox; ``contravox train small/mfcon`` finds them by name."""


class DataSettings(Settings):
    """manifest: utterances to train on; validation: trials (with ``manifest.tsv`` or
    ``validation_manifest`` beside) by which the best epoch is chosen and the threshold set."""

    manifest: Path
    validation_trials: Path | None = None
    validation_manifest: Path | None = Field(
        None, description="default: manifest.tsv in the folder of the trials"
    )
    labels: Literal["speaker", "utterance"] = Field(
        "speaker", description="utterance: train without reading a single speaker label"
    )
    segment_seconds: float = Field(3.0, gt=0.1)
    workers: int = Field(1, ge=0, description="processes that read and augment")


class OptimiserSettings(Settings):
    """The optimiser and its peak learning rate."""

    name: Literal["adam", "adamw", "sgd"] = "adam"
    learning_rate: float = Field(1e-3, gt=0)
    weight_decay: float = Field(0.0, ge=0)
    momentum: float = Field(0.9, ge=0, lt=1, description="sgd only")


class TrainingSettings(Settings):
    """How long, how fast, and when to stop."""

    epochs: int = Field(30, ge=1)
    seed: int = 0
    optimiser: OptimiserSettings = OptimiserSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    margin_schedule: MarginSchedule | None = Field(
        None, description="margins grow from 0 to the objective's"
    )
    chunk_size: int | None = Field(
        None,
        ge=1,
        description="segments encoded at a time (GradCache): memory of one chunk, any batch",
    )
    sync_batchnorm: bool = Field(
        False, description="batch statistics over all processes; needs GPUs"
    )
    gradient_clip: float | None = Field(None, gt=0, description="largest norm of the gradient")
    precision: Literal["32-true", "16-mixed", "bf16-mixed"] = "32-true"
    validate_every: int = Field(1, ge=1, description="epochs")
    patience: int | None = Field(
        None, ge=1, description="stop after so many validations without a better one"
    )
    initial_model: Path | None = Field(
        None, description="model file whose encoder weights training starts from"
    )
    checkpoint_steps: int = Field(1000, ge=1, description="steps between checkpoints")


class Recipe(Settings):
    """Everything that decides what a training run learns."""

    data: DataSettings
    sampler: SamplerSettings = RandomUtterancesSettings()
    augmentation: AugmentationSettings | None = None
    clean_first: bool = Field(
        False, description="leave the first segment of each utterance unaugmented"
    )
    features: FeatureSettings = FeatureSettings()
    spec_augment: SpecAugmentSettings | None = None
    encoder: EncoderSettings
    objectives: dict[str, ObjectiveSettings] = Field(min_length=1)
    balance: BalanceSettings = BalanceSettings()
    training: TrainingSettings = TrainingSettings()

    @model_validator(mode="after")
    def _combinations(self) -> Self:
        if self.clean_first and self.augmentation is None:
            raise ValueError("clean_first: there is no augmentation to leave out")
        return self

    @classmethod
    def read(cls, recipe: str | Path, overrides: Sequence[str] = ()) -> "Recipe":
        """Read a recipe file, or one that comes with contravox by its name.

        overrides: ``key=value`` with dots between levels, such as ``training.epochs=3``; values
        are YAML.

        Raises RecipeError in one line that names the key.
        """
        path = find_recipe(recipe)
        try:
            raw = _yaml().load(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise RecipeError(f"{path}: cannot be read ({error})") from error
        except YAMLError as error:
            raise RecipeError(f"{path}: not YAML: {' '.join(str(error).split())}") from error
        if not isinstance(raw, dict):
            raise RecipeError(f"{path}: not a recipe: it must hold keys such as `encoder:`")
        for override in overrides:
            _apply(raw, override)
        return cls.validate_keys(raw, str(path))

    @classmethod
    def validate_keys(cls, raw: dict[str, Any], name: str) -> "Recipe":
        """Validate a recipe's keys and values; ``name`` is for the message. Raises RecipeError."""
        try:
            return cls.model_validate(raw)
        except ValidationError as error:
            raise RecipeError(f"{name}: {_first_line(error, raw)}") from error

    def to_yaml(self) -> str:
        """The whole recipe, defaults included, as YAML that ``read`` reads back."""
        text = StringIO()
        _yaml().dump(self.model_dump(mode="json"), text)
        return text.getvalue()


def _yaml() -> YAML:
    """YAML 1.2, in which `on` is a word and 1e-3 a number; nothing but plain values is built."""
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    return yaml


def find_recipe(recipe: str | Path) -> Path:
    """The file of a recipe given by path or, for one shipped, by name. Raises RecipeError."""
    shipped = {
        path.relative_to(SHIPPED).with_suffix("").as_posix(): path
        for path in sorted(SHIPPED.rglob("*.yaml"))
    }
    path = Path(recipe)
    if path.is_file():
        return path
    if str(recipe) in shipped:
        return shipped[str(recipe)]
    near = difflib.get_close_matches(str(recipe), shipped, n=1)
    hint = f"did you mean {near[0]}?" if near else f"those shipped are {', '.join(shipped)}"
    raise RecipeError(f"{recipe}: no such recipe: {hint}")


def _apply(raw: dict[str, Any], override: str) -> None:
    """Set ``a.b.c=value`` in nested dictionaries."""
    key, separator, value = override.partition("=")
    if not separator or not key:
        raise RecipeError(f"{override!r} is no setting: write key=value, as training.epochs=3")
    *groups, last = key.split(".")
    group = raw
    for name in groups:
        if group.get(name) is None:
            group[name] = {}
        group = group[name]
        if not isinstance(group, dict):
            raise RecipeError(f"{key}: {name} holds a value, no keys")
    try:
        group[last] = _yaml().load(value)
    except YAMLError as error:
        raise RecipeError(f"{key}: {value!r} is not YAML") from error


def _first_line(error: ValidationError, raw: dict[str, Any]) -> str:
    """The first mistake in one line: the key as the user wrote it, what is wrong, a near miss."""
    mistakes = error.errors()
    mistake = mistakes[0]
    # A discriminated union adds the name it chose to the path; the recipe has no such level.
    levels: list[str] = []
    value: Any = raw
    for level in map(str, mistake["loc"]):
        if isinstance(value, dict) and level not in value and value.get("name") == level:
            continue
        levels.append(level)
        value = value.get(level) if isinstance(value, dict) else None
    key = ".".join(levels)
    message = mistake["msg"].removeprefix("Value error, ")
    if mistake["type"] == "extra_forbidden":
        near = difflib.get_close_matches(levels[-1], _known_keys(Recipe), n=1)
        message = "no such key" + (f": did you mean {near[0]}?" if near else "")
    else:
        message = f"{message[0].lower()}{message[1:]}"
        if mistake["type"] != "missing" and not isinstance(mistake["input"], dict):
            message = f"{mistake['input']!r}: {message}"
    more = f" (and {len(mistakes) - 1} more)" if len(mistakes) > 1 else ""
    return f"{key}: {message}{more}" if key else f"{message}{more}"


def _known_keys(settings: type[Settings]) -> set[str]:
    """Every key that any group of settings knows."""
    known: set[str] = set()
    groups: list[type[Settings]] = [settings, *Settings.__subclasses__()]
    for group in groups:
        known.update(group.model_fields)
    return known
