"""What the tests of training share."""

from __future__ import annotations

from collections.abc import Iterable

from humpback.config import TagSettings
from humpback.models.template import Example, Template
from humpback.records import Direction, Dropped, Outcome, Pair
from humpback.training.examples import build_example


def build_examples(
    pairs: Iterable[Pair], direction: Direction, template: Template, tags: TagSettings, max_tokens: int
) -> Outcome[Example]:
    """Every pair rendered, or dropped."""
    results = [build_example(pair, direction, template, tags, max_tokens) for pair in pairs]
    examples = tuple(item for item in results if isinstance(item, Example))
    return Outcome(examples, tuple(item for item in results if isinstance(item, Dropped)), read=len(results))
