"""Own words for the prompts: which files there may be, and the places that each must have."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from pathlib import Path

from pydantic import Field, model_validator

from humpback.config.base import Settings
from humpback.config.paths import FileName

SLOT = re.compile(r"\{\{([a-z]+)\}\}")
NAMES = ("additive", "backward", "expected-rating", "follow-up", "judge", "rating", "rewrite", "rubric", "yes-no")
"""The prompts that may be put in other words. Those of `forward` are the settings `tags`."""


@cache
def built_in(name: str) -> str:
    """The text of a prompt as it ships."""
    return (files("humpback") / "prompts" / f"{name}.txt").read_text(encoding="utf-8").strip()


class PromptSettings(Settings):
    """The words in which models are asked."""

    folder: FileName = ""
    """A folder with prompts in your own words, such as `rating.txt`; those that it lacks stay the built-in ones, which
    `humpback init FOLDER --prompts` writes."""
    texts: dict[str, str] = Field(default_factory=dict)
    """What that folder held, by the names of the prompts: read with the settings, and kept with the run instead."""

    @model_validator(mode="after")
    def _read(self) -> PromptSettings:
        texts = self.texts
        if self.folder:
            try:
                texts = {file.stem: file.read_text(encoding="utf-8").strip()
                         for file in sorted(Path(self.folder).iterdir()) if file.suffix == ".txt"}  # fmt: skip
            except (OSError, UnicodeDecodeError) as error:
                raise ValueError(f"{self.folder} cannot be read ({error})") from None
        if wrong := [mistake for name, text in texts.items() for mistake in _mistakes(name, text)]:
            raise ValueError("; ".join(wrong))
        return self.model_copy(update={"texts": texts, "folder": ""}) if self.folder else self


def _mistakes(name: str, text: str) -> list[str]:
    if name not in NAMES:
        return [f"{name}.txt is no prompt: there are {', '.join(NAMES)}"]
    # A rubric may stand in the prompt itself.
    slots, needed = set(SLOT.findall(text)) - {"rubric"}, set(SLOT.findall(built_in(name))) - {"rubric"}
    clauses = {"lacks": needed - slots, "has no place for": slots - needed}
    return [f"{name}.txt {does} {{{{{slot}}}}}" for does, names in clauses.items() for slot in sorted(names)]
