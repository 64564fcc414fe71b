"""What all groups of settings share."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[int, Field(gt=0)]

_PASSWORD = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/@]*:(?!\$\{\w+\}@)[^/@]+@")


def _without_password(source: str) -> str:
    """The settings are kept in the run folder and its cards; a password must not be."""
    if _PASSWORD.match(source):
        raise ValueError("a URL holds a password: set an environment variable and write ${NAME} in its place")
    return source


Source = Annotated[str, AfterValidator(_without_password)]
"""A file, a folder, a glob, a URL or a data set, as `data_access.sources` takes them."""


class Settings(BaseModel):
    """A group of settings."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    def contradictions(self) -> Iterator[str]:
        """What of these settings cannot hold together, each with the names of the settings."""
        yield from ()

    @model_validator(mode="after")
    def _hold_together(self) -> Self:
        if found := "; ".join(self.contradictions()):
            raise ValueError(found)
        return self
