"""What instructions ask for: their root verb and its direct object (Wang et al. 2023, 'Self-Instruct', figure 3).

A spaCy pipeline that the user has installed, such as en_core_web_sm, parses the texts and decides the language. Texts
without such a structure (most questions) are counted, not forced into one.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from humpback.errors import ConfigError

_VERB = "VERB"
_OBJECTS = ("dobj", "obj")
_NOUNS = ("NOUN", "PROPN")
_BATCH = 128
_MOST_OBJECTS = 4
"""Objects of a verb that are named, the most common ones."""
_LONGEST = 2000
"""Characters of an instruction that are parsed: the request is near its beginning."""


class Token(Protocol):
    """The properties of a parsed word that are used here."""

    @property
    def pos_(self) -> str:
        """Part of speech, in the terms of Universal Dependencies."""
        ...

    @property
    def dep_(self) -> str:
        """Relation to its head."""
        ...

    @property
    def lemma_(self) -> str:
        """Dictionary form."""
        ...

    @property
    def children(self) -> Iterable[Token]:
        """The words that depend on it."""
        ...


@dataclass(frozen=True, slots=True)
class Requests:
    """The verb-noun structure of one set of instructions."""

    texts: int
    structured: int
    """Instructions with a root verb and a direct object."""
    verbs: int
    """Distinct root verbs among them."""
    pairs: int
    """Distinct pairs of verb and object."""
    entropy: float
    """Of the pairs, in bits."""
    top: tuple[tuple[str, int, tuple[tuple[str, int], ...]], ...]
    """The most common verbs, how often each, and its most common objects."""


def requests_of(instructions: Sequence[str], pipeline: str) -> Requests:
    """Parses instructions and counts what they ask for.

    Args:
        instructions: Texts in the pipeline's language.
        pipeline: Name or folder of a spaCy pipeline with a parser and a lemmatiser.

    Raises:
        ConfigError: spaCy or the pipeline is not installed, or it cannot parse.
    """
    return count_requests([verb_and_object(roots) for roots in _roots(instructions, pipeline)])


def verb_and_object(roots: Iterable[Token]) -> tuple[str, str] | None:
    """The first root that is a verb with a direct object, in lower case; None where there is none.

    Args:
        roots: The root of each sentence.
    """
    for root in roots:
        if root.pos_ != _VERB:
            continue
        for child in root.children:
            if child.dep_ in _OBJECTS and child.pos_ in _NOUNS:
                return root.lemma_.lower(), child.lemma_.lower()
    return None


def count_requests(parsed: Sequence[tuple[str, str] | None], *, verbs: int = 20) -> Requests:
    """Counts pairs of verb and object; equal counts are in alphabetical order."""
    pairs = Counter(item for item in parsed if item is not None)
    by_verb: Counter[str] = Counter()
    for (verb, _), count in pairs.items():
        by_verb[verb] += count
    total = by_verb.total()
    top = []
    for verb, count in sorted(by_verb.items(), key=lambda item: (-item[1], item[0]))[:verbs]:
        of_verb = [(noun, n) for (its_verb, noun), n in pairs.items() if its_verb == verb]
        top.append((verb, count, tuple(sorted(of_verb, key=lambda item: (-item[1], item[0]))[:_MOST_OBJECTS])))
    return Requests(
        texts=len(parsed),
        structured=total,
        verbs=len(by_verb),
        pairs=len(pairs),
        entropy=sum(n / total * math.log2(total / n) for n in pairs.values()),
        top=tuple(top),
    )


def requests_lines(name: str, requests: Requests) -> Iterator[str]:
    """The counts of one set as lines for people."""
    yield ""
    yield (
        f"{name}: {requests.structured} of {requests.texts} instructions are a verb with an object: "
        f"{requests.verbs} verbs, {requests.pairs} pairs, entropy of the pairs {requests.entropy:.2f} bits"
    )
    for verb, count, objects in requests.top:
        yield f"  {count:>5}  {verb}: " + ", ".join(f"{noun} {n}" for noun, n in objects)


def _roots(instructions: Sequence[str], pipeline: str) -> Iterator[list[Token]]:
    try:
        import spacy
    except ImportError:
        raise ConfigError("spaCy is not installed", "pip install 'humpback-align[verbs]'") from None
    try:
        parse = spacy.load(pipeline, exclude=["ner"])
    except (OSError, ValueError) as error:
        first = str(error).splitlines()[0]
        raise ConfigError(f"no spaCy pipeline {pipeline!r} ({first})",
                          f"python -m spacy download {pipeline}, or name another one") from None  # fmt: skip
    if missing := {"parser", "lemmatizer"} - set(parse.pipe_names):
        raise ConfigError(f"the spaCy pipeline {pipeline!r} has no {' and no '.join(sorted(missing))}",
                          "take a whole one, such as en_core_web_sm")  # fmt: skip
    for document in parse.pipe((text[:_LONGEST] for text in instructions), batch_size=_BATCH):
        yield [sentence.root for sentence in document.sents]
