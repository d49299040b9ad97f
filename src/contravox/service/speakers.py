"""Routes that tell and forget who is enrolled: ``/v1/speakers``."""

import asyncio
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from contravox.service.answers import Speakers
from contravox.service.guarding import BEARER, guarded
from contravox.service.refusals import REFUSALS
from contravox.service.service import TheService

router = APIRouter(
    prefix="/v1",
    route_class=guarded("administer"),
    responses=REFUSALS,
    dependencies=[Depends(BEARER)],
)


class Part(BaseModel):
    """Of all speakers, those that are asked for."""

    model_config = ConfigDict(extra="forbid")

    # PostgreSQL knows no text with a zero in it.
    after: str = Field(
        "", pattern=r"^[^\x00]*$", description="Only names that come after this one."
    )
    most: int = Field(100, ge=1, le=1000, description="How many to tell.")


@router.get("/speakers")
async def speakers(service: TheService, part: Annotated[Part, Query()]) -> Speakers:
    """Who is enrolled, by name."""
    found = await asyncio.to_thread(service.gallery.speakers, after=part.after, most=part.most + 1)
    told = tuple(found[: part.most])
    return Speakers(told, told[-1].name if len(found) > part.most else None)


@router.delete("/speakers/{name:path}", status_code=204)
async def delete(
    request: Request,
    service: TheService,
    name: Annotated[str, Path(description="Percent-encoded; slashes may stand as they are.")],
) -> None:
    """Forget a speaker: voiceprints and recordings are gone from the database's files too."""
    await asyncio.to_thread(partial(service.gallery.delete, name, by=request.state.by))
