"""Which generations are usable instructions: what surrounds one is taken off, and what is wrong with it is named."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from itertools import pairwise

from humpback.config import AugmentSettings
from humpback.prompts import template_text

NGRAM = 5
"""Words that are compared at a time with the response, and with the prompt."""

COPY_MIN_WORDS = 8
"""A shorter instruction may well consist of words of its response ('How do I install the package?')."""

COPIED_BEGINNING_MIN_WORDS = 4
"""From here on an instruction that is the very beginning of its response, and no question, is a copy."""

REPEATS = 3
"""An instruction that says the same four words this often repeats itself."""

SCRIPT_MIN_LETTERS = 8
"""Letters that it takes to say which script a text is in."""

_LOOKED_AT = 200
"""Characters of the response whose script is identified."""
_WRITTEN_TOGETHER = {"HIRAGANA": "CJK", "KATAKANA": "CJK"}

# A word, or one character of a script that puts no spaces between words.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\W_\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+")
_LABEL = re.compile(r"^[*_#\s]*(?:instruction|request|question|prompt)[*_\s]*:[*_\s]*", re.IGNORECASE)
_QUOTES = (('"', '"'), ("'", "'"), ("“", "”"), ("‘", "’"), ("«", "»"), ("「", "」"), ("`", "`"))
_FENCE = re.compile(r"</?\s*(?:text|instruction|response)(?:-\d+)?\s*>", re.IGNORECASE)
_NO_ANSWER = re.compile(r"\W*(?:n/?a|none|null|nothing|not applicable|no (?:instruction|request|question))\W*", re.I)
_HELP = r"(?:assist|comply|provide|generate|fulfil+|answer|respond|continue|help (?:you|with)|do that)\b"
_UNABLE = r"(?:can(?:no|')?t|can ?not|am (?:not able|unable) to|'m (?:not able|unable) to|won't|will not)"
_REFUSAL = re.compile(
    rf"(?:(?:i am|i'm)?[ ,]*(?:very |so )?(?:sorry|apologi[sz]e|afraid)\b[^.!?\n]{{0,40}}\bi *{_UNABLE}\b"
    rf"|(?:unfortunately,? )?i *{_UNABLE} {_HELP}(?!.*\?\s*$)"
    r"|as an? (?:ai|artificial intelligence|large language|language)(?: language)?(?: model| assistant)?,? i\b)",
    re.IGNORECASE | re.DOTALL,
)
_STUTTER = re.compile(r"([^\W\d_])\1{9}")


def clean(text: str) -> str:
    """Takes off what surrounds an instruction: white space, a label such as 'Instruction:', one pair of quotes."""
    while True:
        before = text
        text = _LABEL.sub("", text.strip(), count=1).strip()
        for opening, closing in _QUOTES:
            inner = text[1:-1]
            if len(text) > 1 and text[0] == opening and text[-1] == closing and not {opening, closing} & set(inner):
                text = inner.strip()
        if text == before:
            return text


def validate(instruction: str, response: str, settings: AugmentSettings) -> str | None:
    """Why an instruction cannot be used, or None where it can.

    Args:
        instruction: A cleaned generation.
        response: The segment it was written for.
        settings: The limits.

    Returns:
        The first reason of `CHECKS` that holds: a fixed phrase, to be counted.
    """
    for reason, holds in CHECKS:
        if holds(instruction, response, settings):
            return reason
    return None


def _is_empty(instruction: str, response: str, settings: AugmentSettings) -> bool:
    return not instruction.strip()


def _echoes_prompt(instruction: str, response: str, settings: AugmentSettings) -> bool:
    prompt = _prompt_words()
    words = _words(instruction)
    return bool(_FENCE.search(instruction)) or any(_stands_in(gram, prompt) for gram in _ngrams(words, NGRAM))


def _copies_response(instruction: str, response: str, settings: AugmentSettings) -> bool:
    words = _words(instruction)
    if len(words) < COPIED_BEGINNING_MIN_WORDS:
        return False
    text = f" {' '.join(_words(response))} "
    if text.startswith(f" {' '.join(words)} ") and not instruction.rstrip().endswith(("?", "？")):
        return True
    if len(words) < COPY_MIN_WORDS:
        return False
    grams = _ngrams(words, NGRAM)
    return sum(_stands_in(gram, text) for gram in grams) > settings.max_overlap * len(grams)


def _is_too_short(instruction: str, response: str, settings: AugmentSettings) -> bool:
    return len(instruction) < settings.min_chars


def _is_too_long(instruction: str, response: str, settings: AugmentSettings) -> bool:
    return len(instruction) > settings.max_chars


def _refuses(instruction: str, response: str, settings: AugmentSettings) -> bool:
    return bool(_REFUSAL.match(instruction.replace("’", "'").strip()))


def _repeats_itself(instruction: str, response: str, settings: AugmentSettings) -> bool:
    grams = _ngrams(_words(instruction), 4)
    lines = [line for line in map(str.strip, instruction.splitlines()) if line]
    return (
        any(grams.count(gram) >= REPEATS for gram in set(grams))
        or any(line == following for line, following in pairwise(lines))
        or bool(_STUTTER.search(instruction))
    )


def _is_no_instruction(instruction: str, response: str, settings: AugmentSettings) -> bool:
    letters = sum(map(str.isalpha, instruction))
    return letters < 3 or bool(_NO_ANSWER.fullmatch(instruction))


def _is_in_another_script(instruction: str, response: str, settings: AugmentSettings) -> bool:
    ours, theirs = _script(instruction), _script(response[:_LOOKED_AT])
    return bool(ours and theirs) and ours != theirs


def _script(text: str) -> str:
    """The script that most letters of a text are in; empty where there are too few to say.

    Telling languages apart takes more text than an instruction has; telling scripts apart does not.
    """
    letters = [character for character in text if character.isalpha()]
    if len(letters) < SCRIPT_MIN_LETTERS:
        return ""
    plain = sum(character < "\u0250" for character in letters)
    if plain > len(letters) / 2:
        return "LATIN"
    names = Counter(unicodedata.name(character, "?").partition(" ")[0] for character in letters)
    name = names.most_common(1)[0][0]
    return _WRITTEN_TOGETHER.get(name, name)


CHECKS: tuple[tuple[str, Callable[[str, str, AugmentSettings], bool]], ...] = (
    ("empty", _is_empty),
    ("echo of the prompt", _echoes_prompt),
    ("copy of the response", _copies_response),
    ("too short", _is_too_short),
    ("too long", _is_too_long),
    ("refusal", _refuses),
    ("repeats itself", _repeats_itself),
    ("not an instruction", _is_no_instruction),
    ("another script", _is_in_another_script),
)
"""What is wrong with an instruction, in the order in which it is looked for."""


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def _ngrams(words: Sequence[str], n: int) -> list[str]:
    return [" ".join(words[i : i + n]) for i in range(len(words) - n + 1)]


def _stands_in(gram: str, text: str) -> bool:
    return f" {gram} " in text


@cache
def _prompt_words() -> str:
    return f" {' '.join(_words(template_text('backward')))} "
