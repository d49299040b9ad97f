"""Routes that say who speaks: ``/v1/verify`` and ``/v1/identify``."""

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, File, Form, UploadFile

from contravox.gallery.results import Claim, Identification
from contravox.service.answers import Comparison
from contravox.service.fields import (
    AllowUnfit,
    Channel,
    Cost,
    PriorField,
    Recording,
    Speaker,
    Threshold,
    prior_of,
)
from contravox.service.guarding import BEARER, guarded
from contravox.service.refusals import REFUSALS, RefusedError
from contravox.service.service import TheService
from contravox.service.uploads import recording_of

router = APIRouter(
    prefix="/v1", route_class=guarded("verify"), responses=REFUSALS, dependencies=[Depends(BEARER)]
)


@router.post("/verify", response_model=Claim | Comparison)
async def verify(
    service: TheService,
    recording: Recording,
    speaker: Annotated[Speaker | None, Form()] = None,
    reference: Annotated[UploadFile | None, File()] = None,
    threshold: Threshold = None,
    prior: PriorField = None,
    miss_cost: Cost = None,
    false_alarm_cost: Cost = None,
    channel: Channel = "mean",
    allow_unfit: AllowUnfit = False,
) -> Any:
    """Is the recording of the speaker of that name, or of the one who speaks in the reference?

    A voice that is played back or made is not told from one that speaks: where that would do harm,
    let this not decide alone.
    """
    if (speaker is None) == (reference is None):
        raise RefusedError(422, "field", "give a speaker, or a reference: one of both")
    stated = prior_of(prior, miss_cost, false_alarm_cost)
    if threshold is not None and stated is not None:
        said = "a threshold decides by itself, prior and costs do by a calibration: give one"
        raise RefusedError(422, "field", said)
    heard = await recording_of(recording, "recording", service.limits)
    how: dict[str, Any] = {"threshold": threshold, "prior": stated}
    how |= {"channel": channel, "allow_unfit": allow_unfit}
    if speaker is not None:
        return await service.work(partial(service.gallery.verify_claim, speaker, heard, **how))
    assert reference is not None
    other = await recording_of(reference, "reference", service.limits)
    verified = await service.work(partial(service.gallery.verifier.verify, other, heard, **how))
    return verified.to_dict()


@router.post("/identify")
async def identify(
    service: TheService,
    recording: Recording,
    top: Annotated[int, Form(ge=1, le=1000, description="How many to tell.")] = 5,
    threshold: Threshold = None,
    prior: PriorField = None,
    channel: Channel = "mean",
    allow_unfit: AllowUnfit = False,
) -> Identification:
    """Whose recording is it, if it is of anybody enrolled?

    A voice that is played back or made is not told from one that speaks.
    """
    heard = await recording_of(recording, "recording", service.limits)
    return await service.work(
        partial(
            service.gallery.identify,
            heard,
            top=top,
            threshold=threshold,
            known=prior,
            channel=channel,
            allow_unfit=allow_unfit,
        )
    )
