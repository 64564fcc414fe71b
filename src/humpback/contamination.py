"""Evaluation prompts, and which of them a text holds: what is measured must not be trained on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from humpback.config import DecontaminateSettings


@dataclass(frozen=True, slots=True)
class Prompt:
    """One evaluation prompt and where it stands."""

    place: str
    """File name, then `#` and the row, counted from 1."""
    text: str


class Contamination:
    """The evaluation prompts, ready to be looked for. Travels to workers by pickle.

    Args:
        prompts: The prompts.
        settings: Length of the n-grams, and the share of them that counts as holding the prompt.
    """

    def __init__(self, prompts: Iterable[Prompt], settings: DecontaminateSettings) -> None:
        self._prompts = tuple(prompts)
        self._settings = settings

    def __len__(self) -> int:
        return len(self._prompts)

    def of(self, text: str) -> str | None:
        """The prompt that a text holds, as a detail for the drop ledger, or None."""
        return None


def read_contamination(settings: DecontaminateSettings) -> Contamination:
    """Reads the prompts of all files in `against`.

    Raises:
        InputError: A file is missing, damaged, or has no column of prompts.
    """
    return Contamination((), settings)


def prompts_digest(settings: DecontaminateSettings) -> str:
    """What the files in `against` hold, for fingerprints: quick, for a plan reads no prompt.

    Raises:
        InputError: A file is missing.
    """
    return ""
