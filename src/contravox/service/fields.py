"""Fields that several forms have, described once."""

from typing import Annotated, Literal

from fastapi import File, Form, UploadFile

from contravox.inference.deciding import Prior

Speaker = Annotated[
    str, Form(description="A name: any script, at most 500 bytes. Quotes and slashes are allowed.")
]
Recording = Annotated[
    UploadFile,
    File(description="A file of audio of any format that libsndfile reads: WAV, FLAC, OGG, MP3."),
]
Threshold = Annotated[
    float | None,
    Form(allow_inf_nan=False, description="Decide at this score, not as the model or gallery do."),
]
PriorField = Annotated[
    float | None,
    Form(
        gt=0,
        lt=1,
        allow_inf_nan=False,
        description="How likely it is before listening; 0.5 by default. For what is calibrated.",
    ),
]
Cost = Annotated[
    float | None,
    Form(gt=0, le=1e6, allow_inf_nan=False, description="1 by default. For what is calibrated."),
]
Channel = Annotated[
    Literal["mean", "left", "right"],
    Form(description="Of recordings with several: their mean, or one of the first two."),
]
AllowUnfit = Annotated[
    bool, Form(description="Take recordings with too little speech too, with a warning.")
]


def prior_of(prior: float | None, miss: float | None, false_alarm: float | None) -> Prior | None:
    """What was stated of a prior and costs, or None."""
    if prior is None and miss is None and false_alarm is None:
        return None
    return Prior(
        0.5 if prior is None else prior,
        1.0 if miss is None else miss,
        1.0 if false_alarm is None else false_alarm,
    )
