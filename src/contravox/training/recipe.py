"""What to train, on what, and how: one YAML file."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, PlainSerializer, model_validator

from contravox.augmentation.augmentation import AugmentationSettings
from contravox.augmentation.spec_augment import SpecAugmentSettings
from contravox.augmentation.speed import check_speeds
from contravox.data.sampling import RandomUtterancesSettings, SamplerSettings
from contravox.data.settings import DataSettings
from contravox.encoders import EncoderSettings
from contravox.features import FeatureSettings
from contravox.inference.default_model import DEFAULT_MODEL, told_of
from contravox.objectives import AnyObjectiveSettings
from contravox.objectives.balance import BalanceSettings
from contravox.settings import Count, Positive, Seed, Settings
from contravox.training.optimiser import OptimiserSettings
from contravox.training.schedule import MarginSchedule, ScheduleSettings
from contravox.training.settings_file import read_settings, to_yaml, validate_settings
from contravox.training.shipped import find_recipe

InitialModel = Annotated[
    Path,
    AfterValidator(lambda path: DEFAULT_MODEL if path == Path("default") else path),
    # In a recipe that is written it is this word again, wherever contravox is installed.
    PlainSerializer(told_of, return_type=str, when_used="json"),
]


class TrainingSettings(Settings):
    """How long, how fast, and when to stop."""

    epochs: Count = 30
    seed: Seed = 0
    optimiser: OptimiserSettings = OptimiserSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    margin_schedule: MarginSchedule | None = Field(
        None, description="margins grow from 0 to the objective's"
    )
    chunk_size: Count | None = Field(
        None,
        description="segments encoded at a time (GradCache): memory of one chunk, any batch",
    )
    sync_batchnorm: bool = Field(
        False, description="batch statistics over all processes; needs GPUs"
    )
    batchnorm: Literal["batch", "initial"] = Field(
        "batch",
        description="statistics of batch normalisation: each batch's, or those of initial_model, "
        "with which it goes on computing what it did",
    )
    gradient_clip: Positive | None = Field(None, description="largest norm of the gradient")
    precision: Literal["32-true", "16-mixed", "bf16-mixed"] = Field(
        "32-true", description="mixed: quicker where GPU or processor has instructions for it"
    )
    average: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="keep a moving average of the weights, of which a step leaves this share, such "
        "as 0.999: validated and saved in place of the last",
    )
    validate_every: Count = Field(1, description="epochs")
    patience: Count | None = Field(
        None, description="stop after so many validations without a better one"
    )
    initial_model: InitialModel | None = Field(
        None,
        description="model file whose encoder weights training starts from, MFA-Conformer's not "
        "of an exported one; default: the one that comes with contravox",
    )
    initial_objectives: Path | None = Field(
        None, description="objectives.safetensors of that run: class vectors, heads, scales"
    )
    initial_run: Path | None = Field(
        None, description="folder of a run that this one goes on from, its optimiser and all"
    )
    checkpoint_steps: Count = Field(1000, description="steps between checkpoints")

    @model_validator(mode="after")
    def _begins_and_ends(self) -> Self:
        schedule = self.schedule
        if schedule.name == "warmup_stable_decay" and schedule.decay_epochs > self.epochs:
            raise ValueError(
                f"schedule.decay_epochs is {schedule.decay_epochs} of only {self.epochs} epochs: "
                "lower it, or raise training.epochs"
            )
        if self.batchnorm == "initial" and not (self.initial_model or self.initial_run):
            raise ValueError(
                "batchnorm: initial keeps the statistics of a model: name it by initial_model"
            )
        if self.initial_run and (self.initial_model or self.initial_objectives):
            raise ValueError(
                "initial_run goes on with everything that a run has learned: leave initial_model "
                "and initial_objectives out"
            )
        return self


class Recipe(Settings):
    """Everything that decides what a training run learns."""

    data: DataSettings
    sampler: SamplerSettings = RandomUtterancesSettings()
    augmentation: AugmentationSettings | None = None
    features: FeatureSettings = FeatureSettings()
    spec_augment: SpecAugmentSettings | None = None
    encoder: EncoderSettings
    objectives: dict[str, AnyObjectiveSettings] = Field(min_length=1, max_length=100)
    balance: BalanceSettings = BalanceSettings()
    training: TrainingSettings = TrainingSettings()

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        # Once more when the corpus is read, but a mistake here need not wait for that.
        check_speeds(self.data.speeds)
        if not any(each.weight for each in self.objectives.values()):
            raise ValueError(
                "objectives: every weight is 0: set one above it, or nothing is learned"
            )
        if self.data.labels == "utterance" and self.sampler.utterances_per_speaker is not None:
            raise ValueError(
                "sampler.utterances_per_speaker: no speaker is known with data.labels=utterance: "
                "leave it out, or set sampler.corpus_shares"
            )
        self._check_positives()
        self._check_targets()
        if self.augmentation is not None:
            self.augmentation.check_views(self.sampler.segments)
        return self

    def _check_positives(self) -> None:
        """Raise ValueError where positives are sampled from what is known not to be them."""
        if getattr(self.sampler, "positives", None) is None:
            return
        if self.data.labels == "speaker":
            raise ValueError(
                "sampler.positives: with data.labels=speaker it is known which utterances are of "
                "one speaker: set sampler.name=speakers_utterances, or data.labels=utterance"
            )
        if self.data.speeds:
            raise ValueError(
                "sampler.positives: at another speed an utterance is another voice, which is no "
                "positive of this one: leave data.speeds out"
            )

    def _check_targets(self) -> None:
        """Raise ValueError where a teacher and who learns from it do not go together."""
        learns = [name for name, each in self.objectives.items() if each.needs_targets]
        if learns and not self.data.has_teacher:
            raise ValueError(
                f"objectives.{learns[0]}: learns from a teacher: set data.teacher to its model, or "
                "data.targets to its embeddings, as `contravox embed` writes them"
            )
        if self.data.teacher is None and self.data.teacher_hears == "recorded":
            raise ValueError(
                "data.teacher_hears: there is nobody who hears segments: set data.teacher to its "
                "model, or leave teacher_hears out"
            )
        if self.data.targets is not None and self.data.teacher is not None:
            raise ValueError(
                "data.targets: these are a teacher's embeddings, and data.teacher would make its "
                "own: leave one of them out"
            )
        if self.data.targets is not None and self.data.speeds:
            raise ValueError(
                "data.speeds: at another speed an utterance is another voice, of which "
                "data.targets says nothing: set data.teacher, who hears it, in its place"
            )

    @property
    def files(self) -> list[Path]:
        """Every file or folder that it names."""
        return list(_paths(self.model_dump()))

    @classmethod
    def read(cls, recipe: str | Path, overrides: Sequence[str] = ()) -> "Recipe":
        """Read a recipe file, or one that comes with contravox by its name.

        overrides: ``key=value`` with dots between levels, such as ``training.epochs=3``; values
        are YAML.

        Raises RecipeError in one line that names the key.
        """
        return read_settings(cls, find_recipe(recipe), overrides)

    @classmethod
    def validate_keys(cls, raw: dict[str, Any], name: str) -> "Recipe":
        """Validate a recipe's keys and values; ``name`` is for the message. Raises RecipeError."""
        return validate_settings(cls, raw, name)

    def to_yaml(self) -> str:
        """The whole recipe, defaults included, as YAML that ``read`` reads back."""
        return to_yaml(self)


def _paths(value: Any) -> Iterator[Path]:
    """The paths in settings, however deep."""
    if isinstance(value, Path):
        yield value
    elif isinstance(value, dict | tuple):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _paths(each)
