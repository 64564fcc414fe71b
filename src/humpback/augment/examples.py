"""Seed pairs that a writer sees which was not trained to write instructions: backtranslation in context."""

from __future__ import annotations

from collections.abc import Sequence

from humpback.config import ExampleSettings
from humpback.errors import InputError
from humpback.records import Pair, Segment, record_rng_seed
from humpback.text.likeness import words


class Examples:
    """Chooses the pairs that are shown with each segment.

    Args:
        pairs: The seed pairs that are not held out.
        settings: How many, and which.
        rng_seed: The run's seed.

    Raises:
        InputError: Too few pairs are short enough.
    """

    def __init__(self, pairs: Sequence[Pair], settings: ExampleSettings, rng_seed: int) -> None:
        short = [pair for pair in pairs if pair.stands_alone and len(pair.response) <= settings.max_chars]
        if len(short) < settings.count:
            raise InputError(
                f"{settings.count} examples are to be shown, and {len(short)} seed pairs are short enough",
                "lower augment.examples.count, or raise augment.examples.max_chars",
            )
        self._settings = settings
        self._rng_seed = rng_seed
        self._pairs = sorted(short, key=lambda pair: record_rng_seed(rng_seed, "examples", pair.id))
        self._words = [set(words(pair.response)) for pair in self._pairs] if settings.by == "likeness" else []

    def of(self, segment: Segment) -> tuple[Pair, ...]:
        """The pairs shown with a segment, the most like it last; the same whatever else is in its shard."""
        count = self._settings.count
        if self._settings.by == "likeness":
            segment_words = set(words(segment.text))
            shares = [
                len(segment_words & pair_words) / max(1, len(segment_words | pair_words)) for pair_words in self._words
            ]
            best = sorted(range(len(shares)), key=lambda index: -shares[index])[:count]
            return tuple(self._pairs[index] for index in reversed(best))
        sets = min(self._settings.sets, len(self._pairs) // count)
        start = count * (record_rng_seed(self._rng_seed, "examples", segment.id) % sets)
        return tuple(self._pairs[start : start + count])
