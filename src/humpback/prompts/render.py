"""Turns the prompt texts beside this file into conversations.

A template is a text file with slots, `{{name}}`. The template's own words and each piece of content become separate
`Part`s, so that what comes from documents and users is tokenised alone, as plain text. Content stands between tags that
carry a number where the content itself holds such a tag: it cannot close its own fence, and it is never altered.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import cache
from itertools import cycle
from typing import get_args

from humpback.config import TagSettings
from humpback.config.prompts import SLOT, PromptSettings, built_in
from humpback.records import Direction, Origin, Pair, PromptName, content_id
from humpback.requests import LikelihoodRequest, Message, Part, Role, Span

EXPECTED_RATING_PREFIX = "Score: "
"""How the assistant's turn begins where the grade is read from the likelihoods of `GRADES`."""

GRADES = ("1", "2", "3", "4", "5")
"""The continuations of `EXPECTED_RATING_PREFIX`."""

YES_NO_PREFIX = "Good: "
"""How the assistant's turn begins where the likelihoods of `YES_NO` are read."""

YES_NO = ("Yes", "No")
"""The continuations of `YES_NO_PREFIX`."""

CRITERIA = ("Relevant", "Complete", "Clean", "Clear", "Expert")
"""What the additive prompt asks for, in its order."""

# Raised when this code changes what a conversation looks like while the text files stay the same.
_RENDERER_VERSION = "1"
_own_texts: Mapping[str, str] = {}
_TAG = re.compile(r"<\s*/?\s*(?:text|instruction|response)(?:\s*-\s*(\d{1,9}))?", re.IGNORECASE)
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")


def backward_messages(response: str, examples: Iterable[Pair] = ()) -> tuple[Message, ...]:
    """Asks for the instruction that a text answers: the prompt of M_yx (paper, section 2.2).

    Args:
        response: The text.
        examples: Pairs that are shown first, each as a question and its answer; they are never cut.
    """
    example_messages: list[Message] = []
    for pair in examples:
        example_messages += _conversation("backward", {"response": Part(pair.response)}, fence(pair.response))
        example_messages.append(Message("assistant", (Part(pair.instruction),)))
    return *example_messages, *_conversation("backward", {"response": Part(response, cut=True)}, fence(response))


def forward_messages(instruction: str, tags: TagSettings, origins: Iterable[Origin]) -> tuple[Message, ...]:
    """The prompt of M_t: the instruction, then the tag of each origin (paper, section 2.2).

    Args:
        instruction: What the user asks, unaltered.
        tags: The sentences; where they are disabled the prompt is the instruction alone.
        origins: In training the pair's own origin, at inference both. S_a always comes first.
    """
    shown_origins = set(origins)
    sentences = {"seed": tags.seed, "augmented": tags.augmented} if tags.enabled else {}
    tail = " ".join(sentence for origin, sentence in sentences.items() if origin in shown_origins and sentence)
    if not tail:
        return (Message("user", (Part(instruction),)),)
    return _conversation("forward", {"instruction": Part(instruction), "tags": Part(tail)})


def pair_messages(
    pair: Pair, direction: Direction, tags: TagSettings, *, to_last_answer: bool = False
) -> tuple[Message, ...]:
    """The prompt of a pair, whether it is trained on or measured; forwards it carries the tag of the pair's origin.

    With `to_last_answer` it has all turns before the last answer, else those before the response.
    """
    if direction == "backward":
        return backward_messages(pair.response)
    messages: tuple[Message, ...] = ()
    for role, text in pair_turns(pair)[: -1 if to_last_answer else -1 - len(pair.later)]:
        messages += forward_messages(text, tags, (pair.origin,)) if role == "user" else (Message(role, (Part(text),)),)
    return messages


def pair_turns(pair: Pair) -> list[tuple[Role, str]]:
    """Role and text of each turn of a pair's conversation, the words of the system apart from the instruction."""
    question = pair.instruction.removeprefix(f"{pair.system}\n\n") if pair.system else pair.instruction
    roles: tuple[Role, ...] = ("user", "assistant")
    turns = list(zip(cycle(roles), (question, pair.response, *pair.later), strict=False))
    return [("system", pair.system), *turns] if pair.system else turns


def answer_request(record_id: str, instruction: str, response: str, tags: TagSettings) -> LikelihoodRequest:
    """How likely is a response as the model's own answer to an instruction? The first span of the answer says it.

    The instruction carries S_a alone, as M_0 has seen it. A response that is too long to be read is cut.
    """
    question = forward_messages(instruction, tags, ("seed",))
    # The response is the part behind those of the question.
    part = sum(len(message.parts) for message in question)
    messages = (*question, Message("assistant", (Part(response, cut=True),)))
    return LikelihoodRequest(record_id, messages, (), spans=(Span(part),))


