"""The route that adds speakers and utterances: ``/v1/enrol``."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, File, Form, Request, UploadFile

from contravox.gallery.results import Enrolment
from contravox.service.fields import AllowUnfit, Channel, Speaker
from contravox.service.guarding import BEARER, guarded
from contravox.service.refusals import REFUSALS
from contravox.service.service import TheService
from contravox.service.uploads import recording_of

router = APIRouter(
    prefix="/v1", route_class=guarded("enrol"), responses=REFUSALS, dependencies=[Depends(BEARER)]
)


@router.post("/enrol", status_code=201)
async def enrol(
    request: Request,
    service: TheService,
    speaker: Speaker,
    recordings: Annotated[list[UploadFile], File(min_length=1)],
    allow_outliers: Annotated[
        bool, Form(description="Add what does not sound like the others too.")
    ] = False,
    channel: Channel = "mean",
    allow_unfit: AllowUnfit = False,
) -> Enrolment:
    """Add recordings to a speaker, who may be new: all of them, or none.

    What the same call added before is not added again.
    """
    heard = [
        await recording_of(each, f"recording {number}", service.limits)
        for number, each in enumerate(recordings, start=1)
    ]
    return await service.work(
        partial(
            service.gallery.enrol,
            speaker,
            heard,
            channel=channel,
            allow_outliers=allow_outliers,
            allow_unfit=allow_unfit,
            by=request.state.by,
        )
    )
