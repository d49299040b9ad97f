"""A checkpoint of another toolkit to a model of ours."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from contravox.errors import ModelError
from contravox.files.outputs import fingerprint
from contravox.inference.foreign_models.checkpoint import read_checkpoint
from contravox.inference.foreign_models.foreign_model import ForeignModel
from contravox.inference.foreign_models.front_end import with_front_end
from contravox.inference.foreign_models.recognition import recognise
from contravox.model import Model, ModelSettings


def convert_checkpoint(
    path: Path, source: str, front_end: Mapping[str, Any]
) -> tuple[Model, ForeignModel]:
    """A checkpoint as a model of ours, and what it was recognised as.

    source: what the model shall name as its origin. front_end: settings of features that replace
    those that the toolkit is known for.

    Raises ModelError, naming the file and the mend.
    """
    weights = read_checkpoint(path)
    try:
        known = recognise(weights)
        foreign = replace(known, features=with_front_end(known.features, front_end))
        foreign.check()
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error
    model = Model(
        ModelSettings(
            features=foreign.features,
            encoder=foreign.encoder,
            source=f"{source} ({foreign.origin}), {fingerprint(path)}",
        )
    )
    model.encoder.load_state_dict(foreign.weights)
    return model.eval(), foreign