def rating_messages(instruction: str, response: str) -> tuple[Message, ...]:
    """Asks for reasons and then a score on a last line (paper, section 2.3). The rubric is a prefix shared by all."""
    return _prompt_of_pair("rating", instruction, response)


def expected_rating_messages(instruction: str, response: str) -> tuple[Message, ...]:
    """Asks for the grade alone, to be read from the likelihoods of `GRADES` after `EXPECTED_RATING_PREFIX`."""
    return _prompt_of_pair("expected-rating", instruction, response)


def yes_no_messages(instruction: str, response: str) -> tuple[Message, ...]:
    """Asks whether the response is good, to be read from the likelihoods of `YES_NO` after `YES_NO_PREFIX`."""
    return _prompt_of_pair("yes-no", instruction, response)


def additive_messages(instruction: str, response: str) -> tuple[Message, ...]:
    """Asks five questions about the response: a line for each of `CRITERIA`, with 'Yes' or 'No'."""
    return _prompt_of_pair("additive", instruction, response)


def follow_up_messages() -> tuple[Message, ...]:
    """The turn behind a reply that asks for its grade, to be read from the likelihoods of `GRADES`."""
    return _conversation("follow-up", {})


def judge_messages(instruction: str, first: str, second: str) -> tuple[Message, ...]:
    """Asks which of two replies is better: for reasons, and then a verdict on a last line.

    Neither reply may be cut: the judge would compare a part of one with the whole of the other.
    """
    content = {"instruction": Part(instruction), "first": Part(first), "second": Part(second)}
    return _conversation("judge", content, fence(instruction, first, second))


def rewrite_messages(instruction: str, response: str) -> tuple[Message, ...]:
    """Asks for a reply to an instruction, from a response as its only source, which may not be cut."""
    content = {"instruction": Part(instruction), "response": Part(response)}
    return _conversation("rewrite", content, fence(instruction, response))


def use_texts(texts: Mapping[str, str]) -> None:
    """Asks in these words from now on, in this process; a prompt that has none is asked in the built-in ones."""
    global _own_texts
    _own_texts = texts


def template_text(name: PromptName, texts: Mapping[str, str] | None = None) -> str:
    """The text of a template, its rubric filled in and its other slots left open; with own texts or those in use."""
    own_texts = _own_texts if texts is None else texts
    return str(own_texts.get(name, built_in(name))).replace("{{rubric}}", own_texts.get("rubric", built_in("rubric")))


def ending(name: PromptName) -> str:
    """The template's own words behind its last slot: how every prompt of this kind ends ('' for forward)."""
    piece, is_slot = _pieces(name)[-1]
    return "" if is_slot else piece


def prompt_digest(*names: PromptName, settings: PromptSettings | None = None) -> str:
    """A digest of these prompts, or of all, for the fingerprint of a stage; with own texts or those in use."""
    selected, texts = names or get_args(PromptName), settings.texts if settings else None
    return content_id(_RENDERER_VERSION, *(part for name in selected for part in (name, template_text(name, texts))))


def fence(*contents: str) -> str:
    """A suffix for the names of the tags, such that no content holds a tag of that name: '' or '-2', '-3', ...

    Compatibility forms of the brackets and invisible characters do not hide a tag.
    """
    used: set[int] = set()
    for content in contents:
        plain = content if content.isascii() else _INVISIBLE.sub("", unicodedata.normalize("NFKC", content))
        used.update(int(match[1] or 1) for match in _TAG.finditer(plain))
    number = 1
    while number in used:
        number += 1
    return "" if number == 1 else f"-{number}"


def _prompt_of_pair(name: PromptName, instruction: str, response: str) -> tuple[Message, ...]:
    content = {"instruction": Part(instruction), "response": Part(response, cut=True)}
    return _conversation(name, content, fence(instruction, response))


def _conversation(name: PromptName, content: Mapping[str, Part], suffix: str = "") -> tuple[Message, ...]:
    parts: list[Part] = []
    # The template's own words up to the next slot: one part, so that they are tokenised together.
    words = ""
    for piece, is_slot in _pieces(name):
        if not is_slot:
            words += piece
        elif piece == "fence":
            words += suffix
        else:
            parts += [Part(words), content[piece]] if words else [content[piece]]
            words = ""
    return (Message("user", (*parts, Part(words)) if words else tuple(parts)),)


def _pieces(name: PromptName) -> tuple[tuple[str, bool], ...]:
    return _split(template_text(name))


@cache
def _split(text: str) -> tuple[tuple[str, bool], ...]:
    # The pattern has one group, so that every second piece is the name of a slot.
    return tuple((piece, index % 2 == 1) for index, piece in enumerate(SLOT.split(text)) if piece)
