"""The one base of everything a recipe can set."""

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """A frozen group of settings that refuses keys it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)
