"""What all groups of settings share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[int, Field(gt=0)]


class Settings(BaseModel):
    """A group of settings."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    def contradictions(self) -> Iterator[str]:
        """What of these settings cannot hold together, each with the names of the settings."""
        yield from ()

    @model_validator(mode="after")
    def _hold_together(self) -> Self:
        if contradictions := "; ".join(self.contradictions()):
            raise ValueError(contradictions)
        return self
