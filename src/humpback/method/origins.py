"""What the digests in recipes are of, in the user's words: a message about a stale stage shows no digest."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import shorten

from humpback.config import Config
from humpback.data_access.urls import public

_LONGEST = 100
"""Characters of a list of sources."""


def origins(config: Config) -> dict[str, str]:
    """The setting behind each digest, with its value, by the name that the digest has in recipes."""
    return {
        "seed.content": f"seed.source {public(config.seed.source)}",
        "corpus.content": f"corpus.documents {_listed(config.corpus.documents)}",
        "corpus.all_bytes": f"corpus.documents {_listed(config.corpus.documents)}",
        "decontaminate.content": f"decontaminate.against {_listed(config.decontaminate.against)}",
        "model.identity": f"model.name {config.model.name}",
    }


def _listed(sources: Sequence[str]) -> str:
    return shorten(", ".join(map(public, sources)), _LONGEST, placeholder=" ...")
