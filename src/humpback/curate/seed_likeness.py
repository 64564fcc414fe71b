"""The scorer `seed-likeness`: how much a model's hidden states of a pair are like those of the seed's own pairs. Ours.

0 is the mean of the candidates, 1 that of the seed's own pairs.
"""

from __future__ import annotations

from collections.abc import Sequence

from humpback.curate.hidden_states import Looked
from humpback.engines.base import Engine
from humpback.likeness.measuring import Sampled, by_hidden_states
from humpback.records import Outcome, SeedDirection

_TOKENS = 128
"""Tokens of a pair that are read: the instruction, and how the response begins."""


def find_pair_direction(
    pairs: Sequence[Sampled], candidates: Sequence[Sampled], engine: Engine
) -> Outcome[SeedDirection]:
    """The direction from the candidates to the seed's own pairs.

    Args:
        pairs: Seed pairs as texts (`pair_text`), in random order.
        candidates: The same of a sample of the candidates.
        engine: The model that rates.

    Raises:
        StageError: There are too few of either.
    """
    return by_hidden_states(pairs, candidates, engine, _TOKENS)


def pair_text(instruction: str, response: str) -> str:
    """A pair as one plain text, without the template of a conversation."""
    return f"{instruction}\n\n{response}"


LOOKED = Looked(lambda one: pair_text(one.instruction, one.response), _TOKENS, lambda one: one.id)
